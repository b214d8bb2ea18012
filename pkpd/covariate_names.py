"""Covariates of which everybody has a name of his own: which names mean the same."""

from __future__ import annotations

from collections.abc import Iterable

COVARIATE_NAMES = {
    "weight": ("wt", "bodyweight", "bw", "bwt"),
    "height": ("ht",),
    "age": (),
    "sex": ("gender",),
    "bmi": ("bodymassindex",),
    "bsa": ("bodysurfacearea",),
}
"""Our name → others (lower case, without spaces and underscores)."""


def covariate_called(name: str, known: Iterable[str]) -> str | None:
    """Return the known name of a covariate: the same, in another case, or another of `COVARIATE_NAMES`; else None.

    Parameters
    ----------
    name : str
        What it is called by whoever asks.
    known : iterable of str
        Names of those that are there, in the order in which they are tried.
    """
    there = list(known)
    if name in there:
        return name
    spelled = _spellings(name)
    return next((column for column in there if _spellings(column) & spelled), None)


def _spellings(name: str) -> set[str]:
    """Every spelling that means the same covariate, folded."""
    folded = name.casefold().replace(" ", "").replace("_", "")
    groups = [{ours, *others} for ours, others in COVARIATE_NAMES.items()]
    return next((group for group in groups if folded in group), {folded})
