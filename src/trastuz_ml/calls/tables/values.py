"""Turn the texts of a table's columns into words, texts and numbers, each distinct word once."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from trastuz_ml.calls.tables.text_table import MISSING, RowError

_MISSING = pa.array(MISSING)
# So many rows tell whether a column comes in runs.
_LOOKED_AT = 4096
_NO_GENE = pa.array(["Unknown", "UNKNOWN", "unknown", "?", "-"])


def clean_texts(texts: pa.Array) -> pa.Array:
    """Return texts without blanks and quotation marks around them; what stands for nothing is missing."""
    trimmed = pc.utf8_trim_whitespace(texts)
    if pc.any(pc.starts_with(trimmed, '"')).as_py():
        bare = pc.replace_substring_regex(trimmed, pattern='^"(.*)"$', replacement=r"\1")
        trimmed = pc.utf8_trim_whitespace(pc.replace_substring(bare, '""', '"'))
    missing = pc.is_in(trimmed, _MISSING)
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed) if pc.any(missing).as_py() else trimmed


def words(column: pa.Array) -> pa.DictionaryArray:
    """Return a column of few distinct texts, cleaned, each distinct text kept once."""
    coded = column if pa.types.is_dictionary(column.type) else _encoded(column)
    return recoded(coded, clean_texts(coded.dictionary))


def _encoded(column: pa.Array) -> pa.DictionaryArray:
    """Return texts with each distinct one kept once; where they come in runs, a run is looked up once."""
    head = column.slice(0, _LOOKED_AT)
    if column.null_count or not len(head) or len(pc.run_end_encode(head).values) > len(head) // 4:
        return column.dictionary_encode()
    runs = pc.run_end_encode(column)
    coded = runs.values.dictionary_encode()
    lengths = np.diff(runs.run_ends.to_numpy(), prepend=0)
    return pa.DictionaryArray.from_arrays(np.repeat(coded.indices.to_numpy(), lengths), coded.dictionary)


def without_unused(column: pa.DictionaryArray) -> pa.DictionaryArray:
    """Return a column of words without the words that no row has."""
    return column.cast(pa.string()).dictionary_encode()


def recoded(column: pa.DictionaryArray, texts: pa.Array) -> pa.DictionaryArray:
    """Return a column of words with another text for each distinct one."""
    if not texts.null_count and texts.equals(column.dictionary):
        return column
    distinct = texts.dictionary_encode()
    return pa.DictionaryArray.from_arrays(distinct.indices.take(column.indices), distinct.dictionary)


def genes(column: pa.Array) -> pa.DictionaryArray:
    """Return gene names; words that say that there is none are missing."""
    coded = words(column)
    nobody = pc.is_in(coded.dictionary, _NO_GENE)
    if not pc.any(nobody).as_py():
        return coded
    return recoded(coded, pc.if_else(nobody, pa.scalar(None, pa.string()), coded.dictionary))


def chromosomes(column: pa.Array) -> pa.DictionaryArray:
    """Return chromosomes without the prefix chr."""
    coded = words(column)
    return recoded(coded, pc.replace_substring_regex(coded.dictionary, pattern="(?i)^chr", replacement=""))


def alleles(column: pa.Array) -> pa.DictionaryArray:
    """Return alleles in capital letters: small ones mark repeats, not other bases."""
    coded = words(column)
    return recoded(coded, pc.utf8_upper(coded.dictionary))


def texts(column: pa.Array) -> pa.Array:
    """Return a column of texts, cleaned."""
    return clean_texts(column.cast(pa.string()))


def whole_numbers(column: pa.Array, name: str) -> pa.Array:
    """Return counts or positions as 32-bit integers; a negative one is missing.

    Raises
    ------
    RowError
        If a text is no whole number.
    """
    if not pa.types.is_integer(column.type):
        found = _parsed(column, name)
        off = pc.or_(pc.not_equal(pc.floor(found), found), pc.greater(pc.abs(found), 2**31 - 1))
        _refuse(off, column, name)
        column = found.cast(pa.int32())
    if len(column) and (pc.min(column).as_py() or 0) < 0:
        return pc.if_else(pc.less(column, 0), pa.scalar(None, pa.int32()), column)
    return column


def fractions(column: pa.Array, name: str) -> pa.Array:
    """Return fractions and scores from 0 to 1; decimal commas and percent signs are read.

    Raises
    ------
    RowError
        If a text is no number, or a number is not between 0 and 1.
    """
    found = column if pa.types.is_floating(column.type) else _parsed(column, name)
    within = pc.and_(pc.greater_equal(found, 0.0), pc.less_equal(found, 1.0))
    if pc.all(within, min_count=0).as_py():
        return found
    _refuse(pc.invert(within), column, name, "a number from 0 to 1")
    return found


def highest(column: pa.Array, name: str) -> pa.Array:
    """Return fractions from texts that may hold several, as annotators join them: ``0.1&0.2`` or ``A:0.1``."""
    if pa.types.is_floating(column.type):
        return fractions(column, name)
    coded = words(column)
    best = [_highest(text) for text in coded.dictionary.to_pylist()]
    found = pa.array(best, pa.float64()).take(coded.indices)
    unread = pc.and_(pc.is_null(found), pc.is_valid(coded.indices))
    if pc.any(unread).as_py():
        hollow = pa.array(
            [not set(t.replace("&", "").replace(";", "")) - {"."} for t in coded.dictionary.to_pylist()]
        )
        _refuse(pc.and_(unread, pc.invert(hollow).take(coded.indices)), column, name)
    return fractions(found, name)


def _highest(text: str | None) -> float | None:
    parts = [part.rpartition(":")[2].replace(",", ".") for part in (text or "").replace(";", "&").split("&")]
    try:
        return max((float(part) for part in parts if part.strip(" .")), default=None)
    except ValueError:
        return None


def _parsed(column: pa.Array, name: str) -> pa.Array:
    cleaned = texts(column)
    plain = pc.replace_substring(cleaned, ",", ".")
    percent = pc.ends_with(plain, "%")
    plain = pc.utf8_rtrim(plain, characters="% ")
    number = pc.match_substring_regex(plain, r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
    _refuse(pc.invert(number), column, name)
    found = pc.replace_substring_regex(plain, pattern=r"^\+", replacement="").cast(pa.float64())
    return pc.if_else(percent, pc.divide(found, 100.0), found)


def _refuse(bad: pa.Array, column: pa.Array, name: str, what: str = "a number") -> None:
    flags = pc.fill_null(bad, fill_value=False).to_numpy(zero_copy_only=False)
    if flags.any():
        row = int(np.flatnonzero(flags)[0])
        raise RowError(row, f"{name} must be {what}, found '{column[row].as_py()}'.")
