"""Predictions for very many patients, and for one: time, memory, what they grow with, and the naive loop beside.

A simulated cohort (benchmarks/simulated_maf.py: 200 calls a patient, 32 columns) and a linear model of 300 genes.
Each measurement is a process of its own; sizes are measured in one run, one after another. Run it as

    python benchmarks/batch_prediction.py --patients 100000 --folder /tmp/batch

The naive loop is `pandas.read_csv`, `pandas.crosstab` and `mlflow.pyfunc` `predict`, a thousand patients a time.
"""

from __future__ import annotations

import argparse
import datetime
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

GENES = 300
COMMAND = [sys.executable, "-c", "from trastuz_ml.cli.main import run; run()"]
_NAIVE = 1_000  # patients a turn of the naive loop
THREE = ["Tumor_Sample_Barcode", "Hugo_Symbol", "Variant_Classification"]
COUNTED = [
    "Missense_Mutation", "Nonsense_Mutation", "Splice_Site", "Frame_Shift_Del", "Frame_Shift_Ins", "In_Frame_Del",
    "In_Frame_Ins", "Translation_Start_Site", "Nonstop_Mutation",
]  # fmt: skip


def made_model(models: Path) -> Path:
    """Store a linear model of 300 genes that the simulated patients carry, with what judges its predictions."""
    from simulated_maf import _genes
    from trastuz_ml.calls.genes.names import reconcile_names
    from trastuz_ml.calls.genes.symbols import SHIPPED, read_symbol_table
    from trastuz_ml.learn.design import Feature
    from trastuz_ml.learn.fitted import FittedModel, LinearLogit
    from trastuz_ml.learn.training_summary import Bins, TrainingSummary
    from trastuz_ml.learn.transformers import Preparation
    from trastuz_ml.schema import NONSILENT
    from trastuz_ml.store.bundle import make_bundle, save_bundle

    rng = np.random.default_rng(1)
    found = _genes(np.random.default_rng(0))
    longest = found["name"][np.argsort(-found["length"])[: 2 * GENES]]
    current = reconcile_names(rng.choice(longest, GENES, replace=False), read_symbol_table())
    genes = sorted(set(current.values()))
    features = [Feature(gene, "gene", "gene") for gene in genes]
    rows = (rng.random((400, len(genes))) < 0.1).astype(np.float32)
    preparation = Preparation(kinds=["gene"] * len(genes)).learn(rows)
    coefficients = rng.normal(0, 0.3, len(preparation.source_))
    fitted = FittedModel(
        "l2-logistic:genes", np.arange(len(genes)), preparation, LinearLogit(coefficients, -0.5), {}, 0.5
    )
    inputs = {
        "patient": "patient", "sheets": [0, 0], "columns": {}, "gene_sets": None, "sequenced": {}, "filter": {},
        "reading": {"patient_from": "auto", "annotation": None, "filters": {}},
        "assay": None, "default_assay": None, "assays": {"exome": {"genes": None, "megabases": None}},
        "build": None, "symbols": {"date": "2026-06-25"},
    }  # fmt: skip
    card = {
        "response": {"column": "response", "positive": ["pCR"], "negative": ["RD"]}, "patients": 400,
        "responders": 150, "scores": [], "sources": [], "limits": [], "inputs": inputs,
    }  # fmt: skip
    bundle = make_bundle("benchmark", fitted, features, "binary", NONSILENT, card, simulated=True)
    carriers = dict.fromkeys(genes, (40, 400))
    summary = TrainingSummary(
        400, 150, carriers, {}, {}, Bins((0.0, 20.0, 60.0), (200, 200)), {"exome": 400}, (),
        Bins((0.0, 100.0, 1000.0), (200, 200)),
    )  # fmt: skip
    weights = np.abs(coefficients) / np.abs(coefficients).sum()
    kept = replace(bundle, summary=summary, weights=weights, symbols=SHIPPED.read_bytes())
    save_bundle(kept, models / "benchmark")
    return models


def made_roster(path: Path, patients: int) -> Path:
    path.write_text("patient\n" + "".join(f"TCGA-{i:06d}-01A\n" for i in range(patients)), encoding="ascii")
    return path


def measured(command: list[str], **more: str) -> tuple[float, float]:
    """Run a command and return its seconds, and the highest memory of it and its children together, in MB."""
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **more})
    most = 0
    while process.poll() is None:
        most = max(most, _memory(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise SystemExit(f"{command} ended with {process.returncode}")
    return time.perf_counter() - started, most / 1024


def _memory(process: int) -> int:
    """Return the resident memory of a process and all its descendants, kB; shared pages count for each."""
    total = 0
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
        total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))
        for thread in Path(f"/proc/{process}/task").iterdir():
            total += sum(map(_memory, map(int, (thread / "children").read_text(encoding="ascii").split())))
    except (OSError, StopIteration):
        return total
    return total


# Reading alone: the same columns, in the same blocks, kept nowhere.
_READ = """
import sys
from pathlib import Path
from trastuz_ml.calls.read import read_in_blocks
from trastuz_ml.experiment.find_model import find_model
from trastuz_ml.experiment.given_calls import ROWS_AT_A_TIME
from trastuz_ml.experiment.parts import reading_of_model
with reading_of_model(find_model(sys.argv[1]), None) as reading:
    for block in read_in_blocks(Path(sys.argv[2]), reading, rows=ROWS_AT_A_TIME):
        pass
"""


