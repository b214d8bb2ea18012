"""What names mean in the texts of a model, and what is said where they cannot mean that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pkpd.errors import nearest
from pkpd.model import expressions


def equality_problems(where: str, text: str, kinds: Mapping[str, str]) -> list[str]:
    """Return what is compared with ``==`` and moves: it meets another number at single moments, if at all.

    Parameters
    ----------
    where, text : str
        Where a text stands, and the text.
    kinds : mapping
        What may move (a state, time …), or is estimated, and what it is.
    """
    if "=" not in text:
        return []
    return [
        f"{where} compares {name!r}, {kinds[name]}, with == or !=, which are for covariates; "
        f"write '{name} >= …' or 'abs({name} - …) < …'"
        for name in sorted(expressions.equated(text) & set(kinds))
    ]


def undefined_name(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that nothing defines."""
    if name == expressions.DOSE:
        return (
            "'dose', the amount of the dose, is known in lag, bioavailability, infusion_rate and infusion_duration "
            "only; elsewhere let a covariate bring it: covariates=('dose',)"
        )
    return f"{name!r} is used but not defined; {nearest(name, known)}"
