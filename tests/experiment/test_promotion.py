"""A model is promoted on the evidence of the run that made it, or with a reason, and never otherwise."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.experiment.promotion import evidence_in, evidence_lines, promote
from trastuz_ml.experiment.promotion_rules import RULES, evidence_of
from trastuz_ml.learn.chance import chance_table
from trastuz_ml.schema import CHANCE, COMPARISONS, PERMUTED, SCORES, conform
from trastuz_ml.store.bundle import make_bundle, save_bundle
from trastuz_ml.track.connection import quiet_mlflow, sqlite_path
from trastuz_ml.track.registry import versions_by_alias

MODEL = "l2-logistic:both"
RIVALS = ("clinical-only", "l2-logistic:genes", MODEL)
CARD = {"response": {}, "patients": 60, "responders": 20, "scores": [], "sources": [], "limits": []}


def permuted(statistics, times=99, seed=0):
    """Permuted statistics as a run keeps them: number 0 as given, the others around 0.5."""
    rng = np.random.default_rng(seed)
    rows = [("responses", 0, model, value) for model, value in statistics.items()]
    rows += [
        ("responses", number, model, 0.5 + 0.05 * rng.uniform(-1, 1))
        for number in range(1, times + 1)
        for model in statistics
    ]
    return conform(pd.DataFrame(rows, columns=PERMUTED.names), PERMUTED)


def scores(model, auroc=(0.7, 0.6, 0.8), intercept=(0.0, -0.4, 0.4), slope=(1.0, 0.5, 1.5)):
    named = {"AUROC": auroc, "calibration intercept": intercept, "calibration slope": slope}
    return [(model, score, *values, "made up") for score, values in named.items()]


def comparison(model, low=0.01):
    row = {"model": model, "rival": "clinical-only", "score": "AUROC", "difference": 0.1, "low": low, "high": 0.2}
    return row | {"interval": "made up"}


@pytest.fixture
def run(small_trained):
    """A run in which every rule is met, for the chosen model and for each of the others."""
    trained = small_trained[1].run
    models = ["chosen", *RIVALS]
    statistics = permuted(dict.fromkeys(models, 0.8))
    return replace(
        trained,
        configuration={**trained.configuration, "export": MODEL},
        permuted=statistics,
        chance=chance_table(statistics, most=99),
        scores=conform(pd.DataFrame([r for m in models for r in scores(m)], columns=SCORES.names), SCORES),
        comparisons=conform(
            pd.DataFrame([comparison(m) for m in models]).reindex(columns=COMPARISONS.names), COMPARISONS
        ),
    )


def with_scores(run, **changed):
    return replace(run, scores=conform(pd.DataFrame(scores(MODEL, **changed), columns=SCORES.names), SCORES))


def with_export(run, export):
    return replace(run, configuration={**run.configuration, "export": export})


def verdicts(run, model=MODEL):
    return {evidence.rule: evidence.met for evidence in evidence_of(run, model)}


def found(run, rule, model=MODEL):
    return next(e.found for e in evidence_of(run, model) if e.rule == rule)


def test_rules__are_all_met_where_everything_is_there(run):
    assert verdicts(run) == {"chance": True, "gain": True, "calibration": True}
    assert "p = 0.010 of 'l2-logistic:both', adjusted for 3 models" in found(run, "chance")
    assert "+0.100, 95 % interval +0.010 to +0.200" in found(run, "gain")


def test_rules__of_a_choice_by_inner_folds_judge_the_choice(run):
    # The picked model's own rows are splendid; the rows of the choice are not.
    poor = [("chosen", "AUROC", 0.6, 0.45, 0.7, ""), *scores("chosen", slope=(2.0, 1.1, 3.0))[1:]]
    table = conform(pd.DataFrame([*poor, *scores(MODEL)], columns=SCORES.names), SCORES)
    statistics = permuted({"chosen": 0.5} | dict.fromkeys(RIVALS, 0.8))
    pairs = conform(
        pd.DataFrame([comparison("chosen", low=-0.01), comparison(MODEL)]).reindex(columns=COMPARISONS.names),
        COMPARISONS,
    )
    other = replace(run, scores=table, chance=chance_table(statistics, most=99), comparisons=pairs)
    assert verdicts(with_export(other, "chosen")) == {"chance": False, "gain": False, "calibration": False}
    assert verdicts(with_export(other, MODEL)) == {"chance": True, "gain": True, "calibration": True}


def test_chance__without_permutations_says_how_to_have_them(run):
    none = replace(run, chance=conform(pd.DataFrame(columns=CHANCE.names), CHANCE))
    assert not verdicts(none)["chance"]
    assert "set permutation: times:" in found(none, "chance")


def test_chance__that_left_out_a_competitor_is_no_test_of_the_choice(run):
    statistics = permuted({"chosen": 0.8, MODEL: 0.8})
    fewer = replace(run, permuted=statistics, chance=chance_table(statistics, most=99))
    assert not verdicts(fewer)["chance"]
    assert "clinical-only, l2-logistic:genes was not permuted" in found(fewer, "chance")


def test_chance__is_adjusted_for_the_best_of_all_models(run):
    # Its own p is small; but the best of three models reaches its AUROC in most permutations.
    statistics = permuted({"chosen": 0.8, "clinical-only": 0.5, "l2-logistic:genes": 0.5, MODEL: 0.548})
    chance = chance_table(statistics, most=99).set_index("model")
    assert chance.loc[MODEL, "p"] <= 0.05 < chance.loc[MODEL, "adjusted_p"]
    judged = replace(run, permuted=statistics, chance=chance.reset_index()[list(CHANCE.names)])
    assert not verdicts(judged)["chance"]


def test_chance__of_every_arrangement_counts_the_highest_of_each(run):
    statistics = permuted({"chosen": 0.8, "clinical-only": 0.5, "l2-logistic:genes": 0.5, MODEL: 0.545}, times=19)
    exact = replace(run, permuted=statistics, chance=chance_table(statistics, most=19, exact=True))
    wide = statistics[statistics["model"] != "chosen"].pivot(index="number", columns="model", values="statistic")
    share = (wide.max(axis=1) >= 0.545).mean()
    assert 0.05 < share < 1
    assert f"p = {share:.2f} of" in found(exact, "chance")


def test_chance__of_a_sequence_stopped_early_is_that_of_the_choice_alone(run):
    statistics = permuted(dict.fromkeys(("chosen", *RIVALS), 0.6), times=20)
    as_good = (statistics["model"] == "chosen") & statistics["number"].isin([3, 7, 11, 15, 20])
    statistics.loc[as_good, "statistic"] = 0.7
    stopped = replace(run, chance=chance_table(statistics, most=999, stop_at=5))
    assert "set permutation: stop_at: 0" in found(stopped, "chance")
    assert "stopped at 5" in found(with_export(stopped, "chosen"), "chance")


@pytest.mark.parametrize(
    ("model", "low", "covariates", "asked"),
    [
        (MODEL, 0.4, True, "less that of clinical-only"),
        ("burden-only", 0.4, True, "less that of clinical-only"),
        ("clinical-only", 0.6, True, "AUROC of 'clinical-only' 0.700"),
        ("l2-logistic:genes", 0.6, False, "AUROC of 'l2-logistic:genes' 0.700"),
    ],
)
def test_gain__is_over_the_clinical_rival_where_calls_are_read_and_there_is_one(
    run, model, low, covariates, asked
):
    rows = scores(model, auroc=(0.7, low, 0.8))
    pairs = pd.DataFrame([comparison(model)]).reindex(columns=COMPARISONS.names)
    judged = replace(
        with_export(run, model),
        scores=conform(pd.DataFrame(rows, columns=SCORES.names), SCORES),
        comparisons=conform(pairs, COMPARISONS),
        features=run.features if covariates else [],
    )
    assert verdicts(judged, model)["gain"]
    assert asked in found(judged, "gain", model)


def test_gain__that_may_be_nothing_or_was_not_compared_is_not_met(run):
    for pairs, said in (
        ([comparison(MODEL, low=-0.001)], "−0.001 to"),
        ([comparison(MODEL, low=0.0)], "95 % interval"),
        ([comparison(MODEL, low=np.nan) | {"interval": "refused: pairs"}], "refused: pairs"),
        ([], "add it to models:"),
    ):
        table = pd.DataFrame(pairs, columns=COMPARISONS.names if not pairs else None)
        judged = replace(run, comparisons=conform(table.reindex(columns=COMPARISONS.names), COMPARISONS))
        assert not verdicts(judged)["gain"]
        assert said in found(judged, "gain")


def test_gain__an_auroc_interval_that_reaches_a_half_is_not_met(run):
    judged = replace(with_scores(run, auroc=(0.6, 0.5, 0.7)), features=[])
    assert not verdicts(judged)["gain"]


@pytest.mark.parametrize(
    "changed",
    [
        {"intercept": (0.5, 0.1, 0.9)},
        {"intercept": (-0.5, -0.9, -0.1)},
        {"slope": (0.5, 0.1, 0.9)},
        {"slope": (2.0, 1.1, 2.9)},
        {"slope": (0.6, -0.1, 1.3)},
        {"slope": (np.nan, np.nan, np.nan)},
    ],
)
def test_calibration__intercept_holds_0_and_slope_holds_1_above_0(run, changed):
    assert not verdicts(with_scores(run, **changed))["calibration"]


# --- Promotion ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def uri(tmp_path_factory):
    """A registry: to make one takes seconds, so that each test has a name of its own in it instead."""
    return f"sqlite:///{tmp_path_factory.mktemp('registry')}/registry.db"


@pytest.fixture
def kept(run, small_trained, tmp_path):
    """The run on disk, and its model in two versions."""
    run.save(tmp_path / "runs" / "small")
    return tmp_path / "runs" / "small", [save(run, small_trained[1], tmp_path, word) for word in ("one", "other")]


@pytest.fixture
def promoted(kept, uri, request):
    """Return a function that promotes in the registry under the test's own name."""
    name = request.node.originalname[:90]

    def promoting(model, **settings):
        return promote(kept[0], model, "champion", **({"tracking": uri, "register_as": name} | settings))

    return promoting


