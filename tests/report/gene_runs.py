"""Made-up tables about genes: contributions in three states, associations, silencing and what chance gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from trastuz_ml import schema
from trastuz_ml.store.run_folder import Run

MODELS = ("l2-logistic:both", "random-forest:both")
EXPORTED = "elastic-net:both"
LEVELS: dict[str, list[str]] = {"er_status": ["NEG", "POS"], "t_stage": ["T1", "T2", "T3", "T4"]}


def contributions(features: dict[str, str], patients: list[str], model: str, seed: int = 5) -> pd.DataFrame:
    """Return contributions of features (name to block): genes in three states, levels by their place, numbers."""
    rng, rows = np.random.default_rng(seed), []
    for feature, block in features.items():
        if block == schema.GENE:
            values = rng.choice([0.0, 1.0, np.nan], len(patients), p=[0.6, 0.25, 0.15])
            parts = np.where(np.isnan(values), -0.02, np.where(values > 0, -0.4, 0.1))
        elif feature in LEVELS:
            values = rng.integers(0, len(LEVELS[feature]), len(patients)).astype(float)
            values[1] = np.nan
            parts = np.nan_to_num(values, nan=0.5) / 20
        else:
            values = rng.normal(50, 9, len(patients)).round()
            values[0] = np.nan
            parts = (np.nan_to_num(values, nan=50.0) - 50) / 40
        rows.append(
            pd.DataFrame(
                {
                    "model": model, "patient": patients, "feature": feature, "block": block, "value": values,
                    "contribution": parts + rng.normal(0, 0.02, len(patients)), "spread": 0.01,
                }
            )
        )  # fmt: skip
    return schema.conform(pd.concat(rows, ignore_index=True), schema.CONTRIBUTIONS)


def associations(genes: list[str], watched: tuple[str, ...] = ("ANKRD44",)) -> pd.DataFrame:
    """Return associations: the first gene at q 0.01, the second without adjustment, the last untestable."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame(
        {
            "gene": genes, "watched": [gene in watched for gene in genes], "covered": 40, "carriers": 6,
            "responders": 12, "carriers_responding": 2, "odds_ratio": rng.lognormal(0, 1, len(genes)),
            "low": 0.1, "high": 9.0, "p": rng.uniform(0.06, 1, len(genes)), "q": 1.0,
            "q_discrete": 1.0, "adjusted_for": "mutational burden, ER status", "adjusted_low": 0.1,
            "adjusted_high": 8.0, "adjusted_q": 1.0, "length": np.nan, "length_rank": np.nan, "alike": "",
            "selected": 0.4, "false_selections": 3.0, "status": "",
        }
    )  # fmt: skip
    table["adjusted_odds_ratio"], table["adjusted_p"] = table["odds_ratio"], table["p"]
    table.loc[0, ["adjusted_odds_ratio", "adjusted_p", "adjusted_q"]] = [0.05, 0.0002, 0.01]
    table.loc[1, ["odds_ratio", "p", "adjusted_odds_ratio", "adjusted_p"]] = [np.inf, 0.03, np.nan, np.nan]
    table.loc[len(genes) - 1, ["odds_ratio", "p", "q", "adjusted_odds_ratio", "adjusted_p", "adjusted_q"]] = np.nan
    table.loc[len(genes) - 1, "status"] = "not evaluable: mutated in 0 of 40"
    return schema.conform(table, schema.ASSOCIATIONS)


def gene_contributions(features: dict[str, str], model: str) -> pd.DataFrame:
    """Return contributions per feature, the first feature leading; the intervals are of three ranks."""
    n = len(features)
    genes = [block == schema.GENE for block in features.values()]
    table = pd.DataFrame(
        {
            "model": model, "feature": list(features), "block": list(features.values()), "covered": 40,
            "carriers": [6 if gene else None for gene in genes], "alike": "", "folds_kept": 1.0,
            "folds_used": 0.9, "mean_abs": 1.0 / np.arange(1, n + 1), "mean_abs_low": 0.01, "mean_abs_high": 1.1,
            "when_mutated": [-0.3 if gene else np.nan for gene in genes], "when_mutated_low": -0.4,
            "when_mutated_high": -0.2, "sign_agreement": [0.9 if gene else np.nan for gene in genes],
            "rank": np.arange(1.0, n + 1), "rank_low": np.maximum(np.arange(n), 1.0),
            "rank_high": np.arange(2.0, n + 2), "scale": "log-odds", "status": "",
        }
    )  # fmt: skip
    return schema.conform(table, schema.GENE_CONTRIBUTIONS)


def silenced(gene: str, patients: list[str], models: tuple[str, ...] = MODELS) -> pd.DataFrame:
    """Return silencing of a gene in all but every fourth patient, who carries it; the last model never changes."""
    rows = [
        (gene, model, patient, "restored" if i % 4 == 0 else "silenced", 0.3,
         0.0 if model == models[-1] else (-0.05 if i % 4 == 0 else 0.04 + i / 1000), 0.01, 0.1)
        for model in models
        for i, patient in enumerate(patients)
    ]  # fmt: skip
    return schema.conform(pd.DataFrame(rows, columns=schema.SILENCED.names), schema.SILENCED)


