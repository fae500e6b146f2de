"""A finished run taken up again: its design, its plan, its tuning, and its models asked something new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml.errors import ConfigurationError, InputError
from trastuz_ml.explain.silencing import Silencing
from trastuz_ml.explain.silencing import silence as silence_genes
from trastuz_ml.learn.design import Design, Feature
from trastuz_ml.learn.engine import Engine
from trastuz_ml.learn.folds import SplitPlan, plan_of_json
from trastuz_ml.learn.refitting import Validated
from trastuz_ml.learn.tuning import Tuning
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run


def inputs_of(design: Design) -> dict[str, Any]:
    """Return what a run keeps of a design besides its genes: ``features`` and ``inputs`` of a :class:`Run`.

    Genes need not be kept twice: the run holds its gene matrix.
    """
    places = [j for j, feature in enumerate(design.features) if feature.block != GENE]
    features = [design.features[j] for j in places]
    values = {feature.name: design.X[:, j] for feature, j in zip(features, places, strict=True)}
    return {
        "features": [
            {
                "name": f.name, "block": f.block, "kind": f.kind, "levels": list(f.levels),
                "counts": list(f.counts),
            }
            for f in features
        ],
        "inputs": pd.DataFrame({"patient": np.array(design.patients, dtype=object), **values}).astype(
            {"patient": "str"}
        ),
    }  # fmt: skip


def design_of(run: Run) -> Design:
    """Return the design that a run was trained on, column for column.

    Raises
    ------
    InputError
        If the run does not keep its columns, or its tables do not belong together.
    """
    if not run.features:
        raise InputError(f"The run {run.name} does not keep what its models read: train again.")
    patients, genes = run.matrix.patients, [Feature(gene, GENE, "gene") for gene in run.matrix.genes]
    try:
        features = [
            Feature(f["name"], f["block"], f["kind"], tuple(f["levels"]), tuple(f["counts"])) for f in run.features
        ]
        rows = run.patients.set_index("patient").loc[list(patients)]
        inputs = run.inputs.set_index("patient").loc[list(patients), [feature.name for feature in features]]
        X = np.hstack([inputs.to_numpy(dtype=np.float32), run.matrix.dense()])
        response = rows["response"].to_numpy(dtype=np.int8, na_value=0)
        return Design(patients, (*features, *genes), X, response, rows["group"].to_numpy(dtype=np.str_))
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The tables of the run {run.name} do not belong together: {error!r}.") from error


def plan_of(run: Run) -> SplitPlan:
    """Return the split plan of a run.

    Raises
    ------
    InputError
        If the run keeps none, it was changed, or it is of other patients.
    """
    plan = plan_of_json(run.plan)
    if plan.patients != run.matrix.patients:
        raise InputError(f"The split plan of the run {run.name} is of other patients.")
    return plan


def tuning_of_run(run: Run) -> Tuning:
    """Return how a run tuned its models.

    Raises
    ------
    InputError
        If its configuration does not say.
    """
    try:
        said = run.configuration["validation"]
        return Tuning(
            int(said["inner_folds"]), int(said["min_carriers"]), int(said["seed"]), str(said["rule"]),
            said["class_weights"] == "balanced",
        )  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The run {run.name} does not say how it was validated: {error!r}. Train again."
        ) from error


def validated_of(run: Run) -> Validated:
    """Return what is needed to fit the models of a run's folds again.

    Raises
    ------
    InputError
        If the run does not keep it.
    """
    return Validated(design_of(run), plan_of(run), tuning_of_run(run), run.choices, run.out_of_fold)


def silence(
    run: Run,
    genes: Sequence[str],
    *,
    models: Sequence[str] | None = None,
    workers: int | Engine = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Silencing:
    """Silence genes in the patients of a saved run; see :func:`trastuz_ml.explain.silencing.silence`.

    Raises
    ------
    TrastuzError
        If the run holds no genes, keeps too little, or the genes cannot be silenced.
    """
    if not run.matrix.genes:
        raise ConfigurationError(f"Nobody was sequenced in the run {run.name}: there is no gene to silence.")
    return silence_genes(validated_of(run), run.matrix, genes, models=models, workers=workers, progress=progress)
