"""Reading VCF files: time beside bcftools, two processes beside one, and memory by number of records.

The files are made up: one tumour, records with VEP's annotation in the fields that ``vep --symbol --hgvs --sift b
--polyphen b --flag_pick`` writes, of one or of eight transcripts. Times are processor seconds of one core, the
least of several turns; programs take turns, so that a busy machine slows them alike.
"""

from __future__ import annotations

import argparse
import datetime
import gzip
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

FIELDS = (
    "Allele|Consequence|IMPACT|SYMBOL|Gene|Feature_type|Feature|BIOTYPE|EXON|INTRON|HGVSc|HGVSp|cDNA_position|"
    "CDS_position|Protein_position|Amino_acids|Codons|Existing_variation|DISTANCE|STRAND|FLAGS|PICK|SYMBOL_SOURCE|"
    "HGNC_ID|SIFT|PolyPhen"
)
HEADER = f"""\
##fileformat=VCFv4.2
##comment=SIMULATED: no patient is real
##FILTER=<ID=PASS,Description="All filters passed">
##FILTER=<ID=weak_evidence,Description="weak">
##INFO=<ID=DP,Number=1,Type=Integer,Description="Depth">
##INFO=<ID=CSQ,Number=.,Type=String,Description="Consequence annotations from Ensembl VEP. Format: {FIELDS}">
##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">
##FORMAT=<ID=AD,Number=R,Type=Integer,Description="Reads of each allele">
##FORMAT=<ID=AF,Number=A,Type=Float,Description="Allele fraction">
##FORMAT=<ID=DP,Number=1,Type=Integer,Description="Depth">
##contig=<ID=chr1,length=248956422>
#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tP1
"""
TERMS = (
    "missense_variant", "synonymous_variant", "intron_variant", "stop_gained", "3_prime_UTR_variant",
    "splice_region_variant&intron_variant", "downstream_gene_variant",
)  # fmt: skip
BCFTOOLS = ["bcftools", "+split-vep", "-f", r"%SYMBOL\t%Consequence\n", "-d"]
# What training looks at, beside patient, gene, effect and consequence; and every column there is.
FOR_A_MODEL, ALL = "the columns that a model needs", "all columns"
WANTED = {FOR_A_MODEL: ("chrom", "pos", "ref", "alt"), ALL: None}


