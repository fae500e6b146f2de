"""Marks of rare training variants: who is a training patient, found without any variant being kept."""

import json

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.cohort import variant_marks as module
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.pseudonyms import pseudonyms
from trastuz_ml.cohort.variant_marks import (
    VariantMarks,
    key_mark_of,
    marks_of,
    shared_with,
    why_not_searched,
)
from trastuz_ml.errors import ConfigurationError, ModelError
from trastuz_ml.quality import relatedness
from trastuz_ml.quality.incidence import carriers_of_variants
from trastuz_ml.schema import CALLS, conform

KEY, OTHER = bytes(range(32)), bytes([7] * 32)


def calls_of(rows, chrom="1"):
    frame = pd.DataFrame(rows, columns=["patient", "pos"]).assign(gene="G", effect="missense", chrom=chrom)
    return conform(frame, CALLS, complete=False)


def people(n, variants=30, common=3, start=0):
    """Patients with variants of their own and a few that all carry."""
    rows = []
    for i in range(n):
        rows += [(f"P{start + i:03d}", 1_000 * (start + i + 1) + k) for k in range(variants)]
        rows += [(f"P{start + i:03d}", k + 1) for k in range(common)]
    return rows


def cohort_of(rows, **options):
    calls = calls_of(rows)
    names = sorted(set(calls["patient"].astype(str)))
    patients = pd.DataFrame({"response": 1, "group": names, "assay": "exome"}, index=pd.Index(names, dtype="str"))
    return Cohort(calls, patients, **options)


@pytest.fixture(scope="module")
def marks():
    return marks_of(cohort_of(people(40)), KEY)


def test_marks__are_of_rare_variants_only_and_by_pseudonym(marks):
    assert np.diff(marks.starts).tolist() == [30] * 40
    assert len(marks.common) == 3
    assert set(marks.names) == set(pseudonyms([f"P{i:03d}" for i in range(40)], KEY).values())
    assert list(marks.names) == sorted(marks.names)  # an order that is that of no identifier


def test_marks__rare_is_what_relatedness_calls_rare():
    rng = np.random.default_rng(2)
    rows = [(f"P{i:02d}", int(pos)) for i in range(30) for pos in rng.integers(0, 400, 60)]
    cohort = cohort_of(rows)
    rare = relatedness.rare_variants(carriers_of_variants(cohort.calls, cohort.patients.index))
    found = marks_of(cohort, KEY)
    assert len(found.marks) == rare.sum()
    assert len(np.unique(found.marks)) == rare.shape[1]


def test_marks__thresholds_are_those_of_relatedness():
    for name in ("MOSTLY_SHARED", "PARTLY_SHARED", "PARTLY_SHARED_INHERITED", "FEWEST_SHARED", "_INHERITED"):
        assert getattr(module, name) == getattr(relatedness, name)


def test_marks__hold_no_place_and_no_identifier(marks):
    data = marks.as_bytes()
    assert b"P000" not in data
    places = np.array([pos for _, pos in people(40)], dtype="<u8")
    packed = places | np.uint64(1 << 32)
    assert not np.isin(marks.marks, np.concatenate([places, packed])).any()
    other = marks_of(cohort_of(people(40)), OTHER)
    assert not np.isin(marks.marks, other.marks).any()


def test_marks__come_back_from_bytes_as_they_were(marks):
    back = VariantMarks.from_bytes(marks.as_bytes())
    assert back.as_bytes() == marks.as_bytes()
    assert (back.names, back.key_mark, back.least, back.build) == (marks.names, marks.key_mark, 0.1, None)
    assert np.array_equal(back.starts, marks.starts)


def test_marks__do_not_depend_on_the_order_of_calls():
    rows = people(20)
    shuffled = [rows[i] for i in np.random.default_rng(3).permutation(len(rows))]
    assert marks_of(cohort_of(rows), KEY).as_bytes() == marks_of(cohort_of(shuffled), KEY).as_bytes()


@pytest.mark.parametrize(
    "damage",
    [
        lambda d: b"",
        lambda d: d[:-8],
        lambda d: d + b"\0" * 3,
        lambda d: d.replace(b'"format": 1', b'"format": 2'),
        lambda d: b"[1]\n" + d.partition(b"\n")[2],
        lambda d: edited(d, starts=[0, 5, 2]),
        lambda d: edited(d, names=[1, 2]),
        lambda d: edited(d, least=7),
        lambda d: edited(d, common=-1),
        lambda d: b"[" * 100_000 + b"\n",
    ],
)
def test_marks__damaged_bytes_are_refused(marks, damage):
    with pytest.raises(ModelError, match="damaged"):
        VariantMarks.from_bytes(damage(marks.as_bytes()))


def edited(data, **changes):
    line, _, rest = data.partition(b"\n")
    return json.dumps({**json.loads(line), **changes}).encode() + b"\n" + rest


def test_shared__a_training_patient_is_found_under_another_name(marks):
    new = people(5, start=100) + [("NEW", 1_000 * 8 + k) for k in range(20)]
    found = shared_with(marks, calls_of(new), pd.Index(["NEW", *[f"P{i}" for i in range(100, 105)]]), KEY)
    assert found["patient"].tolist() == ["NEW"]
    assert found["training_patient"].tolist() == [pseudonyms([f"P{i:03d}" for i in range(40)], KEY)["P007"]]
    assert (found["shared"].item(), found["of"].item()) == (20, 20)


