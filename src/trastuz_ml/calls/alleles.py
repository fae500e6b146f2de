"""Bring a VCF record's alleles into the form that MAF has: no shared leading bases, '-' for nothing."""

from __future__ import annotations

import re

NO_ALTERNATIVE, SPANNING, SYMBOLIC = "no-alternative", "spanning-deletion", "symbolic-allele"
# The bases, and the letters that stand for several of them.
_BASES = re.compile(r"[ACGTNRYSWKMBDHV]+", re.IGNORECASE)
_NOT_SEQUENCES = {
    "<NON_REF>": NO_ALTERNATIVE, "<*>": NO_ALTERNATIVE, "<X>": NO_ALTERNATIVE,
    "*": SPANNING, "<*:DEL>": SPANNING,
}  # fmt: skip
# [17:4000[A and A]17:4000] join two places; .A and A. have one open end.
_BREAKEND = re.compile(r"[\[\]]|^\.[A-Z]+$|^[A-Z]+\.$", re.IGNORECASE)


def maf_form(pos: int, ref: str, alt: str) -> tuple[int, str, str] | str:
    """Return position, reference and alternative in MAF's form, or the fate of an allele that has none.

    Parameters
    ----------
    pos : int
        POS of the record, 1-based.
    ref, alt : str
        REF, and one of ALT.

    Returns
    -------
    tuple of (int, str, str), or str
        Position of the first changed base - of an insertion, the base before it - and both alleles, upper
        case; or ``no-alternative``, ``spanning-deletion`` or ``symbolic-allele``.

    Raises
    ------
    ValueError
        If an allele is neither a sequence nor one of the other forms that VCF knows.

    Examples
    --------
    >>> maf_form(100, "CAG", "C"), maf_form(100, "C", "CTT"), maf_form(100, "c", "t")
    ((101, 'AG', '-'), (100, '-', 'TT'), (100, 'C', 'T'))
    >>> maf_form(100, "C", "<DEL>")
    'symbolic-allele'
    """
    if not _BASES.fullmatch(alt):
        return _fate(alt)
    if not _BASES.fullmatch(ref):
        raise ValueError(f"REF is '{ref[:40]}', which is not a sequence of A, C, G, T and N")
    ref, alt = ref.upper(), alt.upper()
    if ref == alt:
        return NO_ALTERNATIVE
    shared = next((i for i, (a, b) in enumerate(zip(ref, alt, strict=False)) if a != b), min(len(ref), len(alt)))
    if pos == 1 and not shared and min(len(ref), len(alt)) == 1 and ref[-1] == alt[-1]:
        # Nothing lies before the first base: VCF then takes the base after the change.
        return (1, ref[:-1], "-") if len(ref) > 1 else (0, "-", alt[:-1])
    ref, alt = ref[shared:], alt[shared:]
    return (pos + shared, ref, alt or "-") if ref else (pos + shared - 1, "-", alt)


def _fate(alt: str) -> str:
    fate = _NOT_SEQUENCES.get(alt.upper())
    if fate is not None:
        return fate
    if (alt.startswith("<") and alt.endswith(">")) or _BREAKEND.search(alt):
        return SYMBOLIC
    raise ValueError(f"ALT is '{alt[:40]}', which is no allele that VCF knows")
