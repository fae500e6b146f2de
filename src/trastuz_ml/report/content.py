"""From finished runs to the content of a report: every number, table and sentence, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from trastuz_ml.explain.certificate import Certificate
from trastuz_ml.learn.folds import LEAVE_PAIR_OUT
from trastuz_ml.learn.out_of_fold import in_pairs
from trastuz_ml.report.across import across_content, plan_words
from trastuz_ml.report.answer import CHOSEN, NO_CALLS, answer_content, limits_content
from trastuz_ml.report.bands import HOW, banded_curves
from trastuz_ml.report.baseline import baseline_content
from trastuz_ml.report.bench import bench_content
from trastuz_ml.report.certificates import certificates_of
from trastuz_ml.report.chance import chance_content, chance_sentences
from trastuz_ml.report.curves import calibration_groups, mean_roc, with_treated
from trastuz_ml.report.flow import flow_content
from trastuz_ml.report.gene_evidence import genes_content
from trastuz_ml.report.genes import carriers_content, leading_content, overview_content, watched_content
from trastuz_ml.report.origin import file_name, provenance_content
from trastuz_ml.report.pair_matrix import matrix_content
from trastuz_ml.report.patients import patient_rows
from trastuz_ml.report.plain import plain, records
from trastuz_ml.report.privacy import Pseudonyms, findings_content, pseudonyms_of
from trastuz_ml.report.robustness import influence_content, learning_content, optimism_content, strata_content
from trastuz_ml.report.score_table import SCORES, headline_rows, scores_content
from trastuz_ml.report.share import shared_section
from trastuz_ml.report.size import size_content
from trastuz_ml.report.tripod import checklist_content
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import count

FORMAT = 5

__all__ = ["FORMAT", "SCORES", "content_of", "file_name", "gene_sentences", "headline_rows", "scores_content"]


def content_of(runs: Sequence[Run], names: Mapping[str, str], *, share: bool = False) -> dict[str, Any]:
    """Gather what a report says; the page is rendered from this and from nothing else.

    Parameters
    ----------
    runs : sequence of Run
        One or more finished runs. Each becomes a section of its own: models are tested against each other across
        runs only where patients, responses and split plan are the same.
    names : mapping
        Real patient identifier to the pseudonym shown in its place.
    share : bool
        Whether the page is to be sent: without patients and without small counts, see
        :func:`trastuz_ml.report.share.shared_section`.

    Returns
    -------
    dict
        Plain JSON values, as declared in :class:`trastuz_ml.report.shape.Content`.

    Raises
    ------
    InputError
        If a patient has no pseudonym.
    ValueError
        If there is no run.
    EvidenceError
        If a run to be shared has fewer than five patients of one class of response.
    """
    if not runs:
        raise ValueError("a report needs at least one run")
    hidden = pseudonyms_of(runs, names)
    title = runs[0].name if len(runs) == 1 else f"{len(runs)} runs side by side"
    simulated = [run.simulated for run in runs]
    across = across_content(runs)
    return {
        "format": FORMAT,
        "title": f"SIMULATED – {title}" if any(simulated) else title,
        "simulated": any(simulated),
        "shared": share,
        "banner": _banner(runs),
        "across": across["sentence"],
        "pairs": across["pairs"],
        "runs": [_section(run, hidden, share=share) for run in runs],
    }


def _banner(runs: Sequence[Run]) -> str:
    invented = [run.name for run in runs if run.simulated]
    if not invented:
        return ""
    which = (
        "Every patient in this report" if len(invented) == len(runs) else f"Every patient of {', '.join(invented)}"
    )
    return f"SIMULATED. {which} was invented by the program's simulator. Nothing here is a finding about people."


def _section(run: Run, hidden: Pseudonyms, *, share: bool) -> dict[str, Any]:
    certificates = _certificates(run)
    section = {
        "name": run.name,
        "simulated": run.simulated,
        "sequenced": sequenced(run),
        "facts": _facts(run),
        "size": size_content(run),
        "flow": flow_content(run, sequenced=sequenced(run)),
        "baseline": baseline_content(run, hidden),
        "findings": findings_content(run.findings, hidden),
        **_models(run, hidden),
        "leading": leading_content(run),
        "watched": watched_content(run.watched, certificates),
        "genes": genes_content(run, hidden, certificates),
        "overview": overview_content(run, hidden),
        "patients": patient_rows(run, hidden),
        "bench": bench_content(run, hidden),
        "provenance": provenance_content(run, hidden),
    }
    section |= _words(run, section)
    if share:
        section = shared_section(section, hidden.names.values())
    return section | {"checklist": checklist_content(section)}


def _models(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return what is said of the models: scores, curves, comparisons, chance, and how far the scores carry."""
    pairs = in_pairs(run.out_of_fold)
    bands, precision_recall = banded_curves(run.out_of_fold)
    return {
        "scores": scores_content(run.scores, run.models),
        "models": run.models,
        "pairs": pairs,
        "roc": records(mean_roc(run.out_of_fold).round(4)),
        "roc_bands": records(bands.round(4)),
        "precision_recall": records(precision_recall.round(4)),
        "bands": HOW if len(bands) else "",
        "calibration": [] if pairs else records(calibration_groups(run.out_of_fold).round(4)),
        "comparisons": records(run.comparisons),
        "matrix": matrix_content(run.out_of_fold),
        "chance": chance_content(run.permuted, run.chance),
        "strata": strata_content(run.stratum_scores),
        "decisions": records(with_treated(run.decisions, run.out_of_fold).round(4)),
        "learning": learning_content(run.learning_curve),
        "optimism": optimism_content(run.optimism),
        "influence": influence_content(run.influence, hidden),
    }


