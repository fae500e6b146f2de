"""Write the report of a small simulated cohort, to be looked at before installing: `example_report.py OUT.html`.

The same code writes the same bytes: the cohort is simulated from its seed, and its pseudonyms come from a key that
everybody may know, because nobody stands behind them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.errors import ConfigurationError, TrastuzError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.train import train
from trastuz_ml.files import require_free
from trastuz_ml.report.formats import write_report

EXAMPLE = Path(__file__).parents[1] / "experiments" / "example.yaml"
OPEN_KEY = b"simulated: nobody is behind this"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train the example and write its report; exit code 1 with a message when that cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path, help="page to write")
    parser.add_argument("--force", action="store_true", help="replace a page that is already there")
    given = parser.parse_args(arguments)
    try:
        require_free(given.output, force=given.force)
        run = train(read_experiment(EXAMPLE)).run
        if not run.simulated:
            raise ConfigurationError(f"{EXAMPLE} is not simulated: no report of it is published.")
        names = pseudonyms(run.patients["patient"], OPEN_KEY)
        print(write_report([run], given.output, names=names, force=given.force))
    except TrastuzError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