def records(number: int, transcripts: int, seed: int) -> Iterator[str]:
    """Yield the lines of made-up records."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    for index in range(number):
        ref, alt = draw.sample("ACGT", 2)
        gene, depth = draw.randrange(20_000), draw.randrange(20, 300)
        reads = draw.randrange(depth)
        csq = ",".join(entry(draw, alt, gene, place) for place in range(transcripts))
        words = "weak_evidence" if draw.random() < 0.1 else "PASS"
        yield (
            f"chr1\t{1000 + index * 100}\t.\t{ref}\t{alt}\t.\t{words}\tDP={depth};CSQ={csq}\tGT:AD:AF:DP\t"
            f"0/1:{depth - reads},{reads}:{reads / depth:.3f}:{depth}\n"
        )


def entry(draw: random.Random, alt: str, gene: int, place: int) -> str:
    """Return what VEP says of one transcript; the last quarter of many lies in a neighbouring gene."""
    gene += place >= 6
    term, codon = draw.choice(TERMS), draw.randrange(1, 2000)
    coding = term in TERMS[:4]
    return "|".join((
        alt, term, "MODERATE", f"GENE{gene}", f"ENSG{gene:011}", "Transcript", f"ENST{gene * 10 + place:011}",
        "protein_coding", f"{codon % 20 + 1}/20", "", f"ENST{gene:011}.4:c.{codon * 3}G>{alt}",
        f"ENSP{gene:011}.2:p.Arg{codon}His" if coding else "", str(codon * 3 + 100) if coding else "",
        str(codon * 3) if coding else "", str(codon) if coding else "", "R/H" if coding else "",
        "cGt/cAt" if coding else "", f"rs{draw.randrange(10**9)}", "", "1", "", "1" if place == 2 else "", "HGNC",
        f"HGNC:{gene}", "deleterious(0.02)" if coding else "", "benign(0.1)" if coding else "",
    ))  # fmt: skip


def make_file(folder: Path, number: int, transcripts: int, seed: int = 1) -> Path:
    """Write a file, packed by bgzip where that is at hand, as such files are."""
    plain = folder / f"P{seed}_{number}_{transcripts}.vcf"
    with plain.open("w") as file:
        file.write(HEADER.replace("\tP1\n", f"\tP{seed}\n"))
        file.writelines(records(number, transcripts, seed))
    packed = plain.with_name(f"{plain.name}.gz")
    if shutil.which("bgzip") or shutil.which("bcftools"):
        command = ["bgzip", "-c"] if shutil.which("bgzip") else ["bcftools", "view", "--no-version", "-Oz"]
        with packed.open("wb") as file:
            subprocess.run([*command, str(plain)], stdout=file, check=True)
    else:
        packed.write_bytes(gzip.compress(plain.read_bytes(), 6))
    plain.unlink()
    return packed


def measured(*command: str) -> tuple[float, float, float]:
    """Return processor seconds, wall seconds and peak megabytes of a command and its children."""
    script = (
        "import json, resource, subprocess, sys, time\n"
        "begun = time.perf_counter()\n"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "wall, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(json.dumps([used.ru_utime + used.ru_stime, wall, used.ru_maxrss / 1024]))"
    )
    said = subprocess.run([sys.executable, "-c", script, *command], check=True, stdout=subprocess.PIPE)
    processor, wall, peak = json.loads(said.stdout)
    return processor, wall, peak


def read(what: str, workers: int, *paths: str) -> None:
    """Read files once; say processor and wall seconds without the start of Python, and the peak in megabytes."""
    from trastuz_ml.calls.read import read_calls
    from trastuz_ml.calls.reading import Reading

    wanted = WANTED[what]
    reading = Reading(wanted=None if wanted is None else frozenset(wanted))
    begun, used = time.perf_counter(), time.process_time()
    calls = read_calls(paths, reading, workers=workers).calls
    wall, processor = time.perf_counter() - begun, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([processor, wall, peak, len(calls), int(calls.memory_usage(deep=True).sum()) / 2**20]))


def reading(what: str, workers: int, *paths: Path) -> list[float]:
    """Return what :func:`read` says in a process of its own."""
    command = [sys.executable, __file__, "--read", what, "--workers", str(workers), *map(str, paths)]
    found: list[float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def side_by_side(folder: Path, number: int, turns: int, real: Path | None) -> None:
    """Print the table of times beside bcftools."""
    print("\n| file | program | processor s | times bcftools |\n|---|---|---:|---:|")
    files = {
        f"{number:,} records, {n} transcript{'s' * (n > 1)} each": make_file(folder, number, n) for n in (1, 8)
    }
    for name, path in (files | ({real.name: real} if real else {})).items():
        times: dict[str, list[float]] = {}
        for _ in range(turns):
            if shutil.which("bcftools"):
                times.setdefault("bcftools +split-vep", []).append(measured(*BCFTOOLS, str(path))[0])
            for what in WANTED:
                times.setdefault(f"trastuz_ml, {what}", []).append(reading(what, 1, path)[0])
        least = {program: min(seconds) for program, seconds in times.items()}
        base = least.get("bcftools +split-vep", float("nan"))
        for program, seconds in least.items():
            print(f"| {name} | {program} | {seconds:.2f} | {seconds / base:.2f} |", flush=True)


def by_processes(folder: Path, number: int, turns: int) -> None:
    """Print the table of one process and two, over eight files."""
    paths = [make_file(folder, number // 8, 1, seed) for seed in range(1, 9)]
    print("\n| processes, 8 files | wall s | times faster |\n|---|---:|---:|")
    walls: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(turns):
        for workers, found in walls.items():
            found.append(reading(FOR_A_MODEL, workers, *paths)[1])
    for workers, found in walls.items():
        print(f"| {workers} | {min(found):.2f} | {min(walls[1]) / min(found):.2f} |", flush=True)


def by_size(folder: Path, sizes: tuple[int, ...]) -> None:
    """Print the table of peak memory."""
    print("\n| records | calls | calls table, MB | peak of the process, MB |\n|---:|---:|---:|---:|")
    for number in sizes:
        path = make_file(folder, number, 1)
        _, _, peak, calls, table = reading(FOR_A_MODEL, 1, path)
        print(f"| {number:,} | {calls:,} | {table:.0f} | {peak:.0f} |", flush=True)
        path.unlink()


def main() -> None:
    """Make the files, and print the tables as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("paths", nargs="*", help="a file to add to the first table")
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--read", choices=WANTED, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.read:
        read(given.read, given.workers, *given.paths)
        return
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    print(f"{datetime.date.today()}, {os.cpu_count()} cores, {memory:.0f} GB, Python {sys.version.split()[0]};")
    print(f"`python benchmarks/reading_vcf.py {' '.join(sys.argv[1:])}`; least of {given.turns} turns;")
    print(f"bcftools: `{' '.join(BCFTOOLS)} FILE`")
    with tempfile.TemporaryDirectory() as folder:
        real = Path(given.paths[0]) if given.paths else None
        side_by_side(Path(folder), given.records, given.turns, real)
        by_processes(Path(folder), given.records * 2, given.turns)
        by_size(Path(folder), (given.records // 4, given.records, given.records * 4))


if __name__ == "__main__":
    main()
