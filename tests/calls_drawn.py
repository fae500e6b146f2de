"""Small calls tables for the tests of what counts: written by hand, or drawn at random."""

import numpy as np
import pandas as pd
from hypothesis import strategies as st

from trastuz_ml.assays.assay import EXOME
from trastuz_ml.calls.effects import effect_of_maf_class
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.schema import CALLS, EFFECTS, conform

PATIENTS = ("P1", "P2", "P3", "P4")
GENES = ("ANKRD44", "ERBB2", "TP53", "TTN")
_SIFT = (None, "deleterious(0.01)", "tolerated(0.4)", "0.03", "D")
_POLYPHEN = (None, "probably_damaging(0.99)", "benign(0.1)", "0.6", "B")
_NUMBERS = st.one_of(st.none(), st.sampled_from([0.1, 0.5, 0.564, 0.9]))

CALL = st.fixed_dictionaries(
    {
        "patient": st.sampled_from(PATIENTS[:3]),
        "gene": st.sampled_from([*GENES, None]),
        "effect": st.sampled_from(EFFECTS),
        "sift": st.sampled_from(_SIFT),
        "polyphen": st.sampled_from(_POLYPHEN),
        "revel": _NUMBERS,
        "alphamissense": _NUMBERS,
        "vaf": st.sampled_from([0.05, 0.3, 0.31, 1.0]),
    }
)
# One call carries every score, so that no encoding is refused.
_SCORED = {
    "patient": "P1", "gene": "TTN", "effect": "missense", "sift": "D", "polyphen": "P", "revel": 0.7,
    "alphamissense": 0.7, "vaf": 0.2,
}  # fmt: skip


def calls_of(rows):
    """Return a calls table of the rows, each at a position of its own."""
    frame = pd.DataFrame(rows)
    if "pos" not in frame:
        frame["pos"] = np.arange(1, len(frame) + 1)
    return conform(frame, CALLS)


def calls_table(*effects, **columns):
    """Return calls of one patient and gene with these effects and other columns."""
    return calls_of(pd.DataFrame({"patient": "P1", "gene": "TP53", "effect": list(effects), **columns}))


def cohort_of(calls, assay=("exome",) * 4, assays=(EXOME,)):
    """Return a cohort of four patients, the last without calls."""
    names = list(PATIENTS)
    roster = pd.DataFrame(
        {"response": pd.array([1, 0, 1, 0], dtype="Int8"), "group": names, "assay": list(assay)},
        index=pd.Index(names, name="patient"),
    )
    return Cohort(calls, roster, assays=tuple(assays))


def drawn_calls(rows):
    """Return a calls table of drawn rows, and one call with every score."""
    return calls_of([_SCORED, *rows])


def real_calls(folder):
    """Return the calls of the real cohort, read without the project's readers."""
    words = {
        "Donor.ID": "patient", "Hugo_Symbol": "gene", "MAF_Variant": "consequence", "SIFT": "sift",
        "PolyPhen": "polyphen", "tumour.vaf": "vaf",
    }  # fmt: skip
    table = pd.read_csv(folder / "mutations.tsv.gz", sep="\t", usecols=list(words)).rename(columns=words)
    return conform(table.assign(effect=table["consequence"].map(effect_of_maf_class)), CALLS)
