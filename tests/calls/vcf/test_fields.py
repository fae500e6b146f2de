"""Records with other fields than the header."""

import gzip

import pytest

from trastuz_ml.calls.vcf.fields import fields_differ

HEADER = "##fileformat=VCFv4.2\n##a=tab\there\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
RECORD = "1\t5\t.\tA\tC\t.\tPASS\t."


@pytest.mark.parametrize(
    ("body", "differ"),
    [
        (f"{RECORD}\n" * 3, False),
        (f"{RECORD}\n\n{RECORD}\n", False),
        (f"\n{RECORD}\n\n", False),
        (f"{RECORD}\n{RECORD}", False),
        ("", False),
        (f"{RECORD}\n{RECORD}{RECORD}\n", True),
        (f"{RECORD}\tspare\n{RECORD}\n", True),
        (f"{RECORD}\n" * 70_000 + f"{RECORD}{RECORD}\n", True),
    ],
)
def test_fields__a_line_that_lost_its_end_is_told(tmp_path, body, differ):
    path = tmp_path / "a.vcf"
    path.write_bytes((HEADER + body).encode())
    assert fields_differ(path) is differ


def test_fields__of_bcf_of_packed_text_and_of_nothing_are_not_counted(tmp_path):
    packed = gzip.compress((HEADER + f"{RECORD}{RECORD}\n").encode(), mtime=0)
    for content in (b"BCF\2\2\0\0\0", b"", b"##only\n", b"no header\n", packed):
        (tmp_path / "a.bcf").write_bytes(content)
        assert not fields_differ(tmp_path / "a.bcf")
