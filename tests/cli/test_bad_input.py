"""Bad input through the command line: exit 1, one message on standard error, nothing written."""

import os
import re
import shutil

import pytest

YAML, ROSTER, MAF = "experiment.yaml", "roster.tsv", "calls.maf"


def swap(name, old, new, count=1):
    """Return an edit of a file, which must change it."""

    def edit(place):
        path = place / name
        text = path.read_text(encoding="utf-8")
        changed = re.sub(old, new, text, count=count, flags=re.MULTILINE)
        assert changed != text
        path.write_text(changed, encoding="utf-8")

    return edit


def add(name, text):
    return lambda place: (place / name).write_text((place / name).read_text() + text, encoding="utf-8")


def put(name, data):
    return lambda place: (place / name).write_bytes(data)


def gone(name):
    return lambda place: (place / name).unlink()


def semicolons(place):
    text = (place / ROSTER).read_text().replace("\t", ";")
    (place / "roster.csv").write_text(text)
    swap(YAML, "roster.tsv", "roster.csv")(place)


def answer_as_covariate(place):
    swap(ROSTER, r"^(\w+\t)(pCR|RD)(\t.*)$", r"\1\2\3\t\2", 0)(place)
    swap(ROSTER, r"source$", "source\tnodes")(place)
    swap(YAML, "    age:.*", "    nodes: {when: baseline, kind: category}")(place)


DATA = {
    "a missing MAF": (gone(MAF), ["There is no file", MAF, "check the path of the calls"]),
    "a missing roster": (gone(ROSTER), ["There is no file", ROSTER, "check the path of the roster"]),
    "a missing data folder": (add(YAML, "data: nowhere\n"), ["There is no data folder", "nowhere", "--data"]),
    "a missing column": (
        swap(YAML, "er_status:", "er.status:"), ["no column 'er.status'", "the nearest is er_status", "Columns:"]
    ),
    "no patient column": (swap(YAML, "patient: patient", "patient: Donor.ID"), ["no column 'Donor.ID'"]),
    "no positive response": (
        swap(YAML, r"\[pCR\]", "[CR]"), ["no patient has a positive response (CR)", "holds RD, pCR"]
    ),
    "one class": (swap(ROSTER, "\tRD\t", "\tpCR\t", 0), ["no patient has a negative response (RD)", "holds pCR"]),
    "more folds than responders": (
        swap(YAML, r"\bfolds: 3", "folds: 40"), ["40 folds", "largest number of folds that works is 24"]
    ),
    "ids that match nothing": (
        swap(ROSTER, r"^SIM0", "SIM-0", 0), ["No patient of the calls is on the roster", "closest", "'SIM-000001'"]
    ),
    "a duplicated patient": (
        swap(ROSTER, "^SIM000002", "SIM000001"), ["1 patient appears more than once", "(SIM000001)"]
    ),
    "a covariate that is no number": (
        swap(ROSTER, r"^(SIM000004\t\w+\t)\d+", r"\1fifty"),
        ["patient SIM000004, column age", "expected a number", "found 'fifty'", "kind: category"],
    ),
    "an empty MAF": (put(MAF, b""), ["is empty: expected a header line"]),
    "a MAF without calls": (swap(MAF, r"^(Hugo_Symbol.*\n)[\s\S]*", r"\1"), ["a header but no calls"]),
    "a post covariate": (
        swap(YAML, r"age: \{when: baseline", "age: {when: post"), ["Covariate age is declared post", "Take it out"]
    ),
    "an outcome in disguise": (
        answer_as_covariate, ["Covariate nodes alone reaches an AUC of 1.000", "vouched: true"]
    ),
    "a covariate with a name of our own": (
        swap(YAML, "    age:", "    group:"), ["no column 'group'"]
    ),
    "a roster with semicolons": (
        semicolons, ["separated by commas", "found them separated by semicolons", "Save it as"]
    ),
    "a ragged roster": (
        swap(ROSTER, r"^(SIM000003\t.*)$", r"\1\textra"), [f"{ROSTER}, line 4: 11 fields, but the header has 10"]
    ),
    "a roster that is cut off": (swap(ROSTER, r"\twest\tSIM.*", ""), ["line 2: 8 fields"]),
    "a roster with an open quotation mark": (
        swap(ROSTER, "\twest\t", '\t"west\t'), [ROSTER, "Is a quotation mark missing?"]
    ),
    "a filter that nobody passes": (
        swap(YAML, "  patient: patient", "  patient: patient\n  filter: {her2_status: [positive]}"),
        ["column her2_status never holds positive", "it holds NEG, POS"],
    ),
    "an assay that is not declared": (
        swap(YAML, "  patient: patient", "  patient: patient\n  assay: centre"), ["is not declared", "exome"]
    ),
}  # fmt: skip

