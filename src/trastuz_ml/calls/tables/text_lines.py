"""Read a text file, however it is packed and encoded, as blocks of whole lines in UTF-8 or another 8-bit code."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import cast

from trastuz_ml.calls.expansion import refuse_ratio
from trastuz_ml.errors import InputError

# The header is found in a small block; the rows come in blocks that fill the processor's cache and no more.
FIRST_BLOCK = 1 << 18
BLOCK = 8 << 20
LONGEST_LINE = 64 << 20

_PACKED = ((b"\x1f\x8b", gzip.open), (b"BZh", bz2.open), (b"\xfd7zXZ\x00", lzma.open))
_NOT_TEXT = (
    (b"PK\x03\x04", "a zip archive or workbook; unpack it, or give a workbook the ending .xlsx"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file; save it as .xlsx or as tab-separated text"),
    (b"\x28\xb5\x2f\xfd", "packed with zstd; unpack it, or pack it with gzip"),
    (b"PAR1", "a Parquet file; save it as tab-separated text"),
)
_WIDE = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def line_blocks(path: Path) -> Iterator[bytes]:
    r"""Yield the file's bytes in blocks that end with a line end, all line ends as ``\n``.

    A file packed with gzip (bgzip too), bzip2 or xz is known by its first bytes, not by its name. A byte
    order mark is left out; UTF-16 with a mark becomes UTF-8. At most a few blocks are held at a time.

    Raises
    ------
    InputError
        If the file is not there, cannot be read to its end, is not text, has a line longer than 64 MB, or
        unpacks to a size that no table has.
    """
    with ExitStack() as stack:
        plain, file = _opened(path, stack)
        unpacked = 0
        try:
            for block in _whole_lines(file, path):
                unpacked += len(block)
                if file is not plain:
                    refuse_ratio(path, plain.tell(), unpacked)
                yield block
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            # The words of zlib name a number of its own.
            why = "the packed data are damaged" if isinstance(error, zlib.error) else error
            raise InputError(f"{path} cannot be read to its end: {why}. Is the file cut off?") from error
        except UnicodeDecodeError as error:
            raise InputError(
                f"{path} cannot be read as UTF-16, which its first bytes say: {error.reason}."
            ) from error


def lacks_last_line_end(path: Path) -> bool:
    """Return whether a text has no end of its last line, as one that was cut off; packed ones tell otherwise."""
    with path.open("rb") as file:
        start = file.read(8)
        file.seek(-min(2, path.stat().st_size), 2)
        end = file.read()
    packed = any(start.startswith(magic) for magic, _ in _PACKED)
    return not packed and b"\n" not in end and not end.endswith(b"\r")


def _opened(path: Path, stack: ExitStack) -> tuple[io.BufferedIOBase, io.BufferedIOBase]:
    """Return the file, and what its bytes unpack to: the same where it is not packed."""
    try:
        plain = stack.enter_context(path.open("rb"))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}; check the path of the calls.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    start = plain.peek(8)
    for magic, what in _NOT_TEXT:
        if start.startswith(magic):
            raise InputError(f"{path} cannot be read: it is {what}.")
    for magic, unpack in _PACKED:
        if start.startswith(magic):
            return plain, cast("io.BufferedIOBase", stack.enter_context(unpack(plain, "rb")))
    return plain, plain


def _whole_lines(file: io.BufferedIOBase, path: Path) -> Iterator[bytes]:
    chunk = file.read(FIRST_BLOCK)
    if chunk.startswith(_WIDE):
        file = cast("io.BufferedIOBase", io.BufferedReader(_FromUtf16(file, chunk), BLOCK))
        chunk = file.read(FIRST_BLOCK)
    rest = b""
    chunk = chunk.removeprefix(codecs.BOM_UTF8)
    # The same memory is read into again and again: fresh memory for each block takes as long as the reading.
    buffer = bytearray(BLOCK)
    lines: bytes | bytearray = chunk
    size = len(chunk)
    while size:
        end = _last_line_end(lines, size)
        if not end and len(rest) + size > LONGEST_LINE:
            raise InputError(
                f"{path}: a line is longer than {LONGEST_LINE >> 20} MB; a table has one line for each call."
            )
        if end:
            yield _with_plain_ends(b"".join((rest, memoryview(lines)[:end])))
            rest = bytes(lines[end:size])
        else:
            rest += lines[:size]
        lines, size = buffer, file.readinto(buffer)
    if rest:
        yield _with_plain_ends(rest + b"\n")


def _last_line_end(lines: bytes | bytearray, size: int) -> int:
    # A carriage return at the very end may be the first half of \r\n.
    return lines.rfind(b"\n", 0, size) + 1 or lines.rfind(b"\r", 0, size - 1) + 1


def _with_plain_ends(lines: bytes) -> bytes:
    if b"\r" not in lines:
        return lines
    plain = lines.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return plain if plain.endswith(b"\n") else plain + b"\n"


class _FromUtf16(io.RawIOBase):
    """UTF-16 bytes, read as UTF-8."""

    def __init__(self, file: io.BufferedIOBase, start: bytes) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-16")()
        self._ready = self._recoded(start)

    def readable(self) -> bool:
        return True

    def _recoded(self, wide: bytes) -> bytes:
        return self._decoder.decode(wide, final=not wide).encode()

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            wide = self._file.read(FIRST_BLOCK)
            self._ready = self._recoded(wide)
            if not wide:
                return 0
        size = min(len(buffer), len(self._ready))
        buffer[:size], self._ready = self._ready[:size], self._ready[size:]
        return size
