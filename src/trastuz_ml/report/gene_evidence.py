"""What a report says of how sure one can be of genes: certificates, association, stability, silencing, chance."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from trastuz_ml.explain.genes_by_chance import against_chance, chance_caveats
from trastuz_ml.explain.silencing import summary
from trastuz_ml.report.gene_evidence_figures import chance_of, volcano_rows
from trastuz_ml.report.gene_patients import features_shown, model_shown, patients_content
from trastuz_ml.report.plain import plain, records
from trastuz_ml.report.privacy import Pseudonyms
from trastuz_ml.schema import GENE
from trastuz_ml.store.run_folder import Run

if TYPE_CHECKING:
    from trastuz_ml.explain.certificate import Certificate

FIRST_GENE = "ANKRD44"  # the gene of the seed study comes first where it is watched
ASSOCIATIONS_SHOWN = 20
_NOTHING_MOVES = 1e-12

# A verdict is told by a mark and a word, never by a colour alone.
MARKS: dict[str, str] = {
    "supported": "●", "suggestive": "◐", "unsupported": "○", "not evaluable": "–", "not covered": "×",
}  # fmt: skip


def genes_content(run: Run, hidden: Pseudonyms, certificates: Sequence[Certificate] = ()) -> dict[str, Any]:
    """Gather what a report says of genes beyond the leading ones of each model.

    Parameters
    ----------
    run : Run
        A finished run.
    hidden : Pseudonyms
        What may not be shown.
    certificates : sequence of Certificate
        Those to be shown.

    Returns
    -------
    dict
        Plain JSON values: ``certificates``, ``associations``, ``stability``, ``sets``, ``agreement``,
        ``silencing``, ``by_chance`` and ``patients``, each empty where the run holds nothing of it.
    """
    shown, response = model_shown(run)[0], run.patients["response"].dropna()
    return {
        "certificates": certificates_content(certificates),
        "associations": associations_content(run.associations),
        "stability": stability_content(run.gene_contributions, run.watched["gene"], first=shown),
        "sets": sets_content(run.set_contributions, first=shown),
        "agreement": records(run.agreement.round(4)),
        "silencing": silencing_content(run.silenced, run.watched["gene"]),
        "by_chance": by_chance_content(run.genes_by_chance, len(response), int(response.sum())),
        "patients": patients_content(run, hidden),
    }


def certificates_content(certificates: Iterable[Certificate]) -> list[dict[str, Any]]:
    """Return gene, verdict, its mark, the reason and the sentences of each certificate; ANKRD44 leads.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> one = SimpleNamespace(gene="TP53", verdict="suggestive", why="p = 0.07.", sentences=("4 of 9.",))
    >>> certificates_content([one])[0]["mark"]
    '◐'
    """
    rows = [
        {
            "gene": str(one.gene),
            "verdict": str(one.verdict),
            "mark": MARKS.get(one.verdict, ""),
            "why": str(one.why),
            "sentences": [str(sentence) for sentence in one.sentences],
        }
        for one in certificates
    ]
    return sorted(rows, key=lambda row: row["gene"] != FIRST_GENE)


def associations_content(associations: pd.DataFrame) -> dict[str, Any]:
    """Return the leading associations of genes with the response, and the dots of all of them.

    Returns
    -------
    dict
        ``rows`` (watched genes in the order of the table, then those with the smallest p, what can be tested
        before what cannot, 20 in all),
        ``genes`` (how many), ``tested`` (how many of them some outcome of which could reach p 0.05), ``drawn``
        (how many have a p), ``adjusted_for``, and ``dots``: columns that a volcano plot needs.
    """
    drawn = volcano_rows(associations)
    order = {gene: place for place, gene in enumerate(drawn["gene"])}
    watched = associations["watched"].fillna(False).to_numpy(dtype=bool)
    place = associations["gene"].map(lambda gene: order.get(str(gene), len(order))).to_numpy()
    idle = associations["status"].fillna("").ne("").to_numpy()
    first = np.lexsort((place * ~watched, idle & ~watched, ~watched))
    leading = [int(i) for i in first if watched[i] or place[i] < len(order)][:ASSOCIATIONS_SHOWN]
    adjusted = associations["adjusted_for"].dropna().astype(str)
    columns = ["gene", "watched", "odds_ratio", "p", "q", "adjusted_odds_ratio", "adjusted_p", "adjusted_q"]
    return {
        "rows": [_association(row) for row in records(associations.iloc[leading])],
        "genes": len(associations),
        "tested": int(associations[["q", "adjusted_q"]].notna().any(axis=1).sum()),
        "drawn": len(drawn),
        "adjusted_for": next((text for text in adjusted if text), ""),
        "dots": {name: plain(_four(associations[name])) for name in columns},
    }


def _association(row: Mapping[str, Any]) -> dict[str, Any]:
    kept = (
        "gene", "watched", "covered", "carriers", "carriers_responding", "odds_ratio", "low", "high", "p", "q",
        "adjusted_odds_ratio", "adjusted_low", "adjusted_high", "adjusted_p", "adjusted_q", "length_rank", "alike",
        "selected", "false_selections", "status",
    )  # fmt: skip
    return {name: row[name] for name in kept}


def _four(values: pd.Series) -> list[Any]:
    """Return numbers with four significant digits, other values as they are."""
    if values.dtype.kind not in "fc":
        return list(values)
    return [float(f"{value:.4g}") for value in values]


def stability_content(table: pd.DataFrame, watched: Iterable[str], *, first: str) -> list[dict[str, Any]]:
    """Return the leading features of each model that genes move, with rank, sign and how often they reached it.

    Parameters
    ----------
    table : pandas.DataFrame
        :data:`trastuz_ml.schema.GENE_CONTRIBUTIONS`.
    watched : iterable of str
        Genes that are shown wherever they move a prediction.
    first : str
        Model that comes first.

    Returns
    -------
    list of dict
        ``model``, ``scale``, ``repeated`` (whether there are intervals) and ``features``.
    """
    watched = list(watched)
    contents = []
    for model in sorted(dict.fromkeys(table["model"]), key=lambda name: name != first):
        rows = table[table["model"] == model]
        names = features_shown(rows, watched)
        leading = rows.set_index("feature").loc[names].reset_index()
        if (leading["block"] == GENE).any():
            contents.append(
                {
                    "model": str(model),
                    "scale": str(leading["scale"].iloc[0]),
                    "repeated": bool(leading["rank_low"].notna().any()),
                    "features": records(leading.drop(columns=["model", "scale", "status"]).round(5)),
                }
            )
    return contents


def sets_content(table: pd.DataFrame, *, first: str) -> list[dict[str, Any]]:
    """Return the contributions of gene sets in the models that some set moves, that of ``first`` leading.

    Examples
    --------
    >>> rows = pd.DataFrame({"model": ["a", "b", "c"], "gene_set": "HER2", "mean_abs": [np.nan, 0.1, 0.2]})
    >>> [row["model"] for row in sets_content(rows, first="c")]
    ['c', 'b']
    """
    said = table["mean_abs"].notna().groupby(table["model"]).transform("any")
    shown = table[said.astype(bool) | (table["model"] == first)]
    order = np.argsort((shown["model"] != first).to_numpy(), kind="stable")
    return records(shown.iloc[order].round(5))


def silencing_content(silenced: pd.DataFrame, watched: Iterable[str]) -> list[dict[str, Any]]:
    """Return what silencing each gene does, watched genes first.

    Parameters
    ----------
    silenced : pandas.DataFrame
        :data:`trastuz_ml.schema.SILENCED`.
    watched : iterable of str
        Genes in the order in which they are shown.

    Returns
    -------
    list of dict
        ``gene``, ``rows`` (the summary of each model and direction), ``still`` (models none of whose predictions
        change) and ``dots``: the changes of all patients, in no order of theirs.
    """
    places = {gene: place for place, gene in enumerate(watched)}
    genes = sorted(dict.fromkeys(silenced["gene"]), key=lambda gene: places.get(gene, len(places)))
    return [_silenced_gene(str(gene), silenced[silenced["gene"] == gene]) for gene in genes]


def _silenced_gene(gene: str, rows: pd.DataFrame) -> dict[str, Any]:
    moved = rows["change"].abs().groupby(rows["model"]).transform("max") > _NOTHING_MOVES
    by_row = rows[moved].sort_values("change").groupby(["model", "direction"], sort=False)["change"]
    changes = {key: part.round(5).tolist() for key, part in by_row}
    found = summary(rows[moved]).drop(columns=["gene", "status"])
    return {
        "gene": gene,
        "rows": records(found.round(5)),
        "still": [str(model) for model in dict.fromkeys(rows.loc[~moved, "model"])],
        "dots": [
            {
                "model": str(row.model),
                "direction": str(row.direction),
                "changes": changes[row.model, row.direction],
            }
            for row in found.itertuples()
        ],
    }


def by_chance_content(counts: pd.DataFrame, patients: int, responders: int) -> dict[str, Any]:
    """Return how many genes tell responders apart, against the same count with shuffled responses.

    Parameters
    ----------
    counts : pandas.DataFrame
        :data:`trastuz_ml.schema.GENES_BY_CHANCE`.
    patients, responders : int
        Patients with a response, and how many of them respond: what tells whether every arrangement was counted.

    Returns
    -------
    dict
        ``rows`` of :data:`trastuz_ml.schema.GENES_AGAINST_CHANCE`, each with ``counts`` (the numbers under
        permutation, empty where no gene ever does it), and ``caveats``.
    """
    permutations = int(counts["number"].max()) if len(counts) else 0
    found = against_chance(counts, exact=permutations + 1 == math.comb(patients, responders))
    rows = records(found)
    for row in rows:
        null, observed = chance_of(counts[counts["strictness"] == row["strictness"]])
        row["counts"] = null.tolist() if observed or null.any() else []
    return {"rows": rows, "caveats": chance_caveats(found)}
