"""Which calls damage the protein: truncating ones, and missense that predictors call damaging."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.words import codes_of, of_each_text
from trastuz_ml.findings import Finding, name_some

Predictor = Literal["sift", "polyphen"]
_Flags = npt.NDArray[np.bool_]

# A SIFT score below this is deleterious: Ng & Henikoff 2003, Nucleic Acids Res 31:3812.
SIFT_BELOW = 0.05
# A PolyPhen-2 score above this is possibly damaging, above 0.908 probably, in the HumVar model, which VEP gives
# unless told otherwise: a false positive rate of 20 % (Adzhubei et al. 2010, Nat Methods 7:248). HumDiv's limit is
# 0.453.
POLYPHEN_ABOVE = 0.446
# At this limit sensitivity is 0.754 and specificity 0.891: Ioannidis et al. 2016, Am J Hum Genet 99:877.
REVEL_FROM = 0.5
# Likely pathogenic, at a precision of 90 %: Cheng et al. 2023, Science 381:eadg7492.
ALPHAMISSENSE_ABOVE = 0.564

# What the predictors' words say. Low confidence is still the predictor's verdict.
_WORDS: dict[Predictor, dict[str, bool]] = {
    "sift": {
        "deleterious": True, "deleterious_low_confidence": True, "damaging": True,
        "damaging_warning_low_confidence": True, "d": True,
        "tolerated": False, "tolerated_low_confidence": False, "t": False,
    },
    "polyphen": {
        "probably_damaging": True, "possibly_damaging": True, "d": True, "p": True, "benign": False, "b": False,
    },
}  # fmt: skip
_NO_VERDICT = {"unknown", "na", "nan", "none", "n_a", "not_scored"}
_EMPTY = {"", ".", "-"}
_NUMBER = r"\d*[.,]?\d+(?:[eE]-?\d+)?"
_VERDICT = re.compile(rf"(?P<word>(?:[A-Za-z][^\d()]*?)?)\s*\(?\s*(?P<score>{_NUMBER})?\s*\)?", re.ASCII)
_NAMES: dict[Predictor, str] = {"sift": "SIFT", "polyphen": "PolyPhen"}


@dataclass(frozen=True)
class Verdict:
    """What a predictor says of a change: damaging, not, or (``None``) neither; and its score, or NaN."""

    damaging: bool | None = None
    score: float = np.nan


def read_verdict(text: str, predictor: Predictor) -> Verdict | None:
    """Read the verdict that an annotator wrote; the word decides, and the number where it stands alone.

    Parameters
    ----------
    text : str
        A word, a number, or a word with a number in brackets. Of several (``D;T``, one a transcript) the gravest
        counts.
    predictor : {"sift", "polyphen"}
        Whose words they are.

    Returns
    -------
    Verdict or None
        ``None`` when the text is not understood.

    Examples
    --------
    >>> read_verdict("deleterious(0.02)", "sift")
    Verdict(damaging=True, score=0.02)
    >>> read_verdict("0.3", "polyphen").damaging, read_verdict("unknown(0)", "polyphen").damaging
    (False, None)
    """
    parts = [_read_one(part, predictor) for part in re.split("[;&]", text)]
    understood = [part for part in parts if part is not None]
    if len(understood) < len(parts):
        return None
    given = [part for part in understood if part.damaging is not None]
    if not given:
        return Verdict()
    scores = [part.score for part in given if not np.isnan(part.score)]
    gravest = min if predictor == "sift" else max
    return Verdict(any(part.damaging for part in given), gravest(scores, default=np.nan))


def _read_one(text: str, predictor: Predictor) -> Verdict | None:
    if text.strip() in _EMPTY:
        return Verdict()
    found = _VERDICT.fullmatch(text.strip())
    if found is None:
        return None
    word = re.sub("[^a-z]+", "_", found["word"].casefold()).strip("_")
    score = float(found["score"].replace(",", ".")) if found["score"] else np.nan
    if score > 1:
        return None
    if word in _WORDS[predictor]:
        return Verdict(_WORDS[predictor][word], score)
    if word or np.isnan(score):
        # A word for no verdict takes its number along: unknown(0) is not a score of 0.
        return Verdict() if word in _NO_VERDICT else None
    return Verdict(score < SIFT_BELOW if predictor == "sift" else score > POLYPHEN_ABOVE, score)


def predictor_scores(column: pd.Series, predictor: Predictor) -> npt.NDArray[np.float64]:
    """Return the number in each text of a SIFT or PolyPhen column, NaN where there is none.

    Examples
    --------
    >>> predictor_scores(pd.Series(["tolerated(0.3)", "0.01", "D", None]), "sift").tolist()
    [0.3, 0.01, nan, nan]
    """
    return of_each_text(
        column, lambda text: (read_verdict(text, predictor) or Verdict()).score, missing=np.nan, dtype=np.float64
    )


@dataclass(frozen=True, eq=False)
class _Judged:
    """Each call's standing, one flag a call."""

    missense: _Flags
    damaging: _Flags
    newer: _Flags
    sift: npt.NDArray[np.int8]
    polyphen: npt.NDArray[np.int8]


