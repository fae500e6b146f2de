"""The gene sets that ship: current symbols, a source for every gene, the same table in the docs."""

import csv
import gzip
import re
from pathlib import Path

import pytest

from trastuz_ml.calls.genes.names import reconcile_names
from trastuz_ml.calls.genes.symbols import SHIPPED, read_symbol_table
from trastuz_ml.features import shipped_sets as module
from trastuz_ml.features.gene_sets import members_of
from trastuz_ml.features.shipped_sets import COLUMNS, shipped_set_table, shipped_sets

ROOT = Path(__file__).parents[2]
NF_KB, GLYCOLYSIS, TROP2, HER2 = "NF-kB through TAK1 and AKT", "Glycolysis with LDHB", "TROP2", "HER2 signalling"
ENTRY = re.compile(r"Reactome R-HSA-\d+|WikiPathways WP\d+")
PAPER = re.compile(
    r"(La )?[A-Z]\w+( et al\.| & [A-Z]\w+) (19|20)\d\d, [A-Z][A-Za-z ]+ \d+:\d+(-\d+)?"
    r"(, (doi:10\.\d{4,}/\S+|PMID \d+))?"
)
# Members of the entries that are cited, copied from Reactome's and WikiPathways' own gene lists, not from ours.
MEMBERS = {
    "Reactome R-HSA-933542": """AGER APP CHUK DDX58 HMGB1 IFIH1 IKBKB IKBKG MAP3K1 MAVS NFKB1 NFKB2
        NFKBIA NFKBIB NKIRAS1 NKIRAS2 RELA RNF135 S100A12 S100B SAA1 TRAF2 TRAF6 TRIM25 TRIM4""",
    "Reactome R-HSA-937072": """CD14 IRAK2 LY96 MAP3K7 RPS27A SARM1 TAB1 TAB2 TAB3 TICAM1 TICAM2 TLR4
        TRAF6 UBA52 UBB UBC""",
    "Reactome R-HSA-1227986": """AKT1 AKT2 AKT3 BTC CDC37 CUL5 DIAPH1 EGF EGFR ERBB2 ERBB3 ERBB4 ERBIN
        EREG FYN GAB1 GRB2 GRB7 HBEGF HRAS HSP90AA1 KRAS MATK MEMO1 NRAS NRG1 NRG2 NRG3 NRG4 PIK3CA
        PIK3R1 PLCG1 PRKCA PRKCD PRKCE PTK6 PTPN12 PTPN18 RHOA RNF41 RPS27A SHC1 SOS1 SRC STUB1 UBA52 UBB
        UBC USP8 YES1""",
    "Reactome R-HSA-1250196": """BTC EGF EGFR ERBB2 ERBB3 ERBB4 EREG GRB2 HBEGF HRAS KRAS NRAS NRG1 NRG2
        NRG3 NRG4 PRKCA PRKCD PRKCE PTPN12 SHC1 SOS1""",
    # WP534 names PKM by its two products, PKM1 and PKM2.
    "WikiPathways WP534": """ALDOA ALDOB ALDOC DLAT DLD ENO1 ENO2 ENO3 FBP1 FBP2 G6PC GAPDH GCK GOT1 GOT2
        GPI HK1 HK2 HK3 LDHA LDHAL6B LDHB LDHC MDH1 MDH2 MPC1 MPC2 PC PCK1 PDHA1 PFKL PFKM PFKP PGAM1
        PGAM2 PGK1 PGK2 PKLR PKM SLC2A1 SLC2A2 SLC2A3 SLC2A4 SLC2A5 TPI1""",
    "WikiPathways WP673": """ABL1 ABL2 AKT1 AKT2 AKT3 ARAF AREG BAD BCL2L11 BRAF BTC CAMK2A CAMK2B CAMK2D
        CAMK2G CBL CBLB CCND1 CDKN1A CDKN1B CRK CRKL EGF EGFR EIF4EBP1 ELK1 ERBB2 ERBB3 ERBB4 EREG FOXO1
        GAB1 GRB2 GSK3B HBEGF HRAS JUN KRAS MAP2K1 MAP2K2 MAP2K4 MAP2K7 MAPK1 MAPK10 MAPK3 MAPK8 MAPK9
        MDM2 MTOR MYC NCK1 NCK2 NRAS NRG1 NRG2 NRG3 NRG4 PAK1 PAK2 PAK3 PAK4 PAK5 PAK6 PDPK1 PIK3CA
        PIK3CB PIK3CD PIK3R1 PIK3R2 PIK3R3 PLCG1 PLCG2 PRKCA PRKCB PRKCG PTK2 RAF1 RPS6KB1 RPS6KB2 SHC1
        SHC2 SHC3 SHC4 SOS1 SOS2 SRC STAT5A STAT5B TGFA TP53""",
}


@pytest.fixture(scope="module")
def table():
    return shipped_set_table()


def test_sets__are_the_four_of_the_seed_study_and_of_modest_size():
    sets = shipped_sets()
    assert list(sets) == [NF_KB, GLYCOLYSIS, TROP2, HER2]
    assert all(5 <= len(genes) <= 40 for genes in sets.values())


