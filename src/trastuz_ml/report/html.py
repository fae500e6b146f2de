"""From the content of a report to one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trastuz_ml.files import require_free
from trastuz_ml.report.content import content_of
from trastuz_ml.report.held_back import HELD, HELD_SENTENCE
from trastuz_ml.report.page import data_address, page_of, write_page
from trastuz_ml.report.panels import figures_of
from trastuz_ml.report.tables import as_text, tables_of
from trastuz_ml.store.run_folder import Run

# A table of more patients than this is not read; all of them are in its data.
MOST_PEOPLE = 1000
SCRIPTS = ("contents.js", "tables.js", "patients.js", "oncoplot.js", "bench.js")
__all__ = ["compare", "figures_of", "render"]


def compare(
    runs: Sequence[Run], out: Path, *, names: Mapping[str, str], share: bool = False, force: bool = False
) -> Path:
    """Write a self-contained HTML page that compares the models of one or more runs.

    Parameters
    ----------
    runs : sequence of Run
        Finished runs; each becomes a section of its own.
    out : Path
        The page to write. It appears complete or not at all.
    names : mapping
        Real patient identifier to the pseudonym shown in its place.
    share : bool
        Whether the page is to be sent: without patients and without small counts.
    force : bool
        Whether a page that is already there may be replaced.

    Returns
    -------
    Path
        ``out``.

    Raises
    ------
    OutputExistsError
        If the page is there and ``force`` is false.
    InputError
        If a patient has no pseudonym.
    """
    require_free(out, force=force)
    return write_page(render(content_of(runs, names, share=share)), out, force=force)


def render(content: Mapping[str, Any]) -> str:
    """Return the page of a content, with its figures drawn: nothing but the content is needed."""
    drawn = [figures_of(section, f"r{place}") for place, section in enumerate(content["runs"], start=1)]
    csv = [
        {name: data_address(as_text(rows)) for name, rows in tables_of(section).items()}
        for section in content["runs"]
    ]
    return page_of(
        "report.html.j2", scripts=SCRIPTS, content=content, drawn=drawn, csv=csv, held=HELD,
        held_said=HELD_SENTENCE, most_people=MOST_PEOPLE, read=[_read(section) for section in content["runs"]],
    )  # fmt: skip


def _read(section: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the script of the page reads of a run: what it draws anew when somebody picks or toggles.

    The patients of the overview are columns here, which takes half the room where they are thousands.
    """
    overview = section["overview"]
    columns = {
        name: [patient[name] for patient in overview["patients"]]
        for name in ("patient", "response", "burden", "score")
    }
    return {
        "waterfalls": section["patients"]["waterfalls"],
        "overview": {"patients": columns, "genes": overview["genes"], "orders": overview["orders"]},
        "bench": section["bench"],
    }
