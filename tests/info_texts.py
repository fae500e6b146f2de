"""Reads headers and INFO texts of VCF files with plain Python, for tests of what reads annotations."""

import gzip
import re
from pathlib import Path
from typing import NamedTuple

import pytest

VCF = Path(__file__).parents[2] / "shared" / "data" / "vcf"
_INFO = re.compile(r'##INFO=<ID=([^,]+),.*Description="(.*?)"')


class Record(NamedTuple):
    chrom: str
    pos: str
    ref: str
    alts: list[str]
    info: dict[str, str]


def real_vcf(name: str) -> Path:
    """A public VCF file; the test is skipped where it is absent."""
    path = VCF / name
    if not path.is_file():
        pytest.skip(f"the public VCF file {name} is not beside the project")
    return path


def header_and_records(path: Path) -> tuple[dict[str, str], list[Record]]:
    opener = gzip.open if path.suffix == ".gz" else open
    descriptions, records = {}, []
    with opener(path, "rt") as lines:
        for line in lines:
            found = _INFO.match(line)
            cells = line.rstrip("\n").split("\t")
            if found:
                descriptions[found[1]] = found[2]
            elif not line.startswith("#") and len(cells) >= 8:
                info = dict(pair.partition("=")[::2] for pair in cells[7].split(";"))
                records.append(Record(cells[0], cells[1], cells[3], cells[4].split(","), info))
    return descriptions, records
