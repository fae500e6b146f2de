"""Lengths of genes, from a table that names them: long genes are hit often by chance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from trastuz_ml.calls.tables.numbered_lines import numbered_lines
from trastuz_ml.errors import InputError


def read_gene_lengths(path: str | Path, *, renamed: Mapping[str, str] | None = None) -> dict[str, float]:
    r"""Read a table of two columns, gene and length, separated by tabs, commas or semicolons, under a header.

    Parameters
    ----------
    path : path
        The file, plain or gzip.
    renamed : mapping, optional
        Gene symbol of the file -> symbol that the calls use; others stay as they are.

    Returns
    -------
    dict of str to float
        Length of each gene, in the unit of the file; the longest where names of one gene stand in several lines.

    Raises
    ------
    InputError
        If the file cannot be read, a line has no gene, or a length that is no number above 0.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = Path(folder, "lengths.tsv")
    ...     _ = table.write_text("gene\tamino acids\nTTN\t35991\n")
    ...     read_gene_lengths(table)
    {'TTN': 35991.0}
    """
    path = Path(path)
    lengths: dict[str, float] = {}
    separator = ""
    for number, line in numbered_lines(path, "the table of gene lengths"):
        if not line.strip():
            continue
        if not separator:
            separator = next((mark for mark in "\t,;" if mark in line), "")
            if not separator:
                raise InputError(f"{path}, line {number}: expected a header of two columns, found '{line[:60]}'.")
            continue
        gene, length = _read_line(line, separator, f"{path}, line {number}")
        gene = (renamed or {}).get(gene, gene)
        lengths[gene] = max(length, lengths.get(gene, 0.0))
    if not lengths:
        raise InputError(f"{path} names no gene; expected a header and lines of a gene and its length.")
    return lengths


def _read_line(line: str, separator: str, place: str) -> tuple[str, float]:
    gene, _, text = (part.strip().strip('"') for part in line.partition(separator))
    try:
        length = float(text.split(separator)[0])
    except ValueError:
        length = math.nan
    if not gene or not (length > 0 and math.isfinite(length)):
        raise InputError(
            f"{place}: expected a gene and its length, a number above 0; found '{line.strip()[:60]}'."
        )
    return gene, length
