"""How many genes tell the responders apart in these patients, and how many do when responses are shuffled."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.learn.permutation import permuted_response
from trastuz_ml.learn.tuning import named_seed
from trastuz_ml.schema import GENES_AGAINST_CHANCE, GENES_BY_CHANCE, conform
from trastuz_ml.stats.gene_screen import GeneCounts, count_carriers, screen_genes
from trastuz_ml.stats.permutation_test import arrangement_count, every_arrangement, exceedances, permutation_p

Response = npt.NDArray[np.int8]
Places = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]
Counts = npt.NDArray[np.int64]

# A p of exactly 0.05 counts, whatever its last digit.
_ROUNDING = 1e-9
# Genes times responses that are worked on at a time: memory hangs on it, the result does not.
_CELLS = 2**21
_SURPRISING = 0.05


@dataclass(frozen=True)
class Strictness:
    """What a gene must do to count as telling the responders apart.

    Attributes
    ----------
    key : str
        Short name, for the command line.
    words : str
        What a clinician reads, and what stands in the tables.
    carriers : int
        Fewest carriers, all of whom must have the same response; 0 where that is not asked.
    p : float
        Largest two-sided Fisher p; 1 where that is not asked.
    perfect : bool
        Whether every patient of one response, and nobody of the other, must carry it.
    """

    key: str
    words: str
    carriers: int = 0
    p: float = 1.0
    perfect: bool = False

    def met(self, p: npt.NDArray[np.float64], counts: GeneCounts, patients: int) -> Flags:
        """Return which genes count, shape (n_responses, n_genes)."""
        k, x, r, n = counts.carriers, counts.carriers_responding, counts.responders, counts.covered
        found: Flags = p <= self.p + _ROUNDING
        if self.perfect:
            # Of patients in whom the gene was not covered nobody knows whether they carry it.
            found = ((x == k) & (k == r) | (x == 0) & (k == n - r)) & (n == patients) & (k > 0)
        elif self.carriers:
            # A gene that was covered in patients of one response alone tells nothing apart.
            found = (k >= self.carriers) & ((x == 0) & (r > 0) | (x == k) & (r < n))
        return found


_ONE_RESPONSE = "all carriers of one response, at least {} carriers"
STRICTNESSES: tuple[Strictness, ...] = (
    *(Strictness(f"one-response-{k}", _ONE_RESPONSE.format(k), carriers=k) for k in (2, 3, 4)),
    *(Strictness(f"p-{p}", f"p <= {p}", p=p) for p in (0.05, 0.01, 0.001)),
    Strictness("perfect", "perfect: all patients of one response carry it, and nobody of the other", perfect=True),
)


def strictness_named(name: str) -> Strictness:
    """Return the strictness of that short name, or of those words.

    Raises
    ------
    ConfigurationError
        If there is none.

    Examples
    --------
    >>> strictness_named("one-response-3").words
    'all carriers of one response, at least 3 carriers'
    """
    for strictness in STRICTNESSES:
        if name in (strictness.key, strictness.words):
            return strictness
    raise ConfigurationError(
        f"There is no strictness '{name}'; expected one of {', '.join(s.key for s in STRICTNESSES)}."
    )


def genes_by_chance(
    X: npt.NDArray[np.floating],
    response: Response,
    *,
    strata: Places,
    groups: npt.NDArray[np.str_],
    times: int = 999,
    seed: int = 0,
) -> pd.DataFrame:
    """Count the genes that tell the responders apart, in the data and under permuted responses.

    Parameters
    ----------
    X : array, shape (n_patients, n_genes)
        Above 0 where the gene is mutated, 0 where it is not, NaN where it was not covered.
    response : array of 0 and 1, shape (n_patients,)
        Observed response.
    strata : array of int, shape (n_patients,)
        Responses change places within these only.
    groups : array of str, shape (n_patients,)
        Patients of one group change places as a whole, with groups of their size.
    times : int
        Permutations. Where the responses have no more arrangements than that, each is taken once.
    seed : int
        Of the permutations.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.GENES_BY_CHANCE`: a row for each strictness of :data:`STRICTNESSES` and each
        permutation, number 0 being the observed data. Without rows for 0 times.

    Raises
    ------
    EvidenceError
        If all patients have one response.

    Notes
    -----
    The rows of genes stay as they are, so that genes that occur together, and the burden of each patient, are the
    same under every permutation.

    Examples
    --------
    >>> X = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [0, 1], [0, 0]])
    >>> names = np.array(list("abcdef"))
    >>> y = np.array([1, 1, 1, 0, 0, 0], dtype=np.int8)
    >>> found = genes_by_chance(X, y, strata=np.zeros(6, dtype=np.intp), groups=names, times=99)
    >>> perfect = found[found["strictness"].str.startswith("perfect")]
    >>> perfect["genes"].iloc[0], perfect["genes"].sum(), len(perfect)
    (np.int64(1), np.int64(2), 20)
    """
    _require_two_classes(response)
    if times == 0:
        return conform(pd.DataFrame(columns=GENES_BY_CHANCE.names), GENES_BY_CHANCE)
    permuted = permuted_responses(response, strata=strata, groups=groups, times=times, seed=seed)
    found = _how_many(X, np.vstack([response[None, :], permuted]))
    table = pd.DataFrame(
        {
            "strictness": np.repeat([s.words for s in STRICTNESSES], len(permuted) + 1),
            "number": np.tile(np.arange(len(permuted) + 1), len(STRICTNESSES)),
            "genes": found.ravel(),
        }
    )
    return conform(table, GENES_BY_CHANCE)


def permuted_responses(
    response: Response, *, strata: Places, groups: npt.NDArray[np.str_], times: int, seed: int
) -> Response:
    """Return permuted responses, shape (permutations, n_patients); parameters as for :func:`genes_by_chance`.

    Where every arrangement can be taken, all but the observed one are, in a fixed order.

    Examples
    --------
    >>> y = np.array([1, 0, 0], dtype=np.int8)
    >>> permuted_responses(y, strata=np.zeros(3, dtype=np.intp), groups=np.array(list("abc")), times=9, seed=1)
    array([[0, 1, 0],
           [0, 0, 1]], dtype=int8)
    """
    if every_arrangement_taken(response, strata=strata, groups=groups, times=times):
        others = [y for y in every_arrangement(response, strata) if (y != response).any()]
        return np.array(others, dtype=np.int8).reshape(len(others), len(response))
    generator = np.random.default_rng(named_seed(seed, (), "genes by chance"))
    if len(np.unique(groups)) < len(groups):
        return np.array([permuted_response(response, groups, strata, generator) for _ in range(times)])
    permuted = np.tile(response, (times, 1))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        permuted[:, members] = generator.permuted(permuted[:, members], axis=1)
    return permuted


def every_arrangement_taken(
    response: Response, *, strata: Places, groups: npt.NDArray[np.str_], times: int
) -> bool:
    """Return whether every arrangement of the responses is taken once, as for 6 + 6 patients and 999 times.

    Parameters as for :func:`genes_by_chance`.
    """
    return len(np.unique(groups)) == len(groups) and arrangement_count(response, strata) <= times


def telling_genes(X: npt.NDArray[np.floating], response: Response) -> Mapping[str, Places]:
    """Return, by the words of each strictness, the columns of the genes that count; most carriers first.

    Parameters
    ----------
    X, response
        As for :func:`genes_by_chance`.

    Examples
    --------
    >>> X = np.array([[1, 0], [1, 0], [1, 1], [0, 0], [0, 1], [0, 0]])
    >>> telling_genes(X, np.array([1, 1, 1, 0, 0, 0], dtype=np.int8))["p <= 0.05"].tolist()
    []
    """
    _require_two_classes(response)
    counts, p = count_carriers(X, response), screen_genes(X, response)
    found = {}
    for strictness in STRICTNESSES:
        places = np.flatnonzero(strictness.met(p, counts, len(X))[0])
        found[strictness.words] = places[np.argsort(-counts.carriers[places], kind="stable")]
    return found


def _require_two_classes(response: Response) -> None:
    if len(np.unique(response)) < 2:
        raise EvidenceError(
            f"All {len(response)} patients have one response: no gene can tell responders from the others."
        )


def _how_many(X: npt.NDArray[np.floating], responses: Response) -> Counts:
    """Return how many genes count, shape (n_strictnesses, n_responses)."""
    carriers = (X > 0).sum(axis=0)
    # A gene that nobody carries, or everybody, tells nobody apart.
    X = X[:, (carriers > 0) & (carriers < len(X))]
    found = np.zeros((len(STRICTNESSES), len(responses)), dtype=np.int64)
    if X.shape[1] == 0:
        return found
    for start in range(0, len(responses), high := max(1, _CELLS // X.shape[1])):
        rows = slice(start, start + high)
        counts, p = count_carriers(X, responses[rows]), screen_genes(X, responses[rows])
        for place, strictness in enumerate(STRICTNESSES):
            found[place, rows] = strictness.met(p, counts, len(X)).sum(axis=1)
    return found


def against_chance(by_chance: pd.DataFrame, *, exact: bool = False) -> pd.DataFrame:
    """Return what the counts say, for each strictness.

    Parameters
    ----------
    by_chance : pandas.DataFrame
        :data:`trastuz_ml.schema.GENES_BY_CHANCE`.
    exact : bool
        Whether every arrangement was taken, the observed one among them: this changes words, not p.

    Returns
    -------
    pandas.DataFrame
        :data:`trastuz_ml.schema.GENES_AGAINST_CHANCE`; empty where nothing was permuted.

    Notes
    -----
    p is (1 + b) / (1 + m) for b of m permutations with as many genes or more (Phipson and Smyth 2010, Stat Appl
    Genet Mol Biol 9:39); with all arrangements that is the exact share of them. ``false_share`` is the mean count
    under permuted responses over the observed count, at most 1 (Tusher, Tibshirani and Chu 2001, PNAS 98:5116):
    it takes all genes to be null, so that it errs upwards.

    Examples
    --------
    >>> rows = [("p <= 0.05", number, genes) for number, genes in enumerate([6, 2, 4, 3, 3])]
    >>> found = against_chance(pd.DataFrame(rows, columns=["strictness", "number", "genes"]))
    >>> found[["observed", "expected", "p", "false_share"]].values.tolist()
    [[6, 3.0, 0.2, 0.5]]
    """
    rows = []
    for words, counted in by_chance.groupby("strictness", sort=False):
        ordered = counted.sort_values("number")["genes"].to_numpy(dtype=np.int64)
        observed, shuffled = int(ordered[0]), ordered[1:]
        if not len(shuffled):
            continue
        low, high = np.quantile(shuffled, (0.025, 0.975), method="inverted_cdf")
        expected = float(shuffled.mean())
        p = permutation_p(observed, shuffled)
        sentence = _sentence(str(words), observed, expected, (int(low), int(high)), p, never=not shuffled.any())
        rows.append(
            (
                words, observed, expected, int(low), int(high), exceedances(observed, shuffled), len(shuffled), p,
                min(1.0, expected / observed) if observed else math.nan, _method(len(shuffled), exact=exact),
                sentence,
            )
        )  # fmt: skip
    return conform(pd.DataFrame(rows, columns=GENES_AGAINST_CHANCE.names), GENES_AGAINST_CHANCE)


def chance_caveats(found: pd.DataFrame) -> list[str]:
    """Return what must be said beside :func:`against_chance`: many looks, and what else could be behind genes."""
    if found.empty:
        return []
    said = []
    if len(found) > 1:
        said.append(
            "Each strictness is judged by itself: to pick, after looking, the one with the smallest p is one more "
            "choice that chance would profit from."
        )
    if (found["p"] <= _SURPRISING).any():
        said.append(
            "More genes than shuffled responses give can come of a burden, a subtype or a centre that goes with "
            "the response: look at these before you believe any single gene."
        )
    return said


def _method(permutations: int, *, exact: bool) -> str:
    return f"exact: all {permutations + 1:,} arrangements" if exact else f"{permutations:,} shuffled responses"


def _sentence(words: str, observed: int, expected: float, span: tuple[int, int], p: float, *, never: bool) -> str:
    head = f"{words[0].upper() if words.startswith(('all', 'perfect')) else words[0]}{words[1:]}: "
    if never and not observed:
        return f"{head}no gene does it, neither here nor under any of the shuffled responses."
    chance = f"shuffled responses give {_mean(expected)} on average ({span[0]:,} to {span[1]:,}"
    if not observed:
        return f"{head}no gene tells the responders apart; {chance})."
    genes = f"{observed:,} gene{' tells' if observed == 1 else 's tell'} the responders apart"
    tested = f"{head}{genes}; {chance}; p = {p:.2g}): "
    if p > _SURPRISING:
        return f"{tested}this cannot be told from chance."
    share = min(1.0, expected / observed)
    return f"{tested}more than chance gives, though chance alone explains {share:.0%} of them."


def _mean(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 else f"{value:.2g}"


def words_of(names: Iterable[str]) -> list[str]:
    """Return the words of strictnesses, in the order in which they are declared; all for none.

    Raises
    ------
    ConfigurationError
        If a name is not known.

    Examples
    --------
    >>> words_of(["p-0.01", "p <= 0.05"])
    ['p <= 0.05', 'p <= 0.01']
    """
    asked = {strictness_named(name) for name in names}
    return [s.words for s in STRICTNESSES if s in asked or not asked]
