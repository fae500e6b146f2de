"""How steady a contribution is: over folds and repeats, over genes nothing tells apart, and between models."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import pearsonr, rankdata

from trastuz_ml.learn.catalogue import RANK_AVERAGE, catalogue_model
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.validation import Inspected
from trastuz_ml.schema import AGREEMENT, GENE, SET_CONTRIBUTIONS, conform, empty

Array = npt.NDArray[np.float64]
Places = npt.NDArray[np.intp]

# Less than this is rounding: nothing moved.
MOVED = 1e-12
# How many genes count as leading when models are compared.
LEADING = 10
NOT_OFFERED = "not offered to this model"
_ENDS = (2.5, 97.5)


@dataclass(frozen=True, eq=False)
class Steadiness:
    """What one model's contributions say of each feature, and how they vary over folds and repeats.

    Attributes
    ----------
    folds_used : array, shape (n_places,)
        Share of folds in which the contribution to some left-out patient differs from 0. A linear model with a
        coefficient other than 0 moves every measured patient, so that this is the share of folds that gave the
        feature a coefficient; of trees, the share in which a split on it changed what they said.
    mean_abs, when_mutated : arrays, shape (3, n_places)
        Over measured patients, and over carriers: the mean, and its 2.5th and 97.5th percentiles over repeats.
    sign_agreement : array, shape (n_places,)
        Share of the folds that left out a carrier in which the mean over left-out carriers has the sign of
        ``when_mutated``; 0 has no sign, and does not agree.
    rank : array, shape (3, n_places)
        Rank by mean absolute contribution, and its percentiles over repeats.
    """

    folds_used: Array
    mean_abs: Array
    when_mutated: Array
    sign_agreement: Array
    rank: Array


def identical_genes(design: Design) -> Places:
    """Return for each column of a design the first that equals it, what was not covered included.

    Only genes are compared, and only those that some but not all of the covered patients carry: of the others
    nothing can be said in any case.

    Examples
    --------
    >>> from trastuz_ml.learn.design import Feature
    >>> X = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [np.nan, np.nan, 0, 0]], dtype=np.float32)
    >>> genes = tuple(Feature(name, "gene", "gene") for name in "ABCD")
    >>> patients = ("P1", "P2", "P3")
    >>> design = Design(patients, genes, X, np.array([1, 0, 0], dtype=np.int8), np.array(patients))
    >>> identical_genes(design).tolist()
    [0, 0, 2, 3]
    """
    first = np.arange(len(design.features))
    coded = np.where(np.isnan(design.X), np.float32(-1.0), design.X).T.copy()
    carriers, covered = (coded > 0).sum(axis=1), (coded >= 0).sum(axis=1)
    seen: dict[bytes, int] = {}
    for j in np.flatnonzero((design.blocks == GENE) & (carriers > 0) & (carriers < covered)):
        first[j] = seen.setdefault(coded[j].tobytes(), int(j))
    return first


def offered_columns(inspected: Sequence[Inspected], design: Design, model: str) -> frozenset[int]:
    """Return the columns of the design that a model was offered; a rank average, what its members may be."""
    others = dict.fromkeys(item.model for item in inspected if item.model != RANK_AVERAGE)
    names = others if model == RANK_AVERAGE else [model]
    return frozenset(int(j) for name in names for j in design.columns(catalogue_model(name).features))


def places_of(items: Sequence[Inspected]) -> Places:
    """Return the columns of the design that reached a model in some fold."""
    return np.unique(np.concatenate([item.result.places for item in items]))


def scale_of(items: Sequence[Inspected]) -> str:
    """Return the scale of a model's contributions; a fold without any feature has only a constant."""
    told = (str(i.result.scale) for i in items if i.result.method != "constant")
    return next(told, str(items[0].result.scale))


