"""Figures about genes: three states told apart, numbers in the text alternative, and few shapes for many dots."""

from __future__ import annotations

import re
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from report.gene_runs import LEVELS, MODELS, associations, by_chance, contributions, gene_contributions, silenced
from trastuz_ml.report import gene_evidence_figures as evidence
from trastuz_ml.report import gene_figures as figures
from trastuz_ml.report import gene_waterfall as waterfalls

EVIL = "<img src=x onerror=alert(1)>"
PATIENTS = [f"P{i}" for i in range(60)]
RESPONSE = pd.Series([i % 3 == 0 for i in range(60)], index=PATIENTS).astype(int)
FEATURES = {"ANKRD44": "gene", "TP53": "gene", "age": "covariate"}
GENES = ["ANKRD44", "TP53", "TTN", *(f"G{i}" for i in range(400)), "PPM1D"]


def rows(features: dict[str, str] = FEATURES, patients: list[str] = PATIENTS) -> pd.DataFrame:
    return contributions(features, patients, "m")


def draw_beeswarm(gene: str = "ANKRD44") -> str:
    return figures.beeswarm(rows({gene: "gene", "age": "covariate"}), "m", "log-odds")


def draw_dependence(gene: str = "ANKRD44") -> str:
    return figures.dependence(rows({gene: "gene"}), RESPONSE, "m", "log-odds")


def draw_waterfall(gene: str = "ANKRD44") -> str:
    one = rows({gene: "gene", **{f"G{i}": "gene" for i in range(14)}}).query("patient == 'P7'")
    return waterfalls.waterfall(one, -1.0, -1.0 + one["contribution"].sum(), "log-odds", "Kx7")


def draw_levels(level: str = "POS") -> str:
    return figures.dependence(rows({"er_status": "covariate"}), RESPONSE, "m", "log-odds", levels=["NEG", level])


def draw_swarm_of_levels(level: str = "POS") -> str:
    frame = rows({"age": "covariate", "er_status": "covariate"})
    return figures.beeswarm(frame, "m", "log-odds", levels={"er_status": ["NEG", level]})


def draw_stability(gene: str = "ANKRD44") -> str:
    return evidence.stability(gene_contributions({gene: "gene", "age": "covariate"}, "m"), "m")


def draw_volcano(gene: str = "ANKRD44") -> str:
    return evidence.volcano(associations([gene, *GENES[1:]], watched=(gene,)))


def draw_silencing(gene: str = "ANKRD44") -> str:
    return evidence.silencing(silenced(gene, PATIENTS, (gene, *MODELS)), gene)


def draw_chance(words: str = "ANKRD44") -> str:
    return evidence.chance_counts(by_chance().query("strictness == 'p <= 0.05'"), words)


DRAWN: dict[str, Callable[..., str]] = {
    "beeswarm": draw_beeswarm, "dependence": draw_dependence, "waterfall": draw_waterfall,
    "levels": draw_levels, "swarm of levels": draw_swarm_of_levels, "stability": draw_stability,
    "volcano": draw_volcano, "silencing": draw_silencing, "chance": draw_chance,
}  # fmt: skip


def parsed(svg: str) -> ElementTree.Element:
    return ElementTree.fromstring(svg)  # noqa: S314 - drawn here, not received


def said(svg: str) -> str:
    return next(e.text or "" for e in parsed(svg).iter() if e.tag.endswith("desc"))


def written(svg: str) -> list[str]:
    return [e.text or "" for e in parsed(svg).iter() if e.tag.endswith("text")]


def marks(svg: str) -> dict[str, ElementTree.Element]:
    """The first path of each group that was named."""
    return {
        group.attrib["class"]: next(e for e in group.iter() if e.tag.endswith("path"))
        for group in parsed(svg).iter()
        if "class" in group.attrib
    }


def strokes(path: ElementTree.Element) -> int:
    return path.attrib["d"].count("M ")


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_figure__is_svg_with_a_text_alternative_and_the_same_bytes(draw: Callable[..., str]) -> None:
    root = parsed(draw())
    title, description = list(root)[:2]
    assert root.attrib["aria-labelledby"] == f"{title.attrib['id']} {description.attrib['id']}"
    assert re.search(r"\d", description.text or "")
    assert draw() == draw()


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_figure__follows_the_page_and_has_no_inline_style(draw: Callable[..., str]) -> None:
    assert "var(--" in draw()
    assert not re.search(r"#00000\d| style=|<style|nan\b", draw())


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_figure__is_as_narrow_as_a_telephone(draw: Callable[..., str]) -> None:
    assert float(parsed(draw()).attrib["width"]) <= 354


