"""Build the table of gene symbols from HGNC's complete set: `build_symbol_table.py HGNC.txt NAME_DATE.tsv.gz`."""

from __future__ import annotations

import argparse
import gzip
import sys
from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc

from trastuz_ml.calls.genes.symbols import COLUMNS, SymbolTable, read_symbol_table
from trastuz_ml.errors import TrastuzError
from trastuz_ml.files import require_free, whole_file


def table_bytes(table: SymbolTable) -> bytes:
    """Return a table as gzip; the same genes give the same bytes, whenever and in whatever order they come."""
    rows = table.rows.sort_by("symbol")
    if not pc.any(pc.not_equal(rows["entrez_id"], "")).as_py():
        rows = rows.drop_columns(["entrez_id"])
    columns = [name for name in COLUMNS if name in rows.column_names]
    lines = ["\t".join(columns), *map("\t".join, zip(*(rows[name].to_pylist() for name in columns), strict=True))]
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=9, mtime=0)


def main(arguments: Sequence[str] | None = None) -> int:
    """Read HGNC's complete set and write the table; exit code 1 with a message when either cannot be done."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("complete_set", type=Path, help="HGNC's complete set, tab-separated, plain or gzip")
    parser.add_argument(
        "output", type=Path, help="table to write; put the set's date in its name: NAME_2026-06-25.tsv.gz"
    )
    parser.add_argument("--force", action="store_true", help="replace an output that is already there")
    given = parser.parse_args(arguments)
    try:
        require_free(given.output, force=given.force)
        table = read_symbol_table(given.complete_set)
        with whole_file(given.output) as partial:
            partial.write_bytes(table_bytes(table))
    except (TrastuzError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{given.output}: {table.rows.num_rows} genes.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
