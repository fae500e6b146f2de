"""The one door for files of calls: whatever the format, one calls table comes out, and no row is lost."""

from __future__ import annotations

import gzip
import hashlib
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pandas as pd
from joblib import Parallel, delayed

from trastuz_ml.calls.genes.names import reconcile_genes
from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.calls.reading import Filters, ReadFile, Reading
from trastuz_ml.calls.tables.maf import mutation_files, read_table_of_calls
from trastuz_ml.calls.vcf.reader import read_vcf
from trastuz_ml.errors import InputError, TrastuzError
from trastuz_ml.findings import Finding, merged
from trastuz_ml.schema import CALLS, ROWS, as_words, join_tables

# What a rule took out, in words, and what to do about it.
_IN_WORDS = {
    "filter": "calls that their caller filtered out; `filters: words:` names the FILTER words to let through",
    "low-depth": "calls with fewer reads than `filters: min_depth:` asks for",
    "few-alt-reads": "calls with fewer supporting reads than `filters: min_alt_reads:` asks for",
    "low-vaf": "calls with a lower allele fraction than `filters: min_vaf:` asks for",
    "common-in-population": "calls of alleles more frequent than `filters: max_population_frequency:` allows",
    "not-carried": "alleles that the genotype says the patient does not carry",
    "germline": "calls that their somatic caller says are inherited",
    "no-alternative": "records without an alternative allele",
    "spanning-deletion": "alleles that stand for a deletion written elsewhere (*)",
    "symbolic-allele": "symbolic alleles and breakends, which change no known sequence",
    "not-annotated": "alleles without an annotation, in no gene; annotate the file again",
}
_DECLARED = (
    ("depth", "min_depth"), ("alt_reads", "min_alt_reads"), ("vaf", "min_vaf"),
    ("population_frequency", "max_population_frequency"),
)  # fmt: skip
_HEAD = 4096
# Starting processes takes about as long as reading this many bytes.
_WORTH_PROCESSES = 4_000_000


def read_calls(paths: Sequence[str | Path], reading: Reading | None = None, *, workers: int = 1) -> ReadFile:
    r"""Read files of calls, of any format, into one calls table with current gene names.

    VCF and BCF files, MAF files and tables like them, workbooks and cBioPortal study folders are told apart by
    their content. Pipes are read to their end first.

    Parameters
    ----------
    paths : sequence of path
        The files; ``-`` is the standard input.
    reading : Reading, optional
        How to read them; the same for all.
    workers : int
        Processes, where there are several files. The result does not depend on it.

    Returns
    -------
    ReadFile
        The calls of all files in the order given, what was dropped and noticed, and their genome build.

    Raises
    ------
    InputError
        If a file cannot be read, or files are of different genome builds; the message names the file.

    Examples
    --------
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     maf = Path(folder, "calls.maf")
    ...     _ = maf.write_text(
    ...         "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\n"
    ...         "MLL2\tP1\tNonsense_Mutation\n")
    ...     read_calls([maf]).calls["gene"].tolist()
    ['KMT2D']
    """
    reading = reading or Reading()
    table = read_symbol_table(reading.symbols)
    with _regular_files(paths) as files:
        parts = _read_each(files, reading, workers)
    parts = _named_apart(parts, files)
    calls, renamed = reconcile_genes(join_tables([part.calls for part in parts], CALLS), table)
    dropped = join_tables([part.dropped for part in parts], ROWS)
    noticed = merged(finding for part in parts for finding in part.findings)
    simulated = any(part.simulated for part in parts)
    # Most genes of a simulated cohort are invented, and their names therefore in no table.
    renamed = [found for found in renamed if not (simulated and found.code == "gene-unknown")]
    findings = (*noticed, *_taken_out(dropped), *_unknown_to_filters(calls, reading.filters), *renamed)
    sha256 = {name: digest for part in parts for name, digest in part.sha256.items()}
    return ReadFile(calls, dropped, findings, _one_build(parts, files), simulated, sha256)


@contextmanager
def _regular_files(paths: Sequence[str | Path]) -> Iterator[list[Path]]:
    """Give files that can be read twice: what comes from a pipe is kept until all is read."""
    with tempfile.TemporaryDirectory(prefix="trastuz_ml-") as folder:
        try:
            yield [
                file
                for place, path in enumerate(paths)
                for file in _as_files(Path(path), Path(folder, str(place)), piped=str(path) == "-")
            ]
        except TrastuzError as error:
            # Nobody knows the folder that held what came from a pipe.
            spooled = re.escape(folder) + r"/\d+/"
            raise type(error)(re.sub(spooled, "", str(error))) from error


