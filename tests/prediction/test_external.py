"""What is said of a model in new patients: counts that add up, words that the declared data decide."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.cohort.patients import Response
from trastuz_ml.errors import EvidenceError
from trastuz_ml.prediction.external import (
    TRANSPORT,
    VALIDATION,
    External,
    Judged,
    calibration_rows,
    judged_of,
    net_benefit_rows,
    procedure_words,
    score_rows,
    why_transport,
)
from trastuz_ml.prediction.external_words import external_markdown, headlines, table_lines
from trastuz_ml.stats.decision import net_benefit

RESPONSE = Response("response", ("yes",), ("no",))


def judged(n=104, responders=17, seed=1, calibrated=np.nan):
    rng = np.random.default_rng(seed)
    y = np.zeros(n)
    y[:responders] = 1
    p = 1 / (1 + np.exp(-rng.normal(y - 0.3, 1)))
    return Judged(y, p, np.full(n, calibrated) if np.isscalar(calibrated) else calibrated)


def card(linear, scores=()):
    return replace(linear, card={**linear.card, "scores": list(scores)})


def found_of(linear, people, **options):
    responders = int(people.response.sum())
    counts = {
        "roster": len(people.response), "set_aside": 0, "refused": 0, "without_response": 0,
        "judged": len(people.response), "responders": responders, "trained": 80, "trained_responders": 30,
    }  # fmt: skip
    made = External(
        "m", 1, "0" * 64, False, VALIDATION, "", RESPONSE, counts, {}, score_rows(linear, people),
        calibration_rows(people), net_benefit_rows(people),
    )  # fmt: skip
    return replace(made, **options)


def test_judged__counts_everybody_once():
    table = pd.DataFrame(
        {"patient": list("ABCDE"), "refusal": ["", "not sequenced", "", "", ""],
         "probability": [0.2, np.nan, 0.4, 0.6, 0.1], "calibrated_probability": np.nan}
    )  # fmt: skip
    response = pd.Series([1, 1, 0, pd.NA, 1], index=list("ABCDE"), dtype="Int8")
    people, counts = judged_of(table, response, {"E"})
    assert counts == {
        "roster": 5, "set_aside": 1, "refused": 1, "without_response": 1, "judged": 2, "responders": 1,
    }  # fmt: skip
    assert people.probability.tolist() == [0.2, 0.4]
    with pytest.raises(EvidenceError, match="of the 1 left 1 responded"):
        judged_of(table, response, {"E", "C"})


def test_scores__stand_beside_those_of_the_card(linear):
    inside = {"model": linear.model.name, "score": "AUROC", "estimate": 0.7, "low": 0.6, "high": None}
    other = {"model": "chosen", "score": "AUROC", "estimate": 0.65, "low": 0.5, "high": 0.8}
    bundle = card(linear, [inside, other])
    row = score_rows(bundle, judged()).set_index("score").loc["AUROC"]
    assert (row["internal"], row["internal_low"]) == (0.7, 0.6)
    assert np.isnan(row["internal_high"])
    assert "0.650 (0.500 to 0.800)" in procedure_words(bundle)
    assert procedure_words(card(linear)) == ""


def test_scores__recalibrated_probabilities_have_their_own_only_where_it_matters(linear):
    plain = score_rows(linear, judged())
    assert plain["recalibrated"].isna().all()
    again = score_rows(linear, judged(calibrated=judged().probability * 0.5)).set_index("score")
    assert again["recalibrated"].notna().sum() == 5
    assert np.isnan(again.loc["AUROC", "recalibrated"])


def test_net_benefit__is_that_of_the_curve():
    people = judged()
    table = net_benefit_rows(people)
    assert table["net_benefit"].tolist() == pytest.approx(
        net_benefit(people.response, people.probability, table["threshold"])
    )
    assert table["treated"].is_monotonic_decreasing


def test_words__few_events_say_their_standard_error_and_that_no_threshold_means_anything(linear):
    said = " ".join(headlines(found_of(linear, judged(75, 19))))
    assert "With 19 responders the standard error of the AUROC is 0.0" in said
    assert "no threshold on it means anything" in said
    many = " ".join(headlines(found_of(linear, judged(4000, 1500))))
    assert "threshold" not in many


def test_words__the_rarer_class_counts(linear):
    assert "With 9 patients who did not respond" in " ".join(headlines(found_of(linear, judged(50, 41))))


def test_words__transport_is_called_so_and_a_seal_is_named(linear):
    page = external_markdown(
        found_of(linear, judged(), kind=TRANSPORT, transport="another drug", sealed="all as sealed.")
    )
    assert page.startswith("# Transport, not validation of m, version 1")
    assert "This is **transport, not validation**: another drug." in page
    assert "- Sealed: all as sealed." in page
    assert "Not sealed" in external_markdown(found_of(linear, judged()))


def test_words__too_high_probabilities_are_called_so(linear):
    people = judged(300, 40)
    high = replace(people, probability=np.clip(people.probability + 0.3, 0, 0.99))
    assert "probabilities are too high here" in " ".join(headlines(found_of(linear, high)))


@pytest.mark.parametrize(
    ("response", "said", "kind"),
    [
        (Response("BR", ("PR", "CR"), ("PD",)), "", ""),
        (Response("BR", ("PR",), ("PD",)), "positive is PR here and CR, PR in training", ""),
        (Response("BR", ("PR", "CR"), ("PD", "SD")), "negative is PD, SD here and PD in training", ""),
        (Response("BR", ("PR", "CR"), ("PD",)), "another drug", " another drug. "),
    ],
)
def test_transport__what_is_declared_decides(response, said, kind):
    trained = {"column": "BR", "positive": ["CR", "PR"], "negative": ["PD"]}
    assert why_transport(trained, response, kind) == said


def test_calibration__groups_hold_about_five_responders_each():
    assert len(calibration_rows(judged(104, 17))) == 3
    assert len(calibration_rows(judged(50, 3))) == 1
    assert len(calibration_rows(judged(1000, 300))) == 10


def test_table__a_cell_can_neither_end_a_row_nor_begin_a_tag():
    assert table_lines(["a"], [["x|y<b>\nz"]])[-1] == "| x\\|y&lt;b> z |"
