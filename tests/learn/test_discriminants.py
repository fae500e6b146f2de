"""Firth's logistic regression, naive Bayes and support vector machine, against other ways to the same numbers."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import chi2_contingency
from sklearn.calibration import CalibratedClassifierCV
from sklearn.naive_bayes import BernoulliNB
from sklearn.svm import SVC

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.learn import discriminants
from trastuz_ml.learn.calibration import calibrating_line
from trastuz_ml.learn.discriminants import fit_firth, fit_naive_bayes, fit_svm
from trastuz_ml.learn.folds import stratified_folds
from trastuz_ml.learn.training import Training
from trastuz_ml.learn.transformers import Preparation


def genes(seed=0, n=60, p=25):
    rng = np.random.default_rng(seed)
    X = (rng.random((n, p)) < rng.uniform(0.1, 0.5, p)).astype(np.float32)
    y = (rng.random(n) < np.where(X[:, 3] > 0, 0.75, 0.2)).astype(np.int8)
    return X, y


def trained(X, y, *, balanced=False, groups=None):
    preparation = Preparation(("gene",) * X.shape[1])
    prepared = preparation.fit_transform(X)
    names = np.arange(len(y)).astype(str) if groups is None else groups
    gaps = np.isnan(X[:, preparation.source_])
    return Training(prepared, y, names, 7, balanced, gaps if gaps.any() else None)


def penalised_optimum(X, y):
    """Maximise the log likelihood plus half the log determinant of the information (Firth 1993)."""
    columns = np.column_stack([X, np.ones(len(y))])

    def loss(beta):
        p = expit(columns @ beta)
        _, determinant = np.linalg.slogdet((columns * (p * (1 - p))[:, None]).T @ columns)
        return -np.sum(y * np.log(p) + (1 - y) * np.log1p(-p)) - determinant / 2

    return minimize(loss, np.zeros(columns.shape[1]), method="BFGS", options={"gtol": 1e-7}).x


def test_firth__is_the_optimum_of_the_penalised_likelihood():
    data = trained(*genes())
    model = fit_firth(data, [{}])[0]
    chosen = np.flatnonzero(model.coefficients)
    assert len(chosen) == min(data.y.sum(), 60 - data.y.sum()) // 5
    best = penalised_optimum(data.X[:, chosen], data.y)
    np.testing.assert_allclose([*model.coefficients[chosen], model.intercept], best, atol=1e-4)


def test_firth__of_one_gene_adds_a_half_to_each_cell_of_the_table_even_when_it_separates():
    gene, y = np.repeat([1.0, 0.0], [6, 9])[:, None], np.repeat([1, 0], [6, 9]).astype(np.int8)
    model = fit_firth(trained(gene.astype(np.float32), y), [{}])[0]
    assert model.coefficients[0] == pytest.approx(np.log(6.5 * 9.5 / 0.5**2), abs=1e-5)


def test_firth__columns_are_ranked_as_by_the_chi_squared_test():
    X, y = genes(1)
    tables = [[[np.sum((X[:, j] == a) & (y == b)) for b in (0, 1)] for a in (0, 1)] for j in range(25)]
    statistic = [chi2_contingency(table, correction=False).statistic for table in tables]
    ranked = discriminants._strongest_columns(trained(X, y).X, y, 6)
    assert ranked == np.argsort(-np.array(statistic), kind="stable")[:6].tolist()


def test_firth__a_covariate_competes_with_genes():
    X, y = genes(2)
    data = trained(X, y)
    number = y + np.random.default_rng(0).normal(0, 0.3, 60)
    with_number = np.column_stack([data.X, (number - number.mean()) / number.std()])
    assert discriminants._strongest_columns(with_number, y, 1) == [25]


def test_firth__of_identical_genes_and_of_levels_that_add_up_the_first_are_taken():
    X, y = genes(3)
    X[:, 9] = X[:, 3]
    X[:, 11] = 1 - X[:, 3]
    ranked = discriminants._strongest_columns(trained(X, y).X, y, 25)
    assert ranked[0] == 3
    assert not {9, 11} & set(ranked)
    levels = np.eye(3)[np.arange(60) % 3]
    assert len(discriminants._strongest_columns(levels - levels.mean(axis=0), y, 3)) == 2


def test_firth__with_fewer_than_five_events_is_the_response_rate():
    X, _ = genes(n=20)
    y = np.repeat([1, 0], [4, 16]).astype(np.int8)
    model = fit_firth(trained(X, y), [{}])[0]
    assert not model.coefficients.any()
    assert expit(model.intercept) == pytest.approx(0.2)


def test_firth__that_does_not_converge_drops_its_weakest_columns_and_ends_at_the_rate(monkeypatch):
    data, own = trained(*genes()), discriminants._firth
    strongest = discriminants._strongest_columns(data.X, data.y, 1)
    monkeypatch.setattr(discriminants, "_firth", lambda X, y: own(X, y) if X.shape[1] == 1 else None)
    assert np.flatnonzero(fit_firth(data, [{}])[0].coefficients).tolist() == strongest
    monkeypatch.setattr(discriminants, "_firth", lambda X, y: None)
    assert fit_firth(data, [{}])[0].probability(data.X) == pytest.approx(np.full(60, data.y.mean()))


def test_firth__what_the_library_warns_of_is_a_fit_that_failed():
    y = np.repeat([1, 0], 10).astype(np.int8)
    assert discriminants._firth(np.full((20, 1), 1e200) * y[:, None], y) is None


def test_firth__balanced_weights_move_the_intercept_by_the_log_odds_of_the_rate():
    X, y = genes(4)
    plain, balanced = (fit_firth(trained(X, y, balanced=b), [{}])[0] for b in (False, True))
    np.testing.assert_array_equal(plain.coefficients, balanced.coefficients)
    assert balanced.intercept - plain.intercept == pytest.approx(-logit(y.mean()))


@pytest.mark.parametrize("balanced", [False, True])
def test_naive_bayes__is_scikit_learns(balanced):
    X, y = genes(5)
    data = trained(X, y, balanced=balanced)
    for alpha, model in zip((10.0, 0.5), fit_naive_bayes(data, [{"alpha": 10.0}, {"alpha": 0.5}]), strict=True):
        plain = BernoulliNB(alpha=alpha).fit(X, y, data.weights)
        log_chance = plain.predict_log_proba(X)
        np.testing.assert_allclose(model.margin(data.X), log_chance[:, 1] - log_chance[:, 0], atol=1e-10)


def test_naive_bayes__counts_only_patients_in_whom_the_gene_was_covered():
    X, y = genes(6)
    X[:20, 4] = np.nan
    data = trained(X, y)
    model = fit_naive_bayes(data, [{"alpha": 1.0}])[0]
    shares = BernoulliNB(alpha=1.0).fit(X[20:, [4]], y[20:]).feature_log_prob_[:, 0]
    odds = [np.log(np.exp(s) / (1 - np.exp(s))) for s in shares]
    assert model.coefficients[4] == pytest.approx(odds[1] - odds[0], abs=1e-10)
    complete = fit_naive_bayes(trained(np.delete(X, 4, axis=1), y), [{"alpha": 1.0}])[0]
    np.testing.assert_allclose(np.delete(model.coefficients, 4), complete.coefficients, atol=1e-12)


def test_naive_bayes__a_gene_with_gaps_adds_its_log_likelihood_ratio_to_patients_in_whom_it_was_covered():
    X, y = genes(6)
    X[:20, 4] = np.nan
    data, without = trained(X, y), trained(np.delete(X, 4, axis=1), y)
    added = (
        fit_naive_bayes(data, [{"alpha": 1.0}])[0].margin(data.X)
        - fit_naive_bayes(without, [{"alpha": 1.0}])[0].margin(without.X)
    )[20:]
    alone = BernoulliNB(alpha=1.0).fit(X[20:, [4]], y[20:])
    likelihood = alone.predict_joint_log_proba(X[20:, [4]]) - alone.class_log_prior_
    np.testing.assert_allclose(added, likelihood[:, 1] - likelihood[:, 0], atol=1e-10)


@pytest.mark.parametrize("value", [2.0, 0.35])
def test_naive_bayes__refuses_counts_and_allele_fractions(value):
    X, y = genes(7)
    X[5, 2] = value
    with pytest.raises(ConfigurationError, match=r"1 of 25 columns hold other values.*encoding: binary"):
        fit_naive_bayes(trained(X, y), [{"alpha": 1.0}])


def held_out(data, parts, C, weight):
    scores = np.empty(len(data.y))
    for part in np.unique(parts):
        machine = SVC(kernel="linear", C=C, class_weight=weight, tol=1e-8)
        machine.fit(data.X[parts != part], data.y[parts != part])
        scores[parts == part] = machine.decision_function(data.X[parts == part])
    return scores


@pytest.mark.parametrize("balanced", [False, True])
def test_svm__margin_is_a_rising_line_of_scikit_learns_distance(balanced):
    data = trained(*genes(8), balanced=balanced)
    for C, model in zip((0.05, 1.0), fit_svm(data, [{"C": 0.05}, {"C": 1.0}]), strict=True):
        machine = SVC(kernel="linear", C=C, class_weight="balanced" if balanced else None).fit(data.X, data.y)
        distance = machine.decision_function(data.X)
        slope, offset = np.polyfit(distance, model.margin(data.X), 1)
        assert slope > 0
        np.testing.assert_allclose(model.margin(data.X), slope * distance + offset, atol=1e-9)


def test_svm__is_scikit_learns_calibrated_machine_on_the_same_parts():
    data = trained(*genes(8))
    parts = stratified_folds(data.y, data.groups, 3, data.seed)
    splits = [(np.flatnonzero(parts != k), np.flatnonzero(parts == k)) for k in range(3)]
    for C, model in zip((0.05, 1.0), fit_svm(data, [{"C": 0.05}, {"C": 1.0}]), strict=True):
        plain = CalibratedClassifierCV(SVC(kernel="linear", C=C), method="sigmoid", cv=splits, ensemble=False)
        chance = plain.fit(data.X, data.y).predict_proba(data.X)[:, 1]
        np.testing.assert_allclose(model.probability(data.X), chance, atol=1e-5)


def test_svm__balanced_weights_weigh_in_the_machines_of_the_parts_and_in_the_line():
    data = trained(*genes(8), balanced=True)
    parts = stratified_folds(data.y, data.groups, 3, data.seed)
    slope, offset = calibrating_line(held_out(data, parts, 0.05, "balanced"), data.y, data.weights)
    machine = SVC(kernel="linear", C=0.05, class_weight="balanced", tol=1e-8).fit(data.X, data.y)
    expected = slope * machine.decision_function(data.X) + offset
    # Without the weights another line would come out.
    assert abs(calibrating_line(held_out(data, parts, 0.05, "balanced"), data.y)[1] - offset) > 0.1
    np.testing.assert_allclose(fit_svm(data, [{"C": 0.05}])[0].margin(data.X), expected, atol=0.02)


def test_svm__patients_of_one_group_calibrate_together(monkeypatch):
    X, y = genes(9)
    data = trained(X, y, groups=np.arange(60).astype(str)[np.arange(60) // 2 * 2])
    seen = []
    monkeypatch.setattr(
        discriminants, "stratified_folds", lambda *given: seen.append(stratified_folds(*given)) or seen[-1]
    )
    fit_svm(data, [{"C": 0.1}])
    np.testing.assert_array_equal(seen[0][::2], seen[0][1::2])


def test_svm__two_responders_are_calibrated_in_two_parts_and_one_is_left_with_the_rate():
    X, _ = genes(n=20)
    two, one = (np.repeat([1, 0], [k, 20 - k]).astype(np.int8) for k in (2, 1))
    assert discriminants._calibration_parts(trained(X, two)).max() == 1
    model = fit_svm(trained(X, one), [{"C": 1.0}])[0]
    assert model.probability(trained(X, one).X) == pytest.approx(np.full(20, 0.05))


def test_svm__that_ranks_held_out_patients_the_wrong_way_says_the_same_of_everybody():
    # Responders who stand alone in their carriers: held out, they look like anybody else or worse.
    y = np.repeat([1, 0], [6, 24]).astype(np.int8)
    X = np.eye(30)[:, :6] - 0.2
    data = Training(X, y, np.arange(30).astype(str))
    parts = stratified_folds(y, data.groups, 3, data.seed)
    wrong = held_out(data, parts, 1.0, None)
    model = fit_svm(data, [{"C": 1.0}])[0]
    assert wrong[y > 0].mean() <= wrong[y == 0].mean()
    assert np.ptp(model.probability(X)) == 0


@pytest.mark.parametrize("fit", [fit_firth, fit_naive_bayes, fit_svm])
@pytest.mark.parametrize("balanced", [False, True])
def test_discriminants__without_any_column_are_the_response_rate(fit, balanced):
    y = np.repeat([1, 0], [12, 28]).astype(np.int8)
    data = Training(np.empty((40, 0)), y, np.arange(40).astype(str), balanced=balanced)
    models = fit(data, [{"alpha": 1.0, "C": 1.0}] * 2)
    assert [m.probability(np.empty((1, 0)))[0] for m in models] == pytest.approx([0.5 if balanced else 0.3] * 2)