def by_repeat(items: Sequence[Inspected], patients: int, places: Places) -> Iterator[Array]:
    """Yield for each repeat the patients' held-out contributions, shape (n_patients, n_places).

    Where several folds of a repeat left a patient out, their mean; NaN where no explanation stands.
    """
    for repeat in dict.fromkeys(item.repeat for item in items):
        total, times = np.zeros((patients, len(places))), np.zeros((patients, 1))
        for item in items:
            if item.repeat == repeat:
                rows, block = standing(item, places)
                total[rows] += block
                times[rows] += 1
        yield total / np.where(times > 0, times, np.nan)


def standing(item: Inspected, places: Places) -> tuple[Places, Array]:
    """Return the patients of a fold whose explanation stands, and their contributions in the places given."""
    stands = ~np.isnan(item.result.gap)
    block = np.zeros((int(stands.sum()), len(places)))
    block[:, np.searchsorted(places, item.result.places)] = item.result.used[stands]
    return item.places[stands], block


def steadiness(items: Sequence[Inspected], design: Design, first: Places) -> Steadiness:
    """Return how steady the contributions of one model are.

    Genes that are identical in the cohort (:func:`identical_genes`) are one group. Nothing tells its members
    apart, and a model may give the weight of the group to any of them or spread it: each member keeps its own
    contribution, but ranks are ranks of groups, by the mean absolute sum of their members' contributions, and
    each member has its group's rank. A group counts once among those ranked in a repeat; groups that tie share
    the mean of their ranks, and the mean is taken over repeats. Percentiles over repeats are missing where there
    is a single repeat, as in leave-pair-out plans.

    Parameters
    ----------
    items : sequence of Inspected
        Explanations of one model, of every fold.
    design : Design
        The features and patients.
    first : array of int, shape (n_features,)
        From :func:`identical_genes`.
    """
    places = places_of(items)
    values = design.X[:, places]
    measured, mutated = ~np.isnan(values), values > 0
    groups, member_of = np.unique(first[places], return_inverse=True)
    by_group = np.argsort(member_of, kind="stable")
    starts = np.searchsorted(member_of[by_group], np.arange(len(groups)))
    size, effect, group_size = [], [], []
    for mean in by_repeat(items, len(values), places):
        stands = ~np.isnan(mean[:, :1]) if len(places) else np.zeros((len(mean), 1), dtype=bool)
        known = np.where(stands, mean, 0.0)
        size.append(_share_of(np.abs(known), measured & stands))
        effect.append(_share_of(known, mutated & stands))
        summed = np.add.reduceat(known[:, by_group], starts, axis=1) if len(places) else known
        # Members of a group are measured in the same patients.
        group_size.append(_share_of(np.abs(summed), (measured & stands)[:, by_group[starts]]))
    mean_abs, when_mutated = _with_ends(np.array(size)), _with_ends(np.array(effect))
    ranked = np.array([_ranks(sizes) for sizes in group_size])
    ranks = [ranked.mean(axis=0), *_rank_ends(ranked)]
    used, agreement = _over_folds(items, places, mutated, when_mutated[0])
    return Steadiness(used, mean_abs, when_mutated, agreement, np.array(ranks)[:, member_of])


def _over_folds(
    items: Sequence[Inspected], places: Places, mutated: npt.NDArray[np.bool_], effect: Array
) -> tuple[Array, Array]:
    """Return the share of folds in which each place moved a patient, and in which carriers went the usual way."""
    direction = _signs(effect)
    used, told, agreed = np.zeros(len(places)), np.zeros(len(places)), np.zeros(len(places))
    for item in items:
        rows, block = standing(item, places)
        used += (np.abs(block) > MOVED).any(axis=0)
        carriers = mutated[rows]
        told += carriers.any(axis=0)
        here = _signs((block * carriers).sum(axis=0) / np.maximum(carriers.sum(axis=0), 1))
        agreed += carriers.any(axis=0) & (here == direction) & (here != 0)
    known = (told > 0) & (direction != 0)
    return used / len(items), np.where(known, agreed / np.maximum(told, 1), np.nan)


