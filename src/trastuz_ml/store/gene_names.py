"""The table of gene names that a model was trained with, as the bytes that stay with it."""

from __future__ import annotations

import gzip
import io
import zlib
from pathlib import Path

from trastuz_ml.calls.genes.symbols import SHIPPED
from trastuz_ml.errors import InputError, ModelError

GENE_NAMES = "gene_names.tsv.gz"
# HGNC's complete set, as HGNC gives it, has 17 MB.
LARGEST_UNPACKED = 128 * 2**20
_GZIP = b"\x1f\x8b"


def gene_names_bytes(path: str | Path | None = None) -> bytes:
    """Return a table of gene names as it is kept with a model: gzip, the same bytes for the same file.

    Parameters
    ----------
    path : path, optional
        The table that names were reconciled with; the one that ships with the package when absent.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    path = SHIPPED if path is None else Path(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"The table of gene names {path} cannot be read: {error}.") from error
    return raw if raw.startswith(_GZIP) else gzip.compress(raw, mtime=0)


def require_gene_names(data: bytes) -> None:
    """Refuse bytes that are no gzip file, or that unpack to more than any table of gene names holds.

    Raises
    ------
    ModelError
        Says which; nothing beyond the limit is unpacked.
    """
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            size = 0
            while block := packed.read(1 << 20):
                size += len(block)
                if size > LARGEST_UNPACKED:
                    raise ModelError(
                        f"{GENE_NAMES} unpacks to more than {LARGEST_UNPACKED} bytes, as no table of gene names "
                        "does: it is not unpacked. Do not use this model."
                    )
    except (OSError, EOFError, zlib.error) as error:
        raise ModelError(f"{GENE_NAMES} is no gzip file ({error}). Export the model again.") from error
