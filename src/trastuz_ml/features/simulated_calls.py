"""Draw the calls of simulated patients: the genes that are hit, the places, the alleles and the words of a MAF."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from trastuz_ml import schema
from trastuz_ml.calls.effects import effect_of_maf_class
from trastuz_ml.features.simulated_genes import (
    BASES, CHROMOSOMES, DRIVERS, EXON, RESIDUES, Driver, Exome, Flags, Integers, Numbers, fixed_bits,
    reference_base, residue,
)  # fmt: skip

_PATIENTS_A_BLOCK = 4096  # patients simulated at a time, which bounds the memory
# Nonsilent calls of an ER-positive and an ER-negative patient: mean and standard deviation of the natural
# logarithm. Over all patients TransNEO has a median of 40, a log mean of 3.66 and a log standard deviation
# of 0.77; the spread here is wider because the drivers, which come on top, narrow it.
_LOG_BURDEN, _LOG_BURDEN_SD = (3.58, 3.82), 0.80
_DEPTH_MEDIAN, _DEPTH_LOG_SD, _DEPTH_LEAST = 96, 0.64, 10
_VAF_BETA = (2.0, 8.5)  # mean 0.19, standard deviation 0.12
_FEWEST_READS = 3  # with fewer no caller would have reported the call
_LONGEST_INDEL = 12
# Cumulative probability of the three other bases, in alphabetical order, for A, C, G and T.
_SUBSTITUTED = np.array([[0.21, 0.71, 1.0], [0.20, 0.46, 1.0], [0.54, 0.80, 1.0], [0.29, 0.79, 1.0]])
_NO_VERDICT = 0.08  # missense calls without SIFT and PolyPhen in TransNEO


class _Word(NamedTuple):
    """A MAF class: rows in TransNEO, shares of them that delete and insert, and the words of its protein change."""

    name: str
    rows: int
    deletions: float = 0.0
    insertions: float = 0.0
    tail: str | None = None  # what follows the codon; none for a call outside the protein
    head: str | None = None  # what stands for the residue


# Targeted_Region and IGR (13 rows) are left out: they belong to no gene.
_WORDS = (
    _Word("Missense_Mutation", 7140, tail=""),
    _Word("Nonsense_Mutation", 490, tail="*"),
    _Word("Frame_Shift_Del", 384, deletions=1.0, tail="fs*"),
    _Word("Splice_Site", 211, deletions=0.23, tail="_splice", head="X"),
    _Word("Frame_Shift_Ins", 141, insertions=1.0, tail="fs*"),
    _Word("In_Frame_Del", 120, deletions=1.0, tail="del"),
    _Word("In_Frame_Ins", 23, insertions=1.0, tail="ins"),
    _Word("Translation_Start_Site", 9, tail="?", head="M"),
    _Word("Nonstop_Mutation", 6, tail="ext*", head="*"),
    _Word("Silent", 2554, tail="="),
    _Word("Intron", 4141, 0.06, 0.02),
    _Word("3'UTR", 267, 0.06, 0.02),
    _Word("5'UTR", 258, 0.07, 0.02),
    _Word("5'Flank", 140, 0.13, 0.01),
    _Word("RNA", 139, 0.08, 0.01),
    _Word("3'Flank", 98, 0.04, 0.01),
)
_NAMES, _ROWS, _DELETIONS, _INSERTIONS, _TAILS, _HEADS = map(list, zip(*_WORDS, strict=True))
_EFFECTS = [effect_of_maf_class(name) for name in _NAMES]
_NONSILENT = np.isin(_EFFECTS, schema.NONSILENT)
_TRUNCATING = np.isin(_EFFECTS, "truncating")
