"""What may be said of several runs together: models compared where folds are the same, else the reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trastuz_ml.errors import EvidenceError
from trastuz_ml.learn.comparisons import Scored, compare_runs
from trastuz_ml.report.plain import records
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import count


def scored(run: Run) -> Scored:
    """Return what a run is compared by, see :func:`trastuz_ml.learn.comparisons.compare_runs`."""
    plan = run.provenance.get("plan") or {}
    return Scored(run.name, str(plan.get("fingerprint") or ""), run.out_of_fold)


def across_content(runs: Sequence[Run]) -> dict[str, Any]:
    """Compare each run with the first one of the same plan, or say why that is not done.

    Parameters
    ----------
    runs : sequence of Run
        In the order of the report.

    Returns
    -------
    dict
        ``sentence``, empty for one run, and ``pairs``: for each run but the first, ``first`` and ``second``
        (names of the two runs), ``rows`` (models of the same name, first minus second, as declared in
        :data:`trastuz_ml.schema.COMPARISONS`) and ``reason``, why there is no row, or empty.
    """
    pairs = [_pair(runs[:place], run) for place, run in enumerate(runs) if place]
    return {"sentence": _sentence(runs, pairs), "pairs": pairs}


def _pair(earlier: Sequence[Run], run: Run) -> dict[str, Any]:
    reasons = []
    for other in earlier:
        shared = [(model, model) for model in run.models if model in other.models]
        try:
            table = compare_runs(scored(run), scored(other), shared)
        except EvidenceError as error:
            reasons.append(str(error))
            continue
        reason = "" if len(table) else "The two runs have no model in common."
        return {"first": run.name, "second": other.name, "rows": records(table), "reason": reason}
    return {"first": run.name, "second": earlier[0].name, "rows": [], "reason": reasons[0]}


def _sentence(runs: Sequence[Run], pairs: Sequence[dict[str, Any]]) -> str:
    if not pairs:
        return ""
    apart = [pair for pair in pairs if not pair["rows"]]
    if not apart:
        return (
            "These runs share patients, responses and split plan: models of the same name are compared below, on "
            "the same folds."
        )
    each = "; ".join(f"{run.name}: {count(len(run.patients), 'patient')}, {plan_words(run)}" for run in runs)
    return (
        "These runs differ in patients, responses or split plan. Each is shown in its own panel and no test "
        "between them is given"
        f"{', but for those that share all three' if len(apart) < len(pairs) else ''}: scores on different splits "
        f"differ also when the models do not. {each}."
    )


def plan_words(run: Run) -> str:
    """Return the split plan of a run in words, such as ``10 x 5 folds, nested``."""
    plan = run.provenance.get("plan") or {}
    if plan.get("words"):
        return str(plan["words"])
    table = run.out_of_fold[["repeat", "fold"]].drop_duplicates()
    return f"{count(table['repeat'].nunique(), 'repeat')} of {count(table['fold'].nunique(), 'fold')}"
