"""A finished run on disk: the tables from which every score, figure and sentence is made."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from trastuz_ml import schema
from trastuz_ml.errors import InputError
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.files import require_free
from trastuz_ml.store.damage import damage_of

FORMAT = 4
# Settings that say where things are, not what was done.
_WHERE = frozenset({"data", "tracking"})
_TABLES: dict[str, schema.Table] = {
    "findings": schema.FINDINGS,
    "out_of_fold": schema.OUT_OF_FOLD,
    "choices": schema.CHOICES,
    "inner_errors": schema.INNER_ERRORS,
    "scores": schema.SCORES,
    "comparisons": schema.COMPARISONS,
    "contributions": schema.CONTRIBUTIONS,
    "explained": schema.EXPLAINED,
    "gene_contributions": schema.GENE_CONTRIBUTIONS,
    "associations": schema.ASSOCIATIONS,
    "permuted": schema.PERMUTED,
    "chance": schema.CHANCE,
    "stratum_scores": schema.STRATUM_SCORES,
    "decisions": schema.DECISIONS,
    "learning_curve": schema.LEARNING_CURVE,
    "optimism": schema.OPTIMISM,
    "influence": schema.INFLUENCE,
    "set_contributions": schema.SET_CONTRIBUTIONS,
    "agreement": schema.AGREEMENT,
    "silenced": schema.SILENCED,
    "genes_by_chance": schema.GENES_BY_CHANCE,
    "coefficients": schema.COEFFICIENTS,
    "row_fates": schema.ROW_FATES,
}


@dataclass(frozen=True, eq=False)
class Run:
    """What a run of an experiment left behind.

    Attributes
    ----------
    name : str
        Name of the experiment.
    simulated : bool
        Whether its patients are invented; then every output says so.
    configuration : mapping
        The experiment as it was run, plain JSON values.
    provenance : mapping
        ``sources`` (name, sha256, rows), ``versions``, ``code``, ``plan`` (fingerprint, kind, repeats, folds,
        ``words`` and ``why``) and ``exported`` (the model that was stored).
    patients : pandas.DataFrame
        One row a patient with its real identifier: ``patient``, ``response``, ``group``, ``assay``,
        ``burden`` and the covariates.
    matrix : GeneMatrix
        The features, three-state.
    findings, out_of_fold, choices, inner_errors, scores, comparisons, contributions, explained, \
gene_contributions, associations : pandas.DataFrame
        Tables as declared in :mod:`trastuz_ml.schema`.
    permuted, chance, stratum_scores, decisions, learning_curve, optimism, influence, set_contributions, \
