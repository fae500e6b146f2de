"""Gene symbols: what a name means today, the tables that say so, and the script that builds them."""

import gzip
import os
import runpy
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trastuz_ml.calls.genes.symbols import SHIPPED, read_symbol_table
from trastuz_ml.errors import InputError

HEADER = "hgnc_id\tsymbol\tensembl_id\tgene_type\tprevious\talias"
# OLD is approved and was GENEA's; TWO was two genes'; ALSO is an alias of two, SIDE of one; FORMER is GENEB's
# previous symbol and GENEA's alias.
GENES = (
    "HGNC:1\tGENEA\tENSG00000000001\tgene with protein product\tOLD|PAST|TWO\tALSO|FORMER",
    "HGNC:2\tGENEB\tENSG00000000002\tgene with protein product\tFORMER|TWO\tALSO|SIDE|77",
    "HGNC:3\tOLD\t\tpseudogene\t\t",
    "HGNC:4\tC1orf9\tENSG00000000004\tgene with protein product\t\t",
)
COMPLETE = (
    "hgnc_id\tsymbol\tname\tlocus_group\tlocus_type\tstatus\talias_symbol\talias_name\tprev_symbol\tentrez_id\t"
    "ensembl_gene_id\tomim_id",
    'HGNC:1\tGENEA\t"gene A, ""the first"""\tprotein-coding gene\tgene with protein product\tApproved\t'
    '"ALSO|FORMER"\t\t"OLD|PAST|TWO"\t101\tENSG00000000001\t1',
    "HGNC:3\tOLD\told one\tpseudogene\tpseudogene\tApproved\t\t\t\t103\t\t",
    "HGNC:9\tGONE\twithdrawn\twithdrawn\twithdrawn\tEntry Withdrawn\t\t\t\t\t\t",
    'HGNC:2\tGENEB\tgene B\tprotein-coding gene\tgene with protein product\tApproved\t"ALSO|SIDE|77"\t\t'
    '"FORMER|TWO"\t102\tENSG00000000002\t',
    "HGNC:4\tC1orf9\tgene 4\tprotein-coding gene\tgene with protein product\tApproved\t\t\t\t104\t"
    "ENSG00000000004\t",
)
SCRIPT = runpy.run_path(str(Path(__file__).parents[3] / "scripts" / "build_symbol_table.py"))


def write(path, *lines, ending="\n"):
    text = "".join(line + ending for line in lines).encode()
    path.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return read_symbol_table(write(tmp_path_factory.mktemp("symbols") / "small.tsv", HEADER, *GENES))


@pytest.fixture(scope="module")
def shipped():
    return read_symbol_table()


@pytest.fixture(scope="module")
def rows():
    """The shipped table, read without the code under test."""
    with gzip.open(SHIPPED, "rt", encoding="utf-8") as lines:
        header = next(lines).rstrip("\n").split("\t")
        return [dict(zip(header, line.rstrip("\n").split("\t"), strict=True)) for line in lines]


def means(table, name):
    found = table.current([name])[name]
    return found.symbol, found.how


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("GENEA", ("GENEA", "approved")),
        ("OLD", ("OLD", "approved")),
        ("PAST", ("GENEA", "previous")),
        ("FORMER", ("GENEB", "previous")),
        ("TWO", (None, "ambiguous")),
        ("SIDE", ("GENEB", "alias")),
        ("ALSO", (None, "ambiguous")),
        ("C1ORF9", ("C1orf9", "case")),
        ("past", ("GENEA", "previous")),
        ("two", (None, "ambiguous")),
        ("ENSG00000000002", ("GENEB", "ensembl")),
        ("ENSG00000000002.14", ("GENEB", "ensembl")),
        ("ENSG00000000009", (None, "unknown")),
        ("HGNC:3", ("OLD", "hgnc-id")),
        ("77", (None, "unknown")),
        ("101", (None, "unknown")),
        ("", (None, "unknown")),
        ("nothing", (None, "unknown")),
    ],
)
def test_symbols__a_name_means_what_the_rules_say(small, name, meaning):
    assert means(small, name) == meaning


def test_symbols__an_ambiguous_name_tells_its_genes(small):
    assert small.current(["TWO"])["TWO"].candidates == ("GENEA", "GENEB")


