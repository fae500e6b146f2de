"""What was sequenced: without it, a gene without a call says nothing."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.assays.portal_files import read_gene_panel
from trastuz_ml.assays.targets import LEAST_SHARE, read_targets
from trastuz_ml.calls.genome_build import build_of_word
from trastuz_ml.calls.tables.numbered_lines import numbered_lines
from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.findings import Finding, name_some


@dataclass(frozen=True)
class Assay:
    """A sequencing assay: its name and the genes it covers.

    Parameters
    ----------
    name : str
        Name as written in the roster's assay column.
    genes : frozenset of str, or None
        Genes covered; ``None`` stands for the whole exome.
    megabases : float, optional
        Size of what is covered, where known.
    build : str, optional
        Genome build that its regions are given in: GRCh37 or GRCh38.
    shares : mapping of gene to share
        The share of each gene's bases that is covered, where regions and gene intervals tell; genes that
        count as not covered are among them.
    findings : tuple of Finding
        What was noticed when it was read.
    """

    name: str
    genes: frozenset[str] | None = None
    megabases: float | None = None
    build: str | None = None
    shares: Mapping[str, float] = field(default_factory=dict, compare=False, repr=False)
    findings: tuple[Finding, ...] = field(default=(), compare=False, repr=False)

    def covers(self, genes: Sequence[str]) -> npt.NDArray[np.bool_]:
        """Return, for each gene, whether this assay sequences it.

        Examples
        --------
        >>> Assay("panel", frozenset({"TP53"})).covers(["TP53", "ANKRD44"]).tolist()
        [True, False]
        """
        if self.genes is None:
            return np.ones(len(genes), dtype=bool)
        return np.fromiter((gene in self.genes for gene in genes), dtype=bool, count=len(genes))


EXOME = Assay("exome")


@dataclass(frozen=True)
class AssayDeclaration:
    """How an experiment declares one assay: at most one of a gene list, target regions and a panel file.

    Parameters
    ----------
    genes : path, optional
        Gene list, one symbol a line.
    bed : path, optional
        Target regions.
    intervals : path, optional
        Where the genes lie, to tell which ones the regions cover; without it, the regions name their genes.
    build : str, optional
        Genome build of the regions, and of the intervals; needed with intervals.
    panel : path, optional
        Gene panel file of cBioPortal.
    megabases : float, optional
        Size of what is covered; from the regions where not declared.
    share : float
        Share of a gene's bases in the regions from which it counts as covered.
    """

    genes: Path | None = None
    bed: Path | None = None
    intervals: Path | None = None
    build: str | None = None
    panel: Path | None = None
    megabases: float | None = None
    share: float = LEAST_SHARE


def read_gene_list(path: Path) -> frozenset[str]:
    """Read a gene list: one symbol a line, ``#`` starts a comment.

    Raises
    ------
    InputError
        If the file cannot be read, a line holds more than a symbol, or no gene is named.
    """
    genes = set()
    for number, line in numbered_lines(path, "the gene list"):
        symbol = line.split("#")[0].strip()
        if len(symbol.split()) > 1:
            raise InputError(f"The gene list {path}, line {number}: expected one symbol, found '{symbol[:60]}'.")
        genes.add(symbol)
    genes.discard("")
    if not genes:
        raise InputError(f"The gene list {path} names no gene; expected one symbol a line.")
    return frozenset(genes)


def declare_assays(
    declarations: Mapping[str, AssayDeclaration | Path | None], known: Collection[str] = ()
) -> tuple[Assay, ...]:
    """Return the declared assays, reading their files.

    Parameters
    ----------
    declarations : mapping
        Name of the assay -> its declaration; a path stands for a gene list, ``None`` for the whole exome.
    known : collection of str
        Gene symbols, approved and previous ones, to look for in the names of target regions.

    Raises
    ------
    ConfigurationError
        If a declaration contradicts itself or lacks the genome build.
    InputError
        If a file cannot be read, covers no gene, or names another genome build.
    """
    return tuple(_declared(name, declaration, known) for name, declaration in declarations.items())


def _declared(name: str, declaration: AssayDeclaration | Path | None, known: Collection[str]) -> Assay:
    if declaration is None or isinstance(declaration, Path):
        declaration = AssayDeclaration(genes=declaration)
    build = _checked(name, declaration)
    assay = Assay(name, megabases=declaration.megabases, build=build)
    if declaration.bed is not None:
        targets = read_targets(declaration.bed, declaration.intervals, build, declaration.share, known)
        return replace(
            assay, genes=targets.genes, build=build or targets.build, shares=targets.shares,
            megabases=targets.megabases if assay.megabases is None else assay.megabases, findings=targets.findings,
        )  # fmt: skip
    if declaration.genes is not None:
        assay = replace(assay, genes=read_gene_list(declaration.genes))
    elif declaration.panel is not None:
        assay = replace(assay, genes=read_gene_panel(declaration.panel).genes)
    return replace(assay, findings=_numbers_for_genes(assay))


def _checked(name: str, declaration: AssayDeclaration) -> str | None:
    """Refuse a declaration that contradicts itself; return its genome build in our words."""
    given = [word for word in ("genes", "bed", "panel") if getattr(declaration, word) is not None]
    if len(given) > 1:
        raise ConfigurationError(f"Assay {name}: give one of genes, bed and panel, not {' and '.join(given)}.")
    if declaration.intervals is not None and declaration.bed is None:
        raise ConfigurationError(f"Assay {name}: intervals tell which genes a bed covers; give the bed as well.")
    if declaration.intervals is not None and declaration.build is None:
        raise ConfigurationError(
            f"Assay {name}: state the genome build of the bed and the intervals, build: GRCh37 or build: GRCh38."
        )
    size = declaration.megabases
    if size is not None and not (math.isfinite(size) and size > 0):
        raise ConfigurationError(f"Assay {name}: expected megabases above 0, found {size}.")
    if not 0 < declaration.share <= 1:
        raise ConfigurationError(f"Assay {name}: expected share above 0 and at most 1, found {declaration.share}.")
    build = build_of_word(declaration.build) if declaration.build is not None else None
    if declaration.build is not None and build is None:
        raise ConfigurationError(f"Assay {name}: expected build GRCh37 or GRCh38, found {declaration.build}.")
    return build


def _numbers_for_genes(assay: Assay) -> tuple[Finding, ...]:
    numbers = [gene for gene in assay.genes or () if gene.isdigit()]
    if not numbers:
        return ()
    message = (
        f"assay {assay.name}: genes given as Entrez numbers ({name_some(numbers)}); calls name genes by symbol"
    )
    return (Finding("warning", "assay-genes-are-numbers", message, len(numbers)),)


def renamed(assay: Assay, mapping: Mapping[str, str]) -> Assay:
    """Return the assay with its genes under other names, such as the current symbols of previous ones.

    Parameters
    ----------
    assay : Assay
        A whole exome comes back as it is.
    mapping : mapping of name to name
        Genes that are not in it keep theirs. Of two that become one, the better covered share is kept.

    Examples
    --------
    >>> sorted(renamed(Assay("panel", frozenset({"MLL2", "TP53"})), {"MLL2": "KMT2D"}).genes)
    ['KMT2D', 'TP53']
    """
    if assay.genes is None:
        return assay
    shares: dict[str, float] = {}
    for gene, share in assay.shares.items():
        name = mapping.get(gene, gene)
        shares[name] = max(share, shares.get(name, 0.0))
    return replace(assay, genes=frozenset(mapping.get(gene, gene) for gene in assay.genes), shares=shares)


def assay_of_patients(values: pd.Series, assays: Sequence[Assay], default: str | None = None) -> pd.Series:
    """Return the name of each patient's assay, those without one given the default.

    Parameters
    ----------
    values : pandas.Series
        Names as in the roster, by patient; missing where it gives none.
    assays : sequence of Assay
        The declared assays. When there is one only, it is the default.
    default : str, optional
        The declared default.

    Raises
    ------
    ConfigurationError
        If the default is not among the declared assays.
    InputError
        If patients have none and there is no default: the message names them.

    Examples
    --------
    >>> assay_of_patients(pd.Series({"P1": None}), [EXOME]).to_dict()
    {'P1': 'exome'}
    """
    names = [assay.name for assay in assays]
    if default is not None and default not in names:
        raise ConfigurationError(
            f"The default assay {default} is not declared; declared: {name_some(names) or 'none'}."
        )
    if default is None and len(names) == 1:
        default = names[0]
    given = values.astype("str")
    missing = given.index[given.isna()]
    if default is None and len(missing):
        raise InputError(
            f"No assay is given for {name_some(map(str, missing))}, and the declared ones differ "
            f"({name_some(names)}): what was not mutated in them cannot be told. "
            "Name theirs in the roster, or declare a default."
        )
    return given if default is None else given.fillna(default)
