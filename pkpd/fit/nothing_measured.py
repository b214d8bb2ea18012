"""Data in which nothing was measured: every sample lies below (or above) a limit of quantification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arrays import Flags
from pkpd.errors import InputError
from pkpd.observed import ABOVE, BELOW, INTERVAL, MEASURED, Observed
from pkpd.study import Study

if TYPE_CHECKING:
    import xarray

_WORDS = {BELOW: "below LLOQ", ABOVE: "above ULOQ", INTERVAL: "between 0 and LLOQ"}


def refuse_all_censored(data: Observed) -> None:
    """Refuse data without a single measured value: they bound the predictions, and determine nothing.

    Raises
    ------
    InputError
        Saying of every output on which side of its limits its samples lie.
    """
    if not (data.kind == MEASURED).any():
        raise InputError("; ".join([*outputs_all_censored(data), _ADVICE]), "nothing was measured")


def outputs_all_censored(data: Observed) -> tuple[str, ...]:
    """Return a sentence for every output that has samples and no measured value."""
    found = []
    for output in data.analytes:
        rows = data.of(output)
        if rows.any() and not (data.kind[rows] == MEASURED).any():
            found.append(f"every sample of {output} is {_sides(data, rows)}")
    return tuple(found)


def sources_all_censored(sources: Sequence[xarray.Dataset | Study]) -> list[str]:
    """Return a sentence for every NCA result and every analyte of a study in which nothing was measured."""
    found: dict[str, None] = {}
    for source in sources:
        if isinstance(source, Study):
            for analyte in source.analytes:
                table = source.used(analyte)
                below, above = int(table["blq"].sum()), int(table["alq"].sum())
                if below + above and below + above == len(table):
                    side = "below LLOQ" if not above else "above ULOQ" if not below else "below LLOQ or above ULOQ"
                    found[f"every sample of {analyte} is {side} ({len(table)} samples)"] = None
        elif {"n_samples", "n_blq", "n_measured"} <= set(source.variables):
            samples, below = (int(np.nansum(source[name].values)) for name in ("n_samples", "n_blq"))
            if samples and below == samples:
                analyte = source.attrs.get("analyte", "the drug")
                found[f"every sample of {analyte} is below LLOQ ({samples} samples)"] = None
    return list(found)


_ADVICE = "expected at least one measured value; give other samples, or fix the parameters at known values"


def _sides(data: Observed, rows: Flags) -> str:
    kinds, counts = np.unique(data.kind[rows], return_counts=True)
    people = len(np.unique(data.subject[rows]))
    who = "1 subject" if people == 1 else f"{people} subjects"
    sides = [_WORDS.get(kind, "without a limit") for kind in kinds.tolist()]
    if len(sides) == 1:
        return f"{sides[0]} ({counts[0]} samples of {who})"
    return " or ".join(f"{side} ({count})" for side, count in zip(sides, counts.tolist(), strict=True)) + f" in {who}"
