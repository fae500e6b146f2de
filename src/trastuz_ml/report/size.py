"""What so many patients can tell, whatever the models say: smallest p, expected intervals, features, carriers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from trastuz_ml.report.answer import AUROC, CHOSEN
from trastuz_ml.report.plain import plain
from trastuz_ml.schema import COVARIATE
from trastuz_ml.stats import size
from trastuz_ml.stats.gene_power import carriers_needed, detectable_odds_ratio
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import count, number, p_value, span

ALPHA = 0.05
AREAS = (0.6, 0.7, 0.8)
CARRIERS = (1, 2, 3, 5, 8, 10, 15, 20, 30)


def size_content(run: Run) -> dict[str, Any]:
    """Return what the number of patients allows to be told, from the run's tables alone.

    Returns
    -------
    dict
        ``sentences``; ``smallest_p`` (``arrangements``, ``refitted``, ``within``: covariates within whose levels
        responses were permuted); ``aucs`` (intervals to expect); ``observed`` (that of the headline, or ``None``);
        ``smallest_auc`` that is told from 0.5; ``features`` (coefficients allowed by Riley et al. 2019 and the
        patients that the covariates need); ``parameters`` (coefficients of the covariates); ``carriers`` (smallest
        odds ratio that is detected in 80 %, in each direction, and how many genes have at least so many).
        Empty lists where a class is missing.

    Notes
    -----
    Hanley and McNeil (1982); Riley et al. (2019), Stat Med 38:1276; the gene table counts every outcome of
    Fisher's test: :mod:`trastuz_ml.stats.gene_power`.
    """
    response = run.patients["response"].dropna().astype(int)
    patients, responders = len(response), int(response.sum())
    others = patients - responders
    if not responders or not others:
        return {
            "sentences": ["One class of response only: nothing can be told."], "smallest_p": None, "aucs": [],
            "observed": None, "smallest_auc": None, "features": [], "parameters": 0, "carriers": [], "needed": {},
        }  # fmt: skip
    within, strata = _strata(run)
    p = size.smallest_p(strata)
    aucs = [(area, size.expected_auc_interval(area, responders, others)) for area in AREAS]
    smallest_auc = size.smallest_auc_above_chance(responders, others)
    parameters = _parameters(run)
    needed = {
        "response": carriers_needed(responders, patients, ALPHA),
        "resistance": carriers_needed(others, patients, ALPHA),
    }
    content = {
        "smallest_p": {"arrangements": min(p.arrangements, 10**15), "refitted": p.refitted, "within": within},
        "aucs": [{"area": area, "low": end.low, "high": end.high} for area, end in aucs],
        "observed": _observed(run),
        "smallest_auc": smallest_auc,
        "features": [_allowed(area, patients, responders / patients, parameters) for area in (*AREAS, None)],
        "parameters": parameters,
        "carriers": _carrier_rows(run, patients, responders),
        "needed": needed,
    }
    return plain({"sentences": _sentences(content, patients, responders, run), **content})  # type: ignore[no-any-return]


def _strata(run: Run) -> tuple[list[str], list[tuple[int, int]]]:
    """Return the covariates within whose levels responses were permuted, and (responders, patients) of each."""
    asked = (run.configuration.get("permutation") or {}).get("within") or ()
    names = [str(name) for name in asked if name in run.patients.columns]
    members = run.patients.dropna(subset=["response"])
    if not names:
        return [], [(int(members["response"].sum()), len(members))]
    label = members[names].astype("str").fillna("").agg("\t".join, axis=1)
    counted = members["response"].astype(int).groupby(label.to_numpy()).agg(["sum", "size"])
    return names, [(int(row[0]), int(row[1])) for row in counted.to_numpy()]


def _parameters(run: Run) -> int:
    """Return how many coefficients the covariates have: one a number, one a level but the first."""
    covariates = [feature for feature in run.features if feature["block"] == COVARIATE]
    return sum(
        max(len(feature["levels"]) - 1, 1) if feature["kind"] == "category" else 1 for feature in covariates
    )


def _observed(run: Run) -> dict[str, Any] | None:
    rows = run.scores[(run.scores["score"] == AUROC) & (run.scores["model"] == CHOSEN)]
    if rows.empty or rows["low"].isna().all():
        return None
    return {name: float(rows[name].iloc[0]) for name in ("estimate", "low", "high")}


def _allowed(area: float | None, patients: int, rate: float, parameters: int) -> dict[str, Any]:
    """Return the coefficients that the cohort allows at an expected AUC; none known: 15 % of the largest R2."""
    r2 = size.UNKNOWN_SHARE * size.largest_cox_snell(rate) if area is None else size.cox_snell_of_auc(area, rate)
    return {
        "area": area,
        "r2": r2,
        "allowed": size.parameters_allowed(patients, rate, r2),
        "needed": size.riley_size(parameters, rate, r2).patients if parameters else None,
    }


def _carrier_rows(run: Run, patients: int, responders: int) -> list[dict[str, Any]]:
    carriers = run.matrix.carriers()
    if not len(carriers):
        return []
    rows = []
    for k in (k for k in CARRIERS if k < patients):
        towards = detectable_odds_ratio(k, responders, patients, alpha=ALPHA)
        against = detectable_odds_ratio(k, patients - responders, patients, alpha=ALPHA)
        rows.append(
            {
                "carriers": k,
                "genes": int(np.sum(carriers >= k)),
                "response": towards,
                "resistance": None if against is None else 1 / against,
            }
        )
    return rows


def _sentences(content: Mapping[str, Any], patients: int, responders: int, run: Run) -> list[str]:
    p, middle = content["smallest_p"], content["aucs"][1]
    within = f" within the levels of {' and '.join(p['within'])}" if p["within"] else ""
    least = p_value(max(p["refitted"], 0.001))
    said = [
        f"{count(patients, 'patient')}, {responders:,} responding: around an AUROC of 0.70 a 95 % interval of "
        f"{span(middle['low'], middle['high'])} is to be expected, before cross-validation makes it wider."
    ]
    if content["smallest_auc"] is None:
        said.append("No AUROC, not even 1, can be told from 0.5.")
    else:
        said.append(f"An AUROC below {number(content['smallest_auc'])} cannot be told from chance.")
    said.append(
        f"Permuting the responses{within}, the smallest p that can be reached is {least}"
        f"{' or less' if p['refitted'] < 0.001 else ''}."
    )
    if content["parameters"]:
        row = content["features"][1]
        said.append(
            f"For {count(content['parameters'], 'coefficient')} of covariates and an AUROC of 0.70, Riley et al. "
            f"(2019) ask for {count(row['needed'], 'patient')}; these allow {row['allowed']:,}."
        )
    if len(run.matrix.genes):
        said.append(_carriers_sentence(content["needed"]))
    return said


def _carriers_sentence(needed: Mapping[str, int | None]) -> str:
    def of(direction: str) -> str:
        fewest = needed[direction]
        return "no number would do" if fewest is None else f"{count(fewest, 'carrier')} at least"

    return (
        f"For one gene declared before fitting, p ≤ 0.05 needs {of('response')} towards response, and "
        f"towards resistance {of('resistance')}."
    )
