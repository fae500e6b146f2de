"""The page of a trained run in the browser: its bench says what the models and `predict` say, to 1e-9."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests_shared import SMALL
from trastuz_ml.cli.main import run as run_command
from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.export import bundle_of
from trastuz_ml.experiment.train import Trained, train, tuning_of
from trastuz_ml.learn.catalogue import catalogue_model
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.validation import fit_on_all
from trastuz_ml.store.bundle import save_bundle

pytestmark = pytest.mark.browser
EXPORTED = "l2-logistic:both"
KEY = b"k" * 32
EXPERIMENT = (
    SMALL.replace("simulated: {patients: 60, seed: 3}\n", "assays: {exome: null, panel: panel.txt}\n")
    .replace("  patient: patient\n", "  patient: patient\n  assay: assay\n")
    .replace(
        "[prevalence, clinical-only, {l2", "[prevalence, clinical-only, burden-only, {elastic-net: [both]}, {l2"
    )
    + f"watch: [ANKRD44, TP53]\nexport: {EXPORTED}\n"
)


@dataclass(frozen=True)
class Case:
    """A page with a bench, the models behind it, and the files that they were fitted on."""

    page: Any
    names: dict[str, str]
    trained: Trained
    models: dict[str, FittedModel]
    stored: Path
    files: Path

    def values(self, patient: str) -> np.ndarray:
        """Return what the models read of a patient, shape (1, n_features)."""
        return self.trained.design.X[[self.trained.design.patients.index(patient)]].copy()

    def place(self, feature: str) -> int:
        return [one.name for one in self.trained.design.features].index(feature)


@pytest.fixture(scope="module")
def case(page_of: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Case:
    files = tmp_path_factory.mktemp("files")
    call("simulate", "--out", files, "--patients", 60, "--seed", 3)
    roster = pd.read_csv(files / "roster.tsv", sep="\t", dtype=str, comment="#")
    # A third of the patients had a panel; of two patients something is not known.
    roster["assay"] = np.where(np.arange(len(roster)) % 3 == 0, "panel", "exome")
    roster.loc[4, "er_status"] = roster.loc[7, "age"] = ""
    roster.to_csv(files / "roster.tsv", sep="\t", index=False)
    genes = sorted(pd.read_csv(files / "calls.maf", sep="\t", dtype=str, comment="#")["Hugo_Symbol"].unique())
    (files / "panel.txt").write_text("\n".join(genes[::2]), encoding="utf-8")
    (files / "small.yaml").write_text(EXPERIMENT, encoding="utf-8")
    settings = read_experiment(files / "small.yaml")
    trained = train(settings, workers=1)
    names = pseudonyms(trained.run.patients["patient"], KEY)
    rivals = [*settings.catalogue(), catalogue_model("assay-only")]
    tuned, _ = fit_on_all(trained.design, rivals, tuning_of(settings))
    models = {name: one.model for name, one in tuned.items() if is_linear(one.model)}
    stored, _ = save_bundle(bundle_of(trained, settings, names, KEY), tmp_path_factory.mktemp("models") / "small")
    return Case(page_of(trained.run, names=names), names, trained, models, stored, files)


def is_linear(model: Any) -> bool:
    return isinstance(model, FittedModel) and isinstance(model.estimator, LinearLogit)


def call(*words: object) -> None:
    with pytest.raises(SystemExit) as ended:
        run_command([str(word) for word in words])
    assert ended.value.code == 0


def take(tab: Any, model: str, patient: str) -> None:
    tab.locator(".bench-model").select_option(model)
    tab.locator(".bench-patient").select_option(patient)


def says(tab: Any) -> float:
    return float(tab.locator("output.bench-probability").get_attribute("data-probability"))


def put(tab: Any, feature: str, state: str) -> None:
    """Set a feature on the bench: a state of a gene, a level, or a number; nothing is not known."""
    control = tab.locator(f".bench [data-feature='{feature}']")
    if control.evaluate("(one) => one.tagName") == "SELECT":
        control.select_option(state)
    else:
        control.fill(state)


def predicted(case: Case, roster: pd.DataFrame, calls: pd.DataFrame, folder: Path, *more: object) -> pd.Series:
    """Return what the command says of changed files, by patient."""
    paths = folder / "roster.tsv", folder / "calls.maf", folder / "out.csv"
    for table, path in zip((roster, calls), paths, strict=False):
        table.to_csv(path, sep="\t", index=False)
    files = "--patients", paths[0], "--calls", paths[1], "--out", paths[2]
    call("predict", "--model", case.stored, *files, "--explain", 0, "--workers", 1, "--force", *more)
    # As texts, so that every digit is read.
    return pd.read_csv(paths[2], dtype=str).set_index("patient")["probability"].map(float)


@pytest.fixture
def files(case: Case) -> tuple[pd.DataFrame, pd.DataFrame]:
    read = {"sep": "\t", "dtype": str, "comment": "#", "keep_default_na": False}
    return pd.read_csv(case.files / "roster.tsv", **read), pd.read_csv(case.files / "calls.maf", **read)


def test_page__of_a_trained_run_shows_its_answer_its_figures_and_that_it_is_simulated(see, case):
    tab = see(case.page)
    assert "ANKRD44" in tab.locator("section.answer, section:has(#r1-answer)").first.inner_text()
    assert tab.locator("svg").count() >= 5
    assert "simulated" in tab.title().lower()


def test_page__of_a_trained_run_fits_a_phone(see, case):
    tab = see(case.page, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    tab.locator("button.pick").first.click()
    put(tab, "TP53", "not covered")
    assert tab.evaluate("document.documentElement.scrollWidth") <= 390


def test_bench__every_linear_model_says_of_a_patient_what_it_says(see, case):
    tab = see(case.page)
    offered = tab.locator(".bench-model option").all_inner_texts()
    assert set(offered) == {name for name, model in case.models.items() if model.estimator.coefficients.any()}
    assert len(offered) >= 5
    for patient in case.trained.design.patients[::7]:
        for model in offered:
            take(tab, model, case.names[patient])
            expected = case.models[model].probability(case.values(patient))[0]
            assert says(tab) == pytest.approx(expected, abs=1e-9), (model, patient)


def test_bench__nobody_has_no_mutation_median_numbers_and_the_most_frequent_levels(see, case):
    tab = see(case.page)
    X = case.trained.design.X
    row = np.zeros((1, X.shape[1]), dtype=np.float32)
    for place, feature in enumerate(case.trained.design.features):
        known = X[~np.isnan(X[:, place]), place]
        if feature.kind == "category":
            row[0, place] = np.bincount(known.astype(int)).argmax()
        elif feature.block != "gene":
            row[0, place] = np.median(known)
    for model in ("clinical-only", "l2-logistic:both"):
        take(tab, model, "nobody: no gene mutated, all else typical")
        assert says(tab) == pytest.approx(case.models[model].probability(row)[0], abs=1e-9)


def test_bench__what_is_changed_is_changed_in_every_model_and_taken_back(see, case):
    tab = see(case.page)
    patient = case.trained.design.patients[1]
    genes = [one for one in case.page.section["bench"]["features"] if one["kind"] == "gene"]
    row, rng = case.values(patient), np.random.default_rng(5)
    take(tab, EXPORTED, case.names[patient])
    before = says(tab)
    for place in rng.choice(len(genes), 8, replace=False):
        state = ["mutated", "not mutated", "not covered"][rng.integers(3)]
        put(tab, genes[place]["feature"], state)
        column = case.place(genes[place]["feature"])
        row[0, column] = {"mutated": 1, "not mutated": 0, "not covered": np.nan}[state]
    put(tab, "age", "41.3")
    put(tab, "t_stage", "T3")
    put(tab, "er_status", "unknown")
    row[0, [case.place("age"), case.place("t_stage"), case.place("er_status")]] = 41.3, 2, np.nan
    for model in tab.locator(".bench-model option").all_inner_texts():
        tab.locator(".bench-model").select_option(model)
        expected = case.models[model].probability(row)[0]
        assert says(tab) == pytest.approx(expected, abs=1e-9), model
    tab.locator(".bench-model").select_option(EXPORTED)
    assert abs(says(tab) - before) > 1e-3
    tab.locator(".bench-reset").click()
    assert says(tab) == before
    assert (
        tab.locator(".bench [data-feature=age]").input_value() == f"{case.values(patient)[0, case.place('age')]:g}"
    )


def test_bench__a_gene_mutated_and_covariates_changed_are_what_predict_says(see, case, files, tmp_path):
    roster, calls = files
    gene, patient = "TP53", absent(calls, roster, "TP53")
    roster.loc[roster["patient"] == patient, ["age", "er_status", "t_stage"]] = ["41.3", "NEG", "T4"]
    hit = calls[(calls["Hugo_Symbol"] == gene) & (calls["Variant_Classification"] == "Missense_Mutation")].iloc[
        [0]
    ]
    calls = pd.concat([calls, hit.assign(Tumor_Sample_Barcode=patient)], ignore_index=True)
    expected = predicted(case, roster, calls, tmp_path)[patient]
    tab = see(case.page)
    take(tab, EXPORTED, case.names[patient])
    before = says(tab)
    for feature, state in [(gene, "mutated"), ("age", "41.3"), ("er_status", "NEG"), ("t_stage", "T4")]:
        put(tab, feature, state)
    assert says(tab) == pytest.approx(expected, abs=1e-9)
    assert abs(says(tab) - before) > 1e-6


def test_bench__calls_taken_away_and_cells_emptied_are_what_predict_says(see, case, files, tmp_path):
    roster, calls = files
    exomes = roster.loc[roster["assay"] == "exome", "patient"]
    held = calls[calls["Tumor_Sample_Barcode"].isin(exomes) & (calls["Hugo_Symbol"] == "TP53")]
    patient = held.loc[held["Variant_Classification"] == "Missense_Mutation", "Tumor_Sample_Barcode"].iloc[0]
    gone = (calls["Tumor_Sample_Barcode"] == patient) & (calls["Hugo_Symbol"] == "TP53")
    roster.loc[roster["patient"] == patient, ["age", "er_status"]] = ""
    expected = predicted(case, roster, calls[~gone], tmp_path)[patient]
    tab = see(case.page)
    take(tab, EXPORTED, case.names[patient])
    assert tab.locator(".bench [data-feature=TP53]").input_value() == "mutated"
    for feature, state in [("TP53", "not mutated"), ("age", ""), ("er_status", "unknown")]:
        put(tab, feature, state)
    assert says(tab) == pytest.approx(expected, abs=1e-9)


def test_bench__a_gene_outside_the_new_assay_is_what_predict_says(see, case, files, tmp_path):
    roster, calls = files
    patient = absent(calls, roster, "TP53")
    covered = tmp_path / "covered.txt"
    covered.write_text("\n".join(sorted({*calls["Hugo_Symbol"]} - {"TP53"})), encoding="utf-8")
    expected = predicted(case, roster, calls, tmp_path, "--covered", covered)[patient]
    tab = see(case.page)
    take(tab, EXPORTED, case.names[patient])
    before = says(tab)
    put(tab, "TP53", "not covered")
    assert says(tab) == pytest.approx(expected, abs=1e-9)
    assert says(tab) != before


def absent(calls: pd.DataFrame, roster: pd.DataFrame, gene: str) -> str:
    """Return a patient with an exome and without any call in a gene."""
    carriers = {*calls.loc[calls["Hugo_Symbol"] == gene, "Tumor_Sample_Barcode"]}
    exomes = roster.loc[roster["assay"] == "exome", "patient"]
    return next(patient for patient in exomes if patient not in carriers)


def test_bench__says_what_it_is_and_never_that_somebody_would_respond(see, case):
    tab = see(case.page)
    said = tab.locator("#r1-bench-part").inner_text()
    assert "what a linear model says of a patient like this" in said.lower()
    assert "would respond" not in said.lower()


def test_bench__without_a_linear_model_says_why(see, page_of, make):
    run = make(patients=24)
    shown = page_of(replace(run, coefficients=run.coefficients.iloc[:0]))
    tab = see(shown)
    assert tab.locator("#r1-bench-part").is_visible()
    assert shown.section["bench"]["why"] in tab.locator("#r1-bench-part").inner_text()
    assert tab.locator(".bench-model").count() == 0


def test_bench__is_not_on_a_page_to_be_sent(see, shared_page):
    tab = see(shared_page)
    assert tab.locator(".bench-model, .bench-patient").count() == 0
    assert '"coefficients"' not in tab.content()
