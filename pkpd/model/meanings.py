"""What names mean in the texts of a model, and what is said where they cannot mean that."""

from __future__ import annotations

import ast
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


def at_a_dose(texts: Iterable[str]) -> str:
    """Return what to write where a logarithm or a broken power of ``tad`` has no value or no slope at ``tad = 0``.

    Parameters
    ----------
    texts : iterable of str
        Equations and outputs.

    Returns
    -------
    str
        A sentence; empty where there is no such term.
    """
    for text in texts:
        if expressions.TAD not in text:
            continue
        for node in ast.walk(expressions.tree_of(text)):
            match node:
                case ast.Call(func=ast.Name(id="log" | "sqrt"), args=[inner]):
                    pass
                case ast.BinOp(left=inner, op=ast.Pow(), right=exponent) if not _is_whole(exponent):
                    pass
                case _:
                    continue
            inside = [part for part in ast.walk(inner) if isinstance(part, ast.Name | ast.Call)]
            bare = any(isinstance(part, ast.Name) and part.id == expressions.TAD for part in inside)
            if bare and not any(isinstance(part, ast.Call) for part in inside):
                return (
                    f"{ast.unparse(node)[:80]!r} has no value or no slope where tad is 0 (at a dose, and before the "
                    "first): write max(tad, 1e-9) for tad there"
                )
    return ""


def _is_whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value in range(100)


def undefined_name(name: str, known: Iterable[str]) -> str:
    """Return the sentence for a name that nothing defines."""
    if name == expressions.DOSE:
        return (
            "'dose', the amount of the dose, is known in lag, bioavailability, infusion_rate and infusion_duration "
            "only; elsewhere let a covariate bring it: covariates=('dose',)"
        )
    return f"{name!r} is used but not defined; {nearest(name, known)}"
