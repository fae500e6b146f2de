"""A made-up design, a small experiment and a ridge classifier, for tests of several rooms."""

import numpy as np

from trastuz_ml.learn.design import Design, Feature

SMALL = """\
name: small
purpose: A test.
simulated: {patients: 60, seed: 3}
calls: {files: [calls.maf]}
roster:
  file: roster.tsv
  patient: patient
  response: {column: response, positive: [pCR], negative: [RD]}
  covariates:
    age: {when: baseline}
    t_stage: {when: baseline, kind: ordered, levels: [T1, T2, T3, T4]}
    er_status: {when: baseline, kind: category}
models: [prevalence, clinical-only, {l2-logistic: [genes, both]}]
validation: {repeats: 2, folds: 3, inner_folds: 2, seed: 1}
"""


def made_up_design(patients=60, genes=40, seed=0, *, covariates=True, effect=2.0):
    """Patients with one telling gene (the first) and, if asked, a telling number and a category."""
    rng = np.random.default_rng(seed)
    X = (rng.random((patients, genes)) < rng.uniform(0.1, 0.4, genes)).astype(np.float32)
    features = [Feature(f"G{j:03d}", "gene", "gene") for j in range(genes)]
    age = rng.normal(50, 10, patients).astype(np.float32)
    stage = rng.integers(0, 3, patients).astype(np.float32)
    if covariates:
        X = np.column_stack([age, stage, X]).astype(np.float32)
        features = [
            Feature("age", "covariate", "number"),
            Feature("stage", "covariate", "category", ("I", "II", "III")),
            *features,
        ]
    first = X[:, 2 if covariates else 0]
    odds = effect * (first - 0.5) + 0.05 * (age - 50)
    response = (rng.random(patients) < 1 / (1 + np.exp(-odds))).astype(np.int8)
    names = tuple(f"P{i:03d}" for i in range(patients))
    return Design(names, tuple(features), X, response, np.array(names))


def ridge(x, y):
    """Return the weights of a ridge classifier, shape (n_columns,)."""
    centred = x - x.mean(axis=0)
    return np.linalg.solve(centred.T @ centred + 10 * np.eye(x.shape[1]), centred.T @ (y - y.mean()))


def wins_of_ridge(x, y):
    """Return which pairs of a responder and another a ridge ranks rightly that was fitted without them."""
    responders, others = np.flatnonzero(y == 1), np.flatnonzero(y == 0)
    wins = np.empty((len(responders), len(others)))
    for i, one in enumerate(responders):
        for j, other in enumerate(others):
            kept = np.delete(np.arange(len(y)), [one, other])
            wins[i, j] = (x[one] - x[other]) @ ridge(x[kept], y[kept]) > 0
    return wins