def _signs(values: Array) -> Array:
    signs: Array = np.where(np.abs(np.nan_to_num(values)) > MOVED, np.sign(np.nan_to_num(values)), 0.0)
    return signs


def _share_of(values: Array, rows: npt.NDArray[np.bool_]) -> Array:
    """Return the mean of each column over its own rows, NaN where it has none."""
    count = rows.sum(axis=0)
    means: Array = np.where(count > 0, (values * rows).sum(axis=0) / np.maximum(count, 1), np.nan)
    return means


def _ranks(sizes: Array) -> Array:
    # Sizes that differ by rounding alone tie: the order of summation must not decide.
    return np.asarray(rankdata(-np.round(np.nan_to_num(sizes), 12), method="average"), dtype=np.float64)


def _with_ends(values: Array) -> Array:
    """Return the mean over repeats and its percentiles, shape (3, n)."""
    seen = ~np.isnan(values)
    mean = np.where(seen, values, 0.0).sum(axis=0) / np.where(seen.any(axis=0), seen.sum(axis=0), np.nan)
    return np.array([mean, *_ends(values)])


def _ends(values: Array) -> tuple[Array, Array]:
    """Return the percentiles over repeats, shape (n,) each; missing with one repeat, or where one is missing."""
    if len(values) < 2:
        nothing = np.full(values.shape[1], np.nan)
        return nothing, nothing
    low, high = (np.asarray(np.percentile(values, end, axis=0), dtype=np.float64) for end in _ENDS)
    return low, high


def _rank_ends(ranks: Array) -> tuple[Array, Array]:
    """Return percentiles of ranks over repeats: ranks that were had, the outer one where two are next to it."""
    if len(ranks) < 2:
        return _ends(ranks)
    low = np.percentile(ranks, _ENDS[0], axis=0, method="lower")
    high = np.percentile(ranks, _ENDS[1], axis=0, method="higher")
    return np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)


def set_table(
    inspected: Sequence[Inspected], design: Design, gene_sets: Mapping[str, Collection[str]]
) -> pd.DataFrame:
    """Return what each gene set contributes, by model (:data:`trastuz_ml.schema.SET_CONTRIBUTIONS`).

    Signed contributions of a set's genes are added up for each patient first: what genes of a set say against
    one another cancels, as it does in the prediction.

    Parameters
    ----------
    inspected : sequence of Inspected
        Explanations of the left-out rows of every fold.
    design : Design
        The features and patients.
    gene_sets : mapping of str to collection of str
        Genes of each set, by its name.
    """
    column = {feature.name: j for j, feature in enumerate(design.features) if feature.block == GENE}
    rows = []
    for model in dict.fromkeys(item.model for item in inspected):
        items = [item for item in inspected if item.model == model]
        places, offered = places_of(items), offered_columns(inspected, design, model)
        stirred = _moved(items, places)
        moved = places[stirred]
        matrices = [matrix[:, stirred] for matrix in by_repeat(items, len(design.patients), places)]
        for name, genes in gene_sets.items():
            members = np.array(sorted(column[gene] for gene in set(genes) if gene in column), dtype=np.intp)
            row = _set_row(design, members, moved, matrices)
            rows.append(
                {"model": model, "gene_set": name, "genes": len(set(genes)), "scale": scale_of(items), **row}
                | {"status": _set_status(design, members, offered, row)}
            )
    return conform(pd.DataFrame(rows), SET_CONTRIBUTIONS) if rows else empty(SET_CONTRIBUTIONS)


def _moved(items: Sequence[Inspected], places: Places) -> npt.NDArray[np.bool_]:
    moved = np.zeros(len(places), dtype=bool)
    for item in items:
        moved |= (np.abs(standing(item, places)[1]) > MOVED).any(axis=0)
    return moved


