"""What the training cohort looked like, in counts: what a new patient or cohort is compared with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.errors import ModelError
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.schema import COVARIATE, GENE

Array = npt.NDArray[np.float64]

MISSING = -2
# As many bins as patients to the power of a half, within these.
_FEWEST, _MOST = 4, 20
# Edges are moved by one of these parts of their distance: 1/2, 1/4, 3/4, 1/8, ...
_SHIFTS = tuple(part / parts for parts in (2, 4, 8, 16, 32, 64) for part in range(1, parts, 2))
# Steps of the edges of calls, which a few patients have a hundred times as many of as others.
_STEPS = (1.0, 1.5, 2.0, 3.0, 5.0, 7.0)


@dataclass(frozen=True)
class Bins:
    """How many patients lie between round edges; no edge is a patient's value.

    Attributes
    ----------
    edges : tuple of float
        Rising, one more than counts; all patients with a value lie within them.
    counts : tuple of int
        Patients from one edge to the next.

    Examples
    --------
    >>> ages = Bins((20.0, 40.0, 60.0, 80.0), (5, 10, 5))
    >>> ages.place([50, 85, float("nan")]).tolist(), ages.below([50, 85]).tolist()
    ([1, 3, -2], [0.25, 1.0])
    """

    edges: tuple[float, ...]
    counts: tuple[int, ...]

    @property
    def patients(self) -> int:
        """Patients with a value."""
        return sum(self.counts)

    def place(self, values: npt.ArrayLike) -> npt.NDArray[np.intp]:
        """Return the bin of each value: -1 below the lowest edge, ``len(counts)`` above all, -2 if missing."""
        found = np.asarray(values, dtype=np.float64)
        places: npt.NDArray[np.intp] = np.searchsorted(self.edges, found, side="right") - 1
        return np.where(np.isnan(found), MISSING, places)

    def tally(self, values: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Count new values as these were, shape (len(counts) + 2,): below the lowest edge, by bin, above all."""
        places = self.place(values)
        return np.bincount(places[places != MISSING] + 1, minlength=len(self.counts) + 2).astype(np.int64)

    def below(self, values: npt.ArrayLike) -> Array:
        """Return the share of training patients in lower bins than each value; NaN where it is missing."""
        return self._share(np.concatenate([[0, 0], np.cumsum(self.counts)]), values)

    def above(self, values: npt.ArrayLike) -> Array:
        """Return the share of training patients in higher bins than each value; NaN where it is missing."""
        return self._share(np.concatenate([np.cumsum(self.counts[::-1])[::-1], [0, 0]]), values)

    def position(self, values: npt.ArrayLike) -> Array:
        """Return the shares of training patients in lower and in higher bins, shape (n, 2)."""
        return np.column_stack([self.below(values), self.above(values)])

    def _share(self, patients: npt.NDArray[Any], values: npt.ArrayLike) -> Array:
        places = self.place(values)
        share = patients[np.maximum(places, -1) + 1] / max(self.patients, 1)
        return np.where(places == MISSING, np.nan, share)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {"edges": [float(edge) for edge in self.edges], "counts": [int(n) for n in self.counts]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Bins:
        """Return what :meth:`as_json` wrote.

        Raises
        ------
        ModelError
            If it is something else.
        """
        try:
            edges = tuple(float(edge) for edge in content["edges"])
            counts = tuple(_count(n) for n in content["counts"])
        except (KeyError, TypeError, ValueError) as error:
            raise ModelError(f"These are no counts of patients between edges: {error!r}.") from error
        rising = all(low < high for low, high in itertools.pairwise(edges))
        if len(edges) != len(counts) + 1 or not counts or not rising or not all(map(math.isfinite, edges)):
            raise ModelError(
                f"Expected rising edges, one more than counts; found {len(edges)} edges for {len(counts)} counts."
            )
        return cls(edges, counts)


@dataclass(frozen=True, eq=False)
class TrainingSummary:
    """Counts of the training cohort; no value of a patient is in them.

    Attributes
    ----------
    patients, responders : int
        How many.
    genes : mapping
        Of each gene of the model, (carriers, patients in whom it was covered).
    levels : mapping
        Of each category and ordered covariate, patients by level; those of unknown level are in none.
    numbers : mapping
        Of each number among covariates and burden, as the design holds it, patients by bins; a number that is
        known of nobody is left out.
    mutated : Bins or None
        Genes of the model that are mutated in a patient in whom all of them were covered; None where there is
        no such patient, or no gene.
    assays : mapping
        Patients by assay.
    burden_genes : tuple of str
        Genes that ``burden`` counts; the whole exome when empty.
    burden : Bins or None
        Calls that count as burden; None where it is known of nobody.
    """

    patients: int
    responders: int
    genes: Mapping[str, tuple[int, int]]
    levels: Mapping[str, Mapping[str, int]]
    numbers: Mapping[str, Bins]
    mutated: Bins | None
    assays: Mapping[str, int]
    burden_genes: tuple[str, ...] = ()
    burden: Bins | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "patients": self.patients,
            "responders": self.responders,
            "genes": {gene: list(counts) for gene, counts in self.genes.items()},
            "levels": {name: dict(levels) for name, levels in self.levels.items()},
            "numbers": {name: bins.as_json() for name, bins in self.numbers.items()},
            "mutated": None if self.mutated is None else self.mutated.as_json(),
            "assays": dict(self.assays),
            "burden_genes": list(self.burden_genes),
            "burden": None if self.burden is None else self.burden.as_json(),
        }

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> TrainingSummary:
        """Return what :meth:`as_json` wrote.

        Raises
        ------
        ModelError
            If it is something else, or its counts contradict one another.
        """
        try:
            made = cls(
                _count(content["patients"]),
                _count(content["responders"]),
                {str(gene): _carriers(counts) for gene, counts in content["genes"].items()},
                {str(name): _counts(levels) for name, levels in content["levels"].items()},
                {str(name): Bins.from_json(bins) for name, bins in content["numbers"].items()},
                None if content["mutated"] is None else Bins.from_json(content["mutated"]),
                _counts(content["assays"]),
                tuple(_word(gene) for gene in content["burden_genes"]),
                None if content["burden"] is None else Bins.from_json(content["burden"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ModelError(f"This is no summary of a training cohort: {error!r}.") from error
        most = [made.responders, *(covered for _, covered in made.genes.values())]
        most += [sum(levels.values()) for levels in (*made.levels.values(), made.assays)]
        most += [bins.patients for bins in (*made.numbers.values(), made.mutated, made.burden) if bins is not None]
        if max(most) > made.patients:
            raise ModelError(f"A count of the training cohort exceeds its {made.patients} patients.")
        return made


def summary_of(
    design: Design, features: Sequence[Feature], patients: pd.DataFrame, burden_genes: Sequence[str] | None = None
) -> TrainingSummary:
    """Count a training cohort.

    Parameters
    ----------
    design : Design
        The training design.
    features : sequence of Feature
        Those of its features that the stored model reads.
    patients : pandas.DataFrame
        One row a patient of the design, with the columns ``assay`` and ``burden``, as a run keeps them.
    burden_genes : sequence of str, optional
        Genes that the column ``burden`` counts; the whole exome when absent or empty.
    """
    column = {(f.block, f.name): j for j, f in enumerate(design.features)}
    values = {f: design.X[:, column[f.block, f.name]].astype(np.float64) for f in features}
    genes = {f.name: found for f, found in values.items() if f.block == GENE}
    numbers = {f.name: bins_of(v) for f, v in values.items() if f.kind == "number" and not f.levels}
    return TrainingSummary(
        patients=len(design.patients),
        responders=int(design.response.sum()),
        genes={name: (int((v > 0).sum()), int((~np.isnan(v)).sum())) for name, v in genes.items()},
        levels={f.name: _by_level(f, v) for f, v in values.items() if f.block == COVARIATE and f.levels},
        numbers={name: bins for name, bins in numbers.items() if bins is not None},
        mutated=_mutated(np.column_stack(list(genes.values()))) if genes else None,
        assays={str(name): int(n) for name, n in patients["assay"].value_counts().sort_index().items()},
        burden_genes=tuple(burden_genes or ()),
        burden=bins_of_calls(patients["burden"].to_numpy(dtype=np.float64, na_value=np.nan)),
    )


def bins_of(values: npt.ArrayLike) -> Bins | None:
    """Count values between edges 1, 2 or 5 times a power of ten apart; None where none is known.

    The edges are moved by a part of their distance until none is a value, so that a count never says what a
    patient's value is.

    Examples
    --------
    >>> bins_of([41, 47, 52, 58, 66])
    Bins(edges=(35.0, 45.0, 55.0, 65.0, 75.0), counts=(1, 2, 1, 1))
    """
    known = _known(values)
    if not len(known):
        return None
    least, most = float(known.min()), float(known.max())
    wanted = min(max(math.ceil(math.sqrt(len(known))), _FEWEST), _MOST)
    # Narrower steps than these are below the rounding of float32, or between whole numbers.
    finest = 1.0 if np.array_equal(known, np.round(known)) else max(abs(least), abs(most)) * 1e-3
    step = _round_step(max((most - least) / wanted, finest))
    while True:
        for shift in _SHIFTS:
            first, last = (math.floor(value / step - shift) for value in (least, most))
            # One more at both ends: rounding must not put the least or the largest value outside.
            bins = _counted([_clean((k + shift) * step, step) for k in range(first - 1, last + 3)], known)
            if bins is not None:
                return bins
        step *= 10


def bins_of_calls(values: npt.ArrayLike) -> Bins | None:
    """Count numbers of calls between edges that widen with the number; None where none is known.

    Edges are 0.5 above 1, 1.5, 2, 3, 5, 7, 10, 15, ..., whole parts, so that none is a number of calls.

    Examples
    --------
    >>> bins_of_calls([0, 12, 17, 140, 180])
    Bins(edges=(-0.5, 0.5, 1.5, 2.5, 3.5, 5.5, 7.5, 10.5, 15.5, 20.5, 30.5, 50.5, 70.5, 100.5, 150.5, 200.5),
         counts=(1, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1))
    """
    known = _known(values)
    if not len(known):
        return None
    if np.any(known != np.round(known)) or known.min() < 0:
        return bins_of(known)
    powers = range(math.ceil(math.log10(known.max() + 10)) + 1)
    edges = sorted({-0.5, *(math.floor(step * 10**power) + 0.5 for power in powers for step in _STEPS)} | {0.5})
    return _counted(edges, known)


def _known(values: npt.ArrayLike) -> Array:
    found = np.asarray(values, dtype=np.float64)
    known: Array = found[~np.isnan(found)]
    return known


def _counted(edges: Sequence[float], known: Array) -> Bins | None:
    """Return counts between the edges that hold patients, or None where a value is too near an edge."""
    ends = np.array(edges)
    after = np.searchsorted(ends, known)
    near = np.minimum(np.abs(known - ends[after - 1]), np.abs(ends[after] - known))
    # Designs hold float32: 0.1 and the nearest float32 are one value.
    if np.any(near <= 2e-7 * np.maximum(np.abs(known), ends[after] - ends[after - 1])):
        return None
    first, last = int(after.min()) - 1, int(after.max())
    counts = np.bincount(after - 1 - first, minlength=last - first)
    return Bins(tuple(ends[first : last + 1].tolist()), tuple(counts.tolist()))


def _round_step(step: float) -> float:
    """Return the next larger of 1, 2 and 5 times a power of ten."""
    power = math.floor(math.log10(step))
    return next(
        _clean(k * 10.0**power, 10.0**power) for k in (1, 2, 5, 10) if k * 10.0**power >= step * (1 - 1e-9)
    )


def _clean(value: float, step: float) -> float:
    """Return a value without what binary fractions add to it: 0.30000000000000004 is 0.3."""
    return round(value, 6 - math.floor(math.log10(step)))


def _mutated(genes: Array) -> Bins | None:
    covered = ~np.isnan(genes).any(axis=1)
    return bins_of((genes[covered] > 0).sum(axis=1))


def _by_level(feature: Feature, codes: Array) -> dict[str, int]:
    known = codes[~np.isnan(codes)].astype(np.intp)
    return dict(zip(feature.levels, np.bincount(known, minlength=len(feature.levels)).tolist(), strict=True))


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a number of patients, found {value!r}")
    return value


def _counts(content: Mapping[str, Any]) -> dict[str, int]:
    return {str(name): _count(n) for name, n in content.items()}


def _carriers(counts: Any) -> tuple[int, int]:
    carriers, covered = map(_count, counts)
    if carriers > covered:
        raise ValueError(f"{carriers} carriers among {covered}")
    return carriers, covered


def _word(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a word, found {value!r}")
    return value
