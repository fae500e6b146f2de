"""The same calls, whatever file they are kept in, are the same table and the same gene matrix."""

import gzip
import struct
import zlib

import numpy as np
import pandas as pd
import pytest
from cyvcf2 import VCF, Writer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trastuz_ml.calls.effects import effect_of_maf_class
from trastuz_ml.calls.genes.names import reconcile_genes
from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.calls.tables.write_maf import write_maf
from trastuz_ml.calls.vcf.writer import write_vcf
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.features.encoding import build_gene_matrix
from trastuz_ml.schema import CALLS, conform

PATIENTS = [f"P{number:02d}" for number in range(8)]
EVERY_FILTER = Reading(filters=Filters(words=None))

# ---- one cohort, many files ------------------------------------------------------------------------------

GENES = ["TP53", "PIK3CA", "MLL2", "4-Sep", "HLA-A", "ANKRD44", "TTN", "C11orf48", "AC002365.1", "tp63"]
KINDS = [
    ("Missense_Mutation", "C", "T"), ("Nonsense_Mutation", "G", "A"), ("Frame_Shift_Del", "AG", "-"),
    ("Frame_Shift_Ins", "-", "T"), ("In_Frame_Del", "ACC", "-"), ("Splice_Site", "G", "C"), ("Silent", "A", "G"),
    ("Missense_Mutation", "CC", "TT"), ("Intron", "T", "C"), ("Missense_Mutation", "A", "C"),
]  # fmt: skip
VERDICTS = [("deleterious(0.01)", "probably_damaging(0.99)"), ("tolerated(0.4)", "benign(0.02)"), (None, None)]


def made_up_calls():
    """Calls of eight patients, P07 without any; some variants lie in two genes, many are shared by patients."""
    rng = np.random.default_rng(7)
    rows = []
    for place in range(40):
        word, ref, alt = KINDS[place % len(KINDS)]
        sift, polyphen = VERDICTS[place % 3]
        genes = [GENES[place % len(GENES)], *([GENES[(place + 3) % len(GENES)]] if place % 7 == 0 else [])]
        site = {
            "consequence": word, "chrom": str(17 if "4-Sep" in genes else place % 22 + 1), "pos": 100 + 10 * place,
            "ref": ref, "alt": alt, "sift": sift, "polyphen": polyphen, "filter": "PASS",
        }  # fmt: skip
        for patient in rng.choice(PATIENTS[:-1], size=rng.integers(1, 5), replace=False):
            depth = int(rng.integers(20, 200))
            reads = int(rng.integers(2, depth))
            counts = {"depth": depth, "alt_reads": reads, "vaf": reads / depth}
            rows += [{"patient": str(patient), "gene": gene, **site, **counts} for gene in genes]
    return calls_of(rows)


def calls_of(rows):
    frame = pd.DataFrame(rows, columns=[name for name in CALLS.names if name not in ("effect", "file")])
    return conform(frame.assign(effect=frame["consequence"].map(effect_of_maf_class)), CALLS)


def bgzipped(data):
    """The bytes as bgzip writes them: gzip blocks that name their own length, and an empty one at the end."""
    blocks = []
    for block in (*(data[at : at + 60_000] for at in range(0, len(data), 60_000)), b""):
        packer = zlib.compressobj(6, zlib.DEFLATED, -15)
        packed = packer.compress(block) + packer.flush()
        head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
        blocks.append(head + packed + struct.pack("<II", zlib.crc32(block), len(block)))
    return b"".join(blocks)


PACKED = {"plain": bytes, "gzip": gzip.compress, "bgzip": bgzipped}


def maf_files(calls, folder, packing):
    write_maf(calls, folder / "calls.maf")
    packed = folder / "packed.maf.gz" if packing != "plain" else folder / "packed.maf"
    packed.write_bytes(PACKED[packing]((folder / "calls.maf").read_bytes()))
    return [packed]


