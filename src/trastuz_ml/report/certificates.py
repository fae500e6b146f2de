"""From a finished run to gene certificates, and from certificates to what a page or a terminal shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from trastuz_ml.errors import ConfigurationError
from trastuz_ml.explain.certificate import Certificate, Evidence, certificate_of, in_order
from trastuz_ml.explain.silencing import summary
from trastuz_ml.learn.catalogue import CHOSEN
from trastuz_ml.report.plain import plain, records
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run

CAUTION = (
    "A verdict speaks of association in this cohort, with the regimen that was given; it shows no cause, and is "
    "no ground for treating anybody. Ranges over repeats say how much hangs on how patients were dealt to folds; "
    "they are no intervals for new patients."
)


def evidence_of(run: Run) -> Evidence:
    """Return the tables of a run that certificates are made of.

    Raises
    ------
    ConfigurationError
        If the run explains no gene.
    """
    contributions = run.gene_contributions
    if run.associations.empty or not contributions["block"].eq(GENE).any():
        raise ConfigurationError(
            f"The run {run.name} says nothing of genes: none of its models ({', '.join(run.models)}) sees any. "
            "Add a model with genes, such as l2-logistic:both, and train again."
        )
    return Evidence(run.associations, contributions, summary(run.silenced))


def _require_model(run: Run, model: str) -> None:
    known = list(dict.fromkeys(run.gene_contributions["model"]))
    if model == CHOSEN:
        raise ConfigurationError(
            f"'{CHOSEN}' is whichever model a fold picked, explained under its own name: name one of "
            f"{', '.join(known)}."
        )
    if model not in known:
        raise ConfigurationError(f"The run {run.name} has no model '{model}'; it has {', '.join(known)}.")


def certificates_of(
    run: Run, genes: Sequence[str] | None = None, *, model: str | None = None
) -> list[Certificate]:
    """Return certificates of genes, those declared before fitting when none are named.

    Parameters
    ----------
    run : Run
        A finished run.
    genes : sequence of str, optional
        Genes of its matrix, under their current names.
    model : str, optional
        Show what this model says only; verdicts are of all models.

    Raises
    ------
    ConfigurationError
        If the run says nothing of genes, or has no such model.
    """
    evidence = evidence_of(run)
    if model is not None:
        _require_model(run, model)
    asked = [str(gene) for gene in run.watched["gene"]] if genes is None else genes
    return [certificate_of(gene, evidence, model=model) for gene in dict.fromkeys(asked)]


def leading_certificates(run: Run, top: int, *, model: str | None = None) -> list[Certificate]:
    """Return the certificates of the genes of smallest adjusted p, the strongest verdict first.

    Genes that could be tested come before those that could not, however small their p.
    """
    idle = run.associations["status"].fillna("").ne("")
    ranked = run.associations.assign(idle=idle).sort_values(["idle", "adjusted_p", "p", "gene"], kind="stable")
    return in_order(certificates_of(run, [str(gene) for gene in ranked["gene"].head(top)], model=model))


def certificate_content(certificate: Certificate) -> dict[str, Any]:
    """Return a certificate as plain JSON values."""
    return {
        "gene": certificate.gene,
        "verdict": certificate.verdict,
        "why": certificate.why,
        "sentences": list(certificate.sentences),
        "association": plain(certificate.association),
        "contributions": records(certificate.contributions),
        "silenced": records(certificate.silenced),
    }


def certificate_sheet(certificates: Sequence[Certificate]) -> pd.DataFrame:
    """Return certificates under one another: one row a gene."""
    return pd.concat([certificate.frame() for certificate in certificates], ignore_index=True)
