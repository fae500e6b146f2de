"""What a report says of genes beyond the leading ones, and the part of the page that shows it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from report.gene_runs import EXPORTED, MODELS, associations, by_chance, silenced, with_genes
from trastuz_ml import schema
from trastuz_ml.report.content import content_of
from trastuz_ml.report.figure_files import write_figures
from trastuz_ml.report.gene_evidence import (
    ASSOCIATIONS_SHOWN,
    MARKS,
    associations_content,
    by_chance_content,
    certificates_content,
    silencing_content,
)
from trastuz_ml.report.gene_patients import features_shown, levels_shown, model_shown
from trastuz_ml.report.html import compare, figures_of
from trastuz_ml.report.privacy import Pseudonyms, pseudonyms_of
from trastuz_ml.store.run_folder import Run

Make = Callable[..., Run]
Names = Callable[[Run], dict[str, str]]
EVIL = "<img src=x onerror=alert(1)>"
KINDS = ("volcano", "beeswarm", "stability", "dependence", "waterfall", "silencing", "by_chance")


class Tags(HTMLParser):
    """Collects tags, handlers and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.handlers: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def run(make: Make) -> Run:
    return with_genes(make())


@pytest.fixture(scope="module")
def genes(run: Run, pseudonyms: Names) -> dict:
    return content_of([run], pseudonyms(run))["runs"][0]["genes"]


@pytest.fixture(scope="module")
def page(run: Run, pseudonyms: Names, tmp_path_factory: pytest.TempPathFactory) -> str:
    out = compare([run], tmp_path_factory.mktemp("page") / "r.html", names=pseudonyms(run))
    return out.read_text("utf-8")


def test_content__of_genes_is_plain_json_without_identifiers(run: Run, pseudonyms: Names) -> None:
    content = content_of([run], pseudonyms(run))
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert "PATIENT-" not in json.dumps(content)


def test_content__of_genes_does_not_depend_on_the_order_of_rows(run: Run, genes: dict, pseudonyms: Names) -> None:
    shuffled = replace(
        run,
        contributions=run.contributions.sample(frac=1, random_state=3),
        explained=run.explained.sample(frac=1, random_state=3),
        patients=run.patients.sample(frac=1, random_state=3),
    )
    assert content_of([shuffled], pseudonyms(run))["runs"][0]["genes"]["patients"] == genes["patients"]


def test_associations__watched_genes_come_first_then_the_smallest_p() -> None:
    table = associations([f"G{i}" for i in range(60)], watched=("G59", "G30"))
    shown = associations_content(table)["rows"]
    assert len(shown) == ASSOCIATIONS_SHOWN
    assert [row["gene"] for row in shown[:3]] == ["G30", "G59", "G0"]
    judged = [row["adjusted_p"] if row["adjusted_p"] is not None else row["p"] for row in shown[2:]]
    assert judged == sorted(judged)


def test_associations__untestable_genes_are_counted_and_only_shown_when_watched() -> None:
    found = associations_content(associations(["ANKRD44", "A", "PPM1D"], watched=("ANKRD44",)))
    assert (found["genes"], found["tested"], found["drawn"]) == (3, 2, 2)
    assert [row["gene"] for row in found["rows"]] == ["ANKRD44", "A"]
    assert found["rows"][1]["odds_ratio"] == "inf"


def test_associations__a_gene_no_outcome_of_which_could_reach_p_005_is_drawn_and_not_called_tested(
    run: Run, pseudonyms: Names
) -> None:
    table = run.associations.copy()
    table.loc[table["gene"].str.startswith("G"), ["q", "adjusted_q"]] = np.nan
    few = replace(run, associations=table)
    section = content_of([few], pseudonyms(few))["runs"][0]
    found = section["genes"]["associations"]
    tested = int(table["adjusted_q"].notna().sum())
    assert (found["genes"], found["tested"], found["drawn"]) == (len(table), tested, len(table) - 1)
    caption = figures_of(section, "r1")["volcano"][0]["caption"]
    assert caption.startswith(f"{len(table) - 1} genes, {tested} of which could reach p 0.05")


def test_certificates__ankrd44_leads_and_each_verdict_has_a_mark_and_a_word() -> None:
    given = [
        SimpleNamespace(gene=gene, verdict=verdict, why="Because.", sentences=("One.", "Two."))
        for gene, verdict in zip(["ERBB2", "ANKRD44", "TP53", "TTN", "BRAF"], MARKS, strict=True)
    ]
    found = certificates_content(given)  # type: ignore[arg-type]
    assert [row["gene"] for row in found] == ["ANKRD44", "ERBB2", "TP53", "TTN", "BRAF"]
    assert {row["verdict"]: row["mark"] for row in found} == MARKS
    assert len(set(MARKS.values())) == len(MARKS)


