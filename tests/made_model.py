"""A small stored model that nobody had to train, and files of new patients for it."""

from dataclasses import replace

import numpy as np

from hostile_files import CSQ
from trastuz_ml.calls.genes.symbols import SHIPPED
from trastuz_ml.learn.design import Feature
from trastuz_ml.learn.fitted import FittedModel, LinearLogit
from trastuz_ml.learn.transformers import Preparation
from trastuz_ml.schema import NONSILENT
from trastuz_ml.store.bundle import load_model, make_bundle, save_bundle

GENES = ("ANKRD44", "PIK3CA", "TP53")
CARD = {
    "response": {"column": "response", "positive": ["pCR"], "negative": ["RD"]}, "patients": 40, "responders": 15,
    "scores": [], "sources": [], "limits": [],
}  # fmt: skip
INPUTS = {
    "patient": "patient", "sheets": [0, 0], "columns": {}, "gene_sets": None, "sequenced": {"dna": ["YES"]},
    "filter": {"her2": ["POS"]}, "reading": {"patient_from": "auto", "annotation": None, "filters": {}},
    "assay": "assay", "default_assay": "exome",
    "assays": {"exome": {"genes": None, "megabases": None}, "panel": {"genes": ["TP53"], "megabases": None}},
    "build": "GRCh38", "symbols": {"date": "2026-06-25"},
}  # fmt: skip
COVARIATES = (
    Feature("age", "covariate", "number"),
    Feature("er", "covariate", "category", ("NEG", "POS")),
    Feature("stage", "covariate", "number", ("I", "II", "III")),
)
ROSTER = "patient\tage\ter\tstage\tdna\ther2\tassay\n"
COLUMNS = (
    "Hugo_Symbol\tTumor_Sample_Barcode\tVariant_Classification\tChromosome\tStart_Position\tReference_Allele\t"
    "Tumor_Seq_Allele2\tNCBI_Build\n"
)


def made_bundle(folder, *, covariates=True, encoding="binary", effects=NONSILENT, inputs=None, **more):
    """Store a linear model of three genes (and three covariates) and return it as it is loaded."""
    features = [*(COVARIATES if covariates else ()), *(Feature(gene, "gene", "gene") for gene in GENES)]
    rng = np.random.default_rng(5)
    X = (rng.random((40, len(features))) < 0.4).astype(np.float32)
    if covariates:
        X[:, 0] = 50 + 10 * X[:, 0]
    preparation = Preparation(kinds=[feature.kind for feature in features]).learn(X)
    linear = LinearLogit(np.linspace(-1, 1.5, len(preparation.source_)), -0.3)
    model = FittedModel("l2-logistic:both", np.arange(len(features)), preparation, linear)
    card = {**CARD, "inputs": {**INPUTS, **(inputs or {})}}
    bundle = make_bundle("made", model, features, encoding, effects, card, simulated=False)
    weights = np.full(len(features), 1 / len(features))
    kept = replace(bundle, **{"weights": weights, "build": "GRCh38", "symbols": SHIPPED.read_bytes(), **more})
    save_bundle(kept, folder / "made")
    return load_model(folder / "made")


def roster(folder, *rows, name="roster.tsv"):
    """Write a roster; a row is a patient's name, or a whole line."""
    lines = [row if "\t" in row else f"{row}\t50\tPOS\tII\tYES\tPOS\t" for row in rows]
    path = folder / name
    path.write_text(ROSTER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def maf(folder, *rows, name="calls.maf", build="GRCh38"):
    """Write a MAF of (patient, gene, effect) rows, each at a place of its own."""
    lines = [
        f"{gene}\t{patient}\t{effect}\t17\t{1000 + place}\tG\tC\t{build}\n"
        for place, (patient, gene, effect) in enumerate(rows)
    ]
    path = folder / name
    path.write_text(COLUMNS + "".join(lines), encoding="utf-8")
    return path


def vcf_text(patient, *genes, contig=248956422):
    """Return a VCF of one patient with a missense call in each gene; the contig's length tells the build."""
    head = (
        f"##fileformat=VCFv4.2\n##contig=<ID=chr1,length={contig}>\n{CSQ.decode()}"
        '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype">\n'
        f"#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\t{patient}\n"
    )
    return head + "".join(
        f"chr1\t{100 + place}\t.\tA\tC\t.\tPASS\tCSQ=C|missense_variant|{gene}|1\tGT\t0/1\n"
        for place, gene in enumerate(genes)
    )


def vcf(folder, patient, *genes, name=None, **more):
    """Write a VCF of one patient."""
    path = folder / (name or f"{patient}.vcf")
    path.write_text(vcf_text(patient, *genes, **more), encoding="utf-8")
    return path
