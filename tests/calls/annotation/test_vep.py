"""VEP's CSQ."""

import shutil
import subprocess
from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from info_texts import header_and_records, real_vcf
from trastuz_ml.calls.annotation.find import find_annotation
from trastuz_ml.calls.annotation.vep import vep_annotation
from trastuz_ml.calls.effects import consequence
from trastuz_ml.errors import InputError

FULL = (
    "Allele|Consequence|SYMBOL|Gene|HGVSc|HGVSp|SIFT|PolyPhen|PICK|MANE_SELECT|CANONICAL|REVEL|MAX_AF|gnomADe_AF"
)


def reader(names=FULL, said="Consequence annotations from Ensembl VEP. Format: "):
    return vep_annotation("CSQ", said + names)


def entry(names=FULL, **values):
    return "|".join(str(values.get(name, "")) for name in names.split("|"))


def entries(*several, names=FULL):
    return ",".join(entry(names, **values) for values in several)


def genes(text, ref="C", alts=("T",), names=FULL):
    return reader(names).genes(text, ref, list(alts))


def called(text, ref="C", alts=("T",), names=FULL):
    """Gene and consequence of each call, by alternative."""
    return [[(e.gene, e.consequence) for e in of_alt] for of_alt in genes(text, ref, alts, names)]


# What is read


def test_vep__all_that_a_call_holds_is_read():
    [[found]] = genes(
        entry(
            Allele="T", Consequence="missense_variant&splice_region_variant", SYMBOL="TP53", Gene="ENSG1",
            HGVSc="ENST1:c.524G>A", HGVSp="ENSP1:p.Arg175His", SIFT="deleterious(0.02)", PolyPhen="benign(0.1)",
            REVEL="0.93", MAX_AF="0.001", gnomADe_AF="0.0002",
        )
    )  # fmt: skip
    assert found == (
        "TP53", "missense_variant", "missense", "ENST1:c.524G>A", "ENSP1:p.Arg175His", "deleterious(0.02)",
        "benign(0.1)", 0.93, None, 0.001,
    )  # fmt: skip


def test_vep__an_empty_subfield_is_missing():
    [[found]] = genes(entry(Allele="T", Consequence="intron_variant", SYMBOL="TP53"))
    assert found[3:] == (None,) * 7


@given(st.permutations(FULL.split("|")))
def test_vep__the_order_of_the_subfields_is_the_headers(order):
    values = {
        "Allele": "T", "Consequence": "stop_gained", "SYMBOL": "TP53", "HGVSp": "p.Q7*", "REVEL": "0.5",
        "gnomADe_AF": "0.1",
    }  # fmt: skip
    names = "|".join(order)
    [[found]] = genes(entry(names, **values), names=names)
    assert found[:5] + found[7:] == ("TP53", "stop_gained", "truncating", None, "p.Q7*", 0.5, None, 0.1)


def test_vep__the_case_of_the_headers_words_does_not_matter():
    assert called("T|stop_gained|TP53", names="ALLELE|consequence|Symbol") == [[("TP53", "stop_gained")]]


@pytest.mark.parametrize(
    ("names", "text", "gene"),
    [
        ("Allele|Gene|Consequence", "T|ENSG1|intron_variant", "ENSG1"),
        ("Allele|Gene|Consequence|SYMBOL", "T|ENSG1|intron_variant|", "ENSG1"),
        ("Allele|Gene|Consequence|HGNC", "T|ENSG1|intron_variant|TP53", "TP53"),
        ("Allele|Gene|Consequence|SYMBOL", "T||regulatory_region_variant|", None),
    ],
)
def test_vep__the_gene_is_the_symbol_else_the_ensembl_id_else_missing(names, text, gene):
    [[found]] = genes(text, names=names)
    assert found.gene == gene


def test_vep__percent_codes_are_decoded():
    [[found]] = genes(entry(Allele="T", Consequence="synonymous_variant", SYMBOL="A%3BB", HGVSp="p.Arg175%3D"))
    assert (found.gene, found.hgvsp) == ("A;B", "p.Arg175=")


