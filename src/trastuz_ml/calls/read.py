"""The one door for files of calls: whatever the format, one calls table comes out, and no row is lost."""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event

import pandas as pd

from trastuz_ml.calls.expansion import refuse_expansion
from trastuz_ml.calls.genes.names import chromosomes_decide, reconcile_genes
from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.calls.reading import Filters, ReadFile, Reading
from trastuz_ml.calls.regular_files import regular_files
from trastuz_ml.calls.tables.maf import read_table_in_blocks, read_table_of_calls
from trastuz_ml.calls.vcf.reader import read_vcf
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding, merged
from trastuz_ml.schema import CALLS, ROWS, as_words, join_tables, with_columns

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
_FILTERED = (
    ("depth", "min_depth"), ("alt_reads", "min_alt_reads"), ("vaf", "min_vaf"),
    ("population_frequency", "max_population_frequency"),
)  # fmt: skip
_HEAD, _PIECE = 4096, 1 << 20
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
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     maf = Path(folder, "calls.maf")
    ...     _ = maf.write_text(
    ...         "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\n"
    ...         "MLL2\tP1\tNonsense_Mutation\n")
    ...     read_calls([maf]).calls["gene"].tolist()
    ['KMT2D']
    """
    reading = _with_filtered_columns(reading or Reading())
    table = read_symbol_table(reading.symbols)
    with regular_files(paths) as files:
        parts = _read_each(files, reading, workers)
        names = {name for part in parts for name in part.calls["gene"].cat.categories}
        if not reading.wants("chrom") and chromosomes_decide(names, table):
            with_chromosomes = replace(reading, wanted=frozenset({*(reading.wanted or ()), "chrom"}))
            parts = _read_each(files, with_chromosomes, workers)
    parts = _named_apart(parts, files)
    joined = join_tables([part.calls for part in parts], CALLS)
    calls, renamed = reconcile_genes(with_columns(joined, CALLS, set(filter(reading.wants, CALLS.names))), table)
    dropped = join_tables([part.dropped for part in parts], ROWS)
    noticed = merged(finding for part in parts for finding in part.findings)
    simulated = any(part.simulated for part in parts)
    # Most genes of a simulated cohort are invented, and their names therefore in no table.
    renamed = [found for found in renamed if not (simulated and found.code == "gene-unknown")]
    unknown = _unknown_to_filters(missing_to_filters(calls, reading.filters))
    findings = (*noticed, *_taken_out(dropped), *unknown, *renamed)
    sha256 = {name: digest for part in parts for name, digest in part.sha256.items()}
    return ReadFile(calls, dropped, findings, _one_build(parts, files), simulated, sha256)


def read_in_blocks(path: Path, reading: Reading, *, rows: int) -> Iterator[ReadFile]:
    """Read one file of calls some rows at a time, with gene names as the file has them.

    Parameters
    ----------
    path : pathlib.Path
        A regular file (:func:`trastuz_ml.calls.regular_files.regular_files`) of any format. A VCF comes in one
        block.
    reading : Reading
        How to read it.
    rows : int
        Rows of a block, or a few more.

    Yields
    ------
    ReadFile
        The next calls, without hashes. What was noticed, and the build, come with the last.

    Raises
    ------
    InputError
        If the file cannot be read; blocks before the place in question have been given by then.
    """
    reading = _with_filtered_columns(reading)
    try:
        refuse_expansion(path)
        before = path.stat()
        if is_vcf(path):
            yield _complete(read_vcf(path, reading), reading)
        else:
            for block in read_table_in_blocks(path, reading, rows=rows):
                yield _complete(block, reading)
        after = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _changed(path)


def _complete(block: ReadFile, reading: Reading) -> ReadFile:
    calls = with_columns(block.calls, CALLS, set(filter(reading.wants, CALLS.names)))
    return replace(block, calls=calls)


def findings_of_rows(dropped: pd.DataFrame, missing: Mapping[str, int]) -> list[Finding]:
    """Return what filters and readers took out, and what passed a filter for want of a value.

    Parameters
    ----------
    dropped : pandas.DataFrame
        By :data:`trastuz_ml.schema.ROWS`.
    missing : mapping
        What :func:`missing_to_filters` gave, added up.
    """
    return [*_taken_out(dropped), *_unknown_to_filters(missing)]


def _with_filtered_columns(reading: Reading) -> Reading:
    """Return a reading that keeps what its filters look at, for the missing values to be counted."""
    if reading.wanted is None:
        return reading
    return replace(reading, wanted=reading.wanted | {column for column, _ in _declared(reading.filters)})


def _read_each(files: Sequence[Path], reading: Reading, workers: int) -> list[ReadFile]:
    size = sum(file.stat().st_size for file in files)
    if workers < 2 or len(files) < 2 or size < _WORTH_PROCESSES:
        return [_read_one(file, reading) for file in files]
    from joblib import Parallel, delayed

    read: list[ReadFile] = Parallel(n_jobs=min(workers, len(files)))(
        delayed(_read_one)(file, reading) for file in files
    )
    return read


def _read_one(path: Path, reading: Reading) -> ReadFile:
    try:
        refuse_expansion(path)
        before = path.stat()
        refused = Event()
        with ThreadPoolExecutor(1) as beside:
            digest = beside.submit(_sha256, path, refused)
            try:
                part = read_vcf(path, reading) if is_vcf(path) else read_table_of_calls(path, reading)
            except BaseException:
                refused.set()  # nobody waits for the hash of a file that was refused
                raise
            part = replace(part, sha256={path.name: digest.result()})
        after = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise _changed(path)
    return part


def _unreadable(path: Path, error: OSError) -> InputError:
    return InputError(f"{path} cannot be read: {error.strerror or error}; check the path of the calls.")


def _changed(path: Path) -> InputError:
    return InputError(f"{path} was changed while it was read: wait until it is complete, and read it again.")


def _sha256(path: Path, refused: Event) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while not refused.is_set() and (piece := file.read(_PIECE)):
            digest.update(piece)
    return digest.hexdigest()


def is_vcf(path: Path) -> bool:
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
    return re.search(r"\.(vcf|bcf)(\.b?gz)?$", path.name, re.IGNORECASE) is not None


def _named_apart(parts: Sequence[ReadFile], files: Sequence[Path]) -> list[ReadFile]:
    """Add the folder to the names of files that have the same name."""
    names = [file.name for file in files]
    return [
        part if names.count(file.name) == 1 else _of_file(part, f"{file.parent.name}/{file.name}")
        for part, file in zip(parts, files, strict=True)
    ]


def _of_file(part: ReadFile, name: str) -> ReadFile:
    calls, dropped = (
        table.assign(file=as_words(pd.Series(name, index=table.index))) for table in (part.calls, part.dropped)
    )
    [digest] = part.sha256.values()
    return replace(part, calls=calls, dropped=dropped, sha256={name: digest})


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


def missing_to_filters(calls: pd.DataFrame, filters: Filters) -> dict[str, int]:
    """Return how many calls have no value for each declared filter, by the filter's name."""
    return {name: int(calls[column].isna().sum()) for column, name in _declared(filters)}


def _unknown_to_filters(missing: Mapping[str, int]) -> list[Finding]:
    """Return a finding for each declared filter that some calls have no value for: they pass it."""
    column_of = {name: column for column, name in _FILTERED}
    return [
        Finding("warning", "filter-without-value",
                f"calls that give no {column_of[name]}, which `filters: {name}:` looks at: they pass it", count)
        for name, count in missing.items()
        if count
    ]  # fmt: skip


def _declared(filters: Filters) -> list[tuple[str, str]]:
    """Return the columns that declared filters look at, and the filters' names."""
    undeclared = Filters()
    return [(column, name) for column, name in _FILTERED if getattr(filters, name) != getattr(undeclared, name)]
