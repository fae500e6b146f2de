"""A MAF as vcf2maf writes it, simulated at size: 32 columns, calls given twice included, the same for a seed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from trastuz_ml.calls.genes.symbols import read_symbol_table

PATIENTS, CALLS_A_PATIENT, GENES = 15_000, 160, 19_000
REPEATED = 0.02  # share of the rows that give a call again
RENAMED = 0.03  # share of the genes that stand under an earlier name
_BLOCK = 3_000  # patients made at a time

_CLASSES = {
    "Missense_Mutation": 0.52, "Silent": 0.22, "Nonsense_Mutation": 0.04, "Splice_Site": 0.015,
    "Frame_Shift_Del": 0.02, "Frame_Shift_Ins": 0.01, "In_Frame_Del": 0.007, "In_Frame_Ins": 0.003,
    "Splice_Region": 0.02, "Intron": 0.05, "3'UTR": 0.05, "5'UTR": 0.02, "5'Flank": 0.01, "RNA": 0.014,
    "Translation_Start_Site": 0.0005, "Nonstop_Mutation": 0.0005,
}  # fmt: skip
_BASES = "ACGT"


def write_maf(path: Path, patients: int = PATIENTS, *, seed: int = 0) -> int:
    """Write a MAF, patient by patient and in each by place, and return its number of rows."""
    genes = _genes(np.random.default_rng(seed))
    rows = 0
    with path.open("wb") as file:
        file.write(b"#version 2.4\n")
        for table in _blocks(genes, patients, seed):
            if not rows:
                file.write("\t".join(table.column_names).encode() + b"\n")
            csv.write_csv(
                table, file, csv.WriteOptions(delimiter="\t", quoting_style="none", include_header=False)
            )
            rows += table.num_rows
    return rows


def _genes(rng: np.random.Generator) -> dict[str, np.ndarray]:
    table = read_symbol_table().rows
    coding = table.filter(pc.equal(table["gene_type"], "gene with protein product")).slice(0, GENES)
    names = coding["symbol"].to_numpy().astype(object)
    former = [names.split("|")[0] for names in coding["previous"].to_pylist()]
    renamed = [place for place, name in enumerate(former) if name]
    for place in rng.choice(renamed, int(len(names) * RENAMED), replace=False):
        names[place] = former[place]
    length = rng.lognormal(10, 1.2, len(names)).astype(np.int64) + 500
    return {
        "name": names, "length": length, "share": length / length.sum(),
        "chrom": rng.integers(0, 23, len(names)), "start": rng.integers(10**6, 10**8, len(names)),
    }  # fmt: skip


def _blocks(genes: dict[str, np.ndarray], patients: int, seed: int) -> Iterator[pa.Table]:
    for first in range(0, patients, _BLOCK):
        rng = np.random.default_rng([seed, first])
        yield _table(rng, genes, first, min(_BLOCK, patients - first))


def _table(rng: np.random.Generator, genes: dict[str, np.ndarray], first: int, patients: int) -> pa.Table:
    share = rng.lognormal(0, 0.7, patients)
    calls = rng.multinomial(int(patients * CALLS_A_PATIENT * (1 - REPEATED)), share / share.sum())
    patient = np.repeat(np.arange(patients), calls)
    gene = rng.choice(len(genes["name"]), len(patient), p=genes["share"])
    pos = genes["start"][gene] + (rng.random(len(gene)) * genes["length"][gene]).astype(np.int64)
    columns = _variants(rng, len(patient)) | {"patient": patient, "gene": gene, "pos": pos}
    columns |= {"depth": rng.poisson(120, len(patient)), "chrom": genes["chrom"][gene]}
    again = rng.choice(len(patient), patients * CALLS_A_PATIENT - len(patient))
    columns = {name: np.concatenate([values, values[again]]) for name, values in columns.items()}
    order = np.lexsort((columns["pos"], columns["chrom"], columns["patient"]))
    return _as_maf({name: values[order] for name, values in columns.items()}, genes, first)


def _variants(rng: np.random.Generator, rows: int) -> dict[str, np.ndarray]:
    """Return class and alleles: single bases, and insertions and deletions of up to twenty."""
    words = np.array(list(_CLASSES))
    effect = rng.choice(len(words), rows, p=np.array(list(_CLASSES.values())) / sum(_CLASSES.values()))
    ref = rng.integers(0, 4, rows)
    alt = (ref + rng.integers(1, 4, rows)) % 4
    sequences = np.array(["".join(rng.choice(list(_BASES), 1 + i % 20)) for i in range(4_000)] + ["-", *_BASES])
    of_bases, nothing = np.arange(4_001, 4_005), 4_000
    some = rng.integers(0, 4_000, rows)
    inserted, deleted = (np.char.endswith(words, kind)[effect] for kind in ("_Ins", "_Del"))
    ref = np.where(inserted, nothing, np.where(deleted, some, of_bases[ref]))
    alt = np.where(deleted, nothing, np.where(inserted, some, of_bases[alt]))
    return {"effect": words[effect], "ref": sequences[ref], "alt": sequences[alt]}


def _as_maf(found: dict[str, np.ndarray], genes: dict[str, np.ndarray], first: int) -> pa.Table:
    rows = len(found["pos"])
    name = pa.array(genes["name"][found["gene"]], pa.string())
    patient = _joined("TCGA-", pc.utf8_lpad(_text(found["patient"] + first), 6, padding="0"))
    ref, alt, pos = pa.array(found["ref"]), pa.array(found["alt"]), _text(found["pos"])
    codon = _text(found["pos"] % 2_000 + 1)
    alts = np.maximum(found["depth"] * (found["pos"] % 50 + 2) // 100, 1)
    chroms = pa.array([*map(str, range(1, 23)), "X"])
    protein = _joined("p.", "R", codon, "Q")
    transcript = _joined("ENST", pc.utf8_lpad(_text(found["gene"]), 11, padding="0"))
    same = {word: pa.array([word]).take(pa.array(np.zeros(rows, dtype=np.int32))) for word in (
        "GRCh38", "center.org", "+", "SNP", "Somatic", "PASS", "novel", "MODERATE", "",
    )}  # fmt: skip
    return pa.table({
        "Hugo_Symbol": name, "Entrez_Gene_Id": _text(found["gene"] + 1), "Center": same["center.org"],
        "NCBI_Build": same["GRCh38"], "Chromosome": _joined("chr", chroms.take(pa.array(found["chrom"]))),
        "Start_Position": pos, "End_Position": pos, "Strand": same["+"],
        "Variant_Classification": pa.array(found["effect"]), "Variant_Type": same["SNP"],
        "Reference_Allele": ref, "Tumor_Seq_Allele1": ref, "Tumor_Seq_Allele2": alt, "dbSNP_RS": same["novel"],
        "Tumor_Sample_Barcode": _joined(patient, "-01A"), "Matched_Norm_Sample_Barcode": _joined(patient, "-10A"),
        "Mutation_Status": same["Somatic"], "HGVSc": _joined("c.", codon, ref, ">", alt), "HGVSp": protein,
        "HGVSp_Short": protein, "Transcript_ID": transcript, "Exon_Number": _text(found["pos"] % 30 + 1),
        "t_depth": _text(found["depth"]), "t_ref_count": _text(found["depth"] - alts), "t_alt_count": _text(alts),
        "n_depth": _text(found["depth"] // 2), "n_alt_count": _text(found["depth"] * 0),
        "SIFT": _joined("tolerated(0.", codon, ")"), "PolyPhen": _joined("benign(0.", codon, ")"),
        "FILTER": same["PASS"], "IMPACT": same["MODERATE"], "gnomAD_AF": same[""],
    })  # fmt: skip


def _text(numbers: np.ndarray) -> pa.Array:
    return pa.array(numbers).cast(pa.string())


def _joined(*parts: str | pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(*parts, "")