def test_vep__a_score_given_for_several_transcripts_is_the_highest():
    [[found]] = genes(entry(Allele="T", Consequence="missense_variant", SYMBOL="A", REVEL=".&0.3&0.7&."))
    assert found.revel == 0.7


def test_vep__a_list_of_missing_scores_is_missing():
    [[found]] = genes(entry(Allele="T", Consequence="missense_variant", SYMBOL="A", REVEL=".&."))
    assert found.revel is None


@pytest.mark.parametrize("name", ["am_pathogenicity", "AlphaMissense_score"])
def test_vep__alphamissense_is_read_from_the_plugin_and_from_dbnsfp(name):
    [[found]] = genes("T|missense_variant|A|0.98", names=f"Allele|Consequence|SYMBOL|{name}")
    assert found.alphamissense == 0.98


def test_vep__the_population_frequency_is_the_highest_of_the_totals():
    names = "Allele|Consequence|SYMBOL|AF|gnomADe_AF|gnomADe_AFR_AF|gnomADg_AF|MAX_AF_POPS"
    [[found]] = genes("T|missense_variant|A|0.1|0.3&0.2|0.9||AFR", names=names)
    assert found.population_frequency == 0.3


def test_vep__a_frequency_that_is_no_number_is_refused():
    with pytest.raises(InputError, match="allele frequency holds 'rare' where a number was expected"):
        genes(entry(Allele="T", Consequence="intron_variant", SYMBOL="A", MAX_AF="rare"))


@pytest.mark.parametrize("text", ["", ".", entry(Allele="T", SYMBOL="A")])
def test_vep__nothing_said_of_an_allele_is_no_effect(text):
    assert genes(text) == [[]]


# Which transcript


def test_vep__the_pick_wins_over_mane_canonical_and_severity():
    text = entries(
        {"Allele": "T", "Consequence": "stop_gained", "SYMBOL": "A", "CANONICAL": "YES", "MANE_SELECT": "NM_1"},
        {"Allele": "T", "Consequence": "intron_variant", "SYMBOL": "A", "PICK": 1},
    )
    assert called(text) == [[("A", "intron_variant")]]


def test_vep__mane_select_wins_over_canonical():
    text = entries(
        {"Allele": "T", "Consequence": "stop_gained", "SYMBOL": "A", "CANONICAL": "YES"},
        {"Allele": "T", "Consequence": "missense_variant", "SYMBOL": "A", "MANE_SELECT": "NM_1"},
    )
    assert called(text) == [[("A", "missense_variant")]]


def test_vep__canonical_wins_over_severity():
    text = entries(
        {"Allele": "T", "Consequence": "stop_gained", "SYMBOL": "A"},
        {"Allele": "T", "Consequence": "missense_variant", "SYMBOL": "A", "CANONICAL": "YES"},
    )
    assert called(text) == [[("A", "missense_variant")]]


def test_vep__without_flags_the_most_severe_is_taken_and_the_first_of_equals():
    text = entries(
        {"Allele": "T", "Consequence": "synonymous_variant", "SYMBOL": "A"},
        {"Allele": "T", "Consequence": "missense_variant", "SYMBOL": "A", "HGVSp": "p.first"},
        {"Allele": "T", "Consequence": "missense_variant", "SYMBOL": "A", "HGVSp": "p.second"},
    )
    assert genes(text)[0][0].hgvsp == "p.first"


def test_vep__mane_plus_clinical_is_not_mane_select():
    names = "Allele|Consequence|SYMBOL|MANE"
    text = "T|stop_gained|A|MANE_Plus_Clinical,T|missense_variant|A|MANE_Select"
    assert called(text, names=names) == [[("A", "missense_variant")]]


