"""Depth and supporting reads are found wherever a caller writes them, and missing stays missing."""

import pytest

from trastuz_ml.calls.vcf.read_counts import as_numbers, read_counts, site_counts

# Caller, the fields of its tumour column, REF, ALT, and what they say: depth, reads, fraction.
CALLERS = {
    "Mutect2": ({"AD": [94, 18], "AF": [0.14], "DP": [112]}, "C", "T", (112, 18, 18 / 112)),
    "MuTect": ({"AD": [9, 3], "DP": [12], "FA": [0.3]}, "C", "T", (12, 3, 0.25)),
    "MuSE": ({"AD": [30, 10], "BQ": [30, 31], "DP": [40], "SS": [2]}, "C", "T", (40, 10, 0.25)),
    "Mutect2 without DP": ({"AD": [94, 6]}, "C", "T", (100, 6, 0.06)),
    "VarScan": ({"AD": [23], "DP": [82], "DP4": [25, 34, 7, 16], "RD": [59], "FREQ": [0.28]}, "C", "T",
                (82, 23, 23 / 82)),
    "Strelka SNV": ({"DP": [141], "AU": [0, 0], "CU": [0, 0], "GU": [132, 135], "TU": [8, 9]}, "G", "T",
                    (141, 8, 8 / 141)),
    "Strelka SNV without DP": ({"AU": [0, 0], "CU": [30, 33], "GU": [0, 0], "TU": [10, 12]}, "C", "T",
                               (40, 10, 0.25)),
    "Strelka indel": ({"DP": [101], "TAR": [90, 91], "TIR": [4, 4], "TOR": [40, 40]}, "CA", "C",
                      (101, 4, 4 / 101)),
    "SomaticSniper": ({"BCOUNT": [0, 30, 0, 10], "DP": [40], "DP4": [15, 15, 6, 4]}, "C", "T", (40, 10, 0.25)),
    "DP4": ({"DP4": [15, 15, 6, 4]}, "C", "T", (40, 10, 0.25)),
    "Ion Torrent": ({"AO": [9], "RO": [9], "DP": [18], "FAO": [10], "FRO": [30], "FDP": [40]}, "C", "T",
                    (40, 10, 0.25)),
    "freebayes": ({"AO": [10], "RO": [30], "DP": [40]}, "C", "T", (40, 10, 0.25)),
    "alternative depths": ({"VAD": [10], "DP": [40]}, "C", "T", (40, 10, 0.25)),
    "consensus": ({"ADT": [112, 32], "DPT": [144]}, "C", "T", (144, 32, 32 / 144)),
    "fraction alone": ({"AF": [0.3]}, "C", "T", (None, None, 0.3)),
    "fraction and depth": ({"VAF": [0.3], "DP": [50]}, "C", "T", (50, None, 0.3)),
    "missing": ({"AD": [None, None], "DP": [None], "AF": [None]}, "C", "T", (None, None, None)),
    "no reads": ({"AD": [0, 0], "DP": [0]}, "C", "T", (0, 0, None)),
    "a lone AD is not known to be the alternative's": ({"AD": [90], "DP": [101]}, "C", "T", (101, None, None)),
    "nothing": ({}, "C", "T", (None, None, None)),
}  # fmt: skip


@pytest.mark.parametrize("caller", CALLERS)
def test_counts__each_callers_fields_say_the_same_things(caller):
    fields, ref, alt, expected = CALLERS[caller]
    (counts,) = read_counts(list(fields), fields.get, ref, [alt])
    assert counts == pytest.approx(expected)


def test_counts__each_alternative_has_its_own():
    fields = {"AD": [50, 30, 20], "DP": [100]}
    assert [tuple(c) for c in read_counts(list(fields), fields.get, "C", ["T", "G"])] == [
        (100, 30, 0.3), (100, 20, 0.2),
    ]  # fmt: skip


def test_counts__fields_written_as_text_are_numbers():
    assert as_numbers("112,32") == [112, 32]
    assert as_numbers("11.24%25") == [pytest.approx(0.1124)]
    assert as_numbers(".,x") == [None, None]


def test_site__info_gives_reads_but_a_share_of_chromosomes_is_none():
    assert site_counts({"DP": [40], "AF": [0.25]}.get, ["T"])[0] == (40, None, 0.25)
    assert site_counts({"DP4": [15, 15, 6, 4]}.get, ["T"])[0] == (40, 10, 0.25)
    assert site_counts({"AC": [1], "AN": [2], "AF": [0.5]}.get, ["T"])[0] == (None, None, None)
