"""What to know of covariates and burden before any model: missing values, and burden with response."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.stats import mannwhitneyu

from trastuz_ml.cohort.burden import burden, genes_in_common
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.findings import Finding
from trastuz_ml.schema import NONSILENT

# p below which the burden of responders is worth a word.
_NOTE = 0.05
# A covariate that more patients than this share lack says more about who was asked than about them.
_MANY_MISSING = 0.2


def burden_with_response(cohort: Cohort, effects: Sequence[str] = NONSILENT) -> list[Finding]:
    """Say when responders carry more calls, or fewer, than the others: the first rival of any gene.

    Two-sided Mann-Whitney test (Mann & Whitney 1947) of the calls of the given effects, in the genes that every
    assay covers.

    Returns
    -------
    list of Finding
        A note ``burden-with-response`` when p < 0.05.
    """
    calls = burden(cohort, effects, genes_in_common(cohort))
    response = cohort.response.to_numpy(dtype=float, na_value=np.nan)
    known = ~np.isnan(calls) & ~np.isnan(response)
    yes, no = calls[known & (response == 1)], calls[known & (response == 0)]
    if not len(yes) or not len(no):
        return []
    p = float(mannwhitneyu(yes, no).pvalue)
    if p >= _NOTE:
        return []
    gap = float(np.median(yes) - np.median(no))
    more = "more" if gap > 0 else "fewer" if gap < 0 else "other numbers of"
    return [
        Finding(
            "note", "burden-with-response",
            f"responders carry {more} calls than the others (median {np.median(yes):g} against {np.median(no):g}, "
            f"Mann-Whitney p = {p:.2g}): every gene is then associated with response a little, long genes most. "
            "Compare with burden-only, and adjust for burden",
            int(known.sum()),
        )
    ]  # fmt: skip


def missing_covariates(cohort: Cohort) -> list[Finding]:
    """Count the patients for whom a covariate is not known.

    Returns
    -------
    list of Finding
        ``covariate-missing``: a warning where more than one in five patients lack it, else a note.
    """
    found = []
    for covariate in cohort.covariates:
        missing = int(cohort.patients[covariate.name].isna().sum())
        if missing:
            share = missing / len(cohort.patients)
            found.append(
                Finding(
                    "warning" if share > _MANY_MISSING else "note",
                    "covariate-missing",
                    f"{covariate.name} is not known for {missing} of {len(cohort.patients)} patients "
                    f"({share:.0%}); linear models take the mean of the training fold in its place",
                    missing,
                    where=covariate.name,
                )
            )
    return found
