"""Tell the genome build, GRCh37 or GRCh38, from a VCF header or from a word in a table."""

from __future__ import annotations

import re

from trastuz_ml.errors import InputError

# Lengths of the chromosomes: NCBI36 (hg18), GRCh37 (hg19), GRCh38 (hg38), in the order of the names.
_BUILDS = ("NCBI36", "GRCh37", "GRCh38")
_LENGTHS: dict[str, tuple[int, int, int]] = {
    "1": (247249719, 249250621, 248956422), "2": (242951149, 243199373, 242193529),
    "3": (199501827, 198022430, 198295559), "4": (191273063, 191154276, 190214555),
    "5": (180857866, 180915260, 181538259), "6": (170899992, 171115067, 170805979),
    "7": (158821424, 159138663, 159345973), "8": (146274826, 146364022, 145138636),
    "9": (140273252, 141213431, 138394717), "10": (135374737, 135534747, 133797422),
    "11": (134452384, 135006516, 135086622), "12": (132349534, 133851895, 133275309),
    "13": (114142980, 115169878, 114364328), "14": (106368585, 107349540, 107043718),
    "15": (100338915, 102531392, 101991189), "16": (88827254, 90354753, 90338345),
    "17": (78774742, 81195210, 83257441), "18": (76117153, 78077248, 80373285),
    "19": (63811651, 59128983, 58617616), "20": (62435964, 63025520, 64444167),
    "21": (46944323, 48129895, 46709983), "22": (49691432, 51304566, 50818468),
    "X": (154913754, 155270560, 156040895), "Y": (57772954, 59373566, 57227415),
}  # fmt: skip

# Names of the builds, as they stand within paths and version words.
_NAMES: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (build, re.compile(rf"(?<![a-z0-9])(?:{names})(?!\d)", re.IGNORECASE))
    for build, names in (
        ("NCBI36", r"ncbi[_.-]?(?:build)?36|hg18|b36|g1k_v36|human_b36"),
        ("GRCh37", r"grch37|ncbi[_.-]?(?:build)?37|hg19|b37|hs37d?|(?:human_)?g1k_v37"),
        ("GRCh38", r"grch38|ncbi[_.-]?(?:build)?38|hg38|b38|hs38d?"),
    )
)
_NUMBERS = {"36": "NCBI36", "18": "NCBI36", "37": "GRCh37", "19": "GRCh37", "38": "GRCh38"}
_CONTIG = re.compile(r"^##contig=<(.*)>\s*$", re.MULTILINE)
_ID = re.compile(r"(?:^|,)ID=(?:chr)?([^,]+)", re.IGNORECASE)
_LENGTH = re.compile(r"(?:^|,)length=(\d+)", re.IGNORECASE)
_ASSEMBLY = re.compile(r'(?:^|,)assembly="?([^,"]+)', re.IGNORECASE)
_REFERENCE = re.compile(r"^##reference=(.*)$", re.MULTILINE)
_VEP = re.compile(r'^##VEP=.*\bassembly="([^"]+)"', re.MULTILINE)


def build_of_word(word: str) -> str | None:
    """Return the build that a word or a path names, or None.

    Examples
    --------
    >>> build_of_word("hg19"), build_of_word("38"), build_of_word("human_g1k_v37_decoy.fasta")
    ('GRCh37', 'GRCh38', 'GRCh37')
    """
    word = word.strip()
    named = {build for build, pattern in _NAMES if pattern.search(word)}
    if len(named) == 1:
        return named.pop()
    return _NUMBERS.get(word.removesuffix(".0")) if not named else None


def build_of_header(header: str) -> str | None:
    """Return the build that a VCF header names, or None where it names none.

    Evidence is the reference file, the assembly and the lengths of the contigs, and the assembly that VEP
    annotated against. Command lines are not evidence: they name files that were not used for the calls.

    Returns
    -------
    str or None
        GRCh37, GRCh38 or NCBI36.

    Raises
    ------
    InputError
        If the header names two builds.

    Examples
    --------
    >>> build_of_header("##contig=<ID=chr1,length=248956422>")
    'GRCh38'
    """
    found: dict[str, str] = {}
    for line, build in _evidence(header):
        found.setdefault(build, line)
    if len(found) > 1:
        (one, first), (other, second) = sorted(found.items())[:2]
        raise InputError(
            f"the header names two genome builds: {one} ({first[:80]}) and {other} ({second[:80]}). Positions of "
            "two builds cannot stand in one file: correct the header, or lift the calls to one build."
        )
    return next(iter(found), None)


def _evidence(header: str) -> list[tuple[str, str]]:
    """Return each piece of evidence with the build that it names."""
    found = [(f"reference {text.strip()}", build_of_word(text)) for text in _REFERENCE.findall(header)]
    found += [(f"VEP's assembly {text}", build_of_word(text)) for text in _VEP.findall(header)]
    for contig in _CONTIG.findall(header):
        name, length, assembly = (pattern.search(contig) for pattern in (_ID, _LENGTH, _ASSEMBLY))
        if assembly:
            found.append((f"contig {contig}", build_of_word(assembly[1])))
        if name and length and int(length[1]) in _LENGTHS.get(name[1], ()):
            found.append((f"contig {contig}", _BUILDS[_LENGTHS[name[1]].index(int(length[1]))]))
    return [(line, build) for line, build in found if build]
