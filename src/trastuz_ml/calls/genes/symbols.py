"""Current gene symbols from HGNC's table of approved, previous and alias symbols (complete set of 2026-06-25)."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from trastuz_ml.errors import InputError

# HGNC complete set of 2026-06-25 (genenames.org, public domain), reduced to the columns below.
SHIPPED = Path(__file__).with_name("hgnc_2026-06-25.tsv.gz")

How = Literal[
    "approved", "previous", "alias", "case", "ensembl", "entrez", "hgnc-id", "ambiguous", "unknown"
]  # fmt: skip

# A kind of name; the names of that kind; the row of each, where they do not stand row by row.
_Pass = tuple[How, pa.Array, pa.Array | None]

COLUMNS: tuple[str, ...] = ("hgnc_id", "symbol", "ensembl_id", "gene_type", "previous", "alias", "entrez_id")
_NEEDED = ("hgnc_id", "symbol", "ensembl_id", "previous", "alias")
# HGNC's own words for our columns; the later of two words for one column stands in where the first is absent.
_HGNC_WORDS = {
    "ensembl_gene_id": "ensembl_id", "prev_symbol": "previous", "alias_symbol": "alias", "locus_type": "gene_type",
    "locus_group": "gene_type",
}  # fmt: skip
_ENSEMBL = re.compile(r"(ENSG\d+)(?:\.\d+)?(?:_PAR_Y)?", re.IGNORECASE)


class Resolution(NamedTuple):
    """What a table knows about one name: its current symbol, how it was found, and the genes it may mean."""

    symbol: str | None
    how: How
    candidates: tuple[str, ...] = ()


_UNKNOWN = Resolution(None, "unknown")


@dataclass(frozen=True, eq=False)
class SymbolTable:
    """A dated table of gene symbols, from :func:`read_symbol_table`.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    date : str
        Its date, year-month-day; empty where the file's name does not give one.
    rows : pyarrow.Table
        One row a gene, texts: ``hgnc_id``, ``symbol``, ``ensembl_id``, ``gene_type``, ``previous`` and ``alias``
        (separated by ``|``), ``entrez_id``.
    """

    name: str
    date: str
    rows: pa.Table

    def current(self, names: Sequence[str]) -> dict[str, Resolution]:
        """Return what the table knows about each name.

        An approved symbol is itself, whatever else it once meant. A previous symbol is followed when one gene
        alone had it, then an alias when one gene alone has it. Ensembl, Entrez and HGNC identifiers are looked
        up as such. Upper and lower case are disregarded only for a name that nothing matches exactly.

        Parameters
        ----------
        names : sequence of str
            Gene names; the cost is per distinct name.

        Returns
        -------
        dict
            Name -> :class:`Resolution`. An ambiguous or unknown name has no symbol.

        Examples
        --------
        >>> found = read_symbol_table().current(["TP53", "MLL3", "ANKRd44", "ENSG00000141510.18", "LOC1"])
        >>> [(name, what.symbol, what.how) for name, what in found.items()]
        [('TP53', 'TP53', 'approved'), ('MLL3', 'KMT2C', 'previous'), ('ANKRd44', 'ANKRD44', 'case'),
         ('ENSG00000141510.18', 'TP53', 'ensembl'), ('LOC1', None, 'unknown')]
        """
        others = self.not_approved(names)
        return {name: others.get(name) or Resolution(name, "approved") for name in names}

    def not_approved(self, names: Sequence[str]) -> dict[str, Resolution]:
        """Return what the table knows about the names that are no approved symbols: the few that need a look.

        Examples
        --------
        >>> read_symbol_table().not_approved(["TP53", "MLL3"])
        {'MLL3': Resolution(symbol='KMT2C', how='previous', candidates=('KMT2C',))}
        """
        others = [name for name in dict.fromkeys(names) if name not in self._approved]
        return dict.fromkeys(others, _UNKNOWN) | self._followed(others)

    def former_and_current(self) -> frozenset[str]:
        """Return all approved and previous symbols: what a name must be among to be taken for a gene's.

        Examples
        --------
        >>> {"KMT2C", "MLL3"} <= read_symbol_table().former_and_current()
        True
        """
        former, _, _ = self._previous
        return self._approved | frozenset(former.to_pylist())

    def _followed(self, names: Sequence[str]) -> dict[str, Resolution]:
        """Return the names, none of them approved, that the table knows in another way."""
        identifiers = {name: sought for name in names if (sought := _identifier(name))}
        found = self._identified(identifiers)
        left = [name for name in names if name and name not in found and not name.isdecimal()]
        if not left:
            return found
        as_written: tuple[tuple[How, tuple[pa.Array, pa.Array, pa.Array]], ...] = (
            ("previous", self._previous), ("alias", self._alias),
        )  # fmt: skip
        for how, (values, _, rows) in as_written:
            found |= self._found({name: name for name in left}, how, values, rows)
            left = [name for name in left if name not in found]
        any_case: tuple[_Pass, ...] = (
            ("case", self._lower, None), ("previous", *self._previous[1:]), ("alias", *self._alias[1:]),
        )  # fmt: skip
        for how, values, rows in any_case:
            found |= self._found({name: name.lower() for name in left}, how, values, rows)
            left = [name for name in left if name not in found]
        return found

    def _identified(self, identifiers: dict[str, tuple[str, str, How]]) -> dict[str, Resolution]:
        found: dict[str, Resolution] = {}
        for column, how in {(column, how) for column, _, how in identifiers.values()}:
            sought = {name: key for name, (other, key, _) in identifiers.items() if other == column}
            found |= self._found(sought, how, self.rows[column], None)
        return found

    # A process that predicts patient by patient looks names up again and again.

    @cached_property
    def _approved(self) -> frozenset[str]:
        return frozenset(self.rows["symbol"].to_pylist())

    @cached_property
    def _lower(self) -> pa.Array:
        return pc.ascii_lower(self.rows["symbol"].combine_chunks())

    @cached_property
    def _previous(self) -> tuple[pa.Array, pa.Array, pa.Array]:
        return self._listed("previous")

    @cached_property
    def _alias(self) -> tuple[pa.Array, pa.Array, pa.Array]:
        return self._listed("alias")

    def _listed(self, column: str) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Return each name that a column lists, the same in lower case, and the row that lists it."""
        texts = self.rows[column].combine_chunks()
        filled = pc.indices_nonzero(pc.not_equal(texts, ""))
        lists = pc.split_pattern(texts.take(filled), "|")
        names = pc.list_flatten(lists)
        return names, pc.ascii_lower(names), filled.take(pc.list_parent_indices(lists))

    def _found(
        self, sought: dict[str, str], how: How, values: pa.Array, rows: pa.Array | None
    ) -> dict[str, Resolution]:
        """Return the names whose sought text is among the values; ``rows`` says whose each value is."""
        if not sought:
            return {}
        hit = pc.is_in(values, value_set=pa.array(set(sought.values()), pa.string()))
        owners = self.rows["symbol"].filter(hit) if rows is None else self.rows["symbol"].take(rows.filter(hit))
        genes: dict[str, set[str]] = {}
        for text, owner in zip(values.filter(hit).to_pylist(), owners.to_pylist(), strict=True):
            genes.setdefault(text, set()).add(owner)
        return {name: _resolution(genes[key], how) for name, key in sought.items() if key in genes}


