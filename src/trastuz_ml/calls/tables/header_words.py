"""Tell which column of a table is which: the header words seen in the field for each column of the calls table."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.errors import InputError

# The first one present is taken; case and what joins words do not matter.
HEADER_WORDS: dict[str, tuple[str, ...]] = {
    "patient": (
        "Tumor_Sample_Barcode", "Tumour_Sample_Barcode", "Donor_ID", "Patient", "Patient_ID", "Sample",
        "Sample_ID", "Sample_Name", "Tumor_Sample", "Tumor_Sample_ID",
    ),
    "gene": ("Hugo_Symbol", "Symbol", "Gene_Symbol", "HGNC_Symbol", "Gene", "Gene_Name"),
    "consequence": (
        "Variant_Classification", "MAF_Variant", "One_Consequence", "Consequence", "Mutation_Type",
        "Variant_Effect", "Effect",
    ),
    "chrom": ("Chromosome", "Chr", "Chrom"),
    "pos": ("Start_Position", "Start", "Start_Pos", "Pos", "Position"),
    "ref": ("Reference_Allele", "Ref_Allele", "Ref"),
    "alt": ("Tumor_Seq_Allele2", "Tumor_Alt_Allele", "Tumour_Alt_Allele", "Alt_Allele", "Variant_Allele", "Alt"),
    "vaf": ("tumour_vaf", "tumor_vaf", "t_vaf", "i_tumor_f", "tumor_f", "vaf"),
    "depth": ("t_depth", "tumour_depth", "tumor_depth", "i_t_depth", "t_count", "depth"),
    "alt_reads": ("t_alt_count", "tumour_alt_count", "tumor_alt_count", "i_t_alt_count", "alt_count"),
    "filter": ("FILTER",),
    "hgvsc": ("HGVSc", "cDNA_Change"),
    "hgvsp": ("HGVSp_Short", "HGVSp", "Protein_Change", "Amino_Acid_Change"),
    "sift": ("SIFT",),
    "polyphen": ("PolyPhen",),
    "revel": ("REVEL", "REVEL_score"),
    "alphamissense": ("AlphaMissense", "am_pathogenicity", "AlphaMissense_score", "AlphaMissense_pathogenicity"),
}  # fmt: skip
# What helps to fill a column of the calls table, without being one.
ENTREZ, REF_READS, BUILD, FUNC, CHANGE = "entrez", "ref_reads", "build", "func", "change"
_HELPERS: dict[str, tuple[str, ...]] = {
    ENTREZ: ("Entrez_Gene_Id",),
    REF_READS: ("t_ref_count", "tumour_ref_count", "tumor_ref_count", "i_t_ref_count", "ref_count"),
    BUILD: ("NCBI_Build", "Genome_Build"),
}
_NEEDED = ("patient", "gene", "consequence")

# Frequencies in whole populations, the most telling kind first; the highest of a kind counts.
_FREQUENCIES = tuple(
    re.compile(pattern)
    for pattern in (
        "max_af",
        "gnomad[eg]?(_(exomes?|genomes?))?_(af|all)(_(popmax|grpmax))?",
        "af_(popmax|grpmax)",
        "exac_(af|all)",
        "af",
    )
)
# A column AF is a population's where its neighbours are frequencies in peoples; elsewhere it may be the tumour's.
_PEOPLES = {"afr_af", "amr_af", "eas_af", "af_afr", "af_eas", "af_popmax", "af_raw"}


@dataclass(frozen=True)
class Layout:
    """Which column of a table is which.

    Attributes
    ----------
    places : mapping
        Column of the calls table, or helper -> place in the header, from 0.
    frequencies : tuple of int
        Places of the columns with frequencies in reference populations; the highest counts.
    annovar : bool
        Whether gene and consequence are ANNOVAR's: ``consequence`` is then its ExonicFunc.
    """

    places: Mapping[str, int]
    frequencies: tuple[int, ...] = ()
    annovar: bool = False


def folded(word: str) -> str:
    """Return a header word as it is compared.

    Examples
    --------
    >>> folded(" Donor.ID"), folded("Start position")
    ('donor_id', 'start_position')
    """
    return re.sub(r"[\s.\-]+", "_", word.strip().strip('"')).casefold()


def find_columns(words: Sequence[str], reading: Reading) -> tuple[Layout, tuple[str, ...]]:
    """Find the columns of a table by its header, and the needed ones that it lacks.

    Parameters
    ----------
    words : sequence of str
        The header.
    reading : Reading
        Columns that it names are found by that word alone.
    """
    by_fold = {folded(word): place for place, word in reversed(list(enumerate(words)))}
    places: dict[str, int] = {}
    for name, usual in (HEADER_WORDS | _HELPERS).items():
        chosen = reading.columns.get(name)
        for word in usual if chosen is None else (chosen,):
            place = by_fold.get(folded(word))
            if place is not None:
                places[name] = words.index(word) if word in words else place
                break
    annovar = _annovar(by_fold) if "consequence" not in places else {}
    places |= {name: place for name, place in annovar.items() if name not in reading.columns}
    if "population_frequency" in reading.columns:
        frequencies = tuple(p for w, p in by_fold.items() if w == folded(reading.columns["population_frequency"]))
    else:
        frequencies = _frequencies(by_fold)
    absent = tuple(name for name in (*_NEEDED, *reading.columns) if name not in places and name not in _OTHERS)
    if reading.patient_from == "file" or (annovar and reading.patient_from == "auto"):
        absent = tuple(name for name in absent if name != "patient" or name in reading.columns)
    return Layout(places, frequencies, annovar=bool(annovar)), absent


_OTHERS = {"population_frequency", "effect", "file"}


def _annovar(by_fold: Mapping[str, int]) -> dict[str, int]:
    """Return the places of ANNOVAR's columns, RefSeq's before those of other gene models."""
    models = [word.removeprefix("func_") for word in by_fold if word.startswith("func_")]
    for model in sorted(models, key=lambda m: (not m.startswith("refgene"), by_fold[f"func_{m}"])):
        places = {
            name: by_fold.get(f"{word}_{model}")
            for name, word in (
                ("gene", "gene"),
                ("consequence", "exonicfunc"),
                (FUNC, "func"),
                (CHANGE, "aachange"),
            )
        }
        if None not in (places["gene"], places["consequence"]):
            return {name: place for name, place in places.items() if place is not None}
    return {}


def _frequencies(by_fold: Mapping[str, int]) -> tuple[int, ...]:
    for pattern in _FREQUENCIES:
        found = tuple(sorted(place for word, place in by_fold.items() if pattern.fullmatch(word)))
        if found and (pattern.pattern != "af" or _PEOPLES & set(by_fold)):
            return found
    return ()


def require_columns(path: Path, words: Sequence[str], reading: Reading) -> Layout:
    """Return the layout of a table that has the needed columns.

    Raises
    ------
    InputError
        If one is not there, or a word that is used stands twice in the header.
    """
    layout, absent = find_columns(words, reading)
    if absent and len([word for word in words if word.strip()]) <= 1:
        raise InputError(
            f"{path}: expected columns separated by tabs, found one column, '{str(words[0])[:80]}'. "
            "Save it with tabs."
        )
    if absent:
        name = absent[0]
        usual = (reading.columns[name],) if name in reading.columns else HEADER_WORDS[name]
        raise InputError(
            f"{path}: no column for '{name}'; expected {' or '.join(usual)}, found "
            f"{', '.join(map(str, words[:12]))}. Name it under calls: columns: in the experiment."
        )
    for place in (*layout.places.values(), *layout.frequencies):
        if list(words).count(words[place]) > 1:
            raise InputError(f"{path}: the column {words[place]!r} appears twice in the header.")
    return layout


def needed_columns(layout: Layout, reading: Reading) -> Layout:
    """Return the part of a layout that is worth reading: what is wanted, and what the filters look at."""
    filters, undeclared = reading.filters, Filters()
    asked = {
        "filter": filters.words is not None,
        "depth": filters.min_depth > undeclared.min_depth,
        "alt_reads": filters.min_alt_reads > undeclared.min_alt_reads,
        "vaf": filters.min_vaf > undeclared.min_vaf,
        "population_frequency": filters.max_population_frequency < undeclared.max_population_frequency,
    }
    names = {name for name in (*HEADER_WORDS, "population_frequency") if reading.wants(name) or asked.get(name)}
    names |= {*_NEEDED, FUNC, BUILD}
    if "alt" in names and "alt" not in layout.places:
        names.add("hgvsc")  # stands in for the allele where calls are told apart
    if "vaf" in names and "vaf" not in layout.places:
        names |= {"depth", "alt_reads"}  # they give the fraction
    if "depth" in names and "depth" not in layout.places:
        names |= {REF_READS, "alt_reads"}
    if layout.annovar and names & {"hgvsc", "hgvsp"}:
        names.add(CHANGE)
    places = {name: place for name, place in layout.places.items() if name in names}
    return Layout(places, layout.frequencies if "population_frequency" in names else (), annovar=layout.annovar)
