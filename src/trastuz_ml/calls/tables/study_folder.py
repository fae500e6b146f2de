"""Find the files of mutations in a study folder of cBioPortal's form."""

from __future__ import annotations

import re
from pathlib import Path

from trastuz_ml.errors import InputError


def mutation_files(folder: Path) -> list[Path]:
    """Return the files of calls of a study folder: as its ``meta_mutations*.txt`` say, else by their names.

    Parameters
    ----------
    folder : pathlib.Path
        A folder with ``data_mutations*.txt``, or with ``meta_*`` files that name other ones.

    Raises
    ------
    InputError
        If the folder holds none, or a named file is not there.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as study:
    ...     _ = Path(study, "data_mutations_extended.txt").write_text("")
    ...     [path.name for path in mutation_files(Path(study))]
    ['data_mutations_extended.txt']
    """
    named: dict[Path, Path] = {}
    for meta in sorted(folder.glob("meta_*.txt")):
        fields = _fields(meta)
        if fields.get("genetic_alteration_type", "").upper() == "MUTATION_EXTENDED" and "data_filename" in fields:
            named[folder / fields["data_filename"]] = meta
    for file, meta in named.items():
        if not file.is_file():
            raise InputError(f"{meta} names the file {file.name}, which is not in {folder}.")
    found = list(named) or sorted(
        file for file in folder.glob("data_mutations*") if re.search(r"\.(txt|maf)(\.gz)?$", file.name)
    )
    if not found:
        raise InputError(
            f"{folder} cannot be read as calls: it is a folder, and no study folder of cBioPortal's form, which "
            "has data_mutations*.txt. Name the files."
        )
    return found


def _fields(meta: Path) -> dict[str, str]:
    lines = meta.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines if not line.startswith("#"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value.strip()}