def _set_row(design: Design, members: Places, moved: Places, matrices: Sequence[Array]) -> dict[str, object]:
    carriers = np.asarray((design.X[:, members] > 0).any(axis=1))
    here = np.isin(moved, members)
    names = sorted(design.features[j].name for j in moved[here])
    row: dict[str, object] = {"in_model": ", ".join(names), "carriers": int(carriers.sum())}
    missing = dict.fromkeys(("mean_abs", "mean_abs_low", "mean_abs_high", "when_mutated"), np.nan)
    if not names:
        return row | missing
    sums = np.array([matrix[:, here].sum(axis=1) for matrix in matrices])
    known = ~np.isnan(sums)
    size = _share_of(np.abs(np.nan_to_num(sums)).T, known.T)
    effect = _share_of(np.nan_to_num(sums).T, known.T & carriers[:, None])
    mean, low, high = _with_ends(size[:, None])[:, 0]
    return row | {
        "mean_abs": mean, "mean_abs_low": low, "mean_abs_high": high,
        "when_mutated": _with_ends(effect[:, None])[0, 0],
    }  # fmt: skip


def _set_status(design: Design, members: Places, offered: frozenset[int], row: Mapping[str, object]) -> str:
    if not len(members):
        return "not evaluable: no gene of the set was seen in this cohort"
    covered = int((~np.isnan(design.X[:, members])).any(axis=1).sum())
    if covered == 0:
        return "not covered"
    if row["carriers"] == 0:
        return f"not evaluable: mutated in 0 of {covered}"
    if not offered & set(members.tolist()):
        return NOT_OFFERED
    return "" if row["in_model"] else "no gene of the set moved any prediction"


def agreement_table(by_feature: pd.DataFrame) -> pd.DataFrame:
    """Return how far models agree on genes, pair by pair (:data:`trastuz_ml.schema.AGREEMENT`).

    Parameters
    ----------
    by_feature : pandas.DataFrame
        :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`. Models are compared that some gene reached.

    Returns
    -------
    pandas.DataFrame
        A row for each pair. A gene that did not move a model counts there with 0; the correlation is missing
        where fewer than three genes moved either model, or where all moved one of them alike.
    """
    genes = by_feature[by_feature["block"] == GENE]
    reached = genes[genes["folds_kept"].fillna(0.0) > 0]
    of_model = {str(model): rows.set_index("feature") for model, rows in reached.groupby("model", sort=False)}
    rows = [
        {"model": model, "rival": rival, **_agreement(of_model[model], of_model[rival])}
        for model, rival in combinations(of_model, 2)
    ]
    return conform(pd.DataFrame(rows), AGREEMENT) if rows else empty(AGREEMENT)


def _agreement(one: pd.DataFrame, other: pd.DataFrame) -> dict[str, object]:
    moving = [rows[rows["folds_used"] > 0].sort_index() for rows in (one, other)]
    either = sorted(set(moving[0].index) | set(moving[1].index))
    sizes = [rows["mean_abs"].reindex(either).fillna(0.0).to_numpy(dtype=np.float64) for rows in moving]
    ranks = [_ranks(size) for size in sizes]
    varied = len(either) > 2 and all(np.ptp(r) > 0 for r in ranks)
    leading = [
        set(rows.sort_values("mean_abs", ascending=False, kind="stable").index[:LEADING]) for rows in moving
    ]
    both = sorted((leading[0] | leading[1]) & set(moving[0].index) & set(moving[1].index))
    signs = [_signs(rows.loc[both, "when_mutated"].to_numpy(dtype=np.float64)) for rows in moving]
    return {
        "genes": len(either),
        "rank_correlation": float(pearsonr(*ranks).statistic) if varied else np.nan,
        "leading_shared": len(leading[0] & leading[1]),
        "same_sign": float((signs[0] == signs[1]).mean()) if both else np.nan,
    }
