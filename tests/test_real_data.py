"""The published cohorts, counted again without the project's readers: no row is lost, and each number is right."""

import csv
import gzip
import re
import zipfile
from collections import Counter
from dataclasses import replace
from functools import cache
from math import comb
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import TrastuzError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.read import PLACE, read_inputs
from trastuz_ml.features.encoding import build_gene_matrix
from trastuz_ml.quality.one_response_genes import one_sided_genes
from trastuz_ml.quality.relatedness import related_patients
from trastuz_ml.schema import CALLS, NONSILENT

PROJECT = Path(__file__).parents[1]
DATA = PROJECT.parent / "shared" / "data"
ABSENT = "the published data are not beside the project"
HGNC = DATA / "genes" / "hgnc_2026-06-25.tsv.gz"

# The nine classes of the MAF vocabulary that change a protein, and the words of older files for the same.
ALTERING = {
    "Missense_Mutation", "Nonsense_Mutation", "Frame_Shift_Del", "Frame_Shift_Ins", "In_Frame_Del", "In_Frame_Ins",
    "Splice_Site", "Translation_Start_Site", "Nonstop_Mutation",
    "Start_Codon_SNP", "Start_Codon_Ins", "Start_Codon_Del", "Stop_Codon_Ins", "Stop_Codon_Del",
}  # fmt: skip
# By hand: what a spreadsheet made of which gene, with the chromosome; the last two were repaired blindly before.
DATES = {
    ("Mar-01", "4"): "MARCHF1", ("Mar-01", "1"): "MTARC1", ("Mar-06", "5"): "MARCHF6", ("Mar-07", "2"): "MARCHF7",
    ("Mar-10", "17"): "MARCHF10", ("Sep-02", "2"): "SEPTIN2", ("Sep-04", "17"): "SEPTIN4",
    ("Sep-08", "5"): "SEPTIN8", ("Sep-09", "17"): "SEPTIN9",
    ("MARCH1", "1"): "MTARC1", ("MARCH2", "1"): "MTARC2",
}  # fmt: skip
# Name of the experiment, file of calls, file of patients, and the columns of both that matter here.
COHORTS = {
    "transneo": ("transneo/mutations.tsv.gz", "transneo/clinical.tsv",
                 ("Donor.ID", "Hugo_Symbol", "Chr", "Start", "MAF_Variant"), ("Donor.ID", "pCR.RD"),
                 {"pCR": 1, "RD": 0}),
    "liu2019": ("melanoma/liu2019/SNV.txt.gz", "melanoma/liu2019/CLIN.txt",
                ("Patient", "Hugo_Symbol", "Chromosome", "Start_position", "Variant_Classification"), ("", "BR"),
                {"CR": 1, "PR": 1, "MR": 1, "PD": 0}),
    "vanallen2015": ("melanoma/vanallen2015/SNV.txt.gz", "melanoma/vanallen2015/CLIN.txt",
                     ("patient", "Hugo_Symbol", "Chromosome", "Start_position", "Variant_Classification"),
                     ("patient", "RECIST"), {"CR": 1, "PR": 1, "PD": 0}),
}  # fmt: skip
ON_TREATMENT = "biopsyContext (1=Pre-Ipi; 2=On-Ipi; 3=Pre-PD1; 4=On-PD1)"
MUTATION = ["patient", "gene", "chrom", "start", "variant"]


def present(name):
    calls, roster, *_ = COHORTS[name]
    if not (DATA / calls).is_file() or not (DATA / roster).is_file():
        pytest.skip(f"{ABSENT}: {calls}")


@cache
def raw(name):
    """The file of calls, as text: every row, nothing repaired."""
    path, _, columns, *_ = COHORTS[name]
    with gzip.open(DATA / path, "rt", newline="", encoding="utf-8") as text:
        header, *rows = csv.reader(text, delimiter="\t")
    cells = dict(zip(header, zip(*rows, strict=True), strict=True))
    return pd.DataFrame({new: cells[old] for new, old in zip(MUTATION, columns, strict=True)}, dtype="str")