@pytest.mark.parametrize("name", [EVIL, "a$b$_{c}", "基因", "x\x00y"])
@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_figure__strange_names_are_text(draw: Callable[..., str], name: str) -> None:
    assert not [e for e in parsed(draw(name)).iter() if e.tag.endswith("img")]
    assert "onerror" not in {key for e in parsed(draw(name)).iter() for key in e.attrib}


def test_beeswarm__three_states_are_three_marks_and_three_colours() -> None:
    found = marks(draw_beeswarm())
    colours = {name: found[name].attrib["stroke"] for name in ("mutated", "intact", "not-covered")}
    assert len(set(colours.values())) == 3
    assert "round" in found["mutated"].attrib["stroke-linecap"]
    assert found["mutated"].attrib["stroke-width"] != found["intact"].attrib["stroke-width"]
    assert "stroke-linecap" not in found["not-covered"].attrib


def test_beeswarm__draws_a_state_as_one_path_however_many_patients() -> None:
    svg = figures.beeswarm(rows(patients=[f"Q{i}" for i in range(3000)]), "m", "log-odds")
    drawn = [e for e in parsed(svg).iter() if e.tag.endswith("path") and e.attrib.get("d", "").count("M ") > 12]
    # mutated, intact, not covered; above the mean; below it and its hole
    assert len(drawn) == 6
    assert len(svg) < 60_000


def test_beeswarm__says_how_many_of_each_state_and_their_mean() -> None:
    frame = rows({"ANKRD44": "gene"})
    expected = frame.loc[frame["value"] > 0, "contribution"].agg(["size", "mean"])
    lacking = int(frame["value"].isna().sum())
    words = said(figures.beeswarm(frame, "m", "log-odds"))
    assert f"mutated in {expected['size']:.0f} (−{abs(expected['mean']):.3f})" in words
    assert f"not covered in {lacking} (" in words


def test_beeswarm__does_not_depend_on_the_order_of_patients() -> None:
    frame = rows()
    shuffled = frame.sample(frac=1, random_state=1).sort_values(
        "feature", key=lambda f: f.map(list(FEATURES).index)
    )
    assert figures.beeswarm(shuffled, "m", "log-odds") == figures.beeswarm(frame, "m", "log-odds")


def test_beeswarm__of_a_feature_that_moves_nobody_is_drawn_at_zero() -> None:
    frame = rows({"ANKRD44": "gene"}).assign(contribution=0.0)
    assert f"mutated in {int((frame['value'] > 0).sum())} (0.000)" in said(
        figures.beeswarm(frame, "m", "log-odds")
    )


def test_dependence__counts_patients_in_three_columns() -> None:
    frame = rows({"ANKRD44": "gene"})
    texts = written(draw_dependence())
    states = (frame["value"].isna(), frame["value"] == 0, frame["value"] > 0)
    place = texts.index("not covered")
    assert [texts[place + 2 * i] for i in range(3)] == ["not covered", "not mutated", "mutated"]
    assert [texts[place + 2 * i + 1] for i in range(3)] == [str(int(held.sum())) for held in states]


def test_dependence__responders_are_told_apart_by_mark_and_colour() -> None:
    found = marks(draw_dependence())
    assert found["responding"].attrib["stroke"] != found["not-responding"].attrib["stroke"]
    assert "not-responding-hole" in found


def test_dependence__a_covariate_without_a_value_stands_apart() -> None:
    svg = figures.dependence(rows({"age": "covariate"}), RESPONSE, "m", "log-odds")
    assert "missing" in written(svg)
    assert "missing " in said(svg)
    assert "(1 patient, 1 responding)" in said(svg)


