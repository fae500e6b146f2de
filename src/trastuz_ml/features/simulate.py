"""Simulate a cohort with known truth: seeded calls and a roster, for tests, the demo and power questions.

Nothing here is a patient. Rates and shapes follow TransNEO (Sammut et al. 2022, Nature 601:623, 168 breast
cancers sequenced before neoadjuvant treatment); the effects on the response are planted.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from scipy.optimize import brentq
from scipy.special import expit, logit

from trastuz_ml import schema
from trastuz_ml.calls.effects import effect_of_maf_class
from trastuz_ml.calls.write_maf import whole_file, write_maf
from trastuz_ml.calls.write_vcf import write_vcf
from trastuz_ml.errors import InputError, OutputExistsError

Integers = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

FEWEST_PATIENTS, MOST_PATIENTS = 12, 100_000
BUILD = "GRCh37"  # TransNEO's build, in which the places of the named genes are given

# ------------------------------------------------------------------------------------- rates from TransNEO
# Share of patients; ER-negative patients have the higher burden, more TP53 and the better response.
_ER_POSITIVE = 116 / 168
_HER2_POSITIVE = {"ER+": 51 / 116, "ER-": 14 / 52}
_GRADE_3 = {"ER+": 63 / 116, "ER-": 40 / 52}
_GRADE_1 = 0.05  # of the others; TransNEO has none, a general clinic has a few
_T_STAGE = {"T1": 0.08, "T2": 0.62, "T3": 0.25, "T4": 0.05}
_LN_POSITIVE = 87 / 168
_AGE_MEAN, _AGE_SD, _AGE_RANGE = 50.5, 11.2, (20, 85)
# Not in TransNEO: three centres of unequal size, without influence.
_CENTRE = {"north": 0.5, "south": 0.3, "west": 0.2}

# Nonsilent calls a patient: mean and standard deviation of the natural logarithm, by ER status. Over all
# patients TransNEO has a median of 40, a log mean of 3.66 and a log standard deviation of 0.77; the spread
# here is wider because the drivers, which come on top, narrow it.
_LOG_BURDEN = {"ER+": 3.58, "ER-": 3.82}
_LOG_BURDEN_SD = 0.80

# Log-odds of pCR in TransNEO for ER-positive and HER2-positive (logistic regression on both, 162 patients).
COVARIATE_EFFECTS: dict[str, float] = {"er_status": -1.57, "her2_status": 0.86, "burden": 0.0}
# Planted, not real: no TransNEO patient has a nonsilent call in ANKRD44.
PLANTED_EFFECTS: dict[str, float] = {"ANKRD44": -2.0}
PLANTED_TRUNCATIONS: dict[str, float] = {"ANKRD44": 0.15}


class _Word(NamedTuple):
    """A MAF class: rows in TransNEO, and the shares of them that are deletions and insertions."""

    name: str
    rows: int
    deletions: float = 0.0
    insertions: float = 0.0


# Targeted_Region and IGR (13 rows) are left out: they belong to no gene.
_WORDS = (
    _Word("Missense_Mutation", 7140),
    _Word("Nonsense_Mutation", 490),
    _Word("Frame_Shift_Del", 384, deletions=1.0),
    _Word("Splice_Site", 211, deletions=0.23),
    _Word("Frame_Shift_Ins", 141, insertions=1.0),
    _Word("In_Frame_Del", 120, deletions=1.0),
    _Word("In_Frame_Ins", 23, insertions=1.0),
    _Word("Translation_Start_Site", 9),
    _Word("Nonstop_Mutation", 6),
    _Word("Silent", 2554),
    _Word("Intron", 4141, 0.06, 0.02),
    _Word("3'UTR", 267, 0.06, 0.02),
    _Word("5'UTR", 258, 0.07, 0.02),
    _Word("5'Flank", 140, 0.13, 0.01),
    _Word("RNA", 139, 0.08, 0.01),
    _Word("3'Flank", 98, 0.04, 0.01),
)
_WORD = {word.name: at for at, word in enumerate(_WORDS)}
_EFFECTS = [effect_of_maf_class(word.name) for word in _WORDS]
_NONSILENT = np.array([effect in schema.NONSILENT for effect in _EFFECTS])
_ROWS = np.array([word.rows for word in _WORDS], dtype=float)
_TRUNCATING_WORDS = ["Nonsense_Mutation", "Frame_Shift_Del", "Frame_Shift_Ins", "Splice_Site"]


class _Gene(NamedTuple):
    """Facts of a named gene: place in GRCh37 (to the kilobase) and residues of its longest protein."""

    name: str
    chrom: str
    start_kb: int
    span_kb: int
    residues: int


_NAMED = tuple(
    _Gene(*facts)
    for facts in (
        ("TTN", "2", 179390, 282, 35991), ("MUC16", "19", 8959, 133, 14507),
        ("OBSCN", "1", 228395, 171, 8923), ("SYNE1", "6", 152442, 517, 8797),
        ("NEB", "2", 152341, 250, 8560), ("AHNAK", "11", 62201, 114, 5890),
        ("AHNAK2", "14", 105403, 42, 5795), ("HMCN1", "1", 185703, 458, 5635),
        ("KMT2D", "12", 49412, 42, 5537), ("MACF1", "1", 39546, 407, 5430),
        ("USH2A", "1", 215796, 801, 5202), ("DST", "6", 56322, 498, 5171), ("PCLO", "7", 82383, 410, 5142),
        ("RYR1", "19", 38924, 155, 5038), ("FAT4", "4", 126237, 177, 4981), ("RYR2", "1", 237205, 793, 4967),
        ("KMT2C", "7", 151832, 302, 4911), ("RYR3", "15", 33603, 556, 4870),
        ("LRP2", "2", 169983, 237, 4655), ("DNAH5", "5", 13690, 255, 4624),
        ("LRP1B", "2", 140988, 1902, 4599), ("FAT1", "4", 187508, 140, 4588), ("APOB", "2", 21224, 43, 4563),
        ("FAT3", "11", 92085, 545, 4557), ("DNAH11", "7", 21582, 360, 4523),
        ("MUC17", "7", 100663, 40, 4493), ("FLG", "1", 152274, 24, 4061), ("CSMD3", "8", 113235, 1215, 3707),
        ("ZFHX4", "8", 77593, 187, 3616), ("CSMD1", "8", 2792, 2061, 3564),
        ("XIRP2", "2", 167744, 373, 3549), ("ATM", "11", 108093, 147, 3056),
        ("SPTA1", "1", 158580, 77, 2419), ("BRCA2", "13", 32889, 85, 3418), ("NF1", "17", 29421, 288, 2839),
        ("NCOR1", "17", 15932, 187, 2440), ("ARID1A", "1", 27022, 87, 2285),
        ("BRCA1", "17", 41196, 82, 1884), ("MAP3K1", "5", 56110, 82, 1512), ("ERBB3", "12", 56473, 25, 1342),
        ("SF3B1", "2", 198254, 46, 1304), ("ERBB2", "17", 37844, 43, 1255),
        ("PIK3CA", "3", 178865, 93, 1068), ("ANKRD44", "2", 197831, 345, 993),
        ("RB1", "13", 48877, 180, 928), ("CDH1", "16", 68771, 99, 882), ("TBX3", "12", 115108, 14, 743),
        ("ESR1", "6", 151977, 474, 595), ("AKT1", "14", 105235, 28, 480), ("RUNX1", "21", 36160, 262, 480),
        ("FOXA1", "14", 38059, 11, 472), ("GATA3", "10", 8095, 23, 444), ("PTEN", "10", 89622, 110, 403),
        ("MAP2K4", "17", 11924, 124, 399), ("TP53", "17", 7565, 26, 393), ("CBFB", "16", 67063, 73, 187),
    )
)  # fmt: skip


class _Driver(NamedTuple):
    """A gene hit more often than its length explains: planted prevalences and share truncating."""

    gene: str
    er_positive: float
    er_negative: float
    truncating: float


# Share of distinct carriers of a nonsilent call among the 116 ER-positive and 52 ER-negative patients of
# TransNEO (Sammut et al. 2022). The background comes on top, by length: 0.2 % for TP53, 1.3 % for NF1.
_DRIVERS = (
    _Driver("TP53", 0.44, 0.87, 0.39), _Driver("PIK3CA", 0.31, 0.15, 0.0), _Driver("GATA3", 0.14, 0.0, 0.88),
    _Driver("MAP3K1", 0.086, 0.058, 0.89), _Driver("PTEN", 0.034, 0.096, 0.78),
    _Driver("CBFB", 0.069, 0.0, 0.38), _Driver("NF1", 0.034, 0.058, 0.5),
    _Driver("NCOR1", 0.034, 0.019, 0.8), _Driver("CDH1", 0.034, 0.0, 1.0), _Driver("RB1", 0.034, 0.0, 1.0),
    _Driver("MAP2K4", 0.034, 0.0, 0.75), _Driver("TBX3", 0.026, 0.019, 0.75),
    _Driver("ESR1", 0.026, 0.019, 0.25), _Driver("AKT1", 0.017, 0.019, 0.0),
    _Driver("RUNX1", 0.017, 0.019, 1.0), _Driver("ERBB2", 0.009, 0.019, 0.0),
)  # fmt: skip

# ------------------------------------------------------------------------------------- shape of the genome
# Length of the chromosomes in megabases, rounded down (GRCh37).
_MEGABASES = {
    "1": 249, "2": 243, "3": 198, "4": 191, "5": 180, "6": 171, "7": 159, "8": 146, "9": 141, "10": 135,
    "11": 135, "12": 133, "13": 115, "14": 107, "15": 102, "16": 90, "17": 81, "18": 78, "19": 59, "20": 63,
    "21": 48, "22": 51, "X": 155,
}  # fmt: skip
_CHROMOSOMES = list(_MEGABASES)
_FEWEST_GENES, _MOST_GENES = 200, 40_000
# Residues of all human proteins: mean and standard deviation of the natural logarithm (18,251 proteins).
_LOG_RESIDUES, _LOG_RESIDUES_SD, _RESIDUES_RANGE = 6.107, 0.727, (60, 4000)
_UNIVERSE_SEED = 44  # genes without a name are the same genes in every simulated cohort
_EXON = 150  # coding bases of every exon
_WIDEST_PITCH = 3000  # from the start of an exon to the start of the next
_LONGEST_INDEL = 12

_PATIENTS_A_BLOCK = 4096  # patients simulated at a time, which bounds the memory
_DEPTH_MEDIAN, _DEPTH_LOG_SD, _DEPTH_LEAST = 96, 0.64, 10
_VAF_BETA = (2.0, 8.5)  # mean 0.19, standard deviation 0.12
_FEWEST_READS = 3

_BASES = np.frombuffer(b"ACGT", dtype=np.uint8)
# The simulated genome is rich in C and G, where three quarters of TransNEO's substitutions fall.
_BASE_OF_HASH = np.repeat(np.arange(4), [9, 23, 23, 9])
# Cumulative probability of the three other bases, in alphabetical order, for A, C, G and T.
_SUBSTITUTED = np.array([[0.21, 0.71, 1.0], [0.20, 0.46, 1.0], [0.54, 0.80, 1.0], [0.29, 0.79, 1.0]])
_RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
_NO_VERDICT = 0.08  # missense calls without SIFT and PolyPhen in TransNEO


@dataclass(frozen=True)
class _Universe:
    """The genes, as parallel arrays."""

    names: list[str]
    chrom: Integers
    start: Integers
    residues: Integers
    pitch: Integers
    exons: Integers

    @functools.cached_property
    def cumulative(self) -> Numbers:
        """Cumulative share of the coding length: where background calls fall."""
        return np.asarray(np.cumsum(self.residues) / self.residues.sum())

    def locate(self, gene: Integers, number: Integers) -> Integers:
        """Return the place of a coding base on its chromosome: exons of equal length at equal distance."""
        return self.start[gene] + (number - 1) // _EXON * self.pitch[gene] + (number - 1) % _EXON

    @functools.cached_property
    def index(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.names)}


@dataclass(frozen=True, eq=False)
class SimulatedCohort:
    """A cohort of invented patients, and the truth from which it was drawn.

    Attributes
    ----------
    calls : pandas.DataFrame
        The calls table (:data:`trastuz_ml.schema.CALLS`), alleles as in MAF (``-`` for an empty one).
    roster : pandas.DataFrame
        One row a patient: ``patient``, ``response`` (pCR or RD), ``age`` (years), ``t_stage``,
        ``ln_status``, ``er_status``, ``her2_status`` (POS or NEG), ``grade`` (1 to 3), ``centre``.
    truth : pandas.DataFrame
        One row a planted feature: ``feature``, ``kind`` (gene, covariate or burden), ``planted`` (share of
        patients given a call on top of the background, or with the covariate positive), ``prevalence``
        (share of these patients that carry it) and ``log_odds`` of pCR.
    seed : int
        The seed of everything above.
    intercept : float
        Log-odds of pCR of a patient with every feature at zero.
    """

    calls: pd.DataFrame
    roster: pd.DataFrame
    truth: pd.DataFrame
    seed: int
    intercept: float

    @property
    def notice(self) -> str:
        """The line that every written file carries."""
        return (
            f"SIMULATED by trastuz_ml, seed {self.seed}, {len(self.roster)} patients: no patient is real, "
            "and the effects on the response are planted."
        )

    def write(self, folder: str | Path, *, formats: Sequence[str] = ("maf",), force: bool = False) -> list[Path]:
        """Write the cohort to a folder as files; each appears complete or not at all.

        Parameters
        ----------
        folder : path
            Receives ``calls.maf`` ("maf"), ``vcf/PATIENT.vcf`` ("vcf"), ``roster.tsv``, ``truth.tsv`` and
            ``README.txt``. The two tables are plain, so that any program reads them: their column
            ``source`` says that they are simulated.
        formats : sequence of {"maf", "vcf"}
            How to write the calls.
        force : bool
            Replace files that are already there.

        Returns
        -------
        list of pathlib.Path
            The files written.

        Raises
        ------
        InputError
            If a format is not known.
        OutputExistsError
            If an output is already there and ``force`` is false.

        Examples
        --------
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     [path.name for path in simulate_cohort(12).write(folder)]
        ['calls.maf', 'roster.tsv', 'truth.tsv', 'README.txt']
        """
        folder = Path(folder)
        unknown = sorted(set(formats) - {"maf", "vcf"})
        if unknown or not formats:
            raise InputError(f"Expected the formats maf, vcf or both; found {', '.join(unknown) or 'none'}.")
        _require_free(folder, formats, force=force)
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        if "maf" in formats:
            write_maf(self.calls, folder / "calls.maf", comment=self.notice, build=BUILD)
            written.append(folder / "calls.maf")
        if "vcf" in formats:
            written += self._write_vcfs(folder / "vcf")
        for name, table in (("roster.tsv", self.roster), ("truth.tsv", self.truth)):
            marked = table.assign(source=f"SIMULATED, seed {self.seed}")
            text = marked.to_csv(sep="\t", index=False, lineterminator="\n")
            written.append(_write_text(folder / name, text))
        written.append(_write_text(folder / "README.txt", self._readme()))
        return written

    def _write_vcfs(self, folder: Path) -> list[Path]:
        folder.mkdir(exist_ok=True)
        by_patient = dict(iter(self.calls.groupby("patient")))
        nothing = self.calls.iloc[:0]
        paths = []
        for patient in self.roster["patient"]:
            paths.append(folder / f"{patient}.vcf")
            write_vcf(
                by_patient.get(patient, nothing), paths[-1], patient=patient, comment=self.notice
            )  # fmt: skip
        return paths

    def _readme(self) -> str:
        planted = self.truth[self.truth["log_odds"] != 0]
        effects = ", ".join(f"{row.feature} {row.log_odds:+g}" for row in planted.itertuples())
        return (
            f"{self.notice}\n\n"
            "calls.maf, vcf/   somatic calls; places are GRCh37-like, the sequence is invented\n"
            "roster.tsv        one line a patient: response and what was known before treatment\n"
            "truth.tsv         what was planted: prevalences, and log-odds of pCR\n\n"
            f"Planted log-odds of pCR: {effects or 'none'}.\n"
            "Genes named G00001 and so on do not exist. Rates follow Sammut et al. 2022, Nature 601:623.\n"
        )


def simulate_cohort(
    patients: int = 160,
    seed: int = 2019,
    *,
    effects: Mapping[str, float] | None = None,
    response_rate: float = 0.35,
    truncations: Mapping[str, float] | None = None,
    genes: int = 18_500,
) -> SimulatedCohort:
    """Simulate sequenced patients with calls, covariates and a response that depends on both.

    The truncations of ANKRD44 are planted, not real: no patient of TransNEO has one.

    Parameters
    ----------
    patients : int
        How many, 12 to 100,000. The median patient has about 75 calls, 40 of them nonsilent.
    seed : int
        The same seed gives the same cohort, byte for byte.
    effects : mapping of feature to log-odds, optional
        Log-odds of pCR. A gene's effect applies to carriers of any nonsilent call; genes not named have
        none. ``er_status`` and ``her2_status`` (positive against negative) and ``burden`` (for each
        doubling of the nonsilent calls) keep :data:`COVARIATE_EFFECTS` unless named.
        Default: :data:`PLANTED_EFFECTS`, ``{"ANKRD44": -2.0}``.
    response_rate : float
        Expected share of pCR, between 0 and 1; the intercept is solved for it. The responses are drawn, so
        a small cohort can come out otherwise.
    truncations : mapping of gene to share of patients, optional
        Patients given a truncating call on top of the background.
        Default: :data:`PLANTED_TRUNCATIONS`, ``{"ANKRD44": 0.15}``.
    genes : int
        Size of the exome, 200 to 40,000 genes; those without a real name are called G00001 and so on.

    Returns
    -------
    SimulatedCohort

    Raises
    ------
    InputError
        If a number is out of its range, or a gene is not in the simulated exome.

    Examples
    --------
    >>> cohort = simulate_cohort(60, seed=7, effects={"TP53": 1.0})
    >>> len(cohort.roster), sorted(cohort.roster["response"].unique())
    (60, ['RD', 'pCR'])
    >>> cohort.truth.set_index("feature").loc["TP53", "log_odds"]
    np.float64(1.0)
    """
    _refuse_numbers(patients, seed, response_rate, genes)
    universe = _universe(genes)
    truncations = dict(PLANTED_TRUNCATIONS if truncations is None else truncations)
    log_odds = COVARIATE_EFFECTS | dict(PLANTED_EFFECTS if effects is None else effects)
    _refuse_features(log_odds, truncations, universe)
    for_roster, for_response, for_calls = np.random.SeedSequence(seed).spawn(3)

    roster = _draw_roster(np.random.default_rng(for_roster), patients)
    er_positive = (roster["er_status"] == "POS").to_numpy()
    followed = _followed_genes(log_odds, truncations)
    blocks = [
        _draw_block(np.random.default_rng(s), first, er_positive, truncations, universe, followed)
        for s, first in _starts(for_calls, patients)
    ]
    calls = pa.concat_tables([block.calls for block in blocks]).to_pandas()
    carriers = pd.DataFrame(np.concatenate([block.carriers for block in blocks]), columns=followed)
    burden = np.concatenate([block.burden for block in blocks])

    score = _score(roster, carriers, burden, log_odds)
    intercept = _solve_intercept(score, response_rate)
    responding = np.random.default_rng(for_response).random(patients) < expit(intercept + score)
    roster.insert(1, "response", pd.Series(np.where(responding, "pCR", "RD"), dtype="str"))
    truth = _tell_truth(roster, carriers, log_odds, truncations)
    return SimulatedCohort(schema.conform(calls, schema.CALLS), roster, truth, seed, intercept)


def _refuse_numbers(patients: int, seed: int, response_rate: float, genes: int) -> None:
    if not FEWEST_PATIENTS <= patients <= MOST_PATIENTS:
        raise InputError(
            f"A simulated cohort has {FEWEST_PATIENTS} to {MOST_PATIENTS:,} patients, not {patients:,}."
        )
    if seed < 0:
        raise InputError(f"A seed is a whole number from 0, not {seed}.")
    if not 0 < response_rate < 1:
        raise InputError(f"The response rate lies between 0 and 1, both excluded, not at {response_rate}.")
    if not _FEWEST_GENES <= genes <= _MOST_GENES:
        raise InputError(f"A simulated exome has {_FEWEST_GENES} to {_MOST_GENES:,} genes, not {genes:,}.")


def _refuse_features(log_odds: Mapping[str, float], truncations: Mapping[str, float], universe: _Universe) -> None:
    for name in [*log_odds, *truncations]:
        if name not in universe.index and (name in truncations or name not in COVARIATE_EFFECTS):
            raise InputError(
                f"There is no gene {name} in the simulated exome; it has {len(_NAMED)} named genes "
                f"(TP53, ANKRD44, TTN, ...) and G00001 to {universe.names[-1]}. Covariates with an effect: "
                f"{', '.join(COVARIATE_EFFECTS)}."
            )
    for name, value in log_odds.items():
        if not math.isfinite(value):
            raise InputError(f"The log-odds of {name} must be a finite number, not {value}.")
    for name, share in truncations.items():
        if not 0 <= share <= 1:
            raise InputError(f"The share of patients with {name} truncated lies in 0 to 1, not at {share}.")


# ---------------------------------------------------------------------------------------------- the genes
@functools.lru_cache(maxsize=4)
def _universe(genes: int) -> _Universe:
    rng = np.random.default_rng(_UNIVERSE_SEED)
    unnamed = genes - len(_NAMED)
    drawn = np.rint(rng.lognormal(_LOG_RESIDUES, _LOG_RESIDUES_SD, unnamed)).astype(np.int64)
    chrom, start, slot = _free_places(unnamed)
    residues = np.concatenate([[gene.residues for gene in _NAMED], drawn.clip(*_RESIDUES_RANGE)])
    span = np.concatenate([[gene.span_kb * 1000 for gene in _NAMED], np.full(unnamed, slot)])
    exons = -(-(3 * residues + 3) // _EXON)
    return _Universe(
        names=[gene.name for gene in _NAMED] + [f"G{at:05d}" for at in range(1, unnamed + 1)],
        chrom=np.concatenate([[_CHROMOSOMES.index(gene.chrom) for gene in _NAMED], chrom]),
        start=np.concatenate([[gene.start_kb * 1000 for gene in _NAMED], start]),
        residues=residues,
        pitch=np.minimum(span // exons, _WIDEST_PITCH),
        exons=exons,
    )


def _free_places(wanted: int) -> tuple[Integers, Integers, int]:
    """Return chromosome and start of evenly spread places that no named gene occupies, and their width."""
    taken_mb = sum(gene.span_kb for gene in _NAMED) / 1000
    # Each chromosome end and each edge of a named gene wastes up to one place.
    width = int((sum(_MEGABASES.values()) - taken_mb) * 1e6 / (wanted + 2 * len(_NAMED) + 2 * len(_MEGABASES)))
    chrom = np.repeat(np.arange(len(_CHROMOSOMES)), [mb * 1_000_000 // width - 1 for mb in _MEGABASES.values()])
    start = np.concatenate([np.arange(1, (chrom == at).sum() + 1) * width for at in range(len(_CHROMOSOMES))])
    free = np.ones(len(chrom), dtype=bool)
    for gene in _NAMED:
        here = chrom == _CHROMOSOMES.index(gene.chrom)
        low, high = gene.start_kb * 1000 - width, (gene.start_kb + gene.span_kb) * 1000
        free &= ~(here & (start > low) & (start < high))
    places = np.flatnonzero(free)[:wanted]
    # The last tenth of a place stays empty: neighbouring genes and their flanks never meet.
    return chrom[places], start[places], width * 9 // 10


# ------------------------------------------------------------------------------------ patients and response
def _draw_roster(rng: np.random.Generator, patients: int) -> pd.DataFrame:
    er_positive = rng.random(patients) < _ER_POSITIVE
    her2 = rng.random(patients) < _by_er(er_positive, _HER2_POSITIVE)
    high_grade = rng.random(patients) < _by_er(er_positive, _GRADE_3)
    low_grade = rng.random(patients) < _GRADE_1
    age = np.rint(rng.normal(_AGE_MEAN, _AGE_SD, patients)).clip(*_AGE_RANGE).astype(np.int64)
    columns = {
        "patient": [f"SIM{at:06d}" for at in range(1, patients + 1)],
        "age": age,
        "t_stage": rng.choice(list(_T_STAGE), patients, p=list(_T_STAGE.values())),
        "ln_status": np.where(rng.random(patients) < _LN_POSITIVE, "POS", "NEG"),
        "er_status": np.where(er_positive, "POS", "NEG"),
        "her2_status": np.where(her2, "POS", "NEG"),
        "grade": np.where(high_grade, 3, np.where(low_grade, 1, 2)),
        "centre": rng.choice(list(_CENTRE), patients, p=list(_CENTRE.values())),
    }
    texts = ["patient", "t_stage", "ln_status", "er_status", "her2_status", "centre"]
    return pd.DataFrame(columns).astype(dict.fromkeys(texts, "str"))


def _by_er(er_positive: Flags, rates: Mapping[str, float]) -> Numbers:
    return np.where(er_positive, rates["ER+"], rates["ER-"])


def _followed_genes(log_odds: Mapping[str, float], truncations: Mapping[str, float]) -> list[str]:
    """Return the genes whose carriers the truth table counts, each once."""
    named = [driver.gene for driver in _DRIVERS]
    return list(dict.fromkeys([*truncations, *(n for n in log_odds if n not in COVARIATE_EFFECTS), *named]))


def _score(
    roster: pd.DataFrame, carriers: pd.DataFrame, burden: Integers, log_odds: Mapping[str, float]
) -> Numbers:
    """Return each patient's log-odds of pCR, without the intercept."""
    score = log_odds["burden"] * np.log2(np.maximum(burden, 1))
    for name in ("er_status", "her2_status"):
        score = score + log_odds[name] * (roster[name] == "POS").to_numpy()
    for gene in carriers:
        score = score + log_odds.get(gene, 0.0) * carriers[gene].to_numpy()
    return np.asarray(score)


