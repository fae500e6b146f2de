"""How files of calls are to be read, and what reading one of them gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from trastuz_ml.findings import Finding

PatientFrom = Literal["auto", "sample", "file"]


@dataclass(frozen=True)
class Filters:
    """Which calls are taken as real: what a caller and a laboratory declare, nothing learned.

    A call without the value that a filter looks at passes it: missing is not low.

    Parameters
    ----------
    words : tuple of str, or None
        FILTER words that are let through; a call with any other word is dropped. ``None`` lets all through.
    min_depth : int
        Reads over the position in the tumour.
    min_alt_reads : int
        Reads in the tumour that support the alternative allele.
    min_vaf : float
        Variant allele fraction in the tumour, 0 to 1.
    max_population_frequency : float
        Highest frequency of the allele in a reference population, 0 to 1; above it a call is taken as inherited.
    """

    words: tuple[str, ...] | None = ("PASS",)
    min_depth: int = 0
    min_alt_reads: int = 0
    min_vaf: float = 0.0
    max_population_frequency: float = 1.0


@dataclass(frozen=True)
class Reading:
    """The settings of the readers, the same for every file of a cohort.

    Parameters
    ----------
    columns : mapping
        Column of the calls table -> header word of a table, where the usual words do not hold.
    sheet : str or int
        Sheet of a workbook.
    tumor : str, optional
        Name of the tumour's sample column in VCF files whose header does not say.
    patient_from : {"auto", "sample", "file"}
        Whether a VCF's patient is named by its sample column or by the file. ``auto`` takes the sample,
        and the file where the sample column has a role for a name (TUMOR).
    annotation : str, optional
        INFO field with the annotation (CSQ, ANN, EFF, FUNCOTATION), where a VCF file holds two.
    filters : Filters
        Which calls are taken as real.
    wanted : frozenset of str, optional
        Columns of the calls table worth the reading; all when absent. Patient, gene, effect and
        consequence, and what the filters look at, are always read.
    symbols : path, optional
        Table of gene names instead of the one that ships.
    """

    columns: Mapping[str, str] = field(default_factory=dict)
    sheet: str | int = 0
    tumor: str | None = None
    patient_from: PatientFrom = "auto"
    annotation: str | None = None
    filters: Filters = field(default_factory=Filters)
    wanted: frozenset[str] | None = None
    symbols: Path | None = None

    def wants(self, column: str) -> bool:
        """Return whether a column of the calls table is worth reading."""
        return self.wanted is None or column in self.wanted


@dataclass(frozen=True, eq=False)
class ReadFile:
    """What reading one file, or several, gives.

    Attributes
    ----------
    calls : pandas.DataFrame
        The calls table of :data:`trastuz_ml.schema.CALLS`, in the order of the file.
    dropped : pandas.DataFrame
        Rows that did not become calls, by :data:`trastuz_ml.schema.ROWS`; with the calls they add up to
        the rows of the file.
    findings : tuple of Finding
        What was noticed.
    build : str, optional
        Genome build that the file names: GRCh37 or GRCh38.
    simulated : bool
        Whether the file says that its patients are invented.
    sha256 : mapping
        Name of each file -> hash of its bytes.
    patients : tuple of str
        Whom the file says that it is about, calls or not: the sample columns of a VCF. Empty for a table, which
        names only those who have calls.
    """

    calls: pd.DataFrame
    dropped: pd.DataFrame
    findings: tuple[Finding, ...] = ()
    build: str | None = None
    simulated: bool = False
    sha256: Mapping[str, str] = field(default_factory=dict)
    patients: tuple[str, ...] = ()