def vcf_files(calls, folder, packing="plain"):
    files = []
    for patient in PATIENTS:
        plain = folder / f"{patient}.vcf"
        write_vcf(calls[calls["patient"] == patient], plain, patient=patient)
        ending = {"plain": "vcf", "gzip": "vcf.gz", "bgzip": "vcf.gz", "bcf": "bcf"}[packing]
        files.append(folder / packing / f"{patient}.{ending}")
        files[-1].parent.mkdir(exist_ok=True)
        if packing == "bcf":
            copy_as(plain, files[-1], "wb")
        else:
            files[-1].write_bytes(PACKED[packing](plain.read_bytes()))
    return files


def copy_as(source, target, mode):
    read = VCF(str(source))
    with_calls = Writer(str(target), read, mode)
    for record in read:
        with_calls.write_record(record)
    with_calls.close()
    read.close()


def one_vcf_of_many(calls, folder):
    """One file with a column for each patient, 0/0 where a patient does not carry the allele."""
    header, sites = "", {}
    for column, file in enumerate(vcf_files(calls, folder)):
        lines = file.read_text(encoding="utf-8").splitlines()
        header = max(header, "\n".join(line for line in lines if line.startswith("##")), key=len)
        for line in lines:
            if not line.startswith("#"):
                *site, sample = line.split("\t")
                sites.setdefault(tuple(site), ["0/0:.:.:."] * len(PATIENTS))[column] = sample
    contigs = "\n".join(f"##contig=<ID={number}>" for number in range(1, 23))
    kept = [line for line in header.splitlines() if not line.startswith("##contig")]
    names = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *PATIENTS]
    body = ["\t".join([*site, *samples]) for site, samples in sites.items()]
    many = folder / "many.vcf"
    many.write_text("\n".join([*kept, contigs, "\t".join(names), *body, ""]), encoding="utf-8")
    return [many]


WAYS = {
    **{f"maf-{packing}": lambda c, f, p=packing: maf_files(c, f, p) for packing in PACKED},
    **{f"vcf-{packing}": lambda c, f, p=packing: vcf_files(c, f, p) for packing in (*PACKED, "bcf")},
    "vcf-of-many": one_vcf_of_many,
}


@pytest.fixture(scope="module")
def cohorts(tmp_path_factory):
    """The same cohort out of each kind of file."""
    calls = made_up_calls()
    return {name: cohort_of(files(calls, tmp_path_factory.mktemp(name))) for name, files in WAYS.items()}


def cohort_of(files):
    return assembled(read_calls(files))


def assembled(read):
    roster = pd.DataFrame(
        {"response": [1, 0] * 4, "group": PATIENTS, "assay": "exome", "sequenced": True, "in_cohort": True},
        index=pd.Index(PATIENTS, name="patient"),
    )
    return Cohort.assemble(read.calls, roster, dropped=read.dropped, findings=read.findings)


def test_files__hold_the_calls_that_were_written(cohorts):
    written, _ = reconcile_genes(made_up_calls(), read_symbol_table())
    told = ["patient", "gene", "effect", "alt_reads"]
    counts = written[told].astype("str").value_counts()
    assert {name: len(cohort.calls) for name, cohort in cohorts.items()} == dict.fromkeys(WAYS, len(written))
    for cohort in cohorts.values():
        assert (
            cohort.calls[["patient", "gene", "effect", "alt_reads"]].astype("str").value_counts().eq(counts).all()
        )


@pytest.mark.parametrize("encoding", ["binary", "count", "truncating", "damaging", "vaf"])
def test_matrix__is_the_same_from_every_kind_of_file(cohorts, encoding):
    matrices = {name: build_gene_matrix(cohort, encoding=encoding)[0] for name, cohort in cohorts.items()}
    first = matrices.pop("maf-plain")
    assert first.values.nnz > 20
    assert "SEPTIN4" in first.genes or encoding in ("truncating", "damaging")
    assert not first.dense()[PATIENTS.index("P07")].any()
    assert {name: matrix == first for name, matrix in matrices.items()} == dict.fromkeys(matrices, True)