def test_silencing__models_that_never_change_are_named_not_drawn() -> None:
    found = silencing_content(silenced("TTN", [f"P{i}" for i in range(8)]), [])[0]
    assert found["still"] == [MODELS[1]]
    assert {row["model"] for row in found["rows"]} == {MODELS[0]}
    by_direction = {row["direction"]: row for row in found["rows"]}
    assert by_direction["restored"]["patients"] == 2
    assert by_direction["restored"]["change"] == pytest.approx(-0.05)
    assert {d["direction"]: len(d["changes"]) for d in found["dots"]} == {"restored": 2, "silenced": 6}


def test_silencing__watched_genes_come_first_in_the_order_declared() -> None:
    table = pd.concat([silenced(gene, ["P1", "P2"]) for gene in ("TTN", "TP53", "ANKRD44")])
    assert [row["gene"] for row in silencing_content(table, ["ANKRD44", "TP53"])] == ["ANKRD44", "TP53", "TTN"]


def test_by_chance__a_strictness_that_no_gene_ever_meets_is_said_not_drawn() -> None:
    rows = by_chance_content(by_chance(), 40, 12)["rows"]
    assert [len(row["counts"]) for row in rows] == [99, 0]
    assert "no gene" in rows[1]["sentence"]


def test_by_chance__says_when_every_arrangement_was_counted() -> None:
    table = pd.DataFrame({"strictness": "p <= 0.05", "number": range(6), "genes": [3, 0, 1, 0, 1, 0]})
    assert "all 6 arrangements" in by_chance_content(table, 4, 2)["rows"][0]["method"]
    assert "shuffled" in by_chance_content(table, 5, 2)["rows"][0]["method"]


def test_patients__states_are_those_of_the_contributions(run: Run, genes: dict, pseudonyms: Names) -> None:
    feature = next(f for f in genes["patients"]["features"] if f["feature"] == "ANKRD44")
    known = run.contributions.query("feature == 'ANKRD44'")
    known = known.assign(shown=known["patient"].map(pseudonyms(run))).sort_values("shown")
    assert feature["values"] == [None if np.isnan(v) else v for v in known["value"]]
    assert feature["contributions"] == pytest.approx(known["contribution"].to_list(), abs=1e-5)
    assert None in feature["values"]


def test_patients__levels_are_given_with_features_and_steps(genes: dict) -> None:
    of_features = {feature["feature"]: feature["levels"] for feature in genes["patients"]["features"]}
    assert of_features["er_status"] == ["NEG", "POS"]
    assert of_features["age"] == of_features["ANKRD44"] == []
    steps = genes["patients"]["waterfalls"][0]["steps"]
    assert dict(zip(steps["feature"], steps["levels"], strict=True))["t_stage"] == ["T1", "T2", "T3", "T4"]


def test_levels__that_may_name_a_patient_are_shown_by_place_and_a_stage_is_none(
    run: Run, pseudonyms: Names
) -> None:
    patient = str(run.patients["patient"].iloc[0])
    site = {"name": "site", "block": "covariate", "kind": "category", "levels": [patient, "Oslo"], "counts": []}
    held = replace(run, features=[site, *run.features])
    stages = Pseudonyms(pseudonyms(run), frozenset({"T4"}), frozenset({"PATIENT-9", "T9"}))
    assert levels_shown(held, pseudonyms_of([held], pseudonyms(run)))["site"] == ["level 1", "Oslo"]
    assert levels_shown(held, stages)["t_stage"] == ["T1", "T2", "T3", "level 4"]


def test_figures__no_category_is_shown_by_its_code(run: Run, pseudonyms: Names) -> None:
    drawn = figures_of(content_of([run], pseudonyms(run))["runs"][0], "r1")
    pages = "".join(panel["svg"] for kind in ("beeswarm", "dependence", "waterfall") for panel in drawn[kind])
    assert not re.search(r"(er_status|t_stage) \d", pages)
    assert "er_status POS" in pages or "er_status NEG" in pages
    assert "● T3, T4 ○ T1, T2" in pages


def test_patients__what_a_gap_contributes_is_said_only_where_there_is_one(
    run: Run, genes: dict, pseudonyms: Names
) -> None:
    assert "neither mutated nor intact" in genes["patients"]["gaps"]
    known = run.contributions.assign(value=run.contributions["value"].fillna(0))
    whole = content_of([replace(run, contributions=known)], pseudonyms(run))["runs"][0]["genes"]
    assert whole["patients"]["gaps"] == ""


def test_leading__sampled_contributions_say_their_error(run: Run, pseudonyms: Names) -> None:
    explained = run.explained.assign(method="permutation", error=0.0021)
    explained.loc[0, "method"] = "constant"
    section = content_of([replace(run, explained=explained)], pseudonyms(run))["runs"][0]
    captions = [panel["caption"] for panel in figures_of(section, "r1")["leading"]]
    assert captions == ["sampled contributions, standard error at most 0.0021"]


