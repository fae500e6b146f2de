"""What an experiment asks about genes: files that cannot serve are refused before any model is fitted."""

from __future__ import annotations

import pytest

from tests_shared import SMALL
from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.experiment.experiment_file import read_experiment
from trastuz_ml.experiment.gene_tables import (
    confounding_covariates,
    gene_lengths_of,
    require_gene_files,
    sets_to_add_up,
)
from trastuz_ml.features.shipped_sets import shipped_sets


@pytest.fixture
def asked(tmp_path):
    def reading(more=""):
        path = tmp_path / "small.yaml"
        path.write_text(f"{SMALL}{more}", encoding="utf-8")
        return read_experiment(path)

    return reading


def test_confounders__are_the_strata_unless_others_are_named(asked, tmp_path):
    with_strata = tmp_path / "strata.yaml"
    with_strata.write_text(SMALL.replace("seed: 1}", "seed: 1, strata: [er_status]}"), encoding="utf-8")
    assert confounding_covariates(read_experiment(with_strata)) == ("er_status",)
    assert confounding_covariates(asked()) == ()
    assert confounding_covariates(asked("genes: {adjust: [age, er_status]}\n")) == ("age", "er_status")


def test_confounders__of_a_covariate_that_is_not_declared_are_refused(asked):
    with pytest.raises(ConfigurationError, match=r"genes\.adjust: 'er' is no covariate"):
        asked("genes: {adjust: [er]}\n")


def test_sets__are_those_that_ship_and_those_of_the_experiment_under_current_names(asked, tmp_path):
    (tmp_path / "more.gmt").write_text("mine\tmade up\tMLL3\tTP53\n")
    sets = sets_to_add_up(asked("genes: {sets: more.gmt}\n"))
    assert set(sets) == {*shipped_sets(), "mine"}
    assert sets["mine"] == {"KMT2C", "TP53"}


def test_sets__with_the_name_of_one_that_ships_are_refused(asked, tmp_path):
    name = next(iter(shipped_sets()))
    (tmp_path / "more.gmt").write_text(f"{name}\tmade up\tTP53\n")
    with pytest.raises(ConfigurationError, match="names a set that ships with the program"):
        require_gene_files(asked("genes: {sets: more.gmt}\n"), ["TP53"])


def test_lengths__come_under_current_names(asked, tmp_path):
    (tmp_path / "lengths.tsv").write_text("gene\taa\nMLL3\t4911\nTP53\t393\n")
    experiment = asked("genes: {lengths: lengths.tsv}\n")
    assert gene_lengths_of(experiment, ["TP53"]) == {"KMT2C": 4911.0, "TP53": 393.0}
    assert gene_lengths_of(asked(), ["TP53"]) is None


def test_lengths__of_another_table_are_refused(asked, tmp_path):
    (tmp_path / "lengths.tsv").write_text("a\tb\nx\t2\n")
    with pytest.raises(ConfigurationError, match="names none of the genes of the calls"):
        require_gene_files(asked("genes: {lengths: lengths.tsv}\n"), ["TP53"])
    with pytest.raises(InputError, match="There is no file"):
        require_gene_files(asked("genes: {lengths: nowhere.tsv}\n"), ["TP53"])