@cache
def responses(name):
    """Patient -> 1, 0 or None, from the file of patients as text; who was sampled under treatment is absent."""
    _, path, _, (patient, response), meaning = COHORTS[name]
    with (DATA / path).open(newline="", encoding="utf-8") as text:
        rows = list(csv.DictReader(text, delimiter="\t"))
    return {row[patient]: meaning.get(row[response]) for row in rows if row.get(ON_TREATMENT) != "4"}


@cache
def inputs(name, calls=None):
    """What the experiment's files hold, read by the project; ``calls`` stands for another file of calls."""
    experiment = read_experiment(PROJECT / "experiments" / f"{name}.yaml")
    if calls is not None:
        experiment = experiment.model_copy(
            update={"calls": experiment.calls.model_copy(update={"files": (calls,)})}
        )
    with read_inputs(experiment, wanted=frozenset(CALLS.names) - {"hgvsp", "filter", "depth"}) as read:
        return experiment, read


@cache
def cohort(name, calls=None):
    experiment, read = inputs(name, calls)
    return read.join(experiment)


# ---- every row is counted in exactly one place -----------------------------------------------------------


@pytest.mark.parametrize("name", COHORTS)
def test_rows__of_a_cohort_are_each_in_one_place_by_patient_and_fate(name):
    present(name)
    known = responses(name)
    rows = raw(name)
    again = rows.duplicated() if name == "transneo" else pd.Series(False, index=rows.index)
    fate = [
        "filtered-out" if who not in known else "no-response" if known[who] is None else "duplicate" if twice
        else "kept"
        for who, twice in zip(rows["patient"], again, strict=True)
    ]  # fmt: skip
    expected = Counter(zip(rows["patient"], fate, strict=True))
    found = cohort(name, "mutations.tsv.gz" if name == "transneo" else None).rows
    counted = found.groupby(["patient", "fate"], observed=True)["rows"].sum()
    assert {key: int(count) for key, count in counted.items()} == dict(expected)
    assert int(found["rows"].sum()) == len(rows)


def test_rows__of_the_workbook_are_each_in_one_place():
    present("transneo")
    workbook = DATA / "transneo" / "Supplementary Tables.xlsx"
    if not workbook.is_file():
        pytest.skip(f"{ABSENT}: the TransNEO workbook")
    with zipfile.ZipFile(workbook) as parts:
        shared = re.findall(r"<si>(.*?)</si>", parts.read("xl/sharedStrings.xml").decode(), re.DOTALL)
        sheet = parts.read("xl/worksheets/sheet2.xml").decode()
    words = [re.sub(r"<[^>]+>", "", text) for text in shared]
    first = [words[int(place)] for place in re.findall(r'<c r="A\d+"[^>]* t="s"[^>]*><v>(\d+)</v>', sheet)]
    donors = [word for word in first if re.fullmatch(r"T\d+", word)]
    assert len(donors) == 16_134
    counted = cohort("transneo").rows.groupby("patient", observed=True)["rows"].sum()
    assert {key: int(count) for key, count in counted.items()} == dict(Counter(donors))


# ---- TransNEO: the published numbers ---------------------------------------------------------------------


def test_transneo__has_the_rows_calls_and_patients_that_were_published():
    present("transneo")
    experiment, read = inputs("transneo", "mutations.tsv.gz")
    everybody = read.join(experiment, training=False)
    assert len(read.read.calls) + int(read.read.dropped["rows"].sum()) == 16_134
    assert len(everybody.calls) == 16_068
    assert int(read.read.calls["effect"].isin(NONSILENT).sum()) == 8_524
    nonsilent = everybody.calls[everybody.calls["effect"].isin(NONSILENT)]
    assert (len(nonsilent), nonsilent["patient"].nunique(), len(everybody.patients)) == (8_486, 167, 168)