def _solve_intercept(score: Numbers, response_rate: float) -> float:
    def excess(intercept: float) -> float:
        return float(expit(intercept + score).mean() - response_rate)

    lowest, highest = logit(response_rate) - score.max() - 1, logit(response_rate) - score.min() + 1
    return float(brentq(excess, lowest, highest))


def _tell_truth(
    roster: pd.DataFrame,
    carriers: pd.DataFrame,
    log_odds: Mapping[str, float],
    truncations: Mapping[str, float],
) -> pd.DataFrame:
    planted = {
        driver.gene: _ER_POSITIVE * driver.er_positive + (1 - _ER_POSITIVE) * driver.er_negative
        for driver in _DRIVERS
    }
    rows: list[tuple[str, str, float, float, float]] = []
    for gene in carriers:
        # Two sources of calls in one gene are independent.
        share = 1 - (1 - planted.get(gene, 0.0)) * (1 - truncations.get(gene, 0.0))
        rows.append((gene, schema.GENE, round(share, 4), carriers[gene].mean(), log_odds.get(gene, 0.0)))
    her2 = _ER_POSITIVE * _HER2_POSITIVE["ER+"] + (1 - _ER_POSITIVE) * _HER2_POSITIVE["ER-"]
    for name, share in (("er_status", _ER_POSITIVE), ("her2_status", her2)):
        rows.append((name, schema.COVARIATE, round(share, 4), (roster[name] == "POS").mean(), log_odds[name]))
    rows.append(("burden", schema.BURDEN, math.nan, math.nan, log_odds["burden"]))
    return pd.DataFrame(rows, columns=["feature", "kind", "planted", "prevalence", "log_odds"])


