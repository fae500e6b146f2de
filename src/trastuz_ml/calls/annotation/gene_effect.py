"""What an annotator says of an allele in a gene, and which genes of an allele count.

The three annotators differ in how they write; what follows from their entries is decided here, once.

* An allele is called in every gene in which it lies. Genes that it merely lies beside (upstream,
  downstream: VEP names all within 5,000 bases) are left out when it lies in any gene, unless the annotator
  picked them; when it lies in none, one of them stands for the allele. An allele without any gene keeps
  one entry, its gene missing.
* The effect of ``protein_altering_variant`` depends on the lengths of the alleles, as in vcf2maf:
  truncating when the reading frame shifts, in-frame otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from trastuz_ml.calls.effects import Consequence
from trastuz_ml.errors import InputError


class GeneEffect(NamedTuple):
    """The effect of one allele in one gene, by the transcript that was chosen; missing is ``None``."""

    gene: str | None
    consequence: str
    effect: str
    hgvsc: str | None = None
    hgvsp: str | None = None
    sift: str | None = None
    polyphen: str | None = None
    revel: float | None = None
    alphamissense: float | None = None
    population_frequency: float | None = None


# The columns of the calls table that an annotation fills.
EVERYTHING: frozenset[str] = frozenset(GeneEffect._fields)


@dataclass(frozen=True)
class Annotation:
    """How the annotation of one file is read.

    Attributes
    ----------
    field : str
        INFO field that holds it.
    choice : str
        How one transcript is chosen among a gene's, for people.
    genes : callable
        Given the field's text, the reference allele and the alternative alleles of a record: one list for
        each alternative, with one :class:`GeneEffect` a gene; empty where the annotator gave no entry.
        Raises :class:`~trastuz_ml.errors.InputError` for a text that does not follow the header.
    """

    field: str
    choice: str
    genes: Callable[[str, str, Sequence[str]], list[list[GeneEffect]]]


# The text of an INFO field without a value.
NOTHING = ("", ".")

Payload = TypeVar("Payload")
# What an annotator wrote of one allele: by gene ("" for none), the transcripts' consequences and the rest.
Genes = dict[str, list[tuple[Consequence, Payload]]]


def genes_that_count(
    genes: Genes[Payload], picked: Callable[[Payload], bool] | None = None
) -> list[list[tuple[Consequence, Payload]]]:
    """Return the entries of each gene that the allele is called in, in order of appearance.

    ``picked`` says whether the annotator itself picked an entry.
    """
    if len(genes) == 1:
        return list(genes.values())
    inside = []
    for gene, entries in genes.items():
        for what, entry in entries:
            if gene and (not what.outside or (picked is not None and picked(entry))):
                inside.append(entries)
                break
    if inside:
        return inside
    beside = [entry for gene, entries in genes.items() if gene for entry in entries]
    return [beside or genes[""]]


def of_alternatives(
    alleles: Mapping[str, Payload], words: Sequence[str], ref: str, alts: Sequence[str]
) -> list[Payload | None]:
    """Return what was written of each alternative, given the word that the annotator has for each.

    A record with one alternative that is not a single base keeps its annotation when only one allele is
    annotated, whatever its name: left-alignment or trimming after the annotation rewrites such alleles.
    """
    found = [alleles.get(word) or alleles.get(word.upper()) for word in words]
    if found == [None] and len(alleles) == 1 and len(ref) + len(alts[0]) > 2:
        return list(alleles.values())
    return found


def effect_in(what: Consequence, longer: int) -> str:
    """Return the effect class of a consequence, which for one term depends on how much longer the allele is."""
    if what.term == "protein_altering_variant" and longer % 3:
        return "truncating"
    return what.effect


def highest(text: str, name: str) -> float | None:
    """Return the highest of the numbers in a subfield; several are joined by ``&`` or a comma.

    Raises
    ------
    InputError
        If something in it is neither a number nor missing.
    """
    try:
        return float(text)
    except ValueError:
        parts = [part for part in text.replace(",", "&").split("&") if part not in ("", ".", "-")]
    try:
        return max(map(float, parts), default=None)
    except ValueError as error:
        raise InputError(f"{name} holds '{text[:80]}' where a number was expected.") from error
