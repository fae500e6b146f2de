"""The published cohorts and test files: what is read, what becomes of each row and what is noticed, as Markdown.

Aggregates only: findings that name patients are given by their code and how many there are.
"""

from __future__ import annotations

import datetime
import os
import platform
import re
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from trastuz_ml.calls.read import read_calls
from trastuz_ml.calls.vcf.first_line import with_first_line
from trastuz_ml.errors import TrastuzError
from trastuz_ml.experiment.check import check_experiment
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.read import features_of
from trastuz_ml.schema import FATES

PROJECT = Path(__file__).resolve().parents[1]
DATA = PROJECT.parent / "shared" / "data"
COHORTS = {
    "transneo": "transneo", "transneo_text": "transneo", "transneo_her2": "transneo", "liu2019": "melanoma",
    "vanallen2015": "melanoma",
}  # fmt: skip
# Findings whose sentences name genes and numbers, but no patients.
NAMELESS = (
    "gene-", "genes-of-one-response", "class-", "call-without-", "too-few", "burden-with-", "covariate-missing",
)  # fmt: skip


def main() -> None:
    """Print the page."""
    warnings.simplefilter("error")
    print("# Real data\n")
    print(
        f"Written by `make real-data` on {datetime.date.today()}, {machine()}. Counts only; the data are not part "
        "of the project.\n"
    )
    present = [name for name, folder in COHORTS.items() if (DATA / folder).is_dir()]
    for name in present:
        print("\n".join(cohort_page(name)))
    if (DATA / "vcf").is_dir():
        print("\n".join(vcf_page()))
    absent = sorted(set(COHORTS) - set(present))
    if absent:
        print(f"\nNot present, and left out: {', '.join(absent)}.")


def machine() -> str:
    """Return the size of the machine in words."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GiB, Python {platform.python_version()}"


def cohort_page(name: str) -> Iterator[str]:
    """Yield the lines about one cohort, as ``trastuz-ml check`` finds it."""
    begun = time.perf_counter()
    experiment = read_experiment(PROJECT / "experiments" / f"{name}.yaml")
    quality = check_experiment(experiment)
    seconds = time.perf_counter() - begun
    _, matrix, _ = features_of(experiment)
    response, rows = quality.cohort.response, quality.cohort.rows
    yield f"## {name}\n"
    yield (
        f"`trastuz-ml check experiments/{name}.yaml`, {seconds:.1f} s. {len(response)} patients, "
        f"{int(response.sum())} responding; {len(quality.cohort.calls):,} distinct calls. `trastuz-ml features`: "
        f"{matrix.shape[0]} patients x {matrix.shape[1]:,} genes, {matrix.values.nnz:,} mutated cells.\n"
    )
    yield from table(("rows", "what became of them"), fates(rows))
    yield ""
    counted = quality.findings.groupby(["severity", "code"], sort=False)
    lines = [
        (severity, f"`{code}`", len(some), f"{some['count'].sum():,}", said(code, some))
        for (severity, code), some in counted
    ]
    yield from table(("severity", "finding", "findings", "count", "what it says"), lines)
    yield ""


def said(code: str, findings: pd.DataFrame) -> str:
    """Return the sentence of a finding that names no patient."""
    return "; ".join(findings["message"]) if code.startswith(NAMELESS) else ""


def fates(rows: pd.DataFrame) -> list[tuple[str, str]]:
    """Return how many rows had each fate, in the order in which rows are taken out, and their sum."""
    counts = rows.groupby("fate", observed=True)["rows"].sum()
    each = [(f"{counts[fate]:,}", words) for fate, words in FATES.items() if fate in counts]
    return [*each, (f"{counts.sum():,}", "all")]


def vcf_page() -> Iterator[str]:
    """Yield the lines about each VCF file, read alone."""
    yield "## VCF files\n"
    yield "`read_calls` of each file alone, with the default settings. A row is an allele and gene of a record.\n"
    files = sorted((DATA / "vcf").rglob("*.vcf*"))
    head = ("file", "rows", "calls", "left out", "build", "annotation", "findings, or why it was refused")
    yield from table(head, [(f"{file.parent.name}/{file.name}", *vcf_line(file)) for file in files])


def vcf_line(file: Path) -> tuple[object, ...]:
    """Return what reading one file gives, or the sentence with which it is refused."""
    try:
        read = read_calls([file])
    except TrastuzError as refusal:
        return "", "", "", "", "", one_line(str(refusal), file)
    dropped = read.dropped.groupby("fate", observed=True)["rows"].sum()
    left_out = ", ".join(f"{count} {fate}" for fate, count in dropped.items())
    noticed = ", ".join(f"`{finding.code}` {finding.count}" for finding in read.findings)
    total = len(read.calls) + int(dropped.sum())
    return total, len(read.calls), left_out, read.build or "", annotation(file), noticed


def annotation(file: Path) -> str:
    """Return the INFO fields with annotations that a header declares."""
    from cyvcf2 import VCF

    with with_first_line(file) as readable:
        header = VCF(str(readable.absolute())).raw_header
    return ", ".join(re.findall(r"^##INFO=<ID=(CSQ|ANN|EFF|FUNCOTATION),", header, re.MULTILINE))


def one_line(message: str, file: Path) -> str:
    """Return the first line of a message, without the path of the file and the names of its samples."""
    first = message.splitlines()[0].replace(str(file), "").lstrip(": ").removesuffix(" Annotate it with one of")
    return re.sub(r"the sample columns are .*?, and ", "two sample columns, and ", first)


def table(head: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> Iterator[str]:
    """Yield a Markdown table."""
    for row in (head, ("---",) * len(head), *rows):
        yield "| " + " | ".join(str(cell).replace("|", r"\|").replace("\n", " ") for cell in row) + " |"


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("The published data are not beside the project: nothing to check.")
    main()