def by_chance(observed: int = 18) -> pd.DataFrame:
    """Return counts of genes under 99 permutations, and a strictness that no gene ever meets."""
    rng = np.random.default_rng(8)
    rows = [("p <= 0.05", n, observed if n == 0 else int(rng.poisson(14))) for n in range(100)]
    rows += [("perfect: all patients", n, 0) for n in range(100)]
    return schema.conform(pd.DataFrame(rows, columns=schema.GENES_BY_CHANCE.names), schema.GENES_BY_CHANCE)


def with_coefficients(run: Run, seed: int = 6) -> Run:
    """Return the run with inputs for its features, and coefficients of its linear models."""
    rng, patients = np.random.default_rng(seed), [str(patient) for patient in run.patients["patient"]]
    inputs: dict[str, object] = {"patient": patients}
    rows: list[tuple[object, ...]] = []
    for feature in run.features:
        levels = feature["levels"]
        values = rng.integers(0, len(levels), len(patients)) if levels else rng.normal(50, 9, len(patients))
        inputs[feature["name"]] = np.where(rng.random(len(patients)) < 0.1, np.nan, values).astype(np.float32)
    for model in (name for name in run.models if name.startswith(("l2", "elastic", "clinical"))):
        rows.append((model, "", "intercept", "intercept", "", -1.1, np.nan, np.nan))
        for feature in run.features if "genes" not in model else ():
            about = model, feature["name"], feature["block"], feature["kind"]
            if feature["kind"] == "category":
                rows += [(*about, level, rng.normal(0, 0.3), 1 / len(feature["levels"]), 1.0)
                         for level in feature["levels"]]  # fmt: skip
            else:
                rows.append((*about, "", rng.normal(0, 0.3), 50.0, 9.0))
        genes = run.matrix.genes if ":" in model else ()
        rows += [(model, gene, schema.GENE, schema.GENE, "", rng.normal(0, 0.2), 0.1, 1.0) for gene in genes]
    table = pd.DataFrame(rows, columns=schema.COEFFICIENTS.names)
    return replace(
        run, coefficients=schema.conform(table, schema.COEFFICIENTS),
        inputs=pd.DataFrame(inputs).astype({"patient": "str"}),
    )  # fmt: skip


def with_genes(run: Run, *names: str) -> Run:
    """Return the run with every table about genes; ``names`` are further genes that lead, and levels of ER."""
    patients = [str(patient) for patient in run.patients["patient"]]
    features = {**dict.fromkeys(["ANKRD44", *names, "TP53"], schema.GENE), "age": schema.COVARIATE,
                **dict.fromkeys(LEVELS, schema.COVARIATE)}  # fmt: skip
    parts = contributions(features, patients, EXPORTED)
    total = parts.groupby("patient")["contribution"].sum()
    explained = pd.DataFrame(
        [
            {
                "model": EXPORTED, "repeat": repeat, "fold": 0, "patient": patient, "scale": "log-odds",
                "method": "linear", "base": -1.0, "output": -1.0 + total[patient], "gap": 0.0,
            }
            for patient in patients
            for repeat in (0, 1)
        ]
    ).reindex(columns=schema.EXPLAINED.names)  # fmt: skip
    genes = ["ANKRD44", *names, "TP53", "TTN", *(f"G{i}" for i in range(30)), "PPM1D"]
    sets = [(EXPORTED, name, 9, "TP53, ANKRD44", 8, 0.2, 0.1, 0.3, -0.2, "log-odds", "")
            for name in ("HER2 signalling", *names)]  # fmt: skip
    made = replace(
        run,
        contributions=parts,
        explained=schema.conform(explained, schema.EXPLAINED),
        gene_contributions=gene_contributions(features, EXPORTED),
        associations=associations(genes, watched=("ANKRD44", "PPM1D")),
        set_contributions=schema.conform(
            pd.DataFrame(sets, columns=schema.SET_CONTRIBUTIONS.names), schema.SET_CONTRIBUTIONS
        ),
        agreement=schema.conform(
            pd.DataFrame([(EXPORTED, MODELS[0], 30, 0.7, 5, 0.9)], columns=schema.AGREEMENT.names),
            schema.AGREEMENT,
        ),
        silenced=pd.concat([silenced(gene, patients) for gene in (*names, "ANKRD44")], ignore_index=True),
        genes_by_chance=by_chance(),
        features=[
            {"name": "age", "block": schema.COVARIATE, "kind": "number", "levels": [], "counts": []},
            *(
                {
                    "name": name,
                    "block": schema.COVARIATE,
                    "counts": [],
                    "kind": "category" if name == "er_status" else "number",
                    "levels": [*levels[: len(levels) - len(names)], *names] if name == "er_status" else levels,
                }
                for name, levels in LEVELS.items()
            ),
        ],
    )
    return with_coefficients(made)
