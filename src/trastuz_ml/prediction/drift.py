"""Does a new cohort look like the training cohort? A table of what drifted, and of what cannot be told.

Of the training cohort only counts are known: see :class:`trastuz_ml.learn.training_summary.TrainingSummary`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.cohort.burden import burden
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.learn.design import ASSAY_NAME, Design
from trastuz_ml.learn.training_summary import Bins, TrainingSummary
from trastuz_ml.schema import ASSAY, BURDEN, COVARIATE, GENE, NONSILENT, conform, empty
from trastuz_ml.schema.external import DRIFT
from trastuz_ml.stats.drift import (
    Shift,
    gene_shifts,
    level_shift,
    ordered_shift,
    share_difference,
    visible_index,
    visible_shares,
    whole_table_p,
)
from trastuz_ml.stats.gene_screen import fisher_p
from trastuz_ml.store.bundle import ModelBundle

Counts = npt.NDArray[np.int64]
Row = dict[str, Any]

DRIFTED, NOT_SEEN, TOO_FEW, NOT_MEASURED = "drift", "no drift seen", "too few to tell", "not measured"
IN_SHARE, LIES_ABOVE = "difference in share", "chance that a new patient lies above a training patient"
ALPHA = 0.05
# "No drift seen" is said only where a drift of this size would have been seen in 80 %: a share further than this
# from that in training, or a chance of lying above further than this from a half.
_TELLING_SHARE, _TELLING_INDEX = 0.3, 0.2
_CALLS = "calls that change a protein"
_MUTATED = "genes of the model mutated in a patient"


@dataclass(frozen=True, eq=False)
class Seen:
    """Counts of a new cohort, of the kinds that a training summary holds.

    Attributes
    ----------
    patients : int
        How many.
    genes : mapping
        Of each gene of the model, (carriers, patients in whom it was covered).
    levels : mapping
        Of each category, patients by level; levels that training had not are among them.
    tallies : mapping
        Of each number, patients by the bins of training: below the lowest, each bin, above all.
    unknown : mapping
        Of each covariate, patients in whom it is not known.
    """

    patients: int
    genes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    levels: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    tallies: Mapping[str, Counts] = field(default_factory=dict)
    unknown: Mapping[str, int] = field(default_factory=dict)


def drift_table(bundle: ModelBundle, cohort: Cohort, design: Design) -> pd.DataFrame:
    """Compare a new cohort with the training cohort of a model.

    Parameters
    ----------
    bundle : ModelBundle
        The model; without a summary of its training cohort the table is empty.
    cohort : Cohort
        New patients, those who are training patients taken out.
    design : Design
        The cohort in the columns of the model, from :func:`trastuz_ml.prediction.batch.lay_out`.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.external.DRIFT`: burden first, covariates, then genes by their p.
    """
    if bundle.summary.patients == 0 or not design.patients:
        return empty(DRIFT)
    return drift_of(bundle.summary, seen_in(bundle, cohort, design))


def seen_in(bundle: ModelBundle, cohort: Cohort, design: Design) -> Seen:
    """Count a new cohort as the training cohort was counted."""
    summary, X = bundle.summary, design.X.astype(np.float64)
    known = ~np.isnan(X)
    block = np.array([f.block for f in bundle.features])
    is_gene = block == GENE
    tallies = {
        f.name: summary.numbers[f.name].tally(X[:, j])
        for j, f in enumerate(bundle.features)
        if f.name in summary.numbers
    }
    rate = any(f.block == BURDEN for f in bundle.features if f.name in summary.numbers)
    if summary.burden is not None and not rate:
        tallies[_CALLS] = summary.burden.tally(burden(cohort, NONSILENT, summary.burden_genes or None))
    if summary.mutated is not None:
        whole = known[:, is_gene].all(axis=1)
        tallies[_MUTATED] = summary.mutated.tally((X[whole][:, is_gene] > 0).sum(axis=1))
    levels = {
        f.name: _levels(cohort.patients[f.name], f.levels)
        for f in bundle.features
        if f.block == COVARIATE and f.levels
    }
    if any(f.block == ASSAY for f in bundle.features):
        levels[ASSAY_NAME] = _levels(cohort.patients["assay"], ())
    return Seen(
        len(design.patients),
        {f.name: (int((X[:, j] > 0).sum()), int(known[:, j].sum()))
         for j, f in enumerate(bundle.features) if f.block == GENE},
        levels, tallies,
        {f.name: int(cohort.patients[f.name].isna().sum()) for f in bundle.features if f.block == COVARIATE},
    )  # fmt: skip


def _levels(values: pd.Series, names: tuple[str, ...]) -> dict[str, int]:
    """Count levels; an ordered covariate holds the places of its levels."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        values = values.dropna().astype(int).map(dict(enumerate(names)))
    return {str(level): int(count) for level, count in values.dropna().value_counts().sort_index().items()}


def drift_of(summary: TrainingSummary, seen: Seen) -> pd.DataFrame:
    """Return the drift table of counts; see :func:`drift_table`."""
    single = [*_numbers(summary, seen), *_categories(summary, seen), *_unknowns(summary, seen)]
    # Rows in which nothing could differ are not shown, but count: which they are depends on the data.
    members = len(seen.tallies) + len(seen.levels) + len(seen.unknown)
    names = [gene for gene in seen.genes if gene in summary.genes]
    counts = np.array([(*summary.genes[gene], *seen.genes[gene]) for gene in names], dtype=np.int64).reshape(-1, 4)
    p, rates = gene_shifts(*counts.T)
    adjusted, gene_adjusted = whole_table_p([row["p"] for row in single], members, rates)
    parts = 2 if members and names else 1
    for row, value in zip(single, adjusted, strict=True):
        row["adjusted_p"] = value
    rows = [_judged(row, ALPHA / parts / max(members, 1)) for row in single]
    order = sorted(range(len(names)), key=lambda j: (math.isnan(p[j]), p[j], names[j]))
    alpha = ALPHA / parts / max(len(names), 1)
    rows += [_judged(_gene(names[j], counts[j], p[j], gene_adjusted[j]), alpha) for j in order]
    return conform(pd.DataFrame(rows, columns=[*DRIFT.names, "sizes"]), DRIFT) if rows else empty(DRIFT)


def _numbers(summary: TrainingSummary, seen: Seen) -> Iterator[Row]:
    bins_of = dict(summary.numbers)
    if summary.burden is not None:
        bins_of[_CALLS] = summary.burden
    if summary.mutated is not None:
        bins_of[_MUTATED] = summary.mutated
    what = {_CALLS: "burden", _MUTATED: "genes mutated"}
    first = sorted(seen.tallies, key=lambda name: (name not in what and not name.startswith("mutational"), name))
    for name in first:
        bins, tally = bins_of[name], seen.tallies[name]
        trained = np.array([0, *bins.counts, 0], dtype=np.int64)
        kind = "burden" if name.startswith("mutational") else what.get(name, "covariate")
        row = _row(kind, name, ordered_shift(trained, tally), LIES_ABOVE, (bins.patients, int(tally.sum())))
        yield row | {"training": _middle(bins, trained), "new": _middle(bins, tally)}


def _middle(bins: Bins, tally: Counts) -> str:
    """Return in words the bin in which the middle patient lies."""
    if not tally.sum():
        return "known of nobody"
    place = int(np.searchsorted(np.cumsum(tally), tally.sum() / 2))
    number = f"{int(tally.sum())} patients, the middle one"
    if place == 0:
        return f"{number} below {bins.edges[0]:g}"
    if place > len(bins.counts):
        return f"{number} above {bins.edges[-1]:g}"
    return f"{number} between {bins.edges[place - 1]:g} and {bins.edges[place]:g}"


def _categories(summary: TrainingSummary, seen: Seen) -> Iterator[Row]:
    trained_by = {**summary.levels, ASSAY_NAME: summary.assays}
    for name, counts in seen.levels.items():
        trained = trained_by.get(name, {})
        names = list(dict.fromkeys([*trained, *counts]))
        x = np.array([trained.get(level, 0) for level in names], dtype=np.int64)
        y = np.array([counts.get(level, 0) for level in names], dtype=np.int64)
        level, shift = level_shift(x, y)
        sizes = (int(x.sum()), int(y.sum()))
        row = _row("covariate", name, shift, IN_SHARE, sizes, int(x[level]) if names else 0)
        shown = [f"{int(n[level])} of {int(n.sum())}" if n.sum() else "known of nobody" for n in (x, y)]
        yield row | {"level": names[level] if names else "", "training": shown[0], "new": shown[1]}


def _unknowns(summary: TrainingSummary, seen: Seen) -> Iterator[Row]:
    for name, absent in seen.unknown.items():
        if name in summary.levels:
            before = summary.patients - sum(summary.levels[name].values())
        elif name in summary.numbers:
            before = summary.patients - summary.numbers[name].patients
        else:
            before = summary.patients
        if not absent and not before:
            continue
        total = summary.patients + seen.patients
        p = float(fisher_p(total, seen.patients, before + absent, [absent])[0])
        shift = Shift(*share_difference(before, summary.patients, absent, seen.patients), p)
        row = _row("not known", name, shift, IN_SHARE, (summary.patients, seen.patients), before)
        yield row | {
            "training": f"{before} of {summary.patients}", "new": f"{absent} of {seen.patients}",
        }  # fmt: skip


def _gene(name: str, counts: Counts, p: float, adjusted: float) -> Row:
    carriers, covered, new_carriers, new_covered = map(int, counts)
    shift = Shift(*share_difference(carriers, covered, new_carriers, new_covered), p)
    row = _row("gene", name, shift, IN_SHARE, (covered, new_covered), carriers)
    return row | {
        "training": f"{carriers} of {covered}", "new": f"{new_carriers} of {new_covered}", "adjusted_p": adjusted,
    }  # fmt: skip


def _row(what: str, name: str, shift: Shift, scale: str, sizes: tuple[int, int], carriers: int = 0) -> Row:
    return {
        "what": what, "name": name, "level": "", "scale": scale, "effect": shift.effect,
        "low": shift.interval.low, "high": shift.interval.high, "p": shift.p, "sizes": (*sizes, carriers),
    }  # fmt: skip


def _judged(row: Row, alpha: float) -> Row:
    """Add the verdict, and what would be seen at the strictest level that the row may have to pass."""
    patients, new, carriers = row["sizes"]
    if row["scale"] == LIES_ABOVE:
        apart = visible_index(patients, new, alpha)
        telling = apart <= _TELLING_INDEX
        visible = f"{0.5 - apart:.2f} or less, {0.5 + apart:.2f} or more" if apart < 0.5 else "nothing"
    else:
        below, above = visible_shares(carriers, patients, new, alpha)
        share = carriers / patients if patients else math.nan
        telling = any(abs(side - share) <= _TELLING_SHARE for side in (below, above))
        sides = [f"{below:.0%} or less"] if below == below else []
        sides += [f"{above:.0%} or more"] if above == above else []
        visible = ", ".join(sides) or "nothing"
    if math.isnan(row["p"]):
        verdict = NOT_MEASURED
    elif row["adjusted_p"] <= ALPHA:
        verdict = DRIFTED
    else:
        verdict = NOT_SEEN if telling else TOO_FEW
    return row | {"verdict": verdict, "visible": "" if verdict == NOT_MEASURED else visible}
