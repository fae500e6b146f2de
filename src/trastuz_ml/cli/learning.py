"""Commands about learning: ``train`` and ``explain``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from trastuz_ml.cli.console import note, progress, records, say, say_json, say_table
from trastuz_ml.cli.data import AsJson, DataFolder, Force, Tumor, Workers
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.schema import GENE

if TYPE_CHECKING:
    import pandas as pd

    from trastuz_ml.experiment.publish import Published
    from trastuz_ml.experiment.unfinished import Unfinished
    from trastuz_ml.experiment.work import Work
    from trastuz_ml.store.run_folder import Run

# What a terminal has room for; --json has all columns.
_EXPLAINED = (
    "model", "feature", "covered", "carriers", "folds_used", "mean_abs", "when_mutated", "sign_agreement", "rank",
    "rank_low", "rank_high", "scale", "status",
)  # fmt: skip


def train(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (YAML).")],
    data: DataFolder = None,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Where runs are kept.")] = Path("runs"),
    models: Annotated[Path, typer.Option("--models", metavar="DIR", help="Where models are kept.")] = Path(
        "models"
    ),
    tumor: Tumor = None,
    workers: Workers = None,
    engine: Annotated[
        Literal["local", "dask"], typer.Option("--engine", help="Where folds run: here, or on a Dask cluster.")
    ] = "local",
    scheduler: Annotated[
        str | None, typer.Option("--scheduler", metavar="ADDRESS", help="The cluster's, as tcp://10.0.0.1:8786.")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Validate and explain every model, store the chosen one, track the run and write its report."""
    with progress(quiet=as_json) as course, ExitStack() as stack:
        from trastuz_ml.experiment.experiment_file import read_experiment, with_options
        from trastuz_ml.experiment.publish import publish, require_outputs_free
        from trastuz_ml.experiment.train import train as train_models
        from trastuz_ml.experiment.unfinished import begin_publishing, open_unfinished, publishing_begun

        if (engine == "dask") != (scheduler is not None):
            raise ConfigurationError("--engine dask and --scheduler ADDRESS go together: give both, or none.")
        settings = with_options(read_experiment(experiment, data=data), tumor=tumor)
        # What an interrupted run of this work was writing may be replaced: it is its own.
        replace = force or publishing_begun(runs, settings.name)
        require_outputs_free(settings, runs, models, force=replace)

        def keep(work: Work, total: int) -> Unfinished:
            return stack.enter_context(
                open_unfinished(
                    runs, settings.name, work, total=total, force=force, outputs=(runs, models), say=note
                )
            )

        trained = train_models(
            settings, workers=workers, scheduler=scheduler, progress=course, ahead=course.ahead, keep=keep
        )
        begin_publishing(runs, settings.name)
        published = publish(trained, settings, runs=runs, models=models, force=replace, progress=course)
    if as_json:
        say_json(_as_content(trained.run, published))
    else:
        _say_result(trained.run, published)


def _as_content(run: Run, published: Published) -> dict[str, Any]:
    return {
        "name": run.name,
        "simulated": run.simulated,
        "plan": dict(run.provenance["plan"]),
        "scores": records(run.scores),
        "comparisons": records(run.comparisons),
        "chance": records(run.chance),
        "stratum_scores": records(run.stratum_scores),
        "decisions": records(run.decisions),
        "learning_curve": records(run.learning_curve),
        "optimism": records(run.optimism),
        "watched": records(run.watched),
        "findings": records(run.findings),
        "run": str(published.run),
        "report": str(published.report),
        "model": str(published.model),
        "mlflow": published.open_command,
        "alias_withheld": published.alias_withheld,
    }


def _say_result(run: Run, published: Published) -> None:
    from trastuz_ml.report.chance import chance_sentences
    from trastuz_ml.report.content import gene_sentences

    patients, responders = len(run.patients), int(run.patients["response"].sum())
    kind = "SIMULATED patients" if run.simulated else "patients"
    plan = run.provenance["plan"]
    say()
    say(f"{run.name}: {patients} {kind}, {responders} responders; {plan['words']}")
    say(f"Plan: {plan['why']}.")
    say_table(_score_sheet(run.scores))
    for sentence in _score_sentences(run.scores):
        say(sentence)
    say("'chosen' is the model that the inner folds picked: the honest headline. The best row is optimistic.")
    for sentence in chance_sentences(run.chance):
        say(sentence)
    say()
    for sentence in gene_sentences(run):
        say(sentence)
    say()
    say(f"Run     {published.run}")
    say(f"Report  {published.report}")
    say(f"Model   {published.model}  ({run.provenance['exported']}, fitted on all patients)")
    if published.open_command:
        say(f"MLflow  {published.open_command}")
    if published.alias_withheld:
        note(published.alias_withheld)
    warnings = run.findings[run.findings["severity"] != "note"]
    if len(warnings):
        note(f"{len(warnings)} warnings about the data: {published.run / 'findings.tsv'}")