def test_vep__a_pick_in_one_gene_does_not_silence_another():
    text = entries(
        {"Allele": "T", "Consequence": "missense_variant", "SYMBOL": "A", "PICK": 1},
        {"Allele": "T", "Consequence": "intron_variant", "SYMBOL": "B"},
        {"Allele": "T", "Consequence": "stop_gained", "SYMBOL": "B"},
    )
    assert called(text) == [[("A", "missense_variant"), ("B", "stop_gained")]]


def test_vep__the_choice_is_told_from_what_the_header_has():
    assert reader().choice == "VEP's pick, else MANE Select, else canonical, else most severe"
    assert reader("Allele|Consequence|SYMBOL").choice == "most severe"


# Which genes


def test_vep__a_gene_that_the_allele_only_lies_beside_is_left_out_when_it_lies_in_one():
    text = entries(
        {"Allele": "T", "Consequence": "upstream_gene_variant", "SYMBOL": "BESIDE"},
        {"Allele": "T", "Consequence": "intron_variant", "SYMBOL": "IN"},
        {"Allele": "T", "Consequence": "regulatory_region_variant"},
    )
    assert called(text) == [[("IN", "intron_variant")]]


def test_vep__a_gene_that_the_annotator_picked_is_called_even_beside_another():
    text = entries(
        {"Allele": "T", "Consequence": "upstream_gene_variant", "SYMBOL": "BESIDE", "PICK": 1},
        {"Allele": "T", "Consequence": "intron_variant", "SYMBOL": "IN"},
    )
    assert called(text) == [[("BESIDE", "upstream_gene_variant"), ("IN", "intron_variant")]]


def test_vep__one_gene_stands_for_an_allele_beside_several():
    text = entries(
        {"Allele": "T", "Consequence": "downstream_gene_variant", "SYMBOL": "FAR"},
        {"Allele": "T", "Consequence": "upstream_gene_variant", "SYMBOL": "FARTHER"},
        {"Allele": "T", "Consequence": "downstream_gene_variant", "SYMBOL": "PICKED", "PICK": 1},
        {"Allele": "T", "Consequence": "TF_binding_site_variant"},
    )
    assert called(text) == [[("PICKED", "downstream_gene_variant")]]


def test_vep__a_gene_with_one_transcript_hit_is_called_by_its_chosen_transcript():
    text = entries(
        {"Allele": "T", "Consequence": "downstream_gene_variant", "SYMBOL": "A", "PICK": 1},
        {"Allele": "T", "Consequence": "intron_variant", "SYMBOL": "A"},
        {"Allele": "T", "Consequence": "intron_variant", "SYMBOL": "B"},
    )
    assert called(text) == [[("A", "downstream_gene_variant"), ("B", "intron_variant")]]


def test_vep__an_allele_without_any_gene_keeps_one_entry():
    text = entries(
        {"Allele": "T", "Consequence": "regulatory_region_variant"},
        {"Allele": "T", "Consequence": "TF_binding_site_variant"},
    )
    assert called(text) == [[(None, "TF_binding_site_variant")]]


# Which allele


@pytest.mark.parametrize(
    ("ref", "alts", "names"),
    [
        ("C", ["T", "A"], ["T", "A"]),
        ("CAT", ["C"], ["-"]),
        ("C", ["CAT"], ["AT"]),
        ("CAT", ["TG"], ["TG"]),
        ("CA", ["TG"], ["TG"]),
        ("CA", ["CG"], ["CG"]),
        ("CTT", ["C", "CT"], ["-", "T"]),
        ("CTT", ["C", "CTA", "*"], ["-", "TA", "*"]),
        ("CT", ["C", "GT"], ["C", "GT"]),
        ("c", ["t"], ["T"]),
    ],
)
def test_vep__alleles_are_matched_as_vep_names_them(ref, alts, names):
    text = ",".join(f"{name}|intron_variant|GENE{number}" for number, name in enumerate(names))
    found = called(text, ref, alts, "Allele|Consequence|SYMBOL")
    assert found == [[(f"GENE{number}", "intron_variant")] for number in range(len(names))]