def _words(run: Run, section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first paragraph and the limits: what the other parts say in plain words."""
    facts = section["facts"]
    plan = str((run.provenance.get("plan") or {}).get("kind", ""))
    return {
        "answer": {
            **answer_content(
                run.name, run.simulated, run.scores, run.comparisons, run.choices, section["watched"],
                sequenced=section["sequenced"], chance=chance_sentences(run.chance),
                exported=_exported(run),
            ),
            "left_out": section["flow"]["sentence"],
            "again": section["provenance"]["command"],
        },
        "limits": limits_content(
            facts["patients"], facts["responders"], carriers_content(run.matrix), run.simulated,
            sequenced=section["sequenced"], kind=LEAVE_PAIR_OUT if section["pairs"] else plan,
        ),
    }  # fmt: skip


def _exported(run: Run) -> str:
    """Return the model that was stored, and that it was picked anew where the folds picked theirs."""
    exported = str(run.provenance.get("exported") or "")
    return f"{exported}, picked once more on everybody" if run.configuration.get("export") == CHOSEN else exported


def _certificates(run: Run) -> list[Certificate]:
    """Return the certificates of the watched genes, where some model was offered genes."""
    judged = len(run.associations) and run.gene_contributions["block"].eq(GENE).any()
    return certificates_of(run) if judged else []


def sequenced(run: Run) -> bool:
    """Return whether the run's experiment names calls; without any, it is about covariates alone."""
    return run.configuration.get("calls", True) is not None


def _facts(run: Run) -> dict[str, Any]:
    """Return the sizes of the run, and one line that says them."""
    response = run.patients["response"].dropna()
    plan = run.out_of_fold[["repeat", "fold"]].drop_duplicates()
    repeats, folds = plan["repeat"].nunique(), plan["fold"].nunique()
    assays = run.patients["assay"].value_counts() if "assay" in run.patients else pd.Series(dtype=int)
    patients, responders = len(response), int(response.sum())
    parts = [
        f"{patients:,} patients, {responders:,} responding",
        f"{count(len(run.matrix.genes), 'gene')} ({run.matrix.encoding})" if sequenced(run) else NO_CALLS,
        count(len(run.models), "model"),
        plan_words(run),
        ", ".join(f"{name} {n}" for name, n in sorted(assays.items())) if len(assays) > 1 else "",
    ]
    return plain(  # type: ignore[no-any-return]
        {
            "patients": patients,
            "responders": responders,
            "repeats": repeats,
            "folds": folds,
            "assays": dict(sorted(assays.items())),
            "line": [part for part in parts if part],
        }
    )


def gene_sentences(run: Run) -> list[str]:
    """Return what the run says of each watched gene, one sentence or two a gene."""
    return [row["sentence"] for row in watched_content(run.watched, _certificates(run))]
