"""What permutations say: whether the whole procedure beats chance, and whether genes add to covariates."""

from __future__ import annotations

from typing import Any

import pandas as pd

from trastuz_ml.learn.chance import BEST
from trastuz_ml.learn.permutation import GENES, RESPONSES
from trastuz_ml.report.answer import CHOSEN, CLINICAL, DIGITS, SAME_LEARNER, Row
from trastuz_ml.report.plain import records
from trastuz_ml.wording import count, number, p_value

NOT_PERMUTED = "Chance was not tested: the experiment asks for no permutations (permutation: times)."
_TITLES = {RESPONSES: "Does anything predict?", GENES: "Do genes add to the covariates?"}
_PERMUTED = {
    RESPONSES: "responses permuted, the whole procedure refitted, choice of the model included",
    GENES: "the rows of the gene block permuted, responses and covariates fixed, everything refitted",
}


def chance_sentences(chance: pd.DataFrame) -> list[str]:
    """Return what the permutation tests say, or that there was none.

    Parameters
    ----------
    chance : pandas.DataFrame
        :data:`trastuz_ml.schema.CHANCE`.

    Examples
    --------
    >>> row = {"permuted": "responses", "model": "chosen", "observed": 0.71, "p": 0.025, "method": "of 39"}
    >>> chance_sentences(pd.DataFrame([row, row | {"model": "clinical-only"}]))
    ['Chance: p = 0.025 for “chosen” (picked among 1 model, AUROC 0.71; ... refitted: of 39).']
    """
    whole, added = headline_test(chance, RESPONSES), headline_test(chance, GENES)
    said = [NOT_PERMUTED]
    if whole is not None:
        # Fewer models may be permuted than compete: that is another choice than the headline's.
        rivals = chance[(chance["permuted"] == RESPONSES) & ~chance["model"].isin([CHOSEN, BEST])]
        said = [
            f"Chance: {_p(whole)} for “{whole['model']}” (picked among {count(len(rivals), 'model')}, AUROC "
            f"{number(whole['observed'])}; responses permuted and everything refitted: {whole['method']})."
        ]
    if added is not None:
        gain = number(added["observed"], DIGITS, signed=True)
        said.append(
            f"What genes add: {_p(added)} for “{added['model']}” ({gain} "
            f"over {CLINICAL} on the folds of the permutations; gene block permuted and everything refitted: "
            f"{added['method']})."
        )
    return said


def headline_test(chance: pd.DataFrame, permuted: str) -> Row | None:
    """Return the test of ``chosen``; of what genes add, that of the model named before any score was seen."""
    by_model = {row["model"]: row for row in records(chance[chance["permuted"] == permuted])}
    first = [CHOSEN] if permuted == RESPONSES else [SAME_LEARNER, CHOSEN]
    return next((by_model[name] for name in first if name in by_model), None)


def chance_content(permuted: pd.DataFrame, chance: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the permutation tests of a report, one of each kind that was done.

    Parameters
    ----------
    permuted, chance : pandas.DataFrame
        As declared in :mod:`trastuz_ml.schema`.

    Returns
    -------
    list of dict
        ``title``, ``what`` (what was permuted, in words), ``statistic``, ``rows`` of the tests, and of the
        headline ``model``, ``observed`` and ``values``: its statistics under permutation.
    """
    tests = []
    for kind in dict.fromkeys(chance["permuted"]):
        headline = headline_test(chance, kind)
        rows = permuted[(permuted["permuted"] == kind) & (permuted["number"] > 0)]
        model = headline["model"] if headline else ""
        tests.append(
            {
                "title": _TITLES.get(kind, kind),
                "what": _PERMUTED.get(kind, kind),
                "statistic": "AUROC" if kind == RESPONSES else "gain in AUROC over clinical-only",
                "rows": records(chance[chance["permuted"] == kind].drop(columns="permuted")),
                "model": model,
                "observed": headline["observed"] if headline else None,
                "values": rows.loc[rows["model"] == model, "statistic"].round(4).tolist(),
            }
        )
    return tests


def _p(row: Row) -> str:
    text = p_value(row["p"])
    return f"p {text}" if text.startswith("<") else f"p = {text}"
