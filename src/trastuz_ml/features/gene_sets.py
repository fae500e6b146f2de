"""Gene sets from GMT files, and how many genes of a set a patient has mutated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from trastuz_ml.assays.assay import Assay
from trastuz_ml.calls.tables.numbered_lines import numbered_lines
from trastuz_ml.errors import ConfigurationError, InputError

GeneSets = Mapping[str, frozenset[str]]


def read_gene_sets(path: str | Path, *, renamed: Mapping[str, str] | None = None) -> dict[str, frozenset[str]]:
    r"""Read a GMT file: a line a set, with its name, a description and its genes, separated by tabs.

    Parameters
    ----------
    path : path
        The file, plain or gzip.
    renamed : mapping, optional
        Gene symbol of the file -> symbol that the calls use; others stay as they are.

    Returns
    -------
    dict of str to frozenset of str
        Members of each set, in the order of the file.

    Raises
    ------
    InputError
        If the file cannot be read or names no set, a line has no genes, or a name stands twice.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     gmt = Path(folder, "sets.gmt")
    ...     _ = gmt.write_text("HER2\tsignalling\tERBB2\tGRB7\n")
    ...     sorted(read_gene_sets(gmt)["HER2"])
    ['ERBB2', 'GRB7']
    """
    path = Path(path)
    current, sets, seen = renamed or {}, dict[str, frozenset[str]](), dict[str, int]()
    for number, line in numbered_lines(path, "the gene set file"):
        if not line.strip():
            continue
        name, genes = _read_line(line, f"{path}, line {number}")
        if name in seen:
            raise InputError(
                f"{path}, line {number}: the set {name} stands on line {seen[name]} already; give each set a name "
                "of its own."
            )
        seen[name] = number
        sets[name] = frozenset(current.get(gene, gene) for gene in genes)
    if not sets:
        raise InputError(f"{path} names no gene set; expected lines of a name, a description and genes.")
    return sets


def _read_line(line: str, place: str) -> tuple[str, list[str]]:
    name, *rest = (field.strip() for field in line.split("\t"))
    genes = [gene for gene in rest[1:] if gene]
    if not name or not genes:
        raise InputError(
            f"{place}: expected a set's name, a description and at least one gene, separated by tabs; found "
            f"{len(rest) + 1} field{'s' if rest else ''}: '{line[:60]}'."
        )
    return name, genes


def members_of(gene_sets: GeneSets) -> frozenset[str]:
    """Return every gene that is in some set.

    Raises
    ------
    ConfigurationError
        If there is no set, or a set without genes.
    """
    empty = sorted(name for name, genes in gene_sets.items() if not genes)
    if not gene_sets or empty:
        raise ConfigurationError(
            f"The gene set {empty[0]} has no genes." if empty else "No gene set is given; expected one or more."
        )
    return frozenset().union(*gene_sets.values())


def mutated_members(carried: sp.csr_array, genes: Sequence[str], gene_sets: GeneSets) -> sp.csr_array:
    """Return how many genes of each set each patient has mutated.

    Parameters
    ----------
    carried : scipy.sparse.csr_array of shape (n_patients, n_genes)
        1 where the gene is mutated.
    genes : sequence of str
        Names of its columns.
    gene_sets : mapping
        Members of each set; those without a column are mutated in nobody.

    Returns
    -------
    scipy.sparse.csr_array of shape (n_patients, n_sets)
        The sets sorted by name.
    """
    names = sorted(gene_sets)
    place = {gene: row for row, gene in enumerate(genes)}
    members = [[place[gene] for gene in gene_sets[name] if gene in place] for name in names]
    columns = np.repeat(np.arange(len(names)), [len(rows) for rows in members])
    rows = np.fromiter(chain.from_iterable(members), dtype=np.intp, count=len(columns))
    ones = np.ones(len(columns), dtype=np.float32)
    counts = carried @ sp.csr_array((ones, (rows, columns)), shape=(len(place), len(names)))
    counts.sort_indices()
    return counts


def covers_sets(assay: Assay, gene_sets: GeneSets) -> npt.NDArray[np.bool_]:
    """Return, for each set in the order of names, whether the assay sequences all of its genes.

    A set of which a part was not looked at has no number: what was not sequenced is not unmutated.

    Examples
    --------
    >>> sets = {"A": frozenset({"TP53"}), "B": frozenset({"TP53", "TTN"})}
    >>> covers_sets(Assay("panel", frozenset({"TP53"})), sets).tolist()
    [True, False]
    """
    names = sorted(gene_sets)
    return np.array([assay.genes is None or gene_sets[name] <= assay.genes for name in names], dtype=bool)
