"""The annotation that Ensembl's VEP writes into ``CSQ``: one entry a transcript, fields as the header lists."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from trastuz_ml.calls.annotation.gene_effect import (
    EVERYTHING,
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


def vep_annotation(field: str, description: str, wanted: Container[str] = EVERYTHING) -> Annotation:
    """Return the reader of a VEP field, made for the subfields that its description lists.

    Of a gene's transcripts the one that VEP picked is taken (``PICK``), else MANE Select, else the
    canonical one, else the one with the most severe consequence; the first of equals. The population
    frequency is the highest of ``MAX_AF``, ``AF``, ``ExAC_AF`` and the gnomAD totals that are present.
    Subfields that only serve columns that are not wanted are not looked at.

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
    columns = _columns(field, names, wanted)
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
    hgvsc: int
    hgvsp: int
    sift: int
    polyphen: int
    revel: int
    alphamissense: int
    frequencies: tuple[int, ...]

    @property
    def sorting(self) -> int:
        """How many subfields from the left it takes to sort entries by gene and to choose among them."""
        sorted_by = (self.allele, self.number, self.terms, self.symbol, self.gene)
        return min(max(*sorted_by, self.pick, self.mane, self.canonical) + 1, self.bars)

    @property
    def telling(self) -> int:
        """How many more it takes to tell all of a chosen entry."""
        needed = (self.hgvsc, self.hgvsp, self.sift, self.polyphen, self.revel, self.alphamissense)
        return max(min(max(*needed, *self.frequencies) + 1, self.bars) - self.sorting, 0)


def _columns(field: str, names: Sequence[str], wanted: Container[str]) -> _Columns:
    place = {name.casefold(): index for index, name in reversed(list(enumerate(names)))}

    def of(*words: str) -> int:
        return next((place[word] for word in words if word in place), _ABSENT)

    def of_wanted(column: str, *words: str) -> int:
        return of(*words) if column in wanted else _ABSENT

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
        hgvsc=of_wanted("hgvsc", "hgvsc"),
        hgvsp=of_wanted("hgvsp", "hgvsp"),
        sift=of_wanted("sift", "sift"),
        polyphen=of_wanted("polyphen", "polyphen"),
        revel=of_wanted("revel", "revel", "revel_score"),
        alphamissense=of_wanted("alphamissense", "am_pathogenicity", "alphamissense", "alphamissense_score"),
        frequencies=tuple(
            index
            for index, name in enumerate(names)
            if "population_frequency" in wanted and _FREQUENCY.fullmatch(name)
        ),
    )


def _choice(at: _Columns) -> str:
    ways = {"VEP's pick": at.pick, "MANE Select": at.mane, "canonical": at.canonical}
    return ", else ".join([*(way for way, index in ways.items() if index >= 0), "most severe"])


# The subfields of an entry, as far as sorting and choosing need them; the last holds the rest, not split.
_Fields = list[str]


def _reader(field: str, at: _Columns) -> Callable[[str, str, Sequence[str]], list[list[GeneEffect]]]:
    split, choose, gene_effect = _splitter(field, at), _chooser(at), _gene_effect_maker(field, at)
    alleles, picked = _allele_finder(at), _picked(at)
    key, terms = at.allele, at.terms

    def genes(text: str, ref: str, alts: Sequence[str]) -> list[list[GeneEffect]]:
        if text in NOTHING:
            return [[] for _ in alts]
        entries = list(map(split, text.split(",")))
        if len(entries) == len(alts) == 1:
            fields = entries[0]
            # One entry for the one alternative, as with vep --pick: nothing to sort or to choose.
            if fields[key] == alts[0] and fields[terms]:
                return [[gene_effect(consequence(fields[terms]), fields, ref, alts[0])]]
        return [
            [gene_effect(*choose(same_gene), ref, alt) for same_gene in genes_that_count(of_allele, picked)]
            if of_allele
            else []
            for alt, of_allele in zip(alts, alleles(entries, ref, alts), strict=True)
        ]

    return genes


def _splitter(field: str, at: _Columns) -> Callable[[str], _Fields]:
    """Return a function that splits an entry: it has a hundred subfields, and few are needed of most entries."""
    bars, first = at.bars, at.sorting
    more = bars - first

    def split(entry: str) -> _Fields:
        fields = entry.split("|", first)
        if len(fields) <= first or fields[first].count("|") != more:
            raise InputError(_ragged(field, entry, bars))
        return fields

    return split


def _ragged(field: str, entry: str, bars: int) -> str:
    return (
        f"an entry of {field} has {entry.count('|') + 1} subfields where the header lists {bars + 1}: "
        f"'{entry[:80]}'. The header line and the records come from different annotations, or the line was cut."
    )


