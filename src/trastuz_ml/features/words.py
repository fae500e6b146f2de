"""Text columns looked at once for each distinct text, however many rows hold it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


def codes_of(column: pd.Series) -> tuple[npt.NDArray[np.signedinteger], list[str]]:
    """Return the place of each row's text among the distinct texts, -1 where it is missing, and those texts.

    Examples
    --------
    >>> codes, texts = codes_of(pd.Series(["TTN", None, "TTN"], dtype="category"))
    >>> codes.tolist(), texts
    ([0, -1, 0], ['TTN'])
    """
    if isinstance(column.dtype, pd.CategoricalDtype):
        # By way of objects: walking through pandas' own texts one at a time takes ten times as long.
        return column.cat.codes.to_numpy(), column.cat.categories.to_numpy(dtype=object).tolist()
    codes, texts = pd.factorize(column)
    return codes, list(texts)


def of_each_text(
    column: pd.Series, value: Callable[[str], Any], *, missing: Any, dtype: npt.DTypeLike
) -> npt.NDArray[Any]:
    """Return ``value(text)`` of each row, asked once for each distinct text, and ``missing`` where there is none.

    Examples
    --------
    >>> of_each_text(pd.Series(["a", None, "bcd"]), len, missing=0, dtype=int).tolist()
    [1, 0, 3]
    """
    codes, texts = codes_of(column)
    # The code -1 of a missing text reaches the last place.
    table = np.array([*(value(text) for text in texts), missing], dtype=dtype)
    answers: npt.NDArray[Any] = table[codes]
    return answers
