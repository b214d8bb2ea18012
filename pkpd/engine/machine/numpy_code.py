"""A formula as a NumPy function that takes whole columns: what runs without numba, and the oracle of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.symbolic.calculus import derivative
from pkpd.engine.symbolic.formulas import Formula, Formulas


class ColumnFunction:
    """A formula evaluated over columns of values.

    Parameters
    ----------
    symbols : sequence of sympy.Symbol
        Arguments, in the order of the columns.
    formula : Formula
        What is computed.
    """

    def __init__(self, symbols: Sequence[Any], formula: Formula) -> None:
        import sympy

        self.size, self._alive = formula.size, list(formula.values)
        wanted = list(formula.values.values())
        used = set().union(*(e.free_symbols for e in wanted)) if wanted else set()
        self._columns = [k for k, s in enumerate(symbols) if s in used]
        if unbound := used - set(symbols):
            raise AssertionError(f"symbols without a column: {unbound}")
        arguments = [symbols[k] for k in self._columns]
        # NumPy's conditions must be of one shape: numbers and columns are brought to it where there are any.
        self._conditions = any(e.has(sympy.core.relational.Relational) for e in wanted)
        self._call = sympy.lambdify(arguments, wanted, modules="numpy", cse=True, dummify=True) if wanted else None

    def __call__(self, columns: Sequence[Any] | Array, length: int) -> Array:
        """Return an array of shape (length, expressions) from columns that are numbers or arrays of that length."""
        out = np.zeros((length, self.size))
        if self._call is not None:
            given = [columns[c] for c in self._columns]
            if self._conditions:
                given = list(np.broadcast_arrays(*given))
            with np.errstate(all="ignore"):
                for k, values in zip(self._alive, self._call(*given), strict=True):
                    out[:, k] = values
        return out


def rhs_and_jacobian(formulas: Formulas) -> tuple[Any, Any]:
    """Return two functions of (time, states, inputs): the right-hand sides, and their derivatives by the states.

    The first returns a list of as many numbers as there are states, the second a list of such lists, one an equation.
    """
    import sympy

    formula = formulas.driven_rhs()
    arguments = [formulas.time, list(formula.y), list(formula.q)]
    dydt = formula.values_in_order()
    rhs = sympy.lambdify(arguments, dydt, modules="numpy", cse=True, dummify=True)
    jacobian = [[derivative(f, y) for y in formula.y] for f in dydt]
    return rhs, sympy.lambdify(arguments, jacobian, modules="numpy", cse=True, dummify=True)


def gaps_and_slopes(formulas: Formulas) -> tuple[Any, Any]:
    """Return two functions of (time, states, inputs): gaps of the switches and how fast they change; their slopes."""
    import sympy

    gaps, slopes = formulas.driven_switches(), formulas.switch_slopes()
    arguments = [formulas.time, list(gaps.y), list(gaps.q)]
    return tuple(
        sympy.lambdify(arguments, each.values_in_order(), modules="numpy", cse=True, dummify=True)
        for each in (gaps, slopes)
    )
