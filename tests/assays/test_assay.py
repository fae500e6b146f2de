"""Assays: how they are declared, and which one each patient has."""

import re

import pandas as pd
import pytest

from trastuz_ml.assays.assay import (
    EXOME,
    Assay,
    AssayDeclaration,
    assay_of_patients,
    declare_assays,
    read_gene_list,
    renamed,
)
from trastuz_ml.errors import ConfigurationError, InputError

KNOWN = {"TP53", "ERBB2", "PIK3CA"}


@pytest.fixture
def files(tmp_path):
    """A kit of four target regions in three genes, and where the genes lie."""
    texts = {
        "genes.txt": "TP53 # guardian\n# none\n\nERBB2\n",
        "kit.bed": "chr17\t100\t200\tTP53_1\nchr17\t150\t220\tTP53_2\nchr17\t900\t910\tERBB2\n3\t0\t80\tx\n",
        "genes.tsv": "gene\tchrom\tstart\tend\nTP53\t17\t101\t200\nTP53\t17\t201\t240\nERBB2\t17\t901\t1000\n"
        "PIK3CA\t3\t1\t100\nKIT\t4\t1\t9\n",
        "panel.txt": "stable_id: SMALL\ndescription: two genes\ngene_list: TP53\tERBB2\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def one(declaration, known=()):
    (assay,) = declare_assays({"kit": declaration}, known)
    return assay


def findings_of(assay):
    return {finding.code: finding.count for finding in assay.findings}


def test_declaration__nothing_is_the_whole_exome_of_unknown_size():
    assert one(None) == one(AssayDeclaration()) == Assay("kit")
    assert one(AssayDeclaration(megabases=34.5)) == Assay("kit", None, 34.5)


def test_declaration__a_path_is_a_gene_list(files):
    expected = Assay("kit", frozenset({"TP53", "ERBB2"}))
    assert one(files / "genes.txt") == one(AssayDeclaration(genes=files / "genes.txt")) == expected


def test_declaration__a_panel_file_keeps_the_name_that_the_roster_uses(files):
    assert one(AssayDeclaration(panel=files / "panel.txt")) == Assay("kit", frozenset({"TP53", "ERBB2"}))


def test_gene_list__a_line_of_several_words_is_refused(tmp_path):
    (tmp_path / "genes.txt").write_text("TP53\nERBB2 PIK3CA\n")
    with pytest.raises(InputError, match="line 2: expected one symbol, found 'ERBB2 PIK3CA'"):
        read_gene_list(tmp_path / "genes.txt")
    (tmp_path / "genes.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="names no gene"):
        read_gene_list(tmp_path / "genes.txt")


def test_regions__by_name_cover_the_genes_named_and_say_how_many_name_none(files):
    assay = one(AssayDeclaration(bed=files / "kit.bed"), KNOWN)
    assert assay == Assay("kit", frozenset({"TP53", "ERBB2"}), megabases=210 / 1e6)
    assert findings_of(assay) == {"targets-overlap": 50, "targets-without-gene": 1}
    assert assay.shares == {}


def test_regions__by_intervals_cover_genes_by_their_share(files):
    declaration = AssayDeclaration(bed=files / "kit.bed", intervals=files / "genes.tsv", build="hg19")
    assay = one(declaration)
    assert assay == Assay("kit", frozenset({"TP53", "PIK3CA"}), megabases=210 / 1e6, build="GRCh37")
    assert assay.shares == pytest.approx({"ERBB2": 0.1, "KIT": 0, "PIK3CA": 0.8, "TP53": 120 / 140})
    assert findings_of(assay) == {"targets-overlap": 50, "gene-too-little-covered": 1, "gene-partly-covered": 2}
    assert any("ERBB2 0.10" in finding.message for finding in assay.findings)


def test_regions__a_lower_share_lets_hotspots_count(files):
    declaration = AssayDeclaration(bed=files / "kit.bed", intervals=files / "genes.tsv", build="hg19", share=0.1)
    assert one(declaration).genes == {"TP53", "PIK3CA", "ERBB2"}


def test_regions__a_declared_size_stands(files):
    assert one(AssayDeclaration(bed=files / "kit.bed", megabases=1.2), KNOWN).megabases == 1.2


def test_regions__the_build_that_the_bed_names_is_kept(files):
    (files / "kit.bed").write_text("track db=hg38\n17\t1\t9\tTP53\n")
    assert one(AssayDeclaration(bed=files / "kit.bed"), KNOWN).build == "GRCh38"
    with pytest.raises(InputError, match=r"kit.bed says that it is GRCh38, but GRCh37 is declared"):
        one(AssayDeclaration(bed=files / "kit.bed", build="GRCh37"), KNOWN)


def test_regions__intervals_of_another_build_are_refused(files):
    (files / "genes.tsv").write_text("#!genome-build GRCh38\ngene\tchrom\tstart\tend\nTP53\t17\t101\t200\n")
    with pytest.raises(InputError, match=r"genes.tsv says that it is GRCh38"):
        one(AssayDeclaration(bed=files / "kit.bed", intervals=files / "genes.tsv", build="GRCh37"))


def test_regions__whose_names_say_nothing_ask_for_intervals(files):
    with pytest.raises(InputError, match=r"names look like 'TP53_1'.*Give intervals"):
        one(AssayDeclaration(bed=files / "kit.bed"), {"KIT"})
    (files / "kit.bed").write_text("1\t2\t3\n")
    with pytest.raises(InputError, match=r"regions have no names.*Give intervals"):
        one(AssayDeclaration(bed=files / "kit.bed"), KNOWN)


def test_regions__whole_genes_are_noticed_because_introns_are_no_targets(files):
    (files / "genes.tsv").write_text("gene\tchrom\tstart\tend\nTP53\t17\t1\t19000\nKIT\t4\t1\t90000\n")
    declaration = AssayDeclaration(bed=files / "kit.bed", intervals=files / "genes.tsv", build="GRCh37")
    with pytest.raises(InputError, match=r"best covered is TP53 with 0.01.*introns included"):
        one(declaration)
    (files / "kit.bed").write_text("17\t0\t15000\n")
    assert findings_of(one(declaration))["intervals-with-introns"] == 2


def test_regions__without_a_chromosome_in_common_are_refused(files):
    (files / "genes.tsv").write_text("gene\tchrom\tstart\tend\nTP53\tNC_000017.10\t1\t19\n")
    with pytest.raises(InputError, match=r"names the chromosomes NC_000017.10, .* names 17, 3; none in common"):
        one(AssayDeclaration(bed=files / "kit.bed", intervals=files / "genes.tsv", build="GRCh37"))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"genes": "genes.txt", "bed": "kit.bed"}, "give one of genes, bed and panel, not genes and bed"),
        ({"bed": "kit.bed", "panel": "panel.txt"}, "not bed and panel"),
        ({"genes": "genes.txt", "intervals": "genes.tsv", "build": "GRCh37"}, "give the bed as well"),
        ({"bed": "kit.bed", "intervals": "genes.tsv"}, "state the genome build"),
        ({"bed": "kit.bed", "build": "mm10"}, "expected build GRCh37 or GRCh38, found mm10"),
        ({"megabases": 0.0}, "expected megabases above 0, found 0.0"),
        ({"megabases": float("nan")}, "expected megabases above 0, found nan"),
        ({"share": 0.0}, "expected share above 0 and at most 1, found 0.0"),
    ],
)
def test_declaration__that_contradicts_itself_is_refused(files, fields, said):
    paths = {name: files / value if "." in str(value) and isinstance(value, str) else value
             for name, value in fields.items()}  # fmt: skip
    with pytest.raises(ConfigurationError, match=f"Assay kit: .*{re.escape(said)}"):
        one(AssayDeclaration(**paths), KNOWN)


