"""Association of every gene with the response: exact, adjusted for confounders, and by stability."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import false_discovery_control
from threadpoolctl import threadpool_limits

from trastuz_ml.errors import InputError
from trastuz_ml.explain.confounders import coded_confounders
from trastuz_ml.explain.group_rows import one_row_a_group
from trastuz_ml.learn.selection import SUBSAMPLES, selection_frequencies
from trastuz_ml.schema import ASSOCIATIONS, conform
from trastuz_ml.stats.firth import firth_genes
from trastuz_ml.stats.gene_association import attainable_p, conditional_odds_ratios, discrete_fdr
from trastuz_ml.stats.gene_screen import GeneCounts, count_carriers, fisher_p

Numbers = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]
Columns = dict[str, Any]

# A gene is tested when some outcome reaches this p, and named beside at most so many genes that are like it.
TESTED_AT = 0.05
NAMED = 10
_ROUNDING = 1e-9


def association_table(
    genes: Sequence[str],
    X: npt.NDArray[np.float32],
    response: npt.NDArray[np.integer],
    *,
    watched: Collection[str],
    confounders: pd.DataFrame,
    groups: npt.NDArray[Any],
    lengths: Mapping[str, float] | None = None,
    seed: int,
    subsamples: int = SUBSAMPLES,
) -> pd.DataFrame:
    """Return one row for each gene (:data:`trastuz_ml.schema.ASSOCIATIONS`), in the order given.

    Parameters
    ----------
    genes : sequence of str, length n_genes
    X : array of float32, shape (n_patients, n_genes)
        Above 0 where the gene is mutated, NaN where it was not covered.
    response : array of 0 and 1, shape (n_patients,)
    watched : collection of str
        Genes declared before fitting.
    confounders : pandas.DataFrame
        One row a patient, one column a confounder, such as burden and subtype; may have no columns. How they are
        coded, and when they are left out: :func:`trastuz_ml.explain.confounders.coded_confounders`.
    groups : array, shape (n_patients,)
        Patients of one group are counted once where they respond alike
        (:func:`trastuz_ml.explain.group_rows.one_row_a_group`), and are in a half-sample together.
    lengths : mapping of str to float, optional
        Lengths of genes, in any one unit.
    seed : int
        Of half-samples and shuffled copies.
    subsamples : int
        Half-samples for ``selected``, an even number; 0 leaves ``selected`` and ``false_selections`` missing.

    Raises
    ------
    InputError
        If shapes do not agree or the response is neither 0 nor 1.

    Notes
    -----
    Fisher's exact test, two-sided by probability; conditional odds ratio with Cornfield's interval
    (:func:`~trastuz_ml.stats.gene_association.conditional_odds_ratios`).

    q counts the genes of which some outcome reaches p <= 0.05 given how many patients were covered, carry and
    respond (Tarone 1990, Biometrics 46:515). These margins say nothing of the association: whatever they are, p
    keeps its level, and so does the procedure of Benjamini & Hochberg (1995) on the genes they leave. Genes that
    go together with burden are positively dependent, which it allows; independence, which ``q_discrete`` needs
    (:func:`~trastuz_ml.stats.gene_association.discrete_fdr`), is then not given.

    Adjusted columns are Firth's regression (:func:`~trastuz_ml.stats.firth.firth_genes`) among the patients in
    whom the gene was covered; confounders are coded for these. With fewer patients than twice the columns
    (intercept and gene counted) and two more, nothing is adjusted. ``adjusted_q`` is the procedure of Benjamini &
    Hochberg on the same genes as q, less those whose fit could not be had. A burden is best given as a logarithm:
    it is the logarithm that the log odds of carrying a gene go with.

    ``selected`` and ``false_selections``: :func:`trastuz_ml.learn.selection.select_by_stability`. Genes that
    nobody carries are not called alike.

    Examples
    --------
    >>> X = np.array([[1, 0], [1, 0], [1, 0], [0, 1], [0, 0], [0, 0]], dtype=np.float32)
    >>> table = association_table(
    ...     ["ANKRD44", "TP53"], X, np.array([1, 1, 1, 0, 0, 0]), watched=["TP53"], confounders=pd.DataFrame(),
    ...     groups=np.arange(6), seed=1, subsamples=0)
    >>> table[["gene", "watched", "carriers"]].to_numpy().tolist(), table["p"].round(2).tolist()
    ([['ANKRD44', False, 3], ['TP53', True, 1]], [0.1, 1.0])
    """
    X, y, frame, groups, counted = one_row_a_group(X, *_checked(genes, X, response, confounders, groups), groups)
    counts = count_carriers(X, y)
    columns: Columns = {"gene": list(genes), "watched": np.isin(np.asarray(genes, dtype=object), list(watched))}
    columns["counted"] = counted
    exact, told, tested = _exact(counts)
    first, of = _distinct_columns(X)
    columns |= exact
    columns |= _adjusted(X, y, frame, told, tested, first, of)
    columns |= _lengths(genes, lengths or {})
    columns["alike"] = _alike(genes, of, counts.carriers > 0)
    columns |= _stability(X, y, groups, told, seed, subsamples)
    return conform(pd.DataFrame(columns), ASSOCIATIONS)


def _checked(
    genes: Sequence[str],
    X: npt.NDArray[np.float32],
    response: npt.NDArray[np.integer],
    confounders: pd.DataFrame,
    groups: npt.NDArray[Any],
) -> tuple[npt.NDArray[np.int8], pd.DataFrame]:
    frame = confounders if len(confounders.columns) else pd.DataFrame(index=range(len(response)))
    if X.ndim != 2 or X.shape[1] != len(genes) or not len(X) == len(response) == len(groups) == len(frame):
        raise InputError(
            f"The gene matrix has shape {X.shape}, but there are {len(genes)} genes, {len(response)} responses, "
            f"{len(groups)} groups and {len(frame)} rows of confounders."
        )
    return np.asarray(response, dtype=np.int8), frame


# --- Exact ---------------------------------------------------------------------------------------------


def _exact(counts: GeneCounts) -> tuple[Columns, Flags, Flags]:
    """Return the exact columns, the genes that have an odds ratio, and those of them that can be tested."""
    n, k, r, x = counts.covered, counts.carriers, counts.responders[0], counts.carriers_responding[0]
    told = (k > 0) & (k < n) & (r > 0) & (r < n)
    odds = conditional_odds_ratios(n, r, k, x)
    p = np.where(told, fisher_p(n, r, k, x), np.nan)
    attainable, margin = attainable_p(n, r, k)
    smallest = np.array([some.min() for some in attainable])[margin] if len(margin) else np.ones(0)
    tested = told & (smallest <= TESTED_AT * (1 + _ROUNDING))
    discrete = np.full(len(p), np.nan)
    discrete[tested] = discrete_fdr(p[tested], attainable, margin[tested])
    columns = {
        "covered": n, "carriers": k, "responders": r, "carriers_responding": x,
        "odds_ratio": odds.estimate, "low": odds.low, "high": odds.high,
        "p": p, "q": _q(p, tested), "q_discrete": discrete,
    }  # fmt: skip
    margins = zip(n.tolist(), k.tolist(), r.tolist(), tested.tolist(), strict=True)
    columns["status"] = ["" if fine else _reason(*margin) for *margin, fine in margins]
    return columns, told, tested


def _q(p: Numbers, tested: Flags) -> Numbers:
    some = tested & ~np.isnan(p)
    q = np.full(len(p), np.nan)
    if some.any():
        q[some] = false_discovery_control(p[some])
    return q


def _reason(covered: int, carriers: int, responders: int) -> str:
    """Return why a gene cannot be tested."""
    if covered == 0:
        return "not covered"
    if carriers == 0:
        return f"not evaluable: mutated in 0 of {covered:,}"
    if carriers == covered:
        return f"not evaluable: mutated in all {covered:,}"
    if responders in (0, covered):
        return (
            f"not evaluable: {'none' if responders == 0 else 'each'} of the {covered:,} covered patients responded"
        )
    return (
        f"not evaluable: with {carriers:,} carrier{'' if carriers == 1 else 's'} among {covered:,}, "
        f"{responders:,} responding, no outcome reaches p {TESTED_AT:g} in either direction"
    )


# --- Adjusted ------------------------------------------------------------------------------------------


def _adjusted(
    X: npt.NDArray[np.float32],
    y: npt.NDArray[np.int8],
    confounders: pd.DataFrame,
    told: Flags,
    tested: Flags,
    first: npt.NDArray[np.intp],
    of: npt.NDArray[np.intp],
) -> Columns:
    """Return the adjusted columns: a fit for each distinct column, among the patients in whom it was covered."""
    fits = {name: np.full(len(first), np.nan) for name in ("coefficient", "low", "high", "p")}
    words: Texts = np.full(len(first), "", dtype=object)
    asked = np.flatnonzero(told[first])
    distinct = X[:, first[asked]]
    for some, rows in _by_coverage(~np.isnan(distinct)):
        coded = coded_confounders(confounders.iloc[rows])
        where = asked[some]
        words[where] = _words(coded.names, coded.left_out, len(rows), coded.columns.shape[1])
        if words[where[0]].startswith("not adjusted"):
            continue
        with threadpool_limits(1):  # the products are small: threads would wait for each other
            found = firth_genes(distinct[np.ix_(rows, some)] > 0, y[rows], coded.columns)
        for name, values in fits.items():
            values[where] = getattr(found, name)
        words[where[~found.converged]] = (
            "not adjusted: the confounders tell who carries it, or the fit did not settle"
        )
    with np.errstate(over="ignore"):
        odds, low, high = (np.exp(fits[name])[of] for name in ("coefficient", "low", "high"))
    p = fits["p"][of]
    return {
        "adjusted_for": words[of], "adjusted_odds_ratio": odds, "adjusted_low": low, "adjusted_high": high,
        "adjusted_p": p, "adjusted_q": _q(p, tested),
    }  # fmt: skip


def _by_coverage(covered: Flags) -> list[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Return the columns that were covered in the same patients, and these patients."""
    if covered.shape[1] == 0:
        return []
    first, of = _distinct_rows(np.packbits(covered, axis=0).T)
    return [
        (np.flatnonzero(of == place), np.flatnonzero(covered[:, column])) for place, column in enumerate(first)
    ]


