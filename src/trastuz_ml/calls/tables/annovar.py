"""Read ANNOVAR's words: what a variant does to which gene."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trastuz_ml.errors import InputError
from trastuz_ml.schema import EFFECTS

# ANNOVAR's Func, where the variant lies, and ExonicFunc, what it does to the protein.
_EFFECTS: dict[str, str] = {
    "exonic": "noncoding",  # in an exon, and what it does there is not known
    "splicing": "truncating",
    "ncrna": "noncoding",
    "ncrna exonic": "noncoding",
    "ncrna intronic": "noncoding",
    "ncrna splicing": "noncoding",
    "ncrna utr3": "noncoding",
    "ncrna utr5": "noncoding",
    "utr5": "noncoding",
    "utr3": "noncoding",
    "intronic": "noncoding",
    "upstream": "noncoding",
    "downstream": "noncoding",
    "intergenic": "noncoding",
    "frameshift insertion": "truncating",
    "frameshift deletion": "truncating",
    "frameshift block substitution": "truncating",
    "frameshift substitution": "truncating",
    "stopgain": "truncating",
    "stopgain snv": "truncating",
    "stoploss": "truncating",
    "stoploss snv": "truncating",
    "startloss": "truncating",
    "startgain": "noncoding",
    "nonframeshift insertion": "inframe",
    "nonframeshift deletion": "inframe",
    "nonframeshift block substitution": "inframe",
    "nonframeshift substitution": "inframe",
    "nonsynonymous snv": "missense",
    "synonymous snv": "silent",
    "unknown": "noncoding",
}
_SEVERITY = {effect: rank for rank, effect in enumerate(EFFECTS)}
_OUTSIDE = {"intergenic"}
_NOTHING = {"", ".", "NA", "NONE"}


def effect_of_annovar_word(word: str) -> str:
    """Return the effect class of a word from ANNOVAR's Func or ExonicFunc; of several, the most severe.

    Raises
    ------
    InputError
        If the word is not ANNOVAR's.

    Examples
    --------
    >>> effect_of_annovar_word("nonsynonymous SNV"), effect_of_annovar_word("UTR5;UTR3")
    ('missense', 'noncoding')
    """
    effects = [_EFFECTS.get(" ".join(re.split(r"[\s_]+", part.strip().casefold()))) for part in word.split(";")]
    known = [effect for effect in effects if effect is not None]
    if len(known) < len(effects):
        raise InputError(f"'{word}' is not a word of ANNOVAR's Func or ExonicFunc columns.")
    return min(known, key=_SEVERITY.__getitem__)


def genes_and_words(func: str | None, gene: str | None, exonic_func: str | None) -> list[tuple[str | None, str]]:
    """Return each gene that a variant lies in, with ANNOVAR's word for what it does there.

    Where Func names several places and Gene as many parts, they belong to each other in order; ExonicFunc
    belongs to the exonic one. A variant between genes is in none.

    Parameters
    ----------
    func, gene, exonic_func : str or None
        The three cells.

    Examples
    --------
    >>> genes_and_words("exonic;splicing", "TP53;WRAP53", "synonymous SNV")
    [('TP53', 'synonymous SNV'), ('WRAP53', 'splicing')]
    >>> genes_and_words("intergenic", "GENE1;GENE2", None)
    [(None, 'intergenic')]
    """
    exonic_word = None if exonic_func is None or exonic_func in _NOTHING else exonic_func
    places = [place.strip() for place in (func or ("exonic" if exonic_word else "")).split(";")]
    names = re.sub(r"\([^)]*\)", "", gene or "")
    parts = names.split(";")
    if len(parts) != len(places) or len(places) == 1:
        parts = [names] * len(places)
    found: dict[str | None, str] = {}
    for place, part in zip(places, parts, strict=True):
        word = exonic_word if place == "exonic" and exonic_word else place
        for name in _names(place, part):
            if name not in found or _rank(word) < _rank(found[name]):
                found[name] = word
    return list(found.items())


def _names(place: str, part: str) -> list[str | None]:
    if place in _OUTSIDE:
        return [None]
    names = [name.strip() for name in re.split(r"[;,]", part)]
    return [name for name in names if name not in _NOTHING] or [None]


def _rank(word: str) -> int:
    try:
        return _SEVERITY[effect_of_annovar_word(word)]
    except InputError:
        return -1  # the reader refuses it, with its line


def spread_over_genes(
    func: pa.DictionaryArray | None, gene: pa.DictionaryArray, exonic_func: pa.DictionaryArray
) -> tuple[npt.NDArray[np.int64], pa.DictionaryArray, pa.DictionaryArray]:
    """Give a row of a table one row for each gene of it.

    Returns
    -------
    rows : array of int
        For each row that results, the row that it came from.
    genes, words : DictionaryArray
        Its gene and ANNOVAR's word.
    """
    cells = [gene, exonic_func] if func is None else [gene, exonic_func, func]
    codes = np.column_stack([cell.indices.fill_null(-1).to_numpy(zero_copy_only=False) for cell in cells])
    distinct, which = np.unique(codes, axis=0, return_inverse=True)
    lists = [cell.dictionary.to_pylist() for cell in cells]
    pairs = []
    for row in distinct.tolist():
        values = [None if code < 0 else texts[code] for code, texts in zip(row, lists, strict=True)]
        pairs.append(genes_and_words(values[2] if func is not None else None, values[0], values[1]))
    flat = [pair for several in pairs for pair in several]
    many = np.array([len(several) for several in pairs], dtype=np.int64)
    first = np.cumsum(many) - many
    which = which.reshape(-1)
    rows = np.repeat(np.arange(len(which)), many[which])
    within = np.arange(len(rows)) - np.repeat(np.cumsum(many[which]) - many[which], many[which])
    at = first[which][rows] + within
    names = pa.array([name for name, _ in flat], pa.string()).dictionary_encode()
    words = pa.array([word for _, word in flat], pa.string()).dictionary_encode()
    return rows, _taken(names, at), _taken(words, at)


def _taken(column: pa.DictionaryArray, at: npt.NDArray[np.int64]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(column.indices.take(pa.array(at)), column.dictionary)


def change_in_gene(changes: str | None, gene: str | None) -> tuple[str | None, str | None]:
    """Return coding and protein change of the first transcript of a gene in ANNOVAR's AAChange.

    Examples
    --------
    >>> change_in_gene("TP53:NM_000546:exon5:c.G524A:p.R175H", "TP53")
    ('c.G524A', 'p.R175H')
    """
    for transcript in (changes or "").split(","):
        parts = transcript.split(":")
        if parts[0] == gene:
            coding = next((part for part in parts if part.startswith("c.")), None)
            return coding, next((part for part in parts if part.startswith("p.")), None)
    return None, None


def changes_in_genes(changes: Sequence[str | None], genes: Sequence[str | None]) -> tuple[pa.Array, pa.Array]:
    """Return coding and protein changes, row by row."""
    pairs = [change_in_gene(change, gene) for change, gene in zip(changes, genes, strict=True)]
    return pa.array([c for c, _ in pairs], pa.string()), pa.array([p for _, p in pairs], pa.string())