def test_beeswarm__says_which_levels_are_filled_and_which_are_open() -> None:
    frame = rows({"er_status": "covariate", "t_stage": "covariate"})
    svg = figures.beeswarm(frame, "m", "log-odds", levels=LEVELS)
    assert {"● POS ○ NEG", "● T3, T4 ○ T1, T2"} <= set(written(svg))
    assert not any("mean" in text for text in written(svg))
    filled, open_ = (strokes(marks(svg)[name]) for name in ("above", "below"))
    assert filled + open_ <= (frame["value"] > 0).sum() + (frame["value"] == 0).sum()


def test_beeswarm__words_give_each_level_with_its_patients() -> None:
    frame = rows({"er_status": "covariate", "age": "covariate"})
    words = said(figures.beeswarm(frame, "m", "log-odds", levels=LEVELS))
    of_er = frame[frame["feature"] == "er_status"]["value"]
    assert re.search(rf"er_status: NEG in {(of_er == 0).sum()} \(.*, POS in {(of_er == 1).sum()} \(", words)
    assert "missing in 1" in words
    assert "age: above its mean in" in words


def test_beeswarm__a_number_beside_levels_is_called_a_number() -> None:
    assert "a number above its mean" in written(draw_swarm_of_levels())
    assert "a number above its mean" not in written(figures.beeswarm(rows({"age": "covariate"}), "m", "log-odds"))


def test_dependence__levels_have_a_column_each_and_the_unknown_one() -> None:
    frame = rows({"t_stage": "covariate"})
    svg = figures.dependence(frame, RESPONSE, "m", "log-odds", levels=LEVELS["t_stage"])
    texts = written(svg)
    place = texts.index("T1")
    assert [texts[place + 2 * i] for i in range(5)] == [*LEVELS["t_stage"], "missing"]
    counted = [*(int((frame["value"] == i).sum()) for i in range(4)), 1]
    assert [texts[place + 2 * i + 1] for i in range(5)] == [str(n) for n in counted]
    second = frame.loc[frame["value"] == 1]
    responding = RESPONSE[second["patient"]].sum()
    assert f"T2 +{second['contribution'].mean():.3f} ({len(second)} patients, {responding} responding)" in said(
        svg
    )


def test_dependence__of_many_levels_the_rare_ones_stand_together_and_are_all_said() -> None:
    frame = rows({"t_stage": "covariate"}).assign(
        value=[*([0.0] * 30), *([1.0] * 10), *range(2, 12), *([np.nan] * 10)]
    )
    svg = figures.dependence(frame, RESPONSE, "m", "log-odds", levels=[f"kind {i}" for i in range(12)])
    texts = written(svg)
    assert [text for text in texts if text.startswith("kind")] == [f"kind {i}" for i in range(5)]
    assert texts[texts.index("others") + 1] == "7"
    assert all(f"kind {i} " in said(svg) for i in range(12))


def test_waterfall__a_category_is_named_by_its_level() -> None:
    one = pd.DataFrame(
        {"feature": ["er_status", "t_stage", "age", "her2"], "block": "covariate",
         "value": [0.0, 2.0, 61.0, np.nan], "contribution": [0.2, -0.1, 0.3, 0.05]}
    )  # fmt: skip
    levels = {**LEVELS, "age": [], "her2": ["NEG", "POS"]}
    svg = waterfalls.waterfall(one, 0.0, 0.45, "log-odds", "Kx", levels=levels)
    assert {"er_status NEG", "t_stage T3", "age 61", "her2 missing"} <= set(written(svg))
    assert "er_status NEG +0.200" in said(svg)


def test_waterfall__a_gene_with_the_name_of_a_category_keeps_its_state() -> None:
    one = pd.DataFrame({"feature": ["ERBB2"], "block": ["gene"], "value": [1.0], "contribution": [0.2]})
    assert waterfalls.waterfall_steps(one, {"ERBB2": ["NEG", "POS"]})["text"].tolist() == ["ERBB2 mutated"]


def test_waterfall__goes_from_base_to_output_with_the_rest_as_one_step() -> None:
    texts = written(draw_waterfall())
    assert "other 6 features" in texts
    assert "base −1.00" in texts


