"""The package's face: few names, and light to import."""

import subprocess
import sys

import pytest

import trastuz_ml
from trastuz_ml import errors

HEAVY = ("pandas", "sklearn", "mlflow", "shap", "xgboost", "matplotlib", "pydantic", "numpy")


def loaded_after(statement):
    code = f"{statement}\nimport sys; print(*[m for m in {(*HEAVY, 'jinja2', 'typer')!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_package__importing_it_loads_nothing_heavy():
    assert loaded_after("import trastuz_ml") == set()


def test_package__help_loads_nothing_heavy():
    assert not loaded_after("import trastuz_ml.cli.main") & set(HEAVY)


def test_package__reading_and_features_need_no_tracking_explaining_or_plotting():
    used = loaded_after(
        "from trastuz_ml import read_calls, read_maf, read_roster, Cohort, build_gene_matrix, GeneMatrix"
    )
    assert not used & {"mlflow", "shap", "matplotlib", "jinja2", "typer", "xgboost"}


def test_package__has_at_most_twenty_names_and_all_of_them_load():
    assert len(trastuz_ml.__all__) <= 20
    for name in trastuz_ml.__all__:
        assert getattr(trastuz_ml, name) is not None
    assert set(trastuz_ml.__all__) <= set(dir(trastuz_ml))


def test_package__a_name_stays_itself_after_its_room_was_imported():
    code = "import trastuz_ml.prediction.batch, trastuz_ml; assert callable(trastuz_ml.predict)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_package__an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'train_all'"):
        trastuz_ml.train_all  # noqa: B018


def test_errors__there_are_at_most_five_children_and_all_are_trastuz_errors():
    children = [e for e in vars(errors).values() if isinstance(e, type) and e is not errors.TrastuzError]
    assert 1 <= len(children) <= 5
    assert all(issubclass(child, errors.TrastuzError) for child in children)
