"""Invented patients whose truth is known, as designs: to see whether the statistics say what they should."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from trastuz_ml.learn.design import BURDEN_NAME, Design, Feature
from trastuz_ml.schema import BURDEN, COVARIATE, GENE


@dataclass(frozen=True)
class Planted:
    """A gene of a population whose frequency and effect are laid down.

    Attributes
    ----------
    name : str
        Its symbol.
    frequency : float
        Share of patients of average burden who carry it.
    log_odds : float
        Effect on the log-odds of response.
    """

    name: str
    frequency: float
    log_odds: float = 0.0


@dataclass(frozen=True)
class Population:
    """A population to draw cohorts from.

    Genes are mutated independently, at frequencies like those of breast cancer exomes: most in 0.5 to 5 % of
    the patients, a few in up to 40 %.

    Attributes
    ----------
    genes : int
        Genes.
    telling : int
        Genes with an effect on the response, spread over those mutated in at least 5 %.
    gene_effect : float
        Their log odds ratio, signs alternating.
    covariates : int
        Numbers with mean 0 and variance 1, all with an effect.
    covariate_effect : float
        Log odds ratio of one standard deviation.
    rate : float
        Response rate of a patient with average covariates and burden and no telling gene.
    seed : int
        Of the frequencies.
    planted : tuple of Planted
        More genes, with a truth of their own.
    burden_spread : float
        Standard deviation, between patients, of the log of the pace at which all genes are mutated.
    burden_effect : float
        Log odds ratio of one such standard deviation.

    Examples
    --------
    >>> Population(genes=50).draw(20, seed=1).X.shape
    (20, 54)
    """

    genes: int = 1000
    telling: int = 0
    gene_effect: float = 0.0
    covariates: int = 3
    covariate_effect: float = 0.0
    rate: float = 0.35
    seed: int = 0
    planted: tuple[Planted, ...] = ()
    burden_spread: float = 0.0
    burden_effect: float = 0.0

    @property
    def frequencies(self) -> npt.NDArray[np.float64]:
        """Share of patients who carry each gene, shape (genes,), highest first."""
        drawn = np.random.default_rng([self.seed, 1]).beta(0.6, 22.0, self.genes)
        frequencies: npt.NDArray[np.float64] = np.clip(np.sort(drawn)[::-1], 0.003, 0.4)
        return frequencies

    @property
    def gene_effects(self) -> npt.NDArray[np.float64]:
        """Log odds ratio of each gene, shape (genes,)."""
        effects = np.zeros(self.genes)
        common = np.flatnonzero(self.frequencies >= 0.05)
        told = common[np.linspace(0, len(common) - 1, self.telling).astype(int)] if self.telling else common[:0]
        effects[told] = self.gene_effect * np.where(np.arange(len(told)) % 2, -1.0, 1.0)
        return effects

    def draw(self, patients: int, seed: int) -> Design:
        """Draw a cohort; one without both classes at least three times is drawn again."""
        rng = np.random.default_rng([self.seed, 2, seed])
        frequencies = np.concatenate([self.frequencies, [gene.frequency for gene in self.planted]])
        effects = np.concatenate([self.gene_effects, [gene.log_odds for gene in self.planted]])
        while True:
            pace = rng.normal(size=patients) if self.burden_spread else np.zeros(patients)
            # A gene is hit at least once when hits come at the patient's pace.
            chance = 1 - (1 - frequencies) ** np.exp(self.burden_spread * pace)[:, None]
            carried = rng.random((patients, len(frequencies))) < chance
            numbers = rng.normal(size=(patients, self.covariates))
            log_odds = (
                np.log(self.rate / (1 - self.rate))
                + self.covariate_effect * numbers.sum(axis=1)
                + self.burden_effect * pace
                + carried @ effects
            )
            response = (rng.random(patients) < expit(log_odds)).astype(np.int8)
            if 3 <= response.sum() <= patients - 3:
                break
        burden = np.log1p(carried.sum(axis=1))
        names = tuple(f"P{i:05d}" for i in range(patients))
        symbols = [*(f"G{j:05d}" for j in range(self.genes)), *(gene.name for gene in self.planted)]
        features = (
            *(Feature(f"covariate {j + 1}", COVARIATE, "number") for j in range(self.covariates)),
            Feature(BURDEN_NAME, BURDEN, "number"),
            *(Feature(symbol, GENE, "gene") for symbol in symbols),
        )
        X = np.column_stack([numbers, burden, carried]).astype(np.float32)
        return Design(names, features, X, response, np.array(names))
