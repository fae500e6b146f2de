"""Bring the gene names of calls to current symbols: older names, identifiers, and names that became dates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.calls.genes.dates import REPAIRED_BLINDLY, gene_of_date, looks_like_date
from trastuz_ml.calls.genes.symbols import Resolution, SymbolTable
from trastuz_ml.findings import Finding, Severity, name_some

_CODES: Mapping[str, str] = {
    "previous": "gene-renamed", "alias": "gene-alias", "ensembl": "gene-identifier", "entrez": "gene-identifier",
    "hgnc-id": "gene-identifier", "case": "gene-case", "ambiguous": "gene-ambiguous", "unknown": "gene-unknown",
}  # fmt: skip
# What each kind of change is called in a finding, and what to do about it.
_SENTENCES: Mapping[str, tuple[Severity, str, str]] = {
    "gene-renamed": ("note", "Previous symbols, replaced by the current ones of {table}", ""),
    "gene-alias": ("note", "Aliases of one gene each, replaced by its symbol in {table}", ""),
    "gene-identifier": ("note", "Gene identifiers, replaced by the symbols of {table}", ""),
    "gene-case": ("note", "Symbols in other upper and lower case, written as in {table}", ""),
    "gene-ambiguous": ("note", "Names of several genes in {table}, kept as they are", ""),
    "gene-unknown": ("note", "Names that are not in {table}, kept as they are", ""),
    "gene-date-repaired": (
        "warning",
        "Gene names that a spreadsheet had turned into dates, repaired (the chromosome decides where it is known)",
        "",
    ),
    "gene-date-unnamed": (
        "warning",
        "Dates in place of gene names that may be several genes or none, left without a gene",
        " Take the names from the file as it was before the spreadsheet, or give the chromosomes.",
    ),
    "gene-date-misread": (
        "warning",
        "Names of the wrong gene of a date (1-Mar and 2-Mar are two genes each), corrected by the chromosome",
        "",
    ),
    "gene-names-collide": (
        "warning",
        "Different names that became one symbol",
        " Their calls now count for one gene; check that the names meant the same gene.",
    ),
}


def chromosomes_decide(names: Iterable[str], table: SymbolTable) -> bool:
    """Return whether some of the names can be told apart by their chromosomes only: a date may be two genes.

    Examples
    --------
    >>> from trastuz_ml.calls.genes.symbols import read_symbol_table
    >>> [chromosomes_decide(names, read_symbol_table()) for names in (["TP53", "1-Mar"], ["TP53", "MLL3"])]
    [True, False]
    """
    odd = table.not_approved(list(names))
    return any(name in REPAIRED_BLINDLY or looks_like_date(name) for name in odd)


@dataclass(frozen=True)
class _Name:
    """A gene name of the calls: the gene it became, if any, the code of its finding, and how many rows have it."""

    name: str
    gene: str | None
    code: str
    rows: int
    example: str


def reconcile_genes(calls: pd.DataFrame, table: SymbolTable) -> tuple[pd.DataFrame, list[Finding]]:
    """Give calls the current symbols of their genes, and tell what was changed.

    The cost is per distinct name, apart from one pass over the rows.

    Parameters
    ----------
    calls : pandas.DataFrame
        Calls table; the column ``chrom``, where present, decides between the genes of a date.
    table : SymbolTable
        The table of symbols.

    Returns
    -------
    calls : pandas.DataFrame
        The same rows. A name that the table does not know, or knows for several genes, is kept as it is; a
        date that may be several genes, or none, leaves its rows without a gene.
    findings : list of Finding
        What was renamed, repaired, kept and left unnamed; each counts rows.

    Examples
    --------
    >>> from trastuz_ml.calls.genes.symbols import read_symbol_table
    >>> calls = pd.DataFrame({"gene": ["MLL3", "4-Sep", "TP53"], "chrom": ["7", "17", "17"]})
    >>> named, findings = reconcile_genes(calls, read_symbol_table())
    >>> named["gene"].tolist(), [finding.code for finding in findings]
    (['KMT2C', 'SEPTIN4', 'TP53'], ['gene-renamed', 'gene-date-repaired'])
    """
    names = GeneNames(table)
    named = names.reconciled(calls)
    return named, names.findings()


class GeneNames:
    """The gene names of calls that come in blocks: what they became, and how many rows have each.

    Parameters
    ----------
    table : SymbolTable
        The table of symbols. Each name is looked up once, in however many blocks it stands.
    """

    def __init__(self, table: SymbolTable) -> None:
        self._table = table
        self._others: dict[str, Resolution] = {}
        self._became: dict[str, str] = {}
        self._by_row: set[str] = set()
        self._present: Counter[str] = Counter()
        self._placed: Counter[_Name] = Counter()

    def reconciled(self, calls: pd.DataFrame) -> pd.DataFrame:
        """Return the next calls with current symbols, as :func:`reconcile_genes` does."""
        words = calls["gene"].astype("category").array
        texts = words.categories.astype("str").tolist()
        rows = np.bincount(words.codes[words.codes >= 0], minlength=len(texts)).tolist()
        present = {name: count for name, count in zip(texts, rows, strict=True) if count}
        self._look_up([name for name in present if name not in self._present])
        self._present.update(present)
        # The last place is for rows without a name, whose code is -1.
        at = np.flatnonzero(np.array([*(name in self._by_row for name in texts), False])[words.codes])
        names = [texts[code] for code in words.codes[at]]
        placed = _placed(names, _chromosomes(calls, at), self._others, self._table)
        self._placed.update(placed)
        became = [self._became.get(name) for name in texts]
        genes = _recoded(words.codes, became, at, [name.gene for name in placed])
        return calls.assign(gene=pd.Series(genes, index=calls.index))

    def _look_up(self, names: Sequence[str]) -> None:
        others = self._table.not_approved(names)
        by_row = {name for name, found in others.items() if _needs_place(name, found)}
        self._became |= {name: name for name in names if name not in by_row}
        self._became |= {n: found.symbol for n, found in others.items() if found.symbol and n not in by_row}
        self._others |= others
        self._by_row |= by_row

    def counts(self) -> dict[str, Any]:
        """Return what is to be told of the calls so far, as plain values: JSON takes them."""
        renamed = {found.symbol for found in self._others.values() if found.symbol}
        told = {name: rows for name, rows in self._present.items() if name in self._others or name in renamed}
        placed = [[name.name, name.gene, name.code, rows, name.example] for name, rows in self._placed.items()]
        return {"names": told, "placed": placed}

    def add(self, counts: Mapping[str, Any]) -> None:
        """Take in what :meth:`counts` returned of other calls."""
        self._look_up([name for name in counts["names"] if name not in self._present])
        self._present.update(counts["names"])
        for name, gene, code, rows, example in counts["placed"]:
            self._placed[_Name(name, gene, code, 1, example)] += rows

    def findings(self) -> list[Finding]:
        """Return what was renamed, repaired, kept and left unnamed in all calls so far; each counts rows."""
        others = {name: found for name, found in self._others.items() if name not in self._by_row}
        changed = [_name(name, found, self._present[name]) for name, found in others.items()]
        changed += [replace(name, rows=count) for name, count in self._placed.items()]
        return [*_findings(changed, self._table), *_collisions(changed, self._became, self._present)]


def reconcile_names(names: Iterable[str], table: SymbolTable) -> dict[str, str]:
    """Return each name of a gene list with its current symbol, or itself where the table cannot tell.

    Parameters
    ----------
    names : iterable of str
        Gene names.
    table : SymbolTable
        The table of symbols.

    Examples
    --------
    >>> from trastuz_ml.calls.genes.symbols import read_symbol_table
    >>> reconcile_names(["ANKRd44", "MLL3", "no gene"], read_symbol_table())
    {'ANKRd44': 'ANKRD44', 'MLL3': 'KMT2C', 'no gene': 'no gene'}
    """
    given = list(names)
    others = table.not_approved(given)
    return {name: name for name in given} | {name: o.symbol for name, o in others.items() if o.symbol}


def _needs_place(name: str, found: Resolution) -> bool:
    """Return whether a name is read row by row, with the chromosome: a date, or what a repair made of one."""
    return name in REPAIRED_BLINDLY or (found.how == "unknown" and looks_like_date(name))


def _name(name: str, found: Resolution, rows: int = 1) -> _Name:
    meanings = f" ({' or '.join(found.candidates)})" if found.how == "ambiguous" else ""
    example = f"{name} -> {found.symbol}" if found.symbol else f"{name}{meanings}"
    return _Name(name, found.symbol or name, _CODES[found.how], rows, example)


def _chromosomes(calls: pd.DataFrame, at: np.ndarray) -> list[str | None]:
    if "chrom" not in calls.columns:
        return [None] * len(at)
    return [None if pd.isna(chrom) else str(chrom) for chrom in calls["chrom"].iloc[at]]


def _placed(
    names: Sequence[str], chroms: Sequence[str | None], known: Mapping[str, Resolution], table: SymbolTable
) -> list[_Name]:
    """Return what became of each row whose name is read with its chromosome."""
    pairs = list(zip(names, chroms, strict=True))
    genes = {(name, chrom): gene_of_date(REPAIRED_BLINDLY.get(name, name), chrom) for name, chrom in set(pairs)}
    current = reconcile_names(filter(None, genes.values()), table) if genes else {}
    decided = {pair: _decided(*pair, current.get(gene or ""), known) for pair, gene in genes.items()}
    return [decided[pair] for pair in pairs]


def _decided(name: str, chrom: str | None, gene: str | None, known: Mapping[str, Resolution]) -> _Name:
    """Return what a name became: the gene of its date, if that is one gene, else what the table knows of it."""
    place = f" on chromosome {chrom}" if chrom else ""
    if name not in REPAIRED_BLINDLY:
        code = "gene-date-repaired" if gene else "gene-date-unnamed"
        return _Name(name, gene, code, 1, f"'{name}' -> {gene}" if gene else f"'{name}'{place}")
    if gene in (None, known[name].symbol):
        return _name(name, known[name])
    return _Name(name, gene, "gene-date-misread", 1, f"{name}{place} -> {gene}")


def _recoded(
    codes: np.ndarray, became: Sequence[str | None], at: np.ndarray, genes: Sequence[str | None]
) -> pd.Categorical:
    """Return the genes of the rows: by code of the old name, and those at some rows one by one."""
    # Most names keep their place: in the old order they are quickly sorted.
    symbols = sorted(filter(None, dict.fromkeys((*became, *genes))))
    code_of: dict[str | None, int] = {None: -1, **{symbol: code for code, symbol in enumerate(symbols)}}
    # The last place is for rows without a name, whose code is -1.
    recoded = np.array([*(code_of[gene] for gene in became), -1], dtype=np.int32)[codes]
    recoded[at] = [code_of[gene] for gene in genes]
    return pd.Categorical.from_codes(recoded, categories=pd.Index(symbols, dtype="str"))


def _findings(names: Sequence[_Name], table: SymbolTable) -> list[Finding]:
    return [
        _finding(code, found, table.name) for code in _SENTENCES if (found := [n for n in names if n.code == code])
    ]


def _finding(code: str, names: Sequence[_Name], table: str = "") -> Finding:
    severity, what, remedy = _SENTENCES[code]
    rows, distinct = sum(name.rows for name in names), len({name.name for name in names})
    size = f"{distinct} name{'s' if distinct > 1 else ''} in {rows} call{'s' if rows > 1 else ''}"
    examples = name_some({name.example for name in names})
    message = f"{what.format(table=table)}: {size} ({examples}).{remedy}"
    return Finding(severity, code, message, count=rows, where="gene")


def _collisions(changed: Sequence[_Name], became: Mapping[str, str], present: Mapping[str, int]) -> list[Finding]:
    """Return a finding about names that share a symbol with another name; a date is no name."""
    names: dict[str, set[str]] = {}
    for name in changed:
        if name.gene and name.gene != name.name and not name.code.startswith("gene-date"):
            names.setdefault(name.gene, {name.gene} & became.keys()).add(name.name)
    shared = [
        _Name(name, gene, "gene-names-collide", present[name], f"{' and '.join(sorted(group))} -> {gene}")
        for gene, group in names.items()
        if len(group) > 1
        for name in group
    ]
    return [_finding("gene-names-collide", shared)] if shared else []
