"""The GeneMatrix: patients by genes in three states - mutated, covered and not mutated, not covered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.sparse as sp

from trastuz_ml.errors import InputError, OutputExistsError
from trastuz_ml.files import whole_file

FORMAT = 1


@dataclass(frozen=True, eq=False)
class GeneMatrix:
    """Patients by genes, sparse where nothing is mutated, and honest where nothing was sequenced.

    Attributes
    ----------
    patients : tuple of str
        Row names, sorted.
    genes : tuple of str
        Column names, sorted: genes, or gene sets with the encoding ``gene-sets``.
    values : scipy.sparse.csr_array of shape (n_patients, n_genes)
        What the encoding says of mutated genes, float32; nothing stored elsewhere.
    assay_of : array of shape (n_patients,)
        Row of ``covered`` that holds for each patient.
    covered : array of bool, shape (n_assays, n_genes)
        Whether the assay sequences the gene.
    encoding : str
        One of :data:`trastuz_ml.schema.ENCODINGS`.
    effects : tuple of str
        What was counted: effect classes, or the elements of a mask (``missense(revel>=0.5)``).
    provenance : mapping
        Sources and their hashes.
    """

    patients: tuple[str, ...]
    genes: tuple[str, ...]
    values: sp.csr_array
    assay_of: npt.NDArray[np.intp]
    covered: npt.NDArray[np.bool_]
    encoding: str
    effects: tuple[str, ...]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __eq__(self, other: object) -> bool:
        """Two matrices are equal when names, states, encoding, effects and provenance are."""
        if not isinstance(other, GeneMatrix):
            return NotImplemented
        return (
            self.patients == other.patients
            and self.genes == other.genes
            and self.encoding == other.encoding
            and self.effects == other.effects
            and dict(self.provenance) == dict(other.provenance)
            and np.array_equal(self.covered[self.assay_of], other.covered[other.assay_of])
            and (self.values != other.values).nnz == 0
        )

    __hash__ = None  # type: ignore[assignment]

    @property
    def shape(self) -> tuple[int, int]:
        """Number of patients and of genes."""
        return len(self.patients), len(self.genes)

    def dense(self) -> npt.NDArray[np.float32]:
        """Return the matrix as a learner takes it: float32, NaN for *not covered* and for nothing else."""
        matrix: npt.NDArray[np.float32] = self.values.toarray().astype(np.float32)
        matrix[~self.covered[self.assay_of]] = np.nan
        return matrix

    def carriers(self) -> npt.NDArray[np.intp]:
        """Return the number of patients in whom each gene is mutated, shape (n_genes,)."""
        return np.asarray((self.values > 0).sum(axis=0)).ravel().astype(np.intp)

    def covered_patients(self) -> npt.NDArray[np.intp]:
        """Return the number of patients in whom each gene was sequenced, shape (n_genes,)."""
        per_assay = np.bincount(self.assay_of, minlength=len(self.covered))
        counts: npt.NDArray[np.intp] = per_assay @ self.covered
        return counts

    def frame(self) -> pd.DataFrame:
        """Return the matrix as a frame, patients by genes, NaN where not covered."""
        return pd.DataFrame(self.dense(), index=pd.Index(self.patients, name="patient"), columns=list(self.genes))

    def rows(self, patients: Sequence[str]) -> GeneMatrix:
        """Return the matrix of some of the patients, in the given order."""
        place = {patient: i for i, patient in enumerate(self.patients)}
        absent = [p for p in patients if p not in place]
        if absent:
            raise InputError(f"The gene matrix has no row for {', '.join(absent[:5])}.")
        keep = np.array([place[p] for p in patients], dtype=np.intp)
        return GeneMatrix(
            tuple(patients), self.genes, self.values[keep], self.assay_of[keep], self.covered,
            self.encoding, self.effects, self.provenance,
        )  # fmt: skip

    def save(self, path: Path, *, force: bool = False) -> None:
        """Write the mutated cells as Parquet (patient, gene, value) and all else as a JSON sidecar.

        The sidecar stands beside the Parquet file, with the ending ``.json``. Both are written under a
        temporary name first, so that an interruption leaves nothing half-written.

        Raises
        ------
        OutputExistsError
            If one of the files is there and ``force`` is false.
        """
        sidecar = path.with_suffix(".json")
        for output in (path, sidecar):
            if output.exists() and not force:
                raise OutputExistsError(f"{output} is already there; give --force to replace it.")
        path.parent.mkdir(parents=True, exist_ok=True)
        triplets = self.values.tocoo()
        cells = pd.DataFrame(
            {
                "patient": pd.Categorical.from_codes(triplets.row, categories=list(self.patients)),
                "gene": pd.Categorical.from_codes(triplets.col, categories=list(self.genes)),
                "value": triplets.data.astype(np.float32),
            }
        )
        about = {
            "format": FORMAT,
            "encoding": self.encoding,
            "effects": list(self.effects),
            "patients": list(self.patients),
            "genes": list(self.genes),
            "assay_of": self.assay_of.tolist(),
            "not_covered": [np.flatnonzero(~row).tolist() for row in self.covered],
            "provenance": dict(self.provenance),
        }
        with whole_file(sidecar) as partial_sidecar, whole_file(path) as partial:
            cells.astype({"patient": "str", "gene": "str"}).to_parquet(partial, index=False)
            partial_sidecar.write_text(json.dumps(about, indent=1, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> GeneMatrix:
        """Read a matrix that :meth:`save` wrote.

        Raises
        ------
        InputError
            If a file is missing, is not a gene matrix, or the two do not belong together.
        """
        sidecar = path.with_suffix(".json")
        try:
            about = json.loads(sidecar.read_text(encoding="utf-8"))
            cells = pd.read_parquet(path, columns=["patient", "gene", "value"])
            if about["format"] != FORMAT:
                raise InputError(f"{sidecar} has format {about['format']}; this version reads {FORMAT}.")
            patients, genes = tuple(about["patients"]), tuple(about["genes"])
            rows = pd.Index(patients).get_indexer(cells["patient"])
            columns = pd.Index(genes).get_indexer(cells["gene"])
            covered = np.ones((len(about["not_covered"]), len(genes)), dtype=bool)
            for assay, missing in enumerate(about["not_covered"]):
                covered[assay, missing] = False
            assay_of = np.array(about["assay_of"], dtype=np.intp)
        except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError(
                f"{path} and {sidecar.name} are not a gene matrix written by `trastuz-ml features`: {error}."
            ) from error
        if (rows < 0).any() or (columns < 0).any():
            raise InputError(f"{path} names patients or genes that {sidecar.name} does not: mixed-up files.")
        values = sp.csr_array(
            (cells["value"].to_numpy(np.float32), (rows, columns)), shape=(len(patients), len(genes))
        )
        values.sort_indices()
        return cls(
            patients, genes, values, assay_of, covered, about["encoding"], tuple(about["effects"]),
            about["provenance"],
        )  # fmt: skip
