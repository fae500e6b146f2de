"""The command ``predict``: new patients with a stored model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trastuz_ml.cli.console import note, progress, records, say, say_findings, say_json
from trastuz_ml.cli.data import AsJson, Force, Tumor, Workers

if TYPE_CHECKING:
    from trastuz_ml.cohort.patients import Response
    from trastuz_ml.experiment.batches import Predicted
    from trastuz_ml.store.bundle import ModelBundle


def predict(
    model: Annotated[
        str, typer.Option("--model", metavar="NAME|DIR", help="Stored model: NAME, NAME/2, an alias, a folder.")
    ],
    patients: Annotated[Path, typer.Option("--patients", metavar="FILE", help="Roster of the new patients.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Predictions, .csv or .parquet.")],
    calls: Annotated[
        list[Path] | None,
        typer.Option("--calls", metavar="FILE", help="Calls (VCF or MAF); repeatable. Not for covariates alone."),
    ] = None,
    covered: Annotated[
        Path | None,
        typer.Option("--covered", metavar="FILE", help="Genes of the new assay, one a line; an exome by default."),
    ] = None,
    tumor: Tumor = None,
    explain: Annotated[int, typer.Option("--explain", min=0, help="Leading contributions of each patient.")] = 5,
    abstain_below: Annotated[
        float | None,
        typer.Option("--abstain-below", min=0, max=1, help="Least share of the model's weight measured."),
    ] = None,
    response: Annotated[
        str | None,
        typer.Option("--response", metavar="COLUMN", help="Known responses: external validation."),
    ] = None,
    positive: Annotated[
        list[str] | None, typer.Option("--positive", metavar="VALUE", help="Responds; repeatable.")
    ] = None,
    negative: Annotated[
        list[str] | None, typer.Option("--negative", metavar="VALUE", help="Does not respond; repeatable.")
    ] = None,
    transport: Annotated[
        str, typer.Option("--transport", metavar="WHY", help="What differs from what the model was made for.")
    ] = "",
    recalibrate: Annotated[
        bool, typer.Option("--recalibrate", help="With --response: store a recalibrated version of the model.")
    ] = False,
    part_size: Annotated[
        int, typer.Option("--part-size", min=1, help="Patients predicted at a time. Changes no result.")
    ] = 5_000,
    workers: Workers = None,
    models: Annotated[Path, typer.Option("--models", metavar="DIR", help="Where models are.")] = Path("models"),
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the runs.")] = Path("runs"),
    tracking: Annotated[
        str | None, typer.Option("--tracking", metavar="URI", help="MLflow registry, where an alias is looked up.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Predict new patients with a stored model; one row a patient, refusals included."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.batches import predict_to_file
        from trastuz_ml.experiment.cores import available_cores
        from trastuz_ml.experiment.find_model import find_model
        from trastuz_ml.experiment.outputs import require_file
        from trastuz_ml.experiment.parts import Asked
        from trastuz_ml.experiment.unfinished_batch import is_finished

        known = _response(response, positive, negative, others=recalibrate or bool(transport))
        calls = calls or []
        read = [path for path in (*calls, patients, covered) if path is not None]
        finished = known is None and is_finished(out)
        require_file(out, force=force or finished, endings=[".csv", ".parquet"], inputs=read)
        tell("reading the model", 0, 1)
        bundle = find_model(model, models=models, tracking=tracking, runs=runs)
        if known is not None:
            from trastuz_ml.experiment.external import validate_externally

            external = validate_externally(
                bundle, calls, patients, response=known, covered=covered, tumor=tumor, explain=explain,
                abstain_below=abstain_below, runs=runs, models=models, recalibrate=recalibrate,
                transport=transport, out=out, force=force, progress=tell,
            )  # fmt: skip
        else:
            predicted = predict_to_file(
                bundle, calls, patients, out, asked=Asked(covered, tumor, explain, abstain_below),
                part_size=part_size, workers=workers or available_cores(), force=force, progress=tell,
            )  # fmt: skip
    if known is None:
        _say(predicted, bundle, as_json=as_json)
        return
    from trastuz_ml.cli.sealing import say_external

    say_external(external, out, as_json=as_json)


def _response(
    column: str | None, positive: list[str] | None, negative: list[str] | None, *, others: bool
) -> Response | None:
    from trastuz_ml.cli.sealing import declared_response

    if column is None and (positive or negative or others):
        raise typer.BadParameter(
            "--positive, --negative, --transport and --recalibrate go with --response COLUMN."
        )
    return declared_response(column, positive, negative)


def _say(predicted: Predicted, bundle: ModelBundle, *, as_json: bool) -> None:
    if as_json:
        say_json(
            {"predictions": str(predicted.out), "patients": predicted.patients, "refused": predicted.refused,
             "findings": records(predicted.findings)}
        )  # fmt: skip
        return
    if predicted.continued:
        note(f"Went on from an interrupted batch: {predicted.continued} parts were done already.")
    say(f"{predicted.patients} patients, {predicted.refused} without a prediction: {predicted.out}")
    if bundle.simulated:
        note("The model was trained on SIMULATED patients.")
    if len(predicted.findings):
        say_findings(predicted.findings)
