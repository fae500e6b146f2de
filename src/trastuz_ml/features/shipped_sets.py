"""The gene sets that ship: the mechanism of the seed study, each gene with its role and source."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

COLUMNS: tuple[str, ...] = ("gene_set", "gene", "role", "source")


def shipped_sets() -> dict[str, frozenset[str]]:
    """Return the gene sets that ship in the package.

    They follow the seed study (La Ferla et al. 2019, Front Oncol 9:547): NF-kB through TAK1 and AKT, glycolysis
    with LDHB, TROP2, HER2 signalling. A gene may be in two of them.

    Returns
    -------
    dict of str to frozenset of str
        Current HGNC symbols of each set, in the order of the file.

    See Also
    --------
    shipped_set_table : the same, with the role and the source of each gene.
    trastuz_ml.features.gene_sets.read_gene_sets : sets from a GMT file.

    Examples
    --------
    >>> {name: len(genes) for name, genes in shipped_sets().items()}
    {'NF-kB through TAK1 and AKT': 25, 'Glycolysis with LDHB': 22, 'TROP2': 14, 'HER2 signalling': 29}
    >>> [name for name, genes in shipped_sets().items() if "ANKRD44" in genes]
    ['NF-kB through TAK1 and AKT']
    """
    members: dict[str, list[str]] = {}
    for gene_set, gene, *_ in _rows():
        members.setdefault(gene_set, []).append(gene)
    return {name: frozenset(genes) for name, genes in members.items()}


def shipped_set_table() -> pd.DataFrame:
    """Return the gene sets that ship as a table: why each gene is in its set, and who says so.

    Returns
    -------
    pandas.DataFrame of shape (n_members, 4)
        Columns ``gene_set``, ``gene``, ``role``, ``source``; one row a gene and set. Several sources are
        separated by ``"; "``.

    Examples
    --------
    >>> table = shipped_set_table()
    >>> table.loc[table["gene"] == "PPP6C", "source"].item()
    'Kajino et al. 2006, J Biol Chem 281:39891-39896, doi:10.1074/jbc.M608155200;
     Stefansson et al. 2008, Biochemistry 47:1442-1451, PMID 18186651'
    """
    return pd.DataFrame(list(_rows()), columns=list(COLUMNS), dtype="str")


@cache
def _rows() -> tuple[tuple[str, ...], ...]:
    text = files("trastuz_ml.features").joinpath("seed_study_sets.tsv").read_text(encoding="utf-8")
    _, *lines = text.splitlines()
    return tuple(tuple(line.split("\t")) for line in lines)
