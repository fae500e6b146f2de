"""The report: seconds, memory and bytes of the page, and how long Chromium takes to open it.

Two simulated runs: 8 models x 200 patients x 300 genes, trained here, with every part of the report; and the same
with its patients written down 50 times, each time with probabilities of their own: 10,000 patients. Each page is
made in a process of its own, from the saved run to the file. Run it as

    python benchmarks/report.py

Imports are not counted. Processor seconds are given, too: they say more than the clock on a shared machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

PATIENTS, GENES, TIMES = 200, 300, 50
# What each page may take: seconds, MB of memory, MB of page, seconds until it is open.
LIMITS = {"small": (5.0, 1024, 3.0, 1.0), "large": (30.0, None, 8.0, None)}
OPENED = 5
EXPERIMENT = """
name: benchmark
purpose: A simulated cohort for measuring the report.
data: {data}
calls: {{files: [calls.maf]}}
roster:
  file: roster.tsv
  patient: patient
  response: {{column: response, positive: [pCR], negative: [RD]}}
  covariates:
    age: {{when: baseline}}
    t_stage: {{when: baseline, kind: ordered, levels: [T1, T2, T3, T4]}}
    er_status: {{when: baseline, kind: category}}
    her2_status: {{when: baseline, kind: category}}
    grade: {{when: baseline}}
watch: [ANKRD44, TP53, PIK3CA, ERBB2]
models:
  - prevalence
  - clinical-only
  - burden-only
  - l2-logistic: [genes, both]
  - elastic-net: [both]
  - random-forest: [both]
  - xgboost: [both]
