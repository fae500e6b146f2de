"""Firth's regression of many genes: R's logistf as printed, firthmodels gene by gene, and what must not matter."""

import numpy as np
import pytest
from firthmodels import FirthLogisticRegression
from scipy.special import expit

from trastuz_ml.errors import InputError
from trastuz_ml.stats.firth import firth_genes

# The data sex2 of R's logistf (Foxman et al. 1997): age, oc, vic, vicl, vis, dia, and how many controls and cases.
SEX2 = """
000010 1 1  001000 2 14  001010 1 3  001100 8 10  001110 18 12  001111 0 1  010000 42 44  010001 0 3  010010 1 0
011000 1 15  011001 0 1  011010 0 2  011100 5 7  011110 6 3  101000 0 2  101010 0 1  101011 0 1  101100 2 1
101110 4 0  101111 0 1  110000 14 5  110010 1 0  111000 1 3  111110 2 0
"""
# logistf(case ~ age + oc + vic + vicl + vis + dia, data = sex2): coef, lower and upper 0.95, p.
PRINTED = (
    (-1.10598131, -1.9737884, -0.30742514, 6.143472e-03),
    (-0.06881673, -0.9414363, 0.78920202, 8.751911e-01),
    (2.26887464, 1.2730216, 3.43543273, 1.678877e-06),
    (-2.11140817, -3.2608611, -1.11773495, 1.237805e-05),
    (-0.78831694, -1.6080879, 0.01518468, 5.449701e-02),
    (3.09601166, 0.7745682, 8.03029352, 4.951873e-03),
)


def sex2():
    words = SEX2.split()
    rows = [
        (word, case)
        for place, word in enumerate(words)
        if place % 3 == 0
        for case in (0, 1)
        for _ in range(int(words[place + 1 + case]))
    ]
    return np.array([list(map(float, word)) for word, _ in rows]), np.array([case for _, case in rows])


def cohort(seed, patients=60, genes=25, *, missing=False):
    rng = np.random.default_rng(seed)
    confounders = np.column_stack([rng.normal(4, 2, patients), rng.random(patients) < 0.4])
    carried = (rng.random((patients, genes)) < 0.05 + rng.exponential(0.1, genes)).astype(float)
    y = (rng.random(patients) < expit(-3 + 0.5 * confounders[:, 0])).astype(int)
    carried[:, 0] = y  # separates perfectly
    carried[:, 1] = 0
    carried[np.flatnonzero(y)[0], 1] = 1  # one carrier, responding
    carried[:, 2] = 0
    carried[np.flatnonzero(1 - y)[0], 2] = 1  # one carrier, not responding
    if missing:
        carried[: patients // 4, genes // 2 :] = np.nan
    return carried, y, confounders


def one_by_one(gene, y, confounders):
    seen = ~np.isnan(gene)
    model = FirthLogisticRegression(backend="numpy", gtol=1e-7, xtol=1e-7, max_iter=2000, max_halfstep=50)
    model.fit(np.column_stack([gene, confounders])[seen], y[seen]).lrt(0)
    low, high = model.conf_int(method="pl", features=[0], tol=1e-7, max_iter=2000)[0]
    return model.coef_[0], model.lrt_pvalues_[0], low, high


@pytest.mark.parametrize("column", range(6))
def test_firth__equals_what_r_prints_for_sex2(column):
    X, y = sex2()
    assert (len(y), y.sum()) == (239, 130)
    found = firth_genes(X[:, [column]], y, np.delete(X, column, axis=1))
    coefficient, low, high, p = PRINTED[column]
    assert found.converged.all()
    assert found.coefficient[0] == pytest.approx(coefficient, abs=1e-7)
    assert found.p[0] == pytest.approx(p, rel=1e-6)
    assert (found.low[0], found.high[0]) == pytest.approx((low, high), abs=5e-6)  # logistf stops there


@pytest.mark.parametrize("missing", [False, True])
def test_firth__equals_firthmodels_for_each_gene_separated_or_with_one_carrier(missing):
    genes, y, confounders = cohort(3, missing=missing)
    found = firth_genes(genes, y, confounders)
    some = np.flatnonzero(found.converged)
    assert {0, 1, 2} <= set(some.tolist())
    assert len(some) >= 23
    expected = np.array([one_by_one(genes[:, j], y, confounders) for j in some])
    values = np.column_stack([found.coefficient, found.p, found.low, found.high])[some]
    np.testing.assert_allclose(values, expected, atol=2e-6)


def test_firth__without_confounders_and_without_intervals():
    genes, y, _ = cohort(4)
    whole, quick = firth_genes(genes, y), firth_genes(genes, y, intervals=False)
    np.testing.assert_array_equal(whole.p, quick.p)
    assert np.isnan(quick.low).all()
    assert quick.converged.any()
    a, b, c, d = 4.5, 1.5, 2.5, 7.5  # one binary predictor: half a patient is added to each cell (Firth 1993)
    y, gene = np.repeat([1, 0, 1, 0], [4, 1, 2, 7]), np.repeat([1.0, 0.0], [5, 9])
    assert firth_genes(gene[:, None], y).coefficient[0] == pytest.approx(np.log(a * d / (b * c)), abs=1e-6)


def test_firth__a_gene_that_confounders_tell_is_not_estimated():
    genes, y, confounders = cohort(5)
    genes = np.column_stack([genes[:, 3], 1 - confounders[:, 1], np.zeros(60), np.full(60, np.nan)])
    found = firth_genes(genes, y, confounders)
    assert found.converged.tolist() == [True, False, False, False]
    for values in (found.coefficient, found.p, found.low, found.high):
        assert np.isnan(values[1:]).all()


def test_firth__scale_of_confounders_and_order_of_patients_do_not_matter():
    genes, y, confounders = cohort(6, missing=True)
    plain = firth_genes(genes, y, confounders)
    rows = np.random.default_rng(1).permutation(len(y))
    other = firth_genes(genes[rows], y[rows], confounders[rows] @ [[1e5, 3], [0, 2]] - 7)
    for name in ("coefficient", "p", "low", "high"):
        np.testing.assert_allclose(getattr(other, name), getattr(plain, name), atol=1e-6)


def test_firth__exchanging_the_responses_turns_the_sign():
    genes, y, confounders = cohort(7)
    plain, turned = firth_genes(genes, y, confounders), firth_genes(genes, 1 - y, confounders)
    np.testing.assert_allclose(turned.coefficient, -plain.coefficient, atol=1e-6)
    np.testing.assert_allclose(turned.low, -plain.high, atol=1e-6)
    np.testing.assert_allclose(turned.p, plain.p, atol=1e-7)


def test_firth__genes_in_blocks_are_the_same_fits(monkeypatch):
    genes, y, confounders = cohort(8)
    whole = firth_genes(genes, y, confounders)
    monkeypatch.setattr("trastuz_ml.stats.firth._CELLS", 3 * len(y))
    np.testing.assert_allclose(firth_genes(genes, y, confounders).high, whole.high, atol=1e-9)


@pytest.mark.parametrize(
    ("y", "confounders", "said"),
    [
        ([0, 1, 2, 0], None, "0 or 1"),
        ([0, 1], None, "as many rows"),
        ([0, 1, 0, 1], [[1], [2], [3], [np.nan]], "missing"),
    ],
)
def test_firth__bad_input_is_refused(y, confounders, said):
    with pytest.raises(InputError, match=said):
        firth_genes(np.eye(4), y, confounders)