# ---------------------------------------------------------------------------------------------- the calls
@dataclass(frozen=True, eq=False)
class _Block:
    """What was drawn for some patients in a row: calls, carriers of the followed genes, nonsilent calls."""

    calls: pa.Table
    carriers: Flags
    burden: Integers


@dataclass(frozen=True, eq=False)
class _Places:
    """Where calls lie and how long they are, as parallel arrays.

    ``number`` is the HGVS position (a coding base; in an intron the last coding base before it; in a UTR the
    distance to the coding sequence), ``offset`` the bases into an intron, ``pos`` the place on the
    chromosome of the first changed base (of the base before an insertion).
    """

    codon: Integers
    number: Integers
    offset: Integers
    pos: Integers
    deleted: Integers
    inserted: Integers


def _starts(seeds: np.random.SeedSequence, patients: int) -> Iterator[tuple[np.random.SeedSequence, int]]:
    firsts = range(0, patients, _PATIENTS_A_BLOCK)
    return zip(seeds.spawn(len(firsts)), firsts, strict=True)


def _draw_block(
    rng: np.random.Generator,
    first: int,
    er_positive: Flags,
    truncations: Mapping[str, float],
    universe: _Universe,
    followed: Sequence[str],
) -> _Block:
    er_positive = er_positive[first : first + _PATIENTS_A_BLOCK]
    planted = _draw_planted(rng, er_positive, truncations, universe)
    background = _draw_background(rng, er_positive, universe)
    patient, gene, word = (np.concatenate(pair) for pair in zip(planted, background, strict=True))
    places = _draw_places(rng, gene, word, universe)
    kept = _first_of_each_place(patient, universe.chrom[gene], places.pos)
    patient, gene, word = patient[kept], gene[kept], word[kept]
    places = _Places(**{name: values[kept] for name, values in vars(places).items()})

    nonsilent = _NONSILENT[word]
    column = np.full(len(universe.names), -1)
    column[[universe.index[name] for name in followed]] = np.arange(len(followed))
    marked = nonsilent & (column[gene] >= 0)
    carriers = np.zeros((len(er_positive), len(followed)), dtype=bool)
    carriers[patient[marked], column[gene[marked]]] = True
    burden = np.bincount(patient[nonsilent], minlength=len(er_positive))
    return _Block(_describe(rng, first + patient, gene, word, places, universe), carriers, burden)


