"""Where a run comes from, as a page may say it: hashes, versions, configuration, the commands to do it again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trastuz_ml.report.commands import commands_content
from trastuz_ml.report.plain import plain
from trastuz_ml.report.privacy import Pseudonyms, without_identifiers
from trastuz_ml.store.run_folder import Run


def provenance_content(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return hashes, versions, configuration and commands, without identifiers and folders of a machine."""
    harmless = frozenset({*run.matrix.genes, *map(str, run.watched["gene"]), *run.models, *_levels(run)})
    known = plain(run.provenance)
    kept = {key: known.get(key) for key in ("plan", "exported", "code", "versions", "sources")}
    kept["sources"] = _sources(kept["sources"])
    clean = without_identifiers({**kept, "configuration": plain(run.configuration)}, hidden, harmless)
    file = f"{file_name(run.name)}.yaml"
    return {
        **clean,
        "command": f"trastuz-ml train {file}",
        "commands": commands_content(file, clean),
        "file": file,
    }


def _levels(run: Run) -> Iterator[str]:
    """Yield the declared levels of covariates: a T2 is a stage, however much patient T2 looks like it."""
    for covariate in (run.configuration.get("roster") or {}).get("covariates", {}).values():
        yield from map(str, covariate.get("levels") or ())


def _sources(sources: Any) -> list[dict[str, Any]]:
    """Return the sources with the same four columns each, whatever was recorded."""
    columns = ("name", "rows_in", "rows_kept", "sha256")
    return [{column: source.get(column) for column in columns} for source in sources or []]


def file_name(name: str) -> str:
    """Return a name that is safe to type in a shell.

    Examples
    --------
    >>> file_name("TransNEO, HER2+ only")
    'TransNEO-HER2-only'
    """
    words = "".join(c if c.isalnum() or c in "._-" else " " for c in name).split()
    return "-".join(words).lstrip("-.") or "experiment"