SETTINGS = {
    "an unknown encoding": (add(YAML, "features: {encoding: binnary}\n"), ["features:", "did you mean binary?"]),
    "an unknown key": (add(YAML, "modles: [xgboost]\n"), ["unknown key 'modles'; did you mean models?", "watch"]),
    "an unknown inner key": (
        swap(YAML, "inner_folds", "iner_folds"), ["'validation.iner_folds'; did you mean inner_folds?"]
    ),
    "an unknown key of a covariate": (
        swap(YAML, r"kind: category", "knid: category"), ["'roster.covariates.er_status.knid'", "kind?"]
    ),
    "a YAML syntax error": (swap(YAML, "^roster:", "roster: ]"), [f"{YAML}, line 4, column 9", "not YAML"]),
    "a tab in YAML": (swap(YAML, "^  file:", "\tfile:"), [f"{YAML}, line 5", "not YAML"]),
    "a key given twice": (add(YAML, "name: other\n"), ["line 14", "the key 'name' is given twice"]),
    "a wrong type": (
        swap(YAML, "repeats: 2", "repeats: two"), ["validation.repeats: expected a whole number, found 'two'"]
    ),
    "a value where settings belong": (
        swap(YAML, "calls: .*", "calls: calls.maf"), ["calls: expected settings under it (files, sheet, columns,"]
    ),
    "an unknown model": (
        swap(YAML, "l2-logistic", "l2-logisitc"), ["There is no model 'l2-logisitc:genes'", "l2-logistic:genes?"]
    ),
    "an export that is no model": (
        add(YAML, "export: xgboost:both\n"), ["'xgboost:both' is not among the models"]
    ),
    "an export that needs covariates": (
        lambda place: (
            swap(YAML, r"  covariates:\n(    .*\n)*", "")(place), add(YAML, "export: clinical-only\n")(place)
        ),
        ["clinical-only needs covariates"],
    ),
    "a name that is no folder's": (swap(YAML, "name: small", "name: ../small"), ["name:", "found '../small'"]),
    "an empty file": (put(YAML, b""), ["expected settings such as 'name: ...'"]),
    "bytes that are no text": (put(YAML, b"\xff\xfe\x00"), ["not text in UTF-8", "save it as UTF-8"]),
    "a tag that would run code": (
        put(YAML, b'name: !!python/object/apply:os.system ["echo"]\n'), ["line 1", "could not determine"]
    ),
    "nesting without end": (put(YAML, b"[" * 2000), ["is not YAML"]),
    "no file": (gone(YAML), [f"There is no experiment file {YAML}", "trastuz-ml init"]),
}  # fmt: skip
CASES = DATA | SETTINGS


@pytest.mark.parametrize("case", CASES)
def test_train__bad_input_ends_with_one_message_and_nothing_written(case, place, call, listing):
    spoil, said = CASES[case]
    spoil(place)
    before = listing(place)
    outcome = call("train", YAML, "--workers", 1)
    assert outcome.code == 1, outcome
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert "should not happen" not in outcome.err
    assert "Traceback" not in outcome.err
    assert all(words in outcome.err for words in said), outcome.err
    assert listing(place) == before


