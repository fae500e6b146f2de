"""An external validation in words: the page that is read, in Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from trastuz_ml.prediction.drift import DRIFTED, NOT_MEASURED, NOT_SEEN, TOO_FEW
from trastuz_ml.prediction.external import External
from trastuz_ml.stats.size import hanley_mcneil_error

# Genes of the drift table that a page shows: those that drifted first, and of the others fewer.
_MOST_DRIFTED, _MOST_GENES = 15, 5
# So many genes that many carried in training, and nobody here, are no chance and hardly biology.
_VANISHED = 3
_NAN = "not evaluable"


def external_markdown(found: External) -> str:
    """Return the page of an external validation; no patient is named in it, not even by a pseudonym."""
    invented = " (simulated patients)" if found.simulated else ""
    version = f", version {found.version}" if found.version else ""
    sections = {
        "What was found": _bullets(headlines(found)),
        "Scores": [*_scores(found), "", *_bullets(_about_scores(found))],
        "Calibration": _calibration(found),
        "Net benefit": _net_benefit(found),
        "Patients": _bullets(_patients(found)),
        "Training patients among them": _bullets(_shared(found)),
        "Drift": _drift(found.drift),
        "How often this was done": _bullets(_times(found)),
    }
    if found.recalibration:
        sections["Recalibration"] = _bullets([str(found.recalibration["said"])])
    lines = [f"# {found.kind.capitalize()} of {found.model}{version}{invented}"]
    for title, body in sections.items():
        lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def headlines(found: External) -> list[str]:
    """Return the few sentences that must be read."""
    counts, row = found.counts, found.scores.set_index("score").loc["AUROC"]
    others = counts["judged"] - counts["responders"]
    said = []
    if found.transport:
        said.append(
            f"This is **transport, not validation**: {found.transport}. It asks whether what was learned carries "
            "over, and says nothing of how well the model does what it was made for."
        )
    said.append(
        f"AUROC {_range(row['external'], row['external_low'], row['external_high'])} in {counts['judged']} "
        f"patients, {counts['responders']} of whom responded; internally "
        f"{_range(row['internal'], row['internal_low'], row['internal_high'])}."
    )
    if row["external_low"] <= 0.5 <= row["external_high"]:
        said.append("The interval holds 0.5: whether the model tells responders from others here is not known.")
    error = hanley_mcneil_error(min(max(row["external"], 0.5), 1.0), counts["responders"], others)
    events = min(counts["responders"], others)
    which = "responders" if counts["responders"] <= others else "patients who did not respond"
    said.append(
        f"With {events} {which} the standard error of the AUROC is {error:.3f}: no threshold on it means anything."
        if error > 0.02
        else f"With {events} {which} the standard error of the AUROC is {error:.3f}."
    )
    said.append(_in_the_large(found))
    return said


def _in_the_large(found: External) -> str:
    table, counts = found.calibration, found.counts
    expected = float((table["predicted"] * table["patients"]).sum())
    intercept = found.scores.set_index("score").loc["calibration intercept"]
    start = f"{expected:.1f} responders were expected and {counts['responders']} seen"
    if math.isnan(intercept["external"]):
        return f"{start}."
    if intercept["external_low"] <= 0 <= intercept["external_high"]:
        return f"{start}: too many or too few cannot be told."
    way = "too high" if intercept["external"] < 0 else "too low"
    return f"{start}: probabilities are {way} here."


def _scores(found: External) -> list[str]:
    again = found.scores["recalibrated"].notna().any()
    header = [
        "score",
        "internal",
        "external",
        *(["external, recalibrated in training"] if again else []),
        "interval",
    ]
    rows = []
    for row in found.scores.to_dict(orient="records"):
        cells = [
            row["score"],
            _range(row["internal"], row["internal_low"], row["internal_high"]),
            _range(row["external"], row["external_low"], row["external_high"]),
        ]
        if again:
            cells.append(
                ""
                if pd.isna(row["recalibrated"])
                else _range(row["recalibrated"], row["recalibrated_low"], row["recalibrated_high"])
            )
        rows.append([*cells, row["interval"]])
    return table_lines(header, rows)


def _about_scores(found: External) -> Iterator[str]:
    counts = found.counts
    yield (
        f"Internal: of the fitting procedure, in left-out patients of the {counts['trained']} that it was trained "
        f"on ({counts['trained_responders']} responded). External: of this one model. Ranges are 95 % intervals."
    )
    rate, before = (
        counts["responders"] / counts["judged"],
        counts["trained_responders"] / max(counts["trained"], 1),
    )
    yield (
        f"{rate:.0%} responded here and {before:.0%} in training: average precision, Brier score and log loss go "
        "with that share and cannot be compared across it."
    )
    if found.procedure:
        yield found.procedure
    yield "A calibration slope below 1: predictions are too extreme; intercept: 0 is calibrated in the large."


def _calibration(found: External) -> list[str]:
    rows = [
        (
            row["group"], f"{row['lowest']:.2f} to {row['highest']:.2f}", row["patients"],
            f"{row['predicted']:.2f}", row["responders"], _range(row["observed"], row["low"], row["high"], 2),
        )
        for row in found.calibration.to_dict(orient="records")
    ]  # fmt: skip
    return table_lines(("group", "predicted", "patients", "mean", "responders", "observed"), rows)


def _net_benefit(found: External) -> list[str]:
    rows = [
        (
            f"{row['threshold']:.1f}", row["treated"], _range(row["net_benefit"], row["low"], row["high"]),
            f"{row['treat_all']:.3f}",
        )
        for row in found.net_benefit.to_dict(orient="records")
    ]  # fmt: skip
    return table_lines(("threshold", "treated", "net benefit", "of treating everybody"), rows)


def _patients(found: External) -> Iterator[str]:
    counts, response = found.counts, found.response
    yield (
        f"{counts['roster']} on the roster: {counts['set_aside']} set aside as training patients, "
        f"{counts['refused']} without a prediction, {counts['without_response']} without a response, "
        f"{counts['judged']} judged."
    )
    yield (
        f"Response: column {response.column}; positive: {', '.join(response.positive)}; negative: "
        f"{', '.join(response.negative)}."
    )
    for reason, number in found.refusals.items():
        yield f"No prediction of {number}: {reason}."


def _shared(found: External) -> Iterator[str]:
    if found.searched:
        yield f"**Not known**: {found.searched}. A training patient among them makes every score too good."
    elif not len(found.shared):
        yield "Searched by rare variants: nobody shares more of them with a training patient than chance allows."
    else:
        for row in found.shared.to_dict(orient="records"):
            by_chance = "less than 0.1" if row["expected"] < 0.1 else f"{row['expected']:.1f}"
            yield (
                f"A patient shares {row['shared']} of {row['of']} rare variants with a training patient "
                f"({row['shared'] / row['of']:.0%}; {by_chance} expected by chance): set aside. Who it is stands "
                "in shared.tsv, which stays on this machine."
            )


def _drift(table: pd.DataFrame) -> list[str]:
    if table.empty:
        return ["Not known: the model came without the counts of its training cohort."]
    genes = table[table["what"] == "gene"]
    drifted = genes[genes["verdict"] == DRIFTED]
    shown = pd.concat([table[table["what"] != "gene"], drifted.head(_MOST_DRIFTED)])
    rest = genes[genes["verdict"] != DRIFTED].head(max(0, _MOST_GENES - len(drifted)))
    rows = [
        (
            row["what"], row["name"] + (f": {row['level']}" if row["level"] else ""), row["training"], row["new"],
            _range(row["effect"], row["low"], row["high"], 2), _p(row["adjusted_p"]), row["verdict"],
            row["visible"],
        )
        for row in pd.concat([shown, rest]).to_dict(orient="records")
    ]  # fmt: skip
    header = ("what", "name", "training", "here", "effect", "adjusted p", "verdict", "visible in 80 %")
    verdicts = table["verdict"].value_counts()
    number = {name: int(verdicts.get(name, 0)) for name in (DRIFTED, NOT_SEEN, TOO_FEW, NOT_MEASURED)}
    said = ", ".join(f"{name}: {count}" for name, count in number.items() if count)
    more = f" {len(table) - len(rows)} more genes are in drift.tsv." if len(table) > len(rows) else ""
    notes = [
        f"Of {len(table)} rows, {said}.{more}",
        "Effect: difference in share, or (burden and numbers) the chance that a new patient lies above a training "
        "patient, 0.5 without drift. Without any drift, a table cries in at most 5 % of cohorts.",
    ]
    gone = int(drifted["new"].str.startswith("0 of").sum())
    if gone >= _VANISHED:
        notes.append(
            f"**{gone} genes that drifted are mutated in nobody here**, though in training many carried them: "
            "rather an assay or an annotation that lacks them than biology. Where that is so they were not "
            "measured, but read as intact: say what was covered with --covered."
        )
    return [*table_lines(header, rows), "", *_bullets(notes)]


def _times(found: External) -> Iterator[str]:
    before = found.evaluated
    if found.sealed:
        yield f"Sealed: {found.sealed}"
    else:
        yield "Not sealed: nothing shows that model and analysis were fixed before the responses were opened."
    here = before.get("same_roster", 0) + 1
    yield (
        "This model was evaluated on this roster once, now."
        if here == 1
        else f"This model was evaluated on this roster {here} times: only the first is a validation."
    )
    if elsewhere := before.get("other_roster", 0):
        yield f"It was evaluated on other rosters {_times_word(elsewhere)} on this machine."
    if others := before.get("other_models", 0):
        yield (
            f"{others} other model{'s were' if others > 1 else ' was'} evaluated on this roster: the best of "
            "several looks better than it is."
        )
    if before.get("recalibrated_here"):
        yield (
            "**Its probabilities were recalibrated in these very patients**: calibration here is no evidence, "
            "the AUROC is what it was before."
        )


def _times_word(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def table_lines(header: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    """Return a Markdown table; a cell can neither end a row nor begin a tag."""
    made = ["| " + " | ".join(map(_cell, row)) + " |" for row in rows]
    return ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header), *made]


def _cell(value: object) -> str:
    return " ".join(str(value).split()).replace("|", "\\|").replace("<", "&lt;")


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [f"- {' '.join(sentence.split())}" for sentence in sentences]


def _range(value: float, low: float, high: float, digits: int = 3) -> str:
    if value != value:
        return _NAN
    ends = f" ({low:.{digits}f} to {high:.{digits}f})" if low == low and high == high else ""
    return f"{value:.{digits}f}{ends}"


def _p(value: float) -> str:
    if value != value:
        return ""
    return "below 0.001" if value < 0.001 else f"{value:.3f}"
