"""Files of calls of new patients, read one by one: of one that cannot be read is told, and reading goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from trastuz_ml.calls.genes.names import GeneNames
from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.calls.read import findings_of_rows, is_vcf, missing_to_filters, read_in_blocks
from trastuz_ml.calls.reading import ReadFile, Reading
from trastuz_ml.calls.regular_files import readable_message, regular_files
from trastuz_ml.calls.vcf.tumor_sample import patient_of_file
from trastuz_ml.calls.vcf.whose import patients_of_damaged
from trastuz_ml.errors import InputError
from trastuz_ml.findings import Finding
from trastuz_ml.schema import ROWS, join_tables

# Rows of a table that are held at a time.
ROWS_AT_A_TIME = 400_000
# Starting processes takes about as long as reading this many bytes.
_WORTH_PROCESSES = 4_000_000


@dataclass(frozen=True)
class GivenFile:
    """A file of calls that was named; ``error`` says why it is not there, or no file."""

    path: Path
    error: str = ""

    @property
    def size(self) -> int:
        """Bytes of the file; 0 where it is not there."""
        return 0 if self.error else self.path.stat().st_size


@dataclass(frozen=True)
class FileTold:
    """What became of one file of calls.

    Attributes
    ----------
    name : str
        Its path, as messages name it.
    vcf : bool
        Whether it is a VCF: then it says whom it is about, calls or not.
    patients : tuple of str
        Whom it is about: by its sample columns, or by its name where it cannot be read.
    certain : bool
        Whether the file itself says so, and not its name.
    calls : mapping
        Number of calls of each patient; of a damaged table, of those before the damage.
    rows : int
        Rows of the file, those included that did not become calls.
    build : str, optional
        Genome build that it names.
    error : str
        Why it cannot be read; empty where it was.
    findings : tuple of Finding
        What was noticed.
    """

    name: str
    vcf: bool
    patients: tuple[str, ...] = ()
    certain: bool = True
    calls: Mapping[str, int] = field(default_factory=dict)
    rows: int = 0
    build: str | None = None
    error: str = ""
    findings: tuple[Finding, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> FileTold:
        """Return what :meth:`as_json` took apart."""
        findings = tuple(Finding(**found) for found in told["findings"])
        return cls(**{**told, "patients": tuple(told["patients"]), "findings": findings})


@contextmanager
def given_files(paths: Sequence[Path]) -> Iterator[list[GivenFile]]:
    """Give the regular files that are named; what comes from a pipe is kept until the end of the context."""
    with ExitStack() as stack:
        files: list[GivenFile] = []
        for path in paths:
            try:
                files += [GivenFile(file) for file in stack.enter_context(regular_files([path]))]
            except InputError as error:
                files.append(GivenFile(path, str(error)))
        yield files


def read_given(
    files: Sequence[GivenFile],
    reading: Reading,
    names: GeneNames,
    take: Callable[[pd.DataFrame], None],
    *,
    workers: int = 1,
    tell: Callable[[int], None] = lambda _: None,
) -> list[FileTold]:
    """Read files of calls, one after another, block by block.

    Parameters
    ----------
    files : sequence of GivenFile
        From :func:`given_files`.
    reading : Reading
        How to read them; the same for all.
    names : GeneNames
        Brings the gene names up to date, and counts them.
    take : callable
        Is given the calls of each block. Blocks of a file that is damaged further on are given, too.
    workers : int
        Processes that read VCF files.
    tell : callable
        Is given the number of files done.

    Returns
    -------
    list of FileTold
        What became of each, in order.
    """
    told: list[FileTold] = []
    for parts in _each_file(files, reading, workers):
        told.append(_take_in(parts, reading, names, take))
        tell(len(told))
    return told


# What comes of a file: its blocks, then, where it cannot be read, what is known of it.
_Parts = tuple[GivenFile, Iterator[ReadFile | FileTold]]


def _each_file(files: Sequence[GivenFile], reading: Reading, workers: int) -> Iterator[_Parts]:
    vcf = [not file.error and is_vcf(file.path) for file in files]
    worth = sum(file.size for file, one in zip(files, vcf, strict=True) if one) > _WORTH_PROCESSES
    if workers < 2 or sum(vcf) < 2 or not worth:
        yield from ((file, _parts(file, reading)) for file in files)
        return
    from joblib import Parallel, delayed

    # In the order of the files, whichever is done first; a table is read here, by threads of its own.
    ahead = Parallel(n_jobs=workers, return_as="generator")(
        delayed(_whole)(file, reading) for file, one in zip(files, vcf, strict=True) if one
    )
    for file, one in zip(files, vcf, strict=True):
        yield file, iter(next(ahead)) if one else _parts(file, reading)


def _whole(file: GivenFile, reading: Reading) -> list[ReadFile | FileTold]:
    return list(_parts(file, reading))


def _parts(file: GivenFile, reading: Reading) -> Iterator[ReadFile | FileTold]:
    if file.error:
        yield _unreadable(file, reading, file.error)
        return
    try:
        yield from read_in_blocks(file.path, reading, rows=ROWS_AT_A_TIME)
    except InputError as error:
        yield _unreadable(file, reading, readable_message(str(error)))


def _unreadable(file: GivenFile, reading: Reading, why: str) -> FileTold:
    vcf = is_vcf(file.path)
    if not vcf:
        return FileTold(str(file.path), vcf, (patient_of_table(file.path),), certain=False, error=why)
    patients = patients_of_damaged(file.path, reading)
    return FileTold(str(file.path), vcf, patients, certain=patients != (patient_of_file(file.path),), error=why)


def patient_of_table(path: Path) -> str:
    """Return whom a table of calls may be about by its name.

    Examples
    --------
    >>> patient_of_table(Path("P1.maf.gz")), patient_of_table(Path("P2.hg38_multianno.txt"))
    ('P1', 'P2')
    """
    endings = {"maf", "txt", "tsv", "csv", "gz", "bgz", "bz2", "xz", "xlsx", "hg19_multianno", "hg38_multianno"}
    parts = path.name.split(".")
    while len(parts) > 1 and parts[-1].casefold() in endings:
        parts.pop()
    return ".".join(parts) or path.name


def _take_in(parts: _Parts, reading: Reading, names: GeneNames, take: Callable[[pd.DataFrame], None]) -> FileTold:
    file, blocks = parts
    calls: Counter[str] = Counter()
    missing: Counter[str] = Counter()
    dropped: list[pd.DataFrame] = []
    patients: tuple[str, ...] = ()
    findings: list[Finding] = []
    build = None
    for block in blocks:
        if isinstance(block, FileTold):
            return replace(block, calls=dict(calls))
        counts = block.calls["patient"].value_counts()
        calls.update({str(name): int(count) for name, count in counts.items() if count})
        missing.update(missing_to_filters(block.calls, reading.filters))
        dropped.append(block.dropped)
        patients, build = block.patients, block.build
        findings += block.findings
        take(names.reconciled(block.calls))
    out = join_tables(dropped, ROWS)
    findings += findings_of_rows(out, missing)
    rows = sum(calls.values()) + int(out["rows"].sum())
    return FileTold(
        str(file.path), is_vcf(file.path), patients, calls=dict(calls), rows=rows, build=build,
        findings=tuple(findings),
    )  # fmt: skip


def gene_names(reading: Reading) -> GeneNames:
    """Return the names of genes that a reading goes by, none of them counted yet."""
    return GeneNames(read_symbol_table(reading.symbols))
