"""Roster and calls joined."""

import numpy as np
import pandas as pd
import pytest

from trastuz_ml.assays.assay import EXOME, Assay, declare_assays, read_gene_list
from trastuz_ml.cohort.burden import burden, genes_in_common
from trastuz_ml.cohort.cohort import Cohort, Source
from trastuz_ml.errors import EvidenceError, InputError
from trastuz_ml.features.encoding import build_gene_matrix
from trastuz_ml.findings import Finding
from trastuz_ml.schema import CALLS, NONSILENT, ROWS, conform


def calls(*rows):
    return conform(pd.DataFrame(rows, columns=["patient", "gene", "effect", "pos"]), CALLS)


CALLED = calls(
    ("P1", "TP53", "missense", 1), ("P1", "TP53", "missense", 1), ("P1", "TTN", "silent", 2),
    ("P2", "ANKRD44", "truncating", 3), ("P9", "TP53", "missense", 1),
)  # fmt: skip


def roster(**changes):
    table = pd.DataFrame(
        {
            "sequenced": True, "in_cohort": True, "response": pd.array([1, 0, 0, 1], dtype="Int8"),
            "group": ["P1", "P2", "P3", "P4"], "assay": "exome",
        },
        index=pd.Index(["P1", "P2", "P3", "P4"], name="patient"),
    )  # fmt: skip
    return table.assign(**changes)


def found(cohort):
    return dict(zip(cohort.findings["code"], cohort.findings["count"], strict=True))


def test_cohort__the_roster_decides_the_rows():
    cohort = Cohort.assemble(CALLED, roster())
    assert cohort.patients.index.tolist() == ["P1", "P2", "P3", "P4"]
    assert set(cohort.calls["patient"]) == {"P1", "P2"}


def test_cohort__what_did_not_match_is_named_and_counted():
    cohort = Cohort.assemble(CALLED, roster(), findings=[Finding("note", "made-up", "something")])
    assert found(cohort) == {
        "made-up": 1, "calls-without-patient": 1, "patient-without-calls": 1, "duplicate-call": 1,
    }  # fmt: skip
    stranger = cohort.findings.set_index("code").loc["calls-without-patient"]
    assert stranger["patient"] == "P9"
    assert set(cohort.findings.query("code == 'patient-without-calls'")["patient"]) == {"P3", "P4"}


def test_cohort__the_same_call_twice_counts_once():
    cohort = Cohort.assemble(CALLED, roster())
    assert burden(cohort, NONSILENT).tolist() == [1, 1, 0, 0]


def test_cohort__patients_without_response_or_sequence_are_left_out_of_training():
    changed = roster(response=pd.array([1, 0, pd.NA, 1], dtype="Int8"), sequenced=[True, True, True, False])
    cohort = Cohort.assemble(CALLED, changed)
    assert cohort.patients.index.tolist() == ["P1", "P2"]
    assert found(cohort)["not-sequenced"] == 1


def test_cohort__calls_of_a_patient_declared_not_sequenced_are_a_finding():
    cohort = Cohort.assemble(
        CALLED,
        roster(sequenced=[True, True, True, True]).assign(sequenced=[True, False, True, True]),
        training=False,
    )
    assert found(cohort)["not-sequenced-with-calls"] == 1
    assert "P2" not in set(cohort.calls["patient"])


def test_cohort__one_class_is_refused():
    with pytest.raises(EvidenceError, match="one class only"):
        Cohort.assemble(CALLED, roster(response=pd.array([0, 0, 0, 0], dtype="Int8")))


def test_cohort__ids_that_match_nothing_are_refused_with_the_closest():
    strangers = conform(CALLED.assign(patient="PATIENT-1"), CALLS)
    with pytest.raises(InputError, match="PATIENT-1; the closest on the roster is 'P1'"):
        Cohort.assemble(strangers, roster())


def test_cohort__an_assay_that_is_not_declared_is_refused():
    with pytest.raises(InputError, match="assay panel, which is not declared; declared: exome"):
        Cohort.assemble(CALLED, roster(assay=["exome", "panel", "exome", "exome"]))
    unsaid = roster(assay=["exome", None, "exome", "exome"])
    with pytest.raises(InputError, match="No assay is given for P2"):
        Cohort.assemble(CALLED, unsaid, assays=(EXOME, PANEL))


def test_cohort__a_patient_without_an_assay_gets_the_declared_default():
    unsaid = roster(assay=["exome", None, "exome", "exome"])
    given = Cohort.assemble(CALLED, unsaid, assays=(EXOME, PANEL), default_assay="panel").patients["assay"]
    assert given.tolist() == ["exome", "panel", "exome", "exome"]
    assert set(Cohort.assemble(CALLED, unsaid).patients["assay"]) == {"exome"}


def test_cohort__calls_without_a_gene_are_a_finding():
    odd = calls(("P1", "TP53", "missense", 1), ("P2", None, "noncoding", 2))
    assert found(Cohort.assemble(odd, roster()))["call-without-gene"] == 1


