"""Masks: declared unions of effects, each with score cut-offs, that say which calls count."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.calls.effects import MAF_EFFECTS, SO_EFFECTS
from trastuz_ml.calls.tables.numbered_lines import numbered_lines
from trastuz_ml.cohort.patients import nearest
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.damaging import predictor_scores
from trastuz_ml.features.words import of_each_text
from trastuz_ml.findings import Finding
from trastuz_ml.schema import EFFECTS

_Flags = npt.NDArray[np.bool_]

# Columns of the calls table that a cut-off may look at.
SCORES: tuple[str, ...] = ("sift", "polyphen", "revel", "alphamissense", "vaf", "depth", "population_frequency")
# Words of the consequence column: Sequence Ontology terms and MAF classes.
TERMS: tuple[str, ...] = tuple(sorted({*MAF_EFFECTS, *SO_EFFECTS}))

_RELATIONS: dict[str, Callable[[Any, float], Any]] = {
    "<=": operator.le, ">=": operator.ge, "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_CUT_OFF = re.compile(r"\s*(?P<score>\w+)\s*(?P<relation><=|>=|<|>)\s*(?P<value>\d+(?:\.\d+)?(?:[eE]-?\d+)?)\s*")
_ELEMENT = re.compile(r"\s*(?P<word>[^\s()]+)\s*(?:\((?P<cut_offs>[^()]+)\))?\s*")
_CONSEQUENCE_WORDS = re.compile("[&,;|]")


@dataclass(frozen=True)
class CutOff:
    """A limit on a score: ``sift<0.05``."""

    score: str
    relation: str
    value: float

    def __str__(self) -> str:
        """Write it as a mask file does."""
        return f"{self.score}{self.relation}{repr(self.value).removesuffix('.0')}"

    def holds(self, values: npt.NDArray[np.float64]) -> _Flags:
        """Return whether each score is within the limit; a missing one (NaN) is not."""
        within: _Flags = _RELATIONS[self.relation](values, self.value)
        return within


@dataclass(frozen=True)
class Element:
    """One part of a mask: an effect class or a consequence, and cut-offs that all must hold."""

    word: str
    cut_offs: tuple[CutOff, ...] = ()

    def __str__(self) -> str:
        """Write it as a mask file does."""
        limits = "&".join(map(str, self.cut_offs))
        return f"{self.word}({limits})" if limits else self.word


@dataclass(frozen=True, eq=False)
class _Standing:
    """Calls of an element's kind, those that it counts, and those that a missing score leaves open."""

    of_kind: _Flags
    counts: _Flags
    open: _Flags


@dataclass(frozen=True)
class Mask:
    """Calls that count: those that one element, or several, let through.

    Parameters
    ----------
    name : str
        Name in the mask file; empty where effects were listed without a file.
    elements : tuple of Element
        Effect classes first, in the order of severity; see :func:`mask_of`.
    """

    name: str
    elements: tuple[Element, ...]

    @property
    def effects(self) -> tuple[str, ...]:
        """The elements as text, from which :func:`mask_of` makes the same mask again."""
        return tuple(map(str, self.elements))

    @property
    def columns(self) -> frozenset[str]:
        """Columns of the calls table that the mask looks at."""
        words = {"effect" if element.word in EFFECTS else "consequence" for element in self.elements}
        return frozenset(words | {cut.score for element in self.elements for cut in element.cut_offs})

    def counts(self, calls: pd.DataFrame) -> _Flags:
        """Return whether each call counts; one without a score that a cut-off needs does not.

        Examples
        --------
        >>> from trastuz_ml.schema import CALLS, conform
        >>> calls = conform(pd.DataFrame({
        ...     "patient": "P1", "gene": "TP53", "effect": ["truncating", "missense", "missense", "missense"],
        ...     "revel": [None, 0.7, 0.2, None],
        ... }), CALLS)
        >>> mask_of(["truncating", "missense(revel>=0.5)"]).counts(calls).tolist()
        [True, True, False, False]
        """
        return self._union([_standing(element, calls) for element in self.elements], len(calls))

    def judge(self, calls: pd.DataFrame) -> tuple[_Flags, list[Finding]]:
        """Return which calls count, with what missing scores left open.

        Parameters
        ----------
        calls : pandas.DataFrame
            The calls table of a whole cohort.

        Raises
        ------
        ConfigurationError
            If calls need a score that no call of the cohort has: the mask cannot be computed from its files.
        """
        standings = [_standing(element, calls) for element in self.elements]
        some, found = self._union(standings, len(calls)), list[Finding]()
        for element, standing in zip(self.elements, standings, strict=True):
            if standing.of_kind.any():
                _require_scores(element, calls)
            found += _left_open(element, standing, some)
        return some, found

    @staticmethod
    def _union(standings: Sequence[_Standing], calls: int) -> _Flags:
        some = np.zeros(calls, dtype=bool)
        for standing in standings:
            some |= standing.counts
        return some


def mask_of(effects: Sequence[str], name: str = "") -> Mask:
    """Return the mask of a list of effects, each with its cut-offs in brackets if it has any.

    Raises
    ------
    ConfigurationError
        If one of them cannot be read, or an effect or a score is unknown.

    Examples
    --------
    >>> mask_of(["missense(polyphen>0.9 & sift<0.05)", "truncating"]).effects
    ('truncating', 'missense(polyphen>0.9&sift<0.05)')
    """
    elements = {read_element(text) for text in effects}
    rank = {effect: place for place, effect in enumerate(EFFECTS)}
    return Mask(name, tuple(sorted(elements, key=lambda e: (rank.get(e.word, len(EFFECTS)), str(e)))))


