"""What an experiment knows of the items of TRIPOD+AI, in sentences for the card of its model."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from trastuz_ml.experiment.configuration import Experiment
from trastuz_ml.experiment.train import Trained
from trastuz_ml.learn.fitted import FittedModel
from trastuz_ml.store.bundle import ModelBundle
from trastuz_ml.store.run_folder import Run
from trastuz_ml.wording import count

# Findings that say who on the roster does not train, and why.
_LEFT_OUT = {
    "filtered-out": "by the filter of the roster",
    "not-sequenced": "because they were not sequenced",
    "response-missing": "without a response",
    "response-not-declared": "with a response that is neither of the declared values",
}


def said_of_items(trained: Trained, experiment: Experiment, bundle: ModelBundle) -> dict[str, str]:
    """Return what is known of each item; items that only the authors can answer are left out.

    Parameters
    ----------
    trained : Trained
        The run and its model.
    experiment : Experiment
        What was declared.
    bundle : ModelBundle
        The model to be stored.
    """
    run = trained.run
    return {
        **_of_the_data(trained, experiment),
        "20a": _flow(trained),
        **_of_the_analysis(run, experiment, trained.model),
        **_of_the_results(run, bundle),
    }


def _of_the_data(trained: Trained, experiment: Experiment) -> dict[str, str]:
    run, response = trained.run, experiment.roster.response
    sources = run.provenance["sources"]
    invented = "Simulated: the patients are invented. " if run.simulated else ""
    return {
        "1": f"Training and internal validation of a model of response ({response.column}): {trained.model.name}.",
        "4": experiment.purpose,
        "5a": f"{invented}{count(len(sources), 'file')}, named with their hashes under Data.",
        "6b": _eligibility(experiment),
        "7": _preparation(experiment),
        "8a": f"Column {response.column} of the roster: {_either(response.positive)} is the response, "
        f"{_either(response.negative)} is none. When and how it was assessed: not stated.",
        "9a": _candidates(experiment),
        "9b": "Names, levels and what counts as mutated are in features.json; covariates are declared as known "
        "before treatment. How each was measured: not stated.",
        "10": f"All patients who were eligible: {len(run.patients)}. A calculation beforehand: not stated.",
        "11": _missing(trained),
    }  # fmt: skip


def _eligibility(experiment: Experiment) -> str:
    roster = experiment.roster
    kept = [f"{name} is {_either(values)}" for name, values in roster.filter.items()]
    sequenced = [f"{name} is {_either(values)}" for name, values in roster.sequenced.items()]
    said = ["On the roster", *kept]
    if sequenced:
        said.append(f"sequenced ({', '.join(sequenced)})")
    return f"{', '.join(said)}, with a known response. Further criteria: not stated."


def _flow(trained: Trained) -> str:
    """Return how many were left out and why, in numbers alone: the findings themselves name patients."""
    findings = trained.cohort.findings
    left = findings[findings["code"].isin(_LEFT_OUT)].groupby("code", sort=True)["count"].sum()
    said = [f"{count(int(number), 'patient')} left out {_LEFT_OUT[str(code)]}" for code, number in left.items()]
    return f"{'; '.join([*said, f'{len(trained.run.patients)} kept'])}."


def _preparation(experiment: Experiment) -> str:
    if experiment.calls is None:
        return "No calls were read."
    settings, filters = experiment.features, experiment.calls.filters
    return (
        f"Genes as {settings.encoding}, of calls that are {_either(settings.effects)}; each call of a patient "
        f"once; FILTER {_either(filters.words)}, depth from {filters.min_depth}, reads of the variant from "
        f"{filters.min_alt_reads}, variant allele fraction from {filters.min_vaf:g}, population frequency up to "
        f"{filters.max_population_frequency:g}. Names of genes as in gene_names.tsv.gz."
    )


def _candidates(experiment: Experiment) -> str:
    declared = experiment.roster.predictors()
    covariates = f"Covariates declared before fitting: {', '.join(declared)}. " if declared else "No covariates. "
    if experiment.calls is None:
        return covariates.strip()
    least = experiment.validation.min_carriers
    return f"{covariates}All genes with at least {least} carriers in the training fold."


def _missing(trained: Trained) -> str:
    features, X = trained.design.features, trained.design.X
    unknown = {
        f.name: int(np.isnan(X[:, j]).sum()) for j, f in enumerate(features) if f.block != "gene" and len(X)
    }
    gaps = [f"{name} in {number}" for name, number in unknown.items() if number]
    said = f"Not known: {', '.join(gaps)}." if gaps else "No covariate is missing."
    if trained.model.preparation.complete:
        return f"{said} What is missing takes the mean of the training fold, genes that were not covered too."
    return (
        f"{said} A missing covariate takes the mean of the training fold. A gene that was not covered stays "
        "missing: the prediction is the expectation over both branches."
    )


def _of_the_analysis(run: Run, experiment: Experiment, model: FittedModel) -> dict[str, str]:
    plan, settings = run.provenance["plan"], experiment.validation
    weighted = settings.class_weights == "balanced"
    rate = run.patients["response"].astype(float).mean()
    strata = sorted(set(run.stratum_scores["covariate"].astype(str))) if len(run.stratum_scores) else []
    names = [name for name in run.models if name != "chosen"]
    said = {
        "12a": f"All patients train the stored model; scores are of patients left out: {plan['words']}",
        "12b": "Carrier filter, completion of what is missing, scaling, selection, hyperparameters and threshold "
        "are fitted inside the training folds.",
        "12c": f"{count(len(names), 'competing procedure')} ({', '.join(names)}); hyperparameters by "
        f"{settings.inner_folds} inner folds, rule {settings.rule}; stored: {model.name}, export: "
        f"{experiment.export}. Internal validation by nested cross-validation.",
        "12e": f"{', '.join(dict.fromkeys(run.scores['score'].astype(str)))}; intervals where they can be given.",
        "12g": "Each patient by models that had not seen them.",
        "13": f"{rate:.0%} respond. "
        + ("Classes weighted to equal size in fitting." if weighted else "No weights, no resampling."),
        "14": f"Scores within {', '.join(strata)}, under Scores within strata." if strata else "",
        "18f": f"trastuz-ml {run.provenance['code']['version']}, sha256 of its code "
        f"{run.provenance['code']['sha256']}.",
    }
    if experiment.roster.group:
        said["12d"] = f"Patients who share {experiment.roster.group} never straddle a split."
    return said


def _of_the_results(run: Run, bundle: ModelBundle) -> dict[str, str]:
    line, share = bundle.recalibration, 1 - bundle.miss_rate
    sets = bundle.conformal.refused(bundle.miss_rate)
    recalibrated = (
        f"Refused: {line.refusal}."
        if line.refusal
        else f"Recalibrated log-odds are {line.intercept:.3f} + {line.slope:.3f} times the predicted ones, by "
        f"{line.patients} patients when they were left out."
    )
    return {
        "15": f"Probability of response. A patient is called a responder from {bundle.model.threshold:.3f}, "
        f"picked inside the training data. Conformal sets of {share:.0%} a class: "
        f"{f'refused, {sets}' if sets else 'given'}.",
        "12f": "A line on the log-odds, by predictions of patients left out; the model's own output is kept.",
        "16": "None: validation is internal, by patients of the same cohort.",
        "20b": "In counts, in worth.json.",
        "21": f"{len(run.patients)} patients, {int(run.patients['response'].sum())} with the response.",
        "22": "The whole model is in features.json and the file of the model; nothing else is needed to predict.",
        "23a": "Under Scores.",
        "23b": "Under Scores within strata." if len(run.stratum_scores) else "",
        "24": recalibrated,
        "26": "Under What it must not be used for.",
        "27a": "Genes that were not covered are counted as such, never as intact. No probability is given where "
        f"less than {bundle.abstain_below:.0%} of the model's weight was measured.",
    }  # fmt: skip


def _either(values: Iterable[object] | None) -> str:
    return " or ".join(str(value) for value in values or ()) or "any"
