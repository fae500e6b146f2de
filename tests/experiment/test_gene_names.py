"""Genes under whatever name people give them."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from trastuz_ml import schema
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.experiment.gene_names import resolve_gene
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.store.run_folder import Run

GENES = ("ANKRD44", "C1orf112", "KMT2C", "MY-GENE", "TP53")
REQUIRED = (
    "findings", "out_of_fold", "choices", "inner_errors", "scores", "comparisons", "contributions", "explained",
    "gene_contributions", "associations",
)  # fmt: skip


def run_of(genes=GENES, encoding="binary", **configuration):
    cells = sp.csr_array(np.zeros((2, len(genes)), dtype=np.float32))
    matrix = GeneMatrix(
        ("P1", "P2"), tuple(genes), cells, np.zeros(2, dtype=np.intp), np.ones((1, len(genes)), dtype=bool),
        encoding, ("truncating",),
    )  # fmt: skip
    tables = {name: schema.empty(getattr(schema, name.upper())) for name in REQUIRED}
    return Run("small", True, configuration, {}, pd.DataFrame({"patient": ["P1", "P2"]}), matrix, **tables)


@pytest.mark.parametrize(
    ("name", "gene"),
    [
        ("ANKRD44", "ANKRD44"),
        ("ANKRd44", "ANKRD44"),
        ("PP6-ARS-B", "ANKRD44"),
        (" tp53 ", "TP53"),
        ("p53", "TP53"),
        ("MLL3", "KMT2C"),
        ("ENSG00000141510.18", "TP53"),
        ("my-gene", "MY-GENE"),
        ("c1ORF112", "C1orf112"),
    ],
)
def test_gene_names__a_gene_is_found_under_its_names(name, gene):
    assert resolve_gene(name, run_of()) == gene


def test_gene_names__a_column_that_nobody_was_sequenced_for_is_still_the_gene():
    run = run_of()
    blind = dataclasses.replace(run.matrix, covered=np.zeros((1, len(GENES)), dtype=bool))
    assert resolve_gene("tp53", dataclasses.replace(run, matrix=blind)) == "TP53"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("ANKRD4X", r"'ANKRD4X', and it was not watched; the nearest is ANKRD44. It is no gene name"),
        ("<script>", "'<script>'"),
        ("PTEN", r"counted call in 'PTEN'.* Add it to watch: in the experiment"),
        ("HER2", r"counted call in 'HER2' \(ERBB2\)"),
    ],
)
def test_gene_names__a_gene_that_the_run_does_not_hold_is_refused(name, said):
    with pytest.raises(ConfigurationError, match=said):
        resolve_gene(name, run_of())


def test_gene_names__an_assay_that_is_no_exome_is_named_as_a_possible_reason():
    run = run_of(assays={"exome": {"genes": None}, "kit": {"genes": "panel.txt"}})
    with pytest.raises(ConfigurationError, match="Perhaps it was not covered: kit is no whole exome"):
        resolve_gene("PTEN", run)
    with pytest.raises(ConfigurationError, match=r"not watched\. Add it to watch|not watched; the nearest"):
        resolve_gene("PTEN", run_of(assays={"exome": {"genes": None}}))


@pytest.mark.parametrize("genes", [("CDKN2A",), ("TP53",)])
def test_gene_names__a_name_of_several_genes_is_refused_with_all_of_them(genes):
    with pytest.raises(ConfigurationError, match=r"'p16' is a name of several genes \(CDKN2A, H3P10\): name one"):
        resolve_gene("p16", run_of(genes=genes))


def test_gene_names__a_run_without_calls_and_a_run_of_gene_sets_say_so():
    with pytest.raises(ConfigurationError, match="has no calls, and says nothing of 'TP53'"):
        resolve_gene("TP53", run_of(genes=()))
    sets = run_of(genes=("HER2 signalling",), encoding="gene-sets")
    assert resolve_gene("her2 signalling", sets) == "HER2 signalling"
    with pytest.raises(ConfigurationError, match="columns are gene sets, and 'TP53' is none of them"):
        resolve_gene("TP53", sets)
