"""Find what is wrong with a damaged VCF file, and in which line: htslib does not say, and overlooks some of it."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, cast

_GZIP = b"\x1f\x8b"
# The empty last block by which bgzip marks a complete file (SAM specification, 4.1.2).
_BGZIP_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
# What VCF lets a contig be called (VCF 4.3, 1.4.7).
_CONTIG = re.compile(rb"[0-9A-Za-z!#$%&+./:;?@^_|~-][0-9A-Za-z!#$%&*+./:;=?@^_|~-]*")
_MARK = b"\xef\xbb\xbf"  # the byte order mark that editors put before UTF-8 text
_NAMED = ("CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER")
# What is given the name of a VCF by mistake, by its first bytes.
_SOMETHING_ELSE = (
    (b"BZh", "it is packed with bzip2; unpack it, or pack it with bgzip"),
    (b"\xfd7zXZ\x00", "it is packed with xz; unpack it, or pack it with bgzip"),
    (b"\x28\xb5\x2f\xfd", "it is packed with zstd; unpack it, or pack it with bgzip"),
    (b"PK\x03\x04", "it is a zip archive or a workbook; unpack it, or give a workbook the ending .xlsx"),
    (b"\xff\xfe", "it is text in UTF-16; save it as UTF-8"),
    (b"\xfe\xff", "it is text in UTF-16; save it as UTF-8"),
    (b"CRAM", "it holds reads (CRAM), not calls"),
)
# Longer lines are not lines: a gigabyte in one is a file made to exhaust memory.
LONGEST_LINE = 1 << 28


def lacks_end(path: Path) -> bool:
    """Return whether a file compressed by bgzip lacks the mark of its end: it was cut off between two blocks."""
    with path.open("rb") as file:
        start = file.read(16)
        is_bgzip = start.startswith(_GZIP + b"\x08\x04") and start[12:14] == b"BC"
        if not is_bgzip:
            return False
        file.seek(-min(len(_BGZIP_END), path.stat().st_size), 2)
        return file.read() != _BGZIP_END


def lacks_newline(path: Path) -> bool:
    """Return whether the last line of an uncompressed file has no end."""
    with path.open("rb") as file:
        if file.read(2) in (_GZIP, b""):
            return False
        file.seek(-1, 2)
        return file.read(1) not in (b"\n", b"\r")


def something_else(path: Path) -> str | None:
    """Return what a file is that is no VCF by its first bytes, and what to do; None where they do not tell."""
    with path.open("rb") as file:
        start = file.read(8)
    return next((what for magic, what in _SOMETHING_ELSE if start.startswith(magic)), None)


def first_damage(path: Path, *, most: int | None = None) -> str | None:
    """Return what is wrong with the first malformed line of a VCF text, or None where nothing is found.

    Only what stands between the fields is looked at - column counts, NUL bytes, stray header lines, places -
    and whether the file can be read to its end. A BCF file is not looked into.

    Parameters
    ----------
    path : path
        The file.
    most : int, optional
        Look at no more than so many bytes of records.
    """
    columns, number, seen = 0, 0, 0
    try:
        for number, line in enumerate(_lines(path), start=1):
            if number == 1 and (line.startswith(b"BCF") or b"\n" not in line[:LONGEST_LINE]):
                return None if line.startswith(b"BCF") else _of_one_line(line)
            if line.removeprefix(_MARK).startswith(b"#CHROM"):
                if columns:
                    return f"line {number}: a second header. Join VCF files with bcftools concat, not with cat"
                columns = line.count(b"\t") + 1
            else:
                wrong = _wrong_with(line, number, columns)
                if wrong:
                    return f"line {number}: {wrong}"
                seen += len(line) if columns else 0
                if most is not None and seen > most:
                    return None
    except (EOFError, OSError, zlib.error) as error:
        why = "" if isinstance(error, zlib.error) else f" ({error})"
        return f"the compressed data end or are damaged after line {number}{why}"
    return None if columns else "there is no line that begins with #CHROM, which names the columns"


def contig_names(path: Path) -> set[str]:
    """Return the contigs that the records of a VCF text name, as far as it can be read."""
    names: set[bytes] = set()
    with suppress(EOFError, OSError, zlib.error):
        for line in _lines(path):
            if line.startswith(b"BCF"):
                break
            if not line.startswith(b"#") and b"\t" in line:
                names.add(line.split(b"\t", 1)[0])
    return {name.decode() for name in names if _CONTIG.fullmatch(name)}


def blank_records(path: Path) -> frozenset[int]:
    """Return which of the lines after the header, counted from 1, are blank, as far as the file can be read."""
    blank, seen = set(), 0
    with suppress(EOFError, OSError, zlib.error):
        for line in _lines(path):
            if line.startswith(b"BCF"):
                break
            if seen or not line.startswith(b"#"):
                seen += 1
                if not line.strip():
                    blank.add(seen)
    return frozenset(blank)


def line_of_record(path: Path, record: int) -> tuple[int, bytes, bytes] | None:
    """Return the line number, the line and the header of the n-th record of a VCF text; None in a BCF file."""
    header, seen = [], 0
    try:
        for number, line in enumerate(_lines(path), start=1):
            if number == 1 and line.startswith(b"BCF"):
                return None
            if line.startswith(b"#") and not seen:
                header.append(line)
            else:
                seen += 1
                if seen == record:
                    return number, line, b"".join(header)
    except (EOFError, OSError, zlib.error):
        return None
    return None


def _of_one_line(line: bytes) -> str:
    if b"\0" not in line and line.count(b"\r") > 1:
        return "its lines end with carriage returns alone, as on old Macs; save it with plain line ends"
    return "the file is not text, or a single line"


def _wrong_with(line: bytes, number: int, columns: int) -> str | None:
    if b"\0" in line:
        return "it holds NUL bytes, which no text does; the file is damaged"
    if not columns:
        return _wrong_in_header(line, number)
    if not line.strip():
        return None
    if line.startswith(b"#"):
        return "a header line among the records. Join VCF files with bcftools concat, not with cat"
    found = line.count(b"\t") + 1
    if found == 1 and b" " in line:
        return "its fields are separated by blanks; VCF wants tabs"
    if found != columns:
        cut = "" if line.endswith(b"\n") else "; the file is cut off"
        return f"{found} field{'s' if found > 1 else ''}, but the header has {columns}{cut}"
    words = line.split(b"\t", 7)[:7]
    place = words[1]
    if not place.isdigit() or len(place) > 10 or int(place) >= 1 << 31:
        return f"POS is '{place[:40].decode(errors='replace')}', which is no position"
    for name, word in zip(_NAMED, words, strict=False):
        if _not_utf8(word):
            return f"{name} is '{word[:40].decode(errors='replace')}', which is not text in UTF-8"
    return None


def _not_utf8(word: bytes) -> bool:
    try:
        word.decode()
    except UnicodeDecodeError:
        return True
    return False


def _wrong_in_header(line: bytes, number: int) -> str | None:
    wrong_version = line.startswith(b"##fileformat") and not line.startswith(b"##fileformat=VCFv")
    if number == 1 and (wrong_version or not line.removeprefix(_MARK).startswith(b"#")):
        shown = line[:40].decode(errors="replace").strip()
        return f"expected ##fileformat=VCFv4.x, found '{shown}'"
    if not line.removeprefix(_MARK).startswith(b"#"):
        return "expected a header line, which begins with #; there was no #CHROM line before it"
    return None


def _lines(path: Path) -> Iterator[bytes]:
    """Yield the lines of a file, compressed or not; of an overlong line the beginning."""
    with path.open("rb") as file:
        compressed = file.read(2) == _GZIP
        file.seek(0)
        opened = cast("BinaryIO", gzip.GzipFile(fileobj=file)) if compressed else file
        while line := opened.readline(LONGEST_LINE):
            yield line
