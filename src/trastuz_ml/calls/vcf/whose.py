"""Say whose calls a file was to hold that cannot be read: by what is left of its header, or by its name."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress
from pathlib import Path

from trastuz_ml.calls.reading import Reading
from trastuz_ml.calls.vcf.tumor_sample import find_tumors, patient_of_file
from trastuz_ml.errors import InputError

_LONGEST_HEADER = 64 << 20


def patients_of_damaged(path: Path, reading: Reading) -> tuple[str, ...]:
    """Return the patients that a damaged VCF file names, its header first, or else whom its name may mean.

    Parameters
    ----------
    path : pathlib.Path
        A file that could not be read, or is not there.
    reading : Reading
        How it was to be read.

    Returns
    -------
    tuple of str
        Identifiers; the last resort, the name of the file, may be no patient's.

    Examples
    --------
    >>> patients_of_damaged(Path("no such folder", "P7.vep.vcf.gz"), Reading())
    ('P7',)
    """
    header = _header(path)
    named = header.rpartition("\n")[2].rstrip("\r").split("\t")[9:] if header else []
    if named:
        with suppress(InputError):
            return find_tumors(named, header, reading, path).patients
    return (patient_of_file(path),)


def _header(path: Path) -> str:
    """Return the lines of a VCF text up to the names of its columns, nothing where they cannot be reached."""
    lines, size = [], 0
    with suppress(OSError, EOFError, zlib.error, UnicodeDecodeError):
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else path.open("rb") as text:
            while (line := text.readline(_LONGEST_HEADER)).startswith((b"#", b"\xef\xbb\xbf#")):
                lines.append(line.decode().rstrip("\n"))
                size += len(line)
                if line.startswith(b"#CHROM\t") or size > _LONGEST_HEADER:
                    break
    return "\n".join(lines) if lines and lines[-1].startswith("#CHROM\t") else ""
