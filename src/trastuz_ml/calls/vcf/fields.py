"""Tell whether every record of a VCF text has the fields of the header: htslib passes over spare ones."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_GZIP, _BCF = b"\x1f\x8b", b"BCF"
_AT_ONCE = 1 << 20


def fields_differ(path: Path) -> bool:
    """Return whether the tabs of the records are not those that the header's columns ask for.

    Two records that lost the line end between them are one line to htslib, and the second is not read. To count
    tabs tells that in a fraction of the time that reading the records takes; which line it is, is looked for then.
    Several blank lines in a row may make it say yes: that look then finds nothing.

    Parameters
    ----------
    path : path
        A VCF text. Of a packed one this says nothing: to unpack it a second time would take as long as reading it,
        and its checksums tell of later damage. Nor of BCF, which has no lines.
    """
    with path.open("rb") as text:
        packed = text.read(2) == _GZIP
        text.seek(0)
        columns = None if packed else _columns(text)
        return columns is not None and _differ(text, columns)


def _columns(text: BinaryIO) -> int | None:
    """Return how many tabs the header line has, with all above it read; nothing where there is none."""
    while (line := text.readline(_AT_ONCE)).startswith(b"#") or not line.endswith(b"\n"):
        if line.startswith(b"#CHROM"):
            return line.count(b"\t") if line.endswith(b"\n") else None
        if not line or line.startswith(_BCF):
            return None
    return None


def _differ(text: BinaryIO, columns: int) -> bool:
    tabs, lines, last = 0, 0, b"\n"
    while block := text.read(_AT_ONCE):
        tabs += block.count(b"\t")
        # A blank line is no record.
        lines += block.count(b"\n") - block.count(b"\n\n") - (last == block[:1] == b"\n")
        last = block[-1:]
    return tabs != columns * (lines + (last != b"\n"))
