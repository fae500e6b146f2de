"""Write each figure of a run as a file of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from trastuz_ml.report.content import content_of
from trastuz_ml.report.panels import figures_of
from trastuz_ml.store.run_folder import Run


def write_figures(run: Run, names: Mapping[str, str], folder: Path) -> list[Path]:
    """Write the figures of a run's report as SVG, patients under their pseudonyms.

    Parameters
    ----------
    run : Run
        A finished run.
    names : mapping
        Real patient identifier to pseudonym.
    folder : Path
        Where; made when absent.

    Returns
    -------
    list of Path
        One file a panel, such as ``roc-xgboost-both.svg``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for kind, panels in figures_of(content_of([run], names)["runs"][0], "figure").items():
        for panel in panels:
            title = re.sub(r"[^A-Za-z0-9]+", "-", panel["title"]).strip("-")
            path = folder / f"{kind}-{title}.svg" if len(panels) > 1 and title else folder / f"{kind}.svg"
            path.write_text(panel["svg"], encoding="utf-8")
            written.append(path)
    return written