def test_vep__an_alternative_without_an_entry_has_no_effect():
    assert called("A|intron_variant|G", "C", ["A", "T"], "Allele|Consequence|SYMBOL") == [
        [("G", "intron_variant")],
        [],
    ]


def test_vep__an_entry_of_another_base_is_not_taken_for_a_substitution():
    assert called("A|intron_variant|G", "C", ["T"], "Allele|Consequence|SYMBOL") == [[]]


def test_vep__an_indel_that_was_moved_after_the_annotation_keeps_it():
    assert called("TA|frameshift_variant|G", "C", ["CAT"], "Allele|Consequence|SYMBOL") == [
        [("G", "frameshift_variant")]
    ]


def test_vep__the_allele_number_wins_over_the_name():
    names = "Allele|Consequence|SYMBOL|ALLELE_NUM"
    text = "X|stop_gained|A|2,X|missense_variant|A|1"
    assert called(text, "C", ["T", "G"], names) == [[("A", "missense_variant")], [("A", "stop_gained")]]


def test_vep__numbers_of_a_record_that_was_split_afterwards_are_not_used():
    names = "Allele|Consequence|SYMBOL|ALLELE_NUM"
    text = "T|stop_gained|A|1,G|missense_variant|A|2"
    assert called(text, "C", ["G"], names) == [[("A", "missense_variant")]]


@pytest.mark.parametrize(
    ("ref", "alt", "effect"),
    [
        ("C", "CATG", "inframe"),
        ("C", "CAT", "truncating"),
        ("CATGA", "GA", "inframe"),
        ("CATG", "GA", "truncating"),
    ],
)
def test_vep__a_protein_altering_variant_is_in_frame_or_not_by_its_length(ref, alt, effect):
    [[found]] = genes("X|protein_altering_variant|A", ref, [alt], "Allele|Consequence|SYMBOL")
    assert (found.consequence, found.effect) == ("protein_altering_variant", effect)


# What is refused


@pytest.mark.parametrize("text", ["T|intron_variant", "T|intron_variant|A|more", "T|intron_variant|A,T|x"])
def test_vep__an_entry_with_other_subfields_than_the_header_lists_is_refused(text):
    with pytest.raises(InputError, match=r"has \d subfields where the header lists 3"):
        genes(text, names="Allele|Consequence|SYMBOL")


def test_vep__an_unknown_term_is_refused():
    with pytest.raises(InputError, match="misense_variant"):
        genes(entry(Allele="T", Consequence="misense_variant", SYMBOL="A"))


@pytest.mark.parametrize("description", ["CSQ annotation", "Consequences from Ensembl VEP. Format: Allele"])
def test_vep__a_header_without_the_list_of_subfields_is_refused(description):
    with pytest.raises(InputError, match="without the list of subfields"):
        vep_annotation("CSQ", description)


@pytest.mark.parametrize(
    ("names", "lacking"),
    [
        ("Allele|SYMBOL", "Consequence"),
        ("Allele|Consequence|Feature", "SYMBOL or Gene"),
        ("Consequence|SYMBOL", "Allele or ALLELE_NUM"),
    ],
)
def test_vep__a_header_that_lacks_what_a_call_needs_is_refused(names, lacking):
    with pytest.raises(InputError, match=f"lacks {lacking}; it has"):
        reader(names)


# Against bcftools, on real files

FILES = ["HCC1395.vep.vcf.gz", "input_tsl.vcf", "tumor_normal.vep.vcf", "tumor_sample.BRCA.pcgr.vcf.gz"]
FLAGS = ("PICK", "MANE", "CANONICAL")


