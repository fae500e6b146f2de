"""Missing covariates, and burden that goes with the response."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import mannwhitneyu

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import Covariate
from trastuz_ml.quality.covariates import burden_with_response, missing_covariates
from trastuz_ml.schema import CALLS, conform


def cohort(burdens, responses, **covariates):
    names = [f"P{i:02d}" for i in range(len(burdens))]
    rows = [
        (name, f"G{j}", "missense", j) for name, burden in zip(names, burdens, strict=True) for j in range(burden)
    ]
    calls = conform(pd.DataFrame(rows, columns=["patient", "gene", "effect", "pos"]), CALLS)
    patients = pd.DataFrame(
        {"response": pd.array(responses, dtype="Int8"), "group": names, "assay": "exome", **covariates},
        index=pd.Index(names, name="patient"),
    )
    return Cohort(calls, patients, tuple(Covariate(name) for name in covariates))


def test_burden__that_goes_with_the_response_is_a_note_with_its_p():
    burdens, responses = [9, 10, 11, 12, 13, 1, 2, 3, 4, 5], [1] * 5 + [0] * 5
    [finding] = burden_with_response(cohort(burdens, responses))
    p = mannwhitneyu(burdens[:5], burdens[5:]).pvalue
    assert f"more calls than the others (median 11 against 3, Mann-Whitney p = {p:.2g})" in finding.message


@pytest.mark.parametrize("responses", [[1, 0] * 5, [1] * 10], ids=["unrelated", "one class"])
def test_burden__is_silent_otherwise(responses):
    assert burden_with_response(cohort([3, 3, 4, 4, 5, 5, 6, 6, 7, 7], responses)) == []


@pytest.mark.parametrize(("missing", "severity"), [(1, "note"), (3, "warning")])
def test_covariate__that_patients_lack_is_counted(missing, severity):
    ages = [np.nan] * missing + [50.0] * (10 - missing)
    [finding] = missing_covariates(cohort([1] * 10, [1, 0] * 5, age=ages))
    assert (finding.severity, finding.count, finding.where) == (severity, missing, "age")


def test_covariate__known_for_all_is_silent():
    assert missing_covariates(cohort([1] * 4, [1, 0] * 2, age=[50.0] * 4)) == []
