"""Made-up finished runs: realistic in size and shape, built without fitting anything."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from report.gene_runs import with_coefficients
from trastuz_ml import schema
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.comparisons import comparison_table
from trastuz_ml.learn.scores import score_table
from trastuz_ml.stats.discrimination import auc, average_precision
from trastuz_ml.store.run_folder import Run

MODELS: dict[str, float] = {
    "chosen": 0.85, "prevalence": 0.0, "clinical-only": 0.75, "burden-only": 0.3, "l2-logistic:genes": 0.45,
    "l2-logistic:both": 0.9, "elastic-net:both": 0.95, "random-forest:both": 0.7, "xgboost:both": 0.65,
}  # fmt: skip
NAMED = ["ANKRD44", "TP53", "PIK3CA", "TTN", "MUC16", "GATA3", "MAP3K1", "CDH1", "KMT2C", "ERBB2", "PTEN"]
SILENT_GENE = "PPM1D"
KIND = "Nadeau-Bengio"
ROW_FATES = [("kept", 8524), ("filter", 5210), ("low-vaf", 2300), ("not-on-roster", 40), ("duplicate", 60)]
NO_INTERVAL = "no interval method is known for this score"


def names_of(run: Run) -> dict[str, str]:
    """Return a pseudonym for each patient; their order tells nothing of the real order."""
    places = np.random.default_rng(1).permutation(len(run.patients))
    return {p: f"K{place:04d}x" for p, place in zip(run.patients["patient"], places, strict=True)}


@dataclass
class Maker:
    """Builds one made-up run after another from one generator."""

    patients: int
    genes: list[str]
    seed: int = 0

    def run(
        self, *, name: str = "transneo made up", simulated: bool = True, covariate: str = "ER status",
        findings: pd.DataFrame | None = None, fingerprint: str = "5f3c9a", configuration: Mapping | None = None,
        missing_interval: bool = False,
    ) -> Run:  # fmt: skip
        rng = np.random.default_rng(self.seed)
        patients, matrix, signal = self._cohort(rng, covariate)
        out_of_fold = self._out_of_fold(rng, patients, signal)
        scores = self._scores(out_of_fold)
        if missing_interval:
            headless = (scores["model"] == "chosen") & (scores["score"] == "AUROC")
            scores.loc[headless, ["low", "high"]] = np.nan
            scores.loc[headless, "interval"] = "one fold only: the spread over folds is unknown"
        per_gene, contributions = self._contributions(rng, patients, matrix, covariate)
        tables = {
            "findings": _findings(patients) if findings is None else findings,
            "out_of_fold": out_of_fold,
            "choices": _choices(out_of_fold, matrix),
            "inner_errors": pd.DataFrame(columns=schema.INNER_ERRORS.names),
            "scores": scores,
            "comparisons": _comparisons(),
            "contributions": contributions,
            "explained": _explained(patients),
            "gene_contributions": per_gene,
            "associations": _associations(patients, matrix),
            "row_fates": pd.DataFrame(ROW_FATES, columns=schema.ROW_FATES.names),
        }
        made = Run(
            name, simulated, configuration or _configuration(covariate), _provenance(fingerprint), patients,
            matrix,
            **{key: schema.conform(t, getattr(schema, key.upper())) for key, t in tables.items()},
            features=[_feature(covariate, "category", ["NEG", "POS"]), _feature("age", "number", [])],
        )  # fmt: skip
        return with_coefficients(made, self.seed)

    def _cohort(self, rng: np.random.Generator, covariate: str) -> tuple[pd.DataFrame, GeneMatrix, np.ndarray]:
        n, genes = self.patients, sorted(self.genes)
        rate = np.array([0.16 if g in NAMED else rng.uniform(0.005, 0.08) for g in genes])
        rate[[genes.index(g) for g in ("TP53", "PIK3CA", "TTN")]] = [0.52, 0.3, 0.28]
        rate[genes.index(SILENT_GENE)] = 0.0
        mutated = rng.random((n, len(genes))) < rate
        panel = rng.random(n) < 0.25
        covered = np.ones((2, len(genes)), dtype=bool)
        covered[1] = [g in NAMED[:9] or g == SILENT_GENE for g in genes]
        mutated &= covered[panel.astype(int)]
        values = sp.csr_array(mutated.astype(np.float32))
        er = rng.random(n) < 0.6
        signal = -0.9 - 1.2 * er + 0.8 * mutated[:, genes.index("TP53")] - 1.8 * mutated[:, genes.index("ANKRD44")]
        # The third with the highest noisy signal responds: both classes are in every fold, however small the run.
        noisy = signal + rng.logistic(size=n)
        response = (noisy >= np.quantile(noisy, 0.7)).astype(int)
        ids = [f"PATIENT-{i:04d}" for i in range(1, n + 1)]
        frame = pd.DataFrame(
            {
                "patient": ids, "response": response, "group": ids, "assay": np.where(panel, "panel", "exome"),
                "burden": mutated.sum(axis=1), covariate: np.where(er, "POS", "NEG"),
                "age": rng.integers(30, 80, n),
            }
        )  # fmt: skip
        return frame, GeneMatrix(
            tuple(ids), tuple(genes), values, panel.astype(np.intp), covered, "binary", schema.NONSILENT
        ), signal  # fmt: skip

    def _out_of_fold(self, rng: np.random.Generator, patients: pd.DataFrame, signal: np.ndarray) -> pd.DataFrame:
        response, rows = patients["response"].to_numpy(), []
        for repeat in range(2):
            fold = np.empty(len(patients), dtype=int)
            for group in (0, 1):
                members = rng.permutation(np.flatnonzero(response == group))
                fold[members] = np.arange(members.size) % 5
            for model, weight in MODELS.items():
                noise = rng.normal(0, 0.9, len(patients)) if weight else 0
                linear = weight * signal + (1 - weight) * -1.1 + weight * noise * 0.8
                rows.append(
                    pd.DataFrame(
                        {
                            "model": model, "repeat": repeat, "fold": fold, "patient": patients["patient"],
                            "response": response, "probability": 1 / (1 + np.exp(-linear)),
                        }
                    )
                )  # fmt: skip
        return pd.concat(rows, ignore_index=True)

    def _scores(self, out_of_fold: pd.DataFrame) -> pd.DataFrame:
        rows = []
        for model, table in out_of_fold.groupby("model", sort=False):
            folds = [fold for _, fold in table.groupby(["repeat", "fold"])]
            y, p = table["response"].to_numpy(float), table["probability"].to_numpy(float)

            def mean_of(score: Callable[..., float], folds: list[pd.DataFrame] = folds) -> float:
                return float(np.mean([score(f["response"], f["probability"]) for f in folds]))

            brier = float(np.mean((p - y) ** 2))
            rows += [
                (model, "AUROC", mean_of(auc), 0.09, KIND),
                (model, "average precision", mean_of(average_precision), 0.1, KIND),
                (model, "Brier score", brier, 0.02, KIND),
                (model, "Brier skill", 1 - brier / (y.mean() * (1 - y.mean())), 0.08, KIND),
                (model, "log loss", float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))), 0.05, KIND),
                (model, "calibration intercept", -0.03, np.nan, NO_INTERVAL),
                (model, "calibration slope", np.nan if model == "prevalence" else 0.87, np.nan, NO_INTERVAL),
                (model, "sensitivity", 0.61, 0.12, KIND),
                (model, "specificity", 0.7, 0.11, KIND),
            ]  # fmt: skip
        frame = pd.DataFrame(rows, columns=["model", "score", "estimate", "half", "interval"])
        return frame.assign(low=frame["estimate"] - frame["half"], high=frame["estimate"] + frame["half"])

    def _contributions(
        self, rng: np.random.Generator, patients: pd.DataFrame, matrix: GeneMatrix, covariate: str
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        carriers, covered = matrix.carriers(), matrix.covered_patients()
        per_feature, long = [], []
        for model in list(MODELS)[1:]:
            scale = "probability" if "forest" in model else "log-odds"
            features = [(covariate, schema.COVARIATE), ("age", schema.COVARIATE)] if "genes" not in model else []
            features += [(g, schema.GENE) for g in matrix.genes] if ":" in model else []
            features = {"burden-only": [("mutational burden (log calls)", schema.BURDEN)], "prevalence": []}.get(
                model, features
            )
            for feature, block in features:
                place = matrix.genes.index(feature) if block == schema.GENE else None
                has = int(carriers[place]) if place is not None else None
                size = rng.gamma(1.0, 0.02) * (1 + 8 * (feature in NAMED) + 12 * (block != schema.GENE))
                size = 0.0 if has == 0 else size / (8 if scale == "probability" else 1)
                sign = -1 if feature == "ANKRD44" or rng.random() < 0.4 else 1
                per_feature.append(
                    (
                        model, feature, block, len(patients) if place is None else int(covered[place]), has,
                        0.9, size, np.nan if not has else sign * size * 3, scale,
                        "not evaluable: 0 carriers" if has == 0 else "",
                    )
                )  # fmt: skip
                if feature in NAMED[:3]:
                    long.append(
                        pd.DataFrame(
                            {
                                "model": model, "patient": patients["patient"],
                                "feature": feature, "block": block, "value": 1.0,
                                "contribution": rng.normal(0, 0.1, len(patients)),
                            }
                        )
                    )  # fmt: skip
        names = [
            "model", "feature", "block", "covered", "carriers", "folds_kept", "mean_abs", "when_mutated", "scale",
            "status",
        ]  # fmt: skip
        frame = pd.DataFrame(per_feature, columns=names).reindex(columns=schema.GENE_CONTRIBUTIONS.names)
        return frame.assign(alike=""), pd.concat(long)


def _findings(patients: pd.DataFrame) -> pd.DataFrame:
    known = list(patients["patient"])
    rows = [
        ("warning", "calls-without-patient", "PATIENT-0901", "calls.maf", 12,
         f"has calls but is not on the roster; the closest is {known[0]}; the calls are not used"),
        ("warning", "patient-without-calls", known[3], "", 1,
         "sequenced but without any call: a row of zeros, not a missing patient"),
        ("warning", "response-missing", "", "roster.tsv", 2,
         "no response in column pCR, left out of training: PATIENT-0902, PATIENT-0903"),
        ("note", "odd-depth", known[5], "", 1, f"depth of {known[5]} is far above that of {known[6]}"),
        ("note", "odd-purity", "", "", 1, "purity of PATIENT-0904 is zero"),
        *(("note", "duplicate-call", p, "", 2, "calls given twice or more, counted once") for p in known[10:40]),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=schema.FINDINGS.names)


def _feature(name: str, kind: str, levels: list[str]) -> dict[str, object]:
    return {"name": name, "block": schema.COVARIATE, "kind": kind, "levels": levels, "counts": []}


def _choices(out_of_fold: pd.DataFrame, matrix: GeneMatrix) -> pd.DataFrame:
    plan = out_of_fold[["model", "repeat", "fold"]].drop_duplicates()
    picked = np.where(plan["fold"] < 3, "elastic-net:both", "clinical-only")
    return plan.assign(
        picked=np.where(plan["model"] == "chosen", picked, plan["model"]), candidate="{}", inner_log_loss=0.52,
        threshold=0.3, genes=len(matrix.genes), trained_on=128, responders=33,
    )  # fmt: skip


def _comparisons() -> pd.DataFrame:
    pairs = [
        ("chosen", "clinical-only", 0.02),
        ("chosen", "prevalence", 0.21),
        ("l2-logistic:both", "clinical-only", 0.03),
        ("elastic-net:both", "clinical-only", 0.04),
        ("random-forest:both", "clinical-only", -0.01),
    ]
    return pd.DataFrame(
        [
            (m, r, "AUROC", d, d - 0.07, d + 0.07, *((0.0004, 0.002) if d > 0.1 else (0.55, 1.0)), KIND, d - 0.05,
             d + 0.05, 0.3)
            for m, r, d in pairs
        ],
        columns=schema.COMPARISONS.names,
    )  # fmt: skip


def with_evidence(run: Run) -> Run:
    """Return the run with every table that an experiment can ask for beside."""
    patients = list(run.patients["patient"])
    permuted = [
        ("responses", n, m, 0.71 if n == 0 else 0.4 + n / 100) for n in range(20) for m in list(MODELS)[:3]
    ]
    permuted += [("genes", n, "l2-logistic:both", 0.02 if n == 0 else n / 200 - 0.05) for n in range(20)]
    chance = [
        ("responses", "chosen", 0.71, 0.5, 19, 0, 0.05, 0.0, 0.18, np.nan, "(1 + b) / (1 + m) of 19 permutations"),
        (
            "responses",
            "clinical-only",
            0.7,
            0.5,
            19,
            0,
            0.05,
            0.0,
            0.18,
            0.1,
            "(1 + b) / (1 + m) of 19 permutations",
        ),
        ("responses", "best", 0.75, 0.6, 19, 0, 0.05, 0.0, 0.18, np.nan, "(1 + b) / (1 + m) of 19 permutations"),
        (
            "genes",
            "l2-logistic:both",
            0.02,
            0.0,
            19,
            5,
            0.3,
            0.1,
            0.5,
            0.3,
            "(1 + b) / (1 + m) of 19 permutations",
        ),
    ]
    strata = [
        ("chosen", "ER status", "POS", 30, 8, 0.7, 0.5, 0.85, "Newcombe", ""),
        ("chosen", "ER status", "unknown", 3, 1, np.nan, np.nan, np.nan, "refused",
         "refused: 1 responders, and fewer than 3 say nothing"),
    ]  # fmt: skip
    decisions = [("chosen", t, 0.3 - t / 2, 0.1, 0.4, 0.3 - t, 0.02, -0.05, 0.09) for t in (0.1, 0.2, 0.3)]
    decisions.append(("chosen", 0.9, 0.0, np.nan, np.nan, -3.0, 0.0, np.nan, np.nan))
    curve = [("chosen", s, 100 * s, 0.5 + s / 4, 0.4, 0.9, KIND, "") for s in (0.5, 1.0)]
    curve.append(
        ("chosen", 0.1, np.nan, np.nan, np.nan, np.nan, "refused", "refused: too few patients in 2 folds.")
    )
    optimism = [
        ("scored on the patients it was fitted on", "prevalence", 0.5, np.nan, np.nan, "Remembered."),
        ("scored on the patients it was fitted on", "chosen", 0.99, np.nan, np.nan, "Remembered."),
        ("nested cross-validation", "chosen", 0.71, 0.6, 0.8, "Report this."),
    ]
    influence = [
        (p, i % 2, (i - 5) / 1000, 0.001, "clinical-only", 4, "TTN", "TP53 2 to 3",
         "" if i else f"refused without {p}")
        for i, p in enumerate(patients)
    ]  # fmt: skip
    rows = {
        "permuted": permuted, "chance": chance, "stratum_scores": strata, "decisions": decisions,
        "learning_curve": curve, "optimism": optimism, "influence": influence,
    }  # fmt: skip
    declared = {name: getattr(schema, name.upper()) for name in rows}
    tables = {n: schema.conform(pd.DataFrame(r, columns=declared[n].names), declared[n]) for n, r in rows.items()}
    return replace(run, plan={"kind": "k-fold", "patients": patients}, **tables)


def as_pairs(run: Run) -> Run:
    """Return the run as if every two of its patients had been left out together."""
    response = dict(zip(run.patients["patient"], run.patients["response"], strict=True))
    rng = np.random.default_rng(0)
    rows = [
        (model, 0, fold, patient, response[patient], rng.random(), fold)
        for model in MODELS
        for fold, both in enumerate(itertools.combinations(sorted(response), 2))
        for patient in both
    ]
    names = [name for name in schema.OUT_OF_FOLD.names if name != "pair"]
    table = schema.conform(pd.DataFrame(rows, columns=[*names, "pair"]), schema.OUT_OF_FOLD)
    folds = table[["model", "repeat", "fold"]].drop_duplicates().assign(threshold=0.5)
    plan = {**run.provenance["plan"], "kind": "leave-pair-out", "words": "leave-pair-out, 276 pairs, nested"}
    return replace(
        run, out_of_fold=table, scores=score_table(table, folds), comparisons=comparison_table(table),
        provenance={**run.provenance, "plan": plan},
    )  # fmt: skip


def _explained(patients: pd.DataFrame) -> pd.DataFrame:
    methods = {"prevalence": "constant", "xgboost:both": "tree-path", "random-forest:both": "tree-path"}
    rows = [
        (m, 0, 0, patients["patient"].iloc[0], "log-odds", methods.get(m, "linear"), -1.0, -0.8, 0.0)
        for m in MODELS
    ]
    names = ["model", "repeat", "fold", "patient", "scale", "method", "base", "output", "gap"]
    return pd.DataFrame(rows, columns=names).reindex(columns=schema.EXPLAINED.names)


def _associations(patients: pd.DataFrame, matrix: GeneMatrix) -> pd.DataFrame:
    """Return the associations of the two watched genes, the first with made-up numbers."""
    rows = []
    for gene in ("ANKRD44", SILENT_GENE):
        place = matrix.genes.index(gene)
        held = matrix.values[:, [place]].toarray().ravel() > 0
        covered, carriers = int(matrix.covered_patients()[place]), int(held.sum())
        responding = int(patients["response"].to_numpy()[held].sum())
        numbers = (0.31, 0.06, 1.08, 0.066) if carriers else (np.nan,) * 4
        status = "" if carriers else f"not evaluable: mutated in 0 of {covered}"
        rows.append((gene, covered, carriers, int(patients["response"].sum()), responding, *numbers, status))
    names = [
        "gene", "covered", "carriers", "responders", "carriers_responding", "odds_ratio", "low", "high", "p",
        "status",
    ]  # fmt: skip
    frame = pd.DataFrame(rows, columns=names).assign(watched=True, adjusted_for="", alike="")
    return frame.reindex(columns=schema.ASSOCIATIONS.names)


def _configuration(covariate: str) -> dict:
    return {
        "name": "transneo made up",
        "calls": {"maf": "/home/somebody/data/calls.maf", "effects": list(schema.NONSILENT)},
        "patients": {"file": "roster.tsv", "id": "Donor.ID", "response": {"column": "pCR", "positive": ["yes"]}},
        "covariates": [{"name": covariate, "when": "baseline"}, {"name": "age", "when": "baseline"}],
        "exclude": ["PATIENT-0007", "PATIENT-0905"],
        "watch": ["ANKRD44", SILENT_GENE],
        "validation": {"repeats": 2, "folds": 5, "seed": 20261122},
    }


def _provenance(fingerprint: str) -> dict:
    return {
        "sources": [
            {"name": "calls.maf", "sha256": "9f2c" * 16, "rows_in": 16134, "rows_kept": 8524},
            {"name": "roster.tsv", "sha256": "07ab" * 16, "rows_in": 168, "rows_kept": 160},
        ],
        "versions": {"trastuz-ml": "0.1.0", "numpy": "2.4.6", "scikit-learn": "1.9.1", "xgboost": "3.2.0"},
        "code": {"version": "0.1.0", "sha256": "c0de" * 16},
        "plan": {"fingerprint": fingerprint, "repeats": 2, "folds": 5},
        "exported": "elastic-net:both",
    }


@pytest.fixture(scope="session")
def make() -> Callable[..., Run]:
    """Return a builder of made-up runs; ``genes`` adds names, the other arguments are those of ``Maker.run``."""

    def build(
        *, patients: int = 40, genes: tuple[str, ...] = (), fillers: int = 12, seed: int = 0, **about: object
    ) -> Run:
        named = [*NAMED, SILENT_GENE, *genes, *(f"GENE{i}" for i in range(fillers))]
        return Maker(patients, named, seed).run(**about)  # type: ignore[arg-type]

    return build


@pytest.fixture(scope="session")
def pseudonyms() -> Callable[[Run], dict[str, str]]:
    return names_of


@pytest.fixture(scope="session")
def large(make: Callable[..., Run]) -> Run:
    """Return a run of 160 patients, 150 genes and nine models."""
    return make(patients=160, fillers=138, seed=4)


@pytest.fixture(scope="session")
def rich(make: Callable[..., Run]) -> Run:
    """Return a run with every table that an experiment can ask for."""
    return with_evidence(make())


@pytest.fixture(scope="session")
def paired(make: Callable[..., Run]) -> Run:
    """Return a run of 24 patients that was validated by leave-pair-out."""
    return as_pairs(make(patients=24))