validation: {{repeats: 5, folds: 5, inner_folds: 3, strata: [er_status, her2_status]}}
permutation: {{models: [clinical-only, "l2-logistic:both"], times: 99, added_value: 99}}
learning_curve: {{models: [clinical-only, "l2-logistic:both"], shares: [0.4, 0.7, 1.0], repeats: 1}}
tracking: {{enabled: false}}
"""


def trained(folder: Path) -> Any:
    """Return the run of 8 models x 200 patients x 300 genes."""
    from trastuz_ml.experiment.experiment_file import read_experiment
    from trastuz_ml.experiment.train import train
    from trastuz_ml.features.simulate import simulate_cohort

    simulate_cohort(PATIENTS, genes=GENES).write(folder / "data")
    path = folder / "benchmark.yaml"
    path.write_text(EXPERIMENT.format(data=folder / "data"), encoding="utf-8")
    return train(read_experiment(path)).run


def many_times(run: Any, times: int) -> Any:
    """Return a run whose patients are there so often, with probabilities and contributions of their own."""
    import numpy as np
    import pandas as pd
    import scipy.sparse as sp

    from trastuz_ml.schema import CONTRIBUTIONS, OUT_OF_FOLD, conform

    rng = np.random.default_rng(1)

    def named(name: str, turn: int) -> str:
        return f"{name}-{turn:02d}"

    def often(table: pd.DataFrame) -> pd.DataFrame:
        copies = [table.assign(patient=[named(str(p), turn) for p in table["patient"]]) for turn in range(times)]
        return pd.concat(copies, ignore_index=True)

    names = ("patients", "out_of_fold", "contributions", "explained", "influence", "silenced", "inputs")
    tables = {name: often(getattr(run, name)) for name in names if "patient" in getattr(run, name)}
    chance = tables["out_of_fold"]["probability"].to_numpy()
    tables["out_of_fold"]["probability"] = np.clip(chance + rng.normal(0, 0.03, len(chance)), 0.001, 0.999)
    shares = tables["contributions"]["contribution"]
    tables["contributions"]["contribution"] = shares * rng.normal(1, 0.1, len(shares))
    tables["out_of_fold"] = conform(tables["out_of_fold"], OUT_OF_FOLD)
    tables["contributions"] = conform(tables["contributions"], CONTRIBUTIONS)
    order = sorted(
        (named(patient, turn), place) for turn in range(times) for place, patient in enumerate(run.matrix.patients)
    )
    places = np.array([place for _, place in order])
    matrix = run.matrix
    many = replace(
        matrix, patients=tuple(name for name, _ in order), values=sp.csr_array(matrix.values)[places],
        assay_of=matrix.assay_of[places],
    )  # fmt: skip
    tables["inputs"] = tables["inputs"].set_index("patient").loc[list(many.patients)].reset_index()
    plan = {**run.plan, "patients": list(many.patients)}
    return replace(run, name="benchmark-large", matrix=many, plan=plan, **tables)


def made(run: Path, out: Path) -> dict[str, float]:
    """Write the page of a saved run, and return what that took: for a process of its own."""
    from trastuz_ml.cohort.pseudonyms import pseudonyms
    from trastuz_ml.report.formats import write_report
    from trastuz_ml.store.run_folder import Run

    began, worked = time.perf_counter(), time.process_time()
    loaded = Run.load(run)
    write_report([loaded], out, names=pseudonyms(loaded.patients["patient"], bytes(32)))
    return {
        "seconds": time.perf_counter() - began,
        "processor": time.process_time() - worked,
        "memory": _peak(),
        "bytes": out.stat().st_size / 1e6,
    }


def _peak() -> float:
    """Return the highest memory of this process in MB; that of the one that started it does not count."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def opened(page: Path) -> dict[str, float] | str:
    """Return the seconds from asking for the page to its load event and to what is painted first, or why not."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        return "playwright is not installed"
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        return "there is no Chromium"
    times: dict[str, list[float]] = {"load": [], "paint": []}
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=browser, args=["--no-sandbox"] if os.name == "posix" and os.geteuid() == 0 else []
        )
        for _ in range(OPENED + 1):
            tab = chromium.new_page(viewport={"width": 1280, "height": 900})
            tab.goto(page.as_uri(), wait_until="load")
            found = tab.evaluate(_TIMES)
            tab.close()
            for name in times:
                times[name].append(found[name] / 1000)
        chromium.close()
    # The first warms the browser up.
    return {name: statistics.median(values[1:]) for name, values in times.items()}


_TIMES = """() => new Promise(resolve => {
  const look = () => {
    const [navigation] = performance.getEntriesByType("navigation");
    const paint = performance.getEntriesByName("first-contentful-paint")[0];
    if (navigation.loadEventEnd && paint) resolve({load: navigation.loadEventEnd, paint: paint.startTime});
    else setTimeout(look, 20);
  };
  look();
})"""


def measured(name: str, run: Path, folder: Path) -> bool:
    """Measure the page of a run, print a row, and return whether its limits were held."""
    page = folder / f"{name}.html"
    command = [sys.executable, __file__, "--run", str(run), "--out", str(page)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found, limits = json.loads(said), LIMITS[name]
    open_ = opened(page)
    seen = [found["seconds"], found["memory"], found["bytes"], open_["load"] if isinstance(open_, dict) else None]
    shown = [
        f"{found['seconds']:.1f}", f"{found['processor']:.1f}", f"{found['memory']:,.0f}", f"{found['bytes']:.2f}",
        *([f"{open_['load']:.2f}", f"{open_['paint']:.2f}"] if isinstance(open_, dict) else [open_, ""]),
    ]  # fmt: skip
    held = all(most is None or value is None or value <= most for value, most in zip(seen, limits, strict=True))
    print(f"| {name} | {' | '.join(shown)} | {'held' if held else 'missed'} |", flush=True)
    return held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep runs and pages here, and take runs from it")
    given = parser.parse_args()
    if given.run:
        print(json.dumps(made(given.run, given.out)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        runs = {name: folder / "runs" / name for name in LIMITS}
        if not all((run / "run.json").is_file() for run in runs.values()):
            folder.mkdir(parents=True, exist_ok=True)
            run = trained(folder)
            run.save(runs["small"], force=True)
            many_times(run, TIMES).save(runs["large"], force=True)
        print(f"8 models x {PATIENTS} patients x {GENES} genes (small), and {PATIENTS * TIMES:,} patients (large)")
        print(f"load {' '.join(f'{one:.1f}' for one in os.getloadavg())} on {os.cpu_count()} cores\n")
        print(
            "| page | seconds | processor s | peak MB | page, MB | open: load event, s | first paint, s | limits |"
        )
        print("|---|---:|---:|---:|---:|---:|---:|---|", flush=True)
        held = [measured(name, run, folder) for name, run in runs.items()]
    if not all(held):
        print("\nAt most: 5 s, 1,024 MB, 3 MB, open in 1 s; for the large one 30 s and 8 MB.")


if __name__ == "__main__":
    main()
