"""Every column name, effect class and unit of trastuz_ml's tables, declared once.

A table is a plain pandas frame. Its declaration here names the columns, their kind and their meaning;
:func:`conform` brings a frame into the declared shape and refuses it with a clear message when it cannot.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trastuz_ml.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

# A word is a text of few distinct values, kept once each: a pandas category, its categories sorted.
Kind = Literal["text", "word", "integer", "position", "number", "flag"]

_DTYPES: dict[Kind, str] = {
    "text": "str", "word": "category", "integer": "Int64", "position": "Int32", "number": "float64",
    "flag": "boolean",
}  # fmt: skip

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


@dataclass(frozen=True)
class Column:
    """One column of a table: its name, its kind and what it means."""

    name: str
    kind: Kind
    meaning: str
    required: bool = True


@dataclass(frozen=True)
class Table:
    """The declaration of a table: a name for messages, and its columns in order."""

    name: str
    columns: tuple[Column, ...]

    @property
    def names(self) -> list[str]:
        """The column names, in order."""
        return [column.name for column in self.columns]


def _table(name: str, *columns: tuple[str, Kind, str], optional: tuple[str, ...] = ()) -> Table:
    return Table(name, tuple(Column(n, k, m, required=n not in optional) for n, k, m in columns))


CALLS = _table(
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
ROWS = _table(
    "what became of the rows",
    ("file", "word", "name of the file"),
    ("patient", "word", "patient of the rows; missing where the row names none"),
    ("fate", "word", f"'{KEPT}', or the rule that took the rows out"),
    ("rows", "integer", "how many rows"),
)

FINDINGS = _table(
    "findings",
    ("severity", "text", "error, warning or note"),
    ("code", "text", "short name of the condition, stable between versions"),
    ("patient", "text", "patient concerned, empty when the cohort is"),
    ("where", "text", "file and line, or column"),
    ("count", "integer", "how many rows or patients"),
    ("message", "text", "what was found and what to do"),
)

PATIENT_QUALITY = _table(
    "what there is of each patient",
    ("patient", "text", "patient identifier"),
    ("response", "integer", "1 for the positive response, 0 otherwise"),
    ("assay", "text", "name of the patient's assay"),
    ("rows", "integer", "rows of the files of calls that name the patient"),
    ("calls", "integer", "distinct calls that were kept"),
    ("burden", "number", "nonsilent calls in the genes that every assay covers; missing where unknown"),
)

OUT_OF_FOLD = _table(
    "out-of-fold table",
    ("model", "text", "catalogue name of the model, 'chosen' for the model picked inside each fold"),
    ("repeat", "integer", "repeat of the split plan, from 0"),
    ("fold", "integer", "fold of the repeat, from 0"),
    ("patient", "text", "patient left out by this fold"),
    ("response", "integer", "1 for the positive response, 0 otherwise"),
    ("probability", "number", "predicted probability of the positive response"),
    ("pair", "integer", "leave-pair-out: the pair that the patient was left out with"),
    optional=("pair",),
)

CHOICES = _table(
    "what each fold chose",
    ("model", "text", "catalogue name of the model"),
    ("repeat", "integer", "repeat of the split plan"),
    ("fold", "integer", "fold of the repeat"),
    ("picked", "text", "the model fitted: itself, or for 'chosen' the model picked by inner log loss"),
    ("candidate", "text", "hyperparameters picked by the inner folds, as JSON"),
    ("inner_log_loss", "number", "mean inner log loss of that candidate, nats"),
    ("threshold", "number", "probability cut-off picked on inner predictions (highest Youden index)"),
    ("genes", "integer", "genes that passed the carrier filter of this training fold"),
    ("trained_on", "integer", "patients in the training fold"),
    ("responders", "integer", "responders in the training fold"),
)

INNER_ERRORS = _table(
    "inner errors",
    ("model", "text", "catalogue name of the model"),
    ("repeat", "integer", "repeat of the split plan"),
    ("fold", "integer", "outer fold"),
    ("candidate", "text", "hyperparameters, as JSON"),
    ("inner_fold", "integer", "inner fold, from 0"),
    ("log_loss", "number", "log loss on the inner fold, nats"),
)

SCORES = _table(
    "scores",
    ("model", "text", "catalogue name of the model"),
    ("score", "text", "name of the score"),
    ("estimate", "number", "the score"),
    ("low", "number", "lower end of the 95 % interval, missing when none can be given"),
    ("high", "number", "upper end of the 95 % interval, missing when none can be given"),
    ("interval", "text", "how the interval was made, or why there is none"),
)

COMPARISONS = _table(
    "comparisons",
    ("model", "text", "catalogue name of the model"),
    ("rival", "text", "the model it is compared with, on the same folds"),
    ("score", "text", "name of the score"),
    ("difference", "number", "score of the model minus score of the rival"),
    ("low", "number", "lower end of the 95 % interval"),
    ("high", "number", "upper end of the 95 % interval"),
    ("p", "number", "two-sided p of no difference (Nadeau and Bengio 2003)"),
    ("p_holm", "number", "p adjusted for all models that are compared with this rival (Holm 1979)"),
    ("interval", "text", "how interval and p were made, or why there are none"),
    ("delong_low", "number", "second view: lower end of DeLong's 95 % interval within folds"),
    ("delong_high", "number", "upper end of it"),
    ("delong_p", "number", "its two-sided p; the models are taken as given, so that it is too small"),
)

STRATUM_SCORES = _table(
    "scores within strata",
    ("model", "text", "catalogue name of the model"),
    ("covariate", "text", "covariate whose levels part the patients"),
    ("level", "text", "level of the covariate, 'unknown' where it is missing"),
    ("patients", "integer", "patients of the level"),
    ("responders", "integer", "responders among them"),
    ("auroc", "number", "share of pairs of one level, left out by the same fold, that are ranked rightly"),
    ("low", "number", "lower end of the 95 % interval, missing when none can be given"),
    ("high", "number", "upper end of it"),
    ("interval", "text", "how the interval was made, or why there is none"),
    ("status", "text", "empty, or why nothing can be said"),
)

DECISIONS = _table(
    "net benefit",
    ("model", "text", "catalogue name of the model"),
    ("threshold", "number", "probability of response from which a patient would be treated"),
    ("net_benefit", "number", "responders treated less weighted others treated, per patient; of nobody treated 0"),
    ("low", "number", "lower end of the pointwise 95 % interval, missing where nobody is treated"),
    ("high", "number", "upper end of it"),
    ("treat_all", "number", "net benefit of treating everybody"),
    ("gain", "number", "net benefit less the better of treating everybody and nobody"),
    ("gain_low", "number", "lower end of its pointwise 95 % interval, missing where the two treat the same"),
    ("gain_high", "number", "upper end of it"),
)

PERMUTED = _table(
    "permuted statistics",
    ("permuted", "text", "what was permuted: responses, or genes (the gene block against the covariates)"),
    ("number", "integer", "number of the permutation; 0 is the observed data"),
    ("model", "text", "catalogue name of the model, 'chosen' for the model picked inside each fold"),
    ("statistic", "number", "AUROC; for genes, its gain over clinical-only"),
)

CHANCE = _table(
    "permutation tests",
    ("permuted", "text", "what was permuted: responses, or genes"),
    ("model", "text", "catalogue name of the model, 'chosen', or 'best' for the highest of all models"),
    ("observed", "number", "AUROC, or its gain over clinical-only, on the folds of the permutations"),
    ("null_mean", "number", "mean of the permuted statistics"),
    ("permutations", "integer", "permutations, the observed data left out"),
    ("reached", "integer", "permutations that reached the observed value"),
    ("p", "number", "one-sided p"),
    ("low", "number", "lower end of the 95 % Monte-Carlo interval of p; p itself when exact"),
    ("high", "number", "upper end of it"),
    ("adjusted_p", "number", "p of the highest of all models (single-step max T)"),
    ("method", "text", "how p was had"),
)

LEARNING_CURVE = _table(
    "learning curve",
    ("model", "text", "catalogue name of the model, 'chosen' for the model picked inside each fold"),
    ("share", "number", "share of each training fold that was trained on"),
    ("trained_on", "number", "patients trained on, the mean over folds"),
    ("auroc", "number", "mean over folds of the AUC within the fold"),
    ("low", "number", "lower end of the 95 % interval, missing when none can be given"),
    ("high", "number", "upper end of it"),
    ("interval", "text", "how the interval was made, or why there is none"),
    ("status", "text", "empty, or why nothing could be said"),
)

OPTIMISM = _table(
    "optimism ledger",
    ("step", "text", "how the AUROC was had, the least honest way first"),
    ("model", "text", "catalogue name of the model, or what was fitted instead"),
    ("auroc", "number", "the AUROC had that way; missing when it was not done"),
    ("low", "number", "lower end of the interval; missing where an interval would dress up a wrong number"),
    ("high", "number", "upper end of it"),
    ("meaning", "text", "what the number is worth, in plain words"),
)

INFLUENCE = _table(
    "influence of each patient",
    ("patient", "text", "the patient who is left out"),
    ("response", "integer", "1 for the positive response, 0 otherwise"),
    ("chosen_change", "number", "AUROC of 'chosen' without the patient minus with; nothing is refitted"),
    ("exported_change", "number", "the same for the exported model"),
    ("chosen_without", "text", "the model that the inner folds would pick without the patient's loss"),
    ("leading_kept", "integer", "of the exported model's leading features, how many lead when it is refitted"),
    ("leading_lost", "text", "those that no longer lead"),
    ("leading_moved", "text", "leading features whose rank changed, with both ranks"),
    ("status", "text", "empty, or why nothing can be said of the refitted model"),
)

CONTRIBUTIONS = _table(
    "contributions",
    ("model", "text", "catalogue name of the model"),
    ("patient", "text", "patient explained, each time by a fold that left the patient out"),
    ("feature", "text", "gene or covariate"),
    ("block", "text", "gene, covariate or burden"),
    ("value", "number", "value of the feature in this patient; missing when not covered"),
    ("contribution", "number", "held-out SHAP value, mean over repeats, in the scale of the explained rows"),
    ("spread", "number", "standard deviation of the SHAP value over repeats"),
    optional=("spread",),
)

EXPLAINED = _table(
    "explained rows",
    ("model", "text", "catalogue name of the model"),
    ("repeat", "integer", "repeat of the split plan"),
    ("fold", "integer", "fold that left the patient out"),
    ("patient", "text", "patient explained"),
    ("scale", "text", "log-odds or probability"),
    ("method", "text", "linear, tree-path or constant"),
    ("base", "number", "expected output before any feature is known"),
    ("output", "number", "the model's output for this patient, in that scale"),
    ("gap", "number", "absolute difference between output and base plus contributions"),
)

GENE_CONTRIBUTIONS = _table(
    "contributions per feature",
    ("model", "text", "catalogue name of the model"),
    ("feature", "text", "gene or covariate"),
    ("block", "text", "gene, covariate or burden"),
    ("covered", "integer", "patients in whom the feature was measured"),
    ("carriers", "integer", "patients in whom the gene is mutated (genes only)"),
    ("folds_kept", "number", "share of the folds in which the feature reached the model"),
    ("mean_abs", "number", "mean over measured patients of the absolute held-out contribution"),
    ("when_mutated", "number", "mean held-out contribution over carriers (genes only)"),
    ("scale", "text", "log-odds or probability"),
    ("status", "text", "empty, or why nothing can be said"),
)

WATCHED = _table(
    "watched genes",
    ("gene", "text", "gene symbol"),
    ("covered", "integer", "patients in whom the gene was sequenced"),
    ("carriers", "integer", "patients in whom it is mutated"),
    ("responders", "integer", "responders among the covered"),
    ("carriers_responding", "integer", "responders among the carriers"),
    ("odds_ratio", "number", "conditional odds ratio of response, carriers against the others"),
    ("low", "number", "lower end of its exact 95 % interval"),
    ("high", "number", "upper end of its exact 95 % interval"),
    ("p", "number", "two-sided Fisher exact p"),
    ("status", "text", "empty, or why nothing can be said"),
)

PREDICTIONS = _table(
    "predictions",
    ("patient", "text", "patient identifier, as in the roster"),
    ("probability", "number", "predicted probability of the positive response; missing when refused"),
    ("top_contributions", "text", "leading features with their signed contributions"),
    ("scale", "text", "scale of the contributions: log-odds or probability"),
    ("genes_not_covered", "integer", "genes of the model that were not sequenced in this patient"),
    ("not_covered", "text", "their names"),
    ("covariates_missing", "text", "covariates of the model without a usable value"),
    ("refusal", "text", "why there is no prediction, empty when there is one"),
    ("model", "text", "name of the model"),
    ("model_sha256", "text", "hash of the model's manifest"),
)


def conform(frame: pd.DataFrame, table: Table, *, complete: bool = True) -> pd.DataFrame:
    """Bring a frame into the declared shape: declared columns, order and kinds, a plain row index.

    Parameters
    ----------
    frame : pandas.DataFrame
        Rows to check. Optional columns that are absent are added as missing; others are dropped.
    table : Table
        The declaration.
    complete : bool
        False leaves out optional columns that are absent: millions of missing values are still values to keep.

    Returns
    -------
    pandas.DataFrame
        A new frame with the declared columns.

    Raises
    ------
    InputError
        If a required column is absent, or values do not have the declared kind.

    Examples
    --------
    >>> import pandas as pd
    >>> conform(pd.DataFrame({"patient": ["P1"], "gene": ["TP53"], "effect": ["missense"]}), CALLS).shape
    (1, 20)
    """
    absent = [c.name for c in table.columns if c.required and c.name not in frame.columns]
    if absent:
        raise InputError(
            f"The {table.name} lacks the column{'s' if len(absent) > 1 else ''} {', '.join(absent)}; "
            f"it has {', '.join(map(str, frame.columns)) or 'no columns'}."
        )
    declared = [c for c in table.columns if complete or c.name in frame.columns]
    shaped = frame.reindex(columns=[c.name for c in declared]).reset_index(drop=True)
    for column in declared:
        try:
            values = shaped[column.name]
            shaped[column.name] = (
                as_words(values) if column.kind == "word" else values.astype(_DTYPES[column.kind])
            )
        except (TypeError, ValueError) as error:
            raise InputError(
                f"Column {column.name} of the {table.name} must be of kind {column.kind}: {error}"
            ) from error
    return shaped


def join_tables(tables: Sequence[pd.DataFrame], table: Table) -> pd.DataFrame:
    """Return tables of one declaration under one another; their categories become one set of words.

    Parameters
    ----------
    tables : sequence of pandas.DataFrame
        Each in the declared shape; what one of them lacks is missing in its rows. They are not changed.
    table : Table
        The declaration.
    """
    import pandas as pd

    some = [rows for rows in tables if len(rows)]
    if len(some) < 2:
        return some[0].reset_index(drop=True) if some else empty(table)
    columns = {}
    for column in table.columns:
        if not any(column.name in rows for rows in some):
            continue
        parts = [rows[column.name] if column.name in rows else _missing(column, len(rows)) for rows in some]
        joined = pd.api.types.union_categoricals(parts) if column.kind == "word" else pd.concat(parts)
        columns[column.name] = pd.Series(joined).reset_index(drop=True)
    return conform(pd.DataFrame(columns), table, complete=False)


def with_columns(frame: pd.DataFrame, table: Table, names: Collection[str]) -> pd.DataFrame:
    """Return a frame in which the named columns of the declaration are there, missing where they were absent.

    Examples
    --------
    >>> import pandas as pd
    >>> with_columns(pd.DataFrame({"patient": ["P1"]}), CALLS, {"vaf"}).isna().to_numpy().tolist()
    [[False, True]]
    """
    absent = [column for column in table.columns if column.name in names and column.name not in frame]
    if not absent:
        return frame
    added = frame.assign(**{column.name: _missing(column, len(frame)).set_axis(frame.index) for column in absent})
    return added[[name for name in table.names if name in added]]


def _missing(column: Column, rows: int) -> pd.Series:
    import pandas as pd

    if column.kind == "word":
        words = pd.Categorical.from_codes([-1] * rows, pd.Index([], dtype="str"))
        return pd.Series(words)
    return pd.Series([None] * rows, dtype=_DTYPES[column.kind])


def as_words(values: pd.Series) -> pd.Series:
    """Return texts as a category of the distinct texts present, sorted, whatever they were before."""
    import numpy as np
    import pandas as pd

    if not isinstance(values.dtype, pd.CategoricalDtype):
        return values.astype("str").astype("category")
    codes, texts = values.cat.codes.to_numpy(), values.cat.categories.astype("str")
    # To mark codes is many times faster than what pandas does to find unused ones; in parts it takes no memory.
    marked = np.zeros(len(texts) + 1, dtype=bool)  # the last place is that of the code -1: missing
    for start in range(0, len(codes), 1 << 20):
        marked[codes[start : start + (1 << 20)]] = True
    present = marked[:-1]
    if present.all() and texts.is_monotonic_increasing:
        return values if texts.dtype == values.cat.categories.dtype else values.cat.rename_categories(texts)
    kept = texts[present].sort_values()
    place = kept.get_indexer(texts).astype(np.min_scalar_type(-max(len(texts), 1)))
    renumbered = np.append(place, place.dtype.type(-1))[codes]
    return pd.Series(pd.Categorical.from_codes(renumbered, kept), index=values.index, name=values.name)


def empty(table: Table) -> pd.DataFrame:
    """Return the table without rows, with its declared columns and kinds."""
    import pandas as pd

    return pd.DataFrame({column.name: _missing(column, 0) for column in table.columns})
