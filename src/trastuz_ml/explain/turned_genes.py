"""Genes turned in what a model reads: truncated where they are intact, intact where they are mutated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from trastuz_ml.calls.effects import MAF_EFFECTS, SO_EFFECTS
from trastuz_ml.cohort.patients import nearest
from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.features.masks import read_element
from trastuz_ml.features.matrix import GeneMatrix
from trastuz_ml.learn.design import Design
from trastuz_ml.learn.fitted import FittedModel, Forest
from trastuz_ml.schema import GENE

Array = npt.NDArray[np.float64]
PAIR = "+"
# What a silenced gene holds: one truncating call, where the encoding does not say how much of the tumour has it.
_ONE_CALL = 1.0


class Question(NamedTuple):
    """A gene or a pair of genes, their columns in the design, and what each holds when silenced."""

    name: str
    genes: tuple[str, ...]
    places: tuple[int, ...]
    values: tuple[float, ...]


class Answer(NamedTuple):
    """What one model of one fold said to one question, of the patients whom it concerns.

    ``rows`` are their places among the patients left out, ``restored`` whether they carry the gene. ``change`` and
    ``additive`` (the sum of the changes of one gene at a time; missing where one is asked for) have two columns:
    probability and log-odds.
    ``given`` says of each gene whether it reached the model.
    """

    rows: npt.NDArray[np.intp]
    restored: npt.NDArray[np.bool_]
    probability: Array
    change: Array
    additive: Array
    given: tuple[bool, ...]


def why_none_silenced(matrix: GeneMatrix) -> str:
    """Return why no gene of a matrix can be silenced, or nothing when genes can.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> cells, whole = sp.csr_array(np.array([[1.0], [0.0]], dtype=np.float32)), np.array([[True]])
    >>> missense = GeneMatrix(("P1", "P2"), ("ANKRD44",), cells, np.array([0, 0]), whole, "binary", ("missense",))
    >>> why_none_silenced(missense)[:57]
    'truncating calls do not count as mutated, only: missense;'
    """
    if matrix.encoding == "gene-sets":
        return (
            "the columns are gene sets, which do not say in whom a single gene was intact; train with another "
            "encoding, such as binary"
        )
    effect_of = MAF_EFFECTS | SO_EFFECTS
    words = [read_element(text).word for text in matrix.effects]
    if any(effect_of.get(word, word) == "truncating" for word in words):
        return ""
    return (
        f"truncating calls do not count as mutated, only: {', '.join(matrix.effects)}; a truncated gene would be "
        "read as intact; train with effects that hold truncating"
    )


def why_not_silenced(matrix: GeneMatrix, gene: str) -> str:
    """Return why a gene of a matrix cannot be silenced, or nothing when it can.

    Examples
    --------
    >>> import scipy.sparse as sp
    >>> cells, whole = sp.csr_array(np.zeros((2, 1), dtype=np.float32)), np.array([[True]])
    >>> nobody = GeneMatrix(("P1", "P2"), ("ANKRD44",), cells, np.array([0, 0]), whole, "binary", ("truncating",))
    >>> why_not_silenced(nobody, "ANKRD44")
    'not evaluable: mutated in 0 of 2, the models have never seen it mutated'
    """
    if reason := why_none_silenced(matrix):
        return reason
    place = matrix.genes.index(gene)
    covered, carriers = int(matrix.covered_patients()[place]), int(matrix.carriers()[place])
    if covered == 0:
        return "not covered: no patient was sequenced for it"
    if carriers == 0:
        return f"not evaluable: mutated in 0 of {covered}, the models have never seen it mutated"
    if carriers == covered:
        return f"not evaluable: mutated in all {covered}, the models have never seen it intact"
    return ""


def genes_of(text: str, known: Sequence[str]) -> tuple[str, ...]:
    """Return the genes that ``A`` or ``A+B`` names, sorted.

    Raises
    ------
    ConfigurationError
        If it is neither a gene nor a pair of two.

    Examples
    --------
    >>> genes_of("PIK3CA+ANKRD44", ["ANKRD44", "PIK3CA"])
    ('ANKRD44', 'PIK3CA')
    """
    names = [text] if text in known else [name.strip() for name in text.split(PAIR)]
    if len(names) > 2 or len(set(names)) < len(names) or not all(names):
        raise ConfigurationError(
            f"'{text}' is neither a gene nor two genes joined by {PAIR}, as in ANKRD44+PIK3CA."
        )
    return tuple(sorted(names))


def question_of(design: Design, matrix: GeneMatrix, text: str) -> Question:
    """Return the question that ``A`` or ``A+B`` asks.

    Raises
    ------
    ConfigurationError
        If a gene is unknown.
    EvidenceError
        If one cannot be silenced, or nobody has both genes of a pair intact or both mutated.
    """
    columns = {f.name: j for j, f in enumerate(design.features) if f.block == GENE}
    genes = genes_of(text, matrix.genes)
    for gene in genes:
        if gene not in columns or gene not in matrix.genes:
            raise ConfigurationError(f"The run has no gene '{gene}'{nearest(gene, matrix.genes)}.")
        if reason := why_not_silenced(matrix, gene):
            raise EvidenceError(f"{gene} cannot be silenced: {reason}.")
    places = tuple(columns[gene] for gene in genes)
    intact, mutated = _intact_and_mutated(design.X, places)
    if not (intact | mutated).any():
        raise EvidenceError(f"{PAIR.join(genes)}: no patient has both genes intact, and none has both mutated.")
    return Question(PAIR.join(genes), genes, places, tuple(_truncated(matrix, design.X[:, j]) for j in places))


def _truncated(matrix: GeneMatrix, column: npt.NDArray[np.float32]) -> float:
    return float(np.median(column[column > 0])) if matrix.encoding == "vaf" else _ONE_CALL


def answer(questions: Sequence[Question], model: FittedModel, X: npt.NDArray[np.float32]) -> list[Answer]:
    """Return what a fitted model says of each question.

    Parameters
    ----------
    questions : sequence of Question
        Genes and pairs.
    model : FittedModel
        Of a fold.
    X : array, shape (n_left_out, n_features)
        Rows of the design that it was not fitted on.
    """
    given, before = set(model.sources().tolist()), _outputs(model, X)
    return [_answer(question, model, X, before, given) for question in questions]


def _answer(
    question: Question, model: FittedModel, X: npt.NDArray[np.float32], before: Array, given: set[int]
) -> Answer:
    intact, mutated = _intact_and_mutated(X, question.places)
    rows = np.flatnonzero(intact | mutated)
    restored, k = mutated[rows], len(question.places)
    reached = tuple(place in given for place in question.places)
    change, additive = np.zeros((len(rows), 2)), np.zeros((len(rows), 2))
    if len(rows) and any(reached):
        # All genes together, and for a pair also one at a time.
        turned = [tuple(range(k)), *([(i,) for i in range(k)] if k > 1 else [])]
        changed = np.tile(X[rows], (len(turned), 1))
        for block, members in enumerate(turned):
            here = slice(block * len(rows), (block + 1) * len(rows))
            for i in members:
                changed[here, question.places[i]] = np.where(restored, 0.0, question.values[i])
        after = _outputs(model, changed).reshape(len(turned), len(rows), 2)
        change = _difference(after[0], before[rows])
        for one in after[1:]:
            additive += _difference(one, before[rows])
    if k == 1:
        additive[:] = np.nan
    return Answer(rows, restored, before[rows, 0], change, additive, reached)


def _intact_and_mutated(
    X: npt.NDArray[np.float32], places: Sequence[int]
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return who has all of the genes intact, and who all of them mutated; not covered (NaN) is neither."""
    held = X[:, places]
    intact: npt.NDArray[np.bool_] = np.all(held == 0, axis=1)
    mutated: npt.NDArray[np.bool_] = np.all(held > 0, axis=1)
    return intact, mutated


def _outputs(model: FittedModel, X: npt.NDArray[np.float32]) -> Array:
    """Return probability and log-odds of each row, shape (n_patients, 2)."""
    prepared, estimator = model.prepare(X), model.estimator
    if isinstance(estimator, Forest):
        chance = estimator.probability(prepared)
        return np.column_stack([chance, logit(chance)])
    margin = estimator.margin(prepared)
    return np.column_stack([expit(margin), margin])


def _difference(after: Array, before: Array) -> Array:
    """Return the change; missing where a log-odds is infinite."""
    finite = np.isfinite(after) & np.isfinite(before)
    return np.where(finite, np.where(finite, after, 0.0) - np.where(finite, before, 0.0), np.nan)
