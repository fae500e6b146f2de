"""Tables of an external validation: scores beside the internal ones, calibration, net benefit, drift, overlap."""

from __future__ import annotations

from trastuz_ml.schema.table import Table, table

EXTERNAL_SCORES: Table = table(
    "scores of an external validation",
    ("score", "text", "name of the score"),
    ("internal", "number", "the score in left-out patients of the training cohort; missing where there is none"),
    ("internal_low", "number", "lower end of its 95 % interval, missing when none can be given"),
    ("internal_high", "number", "upper end of it"),
    ("external", "number", "the score of the stored model in the new patients"),
    ("external_low", "number", "lower end of its 95 % interval, missing when none can be given"),
    ("external_high", "number", "upper end of it"),
    ("interval", "text", "how the external interval was made, or why there is none"),
    ("recalibrated", "number",
     "the score of the model's calibrated probability, recalibrated in the training cohort; missing where it has "
     "none"),
    ("recalibrated_low", "number", "lower end of its 95 % interval, missing when none can be given"),
    ("recalibrated_high", "number", "upper end of it"),
)  # fmt: skip

EXTERNAL_CALIBRATION: Table = table(
    "calibration in groups of similar predictions",
    ("group", "integer", "number of the group, the lowest predictions first, from 1"),
    ("lowest", "number", "lowest predicted probability of the group"),
    ("highest", "number", "highest predicted probability of the group"),
    ("patients", "integer", "patients of the group"),
    ("predicted", "number", "mean predicted probability"),
    ("responders", "integer", "patients who responded"),
    ("observed", "number", "share who responded"),
    ("low", "number", "lower end of its 95 % interval (Wilson)"),
    ("high", "number", "upper end of it"),
)

EXTERNAL_NET_BENEFIT: Table = table(
    "net benefit in new patients",
    ("threshold", "number", "probability of response from which a patient would be treated"),
    ("net_benefit", "number", "responders treated less weighted others treated, per patient; of nobody treated 0"),
    ("low", "number", "lower end of the pointwise 95 % interval, missing where nobody is treated"),
    ("high", "number", "upper end of it"),
    ("treat_all", "number", "net benefit of treating everybody"),
    ("treated", "integer", "patients at the threshold or above"),
)

DRIFT: Table = table(
    "drift",
    ("what", "text", "burden, genes mutated, gene, covariate, or not known (of a covariate)"),
    ("name", "text", "gene, covariate, or what is counted"),
    ("level", "text", "level of a covariate whose share differs most; empty for everything else"),
    ("training", "text", "what was seen in training"),
    ("new", "text", "what is seen in the new cohort"),
    ("scale", "text", "difference in share, or chance that a new patient lies above a training patient"),
    ("effect", "number", "how far the two are apart, on that scale: 0 or 0.5 is no drift"),
    ("low", "number", "lower end of its 95 % interval, not adjusted for the number of rows"),
    ("high", "number", "upper end of it"),
    ("p", "number", "p of no difference"),
    ("adjusted_p", "number",
     "p adjusted for the whole table: without any drift, one or more is at most 0.05 in at most 5 % of cohorts"),
    ("verdict", "text", "drift, no drift seen, too few to tell, or not measured"),
    ("visible", "text", "what would be seen in 80 % of cohorts of this size"),
)  # fmt: skip

SHARED: Table = table(
    "patients shared with the training cohort",
    ("patient", "text", "new patient, set aside"),
    ("training_patient", "text", "training patient; the pseudonym where no run on this machine tells who it is"),
    ("pseudonym", "text", "pseudonym of the training patient"),
    ("shared", "integer", "places of variants rare in the training cohort that both carry"),
    ("of", "integer", "places of whoever has fewer"),
    ("expected", "number", "shared by strangers with as many"),
    ("beyond_chance", "number", "what is shared beyond that, of what could be"),
)
