"""The table of predictions: what is predicted for each new patient, and what the prediction is worth."""

from __future__ import annotations

from trastuz_ml.schema.table import Table, table

# Where training patients could not be looked for: no answer is not "none found".
NOT_SEARCHED = "not searched"

PREDICTIONS: Table = table(
    "predictions",
    ("patient", "text", "patient identifier, as in the roster"),
    ("probability", "number", "predicted probability of the positive response; missing when refused"),
    ("calibrated_probability", "number",
     "the same, recalibrated on predictions of left-out training patients; missing when that was not possible"),
    ("low", "number",
     "lower end (5 %) of the predictions with training patients' values in place of what was not measured; "
     "the probability itself when everything was measured; missing when no vectors were kept"),
    ("high", "number", "upper end (95 %) of them"),
    ("weight_measured", "number", "share (0 to 1) of the model's weight that was measured"),
    ("conformal_set", "text",
     "responds, does not respond, either or neither, at the model's miss rate; empty where no claim is made"),
    ("set_refusal", "text", "why no claim is made; empty where one is, and where there is no prediction"),
    ("out_of_distribution", "text", "in what the patient is unlike every training patient; empty in nothing"),
    ("top_contributions", "text", "leading features with their signed contributions"),
    ("scale", "text", "scale of the contributions: log-odds or probability"),
    ("genes_not_covered", "integer", "genes of the model that were not sequenced in this patient"),
    ("not_covered", "text", "their names"),
    ("covariates_missing", "text", "covariates of the model, its burden or assay, without a usable value"),
    ("shared_with_training", "text",
     f"rare variants shared with training patients; empty when none is, '{NOT_SEARCHED}' when nobody looked"),
    ("refusal", "text", "why there is no prediction, empty when there is one"),
    ("model", "text", "name of the model"),
    ("model_version", "integer", "its version; missing for a model that was not stored under models/"),
    ("model_sha256", "text", "hash of the model's manifest, its identity"),
)  # fmt: skip
