"""Selection inside a training fold: what is kept, and how much of it is false when nothing is true."""

import numpy as np
import pytest
from scipy.stats import fisher_exact

from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.learn.selection import (
    Frequencies,
    Selection,
    rank_by_association,
    select_by_association,
    select_by_stability,
    select_genes,
    selection_frequencies,
)
from trastuz_ml.learn.selection import _halves as halves_of
from trastuz_ml.learn.selection import _shuffled as shuffled_rows


def cohort(seed, patients=100, genes=150, *, true=0, burden=False, missing=False):
    """Return genes and a response; the first ``true`` genes have to do with it."""
    rng = np.random.default_rng(seed)
    often = np.tile(np.minimum(0.02 + rng.exponential(0.05, genes), 0.5), (patients, 1))
    if burden:
        often = 1 - np.exp(-often * np.exp(rng.normal(0, 1, patients))[:, None])
    y = (rng.permutation(patients) < 0.3 * patients).astype(np.int8)
    often[:, :true] = np.where(y[:, None] == 1, 0.7, 0.1)
    matrix = (rng.random((patients, genes)) < often).astype(np.float32)
    if missing:
        matrix[: patients // 3, genes // 2 :] = np.nan
    return matrix, y


def p_of(gene, y):
    seen = ~np.isnan(gene)
    k, yes = gene[seen] > 0, y[seen] == 1
    return fisher_exact([[(k & yes).sum(), (k & ~yes).sum()], [(~k & yes).sum(), (~k & ~yes).sum()]]).pvalue


@pytest.mark.parametrize("missing", [False, True])
def test_association__keeps_the_smallest_p_of_scipy_ties_by_carriers_then_by_place(missing):
    genes, y = cohort(1, 60, 80, true=3, missing=missing)
    p = [round(p_of(gene, y), 9) for gene in genes.T]
    carriers = np.nansum(genes, axis=0)
    order = sorted(range(80), key=lambda j: (p[j], -carriers[j], j))
    order = [j for j in order if 0 < carriers[j] < (~np.isnan(genes[:, j])).sum()]
    assert rank_by_association(genes, y).tolist() == order
    for keep in (1, 10, 79):
        assert select_by_association(genes, y, keep).tolist() == sorted(order[:keep])


def test_association__ties_go_to_the_gene_with_more_carriers_then_to_the_first():
    y = np.array([1, 1, 0, 0, 0, 0])
    one, two = [1, 0, 0, 0, 0, 0], [1, 0, 1, 0, 0, 0]
    genes = np.array([one, two, one, two]).T
    assert p_of(genes[:, 0], y) < p_of(genes[:, 1], y)
    assert rank_by_association(genes, y).tolist() == [0, 2, 1, 3]
    mixed = np.array([1, 0, 1, 0, 1, 0])
    one, two = [1, 0, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0]
    genes = np.array([one, two, one, two]).T
    assert p_of(genes[:, 0], mixed) == p_of(genes[:, 1], mixed) == 1
    assert rank_by_association(genes, mixed).tolist() == [1, 3, 0, 2]


def test_association__a_gene_that_nobody_or_everybody_carries_is_never_kept():
    y = np.array([1, 1, 0, 0])
    genes = np.array([[0, 1, 1, 1], [0, 1, 0, 1], [0, 1, 0, np.nan], [0, 1, 0, np.nan]])
    assert select_by_association(genes, y, 4).tolist() == [2]
    assert select_by_association(genes[:, [0, 1, 3]], y, 4).size == 0


def test_association__shuffling_patients_changes_nothing():
    genes, y = cohort(2, true=2, missing=True)
    rows = np.random.default_rng(2).permutation(len(y))
    np.testing.assert_array_equal(rank_by_association(genes[rows], y[rows]), rank_by_association(genes, y))


def test_stability__keeps_what_matters_and_leaves_the_rest():
    found = [select_by_stability(*cohort(s, true=3), np.arange(100), seed=s, subsamples=20) for s in range(100)]
    assert all({0, 1, 2} <= set(kept.tolist()) for kept in found)
    false = np.array([len(kept) - 3 for kept in found])
    assert false.mean() <= 1 + 2 * false.std() / 10


@pytest.mark.parametrize(("false_genes", "copies"), [(1.0, 1), (1.0, 4), (0.25, 4), (3.0, 4)])
def test_stability__of_noise_keeps_no_more_genes_than_stated(false_genes, copies):
    kept = np.array(
        [
            select_by_stability(
                *cohort(s, 60, 100), np.arange(60), seed=s, false_genes=false_genes, copies=copies, subsamples=20
            ).size
            for s in range(300)
        ]
    )
    # Two standard errors of the simulation.
    assert kept.mean() <= false_genes + 2 * kept.std() / np.sqrt(len(kept))
    assert kept.mean() >= false_genes / 3


@pytest.mark.parametrize(("false_genes", "copies", "chance"), [(1.0, 1, 1 / 2), (0.25, 4, 1 / 5), (0.5, 4, 2 / 5)])
def test_stability__of_noise_that_goes_with_burden_keeps_any_gene_no_more_often_than_stated(
    false_genes, copies, chance
):
    kept = np.array(
        [
            select_by_stability(
                *cohort(s, 60, 100, burden=True, missing=True),
                np.arange(60),
                seed=s,
                false_genes=false_genes,
                copies=copies,
                subsamples=20,
            ).size
            for s in range(300)
        ]
    )
    assert (kept > 0).mean() <= chance + 2 * np.sqrt(chance * (1 - chance) / len(kept))


def test_stability__of_noise_in_pairs_that_respond_alike_keeps_any_gene_no_more_often_than_stated():
    # Two samples of each person, alike in genes and response: shuffling samples one by one would make the copies
    # of less weight than the genes.
    any_kept = []
    for s in range(200):
        genes, y = cohort(s, 40, 100)
        twice = np.repeat(np.arange(40), 2)
        kept = select_by_stability(
            genes[twice], y[twice], twice, seed=s, copies=4, false_genes=0.25, subsamples=20
        )
        any_kept.append(kept.size > 0)
    assert np.mean(any_kept) <= 1 / 5 + 2 * np.sqrt(0.2 * 0.8 / 200)


def test_stability__is_the_same_for_the_same_seed_and_any_names_of_groups():
    genes, y = cohort(3, true=2)
    groups = np.arange(100) // 2
    names = np.array([f"P{(7 * g) % 101:03d}" for g in groups])
    first = selection_frequencies(genes, y, groups, 3)
    again = selection_frequencies(genes, y, names, 3)
    other = selection_frequencies(genes, y, groups, 4)
    np.testing.assert_array_equal(first.genes, again.genes)
    np.testing.assert_array_equal(first.copies, again.copies)
    assert (first.genes != other.genes).any()


def test_stability__the_order_of_genes_does_not_matter():
    genes, y = cohort(4, true=2, missing=True)
    columns = np.random.default_rng(4).permutation(genes.shape[1])
    found = selection_frequencies(genes, y, np.arange(100), 4).genes
    np.testing.assert_array_equal(
        selection_frequencies(genes[:, columns], y, np.arange(100), 4).genes, found[columns]
    )


def test_stability__picks_are_shared_out_whole_in_every_subsample():
    genes, y = cohort(5, missing=True)
    found = selection_frequencies(genes, y, np.arange(100), 5, copies=3, picks=7)
    assert found.genes.sum() + found.copies.sum() == pytest.approx(7 * 4)
    assert found.genes.max() <= 1


def test_stability__one_gene_can_be_kept_and_none_can():
    y = np.repeat([0, 1], 30)
    assert select_by_stability(y[:, None].astype(float), y, np.arange(60), seed=1).tolist() == [0]
    assert select_by_stability(np.zeros((60, 3)), y, np.arange(60), seed=1).size == 0
    assert select_by_stability(np.empty((60, 0)), y, np.arange(60), seed=1).size == 0
    assert select_by_stability(np.full((60, 2), np.nan), y, np.arange(60), seed=1).size == 0


def test_stability__of_one_class_alone_keeps_nothing():
    genes, y = cohort(6)
    assert select_by_stability(genes, np.ones_like(y), np.arange(100), seed=1).size == 0


def test_halves__are_complementary_balanced_and_hold_whole_groups():
    _, y = cohort(7)
    group = np.arange(100) // 2
    y = y[2 * group]
    halves = halves_of(y, group, 20, np.random.default_rng(1))
    np.testing.assert_array_equal(halves[::2] + halves[1::2], 1)
    np.testing.assert_array_equal(halves[:, ::2], halves[:, 1::2])
    assert (np.abs(halves[::2] @ y - halves[1::2] @ y) <= 2).all()
    assert (np.abs(halves[::2].sum(axis=1) - 50) <= 2).all()
    assert len({row.tobytes() for row in halves}) == 20


def test_shuffled__moves_whole_groups_to_places_of_the_same_size():
    group = np.array([0, 0, 1, 2, 2, 3, 4, 5, 5, 5])
    seen = set()
    for seed in range(50):
        order = shuffled_rows(group, np.random.default_rng(seed))
        assert sorted(order) == list(range(10))
        moved = group[order]
        assert moved[0] == moved[1]
        assert moved[3] == moved[4]
        assert moved[7:].tolist() == [5, 5, 5]
        assert set(moved[[2, 5, 6]]) == {1, 3, 4}
        seen.add(tuple(order))
    assert len(seen) > 5


def test_threshold__is_the_highest_copy_but_those_allowed():
    found = Frequencies(np.array([0.9, 0.5, 0.4, 0.1]), np.array([[0.8, 0.1, 0.0, 0.0], [0.4, 0.3, 0.2, 0.0]]))
    assert found.above(0.5).tolist() == [0]
    assert found.above(1.0).tolist() == [0, 1]
    assert found.above(1.5).tolist() == [0, 1, 2]
    assert found.above(100).tolist() == [0, 1, 2, 3]
    with pytest.raises(ConfigurationError, match=r"with 2 shuffled copies no fewer than 0\.5 can be expected"):
        found.above(0.4)


def test_false_genes__are_the_fewest_with_which_a_gene_is_kept():
    rng = np.random.default_rng(5)
    found = Frequencies(rng.integers(1, 20, 30) / 20, rng.integers(0, 20, (4, 30)) / 20)
    for gene, false_genes in enumerate(found.false_genes()):
        assert (gene in found.above(false_genes)) == (false_genes < 30)
        if false_genes > 0.25:
            assert gene not in found.above(false_genes - 0.25)


@pytest.mark.parametrize("how", ["none", "association", "stability"])
def test_select_genes__gives_each_candidate_what_its_own_function_gives(how):
    genes, y = cohort(8, true=3)
    groups = np.arange(100)
    selection = Selection(how, keep=(2, 30), false_genes=(0.5, 2.0))
    functions = {
        "none": lambda: np.arange(150),
        "association": lambda keep: select_by_association(genes, y, keep),
        "stability": lambda false_genes: select_by_stability(genes, y, groups, 9, false_genes=false_genes),
    }
    found = select_genes(selection, genes, y, groups, 9)
    assert len(found) == len(selection.grid)
    for candidate, places in zip(selection.grid, found, strict=True):
        np.testing.assert_array_equal(places, functions[how](**candidate))


def test_settings_out_of_range__are_told():
    genes, y = cohort(9, 20, 10)
    with pytest.raises(ConfigurationError, match="'lasso'"):
        Selection("lasso")
    with pytest.raises(ConfigurationError, match="at least one candidate"):
        Selection("association", keep=())
    with pytest.raises(ConfigurationError, match="keep must be at least 1, found 0"):
        select_by_association(genes, y, 0)
    with pytest.raises(ConfigurationError, match="ask for more copies"):
        select_by_stability(genes, y, np.arange(20), 1, false_genes=0.1)
    with pytest.raises(ConfigurationError, match="an even number, found 7"):
        select_by_stability(genes, y, np.arange(20), 1, subsamples=7)
    with pytest.raises(ConfigurationError, match="copies and picks"):
        select_by_stability(genes, y, np.arange(20), 1, picks=0)
    with pytest.raises(InputError, match="Genes have 20 rows, the response 20 and groups 19"):
        select_by_stability(genes, y, np.arange(19), 1)
