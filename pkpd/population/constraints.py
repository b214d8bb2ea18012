"""Constraints on typical values as text, such as ``"ka > CL/V"``: their value and gradient."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field

from pkpd.arguments import checked_fields
from pkpd.errors import InputError
from pkpd.model import derivative_text, evaluate_text, expressions


@dataclass(frozen=True)
class Constraint:
    """One inequality between typical values.

    Parameters
    ----------
    text : str
        Two sides with ``<``, ``<=``, ``>`` or ``>=`` between them.

    Attributes
    ----------
    margin : str
        The larger side minus the smaller one, as an equation: positive where the constraint holds.
    strict : bool
        Whether the margin must be above 0, not only at it.
    """

    text: str
    margin: str = field(init=False)
    strict: bool = field(init=False)

    def __post_init__(self) -> None:
        checked_fields(self, "constraint")
        try:
            node = expressions.tree_of(self.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise InputError(f"constraint {self.text!r} cannot be read: {error}") from None
        if not isinstance(node, ast.Compare) or len(node.ops) != 1 or not isinstance(
            node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE
        ):  # fmt: skip
            raise InputError(f"constraint {self.text!r} is no inequality; expected text such as 'ka > CL/V'")
        left, right = ast.unparse(node.left), ast.unparse(node.comparators[0])
        large, small = (left, right) if isinstance(node.ops[0], ast.Gt | ast.GtE) else (right, left)
        object.__setattr__(self, "margin", f"{large} - ({small})")
        object.__setattr__(self, "strict", isinstance(node.ops[0], ast.Gt | ast.Lt))
        expressions.names(self.margin)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters in it."""
        return tuple(sorted(expressions.names(self.margin)))

    def value(self, values: Mapping[str, float]) -> float:
        """Return the margin for typical values: positive where the constraint holds."""
        return float(evaluate_text(self.margin, values))

    def holds(self, values: Mapping[str, float]) -> bool:
        """Say whether it holds."""
        margin = self.value(values)
        return margin > 0 if self.strict else margin >= 0

    def gradient(self, values: Mapping[str, float]) -> dict[str, float]:
        """Return the derivative of the margin by every parameter in it, on the natural scale."""
        return {name: float(evaluate_text(derivative_text(self.margin, name), values)) for name in self.names}