def test_shared__chromosomes_are_the_same_with_and_without_chr(marks):
    rows = [("NEW", 8_000 + k) for k in range(20)]
    assert len(shared_with(marks, calls_of(rows, "chr1"), pd.Index(["NEW"]), KEY)) == 1
    assert len(shared_with(marks, calls_of(rows, "2"), pd.Index(["NEW"]), KEY)) == 0


def test_shared__fewer_than_five_and_common_places_count_for_nobody(marks):
    few = [("NEW", 8_000 + k) for k in range(4)] + [("NEW", k + 1) for k in range(3)]
    assert len(shared_with(marks, calls_of(few), pd.Index(["NEW"]), KEY)) == 0
    enough = [*few, ("NEW", 8_004)]
    assert shared_with(marks, calls_of(enough), pd.Index(["NEW"]), KEY)["of"].tolist() == [5]


def test_shared__many_new_patients_with_the_same_places_do_not_acquit_one_another(marks):
    """Forty biopsies of one training patient; or artefacts of a kit, which are not told apart from these."""
    names = [f"N{i:02d}" for i in range(40)]
    rows = [(name, 8_000 + k) for name in names for k in range(20)]
    found = shared_with(marks, calls_of(rows), pd.Index(names), KEY)
    assert found["patient"].tolist() == names
    assert found["training_patient"].nunique() == 1


def test_shared__a_call_in_two_genes_is_one_place_and_strangers_are_left_out(marks):
    rows = [("NEW", 8_000 + k) for k in range(20)] * 2 + [("STRANGER", 8_000 + k) for k in range(20)]
    found = shared_with(marks, calls_of(rows), pd.Index(["NEW"]), KEY)
    assert found[["patient", "shared", "of"]].values.tolist() == [["NEW", 20, 20]]


def test_shared__does_not_depend_on_who_else_is_looked_at(marks):
    rows = people(30, start=100) + [("NEW", 8_000 + k) for k in range(20)]
    everybody = pd.Index(sorted({name for name, _ in rows}))
    together = shared_with(marks, calls_of(rows), everybody, KEY)
    alone = shared_with(marks, calls_of([row for row in rows if row[0] == "NEW"]), pd.Index(["NEW"]), KEY)
    pd.testing.assert_frame_equal(together, alone)


def test_shared__two_biopsies_of_one_person_are_both_named():
    rows = people(38) + [(name, 500_000 + k) for name in ("T1", "T2") for k in range(30)]
    marks = marks_of(cohort_of(rows), KEY)
    found = shared_with(marks, calls_of([("NEW", 500_000 + k) for k in range(30)]), pd.Index(["NEW"]), KEY)
    names = pseudonyms(["T1", "T2"], KEY)
    assert set(found["training_patient"]) == set(names.values())


def test_shared__strangers_of_a_population_with_inherited_variants_are_not_taken_for_one_person():
    """No normal sample: each carries half of its 300 variants from a pool that all draw from."""
    rng = np.random.default_rng(4)

    def draw(names, own):
        rows = []
        for i, name in enumerate(names):
            rows += [(name, int(pos)) for pos in np.flatnonzero(rng.random(600) < 0.3)]
            rows += [(name, 10_000 + int(pos)) for pos in rng.integers(0, 4_000, 60)]
            rows += [(name, own + 1_000 * i + k) for k in range(20)]
        return rows

    trained = marks_of(cohort_of(draw([f"P{i:02d}" for i in range(60)], 1_000_000)), KEY)
    assert trained.least == 0.3
    names = [f"N{i:02d}" for i in range(60)]
    assert len(shared_with(trained, calls_of(draw(names, 2_000_000)), pd.Index(names), KEY)) == 0


def test_search__is_refused_with_another_key_another_build_or_no_marks(marks):
    calls = calls_of([("NEW", 1)])
    with pytest.raises(ConfigurationError, match="another user's key"):
        shared_with(marks, calls, pd.Index(["NEW"]), OTHER)
    assert why_not_searched(marks, KEY) == ""
    assert "came without the marks" in why_not_searched(None, KEY)
    built = marks_of(cohort_of(people(20), build="GRCh37"), KEY)
    assert "GRCh37, and the new ones of GRCh38" in why_not_searched(built, KEY, "GRCh38")
    assert why_not_searched(built, KEY, None) == ""
    assert key_mark_of(KEY) not in KEY.hex()


def test_search__calls_without_places_find_nobody(marks):
    bare = conform(
        pd.DataFrame({"patient": ["NEW"], "gene": ["G"], "effect": ["missense"]}), CALLS, complete=False
    )
    assert shared_with(marks, bare, pd.Index(["NEW"]), KEY).empty
    none = cohort_of(people(3)).calls.drop(columns="pos")
    empty = marks_of(Cohort(none, cohort_of(people(3)).patients), KEY)
    assert len(empty.marks) == 0
    assert shared_with(
        VariantMarks.from_bytes(empty.as_bytes()), calls_of(people(2)), pd.Index(["P000"]), KEY
    ).empty
