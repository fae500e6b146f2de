"""Files that nobody should be given: damaged, mislabelled, spoilt by editors, or made to exhaust a reader."""

import bz2
import gzip
import io
import lzma
import random
import zipfile
import zlib

import openpyxl

MAF_HEADER = (
    b"Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tChromosome\tStart_Position\tReference_Allele\t"
    b"Tumor_Seq_Allele2\tt_vaf\n"
)
CSQ = (
    b'##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. '
    b'Format: Allele|Consequence|SYMBOL|ALLELE_NUM">\n'
)
VCF_HEADER = (
    b"##fileformat=VCFv4.2\n" + CSQ + b'##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
    b"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1\n"
)
ROWS = 50
# Where a row of MAF has what.
_PLACES = ("gene", "patient", "effect", "chrom", "pos", "ref", "alt", "vaf")


def row(**values):
    """Return a line of a MAF."""
    usual = dict(zip(_PLACES, b"TP53 P1 Missense_Mutation 17 7579472 G C 0.3".split(), strict=True))
    return b"\t".join({**usual, **values}.values()) + b"\n"


def record(pos=b"100", ref=b"A", alt=b"C", info=b"CSQ=C|missense_variant|TP53|1", genotype=b"0/1", chrom=b"chr1"):
    """Return a line of a VCF."""
    return b"\t".join([chrom, pos, b".", ref, alt, b".", b"PASS", info, b"GT", genotype]) + b"\n"


MAF = MAF_HEADER + b"".join(row(pos=b"%d" % (100 + i)) for i in range(ROWS))
VCF = VCF_HEADER + b"".join(record(pos=b"%d" % (100 + i)) for i in range(ROWS))
_LAST = {MAF: row(), VCF: record()}


def workbook(edit=None):
    """Return the MAF as a workbook, each part of its archive passed through ``edit``."""
    book, made = openpyxl.Workbook(), io.BytesIO()
    for line in MAF.decode().splitlines():
        book.active.append(line.split("\t"))
    book.save(made)
    return made.getvalue() if edit is None else _archive(_parts(made, edit))


def _parts(made, edit):
    with zipfile.ZipFile(made) as archive:
        return {name: edit(name, archive.read(name)) for name in archive.namelist()}


def _archive(parts):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return packed.getvalue()


def sheet(edit):
    """Return the MAF as a workbook, the text of its sheet passed through ``edit``."""
    return workbook(lambda name, content: edit(content) if "sheet1" in name else content)


def _flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _mixed(data, ends):
    return b"".join(line + ends[i % len(ends)] for i, line in enumerate(data.splitlines()))


_NOISE = random.Random(1).randbytes(100_000)  # noqa: S311 - noise, no secret
_ENTITIES = b"".join(b'<!ENTITY a%d "%s">' % (i, b"&a%d;" % (i - 1) * 10) for i in range(1, 9))
_LAUGHS = (
    b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a0 "' + b"a" * 1000 + b'">' + _ENTITIES + b"]><worksheet "
    b'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1"><c r="A1" '
    b't="inlineStr"><is><t>&a8;</t></is></c></row></sheetData></worksheet>'
)