@pytest.fixture
def champion(uri, request):
    """Return a function that looks up who is champion."""
    return lambda: versions_by_alias(uri, "champion", request.node.originalname[:90])


def save(run, trained, place, purpose):
    card = CARD | {"run": run.fingerprint, "purpose": purpose}
    matrix, model = trained.run.matrix, replace(trained.model, name=MODEL)
    bundle = make_bundle("small", model, trained.design.features, matrix.encoding, matrix.effects, card, True)
    return save_bundle(bundle, place / "models" / "small")[0]


def poor(run, place):
    """Save the run without permutations, and miscalibrated; it stays the run that made the model."""
    none = conform(pd.DataFrame(columns=CHANCE.names), CHANCE)
    replace(with_scores(run, slope=(0.4, 0.1, 0.7)), chance=none).save(place, force=True)


def test_promote__with_evidence_gives_the_alias_and_moves_it_back(kept, promoted, champion):
    first, second = kept[1]
    done = [promoted(model) for model in (first, second, first)]
    assert [(d.model, d.given.version, d.given.before) for d in done] == [
        ("small/1", "1", ""), ("small/2", "2", "1"), ("small/1", "1", "2"),
    ]  # fmt: skip
    [now] = champion()
    assert now.identity == done[0].identity
    assert (now.tags["evidence"], now.tags["simulated"]) == ("met", "yes")
    assert evidence_in(now.tags) == done[0].evidence
    assert not [key for key in now.tags if key.startswith("override")]


