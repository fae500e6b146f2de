"""Target regions, gene intervals, and which genes the one covers of the other."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trastuz_ml.assays.bed import gene_shares, genes_named, merged_bases, read_bed
from trastuz_ml.assays.gene_intervals import read_gene_intervals
from trastuz_ml.assays.intervals import covered_bases, merge
from trastuz_ml.errors import InputError

BED = (
    "browser position chr1:1-9\ntrack name=kit db=hg19\n# a comment\n"
    "chr17\t100\t150\tTP53\nX\t0\t10\n\nchrM 5 9 MT-ND1 +\n"
)


def write(tmp_path, text, name="kit.bed"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def frame(rows):
    return pd.DataFrame(rows, columns=["chrom", "start", "end"]).astype({"start": "int64", "end": "int64"})


def test_bed__headers_are_passed_over_and_chromosomes_lose_their_prefix(tmp_path):
    regions = read_bed(write(tmp_path, BED))
    assert regions.table["chrom"].tolist() == ["17", "X", "MT"]
    assert regions.table["start"].tolist() == [100, 0, 5]
    assert regions.table["end"].tolist() == [150, 10, 9]
    assert regions.table["name"].tolist() == ["TP53", "", "MT-ND1 +"]
    assert regions.build == "GRCh37"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_bed__compression_line_ends_and_byte_order_mark_change_nothing(tmp_path, end):
    plain = read_bed(write(tmp_path, BED)).table
    packed = tmp_path / "kit.bed.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + BED.replace("\n", end).encode(), mtime=0))
    pd.testing.assert_frame_equal(read_bed(packed).table, plain)


def test_bed__a_header_of_words_is_no_region(tmp_path):
    assert len(read_bed(write(tmp_path, "chrom\tchromStart\tchromEnd\n1\t2\t3\n")).table) == 1


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1\t5", "expected chromosome, start and end"),
        ("1\tfive\t9", "whole numbers, found 'five' and '9'"),
        ("1\t9\t5", "is start below end"),
        ("1\t-4\t5", "is start below end"),
        ("1\t4\t99999999999", "does not lie on a chromosome"),
        ("@HD\tVN:1.6", "IntervalListToBed"),
    ],
)
def test_bed__a_malformed_line_is_refused_by_its_number(tmp_path, line, said):
    with pytest.raises(InputError, match=r"kit\.bed, line 2") as refused:
        read_bed(write(tmp_path, f"1\t0\t9\n{line}\n"))
    assert said in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"# only a comment\n", b"\n\n"])
def test_bed__without_regions_is_refused(tmp_path, content):
    (tmp_path / "kit.bed").write_bytes(content)
    with pytest.raises(InputError, match="has no region"):
        read_bed(tmp_path / "kit.bed")


def test_bed__what_is_no_text_is_refused_with_the_line_reached(tmp_path):
    path = tmp_path / "kit.bed"
    path.write_bytes(b"1\t0\t9\n\xff\xfe\x00")
    with pytest.raises(InputError, match="line 2: the BED file is not text in UTF-8"):
        read_bed(path)
    path.write_bytes(gzip.compress(BED.encode() * 50, mtime=0)[:-20])
    with pytest.raises(InputError, match="cannot be read"):
        read_bed(path)
    with pytest.raises(InputError, match="cannot be read"):
        read_bed(tmp_path)
    with pytest.raises(InputError, match="There is no file .*; check the path of the BED file"):
        read_bed(tmp_path / "absent.bed")


def test_bed__two_builds_in_one_file_are_refused(tmp_path):
    with pytest.raises(InputError, match="GRCh37 and GRCh38"):
        read_bed(write(tmp_path, "track db=hg19\ntrack db=hg38\n1\t0\t9\n"))


SMALL_INTERVALS = st.lists(
    st.tuples(st.sampled_from(["1", "X"]), st.integers(0, 40), st.integers(0, 12)).map(
        lambda t: (t[0], t[1], t[1] + t[2])
    ),
    max_size=12,
)


def bases_of(rows):
    return {(chrom, base) for chrom, start, end in rows for base in range(start, end)}


@given(SMALL_INTERVALS)
def test_merging__covers_the_same_bases_with_intervals_that_do_not_touch(rows):
    table = frame(rows)
    chroms = pd.Index(["1", "X"])
    key, start, end = merge(chroms.get_indexer(table["chrom"]), table["start"].to_numpy(), table["end"].to_numpy())
    assert bases_of(zip(chroms[key], start, end, strict=True)) == bases_of(rows)
    assert merged_bases(table) == len(bases_of(rows))
    assert all(start[1:][key[1:] == key[:-1]] > end[:-1][key[1:] == key[:-1]])


@given(SMALL_INTERVALS, SMALL_INTERVALS.filter(bool), st.randoms(use_true_random=False))
def test_shares__equal_counting_base_by_base_in_any_order_of_lines(targets, genes, random):
    named = [(random.choice(["A", "B"]), *row) for row in genes]
    expected = {}
    for gene in {row[0] for row in named}:
        shares = [0.0]
        for chrom in ("1", "X"):
            bases = bases_of(row[1:] for row in named if row[0] == gene and row[1] == chrom)
            shares += [len(bases & bases_of(targets)) / len(bases)] if bases else []
        expected[gene] = max(shares)
    for _ in range(2):
        shares = gene_shares(frame(targets), frame([row[1:] for row in named]).assign(name=[r[0] for r in named]))
        assert shares.to_dict() == pytest.approx(expected)
        assert shares.between(0, 1).all()
        assert shares.index.tolist() == sorted(expected)
        random.shuffle(targets)
        random.shuffle(named)


def test_shares__far_ends_of_chromosomes_do_not_meet():
    key, start, end = merge(np.array([0, 1]), np.array([2**31 - 5, 0]), np.array([2**31 - 1, 5]))
    assert (key.tolist(), (end - start).tolist()) == ([0, 1], [4, 5])
    assert covered_bases(np.array([1]), np.array([0]), np.array([9]), (key, start, end)).tolist() == [5]


def test_shares__a_gene_on_two_sequences_counts_where_it_is_covered_best():
    targets = frame([("X", 0, 100)])
    genes = frame([("X", 0, 100), ("Y", 0, 100), ("7", 0, 10)]).assign(name=["CRLF2", "CRLF2", "EGFR"])
    assert gene_shares(targets, genes).to_dict() == {"CRLF2": 1.0, "EGFR": 0.0}


def test_names__genes_are_found_in_the_ways_that_kits_write_them():
    names = [
        "TP53", "ERBB2_exon4", "NM_000546.5:PIK3CA", "KMT2D;KMT2D.e2", "ref|ANKRD44,ref|NM_001195144,ens|ENST0000",
        "chr17_BRCA1_3", "AMPL7153\tNM_005157\tABL1", "GENE_ID=EGFR;Pool=1", "HLA-A-2", "C4B_2",
    ]  # fmt: skip
    known = {
        "TP53",
        "ERBB2",
        "PIK3CA",
        "KMT2D",
        "ANKRD44",
        "BRCA1",
        "ABL1",
        "EGFR",
        "HLA-A",
        "C4B_2",
        "C4B",
        "HLA",
    }
    genes, nameless = genes_named(pd.DataFrame({"name": [*names, "amplicon_1", "-", "amplicon_1", "POOL"]}), known)
    assert genes == known - {"C4B", "HLA"}
    assert nameless == 4


GTF_LINES = (
    '17\thavana\tgene\t101\t9000\t.\t-\t.\tgene_id "E1"; gene_name "TP53";\n'
    '17\thavana\texon\t101\t400\t.\t-\t.\tgene_id "E1"; gene_name "TP53";\n'
    '17\thavana\tCDS\t201\t300\t.\t-\t0\tgene_id "E1"; gene_name "TP53";\n'
    '17\thavana\tCDS\t201\t300\t.\t-\t0\tgene_id "E1"; gene_name "TP53"; transcript_id "T2";\n'
    'chr2\thavana\texon\t11\t20\t.\t+\t.\tgene_id "E2"; gene_name "LINC1";\n'
    "chr3\trefseq\tCDS\t1\t9\t.\t+\t.\tID=cds1;Name=NP_1;gene=PIK3CA\n"
    "chr4\tensembl\tgene\t1\t9\t.\t+\t.\tID=gene:ENSG1;Name=KIT\n"
    "chr4\tensembl\texon\t1\t9\t.\t+\t.\tName=ENSE1\n"
)


def test_intervals__of_a_gtf_are_the_closest_to_coding_that_each_gene_has(tmp_path):
    regions = read_gene_intervals(write(tmp_path, "#!genome-build GRCh38.p14\n" + GTF_LINES, "genes.gtf"))
    assert regions.build == "GRCh38"
    assert sorted(map(tuple, regions.table.to_numpy().tolist())) == [
        ("KIT", "4", 0, 9), ("LINC1", "2", 10, 20), ("PIK3CA", "3", 0, 9), ("TP53", "17", 200, 300),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "start"),
    [
        ("gene\tchrom\tstart\tend\nTP53\tchr17\t101\t150\n", 100),
        ("chromosome,symbol,start,end\n17,TP53,101,150\n", 100),
        ("hgnc_symbol\tchrom\ttxStart\ttxEnd\nTP53\t17\t101\t150\n", 101),
        (
            '"Gene name","Chromosome","Genomic coding start","Genomic coding end"\nTP53,17,101,150\n',
            100,
        ),
        ("chr17\t101\t150\tTP53\n", 101),
        ("chr17 101 150 TP53 0 +\n\n", 101),
    ],
)
def test_intervals__of_a_table_are_counted_as_its_words_say(tmp_path, text, start):
    table = read_gene_intervals(write(tmp_path, text, "genes.tsv")).table
    assert table.to_numpy().tolist() == [["TP53", "17", start, 150]]


def test_intervals__rows_without_coding_bases_are_passed_over(tmp_path):
    text = "gene\tchrom\tstart\tend\nTP53\t17\t\t\nKIT\t4\t1\t9\n"
    assert read_gene_intervals(write(tmp_path, text)).table["name"].tolist() == ["KIT"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has no line"),
        ("gene\tplace\nTP53\t17\n", "expected the columns gene, chrom, start and end, found gene, place"),
        ("gene\tchrom\tstart\tend\nTP53\t17\t1\n", "line 2: 3 fields, the header has 4"),
        ("gene\tchrom\tstart\tend\nTP53\t17\t1\tnine\n", "line 2: expected start and end as whole numbers"),
        ("17\t1\t9\t\n", "names no gene"),
        (GTF_LINES + "17\tx\tCDS\n", "line 9: expected 9 fields"),
        ("gene\tchrom\tstart\tend\n", "names no gene"),
    ],
)
def test_intervals__what_cannot_be_read_is_refused(tmp_path, text, said):
    with pytest.raises(InputError) as refused:
        read_gene_intervals(write(tmp_path, text, "genes.tsv"))
    assert said in str(refused.value)


def test_names__no_approved_symbol_is_cut_short():
    table = Path(__file__).parents[3] / "shared" / "data" / "genes" / "hgnc_2026-06-25.tsv.gz"
    if not table.is_file():
        pytest.skip("the HGNC table is not beside the project")
    symbols = pd.read_csv(table, sep="\t", usecols=["symbol"], dtype="str")["symbol"]
    whole = symbols[~symbols.str.contains(r"[@ ]")]
    assert genes_named(pd.DataFrame({"name": whole}), set(symbols)) == (frozenset(whole), 0)
    assert genes_named(pd.DataFrame({"name": whole + "_ex2"}), set(symbols)) == (frozenset(whole), 0)
