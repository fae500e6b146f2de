"""Write a calls table as a MAF file with the column names of the Genomic Data Commons."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from trastuz_ml import schema
from trastuz_ml.errors import InputError
from trastuz_ml.files import whole_file

MAF_COLUMNS: tuple[str, ...] = (
    "Hugo_Symbol", "Chromosome", "Start_Position", "End_Position", "Variant_Classification", "Variant_Type",
    "Reference_Allele", "Tumor_Seq_Allele1", "Tumor_Seq_Allele2", "Tumor_Sample_Barcode", "HGVSc",
    "HGVSp_Short", "t_depth", "t_ref_count", "t_alt_count", "SIFT", "PolyPhen", "FILTER", "NCBI_Build",
)  # fmt: skip

_SUBSTITUTIONS = {1: "SNP", 2: "DNP", 3: "TNP"}  # longer ones are ONP
# Rows turned into text at a time: bounds the memory of writing ten million calls.
_ROWS_AT_A_TIME = 500_000


def write_maf(
    calls: pd.DataFrame, path: str | Path, *, comment: str | None = None, build: str | None = None
) -> None:
    r"""Write a calls table as MAF; a missing value becomes an empty field.

    Alleles and positions are written as they stand in the table. ``Variant_Classification`` receives the
    table's ``consequence``, which is a MAF class when the calls came from a MAF or from the simulator.

    Parameters
    ----------
    calls : pandas.DataFrame
        A calls table, as declared in :data:`trastuz_ml.schema.CALLS`.
    path : path
        The file to write; it appears complete or not at all.
    comment : str, optional
        Text for the lines above the header, each of which begins with ``#``.
    build : str, optional
        Genome build of the positions, for ``NCBI_Build``; empty when it is not known.

    Raises
    ------
    InputError
        If the frame is not a calls table, or a text holds a tab, a line break or a quotation mark,
        which a MAF field cannot hold.

    Examples
    --------
    >>> import tempfile
    >>> calls = pd.DataFrame({
    ...     "patient": ["P1"], "gene": ["ANKRD44"], "effect": ["truncating"],
    ...     "consequence": ["Nonsense_Mutation"], "chrom": ["2"], "pos": [197900000],
    ...     "ref": ["C"], "alt": ["T"]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     write_maf(calls, Path(folder, "calls.maf"), comment="one call")
    ...     lines = Path(folder, "calls.maf").read_text().splitlines()
    >>> lines[0], lines[2].split("\t")[:6]
    ('# one call', ['ANKRD44', '2', '197900000', '197900000', 'Nonsense_Mutation', 'SNP'])
    """
    path = Path(path)
    calls = schema.conform(calls, schema.CALLS)
    layout = csv.WriteOptions(include_header=False, delimiter="\t", quoting_style="none")
    with whole_file(path) as partial, partial.open("wb") as file:
        for line in (comment or "").splitlines():
            file.write(f"# {line}\n".encode())
        file.write(("\t".join(MAF_COLUMNS) + "\n").encode())
        for start in range(0, len(calls), _ROWS_AT_A_TIME):
            rows = _maf_rows(calls.iloc[start : start + _ROWS_AT_A_TIME], build)
            try:
                csv.write_csv(rows, file, layout)
            except pa.ArrowInvalid as error:
                raise InputError(f"{path}: the calls hold a text that MAF cannot: {error}") from error


def _maf_rows(calls: pd.DataFrame, build: str | None) -> pa.Table:
    columns: dict[str, Any] = {
        "Hugo_Symbol": calls["gene"],
        "Chromosome": calls["chrom"],
        "Start_Position": calls["pos"],
        "End_Position": _last_positions(calls),
        "Variant_Classification": calls["consequence"],
        "Variant_Type": _variant_types(calls),
        "Reference_Allele": calls["ref"],
        "Tumor_Seq_Allele1": calls["ref"],  # a somatic call is taken as heterozygous
        "Tumor_Seq_Allele2": calls["alt"],
        "Tumor_Sample_Barcode": calls["patient"],
        "HGVSc": calls["hgvsc"],
        "HGVSp_Short": calls["hgvsp"],
        **_read_counts(calls),
        "SIFT": calls["sift"],
        "PolyPhen": calls["polyphen"],
        "FILTER": calls["filter"],
        "NCBI_Build": pd.Series(build, index=calls.index, dtype="str"),
    }
    arrays = [pa.array(columns[name], from_pandas=True) for name in MAF_COLUMNS]
    return pa.table(arrays, names=list(MAF_COLUMNS))


def _lengths(alleles: pd.Series) -> pd.Series:
    """Return allele lengths in bases: 0 for '-', missing where the allele is missing."""
    return alleles.str.len().astype("Int64").mask((alleles == "-").fillna(False), 0)


def _last_positions(calls: pd.DataFrame) -> pd.Series:
    # An insertion lies between two bases: MAF gives the base before it and the base after it.
    return calls["pos"] + _lengths(calls["ref"]).sub(1).mask(_lengths(calls["ref"]) == 0, 1)


def _variant_types(calls: pd.DataFrame) -> pd.Series:
    ref, alt = _lengths(calls["ref"]), _lengths(calls["alt"])
    types = ref.map(_SUBSTITUTIONS).astype("str").fillna("ONP")
    types = types.mask((ref > alt).fillna(False), "DEL").mask((ref < alt).fillna(False), "INS")
    return types.mask(ref.isna() | alt.isna())


def _read_counts(calls: pd.DataFrame) -> dict[str, pd.Series]:
    implied = np.rint(calls["vaf"] * calls["depth"].astype("float64")).astype("Int64")
    supporting = calls["alt_reads"].fillna(implied)
    return {
        "t_depth": calls["depth"],
        "t_ref_count": calls["depth"] - supporting,
        "t_alt_count": supporting,
    }
