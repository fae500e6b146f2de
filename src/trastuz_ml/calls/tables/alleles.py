"""Bring the alleles of a table into MAF's form where it wrote them as VCF does."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trastuz_ml.calls.alleles import maf_form


def in_maf_form(
    pos: pa.Array, ref: pa.DictionaryArray, alt: pa.DictionaryArray
) -> tuple[pa.Array, pa.DictionaryArray, pa.DictionaryArray]:
    """Take off the leading bases that both alleles have in common, as MAF does and VCF does not."""
    rows = np.flatnonzero(_longer_than_one_base(ref, alt))
    refs, alts, starts = (
        part.take(pa.array(rows)).cast(kind).to_pylist()
        for part, kind in ((ref, pa.string()), (alt, pa.string()), (pos, pa.int64()))
    )
    changed: dict[int, tuple[int, str, str]] = {}
    for row, one, other, start in zip(rows.tolist(), refs, alts, starts, strict=True):
        if start is not None and one[0].upper() == other[0].upper():
            form = _maf_form(start, one, other)
            changed |= {} if form is None else {row: form}
    if not changed:
        return pos, ref, alt
    at = np.zeros(len(pos), dtype=bool)
    at[list(changed)] = True
    forms = list(changed.values())
    replaced = [pa.array([form[part] for form in forms]) for part in range(3)]
    return (
        pc.replace_with_mask(pos, pa.array(at), replaced[0].cast(pa.int32())),
        pc.replace_with_mask(ref.cast(pa.string()), pa.array(at), replaced[1]).dictionary_encode(),
        pc.replace_with_mask(alt.cast(pa.string()), pa.array(at), replaced[2]).dictionary_encode(),
    )


def _longer_than_one_base(ref: pa.DictionaryArray, alt: pa.DictionaryArray) -> npt.NDArray[np.bool_]:
    if all((pc.max(pc.binary_length(words.dictionary)).as_py() or 0) < 2 for words in (ref, alt)):
        return np.zeros(len(ref), dtype=bool)
    one, other = _lengths(ref), _lengths(alt)
    longer: npt.NDArray[np.bool_] = (one > 0) & (other > 0) & (one + other > 2)
    return longer


def _lengths(words: pa.DictionaryArray) -> npt.NDArray[np.int64]:
    """Return lengths in bases; 0 where there is no sequence."""
    texts = words.dictionary
    bases = pc.match_substring_regex(texts, "^[A-Za-z]+$")
    lengths = pc.if_else(bases, pc.binary_length(texts), 0).to_numpy(zero_copy_only=False)
    codes = words.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    of_rows: npt.NDArray[np.int64] = np.append(lengths, 0)[codes]
    return of_rows


def _maf_form(start: int, ref: str, alt: str) -> tuple[int, str, str] | None:
    try:
        form = maf_form(start, ref, alt)
    except ValueError:
        return None  # a table may hold what VCF does not know; it stays as it is
    return form if isinstance(form, tuple) else None
