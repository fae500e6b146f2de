"""The commands that make a run again: what to put where, what to type, and hashes to compare."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def commands_content(file: str, provenance: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the commands in order, each with what it does.

    Parameters
    ----------
    file : str
        Name of the experiment file.
    provenance : mapping
        ``code``, ``sources`` and ``exported``, without identifiers.

    Examples
    --------
    >>> [step["command"] for step in commands_content("demo.yaml", {})][-1]
    'trastuz-ml compare demo --out demo.html'
    """
    name = file.removesuffix(".yaml")
    version = (provenance.get("code") or {}).get("version")
    steps = [("Install the same version.", f"pip install trastuz-ml=={version}")] if version else []
    sums = {
        f"{source['sha256']}  {source['name']}": None
        for source in provenance.get("sources") or ()
        if source.get("sha256") and source.get("name")
    }
    if sums:
        listed = "\n".join(sums)
        steps.append(("See that the files are the same.", f"sha256sum --check <<'END'\n{listed}\nEND"))
    steps += [
        ("Look at the data, and train: any number of workers gives the same numbers.",
         f"trastuz-ml check {file}\ntrastuz-ml train {file}"),
        ("Write this page again.", f"trastuz-ml compare {name} --out {name}.html"),
    ]  # fmt: skip
    return [{"what": what, "command": command} for what, command in steps]
