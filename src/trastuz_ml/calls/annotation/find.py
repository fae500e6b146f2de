"""Find the annotation in the header of a VCF file, and make its reader."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Mapping
from pathlib import Path

from trastuz_ml.calls.annotation.funcotator import funcotator_annotation
from trastuz_ml.calls.annotation.gene_effect import EVERYTHING, Annotation, GeneEffect
from trastuz_ml.calls.annotation.snpeff import ann_annotation, eff_annotation
from trastuz_ml.calls.annotation.vep import vep_annotation
from trastuz_ml.errors import InputError

__all__ = ["Annotation", "GeneEffect", "find_annotation"]

_Maker = Callable[[str, str, Container[str]], Annotation]

# What the annotators write into the description tells them apart: the name of the field can be chosen.
_BY_DESCRIPTION: tuple[tuple[re.Pattern[str], _Maker], ...] = (
    (re.compile(r"Ensembl VEP|predicted by VEP", re.IGNORECASE), vep_annotation),
    (re.compile(r"Funcotation fields", re.IGNORECASE), funcotator_annotation),
    (re.compile(r"Functional annotations:", re.IGNORECASE), ann_annotation),
    (re.compile(r"Predicted effects for this variant", re.IGNORECASE), eff_annotation),
)
_BY_NAME: dict[str, _Maker] = {
    "CSQ": vep_annotation,
    "ANN": ann_annotation,
    "EFF": eff_annotation,
    "FUNCOTATION": funcotator_annotation,
}

HOW_TO_ANNOTATE = (
    "Annotate it with one of\n"
    "  vep --input_file in.vcf --output_file out.vcf --vcf --cache --offline --symbol --hgvs --sift b "
    "--polyphen b --flag_pick\n"
    "  snpEff ann GRCh38.105 in.vcf > out.vcf\n"
    "  gatk Funcotator --variant in.vcf --output out.vcf --output-file-format VCF --reference ref.fa "
    "--ref-version hg38 --data-sources-path SOURCES"
)


def find_annotation(
    info_descriptions: Mapping[str, str], chosen: str | None, path: Path, wanted: Container[str] = EVERYTHING
) -> Annotation:
    """Return the reader of a file's annotation.

    Parameters
    ----------
    info_descriptions : mapping
        INFO fields of the header, with their descriptions.
    chosen : str, optional
        The field to read, where a file holds several annotations.
    path : path
        The file, for messages.
    wanted : container of str
        Columns of the calls table that are worth the reading, beside gene, consequence and effect.

    Raises
    ------
    InputError
        If the file has no annotation, or two and none is chosen, or not the chosen one, or if the header
        does not say what the annotation's subfields are.

    Examples
    --------
    >>> header = {"CSQ": "Consequence annotations from Ensembl VEP. Format: Allele|Consequence|SYMBOL"}
    >>> csq = find_annotation(header, None, Path("a.vcf"))
    >>> [effect[:3] for effect in csq.genes("T|stop_gained|TP53", "C", ["T"])[0]]
    [('TP53', 'stop_gained', 'truncating')]
    """
    known = {name: maker for name in info_descriptions if (maker := _maker(name, info_descriptions[name]))}
    name = _one_of(known, chosen, path)
    try:
        return known[name](name, info_descriptions[name], wanted)
    except InputError as error:
        raise InputError(f"{path}: {error}") from error


def _maker(name: str, description: str) -> _Maker | None:
    for pattern, maker in _BY_DESCRIPTION:
        if pattern.search(description):
            return maker
    return _BY_NAME.get(name)


def _one_of(known: Mapping[str, _Maker], chosen: str | None, path: Path) -> str:
    if chosen is not None:
        if chosen in known:
            return chosen
        others = f"it has {' and '.join(known)}" if known else f"it has none at all. {HOW_TO_ANNOTATE}"
        raise InputError(f"{path} has no annotation named {chosen}, which was asked for; {others}.")
    if len(known) > 1:
        raise InputError(
            f"{path} holds the annotations {' and '.join(known)}, and they may disagree. "
            f"Say which one to read, for example annotation: {next(iter(known))}."
        )
    if not known:
        raise InputError(
            f"{path} is not annotated: its header has none of the INFO fields CSQ (VEP), ANN or EFF (SnpEff) "
            f"and FUNCOTATION (Funcotator), so the gene and the effect of a variant are not known. "
            f"{HOW_TO_ANNOTATE}"
        )
    return next(iter(known))