def _draw_planted(
    rng: np.random.Generator, er_positive: Flags, truncations: Mapping[str, float], universe: _Universe
) -> tuple[Integers, Integers, Integers]:
    """Draw at most one call a patient in each driver and each planted gene."""
    drivers = [*_DRIVERS, *(_Driver(gene, share, share, 1.0) for gene, share in truncations.items())]
    in_positive, in_negative = (np.array([d[at] for d in drivers]) for at in (1, 2))
    prevalence = np.where(er_positive[:, None], in_positive, in_negative)
    patient, driver = np.nonzero(rng.random(prevalence.shape) < prevalence)
    gene = np.array([universe.index[d.gene] for d in drivers])[driver]
    truncating = rng.random(len(driver)) < np.array([d.truncating for d in drivers])[driver]
    words = _draw_words(rng, len(driver), np.isin([w.name for w in _WORDS], _TRUNCATING_WORDS))
    return patient, gene, np.where(truncating, words, _WORD["Missense_Mutation"])


def _draw_background(
    rng: np.random.Generator, er_positive: Flags, universe: _Universe
) -> tuple[Integers, Integers, Integers]:
    """Draw each patient's burden, and spread it over the genes in proportion to their length."""
    nonsilent = np.rint(rng.lognormal(_by_er(er_positive, _LOG_BURDEN), _LOG_BURDEN_SD)).astype(np.int64)
    others = rng.poisson(nonsilent * (_ROWS[~_NONSILENT].sum() / _ROWS[_NONSILENT].sum()))
    each = np.arange(len(er_positive))
    patient = np.concatenate([np.repeat(each, nonsilent), np.repeat(each, others)])
    gene = np.searchsorted(universe.cumulative, rng.random(len(patient)), side="right")
    words = [
        _draw_words(rng, nonsilent.sum(), _NONSILENT),
        _draw_words(rng, others.sum(), ~_NONSILENT),
    ]
    return patient, gene, np.concatenate(words)


