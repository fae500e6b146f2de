"""The command ``panel``: how many genes tell responders apart by chance, and the smallest panel of genes."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trastuz_ml.cli.console import progress, records, say, say_json, say_table
from trastuz_ml.cli.data import AsJson, Force, Workers

if TYPE_CHECKING:
    from trastuz_ml.experiment.panels import Panels
    from trastuz_ml.store.run_folder import Run

_WIDEST = 100
_MOST_GENES = 12


def panel(
    run: Annotated[str, typer.Argument(help="Run folder, or its name under runs/.")],
    strictness: Annotated[
        list[str] | None,
        typer.Option(
            "--strictness", metavar="NAME",
            help="What a gene must do to count: one-response-2, -3 or -4, p-0.05, p-0.01, p-0.001, perfect; "
            "repeatable, all by default.",
        ),
    ] = None,
    times: Annotated[
        int | None,
        typer.Option("--times", min=1, max=100_000, help="Shuffled responses; the experiment's by default."),
    ] = None,
    validation: Annotated[
        bool, typer.Option("--validation/--no-validation", help="Whether to search for the smallest panel.")
    ] = True,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Counts of every shuffle (.tsv, .csv, .parquet).")
    ] = None,
    workers: Workers = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Say how many genes tell the responders apart by chance, and how few genes predict as well as all."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.cores import available_cores
        from trastuz_ml.experiment.panels import panels_of_run
        from trastuz_ml.files import require_table_name, write_table
        from trastuz_ml.store.run_folder import Run

        if out is not None:
            require_table_name(out, force=force)
        tell("reading the run", 0, 1)
        loaded = Run.load(run)
        found = panels_of_run(
            loaded, strictness=strictness or [], times=times, validation=validation,
            workers=workers or available_cores(), progress=tell,
        )  # fmt: skip
        if out is not None:
            write_table(found.by_chance, out, force=force)
    if as_json:
        say_json(_as_content(loaded, found))
        return
    _say(loaded, found)
    if out is not None:
        say(f"Counts  {out}")


def _as_content(run: Run, found: Panels) -> dict[str, Any]:
    return {
        "run": run.name,
        "simulated": run.simulated,
        "patients": len(run.patients),
        "responders": int(run.patients["response"].sum()),
        "against_chance": records(found.against_chance),
        "telling": {words: list(genes) for words, genes in found.telling.items()},
        "panels": records(found.panels),
        "sentences": list(found.sentences),
    }


def _say(run: Run, found: Panels) -> None:
    patients, responders = len(run.patients), int(run.patients["response"].sum())
    kind = "SIMULATED patients" if run.simulated else "patients"
    method = found.against_chance["method"].iloc[0] if len(found.against_chance) else "nothing was shuffled"
    say(f"{run.name}: {patients:,} {kind}, {responders:,} responding and {patients - responders:,} not; {method}")
    if len(found.against_chance):
        say_table(_counts(found))
    if len(found.panels):
        _say_panels(found)
    # Where no gene counts, the table says it all.
    idle = set(found.against_chance.loc[found.against_chance["observed"] == 0, "sentence"])
    for sentence in found.sentences:
        if sentence not in idle:
            _say_wrapped(sentence)
    for words, genes in found.telling.items():
        if genes:
            more = f" and {len(genes) - _MOST_GENES:,} more (--json has all)" if len(genes) > _MOST_GENES else ""
            _say_wrapped(f"Genes here, {words}: {', '.join(genes[:_MOST_GENES])}{more}.")


def _say_wrapped(sentence: str) -> None:
    for line in textwrap.wrap(sentence, _WIDEST, initial_indent="- ", subsequent_indent="  "):
        say(line)


def _counts(found: Panels) -> Any:
    table = found.against_chance
    shown = table[["strictness", "observed"]].rename(columns={"observed": "genes here"})
    shown["by chance"] = [f"{mean:,.0f}" if mean >= 10 else f"{mean:.2g}" for mean in table["expected"]]
    shown["95 % of shuffles"] = [
        f"{low:,} to {high:,}" for low, high in zip(table["low"], table["high"], strict=True)
    ]
    return shown.assign(p=table["p"])


def _say_panels(found: Panels) -> None:
    table = found.panels.drop(columns=["first", "status"])
    table["as_good"] = table["as_good"].map({True: "yes", False: "no"}).fillna("cannot be said")
    say_table(table)