def is_damaging(calls: pd.DataFrame) -> _Flags:
    """Return whether each call is truncating, or missense that the predictors call damaging.

    Where a missense call has a REVEL or an AlphaMissense score, these decide: damaging when either says so (REVEL
    0.5 or more, AlphaMissense above 0.564). Else SIFT and PolyPhen both have to call it damaging. A missing score
    counts as neither: it makes no call damaging.

    Parameters
    ----------
    calls : pandas.DataFrame
        The calls table.

    Examples
    --------
    >>> from trastuz_ml.schema import CALLS, conform
    >>> calls = conform(pd.DataFrame({
    ...     "patient": "P1", "gene": "TP53", "effect": ["truncating", "missense", "missense"],
    ...     "sift": [None, "deleterious(0)", "deleterious(0)"], "polyphen": [None, "benign(0.1)", "D"],
    ... }), CALLS)
    >>> is_damaging(calls).tolist()
    [True, False, True]
    """
    return _judge(calls).damaging


def _judge(calls: pd.DataFrame) -> _Judged:
    effect, names = codes_of(calls["effect"])
    truncating, missense = (effect == (names.index(n) if n in names else -2) for n in ("truncating", "missense"))
    revel, alphamissense = (calls[name].to_numpy(np.float64) for name in ("revel", "alphamissense"))
    sift, polyphen = _verdicts(calls["sift"], "sift"), _verdicts(calls["polyphen"], "polyphen")
    newer = ~(np.isnan(revel) & np.isnan(alphamissense))
    by_newer = (revel >= REVEL_FROM) | (alphamissense > ALPHAMISSENSE_ABOVE)
    called = np.where(newer, by_newer, (sift == 1) & (polyphen == 1))
    return _Judged(missense, truncating | (missense & called), newer, sift, polyphen)


def _verdicts(column: pd.Series, predictor: Predictor) -> npt.NDArray[np.int8]:
    """Return 1 for damaging, 0 for not, -1 for no verdict."""

    def of(text: str) -> int:
        damaging = (read_verdict(text, predictor) or Verdict()).damaging
        return -1 if damaging is None else int(damaging)

    return of_each_text(column, of, missing=-1, dtype=np.int8)


def damaging_calls(calls: pd.DataFrame) -> tuple[_Flags, list[Finding]]:
    """Return which calls are damaging, with what the predictors left open.

    Parameters
    ----------
    calls : pandas.DataFrame
        The calls table of a whole cohort.

    Returns
    -------
    damaging : array of bool, shape (n_calls,)
        See :func:`is_damaging`.
    findings : list of Finding
        Missense calls without a score, with half of one, and verdicts that were not understood.

    Raises
    ------
    ConfigurationError
        If no missense call can be judged: the files do not carry the scores.
    """
    judged = _judge(calls)
    sift, polyphen = (judged.missense & (verdict >= 0) for verdict in (judged.sift, judged.polyphen))
    newer = judged.missense & judged.newer
    if judged.missense.any() and not newer.any() and not (sift.any() and polyphen.any()):
        raise ConfigurationError(
            "The encoding 'damaging' cannot be computed from these files: of "
            f"{judged.missense.sum()} missense calls none has a REVEL or AlphaMissense score, {sift.sum()} have a "
            f"SIFT verdict and {polyphen.sum()} a PolyPhen verdict, and both are needed. Annotate the calls (VEP: "
            "--sift b --polyphen b), or take another encoding."
        )
    return judged.damaging, [*_open(judged, sift, polyphen), *_not_understood(calls)]


def _open(judged: _Judged, sift: _Flags, polyphen: _Flags) -> list[Finding]:
    older = judged.missense & ~judged.newer
    without = int((older & ~sift & ~polyphen).sum())
    only_sift, only_polyphen = (judged.sift == 1) & ~polyphen, (judged.polyphen == 1) & ~sift
    half = int((older & (only_sift | only_polyphen)).sum())
    found = []
    if without:
        found.append(
            Finding("note", "missense-without-score",
                    "missense calls without a score of any predictor: counted as not damaging", without)
        )  # fmt: skip
    if half:
        found.append(
            Finding("note", "missense-half-scored",
                    "missense calls that SIFT or PolyPhen calls damaging and the other does not score: counted as "
                    "not damaging", half)
        )  # fmt: skip
    return found


def _not_understood(calls: pd.DataFrame) -> list[Finding]:
    found = []
    for predictor, name in _NAMES.items():
        codes, texts = codes_of(calls[predictor])
        strange = [place for place, text in enumerate(texts) if read_verdict(text, predictor) is None]
        rows = int(np.isin(codes, strange).sum())
        if rows:
            found.append(
                Finding("warning", "verdict-not-understood",
                        f"texts of {name} that are no verdict ({name_some(texts[place] for place in strange)}): "
                        "taken as missing", rows, where=predictor)
            )  # fmt: skip
    return found
