"""A formula as a NumPy function that takes whole columns: what runs without numba, and the oracle of the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.symbolic.formulas import Formula


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
        self._call = sympy.lambdify(arguments, wanted, modules="numpy", cse=True, dummify=True) if wanted else None

    def __call__(self, columns: Sequence[Any] | Array, length: int) -> Array:
        """Return an array of shape (length, expressions) from columns that are numbers or arrays of that length."""
        out = np.zeros((length, self.size))
        if self._call is not None:
            with np.errstate(all="ignore"):
                for k, values in zip(self._alive, self._call(*(columns[c] for c in self._columns)), strict=True):
                    out[:, k] = values
        return out