def _allele_finder(
    at: _Columns,
) -> Callable[[Sequence[_Fields], str, Sequence[str]], Sequence[Genes[_Fields] | None]]:
    """Return a function that gives what VEP wrote of each alternative, by number if there is one."""
    by_name, by_number = _grouper(at, at.allele), _grouper(at, at.number)

    def alleles(entries: Sequence[_Fields], ref: str, alts: Sequence[str]) -> Sequence[Genes[_Fields] | None]:
        if at.number >= 0:
            found = by_number(entries)
            if len(alts) == len(found) == 1 and "1" in found:
                return [found["1"]]
            words = [str(number) for number in range(1, len(alts) + 1)]
            # A record whose alleles were split after the annotation holds the numbers of the old record.
            if at.allele < 0 or found.keys() <= set(words):
                return [found.get(word) for word in words]
        return of_alternatives(by_name(entries), _vep_names(ref, alts), ref, alts)

    return alleles


def _grouper(at: _Columns, key: int) -> Callable[[Sequence[_Fields]], dict[str, Genes[_Fields]]]:
    """Return a function that sorts the entries of a record by allele and gene."""
    terms, symbol, gene = at.terms, at.symbol, at.gene

    def grouped(entries: Sequence[_Fields]) -> dict[str, Genes[_Fields]]:
        alleles: dict[str, Genes[_Fields]] = {}
        for fields in entries:
            if not fields[terms]:
                continue  # VEP found nothing to say
            what = (consequence(fields[terms]), fields)
            genes = alleles.setdefault(fields[key], {})
            name = fields[symbol] or fields[gene]
            if name in genes:
                genes[name].append(what)
            else:
                genes[name] = [what]
        return alleles

    return grouped


def _picked(at: _Columns) -> Callable[[_Fields], bool] | None:
    """Return a function that says whether VEP picked an entry, where it says so at all."""
    pick = at.pick
    return None if pick < 0 else lambda fields: fields[pick] == "1"


def _chooser(
    at: _Columns,
) -> Callable[[list[tuple[Consequence, _Fields]]], tuple[Consequence, _Fields]]:
    """Return a function that chooses one of a gene's transcripts."""
    pick, mane, canonical = at.pick, at.mane, at.canonical

    def rank(entry: tuple[Consequence, _Fields]) -> tuple[int, int]:
        what, fields = entry
        if mane >= 0 and fields[mane] and not fields[mane].casefold().startswith("mane_plus"):
            return 0, what.severity
        return 1 if canonical >= 0 and fields[canonical] == "YES" else 2, what.severity

    def choose(entries: list[tuple[Consequence, _Fields]]) -> tuple[Consequence, _Fields]:
        if len(entries) == 1:
            return entries[0]
        if pick >= 0:
            for entry in entries:
                if entry[1][pick] == "1":
                    return entry
        return min(entries, key=rank if max(mane, canonical) >= 0 else _severity)

    return choose


def _severity(entry: tuple[Consequence, _Fields]) -> int:
    return entry[0].severity


def _gene_effect_maker(field: str, at: _Columns) -> Callable[[Consequence, _Fields, str, str], GeneEffect]:
    symbol, gene, hgvsc, hgvsp, sift, polyphen = at.symbol, at.gene, at.hgvsc, at.hgvsp, at.sift, at.polyphen
    revel, alphamissense, frequencies = at.revel, at.alphamissense, at.frequencies
    first, more = at.sorting, at.telling

    def name_only(what: Consequence, fields: _Fields, ref: str, alt: str) -> GeneEffect:
        name = fields[symbol] or fields[gene]
        return GeneEffect(unquote(name) or None, what.term, effect_in(what, len(alt) - len(ref)))

    def gene_effect(what: Consequence, fields: _Fields, ref: str, alt: str) -> GeneEffect:
        # The last, which stands for what is absent (-1), is empty.
        fields = [*fields[:first], *fields[first].split("|", more), ""] if more else [*fields, ""]
        if "%" in "".join(fields):
            fields = [unquote(value) if "%" in value else value for value in fields]
        known = [fields[index] for index in frequencies if fields[index]]
        return GeneEffect(
            fields[symbol] or fields[gene] or None,
            what.term,
            effect_in(what, len(alt) - len(ref)),
            fields[hgvsc] or None,
            fields[hgvsp] or None,
            fields[sift] or None,
            fields[polyphen] or None,
            highest(fields[revel], f"{field} REVEL") if fields[revel] else None,
            highest(fields[alphamissense], f"{field} AlphaMissense") if fields[alphamissense] else None,
            highest("&".join(known), f"{field} allele frequency") if known else None,
        )

    nothing_else = max(hgvsc, hgvsp, sift, polyphen, revel, alphamissense, *frequencies) < 0
    return name_only if nothing_else else gene_effect


def _vep_names(ref: str, alts: Sequence[str]) -> Sequence[str]:
    """Return the alleles as VEP names them: without the first base that all share, when a length differs."""
    written = [alt for alt in alts if alt[0] not in "*<"]
    if all(len(alt) == len(ref) for alt in written) or any(alt[0] != ref[0] for alt in written):
        return alts
    return [alt[1:] or "-" if alt[0] not in "*<" else alt for alt in alts]
