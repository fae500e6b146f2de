"""Read a VCF or BCF file, through htslib, into the calls table."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from cyvcf2 import VCF
from cyvcf2.cyvcf2 import set_htslib_log_level

from trastuz_ml.calls.annotation.find import find_annotation
from trastuz_ml.calls.genome_build import build_of_header
from trastuz_ml.calls.reading import ReadFile, Reading
from trastuz_ml.calls.vcf.damage import (
    blank_records,
    contig_names,
    first_damage,
    lacks_end,
    line_of_record,
    something_else,
)
from trastuz_ml.calls.vcf.fields import fields_differ
from trastuz_ml.calls.vcf.first_line import with_first_line
from trastuz_ml.calls.vcf.population_frequency import frequency_fields
from trastuz_ml.calls.vcf.rows import Layout, Tally, candidates
from trastuz_ml.calls.vcf.table import calls_table, findings_of, rows_table, wanted_columns
from trastuz_ml.calls.vcf.tumor_sample import find_tumors
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding
from trastuz_ml.schema import ROWS, join_tables

_MENDED = (
    "files begin without the line ##fileformat=VCFv4.x, or with a byte order mark; they are read as version 4.2"
)
_OVERLOOKED = (
    "files have lines that are not as their header says: what lies behind the last column, or behind a NUL byte, "
    "is not read"
)
_LOOKED_AT = 1 << 20  # bytes of records, at the beginning of a file
_CONTIG = re.compile(r"^##contig=<.*?\bID=([^,>]+)", re.MULTILINE)
_CHROMOSOMES = {f"{chr}{name}" for chr in ("", "chr") for name in (*map(str, range(1, 23)), "X", "Y", "M", "MT")}
_INFO = re.compile(r'^##INFO=<ID=([^,>]+)(?:.*?Description="(.*)")?', re.MULTILINE)


def read_vcf(path: Path, reading: Reading) -> ReadFile:
    """Read a VCF or BCF file, plain or compressed, into the calls table.

    One row of the file is one alternative allele and gene of a record, for each tumour. With a normal, a
    record is the somatic call of the tumour; without one, the genotype says who carries the allele. A file
    without sample columns is taken as the calls of one patient, whom the file's name names.

    Parameters
    ----------
    path : path
        The file; not a pipe.
    reading : Reading
        How to read it.

    Returns
    -------
    ReadFile
        The calls in the order of the file, and what became of all other rows.

    Raises
    ------
    InputError
        If the file is missing, damaged or cut off, is not annotated, or does not say which of its samples
        is the tumour; the message gives the line, or the place and the number of the record.
    """
    path = Path(path)
    set_htslib_log_level(0)  # what htslib has to say goes into the message, not to the terminal
    try:
        _refuse_no_file(path)
        with with_first_line(path) as readable:
            opened = _open(readable, path)
            with ThreadPoolExecutor(1) as beside:
                return _read(opened, path, reading, beside.submit(fields_differ, path), mended=readable != path)
    except UnicodeDecodeError as error:
        why = first_damage(path) or f"it holds text that is not UTF-8 ({error.reason})"
        raise InputError(f"{path} cannot be read: {why}. Make it again, or save it as UTF-8.") from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error


def _read(opened: Any, path: Path, reading: Reading, uneven: Future[bool], *, mended: bool) -> ReadFile:
    header = opened.raw_header
    _declare_contigs(opened, header, path)
    described, names = dict(_INFO.findall(header)), frozenset(wanted_columns(reading))
    layout = Layout(
        path,
        find_annotation(described, reading.annotation, path, names),
        find_tumors(_samples(opened, path), header, reading, path),
        counts=not names.isdisjoint(("vaf", "depth", "alt_reads")),
        frequencies=frequency_fields(described) if "population_frequency" in names else (),
        status="ID=SS," in header,
    )
    build = _build(header, path)
    tally = Tally()
    calls, filtered = calls_table(candidates(_records(opened, path), layout, tally), layout, reading)
    dropped = join_tables([rows_table(tally, layout), filtered], ROWS)
    empty_file = not len(calls) and not len(dropped)
    findings = [*layout.tumors.findings, *findings_of(tally, layout, empty_file=empty_file)]
    if mended:
        findings.append(Finding("note", "no-fileformat", _MENDED, where=path.name))
    # What htslib refuses has ended in an error; this is what it overlooks.
    if odd := first_damage(path, most=None if uneven.result() else _LOOKED_AT):
        findings.append(Finding("warning", "odd-lines", _OVERLOOKED, where=f"{path.name}, {odd}"))
    return ReadFile(
        calls, dropped, tuple(findings), build, _says_simulated(header), patients=layout.tumors.patients
    )


def _build(header: str, path: Path) -> str | None:
    try:
        return build_of_header(header)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _says_simulated(header: str) -> bool:
    return any("SIMULATED" in line for line in header.splitlines() if line.startswith("##"))


# ---- htslib ----------------------------------------------------------------------------------------------


def _refuse_no_file(path: Path) -> None:
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no file" if not path.exists() else "no regular file"
        raise InputError(f"Expected a VCF or BCF file at {path}, found {what}; check the path of the calls.")
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty: expected a VCF file, which begins with ##fileformat=VCFv4.x.")
    # htslib ends the process over some of these.
    if other := something_else(path):
        raise InputError(f"{path} cannot be read as VCF: {other}.")
    if lacks_end(path):
        raise InputError(
            f"{path} lacks the end mark of bgzip, so it was cut off: copy it again. If it is known to be "
            "complete, bgzip -dc FILE | bgzip > NEW writes the mark."
        )


def _open(readable: Path, path: Path) -> Any:
    try:
        return VCF(str(readable.absolute()))  # absolute: htslib takes '-' and addresses for something else
    except Exception as error:
        # cyvcf2 raises the bare class for a header that it cannot read.
        why = first_damage(path) or _said_by_htslib(readable) or "it is neither VCF nor BCF"
        raise InputError(f"{path} cannot be read as VCF: {why}.") from error


def _declare_contigs(opened: Any, header: str, path: Path) -> None:
    """Declare the contigs that the header leaves out.

    cyvcf2 takes a record that is malformed, and the first one on a contig that is not declared, for a good one,
    and the process ends when it is looked at.
    """
    declared = set(_CONTIG.findall(header))
    for name in sorted((_CHROMOSOMES if declared else contig_names(path)) - declared):
        opened.add_to_header(f"##contig=<ID={name}>")


def _samples(opened: Any, path: Path) -> list[str]:
    try:
        return list(opened.samples)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: the names of its sample columns are not UTF-8 text ({error.reason})."
        ) from error


def _records(opened: Any, path: Path) -> Iterator[Any]:
    """Yield the records; whatever htslib cannot read ends in a message about the line."""
    seen, blank = 0, None
    while True:
        try:
            for record in opened:
                seen += 1
                yield record
        except Exception as error:
            # cyvcf2 raises the bare class for a record that it cannot read: for a second blank line too.
            seen += 1
            blank = blank_records(path) if blank is None else blank
            if seen not in blank:
                raise InputError(f"{path}, {_why_unreadable(path, seen)}.") from error
        else:
            return


def _why_unreadable(path: Path, record: int) -> str:
    """Return in words what is wrong with a record that htslib refused, with its line where there are lines."""
    damage = first_damage(path)
    if damage:
        return damage
    found = line_of_record(path, record)
    if found is None:
        return f"record {record}: the file is damaged or cut off there; copy it again, or make it again"
    number, line, header = found
    with tempfile.TemporaryDirectory() as folder:
        alone = Path(folder, "one.vcf")
        contig = b"##contig=<ID=" + line.split(b"\t", 1)[0] + b">\n"
        alone.write_bytes(header.replace(b"#CHROM\t", contig + b"#CHROM\t", 1) + line)
        said = _said_by_htslib(alone)
    shown = line[:60].decode(errors="replace").strip().replace("\t", " ")
    return f"line {number} ({shown} ...): {said or 'the record cannot be read'}"


def _said_by_htslib(path: Path) -> str:
    """Return what htslib says of a file that it refuses; it speaks on the process's error stream alone."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as caught:
        kept = os.dup(2)
        os.dup2(caught.fileno(), 2)
        set_htslib_log_level(1)
        try:
            with suppress(Exception):  # that it fails is known; the words are wanted
                for _ in VCF(str(path.absolute())):
                    pass
        finally:
            set_htslib_log_level(0)
            os.dup2(kept, 2)
            os.close(kept)
        caught.seek(0)
        said = caught.read().decode(errors="replace").strip()
    lines = [re.sub(r"^\[E::\w+\] *", "", line) for line in said.splitlines() if line.startswith("[E::")]
    return lines[0].strip().rstrip(".:")[:300] if lines else ""