def _score_sentences(scores: pd.DataFrame) -> list[str]:
    """Say how intervals of the AUROC were made, how far they can be trusted, and what was refused."""
    from trastuz_ml.stats.intervals import name_of, too_short

    bounded = scores[(scores["score"] == "AUROC") & scores["low"].notna()]
    said = []
    if len(bounded):
        method = bounded["interval"].iloc[0]
        held = too_short(method)
        share = "" if held is None else f"{100 * held:.0f} % of simulated cohorts, not 95 %"
        short = f": held the true value in {share}" if share else ""
        said.append(f"AUROC with 95 % interval ({name_of(method)}{short}).")
    refused = scores.loc[scores["interval"].str.startswith("refused: "), "interval"].unique()
    return said + [f"Scores of probabilities are {reason}." for reason in refused]


def _score_sheet(scores: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    def cell(model: str, score: str, digits: int = 2) -> str:
        row = scores[(scores["model"] == model) & (scores["score"] == score)].iloc[0]
        if pd.isna(row["estimate"]):
            return "not estimable"
        interval = "" if pd.isna(row["low"]) else f"  {row['low']:.{digits}f} to {row['high']:.{digits}f}"
        return f"{row['estimate']:.{digits}f}{interval}"

    columns = {"AUROC": "AUROC", "Brier score": "Brier", "calibration slope": "calibration slope"}
    known = set(scores.loc[scores["estimate"].notna(), "score"])
    # The honest headline first, wherever it stands in the table.
    models = sorted(scores["model"].unique(), key=lambda model: model != "chosen")
    return pd.DataFrame(
        [
            {"model": m} | {title: cell(m, score) for score, title in columns.items() if score in known}
            for m in models
        ]
    )


def explain(
    run: Annotated[str, typer.Argument(help="Run folder, or its name under runs/.")],
    gene: Annotated[list[str] | None, typer.Option("--gene", help="Gene to look at; may be repeated.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Model; all by default.")] = None,
    top: Annotated[int, typer.Option("--top", min=1, help="Leading features of each model.")] = 10,
    as_json: AsJson = False,
) -> None:
    """Show what genes and covariates contributed to held-out predictions."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.gene_names import resolve_gene
        from trastuz_ml.store.run_folder import Run

        tell("reading the run", 0, 1)
        loaded = Run.load(run)
    table = loaded.gene_contributions
    known = list(dict.fromkeys(table["model"]))
    if model is not None and model not in known:
        raise ConfigurationError(f"The run has no model '{model}'; it has {', '.join(known)}.")
    table = table[table["model"] == model] if model is not None else table
    if gene:
        gene = [resolve_gene(name, loaded) for name in gene]
        table = table[table["feature"].isin(gene) & (table["block"] == GENE)]
    else:
        table = table[table["mean_abs"] > 0].groupby("model", sort=False).head(top)
    shown = table.drop(columns=["block"]).reset_index(drop=True)
    if as_json:
        say_json(
            {"simulated": loaded.simulated, "contributions": records(shown), "watched": records(loaded.watched)}
        )
        return
    if loaded.simulated:
        note("These patients are SIMULATED.")
    _say_contributions(shown)


def _say_contributions(table: pd.DataFrame) -> None:
    if table.empty:
        say("No feature contributed to a prediction of a left-out patient.")
        return
    # What is the same in every row is said once.
    scale = table["scale"].iloc[0] if table["scale"].nunique() == 1 else ""
    spare = {name for name, idle in (("scale", bool(scale)), ("status", (table["status"] == "").all())) if idle}
    say_table(table[[name for name in _EXPLAINED if name not in spare]])
    unit = f" ({scale})" if scale else ""
    say(f"Contributions are SHAP values{unit} of left-out patients: they speak of the model, not of biology.")
