"""The tutorial runs as it is written, from top to bottom, in a shell; what it shows is what comes out."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "tutorial.md").read_text(encoding="utf-8")
COMMANDS = ("trastuz-ml", "sed", "grep", "cut")
# What the prose says with fewer digits, and as which it came out.
DERIVED = {"0.007": "-0.00723"}


@dataclass
class Step:
    """A block of commands with what the page shows of its output; or, with ``file``, a text put at its end."""

    text: str
    file: str = ""
    shown: str = ""


@dataclass(frozen=True)
class Done:
    step: Step
    code: int
    out: str
    err: str


def paragraphs(page):
    """Return what stands between blank lines; a block of YAML is one, whatever is in it."""
    parts = re.split(r"(?ms)(^```yaml\n.*?^```$)|\n\s*\n", page)
    return [part.strip("\n") for part in parts if part and part.strip()]


def indented(paragraph):
    return all(line.startswith("    ") for line in paragraph.splitlines())


def read(page):
    """Return the steps of a page, and its prose."""
    steps, prose, open_ = [], [], False
    for paragraph in paragraphs(page):
        if paragraph.startswith("```yaml\n"):
            file = re.findall(r"end of\s+`(\w+\.yaml)`", prose[-1])[-1]
            steps.append(Step(paragraph.removeprefix("```yaml\n").removesuffix("```"), file))
            open_ = False
        elif not indented(paragraph):
            prose.append(paragraph)
            open_ = False
        elif paragraph.split(maxsplit=1)[0] in COMMANDS:
            steps.append(Step(re.sub(r"(?m)^ {4}", "", paragraph)))
            open_ = True
        else:
            assert open_, f"What is this the output of? {paragraph}"
            steps[-1].shown += re.sub(r"(?m)^ {4}", "", paragraph) + "\n"
    return steps, prose


STEPS, PROSE = read(PAGE)


def pattern(shown):
    """Return what an output must match: the words shown, in this order, from and to the ends of lines.

    ``...`` on a line of its own stands for lines, at the end of a word for the rest of the word. Blanks are as the
    width of the page has them.
    """
    found = []
    for part in re.split(r"(?m)^[ ]*\.\.\.$", shown):
        words = (re.escape(word).replace(r"\.\.\.", "[^ ,]*") for word in part.split())
        found.append(r"\s*" + r"\s+".join(words) + r"[ ]*(?:\n|\Z)" if part.strip() else "")
    return r"\A" + r"(?:.*\n)*?".join(found) + r"\s*\Z"


def run(step, folder):
    if step.file:
        with (folder / step.file).open("a", encoding="utf-8") as file:
            file.write(f"\n{step.text}")
        return Done(step, 0, "", "")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")} | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "TRASTUZ_ML_CONFIG": str(folder / "configuration"),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
    }
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", step.text],
        cwd=folder, env=environment, capture_output=True, encoding="utf-8", timeout=900, check=False,
    )  # fmt: skip
    return Done(step, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """Every step done in a folder of its own, until one fails."""
    folder = tmp_path_factory.mktemp("tutorial")
    walk = []
    for step in STEPS:
        walk.append(run(step, folder))
        if walk[-1].code:
            break
    return folder, walk


def test_tutorial__has_the_steps_that_it_is_made_of():
    commands = {
        words for step in STEPS if not step.file for words in re.findall(r"trastuz-ml ([\w-]+)", step.text)
    }
    assert commands == {
        "simulate", "init", "check", "features", "train", "explain", "gene", "silence", "panel", "predict",
        "compare", "figure",
    }  # fmt: skip
    assert {step.file for step in STEPS} == {"", "clinic.yaml", "truncating.yaml"}
    assert sum(bool(step.shown) for step in STEPS) >= 18
    assert PAGE.count("```") == 2 * sum(bool(step.file) for step in STEPS)


def test_tutorial__every_command_ends_well(walked):
    _, walk = walked
    assert (walk[-1].step.text, walk[-1].code, walk[-1].err) == (STEPS[-1].text, 0, walk[-1].err)
    assert len(walk) == len(STEPS)


@pytest.mark.parametrize("place", [place for place, step in enumerate(STEPS) if step.shown])
def test_tutorial__what_is_shown_is_what_comes_out(place, walked):
    _, walk = walked
    assert place < len(walk), f"not reached: {walk[-1].step.text} ended with {walk[-1].code}: {walk[-1].err}"
    done = walk[place]
    assert re.search(pattern(done.step.shown), done.out), f"{done.step.text}\ngave\n{done.out}{done.err}"


def test_tutorial__every_decimal_number_in_the_text_came_out_of_a_command(walked):
    _, walk = walked
    out = "".join(done.out for done in walk).replace(",", "")
    numbers = re.findall(r"(?<![\w.])\d[\d,]*\.\d+", " ".join(PROSE))
    assert len(numbers) >= 12
    for number in numbers:
        assert DERIVED.get(number, number) in out, number


def test_tutorial__every_file_it_speaks_of_is_there(walked):
    folder, _ = walked
    named = set(re.findall(r"`([\w/.-]+\.(?:yaml|html|md|csv|pdf|parquet))`", " ".join(PROSE)))
    assert {"runs/clinic/report.html", "models/clinic/1/card.md", "check.html"} <= named
    assert [name for name in named if not (folder / name).is_file()] == []
    for name in ("matrix.parquet", "both.html", "both.md", "roc.pdf", "predictions.csv"):
        assert (folder / name).stat().st_size > 500


@pytest.mark.parametrize(
    ("shown", "out", "fits"),
    [
        ("a 0.5\n", " a   0.5 \n", True),
        ("a 0.5\n", "a 0.51\n", False),
        ("a 0.5\n", "a 0.5\nb\n", False),
        ("a 0.5\n", "b\na 0.5\n", False),
        ("a\n...\nc\n", "a\nb\nb\nc\n", True),
        ("a\n...\nc\n", "a\nb\n", False),
        ("c\n...\na\n", "a\nb\nc\n", False),
        ("...\nb\n", "a\nxb\n", False),
        ("x 0.42... y\n", "x 0.4231 y\n", True),
        ("x 0.42... y\n", "x 0.43 y\n", False),
        ("long words\n  wrapped here\n", "long words wrapped here\n", True),
    ],
)
def test_tutorial__its_comparison_lets_through_nothing_but_what_is_shown(shown, out, fits):
    assert bool(re.search(pattern(shown), out)) is fits