def printed_by_bcftools(path, folder, *options):
    """What split-vep prints for a file of which only sites and CSQ are left, line by line."""
    if shutil.which("bcftools") is None:
        pytest.skip("bcftools is not installed")
    descriptions, records = header_and_records(path)
    bare = folder / "bare.vcf"
    lines = ["##fileformat=VCFv4.2", *(f"##contig=<ID={c}>" for c in dict.fromkeys(r.chrom for r in records))]
    lines.append(f'##INFO=<ID=CSQ,Number=.,Type=String,Description="{descriptions["CSQ"]}">')
    lines.append("\t".join(["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO"]))
    for r in records:
        lines.append("\t".join([r.chrom, r.pos, ".", r.ref, ",".join(r.alts), ".", ".", f"CSQ={r.info['CSQ']}"]))
    bare.write_text("\n".join(lines) + "\n", encoding="utf-8")
    command = ["bcftools", "+split-vep", *options, str(bare)]
    printed = subprocess.run(command, capture_output=True, text=True, check=False)
    if "split-vep" in printed.stderr and "ould not" in printed.stderr:
        pytest.skip("bcftools has no split-vep plug-in")
    assert printed.returncode == 0, printed.stderr
    return printed.stdout.splitlines()


def transcripts_of_sites(path, folder, *fields):
    """The transcripts of each site, as bcftools splits them."""
    form = "%CHROM:%POS:%REF:%ALT\t" + "\t".join(f"%{field}" for field in fields) + "\n"
    sites = defaultdict(list)
    for line in printed_by_bcftools(path, folder, "-d", "-f", form):
        site, *values = line.split("\t")
        sites[site].append(dict(zip(fields, ("" if v == "." else v for v in values), strict=True)))
    return sites


def expected_calls(transcripts):
    """Gene and consequence of the calls of one site, written as plainly as can be."""
    of_gene = defaultdict(list)
    for one in transcripts:
        of_gene[one["SYMBOL"] or one["Gene"]].append(one)
    inside = {
        gene: ones
        for gene, ones in of_gene.items()
        if gene and any(not consequence(one["Consequence"]).outside or one.get("PICK") == "1" for one in ones)
    }
    if not inside:
        named = [one for one in transcripts if one["SYMBOL"] or one["Gene"]]
        inside = {"": named or transcripts}
    best = [min(ones, key=preference) for ones in inside.values()]
    return {(one["SYMBOL"] or one["Gene"] or None, consequence(one["Consequence"]).term) for one in best}


def preference(one):
    return (
        one.get("PICK") != "1",
        not one.get("MANE"),
        one.get("CANONICAL") != "YES",
        consequence(one["Consequence"]).severity,
    )


@pytest.mark.parametrize("name", FILES)
def test_vep__genes_and_consequences_are_those_that_bcftools_splits(name, tmp_path):
    path = real_vcf(f"vep/{name}")
    descriptions, records = header_and_records(path)
    flags = [flag for flag in FLAGS if flag in descriptions["CSQ"].split("|")]
    transcripts = transcripts_of_sites(path, tmp_path, "SYMBOL", "Gene", "Consequence", *flags)
    csq = find_annotation(descriptions, None, path)
    sites = [f"{r.chrom}:{r.pos}:{r.ref}:{','.join(r.alts)}" for r in records]
    assert set(sites) == set(transcripts)
    for site, record in zip(sites, records, strict=True):
        [found] = csq.genes(record.info["CSQ"], record.ref, record.alts)
        assert {(e.gene, e.consequence) for e in found} == expected_calls(transcripts[site]), site


@pytest.mark.parametrize("name", FILES)
def test_vep__the_worst_effect_of_a_record_is_that_of_bcftools_worst_transcript(name, tmp_path):
    path = real_vcf(f"vep/{name}")
    worst = printed_by_bcftools(path, tmp_path, "-s", "worst", "-f", "%Consequence\n")
    descriptions, records = header_and_records(path)
    for flag in FLAGS:
        descriptions["CSQ"] = descriptions["CSQ"].replace(f"|{flag}|", f"|NO_{flag}|")
    csq = find_annotation(descriptions, None, path)
    assert csq.choice == "most severe"
    ours = [
        min(csq.genes(r.info["CSQ"], r.ref, r.alts)[0], key=lambda e: consequence(e.consequence).severity)
        for r in records
    ]
    assert [consequence(e.consequence).effect for e in ours] == [consequence(terms).effect for terms in worst]
