"""A written VCF passes a strict reading of the VCF 4.2 specification, and holds the calls."""

from __future__ import annotations

import re
from urllib.parse import unquote

import pandas as pd
import pytest

from trastuz_ml import schema
from trastuz_ml.calls.vcf.writer import CSQ_FIELDS, write_vcf
from trastuz_ml.errors import InputError
from trastuz_ml.features.simulate import simulate_cohort

STRUCTURED = re.compile(r'##(FILTER|INFO|FORMAT)=<ID=[^,<>"]+(,Number=[^,]+,Type=\w+)?,Description="[^"]*">')
FIXED = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT"]


def strictly(path):
    """Parse a VCF by the letter of the specification; return sample name and records."""
    data = path.read_bytes()
    assert data.endswith(b"\n")
    assert b"\r" not in data
    lines = data.decode("utf-8").splitlines()
    assert lines[0] == "##fileformat=VCFv4.2"
    header = [line for line in lines if line.startswith("##")]
    for line in header:
        assert re.fullmatch(r"##[A-Za-z]+=.+", line)
        if line.startswith(("##FILTER", "##INFO", "##FORMAT")):
            assert STRUCTURED.fullmatch(line)
    contigs = [re.fullmatch(r"##contig=<ID=([^,>]+)>", li)[1] for li in header if li.startswith("##contig")]
    filters = [re.match(r"##FILTER=<ID=([^,]+)", li)[1] for li in header if li.startswith("##FILTER")]
    assert len(set(filters)) == len(filters)
    columns = lines[len(header)].split("\t")
    assert columns[:-1] == FIXED
    records = [record(line, contigs, filters) for line in lines[len(header) + 1 :]]
    places = [(contigs.index(r["chrom"]), r["pos"]) for r in records]
    assert places == sorted(places)
    return columns[-1], records


def record(line, contigs, filters):
    fields = line.split("\t")
    assert len(fields) == 10
    chrom, pos, name, ref, alt, quality, passed, info, form, sample = fields
    assert chrom in contigs
    assert re.fullmatch(r"[1-9]\d*", pos)
    assert (name, quality, form) == (".", ".", "GT:AD:DP:AF")
    assert re.fullmatch("[ACGTN]+", ref)
    assert re.fullmatch("[ACGTN]+", alt)
    assert ref != alt
    assert len(ref) == len(alt) or ref[0] == alt[0] or ref[-1] == alt[-1]
    assert passed == "." or set(passed.split(";")) <= set(filters)
    assert re.fullmatch(r"CSQ=[^;=\s]+", info)
    entries = [entry.split("|") for entry in info.removeprefix("CSQ=").split(",")]
    assert all(len(entry) == len(CSQ_FIELDS) for entry in entries)
    csq = [dict(zip(CSQ_FIELDS, map(unquote, entry), strict=True)) for entry in entries]
    genotype, reads, depth, fraction = sample.split(":")
    assert genotype == "0/1"
    assert reads == "." or sum(map(int, reads.split(","))) == int(depth)
    assert fraction == "." or 0 <= float(fraction) <= 1
    return {
        "chrom": chrom,
        "pos": int(pos),
        "ref": ref,
        "alt": alt,
        "filter": passed,
        "csq": csq,
        "sample": sample,
    }


def table(**columns):
    count = max(len(values) for values in columns.values())
    usual = {
        "patient": ["P1"] * count, "gene": ["TP53"] * count, "effect": ["missense"] * count,
        "consequence": ["Missense_Mutation"] * count, "chrom": ["17"] * count, "pos": [100] * count,
        "ref": ["C"] * count, "alt": ["T"] * count,
    }  # fmt: skip
    return schema.conform(pd.DataFrame(usual | columns), schema.CALLS)


def written(path, calls):
    write_vcf(calls, path / "P1.vcf", patient="P1")
    sample, records = strictly(path / "P1.vcf")
    assert sample == "P1"
    return records


@pytest.mark.parametrize(
    ("pos", "ref", "alt", "expected", "allele"),
    [
        (100, "C", "T", (100, "C", "T"), "T"),
        (100, "CA", "TG", (100, "CA", "TG"), "TG"),
        (100, "CA", "-", (99, "NCA", "N"), "-"),
        (1, "CA", "-", (1, "CAN", "N"), "N"),
        (100, "-", "TG", (100, "N", "NTG"), "TG"),
        (100, "GACA", "G", (100, "GACA", "G"), "-"),
        (100, "c", "ct", (100, "C", "CT"), "T"),
    ],
)
def test_write_vcf__indels_are_anchored(tmp_path, pos, ref, alt, expected, allele):
    (only,) = written(tmp_path, table(pos=[pos], ref=[ref], alt=[alt]))
    assert (only["pos"], only["ref"], only["alt"]) == expected
    assert only["csq"][0]["Allele"] == allele