# What is done to a MAF and to a VCF of fifty rows; for each, how many rows come out, or words of the message.
SPOILT = {
    "a byte order mark": (lambda b: b"\xef\xbb\xbf" + b, 50, 50),
    "UTF-16": (lambda b: b.decode().encode("utf-16"), 50, "UTF-16"),
    "UTF-16 without a mark": (lambda b: b.decode().encode("utf-16-le"), "line 1,.*NUL", "line 1: .*NUL"),
    "UTF-32": (lambda b: b.decode().encode("utf-32"), "NUL|UTF-16", "NUL|UTF-16"),
    "a NUL byte": (lambda b: b[:-100] + b"\0" + b[-100:], "line 49: .*NUL", "line 52: .*NUL|line 53: .*NUL"),
    "a NUL byte in front": (lambda b: b"\0" + b, "line 1,.*NUL", "line 1: .*NUL"),
    "line ends of Windows": (lambda b: b.replace(b"\n", b"\r\n"), 50, 50),
    "line ends of old Macs": (lambda b: b.replace(b"\n", b"\r"), 50, "carriage returns"),
    "two kinds of line ends": (lambda b: _mixed(b, (b"\r\n", b"\n")), 50, 50),
    "three kinds of line ends": (lambda b: _mixed(b, (b"\r\n", b"\n", b"\r")), 50, "line 4"),
    "nothing": (lambda b: b"", "is empty", "is empty"),
    "blank lines": (lambda b: b"\n" * 99, "is empty", "line 1"),
    "comments alone": (lambda b: b"##a=b\n" * 99, "is empty", "no line that begins with #CHROM"),
    "gzip": (gzip.compress, 50, 50),
    "gzip in gzip": (lambda b: gzip.compress(gzip.compress(b)), "line 1,.*NUL", "line 1: .*NUL"),
    "two gzip members": (lambda b: gzip.compress(b[:700]) + gzip.compress(b[700:]), 50, 50),
    "gzip without its last byte": (lambda b: gzip.compress(b)[:-1], "to its end.*cut off", "compressed data end"),
    "gzip cut off": (lambda b: gzip.compress(b)[:-30], "to its end.*cut off", "compressed data end.*after line"),
    "the start of gzip": (lambda b: gzip.compress(b)[:10], "to its end", "compressed data end"),
    "gzip with a wrong sum": (lambda b: _flipped(gzip.compress(b), -8), "CRC", "CRC"),
    "gzip with a wrong byte": (lambda b: _flipped(gzip.compress(b), 60), "to its end", "damaged|cut off"),
    "gzip and rubbish": (lambda b: gzip.compress(b) + b"rubbish, much of it", "to its end", "damaged after line"),
    "bzip2": (bz2.compress, 50, "bzip2"),
    "xz": (lzma.compress, 50, "xz"),
    "zstd": (lambda b: b"\x28\xb5\x2f\xfd" + _NOISE, "zstd", "zstd"),
    "a workbook": (lambda b: workbook(), "workbook", "workbook"),
    "noise": (lambda b: _NOISE, "line 1", "line 1"),
    "a picture": (lambda b: b"\x89PNG\r\n\x1a\n" + _NOISE, "one column|NUL", "line 1"),
    "a web page": (lambda b: b"<!DOCTYPE html>\n<html>404 Not found</html>\n", "one column", "<!DOCTYPE html>"),
    "an extra field": (lambda b: b[:-1] + b"\tx\n", "line 51: 9 fields", None),
    "a missing field": (
        lambda b: b[:-1].rsplit(b"\t", 1)[0] + b"\n", "line 51: 7 fields", "line 54: 9 fields"
    ),
    "a short row among others": (
        lambda b: b"\n".join(w.rsplit(b"\t", 2)[0] if n == 20 else w for n, w in enumerate(b.split(b"\n"))),
        "line 21: 6 fields", "line 21: 8 fields",
    ),
    "no line end at the end": (lambda b: b[:-1], 50, 50),
    "a cut in the last row": (lambda b: b[:-20], "line 51: 3 fields|line 51: 4 fields", "line 54|record 50"),
    "the file twice": (lambda b: b + b, "line 52", "line 55"),
    "its header again": (lambda b: b + b[: b.index(_LAST[b][:5])] + _LAST[b], "line 52", "line 55"),
    "blanks for tabs": (lambda b: b.replace(b"\t", b" "), "one column.*Save it with tabs", "blanks"),
    "rows of tabs": (lambda b: b + b"\t" * (7 if b is MAF else 9) + b"\n" + _LAST[b], 51, 51),
    "blank lines among rows": (lambda b: b + b"\n\n  \n" + _LAST[b], 51, None),
    "a mark of DOS's end": (lambda b: b + b"\x1a", "line 52: 1 field", "line 55: 1 field"),
    "a row of 10 MB": (lambda b: b + _LAST[b].replace(b"\tC\t", b"\t" + b"C" * 10_000_000 + b"\t", 1), 51, None),
    "rubbish of 10 MB": (lambda b: b + b"A" * 10_000_000 + b"\n", "line 52: 1 field", "line 55: 1 field"),
    "a gene of 1 MB": (lambda b: b + _LAST[b].replace(b"TP53", b"G" * 1_000_000), 51, 51),
}  # fmt: skip