def _words(names: Sequence[str], left_out: Sequence[str], patients: int, columns: int) -> str:
    """Return what is adjusted for, or why nothing is."""
    without = f"without {', '.join(left_out)}" if left_out else ""
    if not names:
        return f"not adjusted: {without or 'no confounder was given'}"
    needed = 2 * (columns + 2) + 2
    if patients < needed:
        return (
            f"not adjusted: {', '.join(names)} would need {needed} patients in whom the gene is covered, "
            f"and there are {patients}"
        )
    return "; ".join(filter(None, (", ".join(names), without)))


# --- Alike, lengths, stability -------------------------------------------------------------------------


def _distinct_columns(X: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the first of each kind of column (mutated, and not covered, in the same patients), and the kinds."""
    states = np.vstack([np.packbits(X > 0, axis=0), np.packbits(np.isnan(X), axis=0)])
    return _distinct_rows(states.T)


def _distinct_rows(bits: npt.NDArray[np.uint8]) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    if bits.size == 0:
        return np.arange(min(len(bits), 1)), np.zeros(len(bits), dtype=np.intp)
    rows = np.ascontiguousarray(bits)
    _, first, of = np.unique(
        rows.view(np.dtype((np.void, rows.shape[1]))).ravel(), return_index=True, return_inverse=True
    )
    return first, of


def _alike(genes: Sequence[str], of: npt.NDArray[np.intp], carried: Flags) -> list[str]:
    """Return, for each gene, the others whose columns are the same, a few of them by name."""
    alike = [""] * len(genes)
    order = np.argsort(of, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
        if len(members) < 2 or not carried[members[0]]:
            continue
        for member in members:
            # One more than is named is looked at, because the gene itself may be among them.
            others = [genes[other] for other in members[: NAMED + 1] if other != member][:NAMED]
            more = len(members) - 1 - len(others)
            alike[member] = ", ".join(others) + (f" and {more:,} more" if more else "")
    return alike


def _lengths(genes: Sequence[str], lengths: Mapping[str, float]) -> Columns:
    length = pd.Series([lengths.get(gene, np.nan) for gene in genes], dtype=np.float64)
    return {"length": length, "length_rank": length.rank(ascending=False, method="min")}


def _stability(
    X: npt.NDArray[np.float32],
    y: npt.NDArray[np.int8],
    groups: npt.NDArray[Any],
    told: Flags,
    seed: int,
    subsamples: int,
) -> Columns:
    if subsamples == 0 or not told.any():
        return {"selected": np.nan, "false_selections": np.nan}
    found = selection_frequencies(X, y, groups, seed, subsamples=subsamples)
    return {
        "selected": np.where(told, found.genes, np.nan),
        "false_selections": np.where(told, found.false_genes(), np.nan),
    }
