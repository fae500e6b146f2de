"""Whether carriers of a gene respond differently: counts, exact test, conditional odds ratio."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import fisher_exact
from scipy.stats.contingency import odds_ratio


@dataclass(frozen=True)
class Association:
    """Carriers against the others: conditional odds ratio of response, exact 95 % interval, Fisher p."""

    odds_ratio: float
    low: float
    high: float
    p: float


def carriers_and_response(carriers_responding: int, carriers: int, responders: int, covered: int) -> Association:
    """Return the association of carrying with responding, among the patients in whom the gene was covered.

    Notes
    -----
    Fisher's exact test, two-sided by probability; conditional maximum likelihood odds ratio with the exact
    interval of Cornfield (1956), as in R's ``fisher.test``. An end may be 0 or infinite.

    Examples
    --------
    >>> carriers_and_response(1, 10, 15, 30).p < 0.05
    True
    """
    table = [
        [carriers_responding, carriers - carriers_responding],
        [responders - carriers_responding, covered - carriers - (responders - carriers_responding)],
    ]
    result = odds_ratio(table, kind="conditional")
    ends = result.confidence_interval(0.95)
    return Association(
        float(result.statistic), float(ends.low), float(ends.high), float(fisher_exact(table).pvalue)
    )
