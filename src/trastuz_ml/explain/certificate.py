"""Gene certificate: everything a cohort says of one gene, and a verdict by rules that were written down before.

The rules, in their order (docs/genes.md says why they are what they are):

not covered    no patient was sequenced for the gene
not evaluable  whatever its carriers had done, no test could have reached p 0.05
supported      judged p at most 0.05, and most models that use the gene move carriers the same way
suggestive     judged p at most 0.10 (0.20 for genes that were not declared), or at most 0.05 without the models
unsupported    everything else

The judged p is the larger of Fisher's exact p and the p adjusted for burden and the declared covariates: an
association has to stand before and after adjustment, and none is claimed that the exact test could not have
shown. In place of the adjusted p, a gene that was not declared under ``watch`` before fitting is judged by its q
among all genes that could be tested. Where patients who respond differently share groups, p is too small, and
nothing is supported.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import pandas as pd

from trastuz_ml.explain.group_rows import DEPENDENT, GROUPS
from trastuz_ml.explain.silencing import silencing_sentences
from trastuz_ml.explain.stability import NOT_OFFERED
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

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Rows of the associations, by gene."""
        table = self.associations.to_dict(orient="records")
        return {str(row["gene"]): {str(name): value for name, value in row.items()} for row in table}

    @cached_property
    def models(self) -> dict[str, pd.DataFrame]:
        """Rows of the contributions, by gene."""
        genes = self.contributions[self.contributions["block"] == GENE]
        return {str(gene): rows.reset_index(drop=True) for gene, rows in genes.groupby("feature", sort=False)}

    @cached_property
    def tested(self) -> int:
        """Genes that could be tested after adjustment."""
        return int(self.associations["adjusted_q"].notna().sum())

    @cached_property
    def watched(self) -> int:
        """Genes that were declared before fitting and can be judged."""
        judged = self.associations["status"].fillna("").eq("") & self.associations["adjusted_p"].notna()
        return int((self.associations["watched"].fillna(False) & judged).sum())

    @cached_property
    def known_lengths(self) -> int:
        """Genes whose length is known."""
        return int(self.associations["length_rank"].notna().sum())


def certificate_of(gene: str, evidence: Evidence, *, model: str | None = None) -> Certificate:
    """Return the certificate of a gene.

    Parameters
    ----------
    gene : str
        A gene of the table of associations.
    evidence : Evidence
        The tables.
    model : str, optional
        Show what this model says only; the verdict is of all of them.

    Raises
    ------
    KeyError
        If the table of associations has no such gene.
    """
    row, every = evidence.rows[gene], evidence.models.get(gene, evidence.contributions.iloc[:0])
    verdict, why = judge(row, every)
    models, silenced = every, evidence.silenced[evidence.silenced["gene"] == gene]
    if model is not None:
        models, silenced = every[every["model"] == model], silenced[silenced["model"] == model]
    sentences = [
        _who_carries_it(row),
        *_association(row, evidence.tested, evidence.watched),
        *_what_could_be_shown(row),
        # That no carrier is moved says nothing where there is none.
        *(_contribution_sentences(models) if row["carriers"] else []),
        *silencing_sentences(silenced),
        *_selection(row),
        *_alike(row),
        *_length(row, evidence.known_lengths),
    ]
    return Certificate(gene, verdict, why, tuple(sentences), row, models, silenced.reset_index(drop=True))


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
        return "not evaluable", f"{_capital(str(association['status']).removeprefix('not evaluable: '))}."
    if _missing(association["adjusted_p"]):
        return (
            "not evaluable",
            f"Its association cannot be adjusted for what else differs between patients "
            f"({association['adjusted_for']}), and unadjusted it would not be told from burden.",
        )
    watched = bool(association["watched"])
    adjusted = float(association["adjusted_p"] if watched else association["adjusted_q"])
    exact, name = float(association["p"]), "p" if watched else "q"
    judged = max(exact, adjusted)
    most = SUPPORTED_P if judged <= SUPPORTED_P else SUGGESTIVE_P if watched else SUGGESTIVE_Q
    said = f"Adjusted {name} {_beside(adjusted, most)}, Fisher p {_beside(exact, most)}"
    if judged > most:
        larger = "both" if min(exact, adjusted) > most else f"adjusted {name}" if adjusted > most else "Fisher p"
        return "unsupported", f"{said}: {larger} above {most:g}. That is no evidence that the gene means nothing."
    if judged > SUPPORTED_P:
        return "suggestive", f"{said}: at most {most:g}, but not both at most {SUPPORTED_P:g}."
    if association.get("counted") == DEPENDENT:
        return "suggestive", f"{said}: at most {most:g}, but patients who share groups are counted as independent."
    return _by_models(f"{said}: at most {most:g}", *models_that_agree(models, association["adjusted_odds_ratio"]))


def _by_models(said: str, agreeing: int, using: int) -> tuple[Verdict, str]:
    if not using:
        return "suggestive", f"{said}, but no model uses the gene."
    moved = f"{agreeing} of {count(using, 'model')} that {'uses' if using == 1 else 'use'} the gene"
    if 2 * agreeing > using:
        return "supported", f"{said}, and {moved} {'moves' if agreeing == 1 else 'move'} carriers the same way."
    return "suggestive", f"{said}, but only {moved} move carriers the same way: more than half must."