@pytest.mark.parametrize("kind", ["maf", "vcf"])
def test_packing__changes_no_cell_of_the_table(cohorts, kind):
    plain, gzipped, bgzip = (
        cohorts[f"{kind}-{packing}"].calls.drop(columns="file") for packing in ("plain", "gzip", "bgzip")
    )
    pd.testing.assert_frame_equal(gzipped, plain)
    pd.testing.assert_frame_equal(bgzip, plain)


# ---- any calls, written and read again -------------------------------------------------------------------

ODD_NAMES = [
    "TP53", "tp53", "MLL2", "KMT2D", "C1orf112", "C10ORF68", "HLA-A", "4-Sep", "1-Mar", "MARCH1",
    "ENSG00000141510", "AC002365.1", "7SK", "a b", "x,y;z=1|w", "100%", "%41", "Gène", "C11orf48",
]  # fmt: skip
CLASSES = [
    "Missense_Mutation", "Nonsense_Mutation", "Frame_Shift_Del", "Frame_Shift_Ins", "In_Frame_Del", "In_Frame_Ins",
    "Splice_Site", "Splice_Region", "Translation_Start_Site", "Nonstop_Mutation", "Silent", "Intron", "RNA",
    "3'UTR", "5'UTR", "3'Flank", "5'Flank", "IGR",
]  # fmt: skip
BASES = st.text("ACGT", min_size=1, max_size=5)


@st.composite
def variants(draw):
    """A place and two alleles as a calls table holds them: no common first base, '-' for the empty one."""
    ref, alt = draw(
        st.one_of(st.tuples(BASES, st.just("-")), st.tuples(st.just("-"), BASES), st.tuples(BASES, BASES))
    )
    if ref[0] == alt[0]:
        alt = "ACGT"["ACGT".index(ref[0]) - 1] + alt[1:]
    lowest = 1 if "-" in (ref, alt) else 2
    return {
        "chrom": draw(st.sampled_from(["1", "2", "17", "X", "MT", "GL000220.1"])),
        "pos": draw(st.integers(lowest, 60) | st.integers(lowest, 248_000_000)), "ref": ref, "alt": alt,
    }  # fmt: skip


@st.composite
def reads(draw):
    """Depth, supporting reads and their ratio; all missing, or only the depth known, or all known."""
    known = draw(st.sampled_from(["nothing", "depth", "all"]))
    depth = draw(st.integers(1, 5000)) if known != "nothing" else None
    supporting = draw(st.integers(0, depth)) if known == "all" else None
    return {"depth": depth, "alt_reads": supporting, "vaf": None if supporting is None else supporting / depth}


@st.composite
def called(draw):
    """The rows of one variant in one patient: a row a gene, or one row without a gene."""
    site = draw(variants()) | draw(reads()) | {
        "patient": draw(st.sampled_from(["7", "Jürgen-1"])),
        "filter": draw(st.sampled_from(["PASS", "germline;weak_evidence", None])),
    }  # fmt: skip
    genes = draw(st.just([None]) | st.lists(st.sampled_from(ODD_NAMES), min_size=1, max_size=3, unique=True))
    return [
        site | {
            "gene": gene,
            "consequence": draw(st.sampled_from(CLASSES)),
            "hgvsc": draw(st.sampled_from([None, "c.100-2A>G", "c.817C>T", "c.(1_2)ins[A;T]"])),
            "hgvsp": draw(st.sampled_from([None, "p.V600E", "p.Pro12=", "p.*310Qext*?"])),
            "sift": draw(st.sampled_from([None, "deleterious(0.02)"])),
            "polyphen": draw(st.sampled_from([None, "benign(0.1)"])),
        }
        for gene in genes
    ]  # fmt: skip