def test_declaration__genes_given_as_numbers_are_a_finding(files):
    (files / "panel.txt").write_text("stable_id: SMALL\ngene_list: 7157\t2064\n")
    assert findings_of(one(AssayDeclaration(panel=files / "panel.txt"))) == {"assay-genes-are-numbers": 2}


def test_renaming__previous_symbols_become_current_and_shares_follow():
    assay = Assay("kit", frozenset({"MLL2", "KMT2D", "TP53"}), shares={"MLL2": 0.9, "KMT2D": 0.6, "ERBB2": 0.1})
    new = renamed(assay, {"MLL2": "KMT2D", "UNUSED": "X"})
    assert new.genes == {"KMT2D", "TP53"}
    assert new.shares == {"KMT2D": 0.9, "ERBB2": 0.1}
    assert renamed(EXOME, {"MLL2": "KMT2D"}) is EXOME


PATIENTS = pd.Series({"P1": "panel", "P2": None, "P3": None}, dtype="str")


def test_patients__without_assay_get_the_declared_default():
    filled = assay_of_patients(PATIENTS.astype("category"), [EXOME, Assay("panel", frozenset({"TP53"}))], "exome")
    assert filled.to_dict() == {"P1": "panel", "P2": "exome", "P3": "exome"}


def test_patients__without_assay_get_the_only_one():
    assert set(assay_of_patients(PATIENTS, [Assay("panel")])) == {"panel"}


def test_patients__without_assay_are_refused_by_name_when_assays_differ():
    with pytest.raises(InputError, match=r"No assay is given for P2, P3.*exome, panel"):
        assay_of_patients(PATIENTS, [EXOME, Assay("panel")])
    assert assay_of_patients(PATIENTS[:1], [EXOME, Assay("panel")]).to_dict() == {"P1": "panel"}


def test_patients__an_undeclared_default_is_refused():
    with pytest.raises(ConfigurationError, match="default assay wes is not declared; declared: exome"):
        assay_of_patients(PATIENTS, [EXOME], "wes")
