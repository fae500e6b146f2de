"""What was sequenced: without it, a gene without a call says nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from trastuz_ml.errors import InputError


@dataclass(frozen=True)
class Assay:
    """A sequencing assay: its name and the genes it covers.

    Parameters
    ----------
    name : str
        Name as written in the roster's assay column.
    genes : frozenset of str, or None
        Genes covered; ``None`` stands for the whole exome.
    """

    name: str
    genes: frozenset[str] | None = None

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


def read_gene_list(path: Path) -> frozenset[str]:
    """Read a gene list: one symbol a line, ``#`` starts a comment.

    Raises
    ------
    InputError
        If the file cannot be read or names no gene.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"The gene list {path} cannot be read: {error}.") from error
    genes = frozenset(symbol for line in lines if (symbol := line.split("#")[0].strip()))
    if not genes:
        raise InputError(f"The gene list {path} names no gene; expected one symbol a line.")
    return genes


def declare_assays(gene_lists: Mapping[str, Path | None]) -> tuple[Assay, ...]:
    """Return the declared assays, reading their gene lists; a list of ``None`` means the whole exome."""
    return tuple(Assay(name, None if path is None else read_gene_list(path)) for name, path in gene_lists.items())