TABLES = st.lists(
    called(), min_size=1, max_size=10,
    unique_by=lambda rows: tuple(str(rows[0][name]) for name in ("patient", "chrom", "pos", "ref", "alt")),
).map(lambda found: calls_of([row for rows in found for row in rows]))  # fmt: skip
# Both formats hold these; the word for the effect is MAF's in one and Sequence Ontology's in the other.
HELD = [
    "patient", "gene", "effect", "chrom", "pos", "ref", "alt", "vaf", "depth", "alt_reads", "filter", "hgvsc",
    "hgvsp", "sift", "polyphen",
]  # fmt: skip


def as_read(calls):
    """What is to be read back: the same, under current gene names."""
    return in_order(reconcile_genes(calls, read_symbol_table())[0])


def in_order(calls):
    plain = calls[HELD].astype({name: "object" for name in HELD if name != "vaf"})
    texts = plain.map(lambda value: "" if pd.isna(value) else str(value))
    return plain.loc[texts.sort_values(HELD).index].reset_index(drop=True)


def assert_same(read, written):
    pd.testing.assert_frame_equal(in_order(read), as_read(written), check_dtype=False, check_exact=True)


SEVERAL = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@SEVERAL
@given(TABLES)
def test_maf__gives_back_the_calls_that_were_written(tmp_path, calls):
    write_maf(calls, tmp_path / "calls.maf")
    assert_same(read_calls([tmp_path / "calls.maf"], EVERY_FILTER).calls, calls)


@settings(SEVERAL, max_examples=12)
@given(TABLES)
def test_vcf__gives_back_the_calls_that_were_written(tmp_path, calls):
    files = []
    for number, patient in enumerate(sorted(calls["patient"].unique())):
        files.append(tmp_path / f"{number}.vcf")
        write_vcf(calls[calls["patient"] == patient], files[-1], patient=patient)
    assert_same(read_calls(files, EVERY_FILTER).calls, calls)


@pytest.mark.parametrize("kind", ["maf", "vcf"])
def test_alleles__in_lower_case_are_the_same_alleles(tmp_path, kind):
    calls = made_up_calls().query("patient == 'P00'").reset_index(drop=True)
    soft_masked = calls.assign(ref=calls["ref"].str.lower(), alt=calls["alt"].str.lower())
    file = tmp_path / f"P00.{kind}"
    if kind == "maf":
        write_maf(soft_masked, file)
    else:
        write_vcf(soft_masked, file, patient="P00")
    assert_same(read_calls([file]).calls, calls)


HEADER = "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tChromosome\tStart_Position"


def test_joined__what_one_file_lacks_is_missing_there_and_kept_in_the_other(tmp_path):
    full, bare = tmp_path / "full.maf", tmp_path / "bare.maf"
    full.write_text(
        f"{HEADER}\tReference_Allele\tTumor_Seq_Allele2\tSIFT\tt_vaf\n"
        "TP53\tP1\tMissense_Mutation\t17\t500\tC\tT\tdeleterious(0)\t0.3\n"
        "TP53\tP1\tMissense_Mutation\t17\t500\tC\tG\tdeleterious(0)\t0.2\n"
    )
    bare.write_text(f"{HEADER}\nTTN\tP2\tNonsense_Mutation\t2\t99\n")
    wanted = frozenset({"chrom", "pos", "ref", "alt", "sift", "vaf"})
    calls = read_calls([full, bare], Reading(wanted=wanted)).calls
    assert calls["alt"].astype("object").where(calls["alt"].notna(), None).tolist() == ["T", "G", None]
    assert calls["sift"].notna().tolist() == [True, True, False]
    assert calls["vaf"].fillna(-1).tolist() == [0.3, 0.2, -1]


def test_distinct__calls_without_alleles_are_told_apart_by_place(tmp_path):
    maf = tmp_path / "calls.maf"
    rows = ["TP53\tP00\tMissense_Mutation\t17\t500"] * 2 + ["TTN\tP01\tSilent\t2\t99"]
    maf.write_text("\n".join([HEADER, *rows, ""]))
    read = read_calls([maf], Reading(wanted=frozenset({"chrom", "pos", "ref", "alt"})))
    assert len(assembled(read).calls) == 2
