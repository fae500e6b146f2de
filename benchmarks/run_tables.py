"""Print the tables of finished runs as Markdown, as docs/transneo.md shows them; arguments: runs."""

from __future__ import annotations

import sys
from collections.abc import Iterable

import pandas as pd

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.explain.certificate import Certificate
from trastuz_ml.report.certificates import certificates_of
from trastuz_ml.store.run_folder import Run

SCORES = ("AUROC", "Brier score", "calibration intercept", "calibration slope", "MCC")
CURVES = ("chosen", "clinical-only", "l2-logistic:both")
THRESHOLDS = (0.1, 0.2, 0.3, 0.4, 0.5)


def number(value: float, digits: int = 2) -> str:
    if pd.isna(value):
        return "–"
    return "∞" if value == float("inf") else f"{value:.{digits}f}"


def ranged(value: float, low: float, high: float, digits: int = 2) -> str:
    alone = number(value, digits)
    return alone if pd.isna(low) else f"{alone} ({number(low, digits)} to {number(high, digits)})"


def p_value(value: float) -> str:
    return "< 0.001" if value < 0.001 else number(value, 3)


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    names = list(header)
    lines = [names, ["---"] * len(names), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def score_rows(run: Run) -> Iterable[list[str]]:
    compared = run.comparisons.set_index("model")
    for model in run.models:
        of = run.scores[run.scores["model"] == model].set_index("score")
        cells = [ranged(*of.loc[score, ["estimate", "low", "high"]]) for score in SCORES]
        if model in compared.index:
            row = compared.loc[model]
            cells += [
                ranged(row["difference"], row["low"], row["high"], 3),
                p_value(row["p"]),
                p_value(row["p_holm"]),
            ]
        else:
            cells += ["", "", ""]
        yield [model, *cells]


def chance_rows(run: Run) -> Iterable[list[str]]:
    for row in run.chance.itertuples():
        yield [
            row.permuted,
            row.model,
            number(row.observed, 3),
            number(row.null_mean, 3),
            p_value(row.p),
            row.method,
        ]


def stratum_rows(run: Run, strata: list[tuple[str, str]]) -> Iterable[list[str]]:
    rows = run.stratum_scores.set_index(["model", "covariate", "level"])
    for model in run.models:
        yield [model, *(ranged(*rows.loc[(model, *s), ["auroc", "low", "high"]]) for s in strata)]


def benefit_rows(run: Run) -> Iterable[list[str]]:
    curves = run.decisions.assign(threshold=run.decisions["threshold"].round(2)).set_index(["model", "threshold"])
    for at in THRESHOLDS:
        shown = [(model, at) for model in CURVES]
        cells = [
            ranged(*curves.loc[key, ["net_benefit", "low", "high"]], 3) if key in curves.index else "–"
            for key in shown
        ]
        everybody = next((curves.loc[key, "treat_all"] for key in shown if key in curves.index), float("nan"))
        yield [f"{at}", number(everybody, 3), *cells]


def certificate_row(certificate: Certificate) -> list[str]:
    found = certificate.association
    carriers, covered = int(found["carriers"]), int(found["covered"])
    others = int(found["responders"]) - int(found["carriers_responding"])
    return [
        certificate.gene,
        certificate.verdict,
        f"{int(found['carriers_responding'])} of {carriers}",
        f"{others} of {covered - carriers}",
        ranged(found["odds_ratio"], found["low"], found["high"]),
        p_value(found["p"]) if not pd.isna(found["p"]) else "–",
        ranged(found["adjusted_odds_ratio"], found["adjusted_low"], found["adjusted_high"]),
        p_value(found["adjusted_p"]) if not pd.isna(found["adjusted_p"]) else "–",
        number(found["adjusted_q"]),
    ]


def moved_rows(certificates: Iterable[Certificate]) -> Iterable[list[str]]:
    for certificate in certificates:
        used = certificate.contributions
        for row in used[used["folds_used"] > 0].itertuples():
            agreeing = "–" if pd.isna(row.sign_agreement) else f"{100 * row.sign_agreement:.0f} %"
            cell = ranged(row.when_mutated, row.when_mutated_low, row.when_mutated_high, 3)
            yield [certificate.gene, row.model, f"{cell} {row.scale}", agreeing]


def say_genes(run: Run) -> None:
    """Print what the program says of the genes declared before fitting; what it says of each model as a table."""
    try:
        certificates = certificates_of(run)
    except ConfigurationError:  # no model sees genes
        return
    if not certificates:
        return
    print("\nGenes declared before fitting:\n")
    adjusted = next(
        (str(c.association["adjusted_for"]) for c in certificates if c.association["adjusted_for"]), ""
    )
    header = [
        "gene", "verdict", "carriers responding", "others responding", "odds ratio of response", "Fisher p",
        "adjusted odds ratio", "adjusted p", "q",
    ]  # fmt: skip
    print(table(header, map(certificate_row, certificates)))
    if adjusted:
        print(f"\nAdjusted for {adjusted}; q: adjusted p among all genes that can be tested.")
    for certificate in certificates:
        print(f"\n**{certificate.gene}: {certificate.verdict}.** {certificate.why}\n")
        models = ("It moves no held-out", *(f"{name} " for name in certificate.contributions["model"]))
        print("\n".join(f"- {said}" for said in certificate.sentences if not said.startswith(models)))
    moved = list(moved_rows(certificates))
    if moved:
        print("\nHeld-out contributions (SHAP) of the models that use these genes:\n")
        print(table(["gene", "model", "mean over carriers (over repeats)", "folds with that sign"], moved))


def say(run: Run) -> None:
    print(
        f"\n## {run.name}\n\n{len(run.patients)} patients, {int(run.patients['response'].sum())} responders; ",
        end="",
    )
    print(f"{run.provenance['plan']['words']}.\n")
    gain = ["AUROC minus clinical-only", "p", "p (Holm)"]
    print(table(["model", *SCORES, *gain], score_rows(run)))
    if len(run.chance):
        print("\nPermutations, everything refitted; `observed` is on the folds of the permutations:\n")
        header = ["permuted", "model", "observed", "mean when permuted", "p", "how"]
        print(table(header, chance_rows(run)))
    if len(run.stratum_scores):
        first = run.stratum_scores[run.stratum_scores["model"] == run.models[0]]
        strata = list(zip(first["covariate"], first["level"], strict=True))
        counts = zip(first["responders"], first["patients"], strict=True)
        titles = [f"{c} {v} ({r} of {n})" for (c, v), (r, n) in zip(strata, counts, strict=True)]
        print("\nAUROC within strata (responders of patients); these intervals are too short:\n")
        print(table(["model", *titles], stratum_rows(run, strata)))
    print("\nNet benefit per patient; treating nobody is 0:\n")
    print(table(["threshold", "treat all", *CURVES], benefit_rows(run)))
    ledger = run.optimism[(run.optimism["model"] == "chosen") | run.optimism["step"].str.contains("select|best")]
    print("\nOptimism, step by step:\n")
    rows = ([r.step, r.model, number(r.auroc)] for r in ledger.itertuples())
    print(table(["what was done", "model", "AUROC"], rows))
    say_genes(run)


if __name__ == "__main__":
    for name in sys.argv[1:]:
        say(Run.load(name))
