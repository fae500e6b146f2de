"""The permutations that an experiment asks for."""

import pandas as pd
import pytest

from tests_shared import SMALL
from trastuz_ml.experiment.chance import strata_of
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.train import train


def test_strata__a_value_that_is_not_known_is_a_level_of_its_own():
    patients = pd.DataFrame({"er": ["+", None, "-", "+"], "her2": ["a", "a", "a", "b"]})
    assert len(set(strata_of(patients, ["er"]).tolist())) == 3
    both = strata_of(patients, ["er", "her2"]).tolist()
    assert len(set(both)) == 4
    assert strata_of(patients, []).tolist() == [0, 0, 0, 0]


@pytest.fixture(scope="module")
def permuted(tmp_path_factory):
    path = tmp_path_factory.mktemp("chance") / "e.yaml"
    asked = (
        "permutation: {times: 4, added_value: 3, within: [er_status], models: [clinical-only, l2-logistic:both]}"
    )
    curve = "learning_curve: {shares: [0.6, 1.0], models: [l2-logistic:both], repeats: 1}"
    path.write_text(f"{SMALL}{asked}\n{curve}\n", encoding="utf-8")
    return train(read_experiment(path), workers=1).run


def test_permutations__of_responses_and_of_genes_are_kept_with_what_they_say(permuted):
    numbers = permuted.permuted.groupby("permuted")["number"].max()
    assert numbers.to_dict() == {"responses": 4, "genes": 3}
    chance = permuted.chance.set_index(["permuted", "model"])
    assert set(chance.loc["responses"].index) == {"chosen", "clinical-only", "l2-logistic:both", "best"}
    assert set(chance.loc["genes"].index) == {"chosen", "l2-logistic:both", "best"}
    assert (chance.loc["responses"]["p"] >= 1 / 5).all()
    assert (chance.loc["genes"]["p"] >= 1 / 4).all()
    assert chance["method"].str.endswith(" within er_status").all()


def test_permutations__feed_the_ledger_of_optimism(permuted):
    null = permuted.permuted.query("permuted == 'responses' and model == 'chosen' and number > 0")["statistic"]
    row = permuted.optimism[permuted.optimism["step"].str.contains("permuted")].iloc[0]
    assert row["auroc"] == pytest.approx(null.mean())


def test_learning_curve__has_the_models_and_shares_that_were_asked_for(permuted):
    assert set(permuted.learning_curve["share"]) == {0.6, 1.0}
    assert set(permuted.learning_curve["model"]) == {"chosen", "l2-logistic:both"}


def test_run__with_all_its_evidence_comes_back_from_disk(permuted, tmp_path):
    from trastuz_ml.store.run_folder import Run

    permuted.save(tmp_path / "run")
    back = Run.load(tmp_path / "run")
    for name in ("permuted", "chance", "learning_curve", "optimism", "influence", "stratum_scores", "decisions"):
        pd.testing.assert_frame_equal(getattr(back, name), getattr(permuted, name), check_exact=True)
    assert back.plan["fingerprint"] == permuted.provenance["plan"]["fingerprint"]