def models_that_agree(models: pd.DataFrame, odds_ratio: float) -> tuple[int, int]:
    """Return how many models move carriers as the odds ratio says, and how many use the gene at all.

    A model uses a gene that moved held-out predictions of carriers. It agrees when its mean held-out contribution
    over carriers has the sign of the log odds ratio, in at least :data:`SAME_SIGN` of the folds.
    """
    # Where carriers are not moved either way, no fold has a sign.
    used = models[(models["folds_used"] > 0) & models["sign_agreement"].notna()] if len(models) else models
    if used.empty:
        return 0, 0
    same = (used["when_mutated"] > 0) == (odds_ratio > 1)
    steady = used["sign_agreement"] >= SAME_SIGN
    return int((same & steady).sum()), len(used)


def _who_carries_it(row: Mapping[str, Any]) -> str:
    covered, carriers = int(row["covered"]), int(row["carriers"])
    if covered == 0:
        return f"{row['gene']} was sequenced in nobody."
    if carriers == 0:
        return f"{row['gene']} was sequenced in {count(covered, 'patient')} and is mutated in none of them."
    responding = int(row["carriers_responding"])
    if row.get("counted") == GROUPS:
        return f"Patients who share a group are counted once. {_counted(row, carriers, covered, responding)}"
    return _counted(row, carriers, covered, responding)


def _counted(row: Mapping[str, Any], carriers: int, covered: int, responding: int) -> str:
    responders = int(row["responders"])
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
        among = (
            ""
            if _missing(row["adjusted_q"])
            else f"; q {_equals(row['adjusted_q'])} among {count(tested, 'gene')}"
        )
        said.append(
            f"Adjusted for {row['adjusted_for']}: {number(row['adjusted_odds_ratio'])} "
            f"({f'95 % {ends}; ' if ends else ''}p {_equals(row['adjusted_p'])}{among})."
        )
    if row["status"]:
        return said
    if not row["watched"]:
        said.append("It was not declared before fitting: it is judged by q, as one of all genes that were tried.")
    elif watched == 1:
        said.append("It was declared before fitting, and is judged at its own p.")
    else:
        chance = 1 - (1 - SUPPORTED_P) ** watched
        said.append(
            f"It is one of {watched} genes declared before fitting that can be judged, each at its own p: were "
            f"none of them to mean anything, some p would still be at most {SUPPORTED_P:g} in up to "
            f"{100 * chance:.0f} % of cohorts."
        )
    return said


def _what_could_be_shown(row: Mapping[str, Any]) -> list[str]:
    if not row["carriers"] or row["carriers"] == row["covered"]:
        return []
    return [gene_power_in_words(int(row["carriers"]), int(row["responders"]), int(row["covered"]))]


def _contribution_sentences(models: pd.DataFrame) -> list[str]:
    if models.empty:
        return []
    used = models[(models["folds_used"] > 0) & models["sign_agreement"].notna()]
    offered = models[models["status"].fillna("") != NOT_OFFERED]
    idle = [str(name) for name in offered.loc[~offered.index.isin(used.index), "model"]]
    said = [
        f"{m.model} moves left-out carriers by {number(m.when_mutated, 3, signed=True)} in {m.scale}"
        f"{_over_repeats(m)}, and this way in {m.sign_agreement:.0%} of the folds; rank {number(m.rank, 0)}"
        f"{_rank_span(m)}.".replace("%", " %")
        for m in used.itertuples()
    ]
    if idle:
        said.append(f"It moves no carrier's held-out prediction in {', '.join(idle)}.")
    return said


def _over_repeats(model: Any) -> str:
    ends = span(model.when_mutated_low, model.when_mutated_high, 3, signed=True)
    return f" ({ends} over repeats)" if ends else ""


def _rank_span(model: Any) -> str:
    ends = span(model.rank_low, model.rank_high, 0)
    return f" ({ends} over repeats)" if ends else ""


def _selection(row: Mapping[str, Any]) -> list[str]:
    if _missing(row["selected"]) or row["selected"] < 0.005:
        return []
    return [
        f"By Fisher's p it was among the best genes in {100 * row['selected']:.0f} % of half-samples; of genes "
        f"that mean nothing, {number(row['false_selections'])} would be selected as often."
    ]


def _alike(row: Mapping[str, Any]) -> list[str]:
    if not row["alike"]:
        return []
    return [f"The same patients carry {row['alike']}: nothing in this cohort tells them apart."]


def _length(row: Mapping[str, Any], known: int) -> list[str]:
    rank = row["length_rank"]
    if _missing(rank) or rank > max(0.02 * known, 1):
        return []
    return [f"It is among the longest of {known:,} genes (rank {int(rank)}): long genes are hit often by chance."]


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _equals(p: float) -> str:
    text = p_value(float(p))
    return text if text.startswith("<") else f"= {text}"


def _beside(p: float, most: float) -> str:
    """Write a p beside its limits: with so many digits that one sees on which side of them it is."""
    close = any(p != limit and abs(p - limit) < 0.001 for limit in (SUPPORTED_P, most))
    return f"= {p:.4f}" if close else _equals(p)


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:].rstrip(".")


def in_order(certificates: Sequence[Certificate]) -> list[Certificate]:
    """Return certificates with the strongest verdict first; within a verdict the order stays."""
    return sorted(certificates, key=lambda c: -VERDICTS.index(c.verdict))
