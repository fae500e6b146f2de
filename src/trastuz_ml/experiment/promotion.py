"""Give a stored model an alias in the registry, when its run holds the evidence for it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trastuz_ml.errors import ConfigurationError, EvidenceError
from trastuz_ml.experiment.promotion_rules import RULES, Evidence, evidence_of
from trastuz_ml.store.bundle import ModelBundle, load_model
from trastuz_ml.store.run_folder import Run
from trastuz_ml.store.versions import find_folder
from trastuz_ml.track.items import SHORTEST_SOUGHT
from trastuz_ml.track.registry import Given, Version, give_alias, registered_as, require_names

# Tags of a promoted version: what was found on each rule, and whether all are met.
EVIDENCE = "evidence"
OVERRIDE = "override"
_MET, _NOT_MET = "met", "not met"
_LONGEST_REASON = 2000


@dataclass(frozen=True)
class Promoted:
    """A model that was promoted.

    Attributes
    ----------
    model : str
        The stored model, as NAME/VERSION or its folder.
    identity : str
        Hash of its manifest.
    given : Given
        The alias, and what had it before.
    evidence : tuple of Evidence
        What was found on each rule.
    override : str
        Why the model was promoted without the evidence; empty where it was not needed.
    recorded : bool
        Whether the evidence is that of an earlier promotion, because the run is another one by now.
    simulated : bool
        Whether the model was trained on invented patients.
    """

    model: str
    identity: str
    given: Given
    evidence: tuple[Evidence, ...]
    override: str
    recorded: bool
    simulated: bool


def promote(
    run: str | Path,
    model: str | Path,
    alias: str,
    *,
    override: str | None = None,
    register_as: str | None = None,
    tracking: str | None = None,
    models: Path = Path("models"),
) -> Promoted:
    """Give a stored model an alias; refused without the evidence of :data:`RULES`, unless overridden.

    Parameters
    ----------
    run : str or path
        Folder of the run that made the model, or its name under ``runs/``.
    model : str or path
        Stored model: its folder, a name, or a name and a version. An older version is promoted in the same way.
    alias : str
        The alias; whichever version of the registered model had it loses it.
    override : str, optional
        Why the model is promoted although a rule is not met; kept as a tag of the version.
    register_as : str, optional
        Name in the registry; that of the model by default.
    tracking : str, optional
        Address of the registry; by default the experiment's, else that of ``MLFLOW_TRACKING_URI``, else
        ``mlflow.db`` beside the run.
    models : Path
        Where names of models are looked up.

    Raises
    ------
    EvidenceError
        If a rule is not met, each with what was found; or if another run made the model.
    ConfigurationError
        If the reason is empty, a name cannot be taken, or the registry cannot be reached.
    TrastuzError
        If run or model cannot be read.
    """
    from trastuz_ml.track.connection import tracking_address
    from trastuz_ml.track.logged_model import requirements_of

    folder = find_folder(model, models)
    bundle, source = load_model(folder), Run.load(run)
    reason = _reason(override, source)
    name = register_as or bundle.name
    require_names(name, alias)
    where = source.folder.parent if source.folder else Path("runs")
    settings: Mapping[str, object] = source.configuration.get("tracking") or {}
    address = tracking_address(tracking, _text(settings.get("uri")), runs=where)
    known = registered_as(address, name, bundle.sha256)
    made_here = bundle.card.get("run") == source.fingerprint
    evidence = evidence_of(source, bundle.model.name) if made_here else _recorded(known, bundle, source, folder)
    met = all(found.met for found in evidence)
    if not met and not reason:
        raise EvidenceError(_refusal(_called(bundle, folder), alias, evidence))
    given = give_alias(
        address, name, alias, folder, experiment=_text(settings.get("experiment")) or source.name,
        tags=_tags(evidence, alias, "" if met else reason), requirements=requirements_of(folder),
    )  # fmt: skip
    return Promoted(
        _called(bundle, folder), bundle.sha256, given, evidence, "" if met else reason, not made_here,
        bundle.simulated,
    )  # fmt: skip


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


def _reason(override: str | None, run: Run) -> str:
    if override is None:
        return ""
    reason = " ".join(override.split())
    if not reason or len(reason) > _LONGEST_REASON:
        raise ConfigurationError(
            f"--override needs a reason of 1 to {_LONGEST_REASON} characters, which is kept beside the model; "
            f"found {len(reason)}. Say why it is promoted without the evidence."
        )
    patients = [str(patient) for patient in run.patients["patient"] if len(str(patient)) >= SHORTEST_SOUGHT]
    if any(re.search(rf"(?<![0-9A-Za-z]){re.escape(p)}(?![0-9A-Za-z])", reason) for p in patients if p in reason):
        raise ConfigurationError(
            "The reason of --override names a patient of the training cohort, and it is kept in the registry, "
            "which may leave this machine: say it without the identifier."
        )
    return reason


def _called(bundle: ModelBundle, folder: Path) -> str:
    return f"{bundle.name}/{bundle.version}" if bundle.version else str(folder)


def _recorded(known: Version | None, bundle: ModelBundle, run: Run, folder: Path) -> tuple[Evidence, ...]:
    """Return the evidence that an earlier promotion wrote beside this very model.

    A run folder is replaced when its experiment is trained again, and an older version must not be stranded by it.
    """
    recorded = () if known is None else evidence_in(known.tags)
    if not recorded:
        raise EvidenceError(
            f"{_called(bundle, folder)} was not made by the run {run.name} as it is now: its card names the run "
            f"{str(bundle.card.get('run') or 'unknown')[:12]}, found {run.fingerprint[:12]}. Give the run that "
            "made it; where that was trained again since, the version that it makes now is the one to promote."
        )
    return recorded


def evidence_in(tags: Mapping[str, str]) -> tuple[Evidence, ...]:
    """Return the evidence that the tags of a version hold; nothing unless there is a tag for each rule.

    Examples
    --------
    >>> evidence_in({"evidence chance": "met: p = 0.01"})
    ()
    """
    found = []
    for rule in RULES:
        said, colon, text = tags.get(f"{EVIDENCE} {rule}", "").partition(": ")
        if not colon or said not in (_MET, _NOT_MET):
            return ()
        found.append(Evidence(rule, said == _MET, text))
    return tuple(found)


def _tags(evidence: Sequence[Evidence], alias: str, reason: str) -> dict[str, str]:
    """Return what is written beside a version: the evidence by rule, the verdict, the reason of an override."""
    tags = {f"{EVIDENCE} {e.rule}": f"{_word(e)}: {e.found}" for e in evidence}
    verdict = _MET if all(e.met for e in evidence) else _NOT_MET
    return {**tags, EVIDENCE: verdict, f"{OVERRIDE} {alias}": reason}


def _word(evidence: Evidence) -> str:
    return _MET if evidence.met else _NOT_MET


def evidence_lines(evidence: Sequence[Evidence]) -> list[str]:
    """Return the rules with their numbers, whether each is met, and what was found."""
    lines = []
    for place, (rule, (words, _)) in enumerate(RULES.items(), start=1):
        found = next(e for e in evidence if e.rule == rule)
        lines += [f"{place}. {rule}, {_word(found)}: {words}.", f"   Found: {found.found}."]
    return lines


def _refusal(model: str, alias: str, evidence: Sequence[Evidence]) -> str:
    missing = sum(not e.met for e in evidence)
    listed = "\n".join(evidence_lines(evidence))
    return (
        f"{model} is not promoted to {alias}: {missing} of {len(evidence)} rules are not met.\n{listed}\n"
        'To promote it nevertheless, give the reason, which is kept beside the model: --override "..."'
    )
