"""A made-up run with real-looking identifiers, and its tracking, shared by the tests of this folder."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from trastuz_ml import schema
from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import RosterPlan, read_roster
from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.cohort.variant_marks import VariantMarks
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.prediction.batch import lay_out, predict
from trastuz_ml.prediction.pyfunc import frame_of
from trastuz_ml.schema import CALLS, conform
from trastuz_ml.store.bundle import load_model, make_bundle, save_bundle
from trastuz_ml.store.run_folder import Run
from trastuz_ml.track.items import FileItem, items_of
from trastuz_ml.track.mlflow_writer import Tracked, track

PATIENTS = tuple(f"PATIENT-{i:04d}" for i in range(24))
STRANGER = "PATIENT-9999"
MODELS = ("chosen", "l2-logistic:both")
GENES = ("ANKRD44", "TP53", "TTN")
FEATURES = (
    Feature("TP53", "gene", "gene"),
    Feature("age", "covariate", "number"),
    Feature("subtype", "covariate", "category", ("her2", "luminal")),
    Feature("grade", "covariate", "number", ("low", "middle", "high")),
    Feature("age", "gene", "gene"),  # a gene called like a covariate
)
KEY = bytes(range(32))
REQUIREMENTS = ["trastuz-ml"]


def make_run(folder: Path | None = None, *, simulated: bool = True) -> Run:
    """Two models, two repeats of three folds, 24 patients of whom every third responded."""
    response = np.array([i % 3 == 0 for i in range(24)], dtype=int)
    design = [(m, r, f, p) for m in MODELS for r in range(2) for f in range(3) for p in range(f * 8, f * 8 + 8)]
    out_of_fold = pd.DataFrame(
        [(m, r, f, PATIENTS[p], response[p], 0.2 + 0.5 * response[p] + p / 100) for m, r, f, p in design],
        columns=["model", "repeat", "fold", "patient", "response", "probability"],
    )
    contributions = pd.DataFrame(
        [
            (m, p, g, "gene", 1.0, (-1) ** i * i, 0.5)
            for m in MODELS
            for i, p in enumerate(PATIENTS)
            for g in GENES
        ],
        columns=schema.CONTRIBUTIONS.names,
    )
    scores = [(m, "AUROC", 0.7, 0.6, 0.8, "Nadeau-Bengio") for m in MODELS]
    scores += [(m, "calibration slope", np.nan, np.nan, np.nan, "refused") for m in MODELS]
    findings = [
        ("warning", "not-on-roster", STRANGER, f"calls.maf, {STRANGER}", 1, f"{STRANGER} is not on the roster"),
        ("note", "no-calls", PATIENTS[7], "calls.maf", 2, f"{PATIENTS[7]} and {PATIENTS[8]} have no calls"),
    ]
    values = sp.csr_array(np.eye(24, 3, dtype=np.float32))
    covered = np.ones((1, 3), dtype=bool)
    return Run(
        name="made-up",
        simulated=simulated,
        configuration={
            "name": "made-up",
            "data": "/home/somebody/hospital",
            "calls": {"files": [f"vcf/{PATIENTS[3]}/{PATIENTS[3]}_tumour.vcf.gz", f"{STRANGER}.vcf.gz"]},
            "roster": {"file": "clinic/roster.tsv", "filter": {"ER/PR": ["N/A"], "patient": [PATIENTS[2]]}},
            "models": list(MODELS),
            "tracking": {"uri": "postgresql://ann:secret@db.clinic/mlflow", "alias": None},
        },
        provenance={
            "sources": [
                {"name": f"{PATIENTS[3]}_tumour.vcf.gz", "sha256": "a" * 64, "rows_in": 9, "rows_kept": 8},
                {"name": "roster.tsv", "sha256": "b" * 64, "rows_in": 25, "rows_kept": 24},
            ],
            "plan": {"fingerprint": "f00d", "repeats": 2, "folds": 3},
            "exported": "l2-logistic:both",
            "code": {"version": "0.1.0", "sha256": "c" * 64},
            "versions": {"numpy": "2.4.6"},
        },
        patients=pd.DataFrame({"patient": PATIENTS, "response": response, "burden": 3}),
        matrix=GeneMatrix(PATIENTS, GENES, values, np.zeros(24, dtype=np.intp), covered, "binary", ("missense",)),
        findings=conform(pd.DataFrame(findings, columns=schema.FINDINGS.names), schema.FINDINGS),
        out_of_fold=conform(out_of_fold, schema.OUT_OF_FOLD),
        choices=schema.empty(schema.CHOICES),
        inner_errors=schema.empty(schema.INNER_ERRORS),
        scores=conform(pd.DataFrame(scores, columns=schema.SCORES.names), schema.SCORES),
        comparisons=schema.empty(schema.COMPARISONS),
        contributions=conform(contributions, schema.CONTRIBUTIONS),
        explained=schema.empty(schema.EXPLAINED),
        gene_contributions=schema.empty(schema.GENE_CONTRIBUTIONS),
        associations=schema.empty(schema.ASSOCIATIONS),
        folder=folder,
    )


def make_model(folder: Path, run: str = "", seed: int = 1, features: tuple[Feature, ...] = FEATURES) -> Path:
    """A stored logistic model on features of three kinds, with what must stay on the machine beside it."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 2, (12, len(features))).astype(np.float32)
    preparation = Preparation(tuple(f.kind for f in features))
    preparation = preparation.fit(X) if features else preparation
    width = preparation.transform(X).shape[1] if features else 0
    fitted = FittedModel(
        MODELS[1], np.arange(len(features)), preparation, LinearLogit(np.linspace(-1, 1, width), 0.3 * seed)
    )
    card = {
        "response": {"column": "response", "positive": ["yes"], "negative": ["no"]},
        "patients": 24, "responders": 8, "scores": [], "sources": [], "limits": ["made up"], "run": run,
    }  # fmt: skip
    bundle = make_bundle("made-up", fitted, features, "binary", ("missense",), card, True)
    marks = np.sort(rng.integers(2**63, 2**64, (24, 5), dtype=np.uint64), axis=1)
    shown = tuple(sorted(pseudonyms(PATIENTS, KEY).values()))
    local = VariantMarks("0" * 16, marks.ravel(), np.arange(25) * 5, shown, common=marks[:0, 0])
    vectors = rng.random((24, len(bundle.genes))).astype(np.float32)
    return save_bundle(replace(bundle, vectors=vectors, marks=local), folder)[0]