def test_cohort__every_row_has_exactly_one_fate():
    reading = pd.DataFrame({"file": ["a.maf"], "patient": ["P1"], "fate": ["filter"], "rows": [7]})
    changed = roster(response=pd.array([1, 0, pd.NA, 1], dtype="Int8"), sequenced=[True, True, True, False])
    more = pd.concat([CALLED, calls(("P3", "TTN", "missense", 5), ("P4", "TTN", "missense", 6))])
    cohort = Cohort.assemble(conform(more, CALLS), changed, dropped=conform(reading, ROWS))
    assert cohort.rows.groupby("fate", observed=True)["rows"].sum().to_dict() == {
        "filter": 7, "kept": 3, "duplicate": 1, "not-on-roster": 1, "no-response": 1, "not-sequenced": 1,
    }  # fmt: skip
    assert cohort.rows["rows"].sum() == len(more) + 7


def test_cohort__many_strangers_are_one_finding():
    many = calls(("P1", "TP53", "missense", 1), *((f"S{i}", "TP53", "missense", 1) for i in range(25)))
    strangers = Cohort.assemble(many, roster()).findings.query("code == 'calls-without-patient'")
    assert strangers["count"].tolist() == [25]
    assert "S0, S1" in strangers["message"].iloc[0]


def test_cohort__order_of_calls_does_not_matter():
    one = Cohort.assemble(CALLED, roster())
    other = Cohort.assemble(
        CALLED.sample(frac=1, random_state=1), roster().sample(frac=1, random_state=2).sort_index()
    )
    pd.testing.assert_frame_equal(one.calls, other.calls)
    pd.testing.assert_frame_equal(one.findings, other.findings)


def test_assay__a_gene_list_may_hold_comments(tmp_path):
    path = tmp_path / "panel.txt"
    path.write_text("# a panel\nTP53\n\nANKRD44 # the gene\n")
    assert read_gene_list(path) == {"TP53", "ANKRD44"}
    assert declare_assays({"exome": None, "panel": path}) == (
        EXOME,
        Assay("panel", frozenset({"TP53", "ANKRD44"})),
    )


def test_assay__an_empty_or_missing_list_is_refused(tmp_path):
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(InputError, match="names no gene"):
        read_gene_list(tmp_path / "empty.txt")
    with pytest.raises(InputError, match="There is no file"):
        read_gene_list(tmp_path / "none.txt")


def test_source__carries_the_hash_of_the_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"abc")
    # SHA-256 of "abc": FIPS 180-2, appendix B.1.
    assert Source.of(path, 3, 2).sha256 == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_cohort__one_variant_annotated_twice_counts_once_with_its_gravest_effect():
    twice = calls(("P1", "TP53", "silent", 1), ("P1", "TP53", "truncating", 1))
    cohort = Cohort.assemble(twice, roster())
    assert cohort.calls["effect"].tolist() == ["truncating"]


def test_cohort__calls_without_a_position_all_count_and_are_a_finding():
    placeless = calls(("P1", "TTN", "missense", None), ("P1", "TTN", "missense", None))
    cohort = Cohort.assemble(placeless, roster())
    assert burden(cohort, NONSILENT)[0] == 2
    assert found(cohort)["call-without-place"] == 2


PANEL = Assay("panel", frozenset({"TP53", "ANKRD44"}))


def test_burden__of_a_panel_is_unknown_beside_exomes_and_counts_what_all_assays_cover():
    cohort = Cohort.assemble(CALLED, roster(assay=["exome", "panel", "panel", "exome"]), assays=(EXOME, PANEL))
    np.testing.assert_array_equal(burden(cohort, NONSILENT), [1, np.nan, np.nan, 0])
    assert genes_in_common(cohort) == ("ANKRD44", "TP53")
    np.testing.assert_array_equal(burden(cohort, NONSILENT, genes_in_common(cohort)), [1, 1, 0, 0])


def test_burden__of_exomes_alone_counts_every_gene():
    assert genes_in_common(Cohort.assemble(CALLED, roster(), assays=(EXOME, PANEL))) is None


def test_cohort__patients_whom_the_filter_leaves_out_are_counted():
    cohort = Cohort.assemble(CALLED, roster(in_cohort=[True, True, False, True]))
    assert found(cohort)["filtered-out"] == 1


def test_roster_alone__nothing_is_known_of_any_gene():
    cohort = Cohort.of_roster(roster(sequenced=[True, False, True, True]).drop(columns="assay"))
    assert cohort.patients.index.tolist() == ["P1", "P2", "P3", "P4"]  # who was sequenced does not matter
    assert not cohort.sequenced
    assert np.isnan(burden(cohort, NONSILENT)).all()
    assert np.isnan(burden(cohort, NONSILENT, genes_in_common(cohort))).all()
    matrix, _ = build_gene_matrix(cohort, always=["TP53"])
    assert np.isnan(matrix.dense()).all()
    assert found(cohort) == {"no-calls": 4}


def test_roster_alone__those_without_a_response_are_for_prediction_only():
    patients = roster(response=pd.array([1, 0, None, 1], dtype="Int8"), in_cohort=[True, True, True, False])
    assert Cohort.of_roster(patients).patients.index.tolist() == ["P1", "P2"]
    assert Cohort.of_roster(patients, training=False).patients.index.tolist() == ["P1", "P2", "P3"]
    with pytest.raises(EvidenceError, match="one class only"):
        Cohort.of_roster(patients[patients["response"] == 1])


def test_burden__in_genes_of_which_there_are_none_is_unknown():
    cohort = Cohort.assemble(CALLED, roster())
    assert np.isnan(burden(cohort, NONSILENT, [])).all()
    assert Cohort.assemble(CALLED, roster()).sequenced
