"""Start-up: what a person waits for before anything happens, beside a bare Python in the same run."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

TRIES = 9
COMMAND = str(Path(sys.executable).with_name("trastuz-ml"))
CASES = {
    "python -c pass (for comparison)": [sys.executable, "-c", "pass"],
    "import trastuz_ml": [sys.executable, "-c", "import trastuz_ml"],
    "trastuz-ml --help": [COMMAND, "--help"],
    "trastuz-ml train --help": [COMMAND, "train", "--help"],
    "import and read_maf": [sys.executable, "-c", "from trastuz_ml import read_maf"],
}


def seconds(command: list[str]) -> float:
    """Return the wall-clock time of a command, its output thrown away."""
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


print(f"Median of {TRIES} runs, bytecode compiled, Python {sys.version.split()[0]}")
for name, command in CASES.items():
    seconds(command)
    print(f"  {statistics.median(seconds(command) for _ in range(TRIES)):6.3f} s  {name}")
