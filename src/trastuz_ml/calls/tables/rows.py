"""Turn rows of a table into calls: columns named and cleaned, filters applied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trastuz_ml.calls.effects import effect_of_maf_class, most_severe
from trastuz_ml.calls.filters import apply_filters
from trastuz_ml.calls.reading import Reading
from trastuz_ml.calls.tables import values
from trastuz_ml.calls.tables.alleles import in_maf_form
from trastuz_ml.calls.tables.annovar import changes_in_genes, effect_of_annovar_word, spread_over_genes
from trastuz_ml.calls.tables.header_words import BUILD, CHANGE, ENTREZ, FUNC, REF_READS, Layout
from trastuz_ml.calls.tables.text_table import WORDS, RowError, Rows
from trastuz_ml.errors import InputError

_WORDS = (
    "patient",
    "gene",
    "consequence",
    "chrom",
    "ref",
    "alt",
    "filter",
    "sift",
    "polyphen",
    FUNC,
    BUILD,
    ENTREZ,
)
# Words that stay the same over many rows: reading them as texts first is faster.
_IN_RUNS = ("patient", "filter", BUILD)
_COUNTS = ("pos", "depth", "alt_reads", REF_READS)
_FRACTIONS = ("vaf",)
_SCORES = ("revel", "alphamissense")
_TEXTS = ("hgvsc", "hgvsp", CHANGE)

Columns = dict[str, pa.Array]


@dataclass(frozen=True, eq=False)
class Calls:
    """The calls of some rows: columns of the calls table, what the filters took out, and the builds named."""

    columns: Columns
    height: int
    dropped: pd.DataFrame | None
    builds: frozenset[str]


def column_types(layout: Layout) -> dict[int, pa.DataType]:
    """Return the type in which each column of a table is read, by its place in the header."""
    kinds: dict[int, pa.DataType] = dict.fromkeys(layout.frequencies, pa.float64())
    for name, place in layout.places.items():
        if name in _WORDS and name not in _IN_RUNS:
            kinds[place] = WORDS
        elif name in _WORDS or name in _TEXTS:
            kinds[place] = pa.string()
        else:
            kinds[place] = pa.int32() if name in _COUNTS else pa.float64()
    return kinds


def calls_of_rows(
    rows: Rows, layout: Layout, reading: Reading, file: str, patient: str, entrez: Callable[[], pa.Array] | None
) -> Calls:
    """Return the calls of some rows of a table.

    Parameters
    ----------
    rows : Rows
        The columns that the layout names.
    layout : Layout
        Which column is which.
    reading : Reading
        The filters, and what is wanted.
    file : str
        Name of the file.
    patient : str
        Who the calls are of, where no column says so.
    entrez : callable, optional
        Gives the Entrez ids of the rows: they stand in for gene names that are not there.

    Raises
    ------
    RowError
        If a row lacks its patient or consequence, or holds a value that cannot be read.
    """
    columns = {name: _cleaned(name, rows.columns[place]) for name, place in layout.places.items()}
    if "patient" not in columns:
        columns["patient"] = pa.DictionaryArray.from_arrays(np.zeros(rows.height, dtype=np.int32), [patient])
    _refuse_blank(columns["patient"], "patient")
    if entrez is not None and not layout.annovar:
        columns["gene"] = _with_entrez_ids(rows.columns[layout.places["gene"]], columns["gene"], entrez)
    at = None
    if layout.annovar:
        columns, at = _of_annovar(columns)
    _refuse_blank(columns["consequence"], "consequence", at)
    columns["consequence"] = _in_own_words(columns["consequence"], at)
    if layout.frequencies:
        found = [values.highest(rows.columns[p], "population_frequency") for p in layout.frequencies]
        highest = pc.max_element_wise(*found)
        columns["population_frequency"] = highest if at is None else highest.take(at)
    columns = _with_read_counts(columns)
    if {"pos", "ref", "alt"} <= set(columns):
        columns |= zip(
            ("pos", "ref", "alt"), in_maf_form(columns["pos"], columns["ref"], columns["alt"]), strict=True
        )
    builds = frozenset(columns.pop(BUILD).dictionary.drop_null().to_pylist()) if BUILD in columns else frozenset()
    height = rows.height if at is None else len(at)
    return _filtered(Calls(columns, height, None, builds), reading, file)


def _cleaned(name: str, column: pa.Array) -> pa.Array:
    if name == "gene":
        return values.genes(column)
    if name == "chrom":
        return values.chromosomes(column)
    if name in ("ref", "alt"):
        return values.alleles(column)
    if name in _WORDS:
        return values.words(column)
    if name in _COUNTS:
        return values.whole_numbers(column, name)
    if name in _SCORES:
        return values.highest(column, name)
    return values.fractions(column, name) if name in _FRACTIONS else values.texts(column)


def _refuse_blank(column: pa.DictionaryArray, name: str, at: pa.Array | None = None) -> None:
    if column.indices.null_count:
        row = pc.index(pc.is_null(column.indices), pa.scalar(value=True)).as_py()
        raise RowError(_row(row, at), f"the {name} is empty; every call needs one.")


def _row(row: int, at: pa.Array | None) -> int:
    return row if at is None else at[row].as_py()


def _with_entrez_ids(
    given: pa.Array, named: pa.DictionaryArray, entrez: Callable[[], pa.Array]
) -> pa.DictionaryArray:
    empty = pc.is_null(values.words(given))
    if not pc.any(empty).as_py():
        return named
    ids = values.texts(entrez())
    known = pc.match_substring_regex(ids, "^[1-9][0-9]*$")
    return pc.if_else(pc.and_kleene(empty, known), ids, named.cast(pa.string())).dictionary_encode()


def _of_annovar(columns: Columns) -> tuple[Columns, pa.Array]:
    rows, genes, words = spread_over_genes(columns.pop(FUNC, None), columns["gene"], columns["consequence"])
    at = pa.array(rows)
    spread = _taken(columns, at)
    spread |= {"gene": values.genes(genes), "consequence": values.words(words)}
    if CHANGE in spread:
        changes = changes_in_genes(spread.pop(CHANGE).to_pylist(), spread["gene"].cast(pa.string()).to_pylist())
        spread |= zip(("hgvsc", "hgvsp"), changes, strict=True)
    return spread, at


def _in_own_words(column: pa.DictionaryArray, at: pa.Array | None) -> pa.DictionaryArray:
    """Return the source's word for what each call does; of several Sequence Ontology terms, the most severe."""
    found = []
    for code, word in enumerate(column.dictionary.to_pylist()):
        try:
            found.append(effect_of_word(word)[0])
        except InputError as error:
            raise RowError(_row(pc.index(column.indices, code).as_py(), at), str(error)) from error
    return values.recoded(column, pa.array(found, pa.string()))


