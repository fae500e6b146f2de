"""Genes whose names a spreadsheet turned into dates: which genes a date may have been, and on which chromosome."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

# Month and number of the date -> the genes whose name, when typed, gives it, with their chromosomes. A gene that
# was approved under such a name (SEPT4, MARCH6, MARC1, DEC1, FEB3, SEP15) goes before genes that have it as an
# alias (OCT4, DEC2, APR3, SEP53); symbols as in HGNC's complete set of 2026-06-25.
_GENES: Mapping[tuple[int, int], Mapping[str, str]] = {
    (2, 3): {"SCN1A": "2"}, (2, 4): {"ADGRV1": "5"},
    (3, 1): {"MARCHF1": "4", "MTARC1": "1"}, (3, 2): {"MARCHF2": "19", "MTARC2": "1"},
    (3, 3): {"MARCHF3": "5"}, (3, 4): {"MARCHF4": "2"}, (3, 5): {"MARCHF5": "10"}, (3, 6): {"MARCHF6": "5"},
    (3, 7): {"MARCHF7": "2"}, (3, 8): {"MARCHF8": "10"}, (3, 9): {"MARCHF9": "12"}, (3, 10): {"MARCHF10": "17"},
    (3, 11): {"MARCHF11": "5"},
    (4, 1): {"MAGEH1": "X"}, (4, 2): {"FAM215A": "17"}, (4, 3): {"ATRAID": "2"}, (4, 5): {"DDX54": "12"},
    (9, 1): {"SEPTIN1": "16"}, (9, 2): {"SEPTIN2": "2"}, (9, 3): {"SEPTIN3": "22"}, (9, 4): {"SEPTIN4": "17"},
    (9, 5): {"SEPTIN5": "22"}, (9, 6): {"SEPTIN6": "X"}, (9, 7): {"SEPTIN7": "7"}, (9, 8): {"SEPTIN8": "5"},
    (9, 9): {"SEPTIN9": "17"}, (9, 10): {"SEPTIN10": "2"}, (9, 11): {"SEPTIN11": "4"}, (9, 12): {"SEPTIN12": "16"},
    (9, 13): {"SEPTIN7P2": "7"}, (9, 14): {"SEPTIN14": "7"}, (9, 15): {"SELENOF": "1"}, (9, 53): {"CRNN": "1"},
    (10, 1): {"POU2F1": "1", "SLC22A1": "6"}, (10, 2): {"POU2F2": "19", "SLC22A2": "6"},
    (10, 3): {"POU5F1": "6", "SLC22A3": "6"}, (10, 4): {"POU5F1": "6"}, (10, 6): {"POU3F1": "1"},
    (10, 7): {"POU3F2": "6"}, (10, 11): {"POU2F3": "11"},
    (11, 1): {"C11orf40": "11"},
    (12, 1): {"DELEC1": "9"}, (12, 2): {"BHLHE41": "12"},
}  # fmt: skip

# Symbols that begin with a month's name in one language alone.
_GENES_OF_WORD: Mapping[tuple[str, int], Mapping[str, str]] = {
    ("mars", 1): {"MARS1": "12"}, ("mars", 2): {"MARS2": "2"}, ("gen", 1): {"GEN1": "2"},
}  # fmt: skip

CHROMOSOME_OF: Mapping[str, str] = {
    gene: chrom
    for genes in (*_GENES.values(), *_GENES_OF_WORD.values())
    for gene, chrom in genes.items()
}  # fmt: skip

# Names that a repair of dates gives when it does not look at the chromosome: published files hold MTARC1 and
# MTARC2 under them.
REPAIRED_BLINDLY: Mapping[str, str] = {"MARCH1": "1-Mar", "MARCH2": "2-Mar"}

# English, French, German, Spanish, Italian and Portuguese, lower case and without accents.
_MONTHS = {
    word: month
    for month, words in enumerate(
        (
            "jan january janv janvier januar jaen janner jaenner ene enero gen gennaio janeiro",
            "feb february fev fevr fevrier februar febrero febbraio fevereiro",
            "mar march mars marz maerz mrz marzo marco",
            "apr april avr avril abr abril aprile",
            "may mai mayo mag maggio maio",
            "jun june juin juni junio giu giugno junho",
            "jul july juil juillet juli julio lug luglio julho",
            "aug august aout ago agosto",
            "sep sept september septembre septiembre set sett settembre setembro",
            "oct october octobre okt oktober octubre ott ottobre out outubro",
            "nov november novembre noviembre novembro",
            "dec december decembre dez dezember dic diciembre dicembre dezembro",
        ),
        start=1,
    )
    for word in words.split()
}
_GAP = r"\s*[-/., ]\s*"
_MONTH, _DAY, _YEAR = r"(?P<word>[a-z]+)\.?", r"(?P<day>\d{1,2})", r"(?P<year>\d{4}|\d{2})"
_TIME = r"(?:[t ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?z?)?"
# With the month as a word; as year-month-day; as two numbers and a year, in an order that the text may not tell.
_SHAPES = tuple(
    re.compile(shape)
    for shape in (
        rf"{_DAY}{_GAP}{_MONTH}(?:{_GAP}{_YEAR})?",
        rf"{_MONTH}{_GAP}{_DAY}(?:{_GAP}(?P<year>\d{{4}}))?",
        rf"{_MONTH}{_GAP}(?P<year>\d{{4}})",
        rf"(?P<year>\d{{4}})(?P<gap>[-/.])(?P<month>\d{{1,2}})(?P=gap){_DAY}{_TIME}",
        rf"{_DAY}(?P<gap>[-/.])(?P<month>\d{{1,2}})(?P=gap){_YEAR}{_TIME}",
    )
)


def looks_like_date(text: str) -> bool:
    """Return whether a text reads as a date, in a spreadsheet's ways of writing one.

    Examples
    --------
    >>> [text for text in ("4-Sep", "08-mars", "2006-03-01 00:00:00", "SEPT4", "MARCH1") if looks_like_date(text)]
    ['4-Sep', '08-mars', '2006-03-01 00:00:00']
    """
    return bool(_readings(text))


def genes_of_date(text: str) -> tuple[str, ...]:
    """Return the current symbols of the genes that a date may have been.

    A day and a month, ``4-Sep`` or ``Sep-04``, name SEPT4. A full date is read as month and day; on the first
    of a month also as month and year, for ``Mar-06`` (MARCH6) is kept as 2006-03-01. Where day and month may
    change places, as in 04/09/2019, both orders must name the same genes.

    Parameters
    ----------
    text : str
        The text of the cell. Month names may be English, French, German, Spanish, Italian or Portuguese.

    Returns
    -------
    tuple of str
        The candidates, sorted; none where the text is no date, or no gene's.

    Examples
    --------
    >>> genes_of_date("Sep-04"), genes_of_date("1-Mar"), genes_of_date("2019-09-04 00:00:00")
    (('SEPTIN4',), ('MARCHF1', 'MTARC1'), ('SEPTIN4',))
    """
    readings = {tuple(sorted(reading)) for reading in _readings(text)}
    return readings.pop() if len(readings) == 1 else ()


def gene_of_date(text: str, chrom: str | None = None) -> str | None:
    """Return the one gene that a date may have been and that lies on the chromosome, or nothing.

    Parameters
    ----------
    text : str
        The text of the cell.
    chrom : str, optional
        Chromosome of the call. ``None`` where it is not known: then the date must name one gene alone.

    Examples
    --------
    >>> gene_of_date("1-Mar", "4"), gene_of_date("1-Mar"), gene_of_date("4-Sep"), gene_of_date("4-Sep", "2")
    ('MARCHF1', None, 'SEPTIN4', None)
    """
    place = None if chrom is None else _plain(chrom)
    genes = [gene for gene in genes_of_date(text) if place in (None, CHROMOSOME_OF[gene])]
    return genes[0] if len(genes) == 1 else None


def _plain(chrom: str) -> str:
    name = re.sub(r"^chr", "", chrom.strip(), flags=re.IGNORECASE).upper()
    return {"23": "X", "24": "Y"}.get(name, name)


def _readings(text: str) -> list[set[str]]:
    """Return the genes of each way to read a text as a date; no way when it is none."""
    folded = unicodedata.normalize("NFKD", text.strip().casefold())
    plain = "".join(letter for letter in folded if not unicodedata.combining(letter))
    for shape in _SHAPES:
        if match := shape.fullmatch(plain):
            parts = match.groupdict()
            day, year = _number(parts.get("day")), _number(parts.get("year"))
            if word := parts.get("word"):
                return [_genes(day, _MONTHS[word], year, word)] if word in _MONTHS else []
            month = _number(parts["month"])
            # A year in front, or points, tell the order of day and month; strokes after a day do not.
            either = parts["gap"] != "." and not plain.startswith(parts["year"] + parts["gap"])
            orders = {(day, month), (month, day)} if either else {(day, month)}
            return [_genes(d, m, year) for d, m in orders if 1 <= m <= 12 and 1 <= d <= 31]
    return []


def _number(digits: str | None) -> int:
    return int(digits) if digits else 0


def _genes(day: int, month: int, year: int, word: str = "") -> set[str]:
    """Return the genes of a date; day or year is 0 where the text gives none."""
    numbers = {day}
    # A month with a year is kept as its first day; two digits stand for 1930 to 2029.
    if day <= 1 and (year < 100 or 1930 <= year <= 2029):
        numbers.add(year % 100)
    return {gene for n in numbers for gene in (*_GENES.get((month, n), ()), *_GENES_OF_WORD.get((word, n), ()))}
