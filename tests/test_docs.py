"""What the documentation shows is so: Python, links, experiments, settings, schemas, commands and options."""

import doctest
import json
import re
import runpy
from pathlib import Path

import jsonschema
import pytest
import typer
import yaml

from trastuz_ml.cli.main import app
from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.report.formats import write_report

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_readme__its_python_runs_and_gives_what_it_says():
    found = doctest.testfile(str(ROOT / "README.md"), module_relative=False, optionflags=doctest.ELLIPSIS)
    assert found.attempted >= 10
    assert found.failed == 0


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs__every_link_to_a_file_leads_somewhere(page):
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text(encoding="utf-8"))
    assert [t for t in targets if not (page.parent / t).exists()] == []


def anchors(page):
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs__every_link_to_a_heading_leads_to_one(page):
    links = re.findall(r"\]\(([^):#]*\.md)?#([\w-]+)\)", page.read_text(encoding="utf-8"))
    assert [
        (file, anchor) for file, anchor in links if anchor not in anchors(page.parent / (file or page.name))
    ] == []


EXAMPLE = "experiment-file.md"


def yaml_of(page):
    return re.findall(r"```yaml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)


def test_docs__the_example_of_an_experiment_file_is_one(tmp_path):
    (tmp_path / "clinic.yaml").write_text(yaml_of(ROOT / "docs" / EXAMPLE)[0], encoding="utf-8")
    experiment = read_experiment(tmp_path / "clinic.yaml")
    assert experiment.calls.filters.min_depth == 20
    assert experiment.assays["exome"].megabases == 35
    assert experiment.permutation.added_value == 99


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_docs__every_part_of_an_experiment_file_that_is_shown_is_accepted(page, tmp_path):
    example = yaml_of(ROOT / "docs" / EXAMPLE)[0]
    for shown in yaml_of(page):
        keys = re.findall(r"(?m)^(\w+):", shown)
        # A part takes the place of the same sections of the example; what has a name is whole.
        kept = [
            section for section in re.split(r"(?m)^(?=\w+:)", example) if section.partition(":")[0] not in keys
        ]
        (tmp_path / "shown.yaml").write_text(shown if "name" in keys else shown + "".join(kept), encoding="utf-8")
        assert read_experiment(tmp_path / "shown.yaml").name


def test_experiments__every_test_file_that_the_readme_names_is_there():
    named = re.findall(r"`(tests/[\w/]+\.py)`", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert len(named) >= 8
    assert [name for name in named if not (ROOT / name).is_file()] == []


# --- What is taken from the code ----------------------------------------------------------------------

GENERATED = runpy.run_path(str(ROOT / "scripts" / "write_docs.py"))["pages"]()


@pytest.mark.parametrize("name", GENERATED)
def test_generated__what_is_committed_is_what_the_code_gives(name):
    assert (ROOT / "docs" / name).read_text(encoding="utf-8") == GENERATED[name], (
        "write it again: .venv/bin/python scripts/write_docs.py"
    )


# --- The schema for editors, by a validator that is not ours --------------------------------------------


class EditorLoader(yaml.SafeLoader):
    """YAML 1.2, as editors read it: no dates, and yes and no are words."""


EditorLoader.yaml_implicit_resolvers = {}
for tag, form, first in (
    ("null", r"^(?:null|Null|NULL|~|)$", ["n", "N", "~", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?[0-9]+$", list("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", list("-+.0123456789")),
):
    EditorLoader.add_implicit_resolver(f"tag:yaml.org,2002:{tag}", re.compile(form), first)


def as_an_editor_reads(text):
    return yaml.load(text, Loader=EditorLoader)  # noqa: S506


@pytest.fixture(scope="module")
def wrong():
    """Return what an independent validator says against a content, by the published schema of that name."""

    def finding(content, name="experiment.schema.json"):
        schema = json.loads((ROOT / "docs" / name).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(content)]

    return finding


EXPERIMENTS = sorted((ROOT / "experiments").glob("*.yaml"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_schema__takes_every_experiment_of_the_project(path, wrong):
    assert wrong(as_an_editor_reads(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_schema__takes_every_part_of_an_experiment_that_is_shown(page, wrong):
    example = as_an_editor_reads(yaml_of(ROOT / "docs" / EXAMPLE)[0])
    for shown in filter(None, map(as_an_editor_reads, yaml_of(page))):
        assert wrong(shown if "name" in shown else {**example, **shown}) == []


ROSTER = "file: r.tsv, patient: id, response: {column: r, positive: [CR], negative: [PD]}"
SHORTEST = f"name: e\nroster: {{{ROSTER}}}\ncalls: {{files: c.maf}}\n"
TAKEN = [
    "watch: TP53",
    "watch: []",
    "watch: [1, true, 2024-01-01]",
    "models: prevalence",
    "models: [prevalence, l2-logistic: [genes, both], xgboost: genes]",
    "models: ['elastic-net:covariates+genes+burden', 'l2-logistic:both@association', rank-average]",
    "assays: {exome: , panel: genes.txt, kit: {bed: t.bed, build: GRCh38, share: 0.8, megabases: 1.2}}",
    "features: {effects: truncating}",
    "features: {effects: ['missense(sift<0.05&polyphen>0.9)', Nonsense_Mutation, stop_gained]}",
    "features: {masks: m.tsv, mask: lof}",
    "features: {encoding: gene-sets, gene_sets: s.gmt}",
    "tracking: {enabled: no}",
    "tracking: {enabled: false, register_as: m, alias: champion}",
    "genes: {adjust: }",
    "genes: {adjust: []}",
    "learning_curve: {shares: [0.5, 1]}",
    "simulated: ",
    "store: {abstain_below: 1, miss_rate: 0.05, training_vectors: on}",
    "export: l2-logistic:both",
]
REFUSED = [
    "wacth: [TP53]",
    "watch: {gene: TP53}",
    "purpose: [a, b]",
    "models: []",
    "models: [random-forrest:both]",
    "models: ['l2-logistic:gene']",
    "models: [l2-logistic: [gene]]",
    "assays: {kit: {bde: t.bed}}",
    "assays: {kit: {bed: t.bed, share: 0}}",
    "assays: {kit: {megabases: -1}}",
    "features: {encoding: binnary}",
    "features: {effects: []}",
    "features: {effects: [nonsense]}",
    "features: {masks: m.tsv}",
    "features: {mask: lof}",
    "features: {encoding: gene-sets}",
    "features: {gene_sets: s.gmt}",
    "validation: {folds: 1}",
    "validation: {folds: 2.5}",
    "validation: {plan: kfold}",
    "permutation: {times: 100001}",
    "learning_curve: {shares: [0.05]}",
    "learning_curve: {shares: 0.5}",
    "simulated: {patients: 11}",
    "tracking: {alias: champion}",
    "tracking: {enabled: maybe}",
    "store: {miss_rate: 1}",
    "store: {abstain_below: 1.1}",
    "roster: 5",
]
# The same in the sections that the shortest experiment has already.
TAKEN_IN = [
    ("c.maf", "c.maf, sheet: 2, columns: {gene: Symbol, pos: 7}, patient_from: file"),
    ("c.maf", "c.maf, filters: {words: any, min_depth: 20, min_vaf: 0.05}"),
    ("[CR]", "CR"),
    ("[CR]", "[true, 1.50]"),
    ("{column", "{column"),
    (ROSTER, f"{ROSTER}, covariates: , filter: , sequenced: {{DNA: YES}}"),
    (
        ROSTER,
        f"{ROSTER}, covariates: {{age: {{when: baseline}}, g: {{when: post, kind: ordered, levels: [1, 2]}}}}",
    ),
    ("name: e", "name: 2019"),
]
REFUSED_IN = [
    ("files: c.maf", "files: []"),
    ("files: c.maf", "file: c.maf"),
    ("c.maf", "c.maf, columns: {genes: Symbol}"),
    ("c.maf", "c.maf, patient_from: folder"),
    ("c.maf", "c.maf, filters: {min_depth: -1}"),
    ("c.maf", "c.maf, filters: {min_vaf: 5}"),
    ("[CR]", "[]"),
    ("name: e", "name: a/b"),
    ("name: e", "name: "),
    ("name: e", "purpose: none"),
    ("patient: id, ", ""),
    (ROSTER, f"{ROSTER}, filter: {{a: []}}"),
    (ROSTER, f"{ROSTER}, covariates: {{age: {{}}}}"),
    (ROSTER, f"{ROSTER}, covariates: {{age: {{when: later}}}}"),
    (ROSTER, f"{ROSTER}, covariates: {{g: {{when: baseline, kind: ordered}}}}"),
    (ROSTER, f"{ROSTER}, covariates: {{g: {{when: baseline, levels: [a, b]}}}}"),
]


def written(part):
    if isinstance(part, tuple):
        assert part[0] in SHORTEST
        return SHORTEST.replace(part[0], part[1], 1)
    key = part.partition(":")[0]
    return "".join(line for line in SHORTEST.splitlines(True) if not line.startswith(f"{key}:")) + f"{part}\n"


def test_schema__the_shortest_experiment_is_taken(wrong):
    assert wrong(as_an_editor_reads(SHORTEST)) == []


@pytest.mark.parametrize("part", [*TAKEN, *TAKEN_IN], ids=str)
def test_schema__takes_what_the_reader_takes(part, wrong, tmp_path):
    text = written(part)
    # What a schema cannot know is declared here.
    known = text.replace(ROSTER, f"{ROSTER}, covariates: {{c: {{when: baseline}}}}") if part in TAKEN else text
    (tmp_path / "e.yaml").write_text(known, encoding="utf-8")
    assert read_experiment(tmp_path / "e.yaml").roster.patient == "id"
    assert wrong(as_an_editor_reads(known)) == []


@pytest.mark.parametrize("part", [*REFUSED, *REFUSED_IN], ids=str)
def test_schema__refuses_what_the_reader_refuses(part, wrong, tmp_path):
    (tmp_path / "e.yaml").write_text(written(part), encoding="utf-8")
    with pytest.raises(ConfigurationError):
        read_experiment(tmp_path / "e.yaml")
    assert wrong(as_an_editor_reads(written(part)))


@pytest.fixture(scope="module")
def report(small_trained, tmp_path_factory):
    """The content of a real run's report, as it is written to a file."""
    run = small_trained[1].run
    names = pseudonyms(run.patients["patient"], b"a key for tests")
    written = write_report([run], tmp_path_factory.mktemp("report") / "r.json", names=names, form="json")
    return json.loads(written.read_text(encoding="utf-8"))


def test_report_schema__takes_the_content_of_a_real_run(report, wrong):
    assert len(report["runs"]) == 1
    assert wrong(report, "report.schema.json") == []


def test_report_schema__refuses_stray_keys_and_other_kinds(report, wrong):
    section = report["runs"][0]
    for content in (
        {**report, "stray": 1},
        {**report, "runs": [{**section, "stray": 1}]},
        {**report, "runs": [{key: value for key, value in section.items() if key != "patients"}]},
        {**report, "title": 5},
        {**report, "format": 0},
    ):
        assert len(wrong(content, "report.schema.json")) == 1


# --- The command line -----------------------------------------------------------------------------------

COMMANDS = typer.main.get_command(app).commands
MANUAL = (ROOT / "docs" / "command-line.md").read_text(encoding="utf-8")


def chapter(name):
    found = re.search(rf"(?ms)^## `{name}`:.*?(?=^## |\Z)", MANUAL)
    return found[0] if found else ""


def test_manual__chapters_are_the_commands():
    assert sorted(re.findall(r"(?m)^## `([\w-]+)`: ", MANUAL)) == sorted(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_manual__a_chapter_names_every_option_and_no_other(name):
    options = {word for p in COMMANDS[name].params for word in (*p.opts, *p.secondary_opts) if word[:2] == "--"}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", chapter(name)))
    # --debug and --help belong to every command; --nthreads is an option of Dask's.
    assert named - {"--debug", "--nthreads"} == options - {"--help"}


@pytest.mark.parametrize("name", COMMANDS)
def test_manual__a_chapter_has_the_defaults_that_the_command_has(name):
    for parameter in COMMANDS[name].params:
        shown = re.search(rf"\[{max(parameter.opts, key=len)} (\d[\d.]*)\]", chapter(name))
        if shown:
            assert float(shown[1]) == parameter.default