def test_transneo__each_call_of_the_doubled_patient_counts_once():
    present("transneo")
    rows = cohort("transneo").rows
    doubled = rows[rows["fate"] == "duplicate"]
    assert doubled[["patient", "rows"]].values.tolist() == [["T164", 66]]
    assert rows.loc[(rows["patient"] == "T164") & (rows["fate"] == "kept"), "rows"].tolist() == [66]


def test_transneo__the_patient_without_calls_is_a_row_of_zeros_and_a_finding():
    present("transneo")
    matrix, _ = build_gene_matrix(cohort("transneo"))
    assert not matrix.dense()[matrix.patients.index("T165")].any()
    named = cohort("transneo").findings.query("code == 'patient-without-calls'")
    assert named["patient"].tolist() == ["T165"]


@pytest.mark.parametrize("file", [None, "mutations.tsv.gz"])
def test_transneo__dates_are_the_genes_that_they_were(file):
    present("transneo")
    rows = raw("transneo")
    dates = rows[rows["gene"].str.fullmatch(r"[A-Z][a-z]{2}-\d\d")]
    expected = Counter((row.patient, row.chrom, DATES[row.gene, row.chrom]) for row in dates.itertuples())
    _, read = inputs("transneo", file)
    calls = read.read.calls.astype({"gene": "str", "chrom": "str", "patient": "str"})
    found = Counter(zip(calls["patient"], calls["chrom"], calls["gene"], strict=True))
    assert sum(expected.values()) == 14
    assert expected <= found
    assert not calls["gene"].str.contains(r"^[A-Z][a-z]{2}-\d\d$|^\d{4}-\d\d", regex=True, na=False).any()


def test_transneo__filters_take_out_what_is_below_them_and_say_nothing_of_the_rest():
    present("transneo")
    with gzip.open(DATA / "transneo" / "mutations.tsv.gz", "rt", newline="", encoding="utf-8") as text:
        reads = [
            (float(row["tumour.depth"]), float(row["tumour.vaf"])) for row in csv.DictReader(text, delimiter="\t")
        ]
    low = sum(depth < 20 for depth, _ in reads)
    faint = sum(depth >= 20 and vaf < 0.05 for depth, vaf in reads)
    filters = Filters(min_depth=20, min_vaf=0.05)
    read = read_calls([DATA / "transneo" / "mutations.tsv.gz"], Reading(filters=filters, wanted=PLACE))
    assert read.dropped.groupby("fate", observed=True)["rows"].sum().to_dict() == {
        "low-depth": low,
        "low-vaf": faint,
    }
    assert "filter-without-value" not in {finding.code for finding in read.findings}


@pytest.mark.parametrize("encoding", ["binary", "count", "truncating", "damaging", "vaf"])
def test_transneo__text_and_workbook_give_the_same_matrix(encoding):
    present("transneo")
    workbook, text = (
        replace(build_gene_matrix(cohort("transneo", file), encoding=encoding)[0], provenance={})
        for file in (None, "mutations.tsv.gz")
    )
    assert workbook == text
    assert workbook.values.nnz > 0


# ---- the gene matrix, made again -------------------------------------------------------------------------


@cache
def names_of_genes():
    """Approved symbols, and previous symbols and aliases with the genes that have them, all from HGNC's table."""
    if not HGNC.is_file():
        pytest.skip(f"{ABSENT}: the table of gene names")
    approved, previous, alias = set(), {}, {}
    with gzip.open(HGNC, "rt", encoding="utf-8") as text:
        for row in csv.DictReader(text, delimiter="\t"):
            approved.add(row["symbol"])
            for column, names in (("previous", previous), ("alias", alias)):
                for name in filter(None, row[column].split("|")):
                    names.setdefault(name, set()).add(row["symbol"])
    return approved, previous, alias