def test_waterfall__a_gene_that_is_not_covered_is_named_so_and_hatched() -> None:
    one = pd.DataFrame(
        {"feature": ["A", "B", "age"], "block": ["gene", "gene", "covariate"], "value": [np.nan, 0.0, 61.0],
         "contribution": [0.2, -0.1, 0.3]}
    )  # fmt: skip
    svg = waterfalls.waterfall(one, 0.0, 0.4, "log-odds", "Kx")
    assert {"A not covered", "B not mutated", "age 61"} <= set(written(svg))
    assert marks(svg)["step-not-covered"].attrib["fill"].startswith("url(#")
    assert marks(svg)["step"].attrib["fill"].startswith("var(")


def test_waterfall__a_patient_whom_nothing_moves_is_drawn() -> None:
    nothing = rows({"A": "gene"}).query("patient == 'P1'").assign(contribution=0.0)
    assert "From base −1.000 to output −1.000" in said(waterfalls.waterfall(nothing, -1.0, -1.0, "log-odds", "Kx"))


def test_stability__without_intervals_is_hollow_and_said() -> None:
    table = gene_contributions(FEATURES, "m").assign(rank_low=np.nan, rank_high=np.nan)
    assert said(evidence.stability(table, "m")).count("no interval") == 3
    assert "rank-hole" in marks(evidence.stability(table, "m"))
    assert "rank-hole" not in marks(draw_stability())
    assert "90 %" in " ".join(written(draw_stability()))


def test_volcano__thousands_of_genes_are_one_path() -> None:
    svg = evidence.volcano(associations(["ANKRD44", "TP53", *(f"G{i}" for i in range(20_000))]))
    assert strokes(marks(svg)["gene"]) > 500
    assert len([e for e in parsed(svg).iter() if e.tag.endswith("path")]) < 20
    assert len(svg) < 600_000


def test_volcano__names_watched_and_significant_genes_and_counts_the_untestable() -> None:
    svg = evidence.volcano(associations(GENES, watched=("TTN",)))
    assert {"ANKRD44", "TTN"} <= set(written(svg))
    assert "G7" not in written(svg)
    assert "403 genes drawn, 1 at q ≤ 0.05; 1 gene without a p left out" in said(svg)


def test_volcano__infinite_odds_ratios_stand_at_the_edge_and_it_is_said() -> None:
    words = said(draw_volcano())
    assert re.search(r"1 beyond an odds ratio of \d+ or 1/\d+ drawn at the edge", words)
    assert any("1 at the edges" in text for text in written(draw_volcano()))


def test_volcano__falls_back_to_fisher_and_says_not_adjusted() -> None:
    found = evidence.volcano_rows(associations(GENES)).set_index("gene")
    assert not found.loc["TP53", "adjusted"]
    assert found.loc["TP53", "height"] == pytest.approx(-np.log10(0.03))
    assert found.loc["ANKRD44", "log2"] == pytest.approx(np.log2(0.05))
    assert "PPM1D" not in found.index


def test_volcano__of_genes_none_of_which_can_be_tested_is_empty() -> None:
    table = associations(GENES).assign(p=np.nan, adjusted_p=np.nan)
    assert "0 genes drawn" in said(evidence.volcano(table))


def test_silencing__says_mean_and_range_of_each_direction() -> None:
    words = said(draw_silencing())
    assert "l2-logistic:both, restored in 15 patients: mean −0.050" in words
    assert "from +0.041 to +0.099" in words
    assert {"silenced", "restored", "restored-hole"} <= set(marks(draw_silencing()))


def test_chance__says_how_many_permutations_reach_the_observed_number() -> None:
    table = by_chance().query("strictness == 'p <= 0.05'")
    reached = int((table.loc[table["number"] > 0, "genes"] >= 18).sum())
    assert f"Observed 18, reached by {reached}." in said(draw_chance())
    assert "99 permutations" in said(draw_chance())


@pytest.mark.parametrize("counts", [[0], [0, 0, 0], [7, 7, 7], [900, 800, 1000], [18, 0, 1]])
def test_chance__draws_whatever_was_counted(counts: list[int]) -> None:
    table = pd.DataFrame({"number": range(len(counts)), "genes": counts})
    svg = evidence.chance_counts(table, "p <= 0.05")
    assert f"observed {counts[0]}" in " ".join(written(svg))
    bars = marks(svg)["null"].attrib["d"].count("M ")
    assert bars == len(set(counts[1:])) or len(counts) == 1