@pytest.mark.parametrize("name", ["patient", "response", "group", "assay", "sequenced", "in_cohort", "burden"])
def test_covariate__may_not_take_the_place_of_a_column_of_our_own(name, place, call, change):
    change(place / ROSTER, lambda table: table.assign(**{name: table[name] if name in table else table["age"]}))
    swap(YAML, "    age:.*", f"    {name}: {{when: baseline, kind: category}}")(place)
    outcome = call("features", YAML, "--out", "m.parquet")
    assert outcome.code == 1
    assert f"a covariate cannot be named {name}" in outcome.err
    assert not (place / "m.parquet").exists()


def test_train__an_existing_run_is_refused_before_any_work(place, call, listing):
    (place / "runs" / "small").mkdir(parents=True)
    (place / MAF).unlink()  # work would end with another message
    before = listing(place)
    outcome = call("train", YAML)
    assert outcome.code == 1
    assert outcome.err == "Error: runs/small is already there; give --force to replace it.\n"
    assert listing(place) == before


def test_train__force_never_replaces_a_folder_that_is_something_else(place, call, listing):
    (place / "runs" / "small").mkdir(parents=True)
    (place / "runs" / "small" / "thesis.txt").write_text("years of work")
    before = listing(place)
    outcome = call("train", YAML, "--force")
    assert outcome.code == 1
    assert "small is not a run" in outcome.err
    assert listing(place) == before


def test_train__a_file_in_the_way_of_the_runs_is_refused_before_any_work(place, call, listing):
    (place / MAF).unlink()
    before = listing(place)
    outcome = call("train", YAML, "--runs", "roster.tsv/runs")
    assert outcome.code == 1
    assert "roster.tsv is not a folder" in outcome.err
    assert listing(place) == before


def test_train__runs_and_models_in_one_folder_are_refused_before_any_work(place, call):
    outcome = call("train", YAML, "--runs", "out", "--models", "./out")
    assert outcome.code == 1
    assert "give them two folders" in outcome.err


def test_train__a_folder_without_the_right_to_write_is_refused_before_any_work(place, call, monkeypatch):
    # Tests may run as root, who may write anywhere: the answer of the system is what is changed.
    monkeypatch.setattr(os, "access", lambda path, mode: not mode & os.W_OK)
    (place / MAF).unlink()
    outcome = call("train", YAML)
    assert outcome.code == 1
    assert "you may not write in" in outcome.err


@pytest.mark.parametrize(
    "name", ["run.json", "scores.parquet", "patients.parquet", "matrix.parquet", "matrix.json"]
)
@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_run__a_damaged_folder_is_refused(name, harm, trained, call, tmp_path):
    damaged = tmp_path / "damaged"
    shutil.copytree(trained.run, damaged)
    path = damaged / name
    path.unlink() if harm == "gone" else path.write_bytes(path.read_bytes()[:-20])
    for words in (("explain", damaged), ("compare", damaged, "--out", tmp_path / "page.html")):
        outcome = call(*words)
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith("Error: ")
        assert "should not happen" not in outcome.err
        assert str(damaged) in outcome.err
    assert not (tmp_path / "page.html").exists()


@pytest.mark.parametrize("name", ["manifest.json", "features.json", "card.json", "card.md", "model.json"])
@pytest.mark.parametrize("harm", ["cut", "gone", "one byte"])
def test_model__a_damaged_folder_is_refused(name, harm, trained, call, place, tmp_path):
    damaged = tmp_path / "model"
    shutil.copytree(trained.model, damaged)
    path = damaged / name
    data = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(data[:-20] if harm == "cut" else data.replace(b'"', b"'", 1).replace(b"# ", b"#-", 1))
    words = ("--calls", MAF, "--patients", ROSTER, "--out", "p.csv")
    outcome = call("predict", "--model", damaged, *words)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.startswith("Error: ")
    assert "should not happen" not in outcome.err
    assert not (place / "p.csv").exists()