# Files of their own: name, content, and how many rows come out, or words of the message.
OWN = {
    "vcf.maf": (VCF, 50),
    "maf.vcf": (MAF, "expected ##fileformat=VCF"),
    "maf.vcf.gz": (gzip.compress(MAF), "expected ##fileformat=VCF"),
    "plain.maf.gz": (MAF, 50),
    "plain.vcf.gz": (VCF, 50),
    "named.bcf": (VCF, 50),
    "vcf.xlsx": (VCF, 50),
    "maf.xlsx": (MAF, "not a zip file"),
    "good.xlsx": (workbook(), 50),
    "cut.xlsx": (workbook()[:-200], "not a zip file"),
    "packed.xlsx": (gzip.compress(workbook()), "cannot be read"),
    "other.xlsx": (_archive({"hello.txt": "hi"}), "cannot be read as a workbook"),
    "half.xlsx": (sheet(lambda text: text[: len(text) // 2]), "cannot be read as a workbook"),
    "laughs.xlsx": (sheet(lambda text: _LAUGHS), "cannot be read as a workbook"),
    "dimension.xlsx": (sheet(lambda text: text.replace(b'ref="A1:H51"', b'ref="A1:C9"')), 50),
    "far.xlsx": (sheet(lambda text: text.replace(b'<row r="3"', b'<row r="999999999"')), "rows beyond 1,048,576"),
    "header-only.maf": (MAF_HEADER, "a header but no calls"),
    "header-only.vcf": (VCF_HEADER, 0),
    "only-tabs.maf": (MAF_HEADER + b"\t\t\t\t\t\t\t\n" * 9, "a header but no calls"),
    "roster.tsv": (b"patient\tresponse\tage\nP1\tpCR\t50\n", "no column for 'gene'"),
    "word-twice.maf": (MAF_HEADER.replace(b"t_vaf", b"Hugo_Symbol") + row(), "appears twice in the header"),
    "other-word-twice.maf": (MAF_HEADER.replace(b"\n", b"\tx\tx\n") + row().replace(b"\n", b"\t1\t2\n"), 1),
    "open-quote.csv": (
        (MAF + row(gene=b'"TP53')).replace(b"\t", b","), "line 52: a quotation mark is not closed"
    ),
    "comments-100-000.maf": (b"#note\n" * 100_000 + MAF, 50),
    "header-100-000.vcf": (VCF.replace(b"\n", b"\n" + b"##note=x\n" * 100_000, 1), 50),
    "columns-100-000.csv": (
        b",".join([*MAF_HEADER.strip().split(b"\t"), *(b"c%d" % i for i in range(100_000))]) + b"\n"
        + row().strip().replace(b"\t", b",") + b",1" * 100_000 + b"\n",
        1,
    ),
    "header-10-mb.vcf": (VCF.replace(b"\n", b"\n##x=" + b"A" * 10_000_000 + b"\n", 1), 50),
    "class-1-mb.maf": (MAF + row(effect=b"G" * 1_000_000), "line 52"),
    "pos-1-mb.vcf": (VCF + record(pos=b"1" * 1_000_000), "line 55: POS"),
    "latin-alt.vcf": (VCF + record(alt=b"\xe9"), "line 55: ALT is .*not text in UTF-8"),
    "latin-chrom.vcf": (VCF + record(chrom=b"chr\xe9"), "line 55: CHROM is .*not text in UTF-8"),
    "latin-sample.vcf": (VCF.replace(b"\tP1\n", b"\tP\xe9\n"), "not UTF-8 text"),
    "latin-patient.maf": (MAF.replace(b"P1", b"P\xe9"), 50),
    "control-patient.maf": (MAF + row(patient=b"P\x07\x1b[31m1"), 51),
    "no-patient.maf": (MAF + row(patient=b""), "line 52: the patient is empty"),
    "no-patient.vcf": (VCF.replace(b"\tP1\n", b"\t\n"), "Empty sample name"),
    "patient-twice.vcf": (
        VCF.replace(b"\tP1\n", b"\tP1\tP1\n").replace(b"\t0/1\n", b"\t0/1\t0/0\n"), "Duplicated sample name"
    ),
    "no-header.vcf": (b"##fileformat=VCFv4.2\n" + record(), "line 2"),
    "alts-60-000.vcf": (VCF + record(alt=b",".join([b"C"] * 60_000)), 60_050),
    "negative-genotype.vcf": (VCF + record(genotype=b"-1/1"), "line 55"),
    "no-such-allele.vcf": (VCF + record(genotype=b"0/99"), r"record 51\).*allele 99"),
    "csq-flag.vcf": (VCF + record(info=b"CSQ"), 51),
    **{
        f"vaf-{name}.maf": (MAF + row(vaf=value), came)
        for name, value, came in (
            ("1e400", b"1e400", "line 52: vaf must be"), ("minus", b"-1", "line 52: vaf must be"),
            ("nan", b"nan", 51), ("inf", b"inf", "line 52: vaf must be"), ("hex", b"0x1", "line 52: vaf must be"),
            ("digits", b"9" * 400, "line 52: vaf must be"), ("tiny", b"1e-400", 51), ("blank", b" ", 51),
        )
    },
    **{
        f"pos-{name}.maf": (MAF + row(pos=value), came)
        for name, value, came in (
            ("minus", b"-1", 51), ("float", b"1.5", "line 52: pos must be"), ("nought", b"0", 51),
            ("huge", b"9" * 20, "line 52: pos must be"), ("word", b"abc", "line 52: pos must be"),
            ("33-bits", b"5000000000", "line 52: pos must be"), ("1e400", b"1e400", "line 52: pos must be"),
        )
    },
    **{
        f"pos-{name}.vcf": (VCF + record(pos=value), came)
        for name, value, came in (
            ("minus", b"-1", "line 55: POS is"), ("float", b"1.5", "line 55: POS is"),
            ("huge", b"9" * 20, "line 55: POS is"), ("word", b"abc", "line 55: POS is"),
            ("32-bits", b"2147483648", "POS is .?2147483648"), ("33-bits", b"5000000000", "POS is .?5000000000"),
        )
    },
}  # fmt: skip


def packed(path, start, unit, megabytes):
    """Write a gzip file that unpacks to very much, made of one piece over and over."""
    piece = unit * ((1 << 20) // len(unit))
    total = zlib.crc32(start)
    for _ in range(megabytes):
        total = zlib.crc32(piece, total)
    size = (len(start) + megabytes * len(piece)) % (1 << 32)
    head = b"\x1f\x8b\x08\0\0\0\0\0\0\xff"
    end = zlib.compressobj(wbits=-15).flush() + total.to_bytes(4, "little") + size.to_bytes(4, "little")
    path.write_bytes(head + _deflated(start) + _deflated(piece) * megabytes + end)
    return path


def _deflated(data):
    deflate = zlib.compressobj(9, wbits=-15)
    return deflate.compress(data) + deflate.flush(zlib.Z_FULL_FLUSH)


def annotated(data):
    """Return a VCF with an entry of VEP's in every record, so that readers look at all of them."""
    made = []
    for line in data.splitlines(keepends=True):
        fields = line.rstrip(b"\r\n").split(b"\t")
        if line.startswith(b"#CHROM"):
            made.append(CSQ)
        elif not line.startswith(b"#") and len(fields) >= 8:
            numbers = range(1, fields[4].count(b",") + 2)
            entries = b"CSQ=" + b",".join(b"x|missense_variant|TP53|%d" % number for number in numbers)
            end = line[len(line.rstrip(b"\r\n")) :]
            fields[7] = entries if fields[7] == b"." else fields[7] + b";" + entries
            line = b"\t".join(fields) + end
        made.append(line)
    return b"".join(made)
