"""The annotation that Ensembl's VEP writes into ``CSQ``: one entry a transcript, fields as the header lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from trastuz_ml.calls.annotation.gene_effect import (
    NOTHING,
    Annotation,
    GeneEffect,
    Genes,
    effect_in,
    genes_that_count,
    highest,
    of_alternatives,
)
from trastuz_ml.calls.effects import Consequence, consequence
from trastuz_ml.errors import InputError

_FORMAT = re.compile(r"Format:\s*([^\"']+)", re.IGNORECASE)
# MAX_AF is VEP's highest over all its populations; the others are there when it is not asked for.
_FREQUENCY = re.compile(r"max_af|af|exac_af|gnomad[eg]?_af|gnomad_(exomes?|genomes?)_af", re.IGNORECASE)
_ABSENT = -1


def vep_annotation(field: str, description: str) -> Annotation:
    """Return the reader of a VEP field, made for the subfields that its description lists.

    Of a gene's transcripts the one that VEP picked is taken (``PICK``), else MANE Select, else the
    canonical one, else the one with the most severe consequence; the first of equals. The population
    frequency is the highest of ``MAX_AF``, ``AF``, ``ExAC_AF`` and the gnomAD totals that are present.

    Raises
    ------
    InputError
        If the description lists no subfields, or lacks those that a call needs.
    """
    listed = _FORMAT.search(description)
    names = [name.strip() for name in listed[1].split("|")] if listed else []
    if len(names) < 2:
        raise InputError(
            f"the header describes {field} as '{description[:120]}', without the list of subfields "
            "(Format: Allele|Consequence|SYMBOL|...) that VEP writes, so its entries cannot be told apart. "
            "Annotate again with vep --vcf --symbol, or restore VEP's header line."
        )
    columns = _columns(field, names)
    return Annotation(field, _choice(columns), _reader(field, columns))


@dataclass(frozen=True)
class _Columns:
    """Where the subfields stand; -1 for those that are absent."""

    bars: int
    allele: int
    number: int
    terms: int
    symbol: int
    gene: int
    pick: int
    mane: int
    canonical: int
    texts: tuple[int, int, int, int]
    revel: int
    alphamissense: int
    frequencies: tuple[int, ...]


def _columns(field: str, names: Sequence[str]) -> _Columns:
    place = {name.casefold(): index for index, name in reversed(list(enumerate(names)))}

    def of(*words: str) -> int:
        return next((place[word] for word in words if word in place), _ABSENT)

    terms, symbol, gene = of("consequence"), of("symbol", "hgnc"), of("gene")
    allele, number = of("allele"), of("allele_num")
    lacking = [
        word
        for word, present in {
            "Consequence": terms >= 0,
            "SYMBOL or Gene": max(symbol, gene) >= 0,
            "Allele or ALLELE_NUM": max(allele, number) >= 0,
        }.items()
        if not present
    ]
    if lacking:
        raise InputError(
            f"the header's list of {field} subfields lacks {' and '.join(lacking)}; it has "
            f"{', '.join(names)[:400]}. Annotate again with vep --vcf --symbol."
        )
    return _Columns(
        bars=len(names) - 1,
        allele=allele,
        number=number,
        terms=terms,
        symbol=symbol if symbol >= 0 else gene,
        gene=gene if gene >= 0 else symbol,
        pick=of("pick"),
        mane=of("mane_select", "mane"),
        canonical=of("canonical"),
        texts=(of("hgvsc"), of("hgvsp"), of("sift"), of("polyphen")),
        revel=of("revel", "revel_score"),
        alphamissense=of("am_pathogenicity", "alphamissense", "alphamissense_score"),
        frequencies=tuple(index for index, name in enumerate(names) if _FREQUENCY.fullmatch(name)),
    )


def _choice(at: _Columns) -> str:
    ways = {"VEP's pick": at.pick, "MANE Select": at.mane, "canonical": at.canonical}
    return ", else ".join([*(way for way, index in ways.items() if index >= 0), "most severe"])


def _reader(field: str, at: _Columns) -> Callable[[str, str, Sequence[str]], list[list[GeneEffect]]]:
    choose, gene_effect, alleles = _chooser(at), _gene_effect_maker(field, at), _allele_finder(field, at)
    picked = _picked(at)
    bars, key, terms = at.bars, at.allele, at.terms
    first = max(key, terms) + 1

    def genes(text: str, ref: str, alts: Sequence[str]) -> list[list[GeneEffect]]:
        if "," not in text and len(alts) == 1 and text.count("|") == bars:
            head = text.split("|", first)
            # One entry for the one alternative, as with vep --pick: nothing to sort or to choose.
            if head[key] == alts[0] and head[terms]:
                return [[gene_effect(consequence(head[terms]), text, ref, alts[0])]]
        if text in NOTHING:
            return [[] for _ in alts]
        return [
            [gene_effect(*choose(entries), ref, alt) for entries in genes_that_count(of_allele, picked)]
            if of_allele
            else []
            for alt, of_allele in zip(alts, alleles(text, ref, alts), strict=True)
        ]

    return genes


def _allele_finder(field: str, at: _Columns) -> Callable[[str, str, Sequence[str]], Sequence[Genes[str] | None]]:
    """Return a function that gives what VEP wrote of each alternative, by number if there is one."""
    by_name, by_number = _grouper(field, at, at.allele), _grouper(field, at, at.number)

    def alleles(text: str, ref: str, alts: Sequence[str]) -> Sequence[Genes[str] | None]:
        if at.number >= 0:
            found = by_number(text)
            if len(alts) == len(found) == 1 and "1" in found:
                return [found["1"]]
            words = [str(number) for number in range(1, len(alts) + 1)]
            # A record whose alleles were split after the annotation holds the numbers of the old record.
            if at.allele < 0 or found.keys() <= set(words):
                return [found.get(word) for word in words]
        return of_alternatives(by_name(text), _vep_names(ref, alts), ref, alts)

    return alleles


def _grouper(field: str, at: _Columns, key: int) -> Callable[[str], dict[str, Genes[str]]]:
    """Return a function that sorts the entries of a record by allele and gene."""
    bars, terms, symbol, gene = at.bars, at.terms, at.symbol, at.gene
    # An entry has a hundred subfields and most entries are not chosen: split what sorting needs.
    first = max(key, terms, symbol, gene) + 1

    def grouped(text: str) -> dict[str, Genes[str]]:
        alleles: dict[str, Genes[str]] = {}
        for entry in text.split(","):
            if entry.count("|") != bars:
                raise InputError(_ragged(field, entry, bars))
            head = entry.split("|", first)
            if not head[terms]:
                continue  # VEP found nothing to say
            what = (consequence(head[terms]), entry)
            name = head[symbol] or head[gene]
            genes = alleles.get(head[key])
            if genes is None:
                alleles[head[key]] = {name: [what]}
            elif name in genes:
                genes[name].append(what)
            else:
                genes[name] = [what]
        return alleles

    return grouped


def _ragged(field: str, entry: str, bars: int) -> str:
    return (
        f"an entry of {field} has {entry.count('|') + 1} subfields where the header lists {bars + 1}: "
        f"'{entry[:80]}'. The header line and the records come from different annotations, or the line was cut."
    )


def _picked(at: _Columns) -> Callable[[str], bool] | None:
    """Return a function that says whether VEP picked an entry, where it says so at all."""
    pick = at.pick
    return None if pick < 0 else lambda entry: entry.split("|", pick + 1)[pick] == "1"


def _chooser(at: _Columns) -> Callable[[list[tuple[Consequence, str]]], tuple[Consequence, str]]:
    """Return a function that chooses one of a gene's transcripts."""
    pick, mane, canonical = at.pick, at.mane, at.canonical
    flags = max(mane, canonical) + 1

    def rank(entry: tuple[Consequence, str]) -> tuple[int, int]:
        fields = entry[1].split("|", flags)
        if mane >= 0 and fields[mane] and not fields[mane].casefold().startswith("mane_plus"):
            return 0, entry[0].severity
        return 1 if canonical >= 0 and fields[canonical] == "YES" else 2, entry[0].severity

    def choose(entries: list[tuple[Consequence, str]]) -> tuple[Consequence, str]:
        if len(entries) == 1:
            return entries[0]
        if pick >= 0:
            for entry in entries:
                if entry[1].split("|", pick + 1)[pick] == "1":
                    return entry
        return min(entries, key=rank if flags else _severity)

    return choose