def read_element(text: str) -> Element:
    """Read one part of a mask, such as ``missense(sift<0.05&polyphen>0.9)``.

    Raises
    ------
    ConfigurationError
        If it cannot be read, or the effect or a score is unknown; the message names the nearest known word.
    """
    found = _ELEMENT.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"'{text.strip()}' cannot be read; expected an effect, or an effect with cut-offs such as "
            "missense(sift<0.05&polyphen>0.9)."
        )
    word = {known.casefold(): known for known in (*TERMS, *EFFECTS)}.get(found["word"].casefold())
    if word is None:
        raise ConfigurationError(
            f"Unknown effect {found['word']}; expected some of {', '.join(EFFECTS)}, or a MAF class or Sequence "
            f"Ontology term{nearest(found['word'], (*EFFECTS, *TERMS))}."
        )
    limits = {_read_cut_off(part) for part in found["cut_offs"].split("&")} if found["cut_offs"] else set()
    return Element(word, tuple(sorted(limits, key=str)))


def _read_cut_off(text: str) -> CutOff:
    found = _CUT_OFF.fullmatch(text)
    if found is None:
        raise ConfigurationError(
            f"The cut-off '{text.strip()}' cannot be read; expected a score, one of < <= > >= and a number, such "
            "as sift<0.05."
        )
    score = found["score"].casefold()
    if score not in SCORES:
        raise ConfigurationError(
            f"Unknown score {found['score']}; expected one of {', '.join(SCORES)}{nearest(score, SCORES)}."
        )
    return CutOff(score, found["relation"], float(found["value"]))


def read_masks(path: str | Path) -> dict[str, Mask]:
    r"""Read a mask file: a line a mask, with its name and its elements, separated by commas.

    An element is an effect class, or a Sequence Ontology term or MAF class as the file's own word, each with score
    cut-offs in brackets if wanted, joined by ``&``. ``#`` starts a comment.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    InputError
        If the file cannot be read.
    ConfigurationError
        If a line is no mask, a name stands twice, or an effect or a score is unknown; the message gives the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "masks.txt")
    ...     _ = file.write_text("# name  elements\nstrict  truncating,missense(revel>=0.75)\n")
    ...     read_masks(file)["strict"].effects
    ('truncating', 'missense(revel>=0.75)')
    """
    path = Path(path)
    masks, seen = dict[str, Mask](), dict[str, int]()
    for number, line in numbered_lines(path, "the mask file"):
        if not (said := line.split("#")[0].strip()):
            continue
        mask = _read_line(said, f"{path}, line {number}")
        if mask.name in seen:
            raise ConfigurationError(
                f"{path}, line {number}: the mask {mask.name} stands on line {seen[mask.name]} already; give each "
                "mask one name."
            )
        seen[mask.name] = number
        masks[mask.name] = mask
    if not masks:
        raise ConfigurationError(f"{path} names no mask; expected lines of a name and its effects.")
    return masks


def _read_line(line: str, place: str) -> Mask:
    name, *rest = line.split(maxsplit=1)
    if not rest:
        raise ConfigurationError(f"{place}: the mask {name} has no effects; expected a name, a space and effects.")
    try:
        return mask_of(rest[0].split(","), name)
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from error


def _standing(element: Element, calls: pd.DataFrame) -> _Standing:
    of_kind = _of_kind(element.word, calls)
    if not element.cut_offs:
        return _Standing(of_kind, of_kind, np.zeros(len(calls), dtype=bool))
    holds, fails = of_kind.copy(), np.zeros(len(calls), dtype=bool)
    for cut in element.cut_offs:
        values = _score(calls, cut.score)
        within = cut.holds(values)
        holds &= within
        fails |= ~within & ~np.isnan(values)
    return _Standing(of_kind, holds, of_kind & ~holds & ~fails)


def _left_open(element: Element, standing: _Standing, counted: _Flags) -> list[Finding]:
    lacking = int((standing.open & ~counted).sum())
    if lacking:
        scores = " or ".join(sorted({cut.score for cut in element.cut_offs}))
        said = f"calls without the {scores} score that {element} needs: not counted"
        return [Finding("note", "score-missing", said, lacking)]
    if element.word not in EFFECTS and not standing.of_kind.any():
        said = (
            f"no call has the consequence {element.word}, which is to count: the files may use the other "
            "vocabulary, of MAF classes or of Sequence Ontology terms"
        )
        return [Finding("warning", "term-in-no-call", said, 0)]
    return []


def _of_kind(word: str, calls: pd.DataFrame) -> _Flags:
    if word in EFFECTS:
        return of_each_text(calls["effect"], lambda text: text == word, missing=False, dtype=bool)
    sought = word.casefold()
    return of_each_text(
        calls["consequence"],
        lambda text: sought in (part.strip() for part in _CONSEQUENCE_WORDS.split(text.casefold())),
        missing=False, dtype=bool,
    )  # fmt: skip


def _score(calls: pd.DataFrame, name: str) -> npt.NDArray[np.float64]:
    if name in ("sift", "polyphen"):
        return predictor_scores(calls[name], name)  # type: ignore[arg-type]
    values: npt.NDArray[np.float64] = calls[name].to_numpy(dtype=np.float64, na_value=np.nan)
    return values


def _require_scores(element: Element, calls: pd.DataFrame) -> None:
    for score in sorted({cut.score for cut in element.cut_offs}):
        if np.isnan(_score(calls, score)).all():
            raise ConfigurationError(
                f"{element} cannot be computed from these files: no call has a {score} score. Annotate the calls, "
                "or let other effects count."
            )
