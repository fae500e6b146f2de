"""Write one patient's calls as a VCF file annotated the way Ensembl's VEP annotates."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml import schema
from trastuz_ml.calls.effects import SO_OF_MAF
from trastuz_ml.errors import InputError
from trastuz_ml.files import whole_file

CSQ_FIELDS: tuple[str, ...] = (
    "Allele", "Consequence", "IMPACT", "SYMBOL", "Gene", "Feature_type", "Feature", "BIOTYPE", "HGVSc",
    "HGVSp", "SIFT", "PolyPhen", "PICK",
)  # fmt: skip

_CHROMOSOMES = [*map(str, range(1, 23)), "X", "Y", "MT", "M"]
_IMPACT = {
    "truncating": "HIGH", "missense": "MODERATE", "inframe": "MODERATE", "splice_region": "LOW",
    "silent": "LOW", "noncoding": "MODIFIER",
}  # fmt: skip
# Words of older MAF files, which have no Sequence Ontology term of their own in the table of effects.
_SO_OF_OLDER_WORDS = {
    "Start_Codon_SNP": "start_lost", "Start_Codon_Ins": "start_lost", "Start_Codon_Del": "start_lost",
    "Stop_Codon_Ins": "stop_lost", "Stop_Codon_Del": "stop_lost", "Synonymous": "synonymous_variant",
    "De_novo_Start_OutOfFrame": "5_prime_UTR_variant", "De_novo_Start_InFrame": "5_prime_UTR_variant",
    "lincRNA": "non_coding_transcript_exon_variant", "Read-through": "non_coding_transcript_exon_variant",
    "Targeted_Region": "intergenic_variant", "Non-coding_Transcript": "non_coding_transcript_exon_variant",
}  # fmt: skip
# What may not stand inside an INFO value (VCF 4.2, 1.4.1 8), and the bar that separates CSQ fields.
_RESERVED = re.compile(r"[%;=,|\s]")
_ACCEPTOR = re.compile(r"\d-[12]\D")
_BASES = re.compile(r"[ACGTN]+")

_HEADER = """\
##FILTER=<ID=PASS,Description="All filters passed">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. Format: {csq}">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads supporting the reference and each alternative">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Reads over the position">
##FORMAT=<ID=AF,Number=A,Type=Float,Description="Variant allele fraction in the tumour">"""


def write_vcf(
    calls_of_one_patient: pd.DataFrame,
    path: str | Path,
    *,
    patient: str,
    comment: str | None = None,
    build: str | None = None,
) -> None:
    """Write one patient's calls as VCF 4.2 with VEP's ``CSQ``, sorted by contig and position.

    A calls table writes an inserted or deleted sequence with ``-`` for the empty allele, as MAF does, and
    holds no reference genome. VCF wants the base before the change in both alleles: it is written as ``N``.
    A deletion is therefore placed one base before its ``pos``; an insertion at its ``pos``, which already
    is the base before. Alleles without ``-`` are written as they are.

    Parameters
    ----------
    calls_of_one_patient : pandas.DataFrame
        A calls table, as declared in :data:`trastuz_ml.schema.CALLS`, of this patient only. Calls of
        several genes at one variant become one record with one ``CSQ`` entry a gene.
    path : path
        The file to write; it appears complete or not at all.
    patient : str
        Name of the sample column.
    comment : str, optional
        Text for ``##comment`` lines.
    build : str, optional
        Genome build of the positions, for the ``##reference`` line.

    Raises
    ------
    InputError
        If a call belongs to another patient, lacks a place or an allele, or an allele is not a sequence.

    Examples
    --------
    >>> import tempfile
    >>> calls = pd.DataFrame({
    ...     "patient": ["P1"], "gene": ["ANKRD44"], "effect": ["truncating"],
    ...     "consequence": ["Frame_Shift_Del"], "chrom": ["2"], "pos": [197900000],
    ...     "ref": ["CA"], "alt": ["-"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_vcf(calls, Path(folder, "P1.vcf"), patient="P1")
    ...     Path(folder, "P1.vcf").read_text().splitlines()[-1].split()[:5]
    ['2', '197899999', '.', 'NCA', 'N']
    """
    path = Path(path)
    if not patient or re.search(r"[\t\r\n]", patient):
        raise InputError(f"{path}: '{patient}' cannot name a VCF sample: it is empty or holds a tab.")
    calls = schema.conform(calls_of_one_patient, schema.CALLS)
    others = calls.loc[calls["patient"] != patient, "patient"]
    if len(others):
        raise InputError(f"{path}: expected calls of {patient} only, found one of {others.iloc[0]}.")
    records = _records(calls, path)
    with whole_file(path) as partial, partial.open("wb") as file:
        for line in (*_header(calls, patient, comment, build), *records):
            file.write(f"{line}\n".encode())


