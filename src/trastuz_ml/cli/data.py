"""Commands about data: ``init``, ``simulate`` and ``features``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from trastuz_ml.cli.console import note, progress, records, say, say_findings, say_json, say_quality
from trastuz_ml.errors import OutputExistsError

Force = Annotated[bool, typer.Option("--force", help="Replace outputs that are already there.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
DataFolder = Annotated[
    Path | None,
    typer.Option("--data", metavar="DIR", help="Folder of the data files, instead of the experiment's."),
]

Tumor = Annotated[
    str | None, typer.Option("--tumor", metavar="NAME", help="Tumour column of a VCF, where no header says.")
]
Workers = Annotated[
    int | None, typer.Option("--workers", min=1, help="Processes; all cores by default. Changes no result.")
]


def init(
    calls: Annotated[
        Path | None, typer.Option("--calls", metavar="FILE", help="Your mutation calls (VCF or MAF).")
    ] = None,
    patients: Annotated[Path | None, typer.Option("--patients", metavar="FILE", help="Your roster.")] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Write the demonstration experiment.")] = False,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Where to write.")] = Path("experiment.yaml"),
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Look at your files and write a commented experiment for them."""
    from trastuz_ml.experiment.draft import demo_experiment, draft_experiment
    from trastuz_ml.experiment.outputs import require_file
    from trastuz_ml.files import whole_file

    given = [path for path in (calls, patients) if path is not None]
    if len(given) != (0 if demo else 2):
        raise typer.BadParameter("give either --demo, or both --calls FILE and --patients FILE.")
    require_file(out, force=force, inputs=given)
    with progress(quiet=as_json) as tell:
        tell("looking at calls and roster", 0, 1)
        if calls is not None and patients is not None:
            text, guesses = draft_experiment(calls, patients, out.parent)
        else:
            text, guesses = demo_experiment(), ["a simulated cohort of 160 patients"]
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as partial:
        partial.write_text(text, encoding="utf-8")
    if as_json:
        say_json({"experiment": str(out), "guesses": guesses})
        return
    say(f"Wrote {out}. What was guessed, for you to check:")
    for guess in guesses:
        say(f"  - {guess}")
    say(f"Next: trastuz-ml check {out}")


