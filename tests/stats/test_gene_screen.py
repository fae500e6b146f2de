"""Fisher's test of all genes at once: checked against scipy's of one, whole numbers, and a plain loop."""

from math import comb

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import fisher_exact, hypergeom

from trastuz_ml.errors import InputError
from trastuz_ml.stats.gene_screen import count_carriers, fisher_p, screen_genes, smallest_p

ALTERNATIVE = {"either": "two-sided", "response": "greater", "resistance": "less"}


def scipy_p(covered, responders, carriers, responding, towards="either"):
    table = [[responding, carriers - responding]]
    table.append([responders - responding, covered - carriers - responders + responding])
    return fisher_exact(table, alternative=ALTERNATIVE[towards]).pvalue


def cohort(seed, patients, genes, responses, missing="none"):
    rng = np.random.default_rng(seed)
    often = np.minimum(0.01 + rng.exponential(0.05, genes), 0.6)
    carriers = (rng.random((patients, genes)) < often).astype(np.float32)
    if missing == "panel":
        carriers[: patients // 3, genes // 2 :] = np.nan
        carriers[patients // 3 : patients // 2, : genes // 4] = np.nan
    if missing == "anywhere":
        carriers[rng.random(carriers.shape) < 0.2] = np.nan
    y = np.array([rng.permutation(np.arange(patients) < patients * 0.3) for _ in range(responses)])
    return carriers, y.astype(np.int8)


def looped(carriers, responses, towards="either"):
    p = np.empty((len(responses), carriers.shape[1]))
    for j, gene in enumerate(carriers.T):
        seen = ~np.isnan(gene)
        for i, y in enumerate(responses):
            k = gene[seen] > 0
            yes = y[seen] == 1
            counts = (seen.sum(), yes.sum(), k.sum(), (k & yes).sum())
            p[i, j] = scipy_p(*map(int, counts), towards)
    return p


@pytest.mark.parametrize("missing", ["none", "panel", "anywhere"])
@pytest.mark.parametrize("towards", list(ALTERNATIVE))
def test_screen__equals_scipys_test_of_each_gene_and_response(missing, towards):
    carriers, responses = cohort(1, 60, 25, 6, missing)
    found = screen_genes(carriers, responses, towards=towards)
    np.testing.assert_allclose(found, looped(carriers, responses, towards), rtol=0, atol=1e-10)


def test_screen__of_responses_with_different_numbers_of_responders_equals_scipys():
    carriers, _ = cohort(2, 40, 20, 1)
    responses = np.random.default_rng(2).random((8, 40)) < np.linspace(0, 1, 8)[:, None]
    np.testing.assert_allclose(screen_genes(carriers, responses), looped(carriers, responses), rtol=0, atol=1e-10)


@settings(deadline=None, max_examples=25)
@given(st.data())
def test_p__of_any_table_equals_scipys(data):
    n = data.draw(st.integers(1, 300))
    k, r = data.draw(st.integers(0, n)), data.draw(st.integers(0, n))
    x = data.draw(st.integers(max(0, k + r - n), min(k, r)))
    for towards in ALTERNATIVE:
        # scipy calls an empty margin's p 1, as one table alone can be.
        assert fisher_p(n, r, k, x, towards=towards) == pytest.approx(scipy_p(n, r, k, x, towards), abs=1e-10)


@pytest.mark.parametrize(("n", "r", "k"), [(62, 31, 12), (200, 100, 40), (301, 150, 77), (1000, 500, 399)])
def test_p__where_tables_are_equally_probable_equals_that_of_whole_numbers(n, r, k):
    chance = [comb(r, x) * comb(n - r, k - x) for x in range(k + 1)]
    exact = [sum(c for c in chance if c <= one) / sum(chance) for one in chance]
    np.testing.assert_allclose(fisher_p(n, r, k, np.arange(k + 1)), exact, rtol=1e-9, atol=0)


def test_p__of_a_tail_keeps_its_digits_where_it_is_tiny():
    found = fisher_p(400, 150, 140, 140, towards="response")
    assert found == pytest.approx(hypergeom.pmf(140, 400, 150, 140), rel=1e-9)
    assert 0 < found < 1e-80


def test_p__of_more_patients_than_whole_numbers_fit_into_float32_equals_scipys():
    rng = np.random.default_rng(3)
    carriers = np.zeros((9000, 2), np.float32)
    carriers[:, 0] = rng.random(9000) < 0.4
    carriers[rng.random(9000) < 0.1, 1] = np.nan
    carriers[:50, 1] = 1
    responses = rng.random((5, 9000)) < 0.9
    np.testing.assert_allclose(screen_genes(carriers, responses), looped(carriers, responses), rtol=0, atol=1e-10)


def test_screen__nobody_or_everybody_carrying_or_nobody_covered_is_p_1():
    carriers = np.array([[0, 1, np.nan, 1], [0, 1, np.nan, np.nan], [0, 1, np.nan, 0], [0, 1, np.nan, 0]])
    assert screen_genes(carriers, [[1, 1, 0, 0], [1, 1, 1, 1]])[:, :3].tolist() == [[1, 1, 1], [1, 1, 1]]


@pytest.mark.parametrize("missing", ["none", "panel", "anywhere"])
def test_screen__does_not_depend_on_the_size_of_blocks(missing):
    carriers, responses = cohort(4, 50, 70, 9, missing)
    whole = screen_genes(carriers, responses)
    for cells in (1, 100, 333):
        np.testing.assert_array_equal(screen_genes(carriers, responses, cells_at_once=cells), whole)
        np.testing.assert_array_equal(smallest_p(carriers, responses, cells_at_once=cells), whole.min(axis=1))


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csc_array, sp.csr_matrix, sp.coo_array])
def test_screen__of_a_sparse_matrix_and_a_mask_equals_that_of_nan(kind):
    carriers, responses = cohort(5, 50, 70, 9, "panel")
    sparse, covered = kind(np.nan_to_num(carriers)), ~np.isnan(carriers)
    found = screen_genes(sparse, responses, covered, cells_at_once=500)
    np.testing.assert_array_equal(found, screen_genes(carriers, responses))
    counts, expected = count_carriers(sparse, responses, covered), count_carriers(carriers, responses)
    np.testing.assert_array_equal(counts.carriers_responding, expected.carriers_responding)
    np.testing.assert_array_equal(counts.covered, expected.covered)