def test_promote__is_called_like_the_model_unless_said_otherwise(kept, promoted):
    assert promoted(kept[1][0], register_as=None).given.name == "small"


def test_promote__without_evidence_lists_each_rule_and_changes_nothing(kept, promoted, champion, run):
    poor(run, kept[0])
    with pytest.raises(EvidenceError, match="2 of 3 rules are not met") as caught:
        promoted(kept[1][0])
    text = str(caught.value)
    assert all(words in text for words, _ in RULES.values())
    for said in ("no permutation was made", "+0.010 to +0.200", "slope +0.40 (+0.10 to +0.70)", "--override"):
        assert said in text
    assert champion() == []


def test_promote__with_a_reason_keeps_reason_and_evidence(kept, promoted, champion, run):
    poor(run, kept[0])
    assert promoted(kept[1][0], override="  a\n trial ").override == "a trial"
    [now] = champion()
    assert now.tags["override champion"] == "a trial"
    assert now.tags["evidence"] == "not met"
    assert now.tags["evidence chance"].startswith("not met: no permutation was made")
    assert now.tags["evidence gain"].startswith("met: ")
    run.save(kept[0], force=True)
    again = promoted(kept[1][0], override="not needed")
    [now] = champion()
    assert (again.override, now.tags["evidence"]) == ("", "met")
    assert "override champion" not in now.tags


