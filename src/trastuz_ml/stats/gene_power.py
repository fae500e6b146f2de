"""What Fisher's exact test can show about a gene with k carriers, in each direction, by counting every table."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import gammaln, logsumexp

Numbers = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]

# Tables count as equally probable within this, as in R's fisher.test.
_TIE = 1e-7
# A p value of exactly alpha is significant, whatever the last digit of its logarithms.
_ROUNDING = 1e-9


def fisher_p_values(carriers: int, responders: int, patients: int) -> tuple[Counts, Numbers]:
    """Return the two-sided p of every table that these margins allow.

    Parameters
    ----------
    carriers, responders, patients : int
        Patients who carry the gene, who respond, and in whom it was covered.

    Returns
    -------
    responding : array of int
        The possible numbers of carriers who respond.
    p : array of float
        Fisher's exact p of each, two-sided by probability (as in R's ``fisher.test``).

    Examples
    --------
    >>> responding, p = fisher_p_values(3, 20, 62)
    >>> responding.tolist(), p.round(3).tolist()
    ([0, 1, 2, 3], [0.545, 1.0, 0.241, 0.03])
    """
    responding = _possible(carriers, responders, patients)
    chance = _chances(responding, carriers, responders, patients, 0.0)
    order = np.argsort(chance)
    below = np.cumsum(chance[order])
    last = np.searchsorted(chance[order], chance * (1 + _TIE), side="right") - 1
    return responding, np.minimum(below[last], 1.0)


def smallest_gene_p(carriers: int, responders: int, patients: int) -> float:
    """Return the smallest two-sided p towards response: as many carriers respond as can.

    Towards resistance, give the number of patients who do not respond in place of ``responders``.

    Examples
    --------
    >>> round(smallest_gene_p(3, 20, 62), 3), round(smallest_gene_p(3, 42, 62), 3)
    (0.03, 0.545)
    """
    return float(fisher_p_values(carriers, responders, patients)[1][-1])


def gene_power(odds_ratio: float, carriers: int, responders: int, patients: int, alpha: float = 0.05) -> float:
    """Return how often the test finds p <= alpha towards response.

    Parameters
    ----------
    odds_ratio : float
        The true odds ratio of responding, carriers against the others.
    carriers, responders, patients : int
        As in :func:`fisher_p_values`.
    alpha : float
        Level of the two-sided test.

    Notes
    -----
    Exact: the tables follow Fisher's noncentral hypergeometric distribution, both margins held (Fisher 1935, J R
    Stat Soc 98:39). A result in the wrong direction is not counted.

    Examples
    --------
    >>> round(gene_power(9, carriers=3, responders=20, patients=62), 2)
    0.51
    """
    responding, p = fisher_p_values(carriers, responders, patients)
    found = (p <= alpha * (1 + _ROUNDING)) & (responding * patients > carriers * responders)
    chance = _chances(responding, carriers, responders, patients, math.log(odds_ratio))
    return float(min(chance[found].sum(), 1.0))


def detectable_odds_ratio(
    carriers: int, responders: int, patients: int, *, alpha: float = 0.05, power: float = 0.8
) -> float | None:
    """Return the smallest odds ratio towards response that is found with this power; None where none is.

    Towards resistance, give the number of patients who do not respond in place of ``responders``, and take the
    reciprocal.

    Examples
    --------
    >>> round(detectable_odds_ratio(3, 20, 62, power=0.5), 1)
    8.8
    >>> detectable_odds_ratio(3, 42, 62) is None
    True
    """
    if not can_be_shown(carriers, responders, patients, alpha):
        return None

    def lacking(log_odds: float) -> float:
        return gene_power(math.exp(log_odds), carriers, responders, patients, alpha) - power

    high = 1.0
    while lacking(high) < 0:
        high *= 2
    return math.exp(float(brentq(lacking, 0.0, high, xtol=1e-10)))


def can_be_shown(carriers: int, responders: int, patients: int, alpha: float = 0.05) -> bool:
    """Return whether any table reaches p <= alpha towards response.

    Examples
    --------
    >>> can_be_shown(3, 20, 62), can_be_shown(2, 20, 62)
    (True, False)
    """
    return smallest_gene_p(carriers, responders, patients) <= alpha * (1 + _ROUNDING)


def carriers_needed(responders: int, patients: int, alpha: float = 0.05) -> int | None:
    """Return the fewest carriers with whom p <= alpha can be reached towards response; None where it cannot.

    Examples
    --------
    >>> carriers_needed(20, 62), carriers_needed(42, 62)
    (3, 8)
    """
    # With more carriers than responders the best table only gets worse. p comes in steps: now and then one carrier
    # more than the fewest is one too many, and two more are enough again.
    return next((k for k in range(1, responders + 1) if can_be_shown(k, responders, patients, alpha)), None)


def gene_power_in_words(carriers: int, responders: int, patients: int, alpha: float = 0.05) -> str:
    """Return what can be shown about a gene, in each direction, as a sentence.

    Examples
    --------
    >>> gene_power_in_words(3, responders=20, patients=62)
    'With 3 carriers among 62, 20 responding, resistance cannot be shown at any odds ratio: 8 carriers would be
    needed; an odds ratio of 9 towards response would be missed half of the time.'
    """
    hidden, missed = [], []
    for direction, favoured, sign in (("response", responders, 1), ("resistance", patients - responders, -1)):
        found = detectable_odds_ratio(carriers, favoured, patients, alpha=alpha, power=0.5)
        if found is None:
            hidden.append(f"{direction} cannot be shown at any odds ratio: {_needed(favoured, patients, alpha)}")
        else:
            missed.append(f"{_rounded(found**sign)} towards {direction}")
    if missed:
        hidden.append(f"an odds ratio of {' or '.join(missed)} would be missed half of the time")
    who = "1 carrier" if carriers == 1 else f"{carriers:,} carriers"
    return f"With {who} among {patients:,}, {responders:,} responding, {'; '.join(hidden)}."


def _needed(favoured: int, patients: int, alpha: float) -> str:
    fewest = carriers_needed(favoured, patients, alpha)
    if fewest is None:
        return "no number of carriers would do"
    return f"{fewest:,} carrier{'' if fewest == 1 else 's'} would be needed"


def _rounded(odds_ratio: float) -> str:
    return f"{odds_ratio:,.0f}" if odds_ratio >= 3 else f"{odds_ratio:.2g}"


def _possible(carriers: int, responders: int, patients: int) -> Counts:
    return np.arange(max(0, carriers + responders - patients), min(carriers, responders) + 1)


def _chances(responding: Counts, carriers: int, responders: int, patients: int, log_odds: float) -> Numbers:
    """Return the probability of each table; logarithms, because the counts exceed every float."""
    others = patients - responders
    weight = _log_choose(responders, responding) + _log_choose(others, carriers - responding)
    weight = weight + responding * log_odds
    chance: Numbers = np.exp(weight - logsumexp(weight))
    return chance


def _log_choose(n: int, k: Counts) -> Numbers:
    chosen: Numbers = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    return chosen
