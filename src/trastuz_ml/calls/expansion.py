"""Refuse small files that unpack into enormous ones: they are made to exhaust memory, not to hold calls."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from trastuz_ml.errors import InputError

# Tables and VCF files shrink to a tenth, with thousands of samples to a fiftieth.
MOST_TIMES = 150
# What unpacks to less than this harms nobody.
HARMLESS = 128 << 20
# The sheets of a workbook are read as trees: less of them is enough to do harm.
_HARMLESS_SHEET, _MOST_TIMES_SHEET = 64 << 20, 100
# Deflate cannot shrink anything further (RFC 1951: 258 bytes in two bits).
_DEFLATE_LIMIT = 1032
_PROBE = 256 << 10
_GZIP = b"\x1f\x8b"


def refuse_expansion(path: Path) -> None:
    """Refuse a gzip file or a workbook that unpacks to more than a few hundred times its size.

    Gzip is judged by its beginning and by the size that its end tells; a workbook by its list of parts.

    Raises
    ------
    InputError
        If it does.
    """
    with path.open("rb") as file:
        start = file.read(4)
        if start == b"PK\x03\x04":
            _refuse_parts(path, file)
        size = path.stat().st_size
        if start.startswith(_GZIP) and size * _DEFLATE_LIMIT > HARMLESS:
            file.seek(-4, 2)
            told = int.from_bytes(file.read(4), "little")
            file.seek(0)
            probe = file.read(_PROBE)
            refuse_ratio(path, size, told)
            if _unpacked(probe) > MOST_TIMES * len(probe):
                raise _refusal(path)


def refuse_ratio(path: Path, packed: int, unpacked: int) -> None:
    """Refuse a file of which so many bytes became so many.

    Raises
    ------
    InputError
        If these are more than data ever do.

    Examples
    --------
    >>> refuse_ratio(Path("a.maf.gz"), 1000, 100_000_000)
    >>> refuse_ratio(Path("a.maf.gz"), 1_000_000, 1_000_000_000)
    Traceback (most recent call last):
    trastuz_ml.errors.InputError: a.maf.gz unpacks to more than 150 times its size, ...
    """
    if unpacked > HARMLESS and unpacked > MOST_TIMES * packed:
        raise _refusal(path)


def _unpacked(probe: bytes) -> int:
    inflate = zlib.decompressobj(wbits=31)
    with suppress(zlib.error):
        return len(inflate.decompress(probe, MOST_TIMES * _PROBE + 1))
    return 0


def _refuse_parts(path: Path, file: BinaryIO) -> None:
    parts: list[zipfile.ZipInfo] = []
    with suppress(zipfile.BadZipFile, ValueError, OSError, NotImplementedError), zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
    if any(part.file_size > max(_HARMLESS_SHEET, _MOST_TIMES_SHEET * part.compress_size) for part in parts):
        raise _refusal(path, _MOST_TIMES_SHEET)


def _refusal(path: Path, times: int = MOST_TIMES) -> InputError:
    return InputError(
        f"{path} unpacks to more than {times} times its size, as no file of calls does: it may be made to exhaust "
        "memory. If it is known to be good, unpack it first."
    )
