"""The simulated cohort has the truth it says it has, and the same seed gives the same bytes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy import stats

from trastuz_ml import schema
from trastuz_ml.calls.tables.maf import read_maf
from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.features.simulate import simulate_cohort


def nonsilent(calls):
    return calls[calls["effect"].isin(schema.NONSILENT)]


def carriers(cohort, gene):
    calls = nonsilent(cohort.calls)
    return cohort.roster["patient"].isin(calls.loc[calls["gene"] == gene, "patient"]).to_numpy()


def bytes_of(cohort, folder):
    return {path.name: path.read_bytes() for path in cohort.write(folder, formats=("maf", "vcf"))}


# ------------------------------------------------------------------------------------------- seeds and files
def test_simulate__same_seed_same_bytes(tmp_path):
    first, second = (simulate_cohort(12, seed=5) for _ in range(2))
    assert bytes_of(first, tmp_path / "a") == bytes_of(second, tmp_path / "b")


def test_simulate__different_seeds_differ():
    first, second = simulate_cohort(12, seed=1), simulate_cohort(12, seed=2)
    assert not first.calls.equals(second.calls)
    assert not first.roster.equals(second.roster)


def test_simulate__effects_change_responses_and_nothing_else():
    null, planted = (simulate_cohort(300, effects=e) for e in ({}, {"TTN": 5.0}))
    pd.testing.assert_frame_equal(null.calls, planted.calls)
    assert null.roster.drop(columns="response").equals(planted.roster.drop(columns="response"))
    assert not null.roster["response"].equals(planted.roster["response"])


def test_simulate__every_file_says_that_it_is_simulated_and_with_which_seed(tmp_path):
    paths = simulate_cohort(12, seed=77).write(tmp_path, formats=("maf", "vcf"))
    assert len(paths) == 4 + 12
    assert sorted(p for p in tmp_path.rglob("*") if p.is_file()) == sorted(paths)
    for path in paths:
        lines = path.read_text().splitlines()
        told = lines[1] if path.suffix in {".vcf", ".tsv"} else lines[0]
        assert "SIMULATED" in told
        assert "seed 77" in told
    assert (tmp_path / "calls.maf").read_text().startswith("# ")


def test_simulate__written_maf_reads_back_as_the_calls_table(tmp_path, cohort):
    cohort.write(tmp_path)
    read = read_maf(tmp_path / "calls.maf").drop(columns="file")
    pd.testing.assert_frame_equal(read, cohort.calls.drop(columns="file"), check_exact=True)


def test_simulate__roster_file_is_a_plain_table(tmp_path, cohort):
    cohort.write(tmp_path)
    read = pd.read_csv(tmp_path / "roster.tsv", sep="\t")
    pd.testing.assert_frame_equal(read.drop(columns="source"), cohort.roster)
    assert set(read["source"]) == {"SIMULATED, seed 2019"}


def test_write__earlier_files_are_kept_unless_forced(tmp_path):
    simulate_cohort(12, seed=1).write(tmp_path)
    before = (tmp_path / "calls.maf").read_bytes()
    with pytest.raises(OutputExistsError, match=r"roster\.tsv"):
        simulate_cohort(12, seed=2).write(tmp_path)
    assert (tmp_path / "calls.maf").read_bytes() == before
    simulate_cohort(12, seed=2).write(tmp_path, force=True)
    assert (tmp_path / "calls.maf").read_bytes() != before


@pytest.mark.parametrize("formats", [(), ("bcf",), ("maf", "bcf")])
def test_write__unknown_format_is_refused(tmp_path, cohort, formats):
    with pytest.raises(InputError, match="maf, vcf"):
        cohort.write(tmp_path / "new", formats=formats)
    assert not (tmp_path / "new").exists()


# ------------------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize("patients", [-1, 0, 11, 100_001])
def test_simulate__patients_outside_12_to_100000_are_refused(patients):
    with pytest.raises(InputError, match=r"12 to 100,000 patients"):
        simulate_cohort(patients)


@pytest.mark.parametrize("rate", [-0.1, 0.0, 1.0, 35.0, float("nan")])
def test_simulate__response_rate_outside_0_to_1_is_refused(rate):
    with pytest.raises(InputError, match="between 0 and 1"):
        simulate_cohort(12, response_rate=rate)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"seed": -1}, "whole number"),
        ({"genes": 10}, "200 to 40,000"),
        ({"effects": {"NOGENE": 1.0}}, "no gene NOGENE"),
        ({"effects": {"TP53": float("inf")}}, "finite"),
        ({"truncations": {"er_status": 0.1}}, "no gene er_status"),
        ({"truncations": {"ANKRD44": 1.5}}, "0 to 1"),
    ],
)
def test_simulate__impossible_arguments_are_refused_with_the_reason(arguments, said):
    with pytest.raises(InputError, match=said):
        simulate_cohort(12, **arguments)


@pytest.mark.parametrize("patients", [12, 13, 600])
def test_simulate__small_and_larger_cohorts_work(patients):
    cohort = simulate_cohort(patients, seed=3)
    assert cohort.roster["patient"].is_unique
    assert len(cohort.roster) == patients
    assert set(cohort.calls["patient"]) <= set(cohort.roster["patient"])


# ------------------------------------------------------------------------------------------- calls
def test_simulate__burden_is_log_normal_around_transneo(large):
    burden = nonsilent(large.calls).groupby("patient").size()
    log = np.log(burden)
    assert abs(stats.skew(log)) < 0.15
    assert burden.median() == pytest.approx(40, abs=2)
    assert log.std() == pytest.approx(0.77, abs=0.04)
    assert large.calls.groupby("patient").size().median() == pytest.approx(72, rel=0.08)


def test_simulate__long_genes_are_hit_most_after_the_drivers(large):
    counts = nonsilent(large.calls).drop_duplicates(["patient", "gene"])["gene"].value_counts()
    planted = set(large.truth.loc[large.truth["planted"] > 0, "feature"])
    assert list(counts.drop(list(planted & set(counts.index))).index[:2]) == ["TTN", "MUC16"]
    assert {"TP53", "PIK3CA", "TTN", "MUC16"} <= set(counts.index[:8])
    # TransNEO: 31 of 168 carry TTN, 15 of 168 MUC16.
    assert counts["TTN"] / len(large.roster) == pytest.approx(31 / 168, abs=0.06)
    assert counts["MUC16"] / len(large.roster) == pytest.approx(15 / 168, abs=0.04)


def test_simulate__driver_prevalences_are_those_of_transneo(large):
    for gene, published in {"TP53": 96, "PIK3CA": 44, "GATA3": 16, "MAP3K1": 13, "PTEN": 9}.items():
        assert carriers(large, gene).mean() == pytest.approx(published / 168, abs=0.02)


def test_simulate__ankrd44_calls_are_truncating(large):
    calls = nonsilent(large.calls).query("gene == 'ANKRD44'")
    assert (calls["effect"] == "truncating").mean() > 0.95
    assert carriers(large, "ANKRD44").mean() == pytest.approx(0.15, abs=0.015)


def test_simulate__without_planted_truncations_ankrd44_is_as_rare_as_its_length_says():
    cohort = simulate_cohort(800, truncations={}, effects={})
    assert carriers(cohort, "ANKRD44").mean() < 0.015


def test_simulate__er_negative_tumours_have_more_calls_and_more_tp53(large):
    negative = (large.roster["er_status"] == "NEG").to_numpy()
    burden = nonsilent(large.calls).groupby("patient").size().reindex(large.roster["patient"], fill_value=0)
    assert burden[negative].median() > 1.15 * burden[~negative].median()
    tp53 = carriers(large, "TP53")
    assert tp53[negative].mean() > 1.5 * tp53[~negative].mean()


# ------------------------------------------------------------------------------------------- response
def test_simulate__response_rate_is_near_the_one_asked(large):
    for rate in (0.1, 0.35, 0.8):
        got = (simulate_cohort(600, seed=9, response_rate=rate).roster["response"] == "pCR").mean()
        assert got == pytest.approx(rate, abs=0.06)
    assert (large.roster["response"] == "pCR").mean() == pytest.approx(0.35, abs=0.015)


def test_simulate__logistic_regression_recovers_the_planted_log_odds(large):
    roster = large.roster
    features = pd.DataFrame(
        {
            "ANKRD44": carriers(large, "ANKRD44"),
            "TP53": carriers(large, "TP53"),
            "er_status": roster["er_status"] == "POS",
            "her2_status": roster["her2_status"] == "POS",
        }
    ).astype(float)
    fit = sm.Logit((roster["response"] == "pCR").astype(float), sm.add_constant(features)).fit(disp=0)
    planted = {"const": large.intercept, "ANKRD44": -2.0, "TP53": 0.0, "er_status": -1.57, "her2_status": 0.86}
    for name, log_odds in planted.items():
        assert abs(fit.params[name] - log_odds) < 4 * fit.bse[name]
        assert fit.bse[name] < 0.25


def test_simulate__mantel_haenszel_within_subtypes_agrees(large):
    roster = large.roster.assign(carrier=carriers(large, "ANKRD44"), responded=large.roster["response"] == "pCR")
    tables = [
        pd.crosstab(part["carrier"], part["responded"]).to_numpy()
        for _, part in roster.groupby(["er_status", "her2_status"])
    ]
    pooled = sm.stats.StratifiedTable(tables)
    assert pooled.logodds_pooled == pytest.approx(-2.0, abs=0.25)


def test_simulate__unadjusted_tp53_looks_associated_through_subtype_alone(large):
    table = pd.crosstab(carriers(large, "TP53"), large.roster["response"] == "pCR").to_numpy()
    assert stats.fisher_exact(table).pvalue < 1e-6
    assert large.truth.set_index("feature").loc["TP53", "log_odds"] == 0


def test_simulate__burden_effect_is_per_doubling():
    cohort = simulate_cohort(1_500, effects={"burden": 0.5, "er_status": 0.0, "her2_status": 0.0})
    burden = nonsilent(cohort.calls).groupby("patient").size().reindex(cohort.roster["patient"], fill_value=0)
    doublings = sm.add_constant(np.log2(burden.clip(lower=1)).to_numpy())
    fit = sm.Logit((cohort.roster["response"] == "pCR").astype(float).to_numpy(), doublings).fit(disp=0)
    assert abs(fit.params[1] - 0.5) < 4 * fit.bse[1]


def test_truth__tells_what_was_planted_and_what_came_out(large):
    truth = large.truth.set_index("feature")
    assert set(truth["kind"]) == {"gene", "covariate", "burden"}
    assert truth.loc["ANKRD44", "log_odds"] == -2.0
    assert truth.loc["ANKRD44", "prevalence"] == carriers(large, "ANKRD44").mean()
    assert (truth.loc[truth["log_odds"] != 0].index == ["ANKRD44", "er_status", "her2_status"]).all()
