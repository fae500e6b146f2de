"""The data of an experiment, looked at before any model."""

import pandas as pd
import pytest

from tests_shared import SMALL
from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.experiment.check import check_experiment
from trastuz_ml.experiment.experiment_file import read_experiment, with_options
from trastuz_ml.experiment.named_files import matching_files
from trastuz_ml.experiment.read import features_of, load_cohort
from trastuz_ml.experiment.train import train
from trastuz_ml.features.simulate import simulate_cohort


@pytest.fixture
def place(tmp_path):
    """A small cohort in files, with the experiment that names them."""
    simulate_cohort(60, 3).write(tmp_path)
    text = SMALL.replace("simulated: {patients: 60, seed: 3}\n", "")
    (tmp_path / "e.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def settings(place, **changes):
    text = (place / "e.yaml").read_text(encoding="utf-8")
    for old, new in changes.items():
        text = text.replace(old, new)
    (place / "e.yaml").write_text(text, encoding="utf-8")
    return read_experiment(place / "e.yaml")


def twin(place):
    """Give one patient's calls to another one, too: one person under two ids."""
    path = place / "calls.maf"
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, comment="#")
    column = "Tumor_Sample_Barcode"
    first, second = table[column].unique()[:2]
    copied = table[table[column] == first].assign(**{column: second})
    pd.concat([table[table[column] != second], copied]).to_csv(path, sep="\t", index=False)


def test_check__a_sound_cohort_has_no_error_and_every_row_a_fate(place):
    quality = check_experiment(read_experiment(place / "e.yaml"), workers=1)
    assert quality.errors == 0
    lines = (place / "calls.maf").read_text().splitlines()
    assert quality.cohort.rows["rows"].sum() == sum(not line.startswith("#") for line in lines) - 1
    assert quality.patients["calls"].sum() == len(quality.cohort.calls)


def test_check__one_person_under_two_ids_is_an_error_and_training_is_refused(place):
    twin(place)
    experiment = read_experiment(place / "e.yaml")
    assert check_experiment(experiment, workers=1).findings["code"].iloc[0] == "one-person-two-ids"
    with pytest.raises(EvidenceError, match=r"would mislead[\s\S]*accept: \[one-person-two-ids\]"):
        train(experiment, workers=1)


def test_check__an_error_that_somebody_answers_for_is_a_warning(place):
    twin(place)
    accepting = settings(place, **{"name: small\n": "name: small\naccept: [one-person-two-ids]\n"})
    quality = check_experiment(accepting, workers=1)
    assert quality.errors == 0
    [message] = quality.findings.query("code == 'one-person-two-ids'")["message"]
    assert message.endswith("(accepted in the experiment)")


def test_features__fast_gives_the_same_matrix_and_refuses_to_count(place):
    experiment = read_experiment(place / "e.yaml")
    _, slow, _ = features_of(experiment, workers=1)
    _, fast, _ = features_of(experiment, fast=True, workers=1)
    assert slow == fast
    with pytest.raises(ConfigurationError, match="leave out --fast"):
        features_of(with_options(experiment, encoding="count"), fast=True)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"effects": ["truncating"]}, ("truncating",)),
        ({"mask": "severe"}, ("truncating", "missense(sift<0.05)")),
        ({"mask": "severe", "encoding": "count"}, ("truncating", "missense(sift<0.05)")),
    ],
)
def test_features__what_counts_may_be_said_anew(place, options, expected):
    (place / "masks.txt").write_text("plain missense\nsevere truncating,missense(sift<0.05)\n")
    added = {"models:": "features: {masks: masks.txt, mask: plain}\nmodels:"}
    _, matrix, _ = features_of(with_options(settings(place, **added), **options), workers=1)
    assert matrix.effects == expected


def test_features__a_mask_that_is_not_declared_is_refused_with_those_that_are(place):
    (place / "masks.txt").write_text("plain missense\n")
    added = {"models:": "features: {masks: masks.txt, mask: severe}\nmodels:"}
    with pytest.raises(ConfigurationError, match="no mask 'severe'; it declares plain"):
        features_of(settings(place, **added), workers=1)


def test_features__gene_sets_are_columns_under_current_names(place):
    (place / "sets.gmt").write_text("pathway\tmade up\tTP53\tMLL3\nother\tmade up\tPIK3CA\n")
    added = {"models:": "features: {encoding: gene-sets, gene_sets: sets.gmt}\nmodels:"}
    cohort, matrix, _ = features_of(settings(place, **added), workers=1)
    assert matrix.genes == ("other", "pathway")
    nonsilent = cohort.calls[cohort.calls["effect"].isin(["truncating", "missense", "inframe"])]
    carriers = (
        nonsilent[nonsilent["gene"].isin(["TP53", "KMT2C"])].groupby("patient", observed=True)["gene"].nunique()
    )
    assert matrix.frame()["pathway"].sum() == carriers.sum() > 0


def test_read__a_watched_gene_is_found_under_its_older_name(place):
    experiment = settings(place, **{"models:": "watch: [ANKRd44, MLL3]\nmodels:"})
    _, matrix, _ = features_of(experiment, workers=1)
    assert {"ANKRD44", "KMT2C"} <= set(matrix.genes)


def test_read__patterns_stand_for_files_in_order(tmp_path):
    for name in ("b.vcf", "a.vcf", "c.maf"):
        (tmp_path / name).touch()
    assert [p.name for p in matching_files(tmp_path, ["*.vcf", "c.maf", "a.vcf"])] == ["a.vcf", "b.vcf", "c.maf"]


def test_read__regions_of_another_genome_build_are_refused(place):
    text = (place / "calls.maf").read_text().replace("GRCh38", "GRCh37")
    (place / "calls.maf").write_text(text)
    (place / "kit.bed").write_text("17\t1\t100\tTP53\n")
    added = {"models:": "assays: {exome: {bed: kit.bed, build: GRCh38}}\nmodels:"}
    cohort_build = load_cohort(read_experiment(place / "e.yaml")).build
    if cohort_build is None:
        pytest.fail("the simulator's MAF names no genome build")
    with pytest.raises(Exception, match=r"regions in GRCh38, but the calls are in GRCh37"):
        load_cohort(settings(place, **added))