@pytest.mark.parametrize(
    ("name", "genes"),
    [
        (NF_KB, "ANKRD44 PPP6C PPP6R1 MAP3K7 TAB1 TAB2 TAB3 IKBKB CHUK IKBKG NFKBIA RELA NFKB1 AKT1"),
        (GLYCOLYSIS, "LDHB LDHA HK2 PKM SLC2A1"),
        (TROP2, "TACSTD2 ADAM17 PSEN1 PSEN2"),
        (HER2, "ERBB2 ERBB3 EGFR GRB2 SHC1 SOS1 PIK3CA PIK3R1 PTEN AKT1 KRAS GRB7"),
    ],
)
def test_sets__hold_the_genes_that_the_mechanism_is_about(name, genes):
    assert set(genes.split()) <= shipped_sets()[name]


def test_table__and_sets_say_the_same(table):
    assert list(table.columns) == list(COLUMNS)
    assert {name: set(rows["gene"]) for name, rows in table.groupby("gene_set")} == shipped_sets()
    assert not table.duplicated(["gene_set", "gene"]).any()


def test_table__genes_in_two_sets_are_those_that_the_docs_name(table):
    twice = table.loc[table.duplicated("gene"), "gene"]
    assert set(twice) == {"AKT1", "AKT2", "AKT3", "NRG1"}
    page = (ROOT / "docs" / "gene-sets.md").read_text(encoding="utf-8")
    assert "AKT1, AKT2 and AKT3 (NF-κB and HER2), NRG1 (TROP2 and HER2)" in page


def test_table__every_cell_is_filled_and_trimmed(table):
    for column in COLUMNS:
        assert table[column].str.strip().eq(table[column]).all()
        assert table[column].str.len().gt(0).all()


def test_table__every_symbol_is_approved_for_a_protein_coding_gene(table):
    with gzip.open(SHIPPED, "rt", encoding="utf-8") as lines:
        kinds = {row["symbol"]: row["gene_type"] for row in csv.DictReader(lines, delimiter="\t")}
    assert {
        gene: kinds.get(gene) for gene in table["gene"] if kinds.get(gene) != "gene with protein product"
    } == {}


def test_table__every_source_is_a_paper_with_its_place_or_an_entry_with_its_identifier(table):
    sources = table["source"].str.split("; ").explode()
    odd = [source for source in sources.unique() if not ENTRY.fullmatch(source) and not PAPER.fullmatch(source)]
    assert odd == []


def test_table__one_paper_is_cited_in_one_way(table):
    sources = set(table["source"].str.split("; ").explode())
    places = [match[0] for source in sources if (match := re.search(r"[A-Z][A-Za-z ]+ \d+:\d+", source))]
    assert len(places) == len(set(places)) > 20


def test_table__a_gene_that_cites_a_pathway_is_a_member_of_it(table):
    cited = table.assign(source=table["source"].str.split("; ")).explode("source")
    cited = cited[cited["source"].str.fullmatch(ENTRY.pattern)]
    assert set(cited["source"]) == set(MEMBERS)
    strangers = [
        (s, g) for s, g in zip(cited["source"], cited["gene"], strict=True) if g not in MEMBERS[s].split()
    ]
    assert strangers == []


def test_table__what_a_caller_changes_is_not_what_the_next_one_gets(table):
    mine = shipped_set_table()
    mine.loc[:, "gene"] = "TTN"
    shipped_sets().clear()
    assert shipped_set_table().equals(table)
    assert "TTN" not in members_of(shipped_sets())


def test_names__of_the_seed_study_lead_to_members():
    names = {
        "ANKRd44": "ANKRD44", "PP6-ARS-B": "ANKRD44", "pp6-ars-b": "ANKRD44", "TAK1": "MAP3K7", "NEMO": "IKBKG",
        "TROP2": "TACSTD2", "TACE": "ADAM17", "HER2": "ERBB2", "GLUT1": "SLC2A1",
    }  # fmt: skip
    found = reconcile_names(names, read_symbol_table())
    assert found == names
    assert set(found.values()) <= members_of(shipped_sets())


def test_file__is_a_plain_table_without_quotes_or_odd_line_ends():
    raw = Path(module.__file__).with_name("seed_study_sets.tsv").read_bytes()
    assert raw.endswith(b"\n")
    assert not {b"\r", b'"', b"|"} & {raw[i : i + 1] for i in range(len(raw))}
    lines = raw.decode().splitlines()
    assert lines[0].split("\t") == list(COLUMNS)
    assert {line.count("\t") for line in lines} == {len(COLUMNS) - 1}


def test_docs__the_tables_are_the_file_word_for_word(table):
    page = (ROOT / "docs" / "gene-sets.md").read_text(encoding="utf-8")
    shown = []
    for part in re.split(r"(?m)^## ", page)[1:]:
        heading, *lines = part.splitlines()
        cells = [tuple(line.strip("| ").split(" | ")) for line in lines if line.startswith("| ")]
        shown += [(heading, *row) for row in cells if row != ("gene", "role", "source")]
    assert shown == list(table.itertuples(index=False, name=None))
