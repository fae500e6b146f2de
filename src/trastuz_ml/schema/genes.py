"""Tables of genes: what each contributes to predictions, and how it goes with the response."""

from __future__ import annotations

from trastuz_ml.schema.table import Table, table

CONTRIBUTIONS: Table = table(
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

EXPLAINED: Table = table(
    "explained rows",
    ("model", "text", "catalogue name of the model"),
    ("repeat", "integer", "repeat of the split plan"),
    ("fold", "integer", "fold that left the patient out"),
    ("patient", "text", "patient explained"),
    ("scale", "text", "log-odds or probability"),
    ("method", "text", "linear, tree-path, permutation or constant"),
    ("base", "number", "expected output before any feature is known"),
    ("output", "number", "the model's output for this patient, in that scale"),
    ("gap", "number", "absolute difference between output and base plus contributions"),
    ("error", "number", "largest standard error of a contribution; empty where exact"),
    optional=("error",),
)

GENE_CONTRIBUTIONS: Table = table(
    "contributions per feature",
    ("model", "text", "catalogue name of the model"),
    ("feature", "text", "gene or covariate"),
    ("block", "text", "gene, covariate or burden"),
    ("covered", "integer", "patients in whom the feature was measured"),
    ("carriers", "integer", "patients in whom the gene is mutated (genes only)"),
    ("alike", "text", "other genes with the same carriers, separated by commas: nothing tells them apart"),
    ("folds_kept", "number", "share of the folds in which the feature reached the model"),
    ("folds_used", "number", "share of the folds in which it moved some prediction"),
    ("mean_abs", "number", "mean over measured patients of the absolute held-out contribution"),
    ("mean_abs_low", "number", "2.5th percentile of it over repeats; missing with one repeat"),
    ("mean_abs_high", "number", "97.5th percentile of it over repeats"),
    ("when_mutated", "number", "mean held-out contribution over carriers (genes only)"),
    ("when_mutated_low", "number", "2.5th percentile of it over repeats; missing with one repeat"),
    ("when_mutated_high", "number", "97.5th percentile of it over repeats"),
    (
        "sign_agreement",
        "number",
        "share of folds with a carrier left out whose effect has the sign of when_mutated",
    ),
    ("rank", "number", "mean over repeats of the rank by mean_abs among the features of the model; 1 leads"),
    ("rank_low", "number", "2.5th percentile of the rank over repeats; missing with one repeat"),
    ("rank_high", "number", "97.5th percentile of the rank over repeats"),
    ("scale", "text", "log-odds or probability"),
    ("status", "text", "empty, or why nothing can be said"),
)

SET_CONTRIBUTIONS: Table = table(
    "contributions per gene set",
    ("model", "text", "catalogue name of the model"),
    ("gene_set", "text", "name of the set"),
    ("genes", "integer", "genes of the set"),
    ("in_model", "text", "those that moved some prediction, separated by commas"),
    ("carriers", "integer", "patients in whom some gene of the set is mutated"),
    ("mean_abs", "number", "mean over patients of the absolute sum of the set's held-out contributions"),
    ("mean_abs_low", "number", "2.5th percentile of it over repeats; missing with one repeat"),
    ("mean_abs_high", "number", "97.5th percentile of it over repeats"),
    ("when_mutated", "number", "mean of the sum over carriers"),
    ("scale", "text", "log-odds or probability"),
    ("status", "text", "empty, or why nothing can be said"),
)

AGREEMENT: Table = table(
    "agreement between models",
    ("model", "text", "catalogue name of a model"),
    ("rival", "text", "another model that was offered genes"),
    ("genes", "integer", "genes that moved some prediction of either"),
    ("rank_correlation", "number", "Spearman's, of the mean absolute contributions of those genes"),
    ("leading_shared", "integer", "genes among the ten leading ones of both"),
    ("same_sign", "number", "share of genes that lead in either and move both whose effects have the same sign"),
)

ASSOCIATIONS: Table = table(
    "association of genes with the response",
    ("gene", "text", "gene symbol"),
    ("watched", "flag", "whether the gene was declared under watch before fitting"),
    ("counted", "text", "patients; groups (one row each); or patients in groups, as if they were independent"),
    ("covered", "integer", "patients in whom the gene was sequenced"),
    ("carriers", "integer", "patients in whom it is mutated"),
    ("responders", "integer", "responders among the covered"),
    ("carriers_responding", "integer", "responders among the carriers"),
    ("odds_ratio", "number", "conditional odds ratio of response, carriers against the others"),
    ("low", "number", "lower end of its exact 95 % interval"),
    ("high", "number", "upper end of its exact 95 % interval"),
    ("p", "number", "two-sided Fisher exact p"),
    ("q", "number", "p adjusted for all genes that can be tested (Benjamini and Hochberg 1995)"),
    ("q_discrete", "number", "the same, counting for each gene only the p values that its carriers allow"),
    ("adjusted_for", "text", "what the next columns are adjusted for"),
    ("adjusted_odds_ratio", "number", "odds ratio of response by Firth's logistic regression, adjusted"),
    ("adjusted_low", "number", "lower end of its 95 % interval (profile of the penalised likelihood)"),
    ("adjusted_high", "number", "upper end of it"),
    ("adjusted_p", "number", "two-sided p of it (penalised likelihood ratio)"),
    ("adjusted_q", "number", "adjusted_p adjusted for all genes that can be tested (Benjamini and Hochberg)"),
    ("length", "number", "length of the gene, in the unit of the table that gave it; missing when unknown"),
    ("length_rank", "number", "1 for the longest of the genes of the run whose length is known"),
    ("alike", "text", "other genes with the same carriers, separated by commas: nothing tells them apart"),
    ("selected", "number", "share of half-samples in which the gene was among the best"),
    ("false_selections", "number", "genes expected to be selected as often were responses shuffled"),
    ("status", "text", "empty, or why nothing can be said"),
    optional=("counted",),
)

SILENCED: Table = table(
    "in-silico silencing",
    ("gene", "text", "gene, or a pair of genes joined by +"),
    ("model", "text", "catalogue name of the model"),
    ("patient", "text", "patient, each time in folds that left the patient out"),
    ("direction", "text", "silenced (intact, read as truncated) or restored (mutated, read as intact)"),
    ("probability", "number", "predicted probability of response as sequenced, mean over repeats"),
    ("change", "number", "change of it when the gene is silenced or restored, mean over repeats"),
    ("spread", "number", "standard deviation of the change over repeats; missing with one repeat"),
    ("log_odds_change", "number", "change of the log-odds, mean over repeats"),
)

GENES_BY_CHANCE: Table = table(
    "genes that tell responders apart, by chance",
    ("strictness", "text", "what a gene must do to count"),
    ("number", "integer", "number of the permutation of the responses; 0 is the observed data"),
    ("genes", "integer", "genes that do it"),
)

GENES_AGAINST_CHANCE: Table = table(
    "genes against chance",
    ("strictness", "text", "what a gene must do to count"),
    ("observed", "integer", "genes that do it in the observed data"),
    ("expected", "number", "mean number under shuffled responses"),
    ("low", "integer", "2.5th percentile under shuffled responses"),
    ("high", "integer", "97.5th percentile under shuffled responses"),
    ("reached", "integer", "shuffled responses with as many genes or more"),
    ("permutations", "integer", "shuffled responses"),
    ("p", "number", "(1 + reached) / (1 + permutations); exact where every arrangement was taken"),
    ("false_share", "number", "share of the observed genes that chance alone explains; missing without any"),
    ("method", "text", "how many responses were shuffled, or that every arrangement was taken"),
    ("sentence", "text", "what that says"),
)

PANELS: Table = table(
    "panels of leading genes",
    ("panel", "text", "ranks of its genes by association in each training fold, or 'all genes'"),
    ("first", "integer", "rank of its first gene; 1 leads"),
    ("genes", "integer", "genes in it; of all genes, the median over folds"),
    ("auroc", "number", "AUROC of the L2 logistic model on them, in nested cross-validation"),
    ("low", "number", "lower end of its 95 % interval, missing when none can be given"),
    ("high", "number", "upper end of its 95 % interval"),
    ("difference", "number", "AUROC less that of all genes, on the same folds"),
    ("error", "number", "standard error of the difference, corrected for overlapping training folds"),
    ("as_good", "flag", "whether it is within one standard error of all genes; missing when that cannot be said"),
    ("overlap", "number", "genes that two folds have in common, of those in either (Jaccard), the mean"),
    ("status", "text", "empty, or what cannot be said and why"),
)
