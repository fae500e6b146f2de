"""The simulated exome has the named genes where they really are, and room for all others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.features.simulate import simulate_cohort
from trastuz_ml.features.simulated_genes import NAMED_GENES, simulated_exome

LENGTHS = Path(__file__).parents[2].parent / "shared" / "data" / "genes" / "protein_lengths.tsv.gz"


def test_genes__do_not_overlap_and_fit_the_exons_they_have():
    for genes in (200, 18_500, 40_000):
        exome = simulated_exome(genes)
        assert len(set(exome.names)) == genes
        # Room for an exon, and for an intron whose far end an intronic deletion may reach.
        assert (exome.pitch >= 150 + 100 + 12).all()
        order = np.lexsort((exome.start, exome.chrom))
        start, chrom = exome.start[order], exome.chrom[order]
        end = start + (exome.exons * exome.pitch)[order]
        assert (start[1:] >= end[:-1])[chrom[1:] == chrom[:-1]].all()


@pytest.mark.skipif(not LENGTHS.exists(), reason="the shared table of protein lengths is not here")
def test_genes__named_ones_have_their_real_length():
    known = pd.read_csv(LENGTHS, sep="\t").set_index("Hugo_Symbol")["aa.length"]
    assert {gene.name: gene.residues for gene in NAMED_GENES} == {g.name: known[g.name] for g in NAMED_GENES}


def test_genes__one_stays_in_one_place_in_every_cohort():
    first, second = (simulate_cohort(500, seed=s).calls for s in (1, 2))
    both = pd.concat([first, second]).groupby("gene")
    assert (both["chrom"].nunique() == 1).all()
    ends = both["pos"].agg(["min", "max"]).loc[[g.name for g in NAMED_GENES if g.name in both.groups]]
    for gene in NAMED_GENES:
        low, high = ends.loc[gene.name]
        assert gene.start_kb * 1000 - 600 < low <= high < (gene.start_kb + gene.span_kb) * 1000 + 600