def _identifier(name: str) -> tuple[str, str, How] | None:
    """Return column, key and kind of a name that is an identifier; digits are never looked up as an alias."""
    if name.isdecimal():
        return "entrez_id", name, "entrez"
    if ensembl := _ENSEMBL.fullmatch(name):
        return "ensembl_id", ensembl[1].upper(), "ensembl"
    return ("hgnc_id", name.upper(), "hgnc-id") if name[:5].upper() == "HGNC:" else None


def _resolution(genes: set[str], how: How) -> Resolution:
    candidates = tuple(sorted(genes))
    one = len(candidates) == 1
    return Resolution(candidates[0] if one else None, how if one else "ambiguous", candidates)


def read_symbol_table(path: str | Path | None = None) -> SymbolTable:
    """Read a table of gene symbols; once a process as long as the file does not change.

    Parameters
    ----------
    path : path, optional
        The package's own form (columns ``hgnc_id symbol ensembl_id gene_type previous alias [entrez_id]``) or
        HGNC's complete set as HGNC gives it, plain or gzip. ``None`` is the table that ships in the package:
        HGNC complete set, 2026-06-25.

    Returns
    -------
    SymbolTable
        The table.

    Raises
    ------
    InputError
        If the file is missing, cut off or not such a table.

    Examples
    --------
    >>> table = read_symbol_table()
    >>> table.name, table.date, table.rows.num_rows
    ('HGNC complete set, 2026-06-25', '2026-06-25', 44997)
    """
    path = SHIPPED if path is None else Path(path)
    try:
        changed = path.stat().st_mtime_ns
    except OSError as error:
        raise InputError(f"There is no table of gene symbols {path}: {error.strerror}. Check its path.") from error
    return _read(path, changed)