def test_symbols__entrez_ids_are_read_where_the_table_has_them(tmp_path):
    table = read_symbol_table(write(tmp_path / "complete.txt", *COMPLETE))
    assert means(table, "102") == ("GENEB", "entrez")
    assert means(table, "77") == (None, "unknown")


def test_symbols__no_approved_symbol_is_remapped(shipped, rows):
    symbols = [row["symbol"] for row in rows]
    assert len(symbols) == len(set(symbols)) == 44_997
    assert shipped.not_approved(symbols) == {}


def test_symbols__previous_symbols_that_are_approved_again_stay(shipped, rows):
    symbols = {row["symbol"] for row in rows}
    again = {name for row in rows for name in row["previous"].split("|") if name in symbols}
    assert len(again) > 200
    assert {name: what.symbol for name, what in shipped.current(sorted(again)).items()} == {n: n for n in again}


def test_symbols__every_previous_symbol_of_one_gene_alone_finds_it(shipped, rows):
    symbols = {row["symbol"] for row in rows}
    listed = [(name, row["symbol"]) for row in rows for name in set(row["previous"].split("|")) - {""}]
    times = Counter(name for name, _ in listed)
    expected = {name: gene for name, gene in listed if times[name] == 1 and name not in symbols}
    found = shipped.current(list(expected))
    assert len(expected) > 10_000
    assert {name: what.symbol for name, what in found.items()} == expected


def test_symbols__an_alias_of_one_gene_alone_finds_it_unless_it_is_a_previous_symbol(shipped, rows):
    taken = {row["symbol"] for row in rows} | {name for row in rows for name in row["previous"].split("|")}
    listed = [(name, row["symbol"]) for row in rows for name in set(row["alias"].split("|")) - taken]
    times = Counter(name for name, _ in listed)
    found = shipped.current(list(times))
    for name, gene in listed:
        if name.isdecimal():
            assert found[name].how == "unknown"
        elif found[name].how == "ensembl":
            assert name.startswith("ENSG")
        elif times[name] == 1:
            assert found[name] == (gene, "alias", (gene,))
        else:
            assert (found[name].symbol, found[name].how) == (None, "ambiguous")


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("ANKRd44", ("ANKRD44", "case")),
        ("MLL3", ("KMT2C", "previous")),
        ("SEPT4", ("SEPTIN4", "previous")),
        ("MARCH6", ("MARCHF6", "previous")),
        ("MARC2", ("MTARC2", "previous")),
        ("DEC1", ("DELEC1", "previous")),
        ("SEP15", ("SELENOF", "alias")),
        ("HER2", ("ERBB2", "alias")),
        ("ENSG00000141736.14", ("ERBB2", "ensembl")),
        ("HGNC:11998", ("TP53", "hgnc-id")),
    ],
)
def test_symbols__known_names_find_their_genes(shipped, name, meaning):
    assert means(shipped, name) == meaning


@given(
    names=st.lists(st.sampled_from(["OLD", "PAST", "TWO", "side", "c1ORF9", "MLL3", "x", "", "ENSG00000000001"]))
)
def test_symbols__a_second_look_changes_nothing(small, names):
    once = [what.symbol or name for name, what in small.current(names).items()]
    assert [what.symbol or name for name, what in small.current(once).items()] == list(dict.fromkeys(once))


def test_symbols__a_second_look_changes_nothing_in_the_shipped_table(shipped, rows):
    names = {name for row in rows for key in ("previous", "alias") for name in row[key].split("|")}
    targets = {what.symbol for what in shipped.current(sorted(names)).values() if what.symbol}
    assert shipped.not_approved(sorted(targets)) == {}


