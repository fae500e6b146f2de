"""The drift table: what drifted is found, what cannot be told is said, and nothing is cried without drift."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.learn.training_summary import TrainingSummary, bins_of, summary_of
from trastuz_ml.prediction.batch import lay_out
from trastuz_ml.prediction.drift import (
    DRIFTED,
    NOT_MEASURED,
    NOT_SEEN,
    TOO_FEW,
    Seen,
    drift_of,
    drift_table,
    seen_in,
)

GENES = 60
SHARES = np.linspace(0.02, 0.3, GENES)


def counts(rng, n, factor=1.0, age=0.0):
    # Some patients have many times the calls of others, so that genes go together.
    load = np.exp(rng.normal(0, 0.8, n))
    odds = SHARES / (1 - SHARES) * factor
    genes = rng.random((n, GENES)) < (load[:, None] * odds) / (1 + load[:, None] * odds)
    return genes, rng.normal(60 + age, 10, n).round(1), rng.choice(3, n, p=(0.6, 0.3, 0.1))


def trained(rng):
    genes, age, site = counts(rng, 144)
    return TrainingSummary(
        144, 50, {f"G{j}": (int(k), 144) for j, k in enumerate(genes.sum(axis=0))},
        {"site": {str(k): int((site == k).sum()) for k in range(3)}}, {"age": bins_of(age)},
        bins_of(genes.sum(axis=1)), {"exome": 144},
    )  # fmt: skip


def new(rng, summary, n, **drift):
    genes, age, site = counts(rng, n, **drift)
    return Seen(
        n, {f"G{j}": (int(k), n) for j, k in enumerate(genes.sum(axis=0))},
        {"site": {str(k): int((site == k).sum()) for k in range(3) if (site == k).any()}},
        {"age": summary.numbers["age"].tally(age),
         "genes of the model mutated in a patient": summary.mutated.tally(genes.sum(axis=1))},
        {"age": 0, "site": 0},
    )  # fmt: skip


@pytest.mark.parametrize("n", [8, 30, 200])
def test_drift__a_table_cries_in_at_most_five_per_cent_without_drift(n):
    """A reduced form of docs/external-validation.md, where it is 600 cohorts and 200 genes."""
    rng = np.random.default_rng(n)
    cried = 0
    for _ in range(40):
        summary = trained(rng)
        cried += (drift_of(summary, new(rng, summary, n))["verdict"] == DRIFTED).any()
    assert cried <= 6  # more in one of a hundred such tests, if it were 5 %


def test_drift__is_seen_in_what_drifted_and_in_nothing_else():
    rng = np.random.default_rng(1)
    summary = trained(rng)
    table = drift_of(summary, new(rng, summary, 200, age=8.0)).set_index("name")
    assert table.loc["age", "verdict"] == DRIFTED
    assert table.loc["age", "low"] > 0.5
    assert (table.drop(index="age")["verdict"] == NOT_SEEN).all()
    more = drift_of(summary, new(rng, summary, 200, factor=3.0))
    assert (more["verdict"] == DRIFTED).sum() > 5


def test_drift__eight_patients_are_too_few_to_tell_and_that_is_said():
    rng = np.random.default_rng(2)
    summary = trained(rng)
    table = drift_of(summary, new(rng, summary, 8))
    assert (table["verdict"] == TOO_FEW).mean() > 0.9
    assert table.set_index("name").loc["age", "visible"].endswith("or more")


def test_drift__a_level_that_training_had_not_is_named():
    rng = np.random.default_rng(3)
    summary = trained(rng)
    seen = replace(new(rng, summary, 40), levels={"site": {"0": 10, "elsewhere": 30}})
    row = drift_of(summary, seen).set_index("name").loc["site"]
    assert (row["level"], row["verdict"], row["training"], row["new"]) == (
        "elsewhere",
        DRIFTED,
        "0 of 144",
        "30 of 40",
    )


def test_drift__what_is_not_known_any_more_is_a_row_of_its_own():
    rng = np.random.default_rng(4)
    summary = trained(rng)
    seen = replace(new(rng, summary, 40), unknown={"age": 35, "site": 0})
    rows = drift_of(summary, seen)
    unknown = rows[rows["what"] == "not known"]
    assert unknown[["name", "training", "new", "verdict"]].values.tolist() == [
        ["age", "0 of 144", "35 of 40", DRIFTED]
    ]


def test_drift__genes_that_were_not_covered_are_not_measured():
    rng = np.random.default_rng(5)
    summary = trained(rng)
    seen = new(rng, summary, 40)
    table = drift_of(summary, replace(seen, genes={**seen.genes, "G7": (0, 0)})).set_index("name")
    assert table.loc["G7", "verdict"] == NOT_MEASURED
    assert table.index[-1] == "G7"


def test_drift__is_the_same_whatever_the_order_of_patients_and_counts_them_rightly(linear, roster, assemble):
    cohort = assemble(roster)
    design, _ = lay_out(linear, cohort)
    known = replace(linear, summary=summary_of(design, linear.features, cohort.patients.assign(burden=3.0)))
    seen = seen_in(known, cohort, design)
    assert seen.patients == len(cohort.patients)
    assert seen.genes["TP53"] == (2, 4)
    assert seen.unknown["age"] == 1
    table = drift_table(known, cohort, design)
    assert not (table["verdict"] == DRIFTED).any()
    assert set(table["what"]) >= {"gene", "covariate"}


def test_drift__without_a_summary_there_is_no_table(linear, roster, assemble):
    cohort = assemble(roster)
    design, _ = lay_out(linear, cohort)
    assert drift_table(linear, cohort, design).empty
    assert isinstance(drift_table(linear, cohort, design), pd.DataFrame)
