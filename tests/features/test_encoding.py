"""From calls to the GeneMatrix."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from calls_drawn import CALL, GENES, PATIENTS, calls_of, cohort_of, drawn_calls, real_calls
from trastuz_ml.assays.assay import EXOME, Assay
from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.features.encoding import build_gene_matrix, columns_needed
from trastuz_ml.features.masks import mask_of
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.schema import CALLS, ENCODINGS, conform

SETS = {"HER2": frozenset({"ERBB2", "ANKRD44"}), "LONG": frozenset({"TTN", "TP53", "ERBB2"})}
PANEL = Assay("panel", frozenset({"TP53", "TTN", "ERBB2"}))

CALLED = conform(
    pd.DataFrame(
        [
            ("P1", "TP53", "missense", 1), ("P1", "TP53", "truncating", 2), ("P1", "TTN", "silent", 3),
            ("P2", "ANKRD44", "truncating", 4), ("P3", "TP53", "inframe", 5), ("P3", None, "missense", 6),
        ],
        columns=["patient", "gene", "effect", "pos"],
    ),
    CALLS,
)  # fmt: skip


def cohort(assay=("exome",) * 4, assays=(EXOME,)):
    names = ["P1", "P2", "P3", "P4"]
    roster = pd.DataFrame(
        {"sequenced": True, "in_cohort": True, "response": pd.array([1, 0, 1, 0], dtype="Int8"), "group": names,
         "assay": list(assay)},
        index=pd.Index(names, name="patient"),
    )  # fmt: skip
    return Cohort.assemble(CALLED, roster, assays=assays)


def frame(**settings):
    return build_gene_matrix(cohort(), **settings)[0].frame()


def test_matrix__patient_without_calls_is_a_row_of_zeros():
    made = frame()
    assert made.loc["P4"].tolist() == [0] * made.shape[1]


def test_encoding__binary_marks_and_count_counts_distinct_calls():
    assert frame(encoding="binary").loc["P1", "TP53"] == 1
    assert frame(encoding="count").loc["P1", "TP53"] == 2


def test_encoding__truncating_takes_truncating_calls_alone():
    made = frame(encoding="truncating")
    assert made["TP53"].tolist() == [1, 0, 0, 0]
    assert list(made.columns) == ["ANKRD44", "TP53"]


def test_encoding__silent_calls_count_only_when_asked():
    assert "TTN" not in frame().columns
    assert frame(effects=["silent"])["TTN"].tolist() == [1, 0, 0, 0]


def test_encoding__a_watched_gene_has_its_column_though_nobody_carries_it():
    assert frame(always=["BRCA1"])["BRCA1"].tolist() == [0, 0, 0, 0]


def test_encoding__a_gene_outside_the_panel_is_not_covered_rather_than_not_mutated():
    panel = Assay("panel", frozenset({"ANKRD44"}))
    made, findings = build_gene_matrix(
        cohort(("panel", "panel", "exome", "exome"), (EXOME, panel)), always=["TP53"]
    )
    assert np.isnan(made.frame().loc["P2", "TP53"])
    assert made.frame().loc["P4", "TP53"] == 0
    assert made.frame().loc["P2", "ANKRD44"] == 1
    # P1's call in TP53 contradicts the panel's gene list: counted, not used.
    assert np.isnan(made.frame().loc["P1", "TP53"])
    assert [(f.code, f.count) for f in findings] == [("call-in-uncovered-gene", 2)]


def test_encoding__unknown_words_are_refused_with_the_known():
    with pytest.raises(ConfigurationError, match="'vector'; expected one of binary"):
        build_gene_matrix(cohort(), encoding="vector")
    with pytest.raises(ConfigurationError, match="Unknown effect damaging; expected some of truncating"):
        build_gene_matrix(cohort(), effects=["damaging"])


def test_encoding__provenance_says_whether_patients_are_simulated():
    assert build_gene_matrix(cohort())[0].provenance["simulated"] is False


def with_scores():
    return cohort_of(
        calls_of(
            {
                "patient": ["P1", "P1", "P1", "P2", "P2", "P3"],
                "gene": ["TP53", "TP53", "ERBB2", "TTN", "ANKRD44", "TP53"],
                "effect": ["missense", "truncating", "missense", "missense", "truncating", "inframe"],
                "sift": ["D", None, "D", "T", None, None],
                "polyphen": ["D", None, "B", "D", None, None],
                "vaf": [0.2, 0.5, 0.3, 0.1, 0.7, 0.9],
            }
        )
    )


def scored(**settings):
    return build_gene_matrix(with_scores(), **settings)[0]


def test_encoding__damaging_takes_truncating_calls_and_missense_that_predictors_call_damaging():
    made = scored(encoding="damaging", effects=["silent"])
    assert made.frame().to_dict("list") == {"ANKRD44": [0, 1, 0, 0], "TP53": [1, 0, 0, 0]}
    assert made.effects == ("truncating", "missense")


def test_encoding__vaf_is_the_highest_fraction_of_the_calls_that_count():
    made = scored(encoding="vaf", effects=["missense", "inframe"]).frame()
    assert made["TP53"].tolist() == np.array([0.2, 0, 0.9, 0], dtype=np.float32).tolist()
    assert scored(encoding="vaf").frame().loc["P1", "TP53"] == 0.5


@pytest.mark.parametrize(("fractions", "said"), [
    ([None, 0.3], "of 2 calls 1 have none, and 0"), ([0.0, 0.3], "of 2 calls 0 have none, and 1"),
    ([55.0, None], "of 2 calls 1 have none, and 1"),
])  # fmt: skip
def test_encoding__vaf_is_refused_where_a_carrier_would_have_no_value(fractions, said):
    calls = calls_of({"patient": "P1", "gene": ["TP53", "TTN"], "effect": "missense", "vaf": fractions})
    with pytest.raises(ConfigurationError, match=said):
        build_gene_matrix(cohort_of(calls), encoding="vaf")


def test_encoding__vaf_of_calls_that_do_not_count_is_not_asked_for():
    calls = calls_of(
        {"patient": "P1", "gene": ["TP53", "TTN"], "effect": ["missense", "silent"], "vaf": [0.3, None]}
    )
    assert build_gene_matrix(cohort_of(calls), encoding="vaf")[0].genes == ("TP53",)


def test_encoding__gene_sets_count_mutated_genes_once_each():
    made = scored(encoding="gene-sets", gene_sets=SETS, always=["BRCA1"])
    assert made.frame().to_dict("list") == {"HER2": [1, 1, 0, 0], "LONG": [2, 1, 1, 0]}
    assert made.encoding == "gene-sets"


def test_encoding__a_set_is_known_only_where_all_its_genes_were_sequenced():
    panelled = cohort_of(with_scores().calls, ("panel", "panel", "exome", "exome"), (EXOME, PANEL))
    made, findings = build_gene_matrix(panelled, encoding="gene-sets", gene_sets=SETS)
    assert made.frame()["LONG"].tolist() == [2, 1, 1, 0]
    assert np.isnan(made.frame()["HER2"]).tolist() == [True, True, False, False]
    # P1 has mutated ERBB2, which the panel has: of the set that says nothing, and no carrier is counted.
    assert made.carriers().tolist() == [0, 3]
    assert {(f.code, f.count) for f in findings} == {("call-in-uncovered-gene", 1), ("gene-set-not-covered", 1)}


def test_encoding__sets_in_another_kind_of_name_are_noticed():
    _, findings = build_gene_matrix(with_scores(), encoding="gene-sets", gene_sets={"S": frozenset({"7157"})})
    assert [(f.severity, f.code) for f in findings] == [("warning", "gene-sets-without-calls")]


def test_encoding__a_mask_says_what_counts_and_its_text_builds_the_same_again():
    mask = mask_of(["truncating", "missense(vaf>=0.3)"], name="strict")
    made = scored(mask=mask, encoding="count")
    assert made.frame().loc["P1"].to_dict() == {"ANKRD44": 0, "ERBB2": 1, "TP53": 1}
    assert made.effects == ("truncating", "missense(vaf>=0.3)")
    assert made.provenance["mask"] == "strict"
    again = scored(effects=made.effects, encoding="count")
    assert (again.values != made.values).nnz == 0
    assert again.genes == made.genes


def test_encoding__a_mask_without_the_score_it_needs_counts_less_and_says_so():
    calls = calls_of({"patient": "P1", "gene": "TP53", "effect": "missense", "revel": [0.9, None]})
    made, findings = build_gene_matrix(cohort_of(calls), encoding="count", effects=["missense(revel>=0.5)"])
    assert made.frame().loc["P1", "TP53"] == 1
    assert [(f.code, f.count) for f in findings] == [("score-missing", 1)]


def test_encoding__only_limits_the_columns_but_not_what_the_files_are_judged_by():
    # TTN's missense call has no score; that ERBB2's have one shows that the files carry them.
    calls = calls_of(
        {
            "patient": "P1",
            "gene": ["TTN", "ERBB2"],
            "effect": "missense",
            "sift": [None, "D"],
            "polyphen": [None, "D"],
        }
    )
    made, _ = build_gene_matrix(cohort_of(calls), encoding="damaging", only=["TTN"], always=["TTN"])
    assert made.frame().to_dict("list") == {"TTN": [0, 0, 0, 0]}


def test_encoding__settings_that_do_not_go_together_are_refused():
    with pytest.raises(ConfigurationError, match="'gene-sets' needs gene sets"):
        scored(encoding="gene-sets")
    with pytest.raises(ConfigurationError, match="go with 'gene-sets' alone"):
        scored(gene_sets=SETS)
    with pytest.raises(ConfigurationError, match="'damaging' says itself which calls count"):
        scored(encoding="damaging", mask=mask_of(["missense"], "mine"))
    with pytest.raises(ConfigurationError, match="Unknown effect mising; .* the nearest is missense"):
        scored(encoding="truncating", effects=["mising"])


def test_encoding__says_which_columns_it_reads():
    assert columns_needed() == {"effect"}
    assert columns_needed("damaging") == {"effect", "sift", "polyphen", "revel", "alphamissense"}
    assert columns_needed("vaf", ["missense(depth>=20)"]) == {"effect", "depth", "vaf"}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoding__a_cohort_without_any_call_has_rows_of_zeros(encoding):
    nothing = cohort_of(calls_of({"patient": [], "gene": [], "effect": []}))
    sets = SETS if encoding == "gene-sets" else None
    made, findings = build_gene_matrix(nothing, encoding=encoding, gene_sets=sets, always=["TP53"])
    assert made.genes == (("HER2", "LONG") if sets else ("TP53",))
    assert (made.dense() == 0).all()
    assert findings == []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encoding__every_kind_is_saved_and_loaded_as_it_is(encoding, tmp_path):
    made = scored(encoding=encoding, gene_sets=SETS if encoding == "gene-sets" else None)
    made.save(tmp_path / "matrix.parquet")
    assert GeneMatrix.load(tmp_path / "matrix.parquet") == made


DRAWN = st.lists(CALL, max_size=25).map(drawn_calls)
HOW = st.sampled_from(ENCODINGS)
SOME = settings(max_examples=40)


def built(calls, encoding, **settings):
    sets = SETS if encoding == "gene-sets" else None
    return build_gene_matrix(cohort_of(calls, **settings), encoding=encoding, gene_sets=sets)


@SOME
@given(DRAWN, HOW, st.randoms(use_true_random=False))
def test_encoding__the_order_of_calls_changes_nothing(calls, encoding, order):
    shuffled = calls.iloc[order.sample(range(len(calls)), len(calls))].reset_index(drop=True)
    (made, findings), (again, found) = built(calls, encoding), built(shuffled, encoding)
    assert made == again
    assert made.values.indices.tolist() == again.values.indices.tolist()
    assert findings == found


@SOME
@given(DRAWN, HOW)
def test_encoding__words_as_categories_or_as_texts_are_the_same(calls, encoding):
    plain = calls.astype(dict.fromkeys(calls.columns[calls.dtypes == "category"], "str"))
    assert built(calls, encoding) == built(plain, encoding)


@SOME
@given(DRAWN)
def test_encoding__binary_is_where_the_count_is_above_zero(calls):
    count, binary, vaf = (built(calls, encoding)[0].frame() for encoding in ("count", "binary", "vaf"))
    assert ((count > 0) == (binary == 1)).all(axis=None)
    assert ((vaf > 0) == (binary == 1)).all(axis=None)


@SOME
@given(DRAWN)
def test_encoding__truncating_is_within_damaging_and_damaging_within_binary(calls):
    binary = built(calls, "binary")[0].frame()
    damaging, truncating = (
        built(calls, encoding)[0].frame().reindex(columns=binary.columns, fill_value=0)
        for encoding in ("damaging", "truncating")
    )
    assert (truncating <= damaging).all(axis=None)
    assert (damaging <= binary).all(axis=None)


@SOME
@given(DRAWN, HOW)
def test_encoding__what_was_not_sequenced_is_unknown_in_every_encoding_and_nothing_else_is(calls, encoding):
    matrix, _ = built(calls, encoding, assay=("panel", "exome", "panel", "exome"), assays=(EXOME, PANEL))
    made = matrix.frame()
    outside = ["HER2"] if encoding == "gene-sets" else [gene for gene in made if gene not in PANEL.genes]
    unknown = np.isnan(made)
    assert unknown.loc[["P1", "P3"], outside].all(axis=None)
    assert unknown.to_numpy().sum() == 2 * len(outside)
    assert matrix.carriers().tolist() == (made > 0).sum().tolist()


@SOME
@given(DRAWN)
def test_encoding__counts_are_those_of_a_plain_table(calls):
    made = built(calls, "count")[0].frame()
    counting = calls[calls["effect"].isin(["truncating", "missense", "inframe"])].astype(
        {"patient": "str", "gene": "str"}
    )
    plain = counting.groupby(["patient", "gene"]).size().unstack(fill_value=0)
    plain = plain.reindex(index=list(PATIENTS), columns=[g for g in GENES if g in plain], fill_value=0)
    assert made.to_numpy().tolist() == plain.to_numpy().tolist()
    assert list(made.columns) == list(plain.columns)


def test_encoding__real_calls_have_every_encoding(transneo):
    calls = real_calls(transneo)
    names = sorted(set(calls["patient"]))
    roster = pd.DataFrame({"response": 0, "group": names, "assay": "exome"}, index=pd.Index(names, name="patient"))
    real = Cohort(calls, roster)
    carriers = {e: build_gene_matrix(real, encoding=e)[0].carriers().sum() for e in ("binary", "damaging", "vaf")}
    assert carriers["vaf"] == carriers["binary"] > carriers["damaging"] > 1_000