def naive(maf: Path, models: Path, patients: int, folder: Path) -> float:
    """Return the seconds of the naive loop for so many patients, whose rows are the first of the file."""
    import mlflow
    import pandas as pd

    from trastuz_ml.store.bundle import load_model

    mlflow.pyfunc.save_model(
        str(folder / "mlflow"), loader_module="trastuz_ml.prediction.pyfunc", pip_requirements=[],
        data_path=str(models / "benchmark" / "1"),
    )  # fmt: skip
    model = mlflow.pyfunc.load_model(str(folder / "mlflow"))
    genes = load_model(models / "benchmark").genes
    started = time.perf_counter()
    reader = pd.read_csv(maf, sep="\t", skiprows=1, usecols=THREE, chunksize=200 * _NAIVE)
    for turn, calls in enumerate(reader):
        if turn * _NAIVE >= patients:
            break
        counted = calls[calls["Variant_Classification"].isin(COUNTED)]
        table = pd.crosstab(counted["Tumor_Sample_Barcode"], counted["Hugo_Symbol"]).clip(upper=1)
        model.predict(table.reindex(columns=list(genes), fill_value=0).astype("float64"))
    return time.perf_counter() - started


def row(*cells: object) -> None:
    print("|", " | ".join(str(cell) for cell in cells), "|", flush=True)


def head(*words: str) -> None:
    print()
    row(*words)
    row(*["---", *["---:"] * (len(words) - 1)])


def many(folder: Path, models: Path, most: int, workers: int) -> None:
    import simulated_maf

    simulated_maf.CALLS_A_PATIENT = 200
    head("patients", "calls", "GB", "seconds", "of them reading", "share", "peak MB", "patients a second")
    for patients in (most // 4, most // 2, most):
        maf = folder / "calls.maf"
        rows = simulated_maf.write_maf(maf, patients)
        roster = made_roster(folder / "roster.tsv", patients)
        out = folder / "predictions.parquet"
        words = ["predict", "--model", models / "benchmark", "--calls", maf, "--patients", roster, "--out", out,
                 "--force", "--json", "--workers", workers]  # fmt: skip
        seconds, memory = measured([*COMMAND, *map(str, words)])
        reading, _ = measured([sys.executable, "-c", _READ, str(models / "benchmark"), str(maf)])
        size = maf.stat().st_size / 1e9
        row(f"{patients:,}", f"{rows:,}", f"{size:.1f}", f"{seconds:.1f}", f"{reading:.1f}",
            f"{reading / seconds:.0%}", f"{memory:.0f}", f"{patients / seconds:,.0f}")  # fmt: skip
    few = min(3 * _NAIVE, most)
    took = naive(maf, models, few, folder) * most / few
    print(
        f"\nNaive loop, {few:,} patients measured: {took:.0f} s for {most:,}, {took / seconds:.1f} times as long."
    )


# In one process: the first prediction imports and loads, the others do not.
_WARM = """
import sys, time
from trastuz_ml.experiment.new_patients import predict_files
from trastuz_ml.store.bundle import load_model
bundle = load_model(sys.argv[1])
times = []
for _ in range(12):
    start = time.perf_counter()
    table, _ = predict_files(bundle, [sys.argv[2]], sys.argv[3])
    times.append(time.perf_counter() - start)
assert table["probability"].notna().all()
print(1000 * sorted(times)[len(times) // 2])
"""


def one(folder: Path, models: Path) -> None:
    """Print how long one patient's VCF takes: the whole command, and in a process that goes on."""
    from trastuz_ml.features.simulate import simulate_cohort

    simulate_cohort(12, 3).write(folder / "one", formats=("maf", "vcf"))
    vcf = min((folder / "one").rglob("*.vcf*"), key=lambda path: path.name)
    roster = folder / "one.tsv"
    roster.write_text("patient\n" + vcf.name.split(".")[0] + "\n", encoding="ascii")
    words = ["predict", "--model", models / "benchmark", "--calls", vcf, "--patients", roster, "--out",
             folder / "one.csv", "--force", "--json"]  # fmt: skip
    cold = sorted(measured([*COMMAND, *map(str, words)])[0] for _ in range(7))
    warm = subprocess.run(
        [sys.executable, "-c", _WARM, str(models / "benchmark"), str(vcf), str(roster)], check=True,
        stdout=subprocess.PIPE, text=True,
    ).stdout  # fmt: skip
    head("one VCF", "seconds", "at most")
    row("the command, least of 7", f"{cold[0]:.2f}", "2")
    row("the command, median of 7", f"{cold[3]:.2f}", "2")
    row("in a warm process, median of 12", f"{float(warm) / 1000:.3f}", "0.050")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--patients", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, default=None, help="a folder with room for 330 bytes a call")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=["many", "one"], default=None)
    given = parser.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp(prefix="trastuz_ml-"))
    folder.mkdir(parents=True, exist_ok=True)
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    try:
        models = made_model(folder / "models")
        if given.only != "many":
            one(folder, models)
        if given.only != "one":
            many(folder, models, given.patients, given.workers)
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
