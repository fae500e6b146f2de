"""Effect classes, encodings and blocks: the words that tables and settings share."""

# Effect classes, most severe first. Both vocabularies (MAF classes and Sequence Ontology terms) meet here.
EFFECTS: tuple[str, ...] = (
    "truncating",
    "missense",
    "inframe",
    "splice_region",
    "silent",
    "noncoding",
)
# The effects of the nine protein-altering classes of the MAF vocabulary.
NONSILENT: tuple[str, ...] = ("truncating", "missense", "inframe")

ENCODINGS: tuple[str, ...] = ("binary", "count", "truncating", "damaging", "vaf", "gene-sets")

# Feature blocks of the design matrix.
GENE, COVARIATE, BURDEN, ASSAY = "gene", "covariate", "burden", "assay"