def _header(calls: pd.DataFrame, patient: str, comment: str | None, build: str | None) -> Iterator[str]:
    yield "##fileformat=VCFv4.2"
    for line in (comment or "").splitlines():
        yield f"##comment={line}"
    if build is not None:
        yield f"##reference={build}"
    yield from _HEADER.format(csq="|".join(CSQ_FIELDS)).splitlines()
    words = {word for words in calls["filter"].dropna().unique() for word in _filter_words(words)}
    for word in sorted(words - {"PASS", "."}):
        yield f'##FILTER=<ID={word},Description="{word}, from the calls table">'
    for contig in sorted(calls["chrom"].unique(), key=_contig_order):
        yield f"##contig=<ID={contig}>"
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", patient]
    yield "\t".join(columns)


def _records(calls: pd.DataFrame, path: Path) -> list[str]:
    found: dict[tuple[str, int, str, str], list[Any]] = {}
    for call in calls.itertuples(index=False):
        found.setdefault(_site(call, path), []).append(call)
    in_order = sorted(found.items(), key=lambda item: (_contig_order(item[0][0]), *item[0][1:]))
    return [_record(site, same_variant) for site, same_variant in in_order]


def _contig_order(contig: str) -> tuple[int, str]:
    rank = _CHROMOSOMES.index(contig) if contig in _CHROMOSOMES else len(_CHROMOSOMES)
    return rank, contig


def _site(call: Any, path: Path) -> tuple[str, int, str, str]:
    """Return contig, position, reference and alternative of a call, anchored as VCF wants them."""
    if pd.isna([call.chrom, call.pos, call.ref, call.alt]).any():
        raise InputError(
            f"{path}: a call in {call.gene} lacks chrom, pos, ref or alt; VCF cannot hold it, MAF can."
        )
    if re.search(r"[\s:<>,]", call.chrom):
        raise InputError(f"{path}: '{call.chrom}' cannot name a VCF contig.")
    pos, ref, alt = int(call.pos), call.ref.upper(), call.alt.upper()
    if ref == "-":
        ref, alt = "N", f"N{alt}"
    elif alt == "-" and pos == 1:  # nothing lies before the first base: VCF then takes the base after
        ref, alt = f"{ref}N", "N"
    elif alt == "-":
        pos, ref, alt = pos - 1, f"N{ref}", "N"
    if not (_BASES.fullmatch(ref) and _BASES.fullmatch(alt)) or ref == alt or pos < 1:
        raise InputError(
            f"{path}: {call.chrom}:{call.pos} {call.ref}>{call.alt} in {call.gene} is not a variant; "
            "expected a position from 1 and two different alleles, each of A, C, G, T and N, or one of them '-'."
        )
    return call.chrom, pos, ref, alt


def _record(site: tuple[str, int, str, str], same_variant: list[Any]) -> str:
    chrom, pos, ref, alt = site
    first = same_variant[0]
    filters = "." if pd.isna(first.filter) else ";".join(_filter_words(first.filter))
    csq = ",".join(_csq(call, ref, alt) for call in same_variant)
    sample = ":".join(_sample(first))
    return "\t".join([chrom, str(pos), ".", ref, alt, ".", filters, f"CSQ={csq}", "GT:AD:DP:AF", sample])


def _filter_words(words: str) -> list[str]:
    return [_encoded(word) for word in re.split(r"[;\s]+", words) if word] or ["."]


def _csq(call: Any, ref: str, alt: str) -> str:
    term = _so_term(call.consequence, call.hgvsc)
    entry = {
        "Allele": _vep_allele(ref, alt),
        "Consequence": term,
        "IMPACT": _IMPACT.get(call.effect, ""),
        "SYMBOL": call.gene,
        "Feature_type": "" if term == "intergenic_variant" else "Transcript",
        "HGVSc": call.hgvsc,
        "HGVSp": call.hgvsp,
        "SIFT": call.sift,
        "PolyPhen": call.polyphen,
        "PICK": "1",  # the calls table already holds one transcript a gene: the one that was picked
    }
    values: Iterable[Any] = (entry.get(name, "") for name in CSQ_FIELDS)
    return "|".join("" if pd.isna(value) else _encoded(value) for value in values)


def _so_term(word: Any, hgvsc: Any) -> Any:
    if word == "Splice_Site" and not pd.isna(hgvsc) and _ACCEPTOR.search(hgvsc):
        return "splice_acceptor_variant"
    # A word of neither MAF vocabulary came from a VCF: it already is a Sequence Ontology term.
    return SO_OF_MAF.get(word) or _SO_OF_OLDER_WORDS.get(word, word)


def _vep_allele(ref: str, alt: str) -> str:
    """Return the allele as VEP names it: without the shared first base when lengths differ."""
    if len(ref) != len(alt) and ref[0] == alt[0]:
        return alt[1:] or "-"
    return alt


def _encoded(value: str) -> str:
    return _RESERVED.sub(lambda found: "".join(f"%{byte:02X}" for byte in found.group().encode()), value)


def _sample(call: Any) -> tuple[str, str, str, str]:
    depth = "." if pd.isna(call.depth) else str(int(call.depth))
    fraction = "." if pd.isna(call.vaf) else f"{call.vaf:.6g}"
    if "." in (depth, fraction):
        return "0/1", ".", depth, fraction
    supporting = round(call.vaf * call.depth) if pd.isna(call.alt_reads) else int(call.alt_reads)
    return "0/1", f"{call.depth - supporting},{supporting}", depth, fraction