def test_patients__waterfalls_are_of_the_highest_and_lowest_and_add_up(
    run: Run, genes: dict, pseudonyms: Names
) -> None:
    outputs = run.explained.groupby("patient")["output"].mean()
    highest, lowest = genes["patients"]["waterfalls"]
    assert highest["patient"] == pseudonyms(run)[outputs.idxmax()]
    assert lowest["patient"] == pseudonyms(run)[outputs.idxmin()]
    for one in (highest, lowest):
        assert one["base"] + sum(one["steps"]["contribution"]) == pytest.approx(one["output"], abs=1e-4)


def test_patients__rows_that_were_refused_are_in_no_waterfall(run: Run, pseudonyms: Names) -> None:
    refused = run.explained.assign(gap=np.nan)
    content = content_of([replace(run, explained=refused)], pseudonyms(run))
    assert content["runs"][0]["genes"]["patients"]["waterfalls"] == []


def test_model_shown__is_the_exported_one_or_the_best_that_uses_genes(run: Run) -> None:
    assert model_shown(run) == (EXPORTED, "the exported model")
    other = replace(run, provenance={**run.provenance, "exported": "clinical-only"})
    assert model_shown(other)[0] == EXPORTED
    assert "no gene moves the exported one (clinical-only)" in model_shown(other)[1]
    still = replace(run, gene_contributions=run.gene_contributions.assign(mean_abs=0.0))
    assert "no gene moves the predictions of any model" in model_shown(still)[1]


def test_features_shown__a_watched_gene_far_behind_is_among_them() -> None:
    names = [f"G{i:02d}" for i in range(40)]
    table = pd.DataFrame({"feature": names, "mean_abs": np.linspace(1, 0.1, 40)})
    shown = features_shown(table, ["G39", "NOT_THERE"])
    assert len(shown) == 12
    assert shown[-1] == "G39"


def test_figures__every_kind_is_drawn(run: Run, pseudonyms: Names, tmp_path: Path) -> None:
    drawn = figures_of(content_of([run], pseudonyms(run))["runs"][0], "r1")
    assert all(drawn[kind] for kind in KINDS)
    written = {path.name for path in write_figures(run, pseudonyms(run), tmp_path)}
    assert len(written) == sum(len(panels) for panels in drawn.values())


def test_page__has_every_heading_and_the_verdict_as_a_word(page: str) -> None:
    text = Tags(page).text
    for heading in ("What each gene contributes, and how sure one can be", "Certificates", "Gene sets",
                    "Association with the response", "Stability in each model", "Agreement between models",
                    "In-silico silencing", "Genes by chance", f"Contributions in {EXPORTED}"):  # fmt: skip
        assert heading in text
    assert any(f"{mark} {verdict}" in " ".join(text.split()) for verdict, mark in MARKS.items())


def test_page__says_how_many_genes_are_tested_and_what_the_verdict_is(page: str, genes: dict) -> None:
    text, found = " ".join(Tags(page).text.split()), genes["associations"]
    assert (
        f"over {found['tested']} of {found['genes']} genes: with the carriers that the other genes have, "
        "no outcome could reach p 0.05" in text
    )
    assert "The verdict is that of the certificate below, by the adjusted p." in text


def test_page__holds_no_identifier_in_any_byte(page: str) -> None:
    assert "PATIENT-" not in page


def test_page__names_of_genes_sets_and_certificates_are_text(
    make: Make, pseudonyms: Names, tmp_path: Path
) -> None:
    run = with_genes(make(), EVIL)
    page = compare([run], tmp_path / "r.html", names=pseudonyms(run)).read_text("utf-8")
    parsed = Tags(page)
    assert "img" not in parsed.tags
    assert parsed.handlers == []
    assert EVIL in parsed.text


def test_page__without_tables_about_genes_has_no_such_part(run: Run, pseudonyms: Names, tmp_path: Path) -> None:
    emptied = ("associations", "gene_contributions", "contributions", "set_contributions", "agreement", "silenced",
               "genes_by_chance", "explained")  # fmt: skip
    bare = replace(run, **{name: schema.empty(getattr(schema, name.upper())) for name in emptied})
    page = compare([bare], tmp_path / "r.html", names=pseudonyms(bare)).read_text("utf-8")
    assert "how sure one can be" not in page
    assert "-sure-part" not in page


def test_page__stays_small_with_eight_models_and_200_patients(
    make: Make, pseudonyms: Names, tmp_path: Path
) -> None:
    run = with_genes(make(patients=200))
    models = tuple(f"model-{i}:both" for i in range(9))
    patients = list(run.patients["patient"])
    heavy = pd.concat([silenced(g, patients, models) for g in ("ANKRD44", "ERBB2", "PIK3CA", "TP53")])
    rng = np.random.default_rng(0)
    heavy["change"] += rng.normal(0, 0.05, len(heavy)) * (heavy["model"] != models[-1])
    page = compare([replace(run, silenced=heavy)], tmp_path / "r.html", names=pseudonyms(run))
    assert page.stat().st_size < 3_000_000