def current_name(name, chrom):
    """The current symbol of a gene, by the rules in words: approved, the one previous, the one alias, by case."""
    if name == "Unknown":
        return None
    if (name, chrom) in DATES:
        return DATES[name, chrom]
    approved, previous, alias = names_of_genes()
    if name in approved:
        return name
    for names in (previous, alias):
        if name in names:
            return min(names[name]) if len(names[name]) == 1 else name
    return by_case().get(name.upper(), name)


@cache
def by_case():
    """Upper-case name -> gene, where one gene alone is meant; approved before previous before alias."""
    approved, previous, alias = names_of_genes()
    found = {}
    for names in ({name: {name} for name in approved}, previous, alias):
        folded = {}
        for name, genes in names.items():
            folded.setdefault(name.upper(), set()).update(genes)
        for name, genes in folded.items():
            found.setdefault(name, min(genes) if len(genes) == 1 else None)
    return {name: gene for name, gene in found.items() if gene}


@cache
def counted_by_hand(name):
    """Patients with a response by current genes: how many calls that change a protein, from the text alone."""
    rows = raw(name).drop_duplicates() if name == "transneo" else raw(name)
    counting = rows[rows["variant"].isin(ALTERING)].copy()
    became = {key: current_name(*key) for key in set(zip(counting["gene"], counting["chrom"], strict=True))}
    counting["gene"] = [became[key] for key in zip(counting["gene"], counting["chrom"], strict=True)]
    patients = sorted(who for who, response in responses(name).items() if response is not None)
    counting = counting[counting["patient"].isin(patients) & counting["gene"].notna()]
    return pd.crosstab(counting["patient"], counting["gene"]).reindex(patients, fill_value=0)


@pytest.mark.parametrize("name", COHORTS)
def test_matrix__is_the_table_of_patients_by_current_genes_counted_from_the_text(name):
    present(name)
    expected = counted_by_hand(name)
    ours = cohort(name, "mutations.tsv.gz" if name == "transneo" else None)
    matrix, _ = build_gene_matrix(ours, encoding="count")
    assert matrix.patients == tuple(expected.index)
    assert ours.response.tolist() == [responses(name)[who] for who in expected.index]
    assert set(matrix.genes) ^ set(expected.columns) == set()
    assert np.array_equal(matrix.dense(), expected[list(matrix.genes)].to_numpy())


@pytest.mark.parametrize("name", COHORTS)
def test_genes_of_one_response__are_those_of_the_table_and_of_chance(name):
    present(name)
    carried = counted_by_hand(name) > 0
    carried = carried.loc[:, carried.sum() >= 3]
    y = np.array([responses(name)[who] for who in carried.index])
    responding, carriers = carried[y == 1].sum(), carried.sum()
    found = one_sided_genes(cohort(name))
    assert (found.tested, found.responders.genes, found.others.genes) == (
        carried.shape[1], int((responding == carriers).sum()), int((responding == 0).sum())
    )  # fmt: skip
    assert found.responders.expected == pytest.approx(sum(comb(y.sum(), k) / comb(len(y), k) for k in carriers))
    assert found.others.expected == pytest.approx(sum(comb((1 - y).sum(), k) / comb(len(y), k) for k in carriers))


# ---- one person in two studies ---------------------------------------------------------------------------