@pytest.mark.parametrize("reason", ["", "  \n", "x" * 2001, "SIM000001 responded"])
def test_promote__a_reason_that_says_nothing_or_names_a_patient_is_refused(kept, promoted, champion, reason):
    with pytest.raises(ConfigurationError, match="--override"):
        promoted(kept[1][0], override=reason)
    assert champion() == []


def test_promote__a_model_of_another_run_is_refused_even_with_a_reason(kept, promoted, run):
    replace(run, out_of_fold=run.out_of_fold.assign(probability=0.5)).save(kept[0], force=True)
    with pytest.raises(EvidenceError, match="was not made by the run small"):
        promoted(kept[1][0], override="I know better")


def test_promote__an_older_version_whose_run_was_replaced_stands_on_the_recorded_evidence(kept, promoted, run):
    first, second = kept[1]
    promoted(first)
    replace(run, out_of_fold=run.out_of_fold.assign(probability=0.5)).save(kept[0], force=True)
    done = promoted(first)
    assert (done.recorded, done.given.version) == (True, "1")
    with pytest.raises(EvidenceError, match="was not made by the run"):
        promoted(second)


def test_promote__the_address_of_the_experiment_goes_before_the_variable(kept, promoted, run, uri, monkeypatch):
    replace(run, configuration={**run.configuration, "tracking": {"uri": uri}}).save(kept[0], force=True)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://nobody@127.0.0.1:9")
    assert promoted(kept[1][0], tracking=None).given.uri == uri


def test_promote__no_byte_of_the_registry_names_a_patient(kept, promoted, run, uri):
    promoted(kept[1][0])
    database = sqlite_path(uri)
    patients = [patient.encode() for patient in run.patients["patient"]]
    written = [database, *(p for p in (database.parent / "mlartifacts").rglob("*") if p.is_file())]
    assert len(written) > 5
    assert not [path for path in written if any(patient in path.read_bytes() for patient in patients)]


def test_promote__a_model_that_was_not_tracked_is_logged_in_a_run_that_says_so(kept, promoted, uri):
    done = promoted(kept[1][1])
    with quiet_mlflow():
        from mlflow import MlflowClient

        client = MlflowClient(tracking_uri=uri)
        runs = client.search_runs([client.get_experiment_by_name("small").experiment_id])
    [found] = [run for run in runs if run.data.tags["model sha256"] == done.identity]
    assert (found.info.run_name, found.info.status) == ("registering small/2", "FINISHED")


def test_lines__say_rule_verdict_and_numbers(run):
    lines = evidence_lines(evidence_of(run, MODEL))
    assert lines[0].startswith("1. chance, met: the permutation p")
    assert len(lines) == 2 * len(RULES)
