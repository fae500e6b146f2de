"""Numbers that are held back from a page that is safe to send: their mark, and how it is shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from trastuz_ml import wording

# Fewer patients than this are not counted on a page that is sent.
SMALL = 5
HELD = "*"
HELD_SENTENCE = (
    f"✱ is a number held back: a count of fewer than {SMALL} patients, or a number from which such a count could "
    "be computed."
)


def for_drawing(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return rows as a frame in which what is missing, or held back, is no number."""
    unknown = (None, HELD)
    return pd.DataFrame([{k: math.nan if v in unknown else v for k, v in row.items()} for row in rows])


def number(value: Any, digits: int = 2, *, signed: bool = False) -> str:
    """Write a number as :func:`trastuz_ml.wording.number` does, and what is held back as ✱.

    Examples
    --------
    >>> number(0.714), number(HELD)
    ('0.71', '✱')
    """
    return "✱" if value == HELD else wording.number(value, digits, signed=signed)


def span(low: Any, high: Any, digits: int = 2, *, signed: bool = False) -> str:
    """Write the ends of an interval, ✱ where they are held back."""
    return "✱" if HELD in (low, high) else wording.span(low, high, digits, signed=signed)


def p_value(p: Any) -> str:
    """Write a p value, ✱ where it is held back."""
    return "✱" if p == HELD else wording.p_value(p)


def shown(count: Any) -> str:
    """Write a count with its thousands, ✱ where it is held back.

    Examples
    --------
    >>> shown(12345), shown(HELD)
    ('12,345', '✱')
    """
    return "✱" if count == HELD else f"{count:,}"
