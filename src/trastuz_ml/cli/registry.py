"""The command ``promote``: an alias in the model registry, for a model with evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trastuz_ml.cli.console import note, progress, say, say_json
from trastuz_ml.cli.data import AsJson


def promote(
    run: Annotated[str, typer.Argument(help="Run that made the model: its folder, or its name under runs/.")],
    model: Annotated[str, typer.Argument(help="Stored model: NAME, NAME/VERSION or its folder.")],
    alias: Annotated[str, typer.Option("--alias", help="Alias that the model is given, such as champion.")],
    override: Annotated[
        str | None,
        typer.Option("--override", metavar="REASON", help="Promote without the evidence; the reason is kept."),
    ] = None,
    register_as: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Name in the registry; the model's by default.")
    ] = None,
    tracking: Annotated[
        str | None, typer.Option("--tracking", metavar="URI", help="MLflow address of the registry.")
    ] = None,
    models: Annotated[Path, typer.Option("--models", metavar="DIR", help="Where models are kept.")] = Path(
        "models"
    ),
    as_json: AsJson = False,
) -> None:
    """Give a model an alias in the registry; refused without evidence: chance, gain, calibration."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.promotion import evidence_lines
        from trastuz_ml.experiment.promotion import promote as promote_model

        tell("judging the evidence and writing to the registry", 0, 1)
        done = promote_model(
            run, model, alias, override=override, register_as=register_as, tracking=tracking, models=models
        )
    given = done.given
    if as_json:
        evidence = [{"rule": e.rule, "met": e.met, "found": e.found} for e in done.evidence]
        say_json(
            {
                "model": done.model, "model_sha256": done.identity, "simulated": done.simulated,
                "registered": {"name": given.name, "version": given.version, "new": given.registered},
                "alias": given.alias, "before": given.before or None, "evidence": evidence,
                "recorded": done.recorded, "override": done.override or None, "mlflow": given.uri,
            }
        )  # fmt: skip
        return
    for line in evidence_lines(done.evidence):
        say(line)
    if done.recorded:
        say("The run is another one by now: this evidence was recorded when the version was promoted before.")
    if done.override:
        say(f"Promoted without the evidence: {done.override}")
    elif override is not None:
        note("The evidence is there, so that no override is recorded.")
    new = "registered now" if given.registered else "registered before"
    say(f"{given.name}@{given.alias} is version {given.version} ({new}): {done.model}, {done.identity[:12]}")
    if given.before and given.before != given.version:
        say(f"Before it was version {given.before}.")
    say(f"Registry  {given.uri}")
    if done.simulated:
        note("The model was trained on SIMULATED patients; the registry says so.")
