"""Reading MAF files into gene matrices: time beside a bare scan of the columns and beside other ways, and memory.

The MAF is made up (benchmarks/simulated_maf.py). Each measurement is a process of its own, imports not counted;
the two sides of a ratio take turns, so that a busy machine slows both. The ratios are of the least times.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

THREE = ["Tumor_Sample_Barcode", "Hugo_Symbol", "Variant_Classification"]
SEVEN = [*THREE, "Chromosome", "Start_Position", "Reference_Allele", "Tumor_Seq_Allele2"]
PLACE = frozenset({"chrom", "pos", "ref", "alt"})
COUNTED = [
    "Missense_Mutation", "Nonsense_Mutation", "Splice_Site", "Frame_Shift_Del", "Frame_Shift_Ins", "In_Frame_Del",
    "In_Frame_Ins", "Translation_Start_Site", "Nonstop_Mutation",
]  # fmt: skip


class Cost(NamedTuple):
    """What a measurement took: seconds of the clock and of the processors, peak memory in MB."""

    wall: float
    processor: float
    memory: float


def scan(path: Path, columns: list[str]) -> Callable[[], object]:
    import pyarrow as pa
    from pyarrow import csv

    return lambda: csv.read_csv(
        path,
        csv.ReadOptions(skip_rows=1),
        csv.ParseOptions(delimiter="\t", quote_char=False),
        csv.ConvertOptions(include_columns=columns, column_types=dict.fromkeys(columns, pa.string())),
    )


def matrix(path: Path, encoding: str) -> Callable[[], object]:
    """Do what `trastuz-ml features` does, with --fast for `binary`; every patient is on the roster."""
    import pandas as pd

    from trastuz_ml.calls.read import read_calls
    from trastuz_ml.calls.reading import Reading
    from trastuz_ml.cohort.cohort import Cohort
    from trastuz_ml.features.encoding import build_gene_matrix, columns_needed

    placed = encoding == "count"

    def build() -> object:
        read = read_calls([path], Reading(wanted=columns_needed(encoding) | (PLACE if placed else frozenset())))
        names = pd.Index(read.calls["patient"].cat.categories, name="patient")
        known = {"group": names, "assay": "exome", "sequenced": True, "in_cohort": True}
        roster = pd.DataFrame(known, index=names).assign(
            response=pd.array([0, 1] * len(names), "Int64")[: len(names)]
        )
        cohort = Cohort.assemble(read.calls, roster, findings=read.findings, dropped=read.dropped, placed=placed)
        return build_gene_matrix(cohort, encoding=encoding)

    return build


def crosstab(path: Path) -> Callable[[], object]:
    import pandas as pd

    def build() -> object:
        calls = pd.read_csv(path, sep="\t", skiprows=1, usecols=THREE)
        calls = calls[calls["Variant_Classification"].isin(COUNTED)]
        return pd.crosstab(calls["Tumor_Sample_Barcode"], calls["Hugo_Symbol"])

    return build


def pymaftools(path: Path) -> Callable[[], object]:
    from pymaftools.core.MAF import MAF

    return lambda: MAF.read_maf(path).filter_maf(COUNTED).to_pivot_table()


def names(path: Path) -> Callable[[], object]:
    """Bring the names of calls that were read before to current symbols: the table of symbols is read as well."""
    from trastuz_ml.calls.genes.names import reconcile_genes
    from trastuz_ml.calls.genes.symbols import read_symbol_table
    from trastuz_ml.calls.reading import Reading
    from trastuz_ml.calls.tables.maf import read_table_of_calls
    from trastuz_ml.features.encoding import columns_needed

    calls = read_table_of_calls(path, Reading(wanted=columns_needed("binary"))).calls
    return lambda: reconcile_genes(calls, read_symbol_table())


MEASURES: dict[str, Callable[[Path], Callable[[], object]]] = {
    "scan of 3 columns": lambda path: scan(path, THREE),
    "scan of 7 columns": lambda path: scan(path, SEVEN),
    "binary": lambda path: matrix(path, "binary"),
    "count": lambda path: matrix(path, "count"),
    "crosstab": crosstab,
    "pymaftools": pymaftools,
    "names": names,
}


def measured(what: str, path: Path) -> Cost:
    """Measure in this process; what is needed is imported beforehand."""
    work = MEASURES[what](path)
    wall, processor = time.perf_counter(), time.process_time()
    work()
    wall, processor = time.perf_counter() - wall, time.process_time() - processor
    # The peak of getrusage would be that of the starting process, where that was larger.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return Cost(wall, processor, int(peak.split()[1]) / 1024)


def measure(what: str, path: Path, python: str = sys.executable) -> Cost:
    """Measure in a fresh process."""
    command = [python, __file__, "--measure", what, str(path)]
    return Cost(*json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout))


def in_turns(tries: int, **those: tuple[str, Path]) -> dict[str, Cost]:
    """Measure several things by turns, and return the least of each; of memory, the most."""
    costs: dict[str, list[Cost]] = {name: [] for name in those}
    for _ in range(tries):
        for name, (what, path) in those.items():
            costs[name].append(measure(what, path))
    return {name: least(found) for name, found in costs.items()}


def least(costs: list[Cost]) -> Cost:
    return Cost(min(c.wall for c in costs), min(c.processor for c in costs), max(c.memory for c in costs))


def row(*cells: object) -> None:
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def head(*words: str) -> None:
    print()
    row(*words)
    row(*["---", *["---:"] * (len(words) - 1)])


def line(name: str, cost: Cost, beside: Cost | None = None, target: str = "") -> None:
    ratios = ("", "") if beside is None else (
        f"{cost.wall / beside.wall:.2f}", f"{cost.processor / beside.processor:.2f}"
    )  # fmt: skip
    row(name, f"{cost.wall:.2f}", f"{cost.processor:.2f}", f"{cost.memory:.0f}", *ratios, target)


def beside_scans(maf: Path, tries: int) -> None:
    head("what", "seconds", "processor s", "peak MB", "times the scan", "processor times", "at most")
    for encoding, columns, target in (("binary", 3, "2"), ("count", 7, "4")):
        sides = {"scan": (f"scan of {columns} columns", maf), "ours": (encoding, maf)}
        cost = in_turns(tries, **sides)
        line(f"scan of {columns} columns", cost["scan"])
        line(f"`{encoding}` gene matrix", cost["ours"], cost["scan"], target)
    line("gene names alone", least([measure("names", maf) for _ in range(tries)]))


def beside_others(folder: Path, patients: int, python: str) -> None:
    """Print how many times faster than other ways, on as much as they can take."""
    from simulated_maf import write_maf

    head("what", "patients", "seconds", "processor s", "peak MB", "times ours", "at least")
    # A table of all patients and genes takes crosstab about 10 GB; pymaftools needs minutes for a hundredth.
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") / 2**30
    for what, share, target in (("crosstab", 1 if free > 14 else 5, "20"), ("pymaftools", 100, "5")):
        maf = folder / f"{what}.maf"
        rows = write_maf(maf, patients // share)
        size = f"{patients // share:,} ({rows:,} rows)"
        try:
            other = measure(what, maf, python if what == "pymaftools" else sys.executable)
        except subprocess.CalledProcessError:
            row(what, size, "not installed here, or it failed", "", "", "", target)
            continue
        ours = least([measure("count", maf) for _ in range(3)])
        row(
            what,
            size,
            *(f"{n:.1f}" for n in other[:2]),
            f"{other.memory:.0f}",
            f"{other.wall / ours.wall:.0f}",
            target,
        )
        row("`count`", size, *(f"{n:.2f}" for n in ours[:2]), f"{ours.memory:.0f}", "", "")


def by_packing(maf: Path, folder: Path) -> None:
    head("`binary` from", "MB", "seconds", "processor s", "peak MB")
    packed = {"plain": maf}
    for name, command in (("gzip", ["gzip", "-1", "-c"]), ("bgzip", ["bgzip", "-l", "1", "-c"])):
        if shutil.which(command[0]) is None:
            continue
        packed[name] = folder / f"{name}.maf.gz"
        with packed[name].open("wb") as out:
            subprocess.run([*command, str(maf)], check=True, stdout=out)
    for name, path in packed.items():
        cost = measure("binary", path)
        row(name, path.stat().st_size >> 20, *(f"{n:.2f}" for n in cost[:2]), f"{cost.memory:.0f}")


def by_size(folder: Path, sizes: list[int]) -> None:
    from simulated_maf import write_maf

    found: dict[str, list[tuple[int, Cost]]] = {"binary": [], "count": []}
    head("rows", "patients", "matrix", "seconds", "processor s", "peak MB")
    for patients in sizes:
        maf = folder / "sized.maf"
        rows = write_maf(maf, patients)
        for encoding, costs in found.items():
            cost = measure(encoding, maf)
            costs.append((rows, cost))
            row(f"{rows:,}", f"{patients:,}", encoding, *(f"{n:.1f}" for n in cost[:2]), f"{cost.memory:.0f}")
        maf.unlink()
    print()
    for encoding, costs in found.items():
        (fewer, small), *_, (more, large) = costs
        steps = math.log(more / fewer)
        times = math.log(large.processor / small.processor) / steps
        added = (large.memory - small.memory) * 2**20 / (more - fewer)
        print(f"`{encoding}`: processor time grows as rows to the {times:.2f}; memory by {added:.0f} bytes a row.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patients", type=int, default=15_000)
    parser.add_argument("--tries", type=int, default=5)
    parser.add_argument(
        "--sizes", type=int, nargs="*", default=[15_000, 43_750, 125_000], help="patients, by size"
    )
    parser.add_argument("--pymaftools", default=sys.executable, metavar="PYTHON", help="a Python that has it")
    parser.add_argument("--measure", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure:
        what, path = given.measure
        # What a library prints is no answer.
        answer, sys.stdout = sys.stdout, sys.stderr
        cost = measured(what, Path(path))
        print(json.dumps(cost), file=answer)
        return
    from simulated_maf import write_maf

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    shown = [word for word in sys.argv[1:] if not word.startswith("/")]
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {memory:.0f} GB, Python {sys.version.split()[0]};")
    print(f"`python benchmarks/reading.py {' '.join(shown)}`; least of {given.tries} turns;")
    with tempfile.TemporaryDirectory(prefix="trastuz_ml-") as name:
        folder = Path(name)
        maf = folder / "calls.maf"
        rows = write_maf(maf, given.patients)
        size = maf.stat().st_size >> 20
        print(
            f"{rows:,} rows, {given.patients:,} patients, {size} MB; load of the machine {os.getloadavg()[0]:.1f}."
        )
        beside_scans(maf, given.tries)
        by_packing(maf, folder)
        maf.unlink()
        beside_others(folder, given.patients, given.pymaftools)
        if len(given.sizes) > 1:
            by_size(folder, given.sizes)


if __name__ == "__main__":
    main()