def test_write_vcf__records_are_sorted_by_contig_then_position(tmp_path):
    chrom = ["X", "10", "2", "GL000192.1", "2", "MT"]
    records = written(tmp_path, table(chrom=chrom, pos=[1, 5, 30, 2, 4, 8]))
    assert [(r["chrom"], r["pos"]) for r in records] == [
        ("2", 4), ("2", 30), ("10", 5), ("X", 1), ("MT", 8), ("GL000192.1", 2),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "effect", "hgvsc", "term", "impact"),
    [
        ("Missense_Mutation", "missense", "c.5A>G", "missense_variant", "MODERATE"),
        ("Frame_Shift_Del", "truncating", "c.5del", "frameshift_variant", "HIGH"),
        ("Splice_Site", "truncating", "c.5+1G>A", "splice_donor_variant", "HIGH"),
        ("Splice_Site", "truncating", "c.5-2A>G", "splice_acceptor_variant", "HIGH"),
        ("Silent", "silent", "c.6A>G", "synonymous_variant", "LOW"),
        ("Intron", "noncoding", "c.6+9A>G", "intron_variant", "MODIFIER"),
        ("Synonymous", "silent", None, "synonymous_variant", "LOW"),
        ("stop_gained&splice_region_variant", "truncating", None, "stop_gained&splice_region_variant", "HIGH"),
    ],
)
def test_write_vcf__class_becomes_sequence_ontology_term(tmp_path, word, effect, hgvsc, term, impact):
    (only,) = written(tmp_path, table(consequence=[word], effect=[effect], hgvsc=[hgvsc]))
    assert (only["csq"][0]["Consequence"], only["csq"][0]["IMPACT"]) == (term, impact)


def test_write_vcf__reserved_characters_are_percent_encoded(tmp_path):
    odd = "p.A1=; a,b|c%\té"
    (only,) = written(tmp_path, table(hgvsp=[odd]))
    assert only["csq"][0]["HGVSp"] == odd
    assert "p.A1%3D%3B%20a%2Cb%7Cc%25%09é" in (tmp_path / "P1.vcf").read_text(encoding="utf-8")


def test_write_vcf__two_genes_at_one_variant_are_one_record(tmp_path):
    (only,) = written(tmp_path, table(gene=["TP53", "WRAP53"]))
    assert [(entry["SYMBOL"], entry["PICK"]) for entry in only["csq"]] == [("TP53", "1"), ("WRAP53", "1")]


def test_write_vcf__filters_are_declared(tmp_path):
    records = written(tmp_path, table(filter=["PASS", "weak;strand bias", None], pos=[1, 2, 3]))
    assert [r["filter"] for r in records] == ["PASS", "weak;strand;bias", "."]


def test_write_vcf__missing_is_a_dot_or_empty(tmp_path):
    (only,) = written(tmp_path, table(pos=[5]))
    assert only["sample"] == "0/1:.:.:."
    assert {k for k, v in only["csq"][0].items() if not v} >= {"HGVSc", "HGVSp", "SIFT", "PolyPhen", "Gene"}


def test_write_vcf__reads_are_split_by_allele(tmp_path):
    (only,) = written(tmp_path, table(vaf=[0.25], depth=[40]))
    assert only["sample"] == "0/1:30,10:40:0.25"


def test_write_vcf__a_patient_without_calls_is_a_header(tmp_path):
    write_vcf(schema.empty(schema.CALLS), tmp_path / "P1.vcf", patient="P1", comment="none\nat all")
    assert strictly(tmp_path / "P1.vcf") == ("P1", [])
    assert (tmp_path / "P1.vcf").read_text().splitlines()[1:3] == ["##comment=none", "##comment=at all"]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"patient": ["P2"]}, "P2"),
        ({"pos": [None]}, "lacks"),
        ({"ref": [None]}, "lacks"),
        ({"alt": ["<DEL>"]}, "not a variant"),
        ({"alt": ["C"]}, "not a variant"),
        ({"pos": [0]}, "not a variant"),
        ({"chrom": ["1 2"]}, "contig"),
    ],
)
def test_write_vcf__what_vcf_cannot_hold_is_refused_and_leaves_nothing(tmp_path, columns, said):
    with pytest.raises(InputError, match=said):
        write_vcf(table(**columns), tmp_path / "P1.vcf", patient="P1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("patient", ["", "a\tb"])
def test_write_vcf__a_sample_name_that_breaks_the_header_is_refused(tmp_path, patient):
    with pytest.raises(InputError, match="sample"):
        write_vcf(schema.empty(schema.CALLS), tmp_path / "a.vcf", patient=patient)


def test_write_vcf__every_simulated_patient_passes_the_strict_reader(tmp_path):
    cohort = simulate_cohort(15, seed=4)
    cohort.write(tmp_path, formats=("vcf",))
    found = 0
    for patient in cohort.roster["patient"]:
        sample, records = strictly(tmp_path / "vcf" / f"{patient}.vcf")
        assert sample == patient
        mine = cohort.calls[cohort.calls["patient"] == patient]
        assert sorted(e["SYMBOL"] for r in records for e in r["csq"]) == sorted(mine["gene"])
        assert {e["HGVSp"] for r in records for e in r["csq"] if e["HGVSp"]} == set(mine["hgvsp"].dropna())
        found += len(records)
    assert found == len(cohort.calls)
