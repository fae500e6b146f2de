"""Tables of calls: what was read, what became of it, and what was noticed."""

from __future__ import annotations

from trastuz_ml.schema.table import Table, table
from trastuz_ml.schema.words import EFFECTS

CALLS: Table = table(
    "calls table",
    ("patient", "word", "patient (or sample) identifier, as in the roster"),
    ("gene", "word", "gene symbol"),
    ("effect", "word", f"effect class, one of {', '.join(EFFECTS)}"),
    ("consequence", "word", "the source's own word: a MAF class or a Sequence Ontology term"),
    ("chrom", "word", "chromosome, without the prefix chr"),
    ("pos", "position", "position of the first changed base, 1-based; of an insertion, the base before it"),
    ("ref", "word", "reference allele, '-' where a sequence was inserted"),
    ("alt", "word", "alternative allele, '-' where a sequence was deleted"),
    ("vaf", "number", "variant allele fraction in the tumour, 0 to 1"),
    ("depth", "integer", "reads over the position in the tumour"),
    ("alt_reads", "integer", "reads in the tumour that support the alternative allele"),
    ("filter", "word", "the caller's filter words, separated by ;"),
    ("hgvsc", "text", "coding change, HGVS"),
    ("hgvsp", "text", "protein change, HGVS"),
    ("sift", "word", "SIFT verdict, with its score in brackets where given: deleterious(0.02)"),
    ("polyphen", "word", "PolyPhen verdict, with its score in brackets where given"),
    ("revel", "number", "REVEL score, 0 to 1"),
    ("alphamissense", "number", "AlphaMissense score, 0 to 1"),
    ("population_frequency", "number", "highest frequency of the allele in a reference population, 0 to 1"),
    ("file", "word", "name of the file that the call came from"),
    optional=(
        "consequence", "chrom", "pos", "ref", "alt", "vaf", "depth", "alt_reads", "filter", "hgvsc", "hgvsp",
        "sift", "polyphen", "revel", "alphamissense", "population_frequency", "file",
    ),
)  # fmt: skip

# What makes two rows the same call: one call per patient, gene and variant. Where the allele is not given,
# the coding change stands in for it.
CALL_KEY: tuple[str, ...] = ("patient", "gene", "chrom", "pos", "ref", "alt")

# What became of each row of each file. A row is one call candidate: a line of a MAF; in a VCF, one alternative
# allele and gene of a record, for each tumour sample. Every row has exactly one fate.
KEPT = "kept"
# What became of a row, in the order in which rows are taken out.
FATES: dict[str, str] = {
    KEPT: "kept",
    "no-alternative": "no alternative allele",
    "spanning-deletion": "a deletion written elsewhere (*)",
    "symbolic-allele": "symbolic allele or breakend",
    "not-annotated": "allele without an annotation",
    "not-carried": "not carried, by the genotype",
    "germline": "inherited, by the caller",
    "filter": "filtered out by the caller",
    "low-depth": "too few reads",
    "few-alt-reads": "too few supporting reads",
    "low-vaf": "allele fraction too low",
    "common-in-population": "common in the population",
    "not-on-roster": "patient is not on the roster",
    "filtered-out": "patient left out by the roster's filter",
    "not-sequenced": "patient declared not sequenced",
    "no-response": "patient without a response",
    "duplicate": "the same call given again",
}
ROWS: Table = table(
    "what became of the rows",
    ("file", "word", "name of the file"),
    ("patient", "word", "patient of the rows; missing where the row names none"),
    ("fate", "word", f"'{KEPT}', or the rule that took the rows out"),
    ("rows", "integer", "how many rows"),
)

FINDINGS: Table = table(
    "findings",
    ("severity", "text", "error, warning or note"),
    ("code", "text", "short name of the condition, stable between versions"),
    ("patient", "text", "patient concerned, empty when the cohort is"),
    ("where", "text", "file and line, or column"),
    ("count", "integer", "how many rows or patients"),
    ("message", "text", "what was found and what to do"),
)

PATIENT_QUALITY: Table = table(
    "what there is of each patient",
    ("patient", "text", "patient identifier"),
    ("response", "integer", "1 for the positive response, 0 otherwise"),
    ("assay", "text", "name of the patient's assay"),
    ("rows", "integer", "rows of the files of calls that name the patient"),
    ("calls", "integer", "distinct calls that were kept"),
    ("burden", "number", "nonsilent calls in the genes that every assay covers; missing where unknown"),
)