@pytest.mark.parametrize("name", ["t.tsv", "t.tsv.gz"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_tables__hgncs_own_form_and_ours_say_the_same(tmp_path, small, name, ending):
    complete = read_symbol_table(write(tmp_path / name, *COMPLETE, ending=ending))
    names = ["GENEA", "OLD", "PAST", "TWO", "ALSO", "SIDE", "FORMER", "GONE", "C1ORF9", "ENSG00000000002.1"]
    assert complete.current(names) == small.current(names)


def test_tables__a_file_with_a_byte_order_mark_is_read(tmp_path):
    path = tmp_path / "marked.tsv"
    path.write_bytes(b"\xef\xbb\xbf" + "\n".join((HEADER, *GENES)).encode())
    assert means(read_symbol_table(path), "PAST") == ("GENEA", "previous")


def test_tables__the_date_comes_from_the_name(tmp_path, shipped):
    newer = read_symbol_table(write(tmp_path / "hgnc_2027-01-31.tsv", HEADER, *GENES))
    assert (newer.date, newer.name) == ("2027-01-31", "hgnc_2027-01-31.tsv")
    assert (shipped.date, shipped.name) == ("2026-06-25", "HGNC complete set, 2026-06-25")


def test_tables__a_file_is_read_once_until_it_changes(tmp_path):
    path = write(tmp_path / "own.tsv", HEADER, *GENES)
    first = read_symbol_table(path)
    assert read_symbol_table(path) is first
    write(path, HEADER, *GENES[:2])
    os.utime(path, ns=(1, 1))
    assert read_symbol_table(path).rows.num_rows == 2


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("gene\tlength", "A\t1"), "expected tab-separated columns hgnc_id.*found gene, length"),
        ((), "found nothing"),
        ((HEADER,), "holds no gene"),
        ((HEADER, *GENES, GENES[0]), "found 'GENEA' on several lines"),
        ((HEADER, GENES[0], "HGNC:5\tX"), "damaged.*columns"),
        ((HEADER + "\tsymbol", GENES[0] + "\tX"), "each once"),
    ],
)
def test_tables__a_wrong_file_is_refused(tmp_path, lines, words):
    with pytest.raises(InputError, match=words):
        read_symbol_table(write(tmp_path / "wrong.tsv", *lines))


def test_tables__a_damaged_file_is_refused(tmp_path):
    cut = tmp_path / "cut.tsv.gz"
    cut.write_bytes(SHIPPED.read_bytes()[:5000])
    with pytest.raises(InputError, match="cut off"):
        read_symbol_table(cut)
    binary = tmp_path / "binary.tsv"
    binary.write_bytes(b"hgnc_id\tsymbol\tensembl_id\tprevious\talias\n\xff\xfe\t\xff\t\x00\t\t\n")
    with pytest.raises(InputError, match="damaged"):
        read_symbol_table(binary)
    with pytest.raises(InputError, match="There is no table"):
        read_symbol_table(tmp_path / "absent.tsv")
    with pytest.raises(InputError, match="cannot be read"):
        read_symbol_table(tmp_path)


def test_build__the_shipped_table_is_rebuilt_from_itself(tmp_path):
    out = tmp_path / "again.tsv.gz"
    assert SCRIPT["main"]([str(SHIPPED), str(out)]) == 0
    assert gzip.decompress(out.read_bytes()) == gzip.decompress(SHIPPED.read_bytes())


def test_build__the_same_genes_give_the_same_bytes(tmp_path):
    one = write(tmp_path / "one.txt", *COMPLETE)
    other = write(tmp_path / "other.txt.gz", COMPLETE[0], *reversed(COMPLETE[1:]), ending="\r\n")
    outputs = [tmp_path / "a_2026-01-01.tsv.gz", tmp_path / "b.tsv.gz"]
    for complete, output in zip((one, other), outputs, strict=True):
        assert SCRIPT["main"]([str(complete), str(output)]) == 0
    assert outputs[0].read_bytes() == outputs[1].read_bytes()
    text = gzip.decompress(outputs[0].read_bytes()).decode().splitlines()
    assert text[0] == HEADER + "\tentrez_id"
    assert GENES[0] + "\t101" in text
    assert means(read_symbol_table(outputs[0]), "101") == ("GENEA", "entrez")


def test_build__refuses_a_wrong_input_and_a_taken_output(tmp_path, capsys):
    wrong = write(tmp_path / "wrong.txt", "a\tb", "1\t2")
    assert SCRIPT["main"]([str(wrong), str(tmp_path / "x.gz")]) == 1
    assert "not a table of gene symbols" in capsys.readouterr().err
    assert SCRIPT["main"]([str(SHIPPED), str(wrong)]) == 1
    assert "--force" in capsys.readouterr().err
    assert not (tmp_path / "x.gz").exists()
