"""What a model could learn instead of biology: the balance of the response, and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import MonteCarloMethod, fisher_exact

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.findings import Finding, Severity, name_some

Counts = npt.NDArray[np.int64]

_SMALL_CLASS, _TINY_CLASS = 10, 5
# With one in ten or fewer of the smaller class, the larger alone has an accuracy that sounds like success.
_LOPSIDED = 10
# p of a table below which a warning is due, and below which it is worth a note.
_WARN, _NOTE = 0.01, 0.05
# Groups and files of fewer patients are persons or single samples; together they are one level.
_FEWEST_OF_A_LEVEL = 5
_RESAMPLES, _SEED = 9_999, 2019
_MOST_LEVELS_SHOWN = 6


def class_balance(cohort: Cohort) -> list[Finding]:
    """Count the responses, and say what the smaller class is too small for.

    Returns
    -------
    list of Finding
        ``class-balance`` (note), or one of the warnings ``class-tiny`` (fewer than 5), ``class-small`` (fewer than
        10) and ``class-lopsided`` (9 in 10 of one class). Nothing where no response is known.
    """
    response = cohort.response.dropna().astype(int)
    if response.empty:
        return []
    yes, no = int((response == 1).sum()), int((response == 0).sum())
    fewer, name = (yes, "responders") if yes <= no else (no, "non-responders")
    counts = f"{yes} responders and {no} non-responders ({yes / len(response):.0%} respond)"
    if fewer < _TINY_CLASS:
        return [Finding("warning", "class-tiny", f"{counts}: {_TINY_MEANS.format(fewer=fewer, name=name)}", fewer)]
    if fewer < _SMALL_CLASS:
        return [Finding("warning", "class-small", f"{counts}: {_SMALL_MEANS.format(name=name)}", fewer)]
    if fewer * _LOPSIDED <= len(response):
        share = 1 - fewer / len(response)
        return [Finding("warning", "class-lopsided", f"{counts}: {_LOPSIDED_MEANS.format(share=share)}", fewer)]
    return [Finding("note", "class-balance", counts, fewer)]


_TINY_MEANS = (
    "five folds that all hold both classes cannot be made (at most {fewer}), no setting can be tuned inside a "
    "fold, and one patient more or less decides every score. Describe the {name} rather than train on them, or "
    "add patients"
)
_SMALL_MEANS = (
    "with five folds, some test folds hold a single one of the {name}, scores depend on how the folds fall, and "
    "tuning inside the folds has almost nothing to go by. Ask for few folds and many repeats, and read the "
    "intervals"
)
_LOPSIDED_MEANS = (
    "saying the same of everybody is right in {share:.0%}, so accuracy means nothing here. Read AUROC, average "
    "precision and calibration"
)


def confounded_with_response(cohort: Cohort) -> list[Finding]:
    """Find assays, groups and files of calls that go with the response.

    Two levels are compared by Fisher's exact test, more by its extension to larger tables (Freeman & Halton 1951)
    from 9,999 seeded tables with the same margins. Groups and files with fewer than five patients are taken
    together. A partition of the patients is tested once, under the first of its names.

    Returns
    -------
    list of Finding
        Codes ``assay-confounded``, ``group-confounded`` and ``file-confounded``: an error when a level with one
        response only is so by chance in less than 1 %, a warning when p < 0.01, a note when p < 0.05.
    """
    known = cohort.response.dropna().astype(int)
    found: list[Finding] = []
    seen: set[tuple[tuple[str, ...], tuple[int, ...]]] = set()
    for name, levels in _partitions(cohort):
        levels = levels.reindex(known.index).dropna()
        partition = tuple(levels.index), tuple(pd.factorize(levels)[0])
        if levels.nunique() < 2 or partition in seen:
            continue
        seen.add(partition)
        table = pd.crosstab(levels.astype("str"), known[levels.index]).reindex(columns=[1, 0], fill_value=0)
        found += _confounded(name, table)
    return found


def _partitions(cohort: Cohort) -> Iterator[tuple[str, pd.Series]]:
    yield "assay", cohort.patients["assay"]
    yield "group", _pool_small(cohort.patients["group"])
    named = cohort.calls[["patient", "file"]].dropna().drop_duplicates().astype("str")
    files = named.sort_values(["patient", "file"]).groupby("patient")["file"].agg(" and ".join)
    yield "file", _pool_small(files)


def _pool_small(levels: pd.Series) -> pd.Series:
    size = levels.map(levels.value_counts())
    return levels.astype("str").where(size >= _FEWEST_OF_A_LEVEL, "others")


def table_p(table: Counts) -> float:
    """Return the exact p of no association between levels (rows) and response (two columns).

    Examples
    --------
    >>> round(table_p(np.array([[6, 0], [0, 6]])), 5)
    0.00216
    """
    if len(table) == 2:
        return float(fisher_exact(table).pvalue)
    method = MonteCarloMethod(n_resamples=_RESAMPLES, rng=np.random.default_rng(_SEED))
    return float(fisher_exact(table, method=method).pvalue)


def _confounded(name: str, table: pd.DataFrame) -> Iterator[Finding]:
    if (table.sum() == 0).any():
        return
    counts = table.to_numpy(dtype=np.int64)
    p, separating = table_p(counts), _separating(table)
    if p >= _NOTE:
        return
    severity: Severity = "error" if separating else "warning" if p < _WARN else "note"
    only = f" ({name_some(separating)}: one response only)" if separating else ""
    test = "Fisher's exact test" if len(table) == 2 else f"Fisher's exact test, {_RESAMPLES:,} drawn tables"
    yield Finding(
        severity, f"{name}-confounded",
        f"the response goes with the {name}{only}: {_in_words(table)} (p = {p:.2g}, {test}). {_MEANS[name]}",
        int(counts.sum()), where=name,
    )  # fmt: skip


_SAME = "a model can tell responders by how they were sequenced, which no validation inside this cohort can notice"
_MEANS = {
    "assay": f"Then {_SAME}. Train on one assay at a time, or on genes that all assays cover, and compare with "
    "a model that knows the assay alone",
    "group": "If the groups are centres, a model can tell responders by where they were treated. Compare with a "
    "model that knows the centre alone, and validate on centres left out",
    "file": f"If the files are batches, centres or studies, {_SAME}. Call all samples in the same way, or train "
    "on one file at a time",
}


def _separating(table: pd.DataFrame) -> list[str]:
    """Return the levels with one response only that chance makes in less than 1 %, for each of the levels."""
    total, limit = table.sum().to_numpy(), _WARN / len(table)
    pure = table.index[(table == 0).any(axis=1)]
    return [
        str(level)
        for level in pure
        if fisher_exact([table.loc[level].to_numpy(), total - table.loc[level].to_numpy()]).pvalue < limit
    ]


def _in_words(table: pd.DataFrame) -> str:
    largest = table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index[:_MOST_LEVELS_SHOWN]]
    parts = [f"{level}: {row[1]} of {row[1] + row[0]} respond" for level, row in largest.iterrows()]
    more = len(table) - len(largest)
    return "; ".join(parts) + (f"; and {more} more" if more else "")
