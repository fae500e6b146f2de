"""What a report says of genes: leading features of each model, watched genes, and who carries what."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from trastuz_ml.explain.certificate import Certificate
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.out_of_fold import in_pairs
from trastuz_ml.report.answer import CHOSEN
from trastuz_ml.report.plain import plain, records
from trastuz_ml.report.privacy import Pseudonyms
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import number, p_value, span

MUTATED, INTACT, NOT_COVERED = "mutated", "covered, not mutated", "not covered"
# One letter a cell keeps the content of 1,000 patients small.
LETTERS: dict[str, str] = {MUTATED: "m", INTACT: ".", NOT_COVERED: "-"}
FEATURES_SHOWN, GENES_SHOWN = 10, 16


def leading_content(run: Run) -> list[dict[str, Any]]:
    """Return, for each model, its leading features by mean absolute held-out contribution.

    Returns
    -------
    list of dict
        ``model``, ``scale``, ``method``, ``error`` (largest standard error of a contribution where they were
        sampled), ``features`` (rows of the table, the leading ones) and ``reason``, which says why there is no
        feature, or is empty.
    """
    # A fold that no feature reached has a constant in it, whatever the model does elsewhere.
    order = run.explained.assign(idle=run.explained["method"] == "constant").sort_values("idle", kind="stable")
    methods = order.drop_duplicates("model").set_index("model")["method"]
    errors = run.explained["error"].astype(float).groupby(run.explained["model"]).max()
    contents = []
    for model in run.models:
        rows = run.gene_contributions[run.gene_contributions["model"] == model]
        error = plain(float(errors.get(model, np.nan)))
        contents.append(_leading_of_model(model, rows, str(methods.get(model, ""))) | {"error": error})
    return contents


def _leading_of_model(model: str, rows: pd.DataFrame, method: str) -> dict[str, Any]:
    # A feature that moves predictions a hundredth as much as the first one has a bar that nobody sees.
    known = rows[rows["mean_abs"].fillna(0) > 0.01 * rows["mean_abs"].max()]
    top = known.sort_values(["mean_abs", "feature"], ascending=[False, True]).head(FEATURES_SHOWN)
    reason = "" if len(top) else "no feature moves this model's predictions."
    return {
        "model": model,
        "scale": str(top["scale"].iloc[0]) if len(top) else "",
        "method": method,
        "features": records(top.drop(columns=["model", "scale", "status"])),
        "reason": reason if len(rows) else _without_rows(model),
    }


def _without_rows(model: str) -> str:
    if model == CHOSEN:
        return "whichever model a fold picked is explained under its own name."
    return "no contributions were computed for this model."


def watched_content(watched: pd.DataFrame, certificates: Sequence[Certificate] = ()) -> list[dict[str, Any]]:
    """Return the rows of the watched genes, each with a sentence that says what may be said.

    Parameters
    ----------
    watched : pandas.DataFrame
        Their rows of :data:`trastuz_ml.schema.ASSOCIATIONS`.
    certificates : sequence of Certificate
        Whose verdicts are given; without one, the unadjusted association speaks, and says that it is.

    Examples
    --------
    >>> row = {"gene": "ANKRD44", "covered": 160, "carriers": 0, "responders": 42, "odds_ratio": np.nan,
    ...        "status": "not evaluable: mutated in 0 of 160"}
    >>> watched_content(pd.DataFrame([row]))[0]["sentence"]
    'ANKRD44: not evaluable: mutated in 0 of 160.'
    """
    judged = {certificate.gene: certificate for certificate in certificates}
    rows = []
    for row in records(watched):
        certificate = judged.get(row["gene"])
        verdict = _watched_verdict(row) if certificate is None else _judgement(certificate)
        word = "" if certificate is None else certificate.verdict
        rows.append({**row, "judged": word, "verdict": verdict, "sentence": _watched_sentence(row, verdict)})
    return rows


def _judgement(certificate: Certificate) -> str:
    """Return verdict and reason in one sentence; a reason that begins with the verdict says both."""
    word = certificate.verdict.capitalize()
    return (
        certificate.why
        if certificate.why.startswith(word)
        else f"{word}: {certificate.why[:1].lower()}{certificate.why[1:]}"
    )


def _watched_sentence(row: dict[str, Any], verdict: str) -> str:
    if row["odds_ratio"] is None:
        return f"{row['gene']}: {verdict[:1].lower()}{verdict[1:]}"
    others = row["covered"] - row["carriers"]
    responding = row["responders"] - row["carriers_responding"]
    ends = span(row["low"], row["high"])
    p = p_value(row["p"])
    return (
        f"{row['gene']} is mutated in {row['carriers']} of {row['covered']} patients: "
        f"{row['carriers_responding']} of {row['carriers']} carriers respond, {responding} of {others} others do "
        f"(odds ratio {number(row['odds_ratio'])}{f', 95 % {ends}' if ends else ''}, "
        f"Fisher p {p if p.startswith('<') else f'= {p}'}). {verdict}"
    )


def _excludes_one(row: dict[str, Any]) -> bool:
    low, high = row["low"], row["high"]
    above = isinstance(low, float | int) and low > 1
    below = isinstance(high, float | int) and high < 1
    return above or below


def _watched_verdict(row: dict[str, Any]) -> str:
    if row["status"]:
        return f"{row['status'].strip().rstrip('.')}."
    # The test and the exact interval can disagree at the margin; an association is claimed when both agree.
    if row["p"] is None or row["p"] > 0.05 or not _excludes_one(row):
        return "No association with response can be shown."
    direction = "less" if row["odds_ratio"] != "inf" and row["odds_ratio"] < 1 else "more"
    return f"Associated with {direction} frequent response in this cohort, before any adjustment."


def leading_genes(gene_contributions: pd.DataFrame, most: int = GENES_SHOWN) -> list[str]:
    """Return the genes that carry the largest part of the models' contributions, taken over all models.

    Contributions in log-odds and in probability cannot be added; each model's are first made shares.

    Examples
    --------
    >>> leading_genes(pd.DataFrame({"model": "m", "block": "gene", "feature": ["A", "B"],
    ...                             "mean_abs": [0.1, 0.2]}), most=1)
    ['B']
    """
    rows = gene_contributions[
        (gene_contributions["block"] == GENE) & (gene_contributions["mean_abs"].fillna(0) > 0)
    ]
    shares = rows["mean_abs"] / rows.groupby("model")["mean_abs"].transform("sum")
    totals = shares.groupby(rows["feature"]).sum().rename("total").reset_index()
    ordered = totals.sort_values(["total", "feature"], ascending=[False, True])
    return [str(gene) for gene in ordered["feature"].head(most)]


def overview_content(run: Run, hidden: Pseudonyms) -> dict[str, Any]:
    """Return the three-state overview: leading and watched genes, patients by response, coverage and pattern.

    Returns
    -------
    dict
        ``patients`` (pseudonym, response, burden and score: mean probability by ``chosen`` or the first model, in
        order), ``genes`` (name, whether watched, carriers, covered, and one letter a patient: ``m`` mutated, ``.``
        covered and not mutated, ``-`` not covered), ``absent``: watched genes that the matrix does not hold, and
        ``orders``: other orders of the patients, responders first in each, as places in this one.
    """
    answered = run.patients.dropna(subset=["response"])
    ids = [str(patient) for patient in answered["patient"]]
    response = answered["response"].to_numpy(dtype=int)
    watched = [str(gene) for gene in run.watched["gene"]]
    held = set(run.matrix.genes)
    genes = [gene for gene in dict.fromkeys([*watched, *leading_genes(run.gene_contributions)]) if gene in held]
    states = _states(run.matrix.rows(ids), genes)
    genes, states = _most_carried_first(genes, states)
    order = _patient_order(states, response, [hidden.of(patient) for patient in ids])
    patients = [
        {"patient": hidden.of(ids[i]), "response": int(response[i]), "burden": burden, "score": score}
        for i, burden, score in zip(order, *_sorted_by(run, [ids[i] for i in order]), strict=True)
    ]
    return {
        "patients": patients,
        "genes": [
            {
                "gene": gene,
                "watched": gene in watched,
                "carriers": int((states[:, place] == 2).sum()),
                "covered": int((states[:, place] > 0).sum()),
                "states": "".join("-.m"[state] for state in states[order, place]),
            }
            for place, gene in enumerate(genes)
        ],
        "absent": [gene for gene in watched if gene not in held],
        "orders": {name: _descending(patients, name) for name in ("burden", "score")},
    }


def _sorted_by(run: Run, ids: Sequence[str]) -> tuple[list[Any], list[Any]]:
    """Return the burden of each patient, and the mean probability by ``chosen``, or else by the first model."""
    members = run.patients.set_index(run.patients["patient"].astype(str))
    burden = members["burden"].reindex(ids).tolist() if "burden" in members else [None] * len(ids)
    if in_pairs(run.out_of_fold) or not run.models:
        return plain(burden), [None] * len(ids)
    rows = run.out_of_fold[run.out_of_fold["model"] == (CHOSEN if CHOSEN in run.models else run.models[0])]
    mean = rows["probability"].astype(float).groupby(rows["patient"].astype(str)).mean()
    return plain(burden), plain(mean.reindex(ids).round(4).tolist())


def _descending(patients: Sequence[dict[str, Any]], name: str) -> list[int]:
    """Return the places of patients, responders first, then by a number from high to low; missing ones last."""

    def key(i: int) -> tuple[object, ...]:
        value = patients[i][name]
        return -patients[i]["response"], value is None, 0.0 if value is None else -value, i

    return sorted(range(len(patients)), key=key)


def _states(matrix: GeneMatrix, genes: Sequence[str]) -> npt.NDArray[np.int8]:
    """Return patients by genes: 2 mutated, 1 covered and not mutated, 0 not covered."""
    places = pd.Index(matrix.genes).get_indexer(list(genes))
    mutated = matrix.values[:, places].toarray() > 0
    states: npt.NDArray[np.int8] = 1 + mutated.astype(np.int8)
    states[~matrix.covered[:, places][matrix.assay_of]] = 0
    return states


def _most_carried_first(
    genes: Sequence[str], states: npt.NDArray[np.int8]
) -> tuple[list[str], npt.NDArray[np.int8]]:
    carriers = (states == 2).sum(axis=0)
    order = sorted(range(len(genes)), key=lambda i: (-carriers[i], genes[i]))
    return [genes[i] for i in order], states[:, order]


def _patient_order(
    states: npt.NDArray[np.int8], response: npt.NDArray[np.int_], shown: Sequence[str]
) -> list[int]:
    """Return responders first, then alike coverage together, then by mutation pattern.

    Ties are broken by pseudonym, so that nothing of the real order shows.
    """
    lacking = states == 0

    def key(i: int) -> tuple[object, ...]:
        return -response[i], lacking[i].sum(), tuple(lacking[i]), tuple(-states[i].astype(int)), shown[i]

    return sorted(range(len(shown)), key=key)


def carriers_content(matrix: GeneMatrix) -> dict[str, Any]:
    """Return how many genes there are, and in how few patients most of them are mutated."""
    carriers = matrix.carriers()
    few = 5
    return plain({"genes": len(matrix.genes), "few": few, "rare": int((carriers < few).sum())})  # type: ignore[no-any-return]