def simulate(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder to write to.")],
    patients: Annotated[int, typer.Option("--patients", help="Number of patients, 12 to 100,000.")] = 160,
    seed: Annotated[int, typer.Option("--seed", help="Same seed, same bytes.")] = 2019,
    vcf: Annotated[bool, typer.Option("--vcf", help="Also one VEP-annotated VCF for each patient.")] = False,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Write a simulated cohort: calls, roster and the planted truth."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.outputs import require_folder
        from trastuz_ml.features.simulate import simulate_cohort

        require_folder(out)
        tell("drawing patients and calls", 0, 1)
        cohort = simulate_cohort(patients, seed)
        tell(f"writing files of {patients:,} patients", 0, 1)
        written = cohort.write(out, formats=("maf", "vcf") if vcf else ("maf",), force=force)
    if as_json:
        say_json({"simulated": True, "seed": seed, "files": [str(path) for path in written]})
        return
    say(f"SIMULATED cohort: {patients} patients, {len(cohort.calls):,} calls, seed {seed}, in {out}")
    for path in written[:4]:
        say(f"  {path}")
    if len(written) > 4:
        say(f"  and {len(written) - 4} more")


def features(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (YAML).")],
    out: Annotated[
        Path, typer.Option("--out", metavar="FILE", help="Parquet file; a JSON sidecar goes beside it.")
    ],
    data: DataFolder = None,
    encoding: Annotated[
        str | None, typer.Option("--encoding", metavar="WORD", help="Instead of the experiment's encoding.")
    ] = None,
    effects: Annotated[
        str | None,
        typer.Option("--effects", metavar="WORDS", help="What counts, instead: effects separated by commas."),
    ] = None,
    mask: Annotated[
        str | None, typer.Option("--mask", metavar="NAME", help="Another mask of the experiment's mask file.")
    ] = None,
    tumor: Tumor = None,
    fast: Annotated[
        bool, typer.Option("--fast", help="Do not look for calls given twice, where they cannot matter.")
    ] = False,
    workers: Workers = None,
    findings_out: Annotated[
        Path | None, typer.Option("--findings", metavar="FILE", help="Also save the findings (TSV).")
    ] = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Build the three-state gene matrix of an experiment, and say what was noticed on the way."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.experiment_file import read_experiment, with_options
        from trastuz_ml.experiment.outputs import require_file
        from trastuz_ml.experiment.read import features_of
        from trastuz_ml.files import whole_file

        require_file(out, force=force, endings=[".parquet"])
        require_file(out.with_suffix(".json"), force=force, inputs=[experiment])
        if findings_out is not None:
            require_file(findings_out, force=force, inputs=[experiment])
            if findings_out.absolute() in (out.absolute(), out.with_suffix(".json").absolute()):
                raise OutputExistsError(f"{findings_out} is written by --out too: give the findings another name.")
        counted = [word.strip() for word in (effects or "").split(",") if word.strip()]
        settings = with_options(
            read_experiment(experiment, data=data), tumor=tumor, encoding=encoding, effects=counted, mask=mask
        )
        cohort, matrix, findings = features_of(settings, fast=fast, workers=workers, progress=tell)
        tell("writing the matrix", 0, 1)
        matrix.save(out, force=force)
        if findings_out is not None:
            findings_out.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(findings_out) as partial:
                findings.to_csv(partial, sep="\t", index=False, lineterminator="\n")
    if as_json:
        say_json(
            {
                "simulated": cohort.simulated, "patients": matrix.shape[0], "genes": matrix.shape[1],
                "mutated_cells": matrix.values.nnz, "matrix": str(out), "findings": records(findings),
            }
        )  # fmt: skip
        return
    if cohort.simulated:
        note("These patients are SIMULATED.")
    say(f"{matrix.shape[0]} patients x {matrix.shape[1]} genes, {matrix.values.nnz:,} mutated cells: {out}")
    say_findings(findings)


def check(
    experiment: Annotated[Path, typer.Argument(help="Experiment file (YAML).")],
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write a page (.html).")] = None,
    rows_out: Annotated[
        Path | None,
        typer.Option("--rows", metavar="FILE", help="Also save what became of each patient's rows (TSV)."),
    ] = None,
    data: DataFolder = None,
    tumor: Tumor = None,
    workers: Workers = None,
    force: Force = False,
    as_json: AsJson = False,
) -> None:
    """Look at the data before any model: what was read, left out and why, and what is odd. Exit 1 on errors."""
    with progress(quiet=as_json) as tell:
        from trastuz_ml.experiment.check import check_experiment
        from trastuz_ml.experiment.experiment_file import read_experiment, with_options
        from trastuz_ml.experiment.outputs import require_file
        from trastuz_ml.files import whole_file
        from trastuz_ml.report.quality import quality_content, write_quality_page

        for output, endings in ((out, [".html"]), (rows_out, [".tsv"])):
            if output is not None:
                require_file(output, force=force, endings=endings, inputs=[experiment])
        settings = with_options(read_experiment(experiment, data=data), tumor=tumor)
        quality = check_experiment(settings, workers=workers, progress=tell)
        tell("writing what was found", 0, 1)
        if out is not None:
            write_quality_page(quality, out, force=force)
        if rows_out is not None:
            with whole_file(rows_out) as partial:
                quality.cohort.rows.to_csv(partial, sep="\t", index=False, lineterminator="\n")
    if as_json:
        say_json(quality_content(quality))
    else:
        say_quality(quality)
        for output in filter(None, (out, rows_out)):
            say(f"Written: {output}")
    if quality.errors:
        raise typer.Exit(1)
