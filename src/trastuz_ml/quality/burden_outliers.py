"""Patients with far more, or far fewer, mutations than others of the same assay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.findings import Finding
from trastuz_ml.quality.incidence import rows_of
from trastuz_ml.schema import NONSILENT

# Modified z-score beyond which a value is an outlier (Iglewicz & Hoaglin 1993, How to Detect and Handle Outliers).
_FAR = 3.5
# A median deviation of fewer patients says little.
_FEWEST_PATIENTS = 10
# Least standard deviation of log counts: breast cancers have 0.7 and melanomas 1.5. Where a dozen patients happen
# to be alike, a count of less than six times their median is still no outlier.
_LEAST_SPREAD = 0.5


def burden_outliers(cohort: Cohort, effects: Sequence[str] = NONSILENT) -> list[Finding]:
    """Find patients whose number of calls is far from the median of their assay.

    A patient without any call is not among them: :class:`~trastuz_ml.cohort.cohort.Cohort` names those.

    Parameters
    ----------
    cohort : Cohort
        Patients and calls.
    effects : sequence of str
        Effect classes that count.

    Returns
    -------
    list of Finding
        Warnings ``burden-high`` and ``burden-low``, one a patient.
    """
    rows = rows_of(cohort.calls, cohort.patients.index)
    wanted = cohort.calls["effect"].isin(effects).to_numpy()
    every, own = (np.bincount(some[some >= 0], minlength=len(cohort.patients)) for some in (rows, rows[wanted]))
    counts = pd.Series(own, index=cohort.patients.index)[every > 0]
    assay = cohort.patients.loc[counts.index, "assay"]
    return [
        finding
        for name, members in counts.groupby(assay.to_numpy())
        if len(members) >= _FEWEST_PATIENTS
        for finding in _outliers(members, str(name))
    ]


def modified_z(counts: pd.Series) -> pd.Series:
    """Return how far the logarithm of each count lies from the median, in robust standard deviations.

    The standard deviation is 1.4826 times the median absolute deviation, and not less than 0.5 or than what
    chance gives counts of that size (Poisson). A count of zero is taken as one half.

    Examples
    --------
    >>> modified_z(pd.Series([10, 20, 40, 80, 160])).round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 1.35]
    """
    logs = np.log(counts.clip(lower=0.5))
    middle = logs.median()
    spread = max(1.4826 * (logs - middle).abs().median(), _LEAST_SPREAD, float(np.exp(-middle / 2)))
    return (logs - middle) / spread


def _outliers(counts: pd.Series, assay: str) -> Iterator[Finding]:
    z, middle = modified_z(counts), counts.median()
    for patient in counts.index[z.abs() > _FAR]:
        count = int(counts[patient])
        against = f"{count:,} calls of the effects that count; the median of the assay {assay} is {middle:g}"
        if z[patient] > 0:
            yield Finding(
                "warning", "burden-high",
                f"{against}: a hypermutated tumour, or inherited variants or artefacts among the calls. Look at "
                "the normal sample and the filters; keep the patient if the tumour is hypermutated",
                count, patient=str(patient),
            )  # fmt: skip
        else:
            yield Finding(
                "warning", "burden-low",
                f"{against}: little tumour in the sample, low depth, or a file that was cut off. Genes that seem "
                "intact may not have been seen. Check purity and depth, or declare the patient not sequenced",
                count, patient=str(patient),
            )  # fmt: skip