def test_two_studies__share_one_person_under_two_identifiers():
    present("liu2019")
    present("vanallen2015")
    files = [DATA / COHORTS[name][0] for name in ("liu2019", "vanallen2015")]
    read = read_calls(files, Reading(wanted=PLACE))
    sites = {
        who: set(zip(rows["chrom"], rows["start"], strict=True))
        for name in ("liu2019", "vanallen2015")
        for who, rows in raw(name).groupby("patient")
        if who in ("Patient35", "Pat83")
    }
    patients = sorted(read.calls["patient"].cat.categories)
    roster = pd.DataFrame(
        {"response": 1, "group": patients, "assay": "exome", "sequenced": True, "in_cohort": True},
        index=pd.Index(patients, name="patient"),
    )
    roster.loc[patients[::2], "response"] = 0
    found = related_patients(Cohort.assemble(read.calls, roster, dropped=read.dropped))
    pairs = [finding for finding in found if finding.code in ("one-person-two-ids", "related-patients")]
    assert [finding.code for finding in pairs] == ["one-person-two-ids"]
    assert {"Patient35", "Pat83"} == {pairs[0].patient, *re.findall(r"with (\w+)", pairs[0].message)}
    assert pairs[0].count == 42 == len(sites["Patient35"] & sites["Pat83"])


# ---- VCF files -------------------------------------------------------------------------------------------

VCF = sorted((DATA / "vcf").rglob("*.vcf*"))
REFUSED = dict.fromkeys(
    ("T001-BRCA.grch37.vcf.gz", "T001-BRCA.grch38.vcf.gz", "strelka_tumor_normal.vcf.gz", "duplicate_entries.vcf",
     "input.no_sample.vcf", "no_csq.vcf", "no_sample.genotype.vcf"), "is not annotated",
) | {
    "info_overwrite.vcf": "without the list of subfields",
    "multiple_samples.vcf": "Name the tumour's", "multiple_samples.gx.vcf": "Name the tumour's",
    "cancer.ann.vcf": "line 1: expected ##fileformat",
}  # fmt: skip
# Beside a gene, not in it.
OUTSIDE = {
    "upstream_gene_variant", "downstream_gene_variant", "intergenic_variant", "intergenic_region",
    "regulatory_region_variant", "TF_binding_site_variant", "TFBS_ablation", "regulatory_region_ablation",
}  # fmt: skip


def lines_of(path):
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as text:
        return text.read().splitlines()


def rows_by_hand(path):
    """How many rows a VCF of one tumour has, from its text: an alternative allele and gene of a record each."""
    lines = lines_of(path)
    header = next(re.search(r"##INFO=<ID=(CSQ|ANN),.*?(?:Format: |annotations: ')([^\"']+)", line)
                  for line in lines if re.match(r"##INFO=<ID=(CSQ|ANN),", line))  # fmt: skip
    field, words = header[1], [word.strip().lower() for word in header[2].split("|")]
    total = 0
    for line in filter(lambda line: line and not line.startswith("#"), lines):
        fields = line.split("\t")
        entries = re.search(rf"(?:^|;){field}=([^;]*)", fields[7])
        parsed = [dict(zip(words, e.split("|"), strict=False)) for e in entries[1].split(",")] if entries else []
        alts = fields[4].split(",")
        total += sum(genes_by_hand(parsed, alt, fields[3], alone=len(alts) == 1) for alt in alts)
    return total


def genes_by_hand(entries, alt, ref, *, alone):
    names = {alt, alt[1:] or "-"} if len(alt) != len(ref) else {alt}
    own = [entry for entry in entries if entry["allele"] in names or (alone and len(ref) + len(alt) > 2)]
    inside = {
        entry.get("symbol") or entry.get("gene") or entry.get("gene_name")
        for entry in own
        if not set((entry.get("consequence") or entry.get("annotation")).split("&")) <= OUTSIDE
        or entry.get("pick") == "1"
    } - {"", None}
    return max(1, len(inside))


@pytest.mark.parametrize("path", VCF or [None], ids=lambda path: path.name if path else "absent")
def test_rows__of_a_vcf_are_each_a_call_or_counted_once(path):
    if path is None:
        pytest.skip(f"{ABSENT}: VCF files")
    refusal = REFUSED.get(path.name)
    if refusal is not None:
        with pytest.raises(TrastuzError, match=refusal):
            read_calls([path])
        return
    read = read_calls([path])
    assert len(read.calls) + int(read.dropped["rows"].sum()) == rows_by_hand(path)
