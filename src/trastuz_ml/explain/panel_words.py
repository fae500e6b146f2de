"""What a table of panels says in sentences, and what it cannot say."""

from __future__ import annotations

import pandas as pd

from trastuz_ml.explain.panel import WHY_NOT_SAID, Panel, smallest_panel


def panel_sentences(table: pd.DataFrame) -> list[str]:
    """Return what the table of panels says, and what it cannot say.

    Parameters
    ----------
    table : pandas.DataFrame
        :data:`trastuz_ml.schema.PANELS`.
    """
    everything = table.iloc[0]
    said = [
        f"All {everything['genes']:,} genes that enough patients carry, L2 logistic, without covariates: AUROC "
        f"{everything['auroc']:.2f} ({everything['low']:.2f} to {everything['high']:.2f})."
    ]
    chance = everything["low"] <= 0.5
    if chance:
        said.append(
            f"The interval reaches down to {everything['low']:.2f}: all genes together are not shown to do better "
            "than chance, so that a smallest panel that does as well means nothing here."
        )
    smallest = smallest_panel(table)
    if smallest is None:
        return [*said, f"Which smaller panel does as well as all genes cannot be said: {WHY_NOT_SAID}."]
    if chance:
        return said
    if smallest.genes == 0:
        return [*said, "No smaller panel comes within one standard error of all genes."]
    return [*said, _of_smallest(table, smallest), _of_next(table)]


def _of_smallest(table: pd.DataFrame, smallest: Panel) -> str:
    row = table[(table["first"] == 1) & (table["panel"] == smallest.name)].iloc[0]
    genes = "gene alone" if smallest.genes == 1 else f"{smallest.genes:,} genes"
    return (
        f"The smallest panel within one standard error of all genes: the leading {genes} of each training fold, "
        f"AUROC {row['auroc']:.2f} ({row['low']:.2f} to {row['high']:.2f}), {row['difference']:+.2f} from all "
        f"genes with a standard error of {row['error']:.2f}. Two folds have {100 * row['overlap']:.0f} % of its "
        "genes in common."
    )


def _of_next(table: pd.DataFrame) -> str:
    later = table[table["first"] > 1]
    if later.empty:
        return "There are too few genes for a second panel of that size, to see whether another would do as well."
    good = int(later["as_good"].sum())
    tried = "the one panel" if len(later) == 1 else f"the next {len(later)} panels"
    first = f"Of {tried} of other genes and the same size (ranks {later.iloc[0]['first']:,} on),"
    if good == 0:
        return f"{first} none does as well by the same rule: the genes that rank next do not replace them."
    do = "does" if good == 1 else "do"
    return f"{first} {good} {do} as well by the same rule: its genes are not the only ones that predict."