@cache
def _read(path: Path, changed: int) -> SymbolTable:
    """Read a table; ``changed`` only tells a file that was replaced from the one read before."""
    raw = _bytes(path)
    header = raw[: raw.find(b"\n")].decode("utf-8-sig", errors="replace").rstrip("\r").split("\t")
    words = _words(header, path)
    try:
        table = csv.read_csv(
            pa.BufferReader(raw),
            parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
            convert_options=csv.ConvertOptions(
                include_columns=list(words.values()), column_types=dict.fromkeys(words.values(), pa.string())
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise InputError(f"{path} is damaged: expected one line a gene, {error}.") from error
    rows = _approved_rows(table.rename_columns(list(words)), quoted=b'"' in raw)
    if path != SHIPPED:
        _refuse_unsound(rows, path)
    stamp = re.search(r"\d{4}-\d{2}-\d{2}", path.name)
    date = stamp[0] if stamp else ""
    return SymbolTable(f"HGNC complete set, {date}" if path == SHIPPED else path.name, date, rows)


def _bytes(path: Path) -> bytes:
    try:
        raw = path.read_bytes()
        return gzip.decompress(raw) if raw.startswith(b"\x1f\x8b") else raw
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} cannot be read as a table of gene symbols: {error}. Is it cut off?") from error


def _words(header: list[str], path: Path) -> dict[str, str]:
    """Return our columns -> the file's words for them."""
    words: dict[str, str] = {}
    for word in sorted(header, key=lambda word: list(_HGNC_WORDS).index(word) if word in _HGNC_WORDS else -1):
        column = _HGNC_WORDS.get(word, word)
        if column in (*COLUMNS, "status"):
            words.setdefault(column, word)
    absent = [column for column in _NEEDED if column not in words]
    if absent or len(set(header)) < len(header):
        raise InputError(
            f"{path} is not a table of gene symbols: expected tab-separated columns hgnc_id, symbol, ensembl_id, "
            "gene_type, previous, alias, or HGNC's complete set (hgnc_id, symbol, locus_type, alias_symbol, "
            f"prev_symbol, ensembl_gene_id, ...), each once; found {', '.join(header[:12])[:200] or 'nothing'}."
        )
    return words


def _approved_rows(table: pa.Table, *, quoted: bool) -> pa.Table:
    """Return the rows of genes that HGNC has not withdrawn, with all our columns, texts without quotes."""
    if quoted:
        trimmed = [pc.utf8_trim(column, characters='"') for column in table.columns]
        table = pa.table(trimmed, names=table.column_names)
    if "status" in table.column_names:
        table = table.filter(pc.equal(table["status"], "Approved"))
    for column in COLUMNS:
        if column not in table.column_names:
            table = table.append_column(column, pa.chunked_array([pa.array([""] * table.num_rows, pa.string())]))
    return table.select(list(COLUMNS))


def _refuse_unsound(rows: pa.Table, path: Path) -> None:
    symbols = rows["symbol"]
    if not len(symbols):
        raise InputError(f"{path} holds no gene: expected one line for each approved symbol.")
    if pc.count_distinct(symbols).as_py() < len(symbols) or pc.any(pc.equal(symbols, "")).as_py():
        counts = pc.value_counts(symbols).to_pylist()
        twice = sorted(entry["values"] for entry in counts if entry["counts"] > 1 or not entry["values"])
        raise InputError(
            f"{path} is damaged: expected one line for each approved symbol, found '{twice[0]}' on several lines "
            "or a line without a symbol."
        )
