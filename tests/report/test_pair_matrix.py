"""The matrix of paired comparisons: mirrored, and adjusted for all pairs."""

from __future__ import annotations

import numpy as np
from statsmodels.stats.multitest import multipletests

from trastuz_ml.learn.comparisons import comparison_table
from trastuz_ml.report.pair_matrix import matrix_content


def test_matrix__rows_agree_with_the_comparisons_and_are_mirrored(large):
    found = matrix_content(large.out_of_fold)
    cells = {
        (row["model"], rival): cell
        for row in found["rows"]
        for rival, cell in zip(found["models"], row["cells"], strict=True)
    }
    for row in comparison_table(large.out_of_fold).itertuples():
        cell, mirrored = cells[row.model, row.rival], cells[row.rival, row.model]
        assert np.isclose(cell["difference"], row.difference, atol=1e-4)
        assert mirrored["difference"] == -cell["difference"]
        assert (mirrored["low"], mirrored["high"]) == (-cell["high"], -cell["low"])
        assert mirrored["p_holm"] == cell["p_holm"]
    assert found["pairs"] == len(found["models"]) * (len(found["models"]) - 1) // 2
    assert all(cells[model, model] is None for model in found["models"])


def test_matrix__holm_counts_every_pair(large):
    models = ["chosen", "clinical-only", "burden-only"]
    out_of_fold = large.out_of_fold[large.out_of_fold["model"].isin(models)]
    plain = [
        comparison_table(out_of_fold, rival).set_index("model")["p"][model]
        for model, rival in (
            ("chosen", "clinical-only"),
            ("chosen", "burden-only"),
            ("clinical-only", "burden-only"),
        )
    ]
    expected = multipletests(np.array(plain, dtype=float), method="holm")[1]
    rows = matrix_content(out_of_fold)["rows"]
    found = [rows[0]["cells"][1]["p_holm"], rows[0]["cells"][2]["p_holm"], rows[1]["cells"][2]["p_holm"]]
    assert np.allclose(found, expected)


def test_matrix__left_out_pairs_are_not_tested(paired):
    found = matrix_content(paired.out_of_fold)
    assert found["rows"] == []
    assert "no test" in found["refused"]