@lru_cache(maxsize=8192)
def effect_of_word(word: str) -> tuple[str, str]:
    """Return a word for what a variant does as it is kept, and its effect class.

    MAF's classes come first, then Sequence Ontology terms joined by ``&`` or ``,``, then ANNOVAR's words.

    Raises
    ------
    InputError
        If the word is in none of the three vocabularies.

    Examples
    --------
    >>> effect_of_word("intron_variant,missense_variant"), effect_of_word("stopgain")
    (('missense_variant', 'missense'), ('stopgain', 'truncating'))
    """
    refusals = []
    for effect in (_as_maf_class, _as_terms, _as_annovar_word):
        try:
            return effect(word)
        except InputError as error:
            refusals.append(error)
    raise refusals[1 if "_variant" in word else 0]


def _as_maf_class(word: str) -> tuple[str, str]:
    return word, effect_of_maf_class(word)


def _as_terms(word: str) -> tuple[str, str]:
    return most_severe("&".join(term.strip() for term in word.replace(",", "&").split("&")))


def _as_annovar_word(word: str) -> tuple[str, str]:
    return word, effect_of_annovar_word(word)


def _with_read_counts(columns: Columns) -> Columns:
    """Fill depth and allele fraction from counts of reads, where the table gives only those."""
    found = dict(columns)
    ref, alt = found.pop(REF_READS, None), found.get("alt_reads")
    if "depth" not in found and ref is not None and alt is not None:
        found["depth"] = pc.add(ref, alt)
    if "vaf" not in found and alt is not None and "depth" in found:
        reads = pc.if_else(pc.greater(found["depth"], 0), found["depth"], pa.scalar(None, pa.int32()))
        fraction = pc.divide(alt.cast(pa.float64()), reads.cast(pa.float64()))
        # More supporting reads than reads: the two columns count differently, and no fraction follows.
        found["vaf"] = pc.if_else(pc.less_equal(fraction, 1.0), fraction, pa.scalar(None, pa.float64()))
    return found


def _filtered(calls: Calls, reading: Reading, file: str) -> Calls:
    filters, columns = reading.filters, calls.columns
    looked_at: dict[str, pd.Series] = {}
    let_through = None if filters.words is None else set(filters.words)
    if let_through is not None and "filter" in columns:
        given = set(columns["filter"].dictionary.to_pylist())
        looked_at |= {} if given <= let_through else {"filter": columns["filter"].to_pandas()}
    for name, active in (
        ("depth", filters.min_depth > 0),
        ("alt_reads", filters.min_alt_reads > 0),
        ("vaf", filters.min_vaf > 0),
        ("population_frequency", filters.max_population_frequency < 1),
    ):
        if active and name in columns:
            looked_at[name] = columns[name].to_pandas()
    wanted = {name: c for name, c in columns.items() if _kept(name, reading)}
    if not looked_at:
        return Calls(wanted, calls.height, None, calls.builds)
    frame = pd.DataFrame(
        {"patient": columns["patient"].to_pandas(), "file": _constant(file, calls.height), **looked_at}
    )
    kept, dropped = apply_filters(frame, filters)
    if len(kept) < calls.height:
        wanted = _taken(wanted, pa.array(kept.index.to_numpy()))
    return Calls(wanted, len(kept), dropped, calls.builds)


def _taken(columns: Columns, at: pa.Array) -> Columns:
    taken = {name: column.take(at) for name, column in columns.items()}
    return {
        name: values.without_unused(column) if pa.types.is_dictionary(column.type) else column
        for name, column in taken.items()
    }


def _kept(name: str, reading: Reading) -> bool:
    stands_in = name == "hgvsc" and reading.wants("alt")
    return name in {"patient", "gene", "consequence"} or reading.wants(name) or stands_in


def _constant(word: str, height: int) -> pd.Series:
    return pd.Series(pd.Categorical.from_codes(np.zeros(height, dtype=np.int8), [word]))
