"""External validation: a stored model judged once on patients whose responses are known."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from trastuz_ml.cohort.cohort import Cohort
from trastuz_ml.cohort.patients import Response, nearest
from trastuz_ml.cohort.pseudonyms import pseudonym_key, pseudonyms
from trastuz_ml.cohort.roster_table import read_table
from trastuz_ml.cohort.variant_marks import why_not_searched
from trastuz_ml.errors import ConfigurationError, InputError, OutputExistsError
from trastuz_ml.experiment.evaluations import earlier_evaluations, note_evaluation, roster_mark
from trastuz_ml.experiment.new_patients import NewPatients, in_rows, read_new_patients
from trastuz_ml.experiment.recalibrate import Recalibrated, recalibrated_here
from trastuz_ml.experiment.stages import READING, Progress
from trastuz_ml.files import require_free, write_table
from trastuz_ml.findings import name_some
from trastuz_ml.prediction.applicability import find_training_patients
from trastuz_ml.prediction.batch import lay_out, predict, write_predictions
from trastuz_ml.prediction.drift import drift_table
from trastuz_ml.prediction.external import (
    TRANSPORT,
    VALIDATION,
    External,
    calibration_rows,
    judged_of,
    net_benefit_rows,
    procedure_words,
    score_rows,
    why_transport,
)
from trastuz_ml.prediction.external_words import external_markdown
from trastuz_ml.schema import conform, empty
from trastuz_ml.schema.external import SHARED
from trastuz_ml.store.bundle import ModelBundle
from trastuz_ml.store.run_folder import replace_folder

ENDING = ".external"
_ABOUT, PAGE = "external.json", "external.md"
_TABLES = ("scores", "calibration", "net_benefit", "drift", "shared")


@dataclass(frozen=True, eq=False)
class _Found:
    """What was found before anything is written."""

    external: External
    predictions: pd.DataFrame
    recalibrated: Recalibrated
    mark: str


def validate_externally(
    bundle: ModelBundle,
    calls: Sequence[str | Path],
    patients: str | Path,
    *,
    response: Response,
    covered: str | Path | None = None,
    tumor: str | None = None,
    explain: int = 5,
    abstain_below: float | None = None,
    runs: Path = Path("runs"),
    models: Path = Path("models"),
    recalibrate: bool = False,
    transport: str = "",
    sealed: str = "",
    out: Path,
    force: bool = False,
    progress: Progress | None = None,
) -> External:
    """Judge a stored model on new patients with known responses, and write what was found.

    Patients who share more rare variants with a training patient than chance allows are searched first, and set
    aside. That the model was evaluated is noted beside the models: see
    :mod:`trastuz_ml.experiment.evaluations`.

    Parameters
    ----------
    bundle : ModelBundle
        The model.
    calls, patients, covered, tumor, explain, abstain_below
        As in :func:`trastuz_ml.experiment.new_patients.predict_files`.
    response : Response
        Column of the roster, and what its values mean.
    runs : Path
        Folder of the runs, in which the identifiers of training patients are looked up.
    models : Path
        Folder of the models: the record, and the recalibrated version.
    recalibrate : bool
        Fit intercept and slope (or the intercept alone) here, and store the model so as a new version.
    transport : str
        What differs from what the model was made for: then it is called transport.
    sealed : str
        What a seal says of this evaluation.
    out : Path
        Predictions, .csv or .parquet. Beside them a folder ``<stem>.external`` is made.
    force : bool
        Replace what is there.
    progress : callable, optional
        Called with (what is being done, steps done, steps in all).

    Returns
    -------
    External

    Raises
    ------
    TrastuzError
        As :func:`~trastuz_ml.experiment.new_patients.predict_files`; and if the response column is missing or
        holds none of the values, nobody can be judged, or something cannot be written.
    """
    folder = out.with_name(out.stem + ENDING)
    _require_outputs_free(out, folder, force=force)
    tell = progress or (lambda *_: None)
    tell(READING, 0, 1)
    outcome = read_response(Path(patients), bundle, response)
    new = read_new_patients(bundle, calls, patients, covered=covered, tumor=tumor)
    tell("predicting and judging", 0, 1)
    found = _evaluate(
        bundle, new, outcome, response, explain=explain, abstain_below=abstain_below, runs=runs, models=models,
        recalibrate=recalibrate, transport=transport, sealed=sealed,
    )  # fmt: skip
    tell("writing what was found", 0, 1)
    stored = found.recalibrated.save(models)
    external = replace(found.external, recalibration=stored.about)
    counts = external.counts
    note_evaluation(
        models, model=bundle.sha256, name=bundle.name, version=bundle.version, roster=found.mark,
        judged=counts["judged"], responders=counts["responders"], auroc=external.score("AUROC"),
        sealed=bool(sealed), recalibrated=stored.sha256,
    )  # fmt: skip
    _write(external, found.predictions, out, folder, force=force)
    return external


def read_response(path: Path, bundle: ModelBundle, response: Response) -> pd.Series:
    """Return the response of each patient of a roster: 1, 0, or missing where it is neither or not given.

    A patient who stands twice on the roster has none: such a patient is not predicted either.

    Raises
    ------
    InputError
        If the file, the column, or every positive or negative value is missing.
    """
    inputs = bundle.card["inputs"]
    table = read_table(path, inputs["sheets"][1])
    for column in (inputs["patient"], response.column):
        if column not in table.columns:
            raise InputError(
                f"{path}: there is no column '{column}'{nearest(column, list(table.columns))}. "
                f"Columns: {', '.join(table.columns)}."
            )
    if both := set(response.positive) & set(response.negative):
        raise ConfigurationError(f"{name_some(sorted(both))} cannot be both a positive and a negative response.")
    values = table.set_index(inputs["patient"])[response.column]
    meaning = dict.fromkeys(response.negative, 0) | dict.fromkeys(response.positive, 1)
    coded = values[~values.index.duplicated(keep=False) & values.index.notna()].map(meaning).astype("Int8")
    for side, code in (("positive", 1), ("negative", 0)):
        if not (coded == code).any():
            raise InputError(
                f"{path}: no patient has a {side} response ({' or '.join(getattr(response, side))}) in column "
                f"{response.column}, which holds {name_some(values.dropna().unique(), 8) or 'nothing'}."
            )
    return coded


def _evaluate(
    bundle: ModelBundle, new: NewPatients, outcome: pd.Series, response: Response, *, explain: int,
    abstain_below: float | None, runs: Path, models: Path, recalibrate: bool, transport: str, sealed: str,
) -> _Found:  # fmt: skip
    key = pseudonym_key()
    searched = why_not_searched(bundle.marks, key, new.cohort.build)
    found, _ = find_training_patients(bundle, new.cohort, key)
    predictions = predict(
        bundle, new.cohort, explain=explain, roster=new.roster, refused=new.refused,
        abstain_below=abstain_below, shared=found,
    )  # fmt: skip
    shared = empty(SHARED) if found is None else _named(found, runs, key)
    aside = set(shared["patient"])
    judged, counts = judged_of(predictions, outcome, aside)
    counts |= {"trained": int(bundle.card["patients"]), "trained_responders": int(bundle.card["responders"])}
    others = without(new.cohort, aside)
    design, _ = lay_out(bundle, others)
    mark = roster_mark(new.roster.index, key)
    reason = why_transport(bundle.card["response"], response, transport)
    refusals = predictions.loc[~predictions["patient"].isin(aside), "refusal"].map(_alike)
    external = External(
        bundle.name, bundle.version, bundle.sha256, bundle.simulated, TRANSPORT if reason else VALIDATION, reason,
        response, counts, {str(why): int(n) for why, n in refusals[refusals != ""].value_counts().items()},
        score_rows(bundle, judged), calibration_rows(judged), net_benefit_rows(judged),
        drift_table(bundle, others, design), shared, searched, earlier_evaluations(models, bundle.sha256, mark),
        sealed, procedure_words(bundle),
    )  # fmt: skip
    fitted = recalibrated_here(bundle, judged, mark) if recalibrate else Recalibrated()
    return _Found(external, in_rows(predictions, new.rows), fitted, mark)


def _alike(refusal: str) -> str:
    """Return a refusal without what it says of one patient, so that those of many are counted together."""
    return refusal.partition(":")[0] if refusal.startswith("abstained") else refusal


def without(cohort: Cohort, aside: set[str]) -> Cohort:
    """Return a cohort without some of its patients, and without their calls."""
    if not aside:
        return cohort
    left = cohort.patients[~cohort.patients.index.isin(aside)]
    calls = cohort.calls[~cohort.calls["patient"].isin(aside)].reset_index(drop=True)
    return replace(cohort, patients=left, calls=calls)


def _named(found: pd.DataFrame, runs: Path, key: bytes) -> pd.DataFrame:
    """Put the identifiers of training patients in the place of their pseudonyms, where a run here knows them."""
    wanted = set(found["training_patient"])
    known: dict[str, str] = {}
    for path in sorted(runs.glob("*/patients.parquet")) if wanted else []:
        try:
            names = pd.read_parquet(path, columns=["patient"])["patient"].astype(str)
        except (OSError, ValueError, KeyError):
            continue  # a damaged run is no reason not to validate; the pseudonym stays
        known |= {pseudonym: name for name, pseudonym in pseudonyms(names, key).items() if pseudonym in wanted}
    pseudonym = found["training_patient"]
    table = found.assign(pseudonym=pseudonym, training_patient=pseudonym.map(lambda name: known.get(name, name)))
    return conform(table, SHARED)


def _require_outputs_free(out: Path, folder: Path, *, force: bool) -> None:
    require_free(out, force=force)
    require_free(folder, force=force)
    if folder.exists() and not (folder / _ABOUT).is_file():
        raise OutputExistsError(
            f"{folder} is not an external validation, so it is not replaced: name another --out."
        )


def _write(found: External, predictions: pd.DataFrame, out: Path, folder: Path, *, force: bool) -> None:
    """Write predictions and folder; the folder appears complete or not at all."""
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        partial.mkdir(parents=True)
        for name in _TABLES:
            write_table(getattr(found, name), partial / f"{name}.tsv")
        about = json.dumps(found.as_json(), indent=1, ensure_ascii=False, allow_nan=False)
        (partial / _ABOUT).write_text(about + "\n", encoding="utf-8", newline="\n")
        (partial / PAGE).write_text(external_markdown(found), encoding="utf-8", newline="\n")
        write_predictions(predictions, out, force=force)
        replace_folder(partial, folder)
    except OSError as error:
        raise ConfigurationError(f"{folder} cannot be written: {error}. Give another --out.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
