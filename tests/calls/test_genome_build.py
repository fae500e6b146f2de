"""The genome build is told by the reference and by the lengths of the contigs, and never by two of them."""

import pytest

from trastuz_ml.calls.genome_build import build_of_header, build_of_word
from trastuz_ml.errors import InputError


@pytest.mark.parametrize(
    ("word", "build"),
    [
        ("hg19", "GRCh37"), ("37", "GRCh37"), ("b37", "GRCh37"), ("GRCh37.p13", "GRCh37"), ("19", "GRCh37"),
        ("hg38", "GRCh38"), ("GRCh38", "GRCh38"), ("38", "GRCh38"), ("hg18", "NCBI36"), ("36", "NCBI36"),
        ("file:///refs/human_g1k_v37_decoy.fasta", "GRCh37"), ("GRCh38_full_analysis_set.fa", "GRCh38"),
        ("hs37d5.fa", "GRCh37"), ("mm10", None), ("", None), ("/data/280/all_sequences.fa", None),
    ],
)  # fmt: skip
def test_word__the_builds_many_names_mean_one(word, build):
    assert build_of_word(word) == build


@pytest.mark.parametrize(
    ("line", "build"),
    [
        ("##contig=<ID=chr1,length=248956422>", "GRCh38"),
        ("##contig=<ID=1,length=249250621>", "GRCh37"),
        ("##contig=<ID=chr1,length=247249719>", "NCBI36"),
        ("##contig=<ID=X,assembly=b37,length=155270560>", "GRCh37"),
        ("##contig=<length=133797422,ID=chr10>", "GRCh38"),
        ("##reference=file:///refs/hg19.fa", "GRCh37"),
        ('##VEP="v95" cache="/c" assembly="GRCh38.p12"', "GRCh38"),
        ("##contig=<ID=1,length=195471971>", None),  # mouse
        ("##contig=<ID=1>", None),
        ('##GATKCommandLine=<CommandLine="-R hg19.fa">', None),
    ],
)
def test_header__reference_and_contigs_are_evidence_and_commands_are_not(line, build):
    assert build_of_header(f"##fileformat=VCFv4.2\n{line}\n#CHROM\tPOS\n") == build


def test_header__two_builds_are_refused_with_both_lines():
    with pytest.raises(InputError, match=r"GRCh37.*hg19\.fa.*GRCh38.*248956422"):
        build_of_header("##reference=hg19.fa\n##contig=<ID=1,length=248956422>\n")
