"""Give a VCF text the first line that htslib insists on, where an editor or a script has spoilt it."""

from __future__ import annotations

import gzip
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

_GZIP = b"\x1f\x8b"
_MARK = b"\xef\xbb\xbf"  # the byte order mark that editors put before UTF-8 text
_FIRST_LINE = b"##fileformat=VCFv4.2\n"


@contextmanager
def with_first_line(path: Path) -> Iterator[Path]:
    """Give the path itself, or a copy without a byte order mark and with the line ``##fileformat``.

    Only a file that begins with a header line is copied; whatever else is wrong is left for the reader to say.
    """
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP
        file.seek(0)
        text = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if compressed else file
        start = _start(text)
        marked = start.startswith(_MARK)
        headed = start.removeprefix(_MARK).startswith(b"##fileformat")
        if not start.removeprefix(_MARK).startswith(b"#") or (headed and not marked):
            yield path
            return
        with tempfile.TemporaryDirectory(prefix="trastuz_ml-") as folder:
            mended = Path(folder, "mended.vcf")
            with mended.open("wb") as copy:
                copy.write((b"" if headed else _FIRST_LINE) + start.removeprefix(_MARK))
                shutil.copyfileobj(text, copy)
            yield mended


def _start(text: BinaryIO) -> bytes:
    try:
        return text.read(64)
    except (EOFError, OSError, zlib.error):
        return b""
