"""The command ``silence``: what a run's models predict when a gene is read as truncated, or as intact again."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from trastuz_ml.cli.console import note, progress, records, say, say_json, say_table
from trastuz_ml.cli.data import AsJson, Force

if TYPE_CHECKING:
    import pandas as pd

    from trastuz_ml.store.run_folder import Run

_WIDEST, _DECIMALS = 100, 4
AGAIN = "fitting the folds again"


def silence(
    genes_and_run: Annotated[
        list[str],
        typer.Argument(
            metavar="GENE... RUN",
            help="Genes, or pairs such as ANKRD44+PIK3CA, then the run or its name under runs/.",
        ),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Model to ask; all that see genes by default.")
    ] = None,
    # A fit without tuning is quick: other processes take longer to start than all folds of a usual cohort.
    workers: Annotated[
        int, typer.Option("--workers", min=1, help="Processes; more help with many patients. Changes no result.")
    ] = 1,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="Also write the change of each patient (.tsv, .csv, .parquet)."
        ),
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Read a gene as truncated where it is intact, and as intact in carriers: how predictions change."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.saved import silence as silence_genes
        from trastuz_ml.explain.silencing import (
            CAUTION,
            departure_table,
            silenced_table,
            silencing_sentences,
            summary,
        )
        from trastuz_ml.files import require_table_name, write_table
        from trastuz_ml.store.run_folder import Run

        *asked, folder = genes_and_run
        if not asked:
            raise typer.BadParameter("give at least one gene, and then the run: trastuz-ml silence ANKRD44 RUN")
        if out is not None:
            require_table_name(out, force=force)
        tell("reading the run", 0, 1)
        run = Run.load(folder)
        genes = [_resolved(name, run) for name in asked]
        tell(AGAIN, 0, len(run.choices[["repeat", "fold"]].drop_duplicates()))
        found = silence_genes(
            run, genes, models=None if model is None else [model], workers=workers,
            progress=lambda done, total: tell(AGAIN, done, total),
        )  # fmt: skip
        table = silenced_table(found)
        summarised, departures = summary(table, found.status), departure_table(found)
        sentences = silencing_sentences(summarised, departures)
        if out is not None:
            write_table(table, out, force=force)
    if as_json:
        say_json(
            {
                "simulated": run.simulated, "summary": records(summarised), "departures": records(departures),
                "patients": records(table), "sentences": sentences, "left_out": found.left_out, "caution": CAUTION,
            }
        )  # fmt: skip
        return
    if run.simulated:
        note("These patients are SIMULATED.")
    _say(summarised, departures)
    for sentence in [*sentences, *_footnotes(summarised, found.left_out), CAUTION]:
        say(_wrapped(sentence))
    if out is not None:
        say(f"Patients  {out}")


def _resolved(name: str, run: Run) -> str:
    from trastuz_ml.experiment.gene_names import resolve_gene
    from trastuz_ml.explain.turned_genes import PAIR, genes_of

    return PAIR.join(resolve_gene(gene, run) for gene in genes_of(name, run.matrix.genes))


def _say(summarised: pd.DataFrame, departures: pd.DataFrame) -> None:
    for gene, rows in summarised.groupby("gene", sort=False):
        shown = rows[["model", "direction", "patients", "change", "low", "high", "spread"]].assign(
            falling=(rows["falling"] * rows["patients"]).round().astype(int), status=rows["status"]
        )
        say(str(gene))
        say_table(_without_idle(shown))
        apart = departures[departures["pair"] == gene]
        if len(apart):
            say(f"{gene}: departure from additivity")
            say_table(_without_idle(apart.drop(columns=["pair"])))


def _without_idle(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the column of reasons where there is none to give, and digits that are rounding."""
    spare = ["status"] if (table["status"] == "").all() else []
    # Adding 0 turns a negative nought into a plain one.
    return table.drop(columns=spare).round(_DECIMALS).apply(lambda c: c + 0 if c.dtype.kind == "f" else c)


def _footnotes(summarised: pd.DataFrame, left_out: tuple[str, ...]) -> list[str]:
    said = [
        "Change of the predicted probability, each patient by models of folds that left the patient out. From low "
        "to high: the middle 95 % of patients. Spread: standard deviation over repeats, mean over patients."
    ]
    if summarised["spread"].isna().any():
        said.append("With one repeat there is no spread.")
    if left_out:
        said.append(
            f"{', '.join(left_out)} is left out: it is made anew from its members in each fold. They are given."
        )
    return said


def _wrapped(sentence: str) -> str:
    width = min(shutil.get_terminal_size().columns, _WIDEST) if sys.stdout.isatty() else _WIDEST
    return "\n".join(textwrap.wrap(sentence, width))
