"""The commands ``seal`` and ``unseal``: an external validation that was fixed before responses were opened."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trastuz_ml.cli.console import note, progress, say, say_json, say_table
from trastuz_ml.cli.data import AsJson, Force, Tumor

if TYPE_CHECKING:
    from trastuz_ml.cohort.patients import Response
    from trastuz_ml.prediction.external import External

Plan = Annotated[Path, typer.Option("--plan", metavar="FILE", help="Analysis plan, as written down before.")]
Patients = Annotated[Path, typer.Option("--patients", metavar="FILE", help="Roster of the new patients.")]
CallFiles = Annotated[list[Path] | None, typer.Option("--calls", metavar="FILE", help="Calls; repeatable.")]
Covered = Annotated[Path | None, typer.Option("--covered", metavar="FILE", help="Genes of the new assay.")]
Column = Annotated[str | None, typer.Option("--response", metavar="COLUMN", help="Column of the responses.")]
Positive = Annotated[list[str] | None, typer.Option("--positive", metavar="VALUE", help="Responds; repeatable.")]
Negative = Annotated[
    list[str] | None, typer.Option("--negative", metavar="VALUE", help="Does not respond; repeatable.")
]
Models = Annotated[Path, typer.Option("--models", metavar="DIR", help="Where models are.")]
Runs = Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the runs.")]
Tracking = Annotated[str | None, typer.Option("--tracking", metavar="URI", help="MLflow registry of an alias.")]


def seal(
    model: Annotated[str, typer.Option("--model", metavar="NAME|DIR", help="Stored model.")],
    plan: Plan,
    patients: Patients,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The seal, .json.")],
    calls: CallFiles = None,
    covered: Covered = None,
    response: Column = None,
    positive: Positive = None,
    negative: Negative = None,
    leave_out: Annotated[
        list[str] | None, typer.Option("--without", metavar="COLUMN", help="Other outcomes; repeatable.")
    ] = None,
    models: Models = Path("models"),
    runs: Runs = Path("runs"),
    tracking: Tracking = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Hash model, analysis plan, roster and calls before responses are opened."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.find_model import find_model
        from trastuz_ml.experiment.outputs import require_file
        from trastuz_ml.experiment.sealing import Sealed
        from trastuz_ml.experiment.sealing import seal as make_seal

        known = declared_response(response, positive, negative)
        read = [plan, patients, *(calls or []), *([covered] if covered else [])]
        require_file(out, force=force, endings=[".json"], inputs=read)
        tell("reading the model", 0, 1)
        bundle = find_model(model, models=models, tracking=tracking, runs=runs)
        tell("hashing plan, roster and calls", 0, 1)
        about = make_seal(
            Sealed(bundle, plan, patients, calls or [], covered), out, response=known, leave_out=leave_out or [],
            force=force,
        )  # fmt: skip
    if as_json:
        say_json({"out": str(out), **about})
        return
    say(f"Sealed  {out}: {about['roster']['patients']} patients, {bundle.name} version {bundle.version}")
    say(f"Hash    {about['seal']}")
    if about["roster"]["responses_there"]:
        note(
            "The roster holds the responses already: the seal shows that nothing changes, not that nobody looked."
        )
    note("Give the seal, or its hash, to somebody now: it carries no date of its own.")


def unseal(
    sealed: Annotated[Path, typer.Argument(metavar="SEAL", help="What `seal` wrote.")],
    plan: Plan,
    patients: Patients,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Predictions, .csv or .parquet.")],
    calls: CallFiles = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="NAME|DIR", help="Stored model; by default the sealed one.")
    ] = None,
    covered: Covered = None,
    tumor: Tumor = None,
    response: Column = None,
    positive: Positive = None,
    negative: Negative = None,
    transport: Annotated[
        str, typer.Option("--transport", metavar="WHY", help="What differs: 'another drug'.")
    ] = "",
    recalibrate: Annotated[bool, typer.Option("--recalibrate", help="Store a recalibrated version.")] = False,
    models: Models = Path("models"),
    runs: Runs = Path("runs"),
    tracking: Tracking = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Check a seal, then judge the model by the responses: nothing may have changed in between."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.external import validate_externally
        from trastuz_ml.experiment.find_model import find_model
        from trastuz_ml.experiment.outputs import require_file
        from trastuz_ml.experiment.sealing import Sealed, read_seal, require_unchanged, response_of

        require_file(
            out, force=force, endings=[".csv", ".parquet"], inputs=[sealed, plan, patients, *(calls or [])]
        )
        about = read_seal(sealed)
        known = declared_response(response, positive, negative) or response_of(about)
        if known is None:
            raise typer.BadParameter("give --response, --positive and --negative: the seal does not say them.")
        name = model or f"{about['model']['name']}/{about['model']['version']}"
        tell("reading the model", 0, 1)
        bundle = find_model(name, models=models, tracking=tracking, runs=runs)
        tell("comparing with the seal", 0, 1)
        said = require_unchanged(about, Sealed(bundle, plan, patients, calls or [], covered), known)
        found = validate_externally(
            bundle, calls or [], patients, response=known, covered=covered, tumor=tumor, runs=runs, models=models,
            recalibrate=recalibrate, transport=transport, sealed=said, out=out, force=force,
            progress=tell,
        )  # fmt: skip
    say_external(found, out, as_json=as_json)


def declared_response(
    column: str | None, positive: list[str] | None, negative: list[str] | None
) -> Response | None:
    """Return what the three options say together, nothing where none of them is given."""
    if column is None:
        if positive or negative:
            raise typer.BadParameter("--positive and --negative go with --response COLUMN.")
        return None
    if not positive or not negative:
        raise typer.BadParameter("--response needs --positive VALUE and --negative VALUE: what its values mean.")
    from trastuz_ml.cohort.patients import Response

    return Response(column, tuple(positive), tuple(negative))


def say_external(found: External, out: Path, *, as_json: bool) -> None:
    """Print what an external validation found: the sentences that must be read, and the scores."""
    from trastuz_ml.experiment.external import ENDING, PAGE
    from trastuz_ml.prediction.external_words import headlines

    folder = out.with_name(out.stem + ENDING)
    if as_json:
        say_json({"predictions": str(out), "folder": str(folder), **found.as_json()})
        return
    say(f"{found.kind.capitalize()} of {found.model}: {folder / PAGE}")
    for sentence in headlines(found):
        say(f"- {sentence.replace('**', '')}")
    if len(found.shared):
        say(f"- {found.shared['patient'].nunique()} training patients were found and set aside:")
        say_table(found.shared[["patient", "training_patient", "shared", "of"]])
    if found.searched:
        say(f"- Training patients were {found.searched}.")
    say()
    columns = ["score", "internal", "external", "external_low", "external_high"]
    say_table(found.scores[columns].round(3))
    if found.recalibration:
        say(str(found.recalibration["said"]))
    if found.simulated:
        note("The model was trained on SIMULATED patients.")