def _draw_words(rng: np.random.Generator, size: int, among: Flags) -> Integers:
    rows = np.where(among, _ROWS, 0.0)
    return np.searchsorted(np.cumsum(rows / rows.sum()), rng.random(size), side="right")


def _is(word: Integers, *names: str) -> Flags:
    return np.isin(word, [_WORD[name] for name in names])


def _draw_places(rng: np.random.Generator, gene: Integers, word: Integers, universe: _Universe) -> _Places:
    deleted, inserted = _draw_lengths(rng, word)
    codon = _draw_codons(rng, word, universe.residues[gene], indel=deleted + inserted > 0)
    number = 3 * codon - 2 + _draw_phases(rng, word)
    offset = np.zeros_like(number)
    exon = np.minimum((codon - 1) // (_EXON // 3), universe.exons[gene] - 2)

    spliced = _is(word, "Splice_Site")
    intronic = _is(word, "Intron")
    number = np.where(spliced | intronic, (exon + 1) * _EXON, number)
    codon = np.where(spliced, number // 3, codon)
    offset = np.where(spliced, np.where(deleted > 0, 1, rng.integers(1, 3, len(word))), offset)
    offset = np.where(intronic, rng.geometric(0.03, len(word)).clip(3, 100), offset)
    inside = universe.locate(gene, number)

    outside = rng.geometric(0.02, len(word)).clip(_LONGEST_INDEL + 1, 250)
    start, end = universe.start[gene], universe.locate(gene, 3 * universe.residues[gene] + 3)
    pos = np.select(
        [_is(word, "5'UTR"), _is(word, "3'UTR"), _is(word, "5'Flank"), _is(word, "3'Flank")],
        [start - outside, end + outside, start - 300 - outside, end + 300 + outside],
        inside + offset,
    )  # fmt: skip
    number = np.where(_is(word, "5'UTR"), -outside, np.where(_is(word, "3'UTR"), outside, number))
    return _Places(codon, number, offset, pos, deleted, inserted)


def _draw_lengths(rng: np.random.Generator, word: Integers) -> tuple[Integers, Integers]:
    """Draw how many bases each call deletes and inserts; a substitution does neither."""
    quarter = rng.geometric(0.45, len(word)).clip(1, _LONGEST_INDEL // 3)
    shifted = 3 * (quarter - 1) + rng.integers(1, 3, len(word))
    length = np.where(_is(word, "Frame_Shift_Del", "Frame_Shift_Ins"), shifted, quarter)
    length = np.where(_is(word, "In_Frame_Del", "In_Frame_Ins"), 3 * quarter, length)
    deletions, insertions = (np.array([w[at] for w in _WORDS])[word] for at in (2, 3))
    kind = rng.random(len(word))
    deleted = kind < deletions
    inserted = ~deleted & (kind < deletions + insertions)
    return np.where(deleted, length, 0), np.where(inserted, length, 0)


def _draw_codons(rng: np.random.Generator, word: Integers, residues: Integers, *, indel: Flags) -> Integers:
    """Draw the codon of each call, so that a place of the genome has one consequence in every patient."""
    codon = 2 + (rng.random(len(word)) * (residues - 5)).astype(np.int64)
    # One codon in sixteen is kept for nonsense; see _draw_phases for silent and missense.
    codon = np.where(_is(word, "Missense_Mutation") & (codon % 16 == 0), codon - 1, codon)
    codon = np.where(_is(word, "Nonsense_Mutation"), np.maximum(codon // 16 * 16, 16), codon)
    # An indel ends in the exon where it began.
    codon = np.where(indel, codon - np.maximum((codon - 1) % (_EXON // 3) - 45, 0), codon)
    codon = np.where(_is(word, "Translation_Start_Site"), 1, codon)
    return np.where(_is(word, "Nonstop_Mutation"), residues + 1, codon)


def _draw_phases(rng: np.random.Generator, word: Integers) -> Integers:
    phase = rng.integers(0, 3, len(word))
    phase = np.where(_is(word, "Missense_Mutation"), phase % 2, phase)
    phase = np.where(_is(word, "Silent"), 2, phase)
    return np.where(
        _is(word, "Nonsense_Mutation", "In_Frame_Del"), 0, np.where(_is(word, "In_Frame_Ins"), 2, phase)
    )


def _first_of_each_place(patient: Integers, chrom: Integers, pos: Integers) -> Integers:
    """Return the rows to keep, sorted: one call a place; planted ones come first and win."""
    key = (patient << 34) | (chrom << 29) | pos
    return np.asarray(np.unique(key, return_index=True)[1])


# ------------------------------------------------------------------------------------- the words of a call
def _describe(
    rng: np.random.Generator,
    patient: Integers,
    gene: Integers,
    word: Integers,
    places: _Places,
    universe: _Universe,
) -> pa.Table:
    """Put the calls into words: a table with the columns of the calls table."""
    chrom = universe.chrom[gene]
    ref, alt = _draw_alleles(rng, chrom, places)
    depth, vaf = _draw_reads(rng, len(word))
    first = (
        _texts([f"SIM{at:06d}" for at in range(patient[0] + 1, patient[-1] + 2)]) if len(patient) else _texts([])
    )
    sift, polyphen = _verdicts(word, chrom, places.pos, alt)
    columns = {
        "patient": first.take(pa.array(patient - patient[:1].sum())),
        "gene": _texts(universe.names).take(pa.array(gene)),
        "effect": _texts(_EFFECTS).take(pa.array(word)),
        "consequence": _texts([w.name for w in _WORDS]).take(pa.array(word)),
        "chrom": _texts(_CHROMOSOMES).take(pa.array(chrom)),
        "pos": pa.array(places.pos),
        "ref": ref,
        "alt": alt,
        "vaf": pa.array(vaf),
        "depth": pa.array(depth),
        "filter": _texts(["PASS"]).take(pa.array(np.zeros_like(gene))),
        "hgvsc": _coding_changes(word, places, ref, alt),
        "hgvsp": _protein_changes(word, gene, places, alt, universe),
        "sift": sift,
        "polyphen": polyphen,
    }
    return pa.table(columns)


def _texts(values: Collection[str]) -> Any:
    return pa.array(list(values), type=pa.large_string())


def _joined(*parts: Any) -> Any:
    texts = [pa.scalar(p, pa.large_string()) if isinstance(p, str) else p.cast(pa.large_string()) for p in parts]
    return pc.binary_join_element_wise(*texts, pa.scalar("", pa.large_string()))


def _hash(*keys: Integers) -> npt.NDArray[np.uint64]:
    """Mix integers into 64 evenly spread bits: the same keys always give the same invented sequence."""
    mixed = np.zeros(1, dtype=np.uint64)
    for key in keys:
        # The finalizer of SplitMix64 (Steele, Lea & Flood 2014, figure 19).
        mixed = mixed + key.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def _reference(chrom: Integers, pos: Integers) -> Integers:
    """Return the base of the invented genome at each place, as an index into ACGT."""
    return np.asarray(_BASE_OF_HASH[(_hash(chrom, pos) & np.uint64(63)).astype(np.int64)])


def _draw_alleles(rng: np.random.Generator, chrom: Integers, places: _Places) -> tuple[Any, Any]:
    base = _reference(chrom, places.pos)
    other = (rng.random((len(base), 1)) > _SUBSTITUTED[base]).sum(axis=1)
    substituted = other + (other >= base)
    ref = np.zeros((len(base), _LONGEST_INDEL), dtype=np.uint8)
    alt = np.zeros_like(ref)
    ref[:, 0] = np.where(places.inserted > 0, ord("-"), _BASES[base])
    alt[:, 0] = np.where(places.deleted > 0, ord("-"), _BASES[substituted])
    for at in range(_LONGEST_INDEL):
        rows = np.flatnonzero(places.deleted > at)
        ref[rows, at] = _BASES[_reference(chrom[rows], places.pos[rows] + at)]
        rows = np.flatnonzero(places.inserted > at)
        alt[rows, at] = rng.choice(_BASES, len(rows))
    return _sequences(ref), _sequences(alt)


def _sequences(letters: npt.NDArray[np.uint8]) -> Any:
    width = letters.shape[1]
    return pa.array(letters.view(f"S{width}").ravel(), pa.binary()).cast(pa.string()).cast(pa.large_string())


def _draw_reads(rng: np.random.Generator, size: int) -> tuple[Integers, Numbers]:
    depth = np.rint(rng.lognormal(math.log(_DEPTH_MEDIAN), _DEPTH_LOG_SD, size)).astype(np.int64)
    depth = np.maximum(depth, _DEPTH_LEAST)
    # Fewer reads than this and no caller would have reported it.
    reads = np.maximum(rng.binomial(depth, rng.beta(*_VAF_BETA, size)), _FEWEST_READS)
    return depth, reads / depth


def _verdicts(word: Integers, chrom: Integers, pos: Integers, alt: Any) -> tuple[Any, Any]:
    """Return SIFT's and PolyPhen's word and score of each missense call, fixed for a variant."""
    sift_words = [f"{'deleterious' if s <= 5 else 'tolerated'}({s / 100:g})" for s in range(101)]
    polyphen_words = [
        f"{'benign' if s <= 445 else 'possibly_damaging' if s <= 908 else 'probably_damaging'}({s / 1000:g})"
        for s in range(1001)
    ]
    letter = pc.binary_length(alt).to_numpy(zero_copy_only=False) + _first_letters(alt)
    bits = _hash(chrom, pos, letter)
    worse, own, mixed, absent = (((bits >> np.uint64(s)) & np.uint64(0xFFFF)) / 65536 for s in (0, 16, 32, 48))
    # 57 % deleterious; PolyPhen agrees with SIFT's rank in two of three, and is drawn alone in the third.
    sift = np.where(worse < 0.57, worse / 0.57 * 6, 6 + (worse - 0.57) / 0.43 * 95).astype(np.int64)
    rank = np.where(mixed < 2 / 3, 1 - worse, own)
    polyphen = (np.interp(rank, [0, 0.44, 0.64, 1], [0, 0.446, 0.909, 1.0]) * 1000).astype(np.int64)
    none = ~_is(word, "Missense_Mutation") | (absent < _NO_VERDICT)
    return (
        _texts(sift_words).take(pa.array(sift, mask=none)),
        _texts(polyphen_words).take(pa.array(polyphen, mask=none)),
    )


def _first_letters(alleles: Any) -> Integers:
    firsts = pc.utf8_slice_codeunits(alleles, 0, 1)
    return np.asarray(
        pc.index_in(firsts, value_set=_texts("-ACGT")).to_numpy(zero_copy_only=False), dtype=np.int64
    )


def _coding_changes(word: Integers, places: _Places, ref: Any, alt: Any) -> Any:
    """Return HGVS coding changes, as c.12A>G, c.12+1_12+3del or c.*5_*6insT; none outside the transcript."""
    length = np.where(places.inserted > 0, 2, np.maximum(places.deleted, 1))
    star = np.where(_is(word, "3'UTR"), 1, 0)
    kind = _texts(["c.", "n."]).take(pa.array(np.where(_is(word, "RNA"), 1, 0)))
    change = np.where(places.deleted > 0, 1, np.where(places.inserted > 0, 2, 0))
    first = _location(places, star, 0)
    last = pc.if_else(pa.array(length > 1), _joined("_", _location(places, star, length - 1)), "")
    substituted, inserted = _joined(ref, ">", alt), _joined("ins", alt)
    tail = pc.choose(pa.array(change), substituted, pa.scalar("del", pa.large_string()), inserted)
    whole = _joined(kind, first, last, tail)
    return pc.if_else(pa.array(_is(word, "5'Flank", "3'Flank")), pa.scalar(None, pa.large_string()), whole)


def _location(places: _Places, star: Integers, further: Integers | int) -> Any:
    intronic = places.offset > 0
    number = pa.array(places.number + np.where(intronic, 0, further))
    into = pc.if_else(pa.array(intronic), _joined("+", pa.array(places.offset + further)), "")
    return _joined(_texts(["", "*"]).take(pa.array(star)), number, into)


def _residue(gene: Integers, codon: Integers) -> Integers:
    """Return the residue of the invented protein, as an index into the twenty."""
    return (_hash(gene, codon) % np.uint64(20)).astype(np.int64)


def _protein_changes(word: Integers, gene: Integers, places: _Places, alt: Any, universe: _Universe) -> Any:
    """Return short HGVS protein changes, as p.A12V, p.A12Vfs*7 or p.X12_splice; none outside the protein."""
    residue = _residue(gene, places.codon)
    new = (residue + 1 + _hash(gene, places.codon, places.number, _first_letters(alt)) % np.uint64(19)) % 20
    run = 1 + (_hash(gene, places.codon, places.deleted, places.inserted) % np.uint64(40)).astype(np.int64)
    letters = _texts(_RESIDUES)
    substituted = letters.take(pa.array(new.astype(np.int64)))
    shift = _is(word, "Frame_Shift_Del", "Frame_Shift_Ins")
    inframe = _is(word, "In_Frame_Del", "In_Frame_Ins")
    fixed = {"Silent": "=", "Nonsense_Mutation": "*", "Splice_Site": "_splice", "Translation_Start_Site": "?"}
    tail = pc.if_else(pa.array(_is(word, "Missense_Mutation")), substituted, pa.scalar(None, pa.large_string()))
    for name, text in fixed.items():
        tail = pc.if_else(pa.array(_is(word, name)), text, tail)
    tail = pc.if_else(pa.array(shift), _joined(substituted, "fs*", pa.array(run)), tail)
    tail = pc.if_else(pa.array(_is(word, "Nonstop_Mutation")), _joined(substituted, "ext*", pa.array(run)), tail)
    tail = pc.replace_with_mask(tail, pa.array(inframe), _inframe_tails(gene, places, inframe))
    head = letters.take(pa.array(residue))
    for name, text in (("Splice_Site", "X"), ("Translation_Start_Site", "M"), ("Nonstop_Mutation", "*")):
        head = pc.if_else(pa.array(_is(word, name)), text, head)
    return _joined("p.", head, pa.array(places.codon), tail)


def _inframe_tails(gene: Integers, places: _Places, inframe: Flags) -> Any:
    """Return what follows the first residue in the few in-frame calls: del, _V14del or _V13insGS."""
    rows = np.flatnonzero(inframe)
    lost, gained = places.deleted[rows] // 3, places.inserted[rows] // 3
    last = places.codon[rows] + np.where(gained > 0, 1, lost - 1)
    residue = _residue(gene[rows], last)
    added = [_residue(gene[rows], last * 4096 + at) for at in range(1, _LONGEST_INDEL // 3 + 1)]
    tails = []
    for at in range(len(rows)):
        until = f"_{_RESIDUES[residue[at]]}{last[at]}" if gained[at] or lost[at] > 1 else ""
        letters = "".join(_RESIDUES[one[at]] for one in added[: gained[at]])
        tails.append(f"{until}ins{letters}" if gained[at] else f"{until}del")
    return _texts(tails)


# ---------------------------------------------------------------------------------------------- the files
def _require_free(folder: Path, formats: Sequence[str], *, force: bool) -> None:
    names = [
        "roster.tsv",
        "truth.tsv",
        "README.txt",
        *({"maf": "calls.maf", "vcf": "vcf"}[f] for f in formats),
    ]
    there = [name for name in names if (folder / name).exists()]
    if there and not force:
        raise OutputExistsError(f"{folder} already holds {', '.join(there)}; give --force to replace.")


def _write_text(path: Path, text: str) -> Path:
    with whole_file(path) as file:
        file.write(text.encode())
    return path
