"""ANNOVAR's words and tables."""

import pytest

from trastuz_ml.calls.reading import Filters, Reading
from trastuz_ml.calls.tables.annovar import change_in_gene, effect_of_annovar_word, genes_and_words
from trastuz_ml.calls.tables.maf import read_table_of_calls
from trastuz_ml.errors import InputError

HEADER = "Chr Start End Ref Alt Func.refGene Gene.refGene GeneDetail.refGene ExonicFunc.refGene AAChange.refGene"


def read(folder, *rows, header=HEADER, name="P1.hg19_multianno.txt", **settings):
    path = folder / name
    path.write_text("\n".join(row.replace(" ", "\t").replace("_", " ") for row in (header, *rows)) + "\n")
    return read_table_of_calls(path, Reading(**settings))


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (("exonic", "TP53", "stopgain"), [("TP53", "stopgain")]),
        (("exonic", "A;B", "synonymous SNV"), [("A", "synonymous SNV"), ("B", "synonymous SNV")]),
        (("exonic", "A,B", "synonymous SNV"), [("A", "synonymous SNV"), ("B", "synonymous SNV")]),
        (("exonic", "A", "."), [("A", "exonic")]),
        (("exonic", "A", "unknown"), [("A", "unknown")]),
        (("splicing", "A(NM_1:exon2:c.1-1G>A,NM_2:exon3:c.4-1G>A)", "."), [("A", "splicing")]),
        (("exonic;splicing", "A", "synonymous SNV"), [("A", "splicing")]),
        (("exonic;splicing", "A", "stopgain"), [("A", "stopgain")]),
        (("exonic;splicing", "A;A", "synonymous SNV"), [("A", "splicing")]),
        (("UTR5;UTR3", "A;B", None), [("A", "UTR5"), ("B", "UTR3")]),
        (("intergenic", "A,B", None), [(None, "intergenic")]),
        (("intergenic", "NONE;NONE", None), [(None, "intergenic")]),
        (("ncRNA_exonic", "A", "."), [("A", "ncRNA_exonic")]),
        ((None, "A", "stopgain"), [("A", "stopgain")]),
    ],
)
def test_annovar__each_gene_of_a_cell_has_its_word(cells, expected):
    assert genes_and_words(*cells) == expected


@pytest.mark.parametrize(
    ("word", "effect"),
    [
        ("nonsynonymous SNV", "missense"), ("synonymous SNV", "silent"), ("frameshift deletion", "truncating"),
        ("nonframeshift insertion", "inframe"), ("stopgain", "truncating"), ("startloss", "truncating"),
        ("splicing", "truncating"), ("ncRNA_splicing", "noncoding"), ("unknown", "noncoding"),
        ("exonic;splicing", "truncating"), ("upstream;downstream", "noncoding"), ("nonsynonymous_SNV", "missense"),
    ],
)  # fmt: skip
def test_annovar__words_have_effects(word, effect):
    assert effect_of_annovar_word(word) == effect


def test_annovar__another_word_is_refused():
    with pytest.raises(InputError, match="'Missense' is not a word of ANNOVAR"):
        effect_of_annovar_word("Missense")


def test_annovar__a_change_is_that_of_the_gene():
    changes = "A:NM_1:exon1:c.G5A:p.R2H,B:NM_2:exon1:c.G8A:p.R3H,B:NM_3:exon1:c.G9A:p.R4H"
    assert change_in_gene(changes, "B") == ("c.G8A", "p.R3H")
    assert change_in_gene("A:NM_1:wholegene", "A") == (None, None)
    assert change_in_gene(None, "A") == change_in_gene(".", "A") == (None, None)


ROWS = (
    "chr17 7577 7577 C T exonic TP53;WRAP53 . nonsynonymous_SNV TP53:NM_1:exon5:c.G524A:p.R175H",
    "chr2 5 5 - A splicing TTN . . .",
    "chr3 9 9 G A intergenic AA;BB dist=1;dist=2 . .",
)


def test_annovar__one_variant_in_two_genes_is_two_calls(tmp_path):
    found = read(tmp_path, *ROWS)
    calls = found.calls
    assert calls["gene"].astype("str").fillna("-").tolist() == ["TP53", "WRAP53", "TTN", "-"]
    assert calls["effect"].tolist() == ["missense", "missense", "truncating", "noncoding"]
    assert calls["pos"].tolist() == [7577, 7577, 5, 9]
    assert calls["hgvsp"].fillna("-").tolist() == ["p.R175H", "-", "-", "-"]
    assert calls["gene"].cat.categories.tolist() == ["TP53", "TTN", "WRAP53"]


def test_annovar__the_file_names_patient_and_build(tmp_path):
    found = read(tmp_path, *ROWS)
    assert (found.calls["patient"].unique().tolist(), found.build) == (["P1"], "GRCh37")
    assert [(f.code, f.patient) for f in found.findings] == [("patient-named-by-file", "P1")]
    with pytest.raises(InputError, match="no column for 'patient'"):
        read(tmp_path, *ROWS, patient_from="sample")


def test_annovar__a_column_for_the_patient_is_taken(tmp_path):
    found = read(tmp_path, *(row + " S1" for row in ROWS), header=HEADER + " Tumor-Sample-Barcode")
    assert found.calls["patient"].unique().tolist() == ["S1"]
    assert found.findings == ()


def test_annovar__columns_after_the_last_header_word_are_passed_over(tmp_path):
    rows = [row + " het 40 9" for row in ROWS]
    assert len(read(tmp_path, *rows, header=HEADER + " Otherinfo").calls) == 4
    named = read(tmp_path, *rows, header=HEADER + " Otherinfo", columns={"patient": "Otherinfo"})
    assert named.calls["patient"].unique().tolist() == ["het"]


def test_annovar__the_csv_form_is_read(tmp_path):
    text = "\n".join(row.replace(" ", '","').replace("_", " ") for row in ROWS).replace("\n", '"\n"')
    path = tmp_path / "P1.csv"
    path.write_text(HEADER.replace(" ", ",") + '\n"' + text + '"\n')
    assert len(read_table_of_calls(path, Reading()).calls) == 4


def test_annovar__other_gene_models_are_read(tmp_path):
    found = read(tmp_path, *ROWS, header=HEADER.replace("refGene", "ensGene"))
    assert len(found.calls) == 4


def test_annovar__an_unknown_word_is_refused_with_its_line(tmp_path):
    with pytest.raises(InputError, match="line 3: 'splcing'"):
        read(tmp_path, ROWS[0], ROWS[1].replace("splicing", "splcing"))


def test_annovar__a_row_that_says_nothing_is_refused_with_its_line(tmp_path):
    with pytest.raises(InputError, match="line 4: the consequence is empty"):
        read(tmp_path, *ROWS[:2], ROWS[2].replace("intergenic", "."))


def test_annovar__population_frequencies_filter(tmp_path):
    filters = Filters(max_population_frequency=0.01)
    rows = [f"{row} {value}" for row, value in zip(ROWS, ("0.2", ".", "0.001"), strict=True)]
    found = read(tmp_path, *rows, header=HEADER + " gnomAD.exome.ALL", filters=filters)
    assert found.calls["gene"].astype("str").fillna("-").tolist() == ["TTN", "-"]
    assert found.dropped[["fate", "rows"]].values.tolist() == [["common-in-population", 2]]