ROWS = [("N1", "TP53"), ("N2", "age"), ("N3", "TP53"), ("N3", "age"), ("N5", "TP53")]
# A long fraction, a missing number, levels missing and unknown, a patient of a panel that lacks a gene.
ROSTER = """patient\tage\tsubtype\tgrade\tassay
N1\t47.123456789012345\ther2\tlow\texome
N2\t1e-3\tluminal\thigh\texome
N3\t\tbasal\tmiddle\texome
N4\t63.1\t\t\texome
N5\t33.333333333333336\ther2\thigh\tpanel
"""


@dataclass(frozen=True)
class Place:
    """A folder with everything that was written for the made-up run."""

    root: Path
    run: Run
    names: dict[str, str]
    model: Path
    tracked: Tracked

    make_model = staticmethod(make_model)

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.root.as_posix()}/runs/mlflow.db"


@pytest.fixture(scope="session")
def names() -> dict[str, str]:
    return pseudonyms(PATIENTS, KEY)


@pytest.fixture(scope="session")
def run() -> Run:
    return make_run()


@pytest.fixture(scope="session")
def place(tmp_path_factory: pytest.TempPathFactory, names: dict[str, str]) -> Place:
    """The made-up run, tracked once in a folder whose name has a space, with model, figure and report."""
    root = tmp_path_factory.mktemp("a place")
    run, model = make_run(root / "runs" / "made-up"), make_model(root / "models" / "made-up")
    report, figure = root / "report.html", root / "roc.svg"
    report.write_text(f"<p>{json.dumps(sorted(names.values()))}</p>", encoding="utf-8")
    figure.write_text("<svg/>", encoding="utf-8")
    items = [*items_of(run, names, report=report), FileItem("figures/roc.svg", figure)]
    tracked = track(
        run, items, experiment="made-up cohorts", bundle_folder=model, register="made-up", alias="champion",
        pip_requirements=REQUIREMENTS,
    )  # fmt: skip
    return Place(root, run, names, model, tracked)


@dataclass(frozen=True)
class New:
    """New patients: what `predict` says of them, and the frame that a served model reads."""

    probability: list[float]
    frame: pd.DataFrame


@pytest.fixture(scope="session")
def new(place: Place, tmp_path_factory: pytest.TempPathFactory) -> New:
    bundle = load_model(place.model)
    path = tmp_path_factory.mktemp("new") / "roster.tsv"
    path.write_text(ROSTER)
    patients, _ = read_roster(path, RosterPlan("patient", covariates=bundle.covariates, assay="assay"))
    calls = pd.DataFrame([(*row, "missense") for row in ROWS], columns=["patient", "gene", "effect"])
    cohort = Cohort.assemble(
        conform(calls, CALLS), patients, covariates=bundle.covariates,
        assays=(EXOME, Assay("panel", frozenset({"TP53"}))), training=False,
    )  # fmt: skip
    table = predict(bundle, cohort, explain=0).set_index("patient")
    design = lay_out(bundle, cohort)[0]
    chances = table.loc[list(design.patients), "probability"]
    assert chances.nunique() == 5
    return New(chances.tolist(), frame_of(bundle, design.X))
