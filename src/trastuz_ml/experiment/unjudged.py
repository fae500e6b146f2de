"""New patients of whom the files do not tell what the model's encoding needs: refused, not taken as intact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.features.damaging import Predictor, Verdict, predictor_scores, read_verdict
from trastuz_ml.features.masks import mask_of
from trastuz_ml.features.words import of_each_text

_Flags = npt.NDArray[np.bool_]


def unjudged_patients(
    calls: pd.DataFrame, encoding: str, effects: Sequence[str], genes: Sequence[str]
) -> dict[str, str]:
    """Return the patients whose calls cannot be judged as the training calls were, and why.

    Each patient is judged alone, so that the answer does not depend on who else is in the batch.

    Parameters
    ----------
    calls : pandas.DataFrame
        The calls table, with the columns of :func:`trastuz_ml.features.encoding.columns_needed`.
    encoding : str
        The model's encoding.
    effects : sequence of str
        What counts, as text of a mask's elements.
    genes : sequence of str
        The genes of the model; for ``vaf``.

    Examples
    --------
    >>> calls = pd.DataFrame({
    ...     "patient": ["P1", "P1", "P2"], "gene": "TP53", "effect": "missense", "revel": [0.7, None, None]})
    >>> unjudged_patients(calls, "binary", ["missense(revel>=0.5)"], ["TP53"])
    {'P2': 'none of the calls that missense(revel>=0.5) looks at has a revel score'}
    """
    if not len(calls):
        return {}
    if encoding == "vaf":
        return _without_fraction(calls, effects, genes)
    if encoding == "damaging":
        return _without_predictors(calls)
    if encoding == "truncating":
        return {}
    found: dict[str, str] = {}
    for element in mask_of(effects).elements:
        of_kind = mask_of([element.word]).counts(calls) if element.cut_offs else None
        for score in sorted({cut.score for cut in element.cut_offs}):
            lacking = _without_any(calls, of_kind, ~np.isnan(_score(calls, score)))
            why = f"none of the calls that {element} looks at has a {score} score"
            found = {**dict.fromkeys(lacking, why), **found}
    return found


def _without_any(calls: pd.DataFrame, concerned: Any, usable: _Flags) -> list[str]:
    """Return the patients with calls that are concerned, none of which is usable."""
    some = calls["patient"][concerned].unique()
    fine = set(calls["patient"][concerned & usable].unique())
    return [str(patient) for patient in some if patient not in fine]


def _score(calls: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name in ("sift", "polyphen"):
        return predictor_scores(calls[name], name)  # type: ignore[arg-type]
    values: npt.NDArray[np.float64] = calls[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _without_fraction(calls: pd.DataFrame, effects: Sequence[str], genes: Sequence[str]) -> dict[str, str]:
    counting = mask_of(effects).counts(calls) & calls["gene"].isin(genes).to_numpy()
    fractions = calls["vaf"].to_numpy(dtype=np.float64, na_value=np.nan)
    usable = (fractions > 0) & (fractions <= 1)
    why = "a call in a gene of the model has no allele fraction above 0 and at most 1, which the model reads"
    return {str(patient): why for patient in calls["patient"][counting & ~usable].unique()}


def _without_predictors(calls: pd.DataFrame) -> dict[str, str]:
    missense = (calls["effect"] == "missense").to_numpy()
    newer = calls["revel"].notna().to_numpy() | calls["alphamissense"].notna().to_numpy()
    without = set(_without_any(calls, missense, newer))
    by_either = {
        *_without_any(calls, missense, _verdict(calls["sift"], "sift")),
        *_without_any(calls, missense, _verdict(calls["polyphen"], "polyphen")),
    }
    why = "no missense call has a REVEL or AlphaMissense score, or both SIFT's and PolyPhen's verdict"
    return dict.fromkeys(sorted(without & by_either), why)


def _verdict(column: pd.Series, predictor: Predictor) -> _Flags:
    def given(text: str) -> bool:
        return (read_verdict(text, predictor) or Verdict()).damaging is not None

    return of_each_text(column, given, missing=False, dtype=bool)
