"""Find how frequent an allele is in a reference population, where a VCF's INFO says so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

# INFO fields of gnomAD and of its summaries; the highest of those that a file has counts.
_FIELD = re.compile(
    r"(?:global_)?(?:gnomad[eg]?(?:_(?:exomes?|genomes?))?)_(?:af|all)(?:_(?:popmax|grpmax))?"
    r"|(?:global_)?af_(?:gnomad|popmax|grpmax)(?:_gnomad)?",
    re.IGNORECASE,
)
# Mutect2 gives minus the logarithm to base ten.
_LOGARITHM = "POPAF"


def frequency_fields(info_names: Iterable[str]) -> tuple[str, ...]:
    """Return the INFO fields that hold the frequency in a whole population.

    Examples
    --------
    >>> frequency_fields(["DP", "gnomAD_AF", "gnomAD_AF_AFR", "POPAF", "AF"])
    ('gnomAD_AF', 'POPAF')
    """
    return tuple(name for name in info_names if name == _LOGARITHM or _FIELD.fullmatch(name))


def population_frequency(
    fields: Iterable[str], value_of: Callable[[str], Any], index: int, alternatives: int
) -> float | None:
    """Return the highest frequency given for one alternative allele, or None where none is given.

    Parameters
    ----------
    fields : iterable of str
        As :func:`frequency_fields` gives them.
    value_of : callable
        Gives the value of an INFO field: a number, a tuple of numbers, a text or None.
    index, alternatives : int
        Which of how many alternative alleles.

    Examples
    --------
    >>> population_frequency(["POPAF"], {"POPAF": (2.0, 6.0)}.get, index=0, alternatives=2)
    0.01
    """
    found = []
    for name in fields:
        number = _of_allele(value_of(name), index, alternatives)
        if number is not None:
            found.append(10**-number if name == _LOGARITHM else number)
    within = [number for number in found if 0 <= number <= 1]
    return max(within, default=None)


def _of_allele(value: Any, index: int, alternatives: int) -> float | None:
    if isinstance(value, str):
        value = tuple(value.split(","))
    values = value if isinstance(value, tuple) else (value,)
    if len(values) != alternatives:  # one number for a site of several alleles belongs to none of them
        return None
    try:
        return float(values[index])
    except (TypeError, ValueError):
        return None
