"""How numbers and intervals are written for a reader: rounding, signs, what stands for a missing value."""

from __future__ import annotations

import math
from collections.abc import Sequence

MISSING = "–"


def number(value: float | str | None, digits: int = 2, *, signed: bool = False) -> str:
    """Write a number with a fixed number of decimals, a true minus sign, and ``–`` for a missing one.

    Parameters
    ----------
    value : float, str or None
        The number; ``None`` is missing, and ``"inf"`` stands for infinity, which JSON cannot hold.
    digits : int
        Decimals kept; fewer from 10 upwards, where they would claim a precision that is not there.
    signed : bool
        Whether a positive number carries its plus sign.

    Examples
    --------
    >>> number(0.7149), number(-0.05), number(0.021, signed=True), number(229.7), number(None), number("inf")
    ('0.71', '−0.05', '+0.02', '230', '–', '∞')
    """
    if value is None or math.isnan(float(value)):
        return MISSING
    if math.isinf(float(value)):
        return "∞" if float(value) > 0 else "−∞"
    digits = min(digits, 0 if abs(float(value)) >= 99.95 else 1 if abs(float(value)) >= 9.995 else digits)
    text = f"{float(value):{'+' if signed else ''},.{digits}f}"
    if not text.strip("+-0.,"):
        text = text.lstrip("+-")
    return text.replace("-", "−")


def span(low: float | str | None, high: float | str | None, digits: int = 2, *, signed: bool = False) -> str:
    """Write the two ends of an interval, or nothing when one of them is missing.

    Examples
    --------
    >>> span(0.601, 0.822), span(-0.05, 0.09, signed=True), span(None, 0.4)
    ('0.60 to 0.82', '−0.05 to +0.09', '')
    """
    ends = [number(end, digits, signed=signed) for end in (low, high)]
    return "" if MISSING in ends else " to ".join(ends)


def p_value(p: float | None) -> str:
    """Write a p value with two significant digits, never as zero.

    Examples
    --------
    >>> p_value(0.0412), p_value(0.5), p_value(2e-9), p_value(None)
    ('0.041', '0.50', '< 0.001', '–')
    """
    if p is None or math.isnan(p):
        return MISSING
    if p < 0.001:
        return "< 0.001"
    return f"{p:.3f}" if p < 0.1 else f"{p:.2f}"


def share(part: int, whole: int) -> str:
    """Write a count with what it is a part of.

    Examples
    --------
    >>> share(42, 160)
    '42 of 160 (26 %)'
    """
    return f"{part:,} of {whole:,} ({part / whole:.0%})".replace("%", " %") if whole else f"{part:,} of 0"


def some(items: Sequence[str], most: int = 8) -> str:
    """Write the first items of a list and how many more there are.

    Examples
    --------
    >>> some(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown


def count(n: int, one: str, many: str = "") -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count(1, "patient"), count(0, "patient")
    ('1 patient', '0 patients')
    """
    return f"{n:,} {one if n == 1 else many or one + 's'}"
