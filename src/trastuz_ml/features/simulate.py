"""Simulate a cohort with known truth: seeded calls and a roster, for tests, the demo and power questions.

Nothing here is a patient. Rates and shapes follow TransNEO (Sammut et al. 2022, Nature 601:623, 168 breast
cancers sequenced before neoadjuvant treatment); the effects on the response are planted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import expit, logit

from trastuz_ml import schema
from trastuz_ml.calls.tables.write_maf import write_maf
from trastuz_ml.calls.vcf.writer import write_vcf
from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.features.simulated_calls import draw_calls
from trastuz_ml.features.simulated_genes import (
    BUILD,
    DRIVERS,
    FEWEST_GENES,
    MOST_GENES,
    NAMED_GENES,
    Exome,
    Integers,
    Numbers,
    simulated_exome,
)
from trastuz_ml.files import whole_file

FEWEST_PATIENTS, MOST_PATIENTS = 12, 100_000

# Log-odds of pCR in TransNEO for ER-positive and HER2-positive (logistic regression on both, 162 patients).
COVARIATE_EFFECTS: dict[str, float] = {"er_status": -1.57, "her2_status": 0.86, "burden": 0.0}
# Planted, not real: no TransNEO patient has a nonsilent call in ANKRD44.
PLANTED_EFFECTS: dict[str, float] = {"ANKRD44": -2.0}
PLANTED_TRUNCATIONS: dict[str, float] = {"ANKRD44": 0.15}

# Shares of patients in TransNEO; a pair is for ER-positive and for ER-negative patients.
_ER_POSITIVE = 116 / 168
_HER2_POSITIVE = 51 / 116, 14 / 52
_GRADE_3 = 63 / 116, 40 / 52
_GRADE_1 = 0.05  # of the others; TransNEO has none, a general clinic has a few
_T_STAGE = {"T1": 0.08, "T2": 0.62, "T3": 0.25, "T4": 0.05}
_LN_POSITIVE = 87 / 168
_AGE_MEAN, _AGE_SD, _AGE_RANGE = 50.5, 11.2, (20, 85)
# Not in TransNEO: three centres of unequal size, without influence.
_CENTRE = {"north": 0.5, "south": 0.3, "west": 0.2}


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
        texts = {
            "roster.tsv": self._marked(self.roster),
            "truth.tsv": self._marked(self.truth),
            "README.txt": self._readme(),
        }
        outputs = [*texts, *({"maf": "calls.maf", "vcf": "vcf"}[name] for name in formats)]
        there = [name for name in outputs if (folder / name).exists()]
        if there and not force:
            raise OutputExistsError(f"{folder} already holds {', '.join(there)}; give --force to replace.")
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        if "maf" in formats:
            written.append(folder / "calls.maf")
            write_maf(self.calls, written[0], comment=self.notice, build=BUILD)
        if "vcf" in formats:
            written += self._write_vcfs(folder / "vcf")
        for name, text in texts.items():
            written.append(folder / name)
            with whole_file(written[-1]) as partial:
                partial.write_bytes(text.encode())
        return written

    def _write_vcfs(self, folder: Path) -> list[Path]:
        folder.mkdir(exist_ok=True)
        by_patient = dict(iter(self.calls.groupby("patient")))
        paths = []
        for patient in self.roster["patient"]:
            calls = by_patient.get(patient, self.calls.iloc[:0])
            paths.append(folder / f"{patient}.vcf")
            write_vcf(calls, paths[-1], patient=patient, comment=self.notice, build=BUILD)
        return paths

    def _marked(self, table: pd.DataFrame) -> str:
        marked = table.assign(source=f"SIMULATED, seed {self.seed}")
        return str(marked.to_csv(sep="\t", index=False, lineterminator="\n"))

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
    exome = simulated_exome(genes)
    truncations = dict(PLANTED_TRUNCATIONS if truncations is None else truncations)
    log_odds = COVARIATE_EFFECTS | dict(PLANTED_EFFECTS if effects is None else effects)
    _refuse_features(log_odds, truncations, exome)
    for_roster, for_response, for_calls = np.random.SeedSequence(seed).spawn(3)

    roster = _draw_roster(np.random.default_rng(for_roster), patients)
    planted = [*truncations, *(name for name in log_odds if name not in COVARIATE_EFFECTS)]
    followed = list(dict.fromkeys([*planted, *(driver.gene for driver in DRIVERS)]))
    calls, carriers, burden = draw_calls(for_calls, roster, truncations, exome, followed)

    score = _score(roster, carriers, burden, log_odds)
    intercept = _solve_intercept(score, response_rate)
    responding = np.random.default_rng(for_response).random(patients) < expit(intercept + score)
    roster.insert(1, "response", pd.Series(np.where(responding, "pCR", "RD"), dtype="str"))
    return SimulatedCohort(calls, roster, _tell_truth(roster, carriers, log_odds, truncations), seed, intercept)


def _refuse_numbers(patients: int, seed: int, response_rate: float, genes: int) -> None:
    if not FEWEST_PATIENTS <= patients <= MOST_PATIENTS:
        raise InputError(
            f"A simulated cohort has {FEWEST_PATIENTS} to {MOST_PATIENTS:,} patients, not {patients:,}."
        )
    if seed < 0:
        raise InputError(f"A seed is a whole number from 0, not {seed}.")
    if not 0 < response_rate < 1:
        raise InputError(f"The response rate lies between 0 and 1, both excluded, not at {response_rate}.")
    if not FEWEST_GENES <= genes <= MOST_GENES:
        raise InputError(f"A simulated exome has {FEWEST_GENES} to {MOST_GENES:,} genes, not {genes:,}.")


def _refuse_features(log_odds: Mapping[str, float], truncations: Mapping[str, float], exome: Exome) -> None:
    for name in [*log_odds, *truncations]:
        if name not in exome.index and (name in truncations or name not in COVARIATE_EFFECTS):
            raise InputError(
                f"There is no gene {name} in the simulated exome; it has {len(NAMED_GENES)} named genes "
                f"(TP53, ANKRD44, TTN, ...) and G00001 to {exome.names[-1]}. Covariates with an effect: "
                f"{', '.join(COVARIATE_EFFECTS)}."
            )
    for name, value in log_odds.items():
        if not math.isfinite(value):
            raise InputError(f"The log-odds of {name} must be a finite number, not {value}.")
    for name, share in truncations.items():
        if not 0 <= share <= 1:
            raise InputError(f"The share of patients with {name} truncated lies in 0 to 1, not at {share}.")


def _draw_roster(rng: np.random.Generator, patients: int) -> pd.DataFrame:
    er_positive = rng.random(patients) < _ER_POSITIVE
    her2 = rng.random(patients) < np.where(er_positive, *_HER2_POSITIVE)
    high_grade = rng.random(patients) < np.where(er_positive, *_GRADE_3)
    low_grade = rng.random(patients) < _GRADE_1
    columns = {
        "patient": [f"SIM{at:06d}" for at in range(1, patients + 1)],
        "age": np.rint(rng.normal(_AGE_MEAN, _AGE_SD, patients)).clip(*_AGE_RANGE).astype(np.int64),
        "t_stage": rng.choice(list(_T_STAGE), patients, p=list(_T_STAGE.values())),
        "ln_status": np.where(rng.random(patients) < _LN_POSITIVE, "POS", "NEG"),
        "er_status": np.where(er_positive, "POS", "NEG"),
        "her2_status": np.where(her2, "POS", "NEG"),
        "grade": np.where(high_grade, 3, np.where(low_grade, 1, 2)),
        "centre": rng.choice(list(_CENTRE), patients, p=list(_CENTRE.values())),
    }
    texts = ["patient", "t_stage", "ln_status", "er_status", "her2_status", "centre"]
    return pd.DataFrame(columns).astype(dict.fromkeys(texts, "str"))


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
    roster: pd.DataFrame, carriers: pd.DataFrame, log_odds: Mapping[str, float], truncations: Mapping[str, float]
) -> pd.DataFrame:
    by_driver = {driver.gene: _overall(driver.er_positive, driver.er_negative) for driver in DRIVERS}
    rows: list[tuple[str, str, float, float, float]] = []
    for gene in carriers:
        # Two sources of calls in one gene are independent.
        share = 1 - (1 - by_driver.get(gene, 0.0)) * (1 - truncations.get(gene, 0.0))
        rows.append((gene, schema.GENE, round(share, 4), carriers[gene].mean(), log_odds.get(gene, 0.0)))
    for name, share in (("er_status", _ER_POSITIVE), ("her2_status", _overall(*_HER2_POSITIVE))):
        rows.append((name, schema.COVARIATE, round(share, 4), (roster[name] == "POS").mean(), log_odds[name]))
    rows.append(("burden", schema.BURDEN, math.nan, math.nan, log_odds["burden"]))
    return pd.DataFrame(rows, columns=["feature", "kind", "planted", "prevalence", "log_odds"])


def _overall(er_positive: float, er_negative: float) -> float:
    """Return the share among all patients from the shares by ER status."""
    return _ER_POSITIVE * er_positive + (1 - _ER_POSITIVE) * er_negative
