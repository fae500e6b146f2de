"""Gene certificate: everything a cohort says of one gene, and a verdict by rules that were written down before.

The rules, in their order (docs/genes.md says why they are what they are):

not covered    no patient was sequenced for the gene
not evaluable  whatever its carriers had done, no test could have reached p 0.05
supported      judged p at most 0.05, and most models that use the gene move carriers the same way
suggestive     judged p at most 0.10 (0.20 for genes that were not declared), or at most 0.05 without the models
unsupported    everything else

The judged p is adjusted for burden and the declared covariates. A gene declared under ``watch`` before fitting is
judged at its own; every other gene at the q of all genes that could be tested.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from trastuz_ml.explain.silencing import silencing_sentences
from trastuz_ml.schema import GENE
from trastuz_ml.stats.gene_power import gene_power_in_words
from trastuz_ml.wording import count, number, p_value, share, span

Verdict = Literal["not covered", "not evaluable", "unsupported", "suggestive", "supported"]
VERDICTS: tuple[Verdict, ...] = ("not covered", "not evaluable", "unsupported", "suggestive", "supported")

SUPPORTED_P = 0.05
SUGGESTIVE_P, SUGGESTIVE_Q = 0.10, 0.20
# A model moves carriers one way when so many of the folds in which it could be seen agree on the sign.
SAME_SIGN = 0.8


@dataclass(frozen=True, eq=False)
class Certificate:
    """What a cohort says of one gene.

    Attributes
    ----------
    gene : str
        Its symbol.
    verdict : str
        One of :data:`VERDICTS`.
    why : str
        The rule that gave the verdict, with its numbers, as a sentence.
    sentences : tuple of str
        What was found, in plain words, in reading order.
    association : mapping
        The gene's row of :data:`trastuz_ml.schema.ASSOCIATIONS`.
    contributions : pandas.DataFrame
        Its rows of :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`, one a model.
    silenced : pandas.DataFrame
        What silencing it does, one row a model and direction; without rows where it was not done.
    """

    gene: str
    verdict: Verdict
    why: str
    sentences: tuple[str, ...]
    association: Mapping[str, Any]
    contributions: pd.DataFrame
    silenced: pd.DataFrame

    def frame(self) -> pd.DataFrame:
        """Return one row: the gene, its verdict, the reason, and the columns of its association."""
        row = {"gene": self.gene, "verdict": self.verdict, "why": self.why}
        return pd.DataFrame([{**row, **{k: v for k, v in self.association.items() if k != "gene"}}])


@dataclass(frozen=True, eq=False)
class Evidence:
    """The tables of a run that certificates are made of.

    Attributes
    ----------
    associations, contributions : pandas.DataFrame
        :data:`trastuz_ml.schema.ASSOCIATIONS` and :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`.
    silenced : pandas.DataFrame
        Summary of silencing, with a column ``gene``; without rows where it was not done.
    """

    associations: pd.DataFrame
    contributions: pd.DataFrame
    silenced: pd.DataFrame


def certificate_of(gene: str, evidence: Evidence) -> Certificate:
    """Return the certificate of a gene.

    Parameters
    ----------
    gene : str
        A gene of the table of associations.
    evidence : Evidence
        The tables.

    Raises
    ------
    KeyError
        If the table of associations has no such gene.
    """
    rows = evidence.associations[evidence.associations["gene"] == gene]
    if rows.empty:
        raise KeyError(gene)
    row: dict[str, Any] = {str(k): v for k, v in rows.iloc[0].items()}
    of_gene = evidence.contributions["feature"].eq(gene) & evidence.contributions["block"].eq(GENE)
    models = evidence.contributions[of_gene].reset_index(drop=True)
    silenced = evidence.silenced[evidence.silenced["gene"] == gene].reset_index(drop=True)
    verdict, why = judge(row, models)
    sentences = [
        _who_carries_it(row),
        *_association(row, _tested(evidence.associations), int(evidence.associations["watched"].sum())),
        *_what_could_be_shown(row),
        *_contribution_sentences(models),
        *silencing_sentences(silenced),
        *_selection(row),
        *_alike(row),
        *_length(row, evidence.associations),
    ]
    return Certificate(gene, verdict, why, tuple(sentences), row, models, silenced)


def judge(association: Mapping[str, Any], models: pd.DataFrame) -> tuple[Verdict, str]:
    """Return the verdict on a gene, and why.

    Parameters
    ----------
    association : mapping
        Its row of :data:`trastuz_ml.schema.ASSOCIATIONS`.
    models : pandas.DataFrame
        Its rows of :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`.

    Examples
    --------
    >>> judge({"covered": 0, "status": "not covered"}, pd.DataFrame())
    ('not covered', 'No patient was sequenced for it.')
    """
    if association["covered"] == 0:
        return "not covered", "No patient was sequenced for it."
    if association["status"]:
        return "not evaluable", f"{_capital(str(association['status']))}."
    if _missing(association["adjusted_p"]):
        return (
            "not evaluable",
            f"Its association cannot be adjusted for what else differs between patients "
            f"({association['adjusted_for']}), and unadjusted it would not be told from burden.",
        )
    watched = bool(association["watched"])
    judged = float(association["adjusted_p"] if watched else association["adjusted_q"])
    name = "p" if watched else "q"
    said = f"adjusted {name} {_equals(judged)}"
    if judged <= SUPPORTED_P:
        agreeing, using = models_that_agree(models, float(association["adjusted_odds_ratio"]))
        moved = f"{agreeing} of {count(using, 'model')} that use the gene move carriers the same way"
        if not using:
            return "suggestive", f"{_capital(said)}, at most {SUPPORTED_P:g}, but no model uses the gene."
        if 2 * agreeing > using:
            return "supported", f"{_capital(said)}, at most {SUPPORTED_P:g}, and {moved}."
        return "suggestive", f"{_capital(said)}, at most {SUPPORTED_P:g}, but {moved}: more than half must."
    most = SUGGESTIVE_P if watched else SUGGESTIVE_Q
    if judged <= most:
        return "suggestive", f"{_capital(said)}, at most {most:g} but not {SUPPORTED_P:g}."
    return "unsupported", f"{_capital(said)}, above {most:g}."


def models_that_agree(models: pd.DataFrame, odds_ratio: float) -> tuple[int, int]:
    """Return how many models move carriers as the odds ratio says, and how many use the gene at all.

    A model uses a gene that moved some held-out prediction. It agrees when its mean held-out contribution over
    carriers has the sign of the log odds ratio, in at least :data:`SAME_SIGN` of the folds.
    """
    used = models[models["folds_used"] > 0] if len(models) else models
    if used.empty:
        return 0, 0
    same = (used["when_mutated"] > 0) == (odds_ratio > 1)
    steady = used["sign_agreement"] >= SAME_SIGN
    return int((same & steady).sum()), len(used)


def _who_carries_it(row: Mapping[str, Any]) -> str:
    covered, carriers, responders = int(row["covered"]), int(row["carriers"]), int(row["responders"])
    if covered == 0:
        return f"{row['gene']} was sequenced in nobody."
    if carriers == 0:
        return f"{row['gene']} was sequenced in {count(covered, 'patient')} and is mutated in none of them."
    responding = int(row["carriers_responding"])
    said = f"{row['gene']} is mutated in {share(carriers, covered)} patients sequenced for it: "
    if carriers == covered:
        return f"{said}all of them; {responding} of them respond."
    others = covered - carriers
    return f"{said}{responding} of {carriers} carriers respond, {responders - responding} of {others} others do."


def _association(row: Mapping[str, Any], tested: int, watched: int) -> list[str]:
    if not row["carriers"] or row["carriers"] == row["covered"]:
        return []
    said = [
        f"Odds ratio of response, carriers against the others: {number(row['odds_ratio'])} "
        f"(95 % {span(row['low'], row['high'])}; Fisher p {_equals(row['p'])})."
    ]
    if not _missing(row["adjusted_p"]):
        ends = span(row["adjusted_low"], row["adjusted_high"])
        among = "" if _missing(row["adjusted_q"]) else f"; q {_equals(row['adjusted_q'])} among {tested:,} genes"
        said.append(
            f"Adjusted for {row['adjusted_for']}: {number(row['adjusted_odds_ratio'])} "
            f"({f'95 % {ends}; ' if ends else ''}p {_equals(row['adjusted_p'])}{among})."
        )
    if row["watched"]:
        others = f", one of {watched} such genes" if watched > 1 else ""
        said.append(f"It was declared before fitting{others}, and is judged at its own p.")
    else:
        said.append("It was not declared before fitting: it is judged by q, as one of all genes that were tried.")
    return said


def _what_could_be_shown(row: Mapping[str, Any]) -> list[str]:
    if not row["carriers"] or row["carriers"] == row["covered"]:
        return []
    return [gene_power_in_words(int(row["carriers"]), int(row["responders"]), int(row["covered"]))]


def _contribution_sentences(models: pd.DataFrame) -> list[str]:
    if models.empty:
        return []
    used = models[(models["folds_used"] > 0) & models["when_mutated"].notna()]
    idle = [str(name) for name in models.loc[~models.index.isin(used.index), "model"]]
    said = [
        f"{m.model} moves left-out carriers by {number(m.when_mutated, 3, signed=True)} in {m.scale}"
        f"{_over_repeats(m)}; the sign is the same in {m.sign_agreement:.0%} of folds; rank {number(m.rank, 0)}"
        f"{_rank_span(m)}.".replace("%", " %")
        for m in used.itertuples()
    ]
    if idle:
        said.append(f"It moves no held-out prediction of {', '.join(idle)}.")
    return said


def _over_repeats(model: Any) -> str:
    ends = span(model.when_mutated_low, model.when_mutated_high, 3, signed=True)
    return f" ({ends} over repeats)" if ends else ""


def _rank_span(model: Any) -> str:
    ends = span(model.rank_low, model.rank_high, 0)
    return f" ({ends} over repeats)" if ends else ""


def _selection(row: Mapping[str, Any]) -> list[str]:
    if _missing(row["selected"]):
        return []
    return [
        f"It was among the best genes in {100 * row['selected']:.0f} % of half-samples; of genes that mean "
        f"nothing, {number(row['false_selections'])} would be selected as often."
    ]


def _alike(row: Mapping[str, Any]) -> list[str]:
    if not row["alike"]:
        return []
    return [f"The same patients carry {row['alike']}: nothing in this cohort tells them apart."]


def _length(row: Mapping[str, Any], associations: pd.DataFrame) -> list[str]:
    rank, known = row["length_rank"], int(associations["length_rank"].notna().sum())
    if _missing(rank) or rank > 0.02 * known:
        return []
    return [f"It is among the longest of {known:,} genes (rank {int(rank)}): long genes are hit often by chance."]


def _tested(associations: pd.DataFrame) -> int:
    return int(associations["adjusted_q"].notna().sum())


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _equals(p: float) -> str:
    text = p_value(float(p))
    return text if text.startswith("<") else f"= {text}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")


def in_order(certificates: Sequence[Certificate]) -> list[Certificate]:
    """Return certificates with the strongest verdict first; within a verdict the order stays."""
    return sorted(certificates, key=lambda c: -VERDICTS.index(c.verdict))