agreement, silenced, genes_by_chance : pandas.DataFrame
        The same; without rows where the experiment did not ask for them, or the patients do not allow them.
    coefficients : pandas.DataFrame
        :data:`trastuz_ml.schema.COEFFICIENTS`: the linear models fitted on everybody, all that is needed to
        compute what they say (:func:`trastuz_ml.learn.coefficients.probability_of`).
    row_fates : pandas.DataFrame
        :data:`trastuz_ml.schema.ROW_FATES`: what became of the rows of calls, each row counted once; without rows
        where the experiment has no calls.
    plan : mapping
        The split plan as :meth:`trastuz_ml.learn.folds.SplitPlan.as_json` gives it, with real identifiers: for
        another experiment to be validated on the same folds.
    features : sequence of mapping
        The columns of the design that are no genes, as plain JSON values: ``name``, ``block``, ``kind``,
        ``levels`` and ``counts`` of :class:`trastuz_ml.learn.design.Feature`. With ``inputs`` and ``matrix`` the
        design can be laid out again (:func:`trastuz_ml.experiment.saved.design_of`).
    inputs : pandas.DataFrame
        ``patient`` with its real identifier, and the values of those columns in their order, float32.
    """

    name: str
    simulated: bool
    configuration: Mapping[str, Any]
    provenance: Mapping[str, Any]
    patients: pd.DataFrame
    matrix: GeneMatrix
    findings: pd.DataFrame
    out_of_fold: pd.DataFrame
    choices: pd.DataFrame
    inner_errors: pd.DataFrame
    scores: pd.DataFrame
    comparisons: pd.DataFrame
    contributions: pd.DataFrame
    explained: pd.DataFrame
    gene_contributions: pd.DataFrame
    associations: pd.DataFrame
    permuted: pd.DataFrame = field(default_factory=partial(schema.empty, schema.PERMUTED))
    chance: pd.DataFrame = field(default_factory=partial(schema.empty, schema.CHANCE))
    stratum_scores: pd.DataFrame = field(default_factory=partial(schema.empty, schema.STRATUM_SCORES))
    decisions: pd.DataFrame = field(default_factory=partial(schema.empty, schema.DECISIONS))
    learning_curve: pd.DataFrame = field(default_factory=partial(schema.empty, schema.LEARNING_CURVE))
    optimism: pd.DataFrame = field(default_factory=partial(schema.empty, schema.OPTIMISM))
    influence: pd.DataFrame = field(default_factory=partial(schema.empty, schema.INFLUENCE))
    set_contributions: pd.DataFrame = field(default_factory=partial(schema.empty, schema.SET_CONTRIBUTIONS))
    agreement: pd.DataFrame = field(default_factory=partial(schema.empty, schema.AGREEMENT))
    silenced: pd.DataFrame = field(default_factory=partial(schema.empty, schema.SILENCED))
    genes_by_chance: pd.DataFrame = field(default_factory=partial(schema.empty, schema.GENES_BY_CHANCE))
    coefficients: pd.DataFrame = field(default_factory=partial(schema.empty, schema.COEFFICIENTS))
    row_fates: pd.DataFrame = field(default_factory=partial(schema.empty, schema.ROW_FATES))
    plan: Mapping[str, Any] = field(default_factory=dict)
    features: Sequence[Mapping[str, Any]] = ()
    inputs: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"patient": pd.Series(dtype="str")}))
    folder: Path | None = field(default=None)

    @property
    def models(self) -> list[str]:
        """Catalogue names of the models, in the order of the experiment; ``chosen`` first."""
        return [str(model) for model in self.out_of_fold["model"].unique()]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of what was asked and of every left-out prediction: two runs that share it are the same run.

        Where the data lie and where the run is tracked do not belong to it.
        """
        asked = asked_of(self.configuration)
        digest = hashlib.sha256(json.dumps(asked, sort_keys=True, ensure_ascii=True).encode())
        table = schema.conform(self.out_of_fold, schema.OUT_OF_FOLD)
        for name in table.columns:
            column = table[name]
            numeric = pd.api.types.is_numeric_dtype(column)
            words = (
                column.to_numpy(dtype=np.float64, na_value=np.nan) + 0.0 if numeric else column.astype("object")
            )
            values = (
                words.tobytes() if numeric else "\0".join("" if pd.isna(w) else str(w) for w in words).encode()
            )
            digest.update(f"\0{name}\0{len(values)}\0".encode() + values)
        return digest.hexdigest()

    @property
    def watched(self) -> pd.DataFrame:
        """Associations of the genes that were declared before fitting, in the order of the declaration."""
        declared = {str(gene): place for place, gene in enumerate(self.configuration.get("watch", ()))}
        rows = self.associations[self.associations["watched"].fillna(False).astype(bool)]
        order = rows["gene"].map(lambda gene: declared.get(str(gene), len(declared))).to_numpy()
        return rows.iloc[order.argsort(kind="stable")].reset_index(drop=True)

    def save(self, folder: Path, *, force: bool = False) -> None:
        """Write the run to a folder; it appears complete or not at all.

        Raises
        ------
        OutputExistsError
            If the folder is there and ``force`` is false.
        """
        require_free(folder, force=force)
        partial = folder.with_name(f".{folder.name}.{os.getpid()}.part")
        try:
            self._write(partial)
            replace_folder(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _write(self, partial: Path) -> None:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, table in _TABLES.items():
            schema.conform(getattr(self, name), table).to_parquet(partial / f"{name}.parquet", index=False)
        self.scores.to_csv(partial / "scores.tsv", sep="\t", index=False, lineterminator="\n")
        self.findings.to_csv(partial / "findings.tsv", sep="\t", index=False, lineterminator="\n")
        self.patients.to_parquet(partial / "patients.parquet", index=False)
        self.inputs.to_parquet(partial / "inputs.parquet", index=False)
        self.matrix.save(partial / "matrix.parquet")
        about = {
            "format": FORMAT,
            "name": self.name,
            "simulated": self.simulated,
            "configuration": self.configuration,
            "provenance": self.provenance,
        }
        for name, content in (("plan", self.plan), ("features", list(self.features))):
            (partial / f"{name}.json").write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
        (partial / "run.json").write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path) -> Run:
        """Read a run that :meth:`save` wrote; a bare name is looked up under ``runs/``.

        Raises
        ------
        InputError
            If there is no run there, a table is missing or damaged, or the tables contradict each other.
        """
        path = Path(folder)
        if not (path / "run.json").is_file() and (Path("runs") / path / "run.json").is_file():
            path = Path("runs") / path
        if not (path / "run.json").is_file():
            raise InputError(f"{folder} is not a run: no run.json in it. Make one with `trastuz-ml train`.")
        try:
            about = json.loads((path / "run.json").read_text(encoding="utf-8"))
            if about["format"] != FORMAT:
                raise InputError(
                    f"The run {path} has format {about['format']}, and this version reads {FORMAT}: train again."
                )
            tables = {
                name: schema.conform(pd.read_parquet(path / f"{name}.parquet"), table)
                for name, table in _TABLES.items()
            }
            patients = pd.read_parquet(path / "patients.parquet")
            inputs = pd.read_parquet(path / "inputs.parquet")
            plan, features = (
                json.loads((path / f"{name}.json").read_text(encoding="utf-8")) for name in ("plan", "features")
            )
            run = cls(
                about["name"], about["simulated"], about["configuration"], about["provenance"], patients,
                GeneMatrix.load(path / "matrix.parquet"), **tables, plan=plan, features=features,
                inputs=inputs, folder=path,
            )  # fmt: skip
            damage = damage_of(run)
        except (OSError, KeyError, TypeError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(f"The run {path} is damaged: {error!r}. Train again.") from error
        if damage:
            raise InputError(f"The run {path} is damaged: {damage}. Train again.")
        return run


def asked_of(configuration: Mapping[str, Any]) -> dict[str, Any]:
    """Return what an experiment asks: its settings without those that say where things are.

    Examples
    --------
    >>> asked_of({"name": "demo", "data": "/somewhere"})
    {'name': 'demo'}
    """
    return {key: value for key, value in configuration.items() if key not in _WHERE}


def replace_folder(partial: Path, folder: Path) -> None:
    """Put a finished folder in its place, removing an older one only after the new one stands ready."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    partial.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
