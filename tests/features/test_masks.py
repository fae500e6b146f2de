"""Masks: what counts, declared in a file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calls_drawn import calls_table
from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.features.masks import SCORES, TERMS, Mask, mask_of, read_masks
from trastuz_ml.schema import EFFECTS


def written(tmp_path, text):
    path = tmp_path / "masks.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_masks__are_read_by_name_with_comments_and_blanks(tmp_path):
    path = written(
        tmp_path,
        "# what counts\n\nlof\ttruncating\nstrict  missense(sift<0.05 & polyphen>0.9), truncating # both\n",
    )
    masks = read_masks(path)
    assert list(masks) == ["lof", "strict"]
    assert masks["lof"].effects == ("truncating",)
    assert masks["strict"].effects == ("truncating", "missense(polyphen>0.9&sift<0.05)")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("m mising", "Unknown effect mising.*the nearest is missense"),
        ("m missense(sft<0.05)", "Unknown score sft.*the nearest is sift"),
        ("m missense(sift<)", "cut-off 'sift<' cannot be read"),
        ("m missense(sift=0.05)", "cut-off 'sift=0.05' cannot be read"),
        ("m missense(revel>=0,5)", "'missense\\(revel>=0' cannot be read"),
        ("m missense(revel>=0.5", "cannot be read; expected an effect"),
        ("m missense()", "cannot be read; expected an effect"),
        ("m truncating,,missense", "'' cannot be read"),
        ("m", "the mask m has no effects"),
        ("lof missense", "the mask lof stands on line 1 already"),
    ],
)
def test_masks__a_line_that_is_no_mask_is_named_with_its_file(tmp_path, line, said):
    path = written(tmp_path, f"lof truncating\n# more\n{line}\n")
    with pytest.raises(ConfigurationError, match=f"masks.txt, line 3: .*{said}"):
        read_masks(path)


def test_masks__a_file_without_masks_or_no_file_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="names no mask"):
        read_masks(written(tmp_path, "# nothing\n"))
    with pytest.raises(InputError, match="absent.txt"):
        read_masks(tmp_path / "absent.txt")


def test_mask__is_the_union_of_its_elements():
    calls = calls_table(
        "truncating", "missense", "missense", "inframe", "silent", revel=[None, 0.6, 0.4, None, None]
    )
    mask = mask_of(["missense(revel>=0.5)", "truncating", "inframe"])
    assert mask.counts(calls).tolist() == [True, True, False, True, False]


@pytest.mark.parametrize(
    ("cut_off", "expected"),
    [
        ("vaf<0.3", [True, False, False]), ("vaf<=0.3", [True, True, False]),
        ("vaf>0.3", [False, False, True]), ("vaf>=0.3", [False, True, True]),
    ],
)  # fmt: skip
def test_mask__every_relation_means_what_it_says(cut_off, expected):
    calls = calls_table("missense", "missense", "missense", vaf=[0.1, 0.3, 0.5])
    assert mask_of([f"missense({cut_off})"]).counts(calls).tolist() == expected


@pytest.mark.parametrize("score", SCORES)
def test_mask__every_score_can_be_cut_and_a_missing_one_does_not_count(score):
    low, high = (
        ("D(0.1)", "T(0.9)") if score == "sift" else ("B(0.1)", "D(0.9)") if score == "polyphen" else (0, 1)
    )
    calls = calls_table("missense", "missense", "missense", **{score: [low, high, None]})
    counted, findings = mask_of([f"missense({score}>=0.5)"]).judge(calls)
    assert counted.tolist() == [False, True, False]
    assert [(f.code, f.count) for f in findings] == [("score-missing", 1)]


def test_mask__a_call_that_another_cut_off_or_element_settles_is_not_left_open():
    calls = calls_table(
        "missense", "missense", "missense", sift=["0.5", "0.01", "0.01"], polyphen=[None, None, "1"]
    )
    _, findings = mask_of(["missense(sift<0.05&polyphen>0.9)"]).judge(calls)
    assert [f.count for f in findings] == [1]
    _, findings = mask_of(["missense(sift<0.05&polyphen>0.9)", "missense"]).judge(calls)
    assert findings == []


def test_mask__a_score_that_no_call_has_is_refused():
    with pytest.raises(
        ConfigurationError, match=r"missense\(revel>=0.5\) cannot be computed.*no call has a revel"
    ):
        mask_of(["missense(revel>=0.5)"]).judge(calls_table("missense", "missense"))


def test_mask__a_score_that_no_call_needs_is_not_missed():
    counted, findings = mask_of(["truncating", "missense(revel>=0.5)"]).judge(calls_table("truncating", "silent"))
    assert counted.tolist() == [True, False]
    assert findings == []


def test_mask__takes_terms_of_either_vocabulary_as_the_source_has_them():
    calls = calls_table(
        "truncating", "truncating", "missense",
        consequence=["stop_gained&splice_region_variant", "Nonsense_Mutation", "missense_variant"],
    )  # fmt: skip
    assert mask_of(["stop_gained"]).counts(calls).tolist() == [True, False, False]
    assert mask_of(["nonsense_mutation"]).counts(calls).tolist() == [False, True, False]
    assert mask_of(["splice_region_variant", "missense"]).counts(calls).tolist() == [True, False, True]


def test_mask__a_term_that_no_call_has_is_noticed():
    _, findings = mask_of(["stop_gained"]).judge(calls_table("truncating", consequence="Nonsense_Mutation"))
    assert [(f.severity, f.code) for f in findings] == [("warning", "term-in-no-call")]


def test_mask__says_which_columns_it_looks_at():
    assert mask_of(["missense(sift<0.05)", "stop_gained"]).columns == {"effect", "sift", "consequence"}


ELEMENTS = st.builds(
    lambda word, cuts: f"{word}({'&'.join(cuts)})" if cuts else word,
    st.sampled_from([*EFFECTS, *TERMS]),
    st.lists(
        st.builds(
            "{}{}{}".format,
            st.sampled_from(SCORES),
            st.sampled_from(["<", "<=", ">", ">="]),
            st.floats(0, 1e6).map(repr),
        ),
        max_size=3,
    ),
)


@given(st.lists(ELEMENTS, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_mask__its_text_makes_the_same_mask_again_in_any_order(texts, order):
    mask = mask_of(texts)
    shuffled = order.sample(mask.effects, len(mask.effects))
    assert mask_of(shuffled) == mask
    assert isinstance(mask, Mask)