def test_screen__takes_any_value_above_0_as_mutated():
    carriers, responses = cohort(6, 30, 10, 3)
    np.testing.assert_array_equal(screen_genes(carriers * 0.37, responses), screen_genes(carriers, responses))


def test_screen__shuffling_patients_or_genes_shuffles_p_alone():
    carriers, responses = cohort(7, 40, 30, 4, "anywhere")
    rows, columns = np.random.default_rng(7).permutation(40), np.random.default_rng(8).permutation(30)
    found = screen_genes(carriers[rows][:, columns], responses[:, rows])
    np.testing.assert_array_equal(found, screen_genes(carriers, responses)[:, columns])


def test_screen__of_permuted_responses_is_below_a_level_no_more_often_than_the_level():
    carriers, responses = cohort(9, 60, 40, 4000)
    p = screen_genes(carriers, responses)
    for level in (0.01, 0.05, 0.2):
        assert ((p <= level).mean(axis=0) <= level + 4 * np.sqrt(level * (1 - level) / 4000)).all()


def test_smallest_p__of_no_genes_is_1():
    assert smallest_p(np.empty((3, 0)), [[1, 0, 0], [1, 1, 0]]).tolist() == [1, 1]
    assert screen_genes(np.empty((3, 0)), [1, 0, 0]).shape == (1, 0)


def test_counts__are_those_of_a_plain_loop():
    carriers, responses = cohort(10, 40, 12, 3, "anywhere")
    counts = count_carriers(carriers, responses)
    for j, gene in enumerate(carriers.T):
        seen = [i for i in range(40) if not np.isnan(gene[i])]
        carrying = [i for i in seen if gene[i] == 1]
        assert (counts.covered[j], counts.carriers[j]) == (len(seen), len(carrying))
        for number, y in enumerate(responses):
            assert counts.responders[number, j] == sum(y[i] for i in seen)
            assert counts.carriers_responding[number, j] == sum(y[i] for i in carrying)


def test_counts__give_the_p_of_the_screen():
    carriers, responses = cohort(11, 40, 12, 3, "panel")
    c = count_carriers(carriers, responses)
    found = fisher_p(c.covered, c.responders, c.carriers, c.carriers_responding)
    np.testing.assert_array_equal(found, screen_genes(carriers, responses))


def test_p__of_margins_too_many_to_mark_equals_scipys():
    n, r, k, x = np.array([[30_000, 9_000, 3, 2], [400, 90, 60, 20], [29_000, 14_500, 5, 0]]).T
    expected = [scipy_p(*map(int, table)) for table in zip(n, r, k, x, strict=True)]
    np.testing.assert_allclose(fisher_p(n, r, k, x), expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ((10, 4, 3, 4), "4 of 3 carriers and 4 of 10 patients respond"),
        ((10, 2, 5, 3), "3 of 5 carriers and 2 of 10"),
        ((10, 8, 7, 4), "4 of 7 carriers and 8 of 10"),
        ((10, 12, 3, 3), "12 of 10"),
        ((10, 4, 3, -1), "-1 of 3"),
    ],
)
def test_p__a_table_that_cannot_be_is_refused(table, said):
    with pytest.raises(InputError, match=said):
        fisher_p(*table)
    with pytest.raises(InputError, match=said):
        fisher_p([20, table[0]], [5, table[1]], [4, table[2]], [2, table[3]])


def test_screen__wrong_input_is_told():
    carriers = np.array([[1.0, 0], [0, 1], [0, 0]])
    with pytest.raises(InputError, match=r"Responses of shape \(1, 2\) do not fit carriers of shape \(3, 2\)"):
        screen_genes(carriers, [1, 0])
    with pytest.raises(InputError, match="must be 0 or 1, found 2"):
        screen_genes(carriers, [1, 0, 2])
    with pytest.raises(InputError, match="must be 0 or 1, found nan"):
        smallest_p(carriers, [1, 0, np.nan])
    with pytest.raises(InputError, match=r"covered has shape \(2, 2\)"):
        screen_genes(carriers, [1, 0, 1], np.ones((2, 2)))
    with pytest.raises(InputError, match="mutated in a patient in whom it was not covered"):
        screen_genes(carriers, [1, 0, 1], np.zeros((3, 2)))
