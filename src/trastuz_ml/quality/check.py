"""What to know of a cohort before any model: every check, in one list of findings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from trastuz_ml.cohort.cohort import Cohort, Source
from trastuz_ml.findings import Finding, name_some
from trastuz_ml.quality.burden_outliers import burden_outliers
from trastuz_ml.quality.confounding import class_balance, confounded_with_response
from trastuz_ml.quality.covariates import burden_with_response, missing_covariates
from trastuz_ml.quality.one_response_genes import one_response_genes
from trastuz_ml.quality.relatedness import related_patients
from trastuz_ml.schema import NONSILENT


def check_cohort(
    cohort: Cohort, *, everybody: Cohort | None = None, effects: Sequence[str] = NONSILENT
) -> list[Finding]:
    """Check a cohort before any model is fitted.

    Parameters
    ----------
    cohort : Cohort
        What was assembled; its own findings are not repeated.
    everybody : Cohort, optional
        The same with the patients who have no response: a duplicate may be among them.
    effects : sequence of str
        Effect classes that make a carrier and count in the burden.

    Returns
    -------
    list of Finding
        An error says that a model of this cohort would mislead.

    Examples
    --------
    >>> import pandas as pd
    >>> from trastuz_ml.schema import CALLS, empty
    >>> patients = pd.DataFrame(
    ...     {"response": [1] * 12 + [0] * 20, "group": [f"P{at:02d}" for at in range(32)], "assay": "exome"},
    ...     index=[f"P{at:02d}" for at in range(32)])
    >>> [finding.message for finding in check_cohort(Cohort(empty(CALLS), patients))]
    ['12 responders and 20 non-responders (38% respond)']
    """
    return [
        *repeated_files(cohort.sources),
        *related_patients(everybody or cohort),
        *shared_groups(cohort),
        *class_balance(cohort),
        *confounded_with_response(cohort),
        *burden_outliers(cohort, effects),
        *burden_with_response(cohort, effects),
        *missing_covariates(cohort),
        *one_response_genes(cohort, effects),
    ]


def repeated_files(sources: Sequence[Source]) -> Iterator[Finding]:
    """Yield an error for each set of files with the same content.

    A workbook that holds both calls and roster is one file read twice for different rows, and files without rows
    may well be equal: neither is meant.
    """
    by_content: dict[tuple[str, int], list[str]] = defaultdict(list)
    for source in sources:
        if source.rows_in:
            by_content[source.sha256, source.rows_in].append(source.name)
    for names in by_content.values():
        if len(names) > 1:
            listed = ", ".join(sorted(names))
            yield Finding(
                "error", "same-file-twice",
                f"the same content is read {len(names)} times: {listed}. Take all but one out; if these should be "
                "files of different patients, one was copied over another: find the one that was lost",
                len(names), where=min(names),
            )  # fmt: skip


def shared_groups(cohort: Cohort) -> Iterator[Finding]:
    """Yield a note when patients share a group."""
    size = cohort.patients["group"].value_counts()
    shared = size[size > 1]
    if len(shared):
        yield Finding(
            "note", "patients-in-groups",
            f"groups with more than one patient ({name_some(map(str, shared.index))}), {int(shared.sum())} "
            "patients in all: those of one group stay on one side of every split. Check that this is meant: a "
            "person with several samples, a family or a centre",
            len(shared),
        )  # fmt: skip