def _severity(entry: tuple[Consequence, str]) -> int:
    return entry[0].severity


def _gene_effect_maker(field: str, at: _Columns) -> Callable[[Consequence, str, str, str], GeneEffect]:
    symbol, gene, (hgvsc, hgvsp, sift, polyphen) = at.symbol, at.gene, at.texts
    revel, alphamissense, frequencies = at.revel, at.alphamissense, at.frequencies
    last = max(symbol, gene, *at.texts, revel, alphamissense, *frequencies) + 1
    absent = last + 1
    hgvsc, hgvsp, sift, polyphen, revel, alphamissense = (
        index if index >= 0 else absent for index in (hgvsc, hgvsp, sift, polyphen, revel, alphamissense)
    )

    def gene_effect(what: Consequence, entry: str, ref: str, alt: str) -> GeneEffect:
        fields = entry.split("|", last)
        if len(fields) == last:
            fields.append("")
        fields.append("")  # answers for what is absent
        if "%" in entry:
            fields = [unquote(value) if "%" in value else value for value in fields]
        known = [fields[index] for index in frequencies if fields[index]]
        return GeneEffect(
            fields[symbol] or fields[gene] or None,
            what.term,
            effect_in(what, ref, alt),
            fields[hgvsc] or None,
            fields[hgvsp] or None,
            fields[sift] or None,
            fields[polyphen] or None,
            highest(fields[revel], f"{field} REVEL") if fields[revel] else None,
            highest(fields[alphamissense], f"{field} AlphaMissense") if fields[alphamissense] else None,
            highest("&".join(known), f"{field} allele frequency") if known else None,
        )

    return gene_effect


def _vep_names(ref: str, alts: Sequence[str]) -> Sequence[str]:
    """Return the alleles as VEP names them: without the first base that all share, when a length differs."""
    written = [alt for alt in alts if alt[0] not in "*<"]
    if all(len(alt) == len(ref) for alt in written) or any(alt[0] != ref[0] for alt in written):
        return alts
    return [alt[1:] or "-" if alt[0] not in "*<" else alt for alt in alts]
