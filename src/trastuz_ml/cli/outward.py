"""The command ``predict``: new patients with a stored model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trastuz_ml.cli.console import note, records, say, say_findings, say_json
from trastuz_ml.cli.data import AsJson, Force, Tumor


def predict(
    model: Annotated[Path, typer.Option("--model", metavar="DIR", help="Stored model, or its name.")],
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
    force: Force = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Predict new patients with a stored model; one row a patient, refusals included."""
    from trastuz_ml.experiment.new_patients import predict_files
    from trastuz_ml.experiment.outputs import require_file
    from trastuz_ml.prediction.batch import write_predictions
    from trastuz_ml.store.bundle import load_model

    calls = calls or []
    read = [path for path in (*calls, patients, covered) if path is not None]
    require_file(out, force=force, endings=[".csv", ".parquet"], inputs=read)
    bundle = load_model(model)
    table, findings = predict_files(bundle, calls, patients, covered=covered, tumor=tumor, explain=explain)
    write_predictions(table, out, force=force)
    refused = int((table["refusal"] != "").sum())
    if as_json:
        say_json(
            {"predictions": str(out), "patients": len(table), "refused": refused, "findings": records(findings)}
        )
        return
    say(f"{len(table)} patients, {refused} without a prediction: {out}")
    if bundle.simulated:
        note("The model was trained on SIMULATED patients.")
    if len(findings):
        say_findings(findings)