def _as_files(path: Path, spool: Path, *, piped: bool) -> list[Path]:
    if piped or path.is_fifo() or path.is_char_device():
        spool.mkdir()
        kept = spool / ("standard input" if piped else path.name)
        with kept.open("wb") as file:
            if piped:
                shutil.copyfileobj(sys.stdin.buffer, file)
            else:
                with path.open("rb") as pipe:
                    shutil.copyfileobj(pipe, file)
        return [kept]
    if path.is_dir():
        return mutation_files(path)
    if not path.exists():
        raise InputError(f"There is no file {path}; check the path of the calls.")
    return [path]


def _read_each(files: Sequence[Path], reading: Reading, workers: int) -> list[ReadFile]:
    size = sum(file.stat().st_size for file in files)
    if workers < 2 or len(files) < 2 or size < _WORTH_PROCESSES:
        return [_read_one(file, reading) for file in files]
    read: list[ReadFile] = Parallel(n_jobs=min(workers, len(files)))(
        delayed(_read_one)(file, reading) for file in files
    )
    return read


def _read_one(path: Path, reading: Reading) -> ReadFile:
    part = read_vcf(path, reading) if _is_vcf(path) else read_table_of_calls(path, reading)
    with path.open("rb") as file:
        return replace(part, sha256={path.name: hashlib.file_digest(file, "sha256").hexdigest()})


def _is_vcf(path: Path) -> bool:
    """Return whether a file is VCF or BCF, by its first bytes, or by its name where they say nothing."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path, "rb") if zipped else path.open("rb") as file:
            head = file.read(_HEAD)
    except (OSError, EOFError, zlib.error):
        head = b""
    starts = head.removeprefix(b"\xef\xbb\xbf")
    if starts.startswith((b"##fileformat=VCF", b"BCF\2", b"#CHROM\tPOS\tID\tREF\tALT")):
        return True
    return {".vcf", ".bcf"} & {suffix.lower() for suffix in path.suffixes[-2:]} != set()


def _named_apart(parts: Sequence[ReadFile], files: Sequence[Path]) -> list[ReadFile]:
    """Add the folder to the names of files that have the same name."""
    names = [file.name for file in files]
    return [
        part if names.count(file.name) == 1 else _of_file(part, f"{file.parent.name}/{file.name}")
        for part, file in zip(parts, files, strict=True)
    ]


def _of_file(part: ReadFile, name: str) -> ReadFile:
    named = [
        frame.assign(file=as_words(pd.Series(name, index=frame.index))) for frame in (part.calls, part.dropped)
    ]
    return replace(part, calls=named[0], dropped=named[1])


def _one_build(parts: Sequence[ReadFile], files: Sequence[Path]) -> str | None:
    named = {part.build: file.name for part, file in zip(parts, files, strict=True) if part.build is not None}
    if len(named) > 1:
        said = " and ".join(f"{file} says {build}" for build, file in sorted(named.items()))
        raise InputError(
            f"The files of calls are of different genome builds: {said}. Positions mean different places in them; "
            "lift one over to the other's build first."
        )
    return next(iter(named), None)


def _taken_out(dropped: pd.DataFrame) -> list[Finding]:
    counts = dropped.groupby("fate", observed=True)["rows"].sum()
    return [
        Finding("note", f"dropped-{fate}", f"{_IN_WORDS.get(str(fate), str(fate))}: left out", int(count))
        for fate, count in counts.items()
    ]


def _unknown_to_filters(calls: pd.DataFrame, filters: Filters) -> list[Finding]:
    """Return a finding for each declared filter that many calls have no value for: they pass it."""
    undeclared = Filters()
    found = []
    for column, name in _DECLARED:
        if getattr(filters, name) == getattr(undeclared, name):
            continue
        unknown = int(calls[column].isna().sum()) if column in calls else len(calls)
        if unknown:
            message = f"calls that give no {column}, which `filters: {name}:` looks at: they pass it"
            found.append(Finding("warning", "filter-without-value", message, unknown))
    return found
