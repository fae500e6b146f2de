"""Tables of a run: rows of calls, predictions of left-out patients, scores, coefficients, and what chance does."""

from __future__ import annotations

from trastuz_ml.schema.table import Table, table

ROW_FATES: Table = table(
    "what became of the rows of calls",
    ("fate", "text", "'kept', or the rule that took the rows out: see FATES"),
    ("rows", "integer", "rows over all files and patients"),
)

OUT_OF_FOLD: Table = table(
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

CHOICES: Table = table(
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

INNER_ERRORS: Table = table(
    "inner errors",
    ("model", "text", "catalogue name of the model"),
    ("repeat", "integer", "repeat of the split plan"),
    ("fold", "integer", "outer fold"),
    ("candidate", "text", "hyperparameters, as JSON"),
    ("inner_fold", "integer", "inner fold, from 0"),
    ("log_loss", "number", "log loss on the inner fold, nats"),
)

SCORES: Table = table(
    "scores",
    ("model", "text", "catalogue name of the model"),
    ("score", "text", "name of the score"),
    ("estimate", "number", "the score"),
    ("low", "number", "lower end of the 95 % interval, missing when none can be given"),
    ("high", "number", "upper end of the 95 % interval, missing when none can be given"),
    ("interval", "text", "how the interval was made, or why there is none"),
)

COMPARISONS: Table = table(
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

STRATUM_SCORES: Table = table(
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

DECISIONS: Table = table(
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

PERMUTED: Table = table(
    "permuted statistics",
    ("permuted", "text", "what was permuted: responses, or genes (the gene block against the covariates)"),
    ("number", "integer", "number of the permutation; 0 is the observed data"),
    ("model", "text", "catalogue name of the model, 'chosen' for the model picked inside each fold"),
    ("statistic", "number", "AUROC; for genes, its gain over clinical-only"),
)

CHANCE: Table = table(
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

LEARNING_CURVE: Table = table(
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

OPTIMISM: Table = table(
    "optimism ledger",
    ("step", "text", "how the AUROC was had, the least honest way first"),
    ("model", "text", "catalogue name of the model, or what was fitted instead"),
    ("auroc", "number", "the AUROC had that way; missing when it was not done"),
    ("low", "number", "lower end of the interval; missing where an interval would dress up a wrong number"),
    ("high", "number", "upper end of it"),
    ("meaning", "text", "what the number is worth, in plain words"),
)

INFLUENCE: Table = table(
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

# Log-odds of response are the intercept plus, over the other rows of a model, coefficient * (x - center) / scale.
# Of a category, x is 1 in the row of the patient's level and 0 in the others. What is not known adds nothing: a
# gene that was not covered, a missing number, a level that has no row.
COEFFICIENTS: Table = table(
    "coefficients of the linear models",
    ("model", "text", "catalogue name of the model, fitted on everybody"),
    ("feature", "text", "name of the feature, empty for the intercept"),
    ("block", "text", "gene, covariate, burden or assay; intercept"),
    ("kind", "text", "gene, number or category; intercept"),
    ("level", "text", "level of the category that the row is about, empty for all else"),
    ("coefficient", "number", "log-odds per scale; of the intercept, log-odds"),
    ("center", "number", "mean over the patients with a value; missing for the intercept"),
    ("scale", "number", "what is divided by: 1 for genes and levels; missing for the intercept"),
)
