"""Genes as people write them: found in a run under whatever name, or refused with the nearest."""

from __future__ import annotations

from trastuz_ml.calls.genes.symbols import read_symbol_table
from trastuz_ml.cohort.patients import nearest
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.store.run_folder import Run

# Settings of an assay that leave genes out.
_LIMITS = ("genes", "bed", "panel")


def resolve_gene(name: str, run: Run) -> str:
    """Return the name under which a run holds a gene.

    A name of the run is itself; then upper and lower case are disregarded; then a previous symbol, an alias or an
    identifier is followed to the current symbol. A gene that nobody was sequenced for is returned where it has a
    column: what is said of it is for the caller.

    Parameters
    ----------
    name : str
        Any name of a gene: ``ANKRD44``, ``ankrd44``, ``PP6-ARS-B``, ``ENSG00000065413``.
    run : Run
        Where it is looked for.

    Raises
    ------
    ConfigurationError
        If the run has no column of that name; the message says whether the gene exists, and names the nearest.
    """
    if not run.matrix.genes:
        raise ConfigurationError(f"The run has no calls, and says nothing of '{name}': nobody was sequenced.")
    held, given = set(run.matrix.genes), name.strip()
    if given in held:
        return given
    alike = [gene for gene in run.matrix.genes if gene.casefold() == given.casefold()]
    if len(alike) == 1:
        return alike[0]
    if run.matrix.encoding == "gene-sets":
        raise ConfigurationError(
            f"The run's columns are gene sets, and '{name}' is none of them{nearest(given, run.matrix.genes)}."
        )
    found = read_symbol_table().current([given])[given]
    if found.symbol in held:
        return str(found.symbol)
    if found.how == "ambiguous":
        raise ConfigurationError(f"'{name}' is a name of several genes ({', '.join(found.candidates)}): name one.")
    raise ConfigurationError(_not_held(name, found.symbol, run))


def _not_held(name: str, symbol: str | None, run: Run) -> str:
    said = f"'{name}'" if symbol in (None, name) else f"'{name}' ({symbol})"
    begin = f"No patient of the run carries a counted call in {said}, and it was not watched"
    hint = nearest(name, run.matrix.genes) or nearest(symbol or name, run.matrix.genes)
    if symbol is None:
        return f"{begin}{hint}. It is no gene name that HGNC knows."
    assays = run.configuration.get("assays") or {}
    limited = [assay for assay, about in assays.items() if about and any(about.get(limit) for limit in _LIMITS)]
    covered = f" Perhaps it was not covered: {', '.join(limited)} is no whole exome." if limited else ""
    return f"{begin}{hint}.{covered} Add it to watch: in the experiment to get an answer all the same."
