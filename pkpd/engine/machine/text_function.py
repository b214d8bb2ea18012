"""A function written as text, with its derivatives: machine code from the disk or made now, or NumPy without numba."""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.machine import disk
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine.jit import LANES, announce
from pkpd.engine.machine.numpy_code import ColumnFunction
from pkpd.engine.machine.rows import each_row
from pkpd.engine.symbolic.calculus import derivative
from pkpd.engine.symbolic.formulas import Formula
from pkpd.model import expressions

_NAME = "function"


class TextFunction:
    """A function of some values per row and some that all rows share; make one with `text_function`.

    Parameters
    ----------
    text : str
        The function, as equations of a model are written.
    per_row, shared : tuple of str
        Names with a value per row, and with one value for all rows.
    by : tuple of str
        Names by which it is differentiated.
    order : {0, 1, 2}
        Highest derivative.

    Attributes
    ----------
    pairs : tuple of (int, int)
        Which two of `by` each second derivative belongs to, in the order of the columns.
    size : int
        Columns of a result: the value, the first derivatives, the second ones.
    varies : bool
        Whether the function depends on anything that differs between rows.
    """

    def __init__(
        self, text: str, per_row: tuple[str, ...], shared: tuple[str, ...], by: tuple[str, ...], order: int
    ) -> None:
        self.text, self.per_row, self.shared, self.by, self.order = text, per_row, shared, by, order
        self.pairs = tuple(combinations_with_replacement(range(len(by)), 2)) if order == 2 else ()
        self.size = 1 + (len(by) if order else 0) + len(self.pairs)
        self.varies = bool(expressions.names(text) & set(per_row))
        self._address = self._machine_code() if gate.AVAILABLE else 0
        self._columns = None if gate.AVAILABLE else self.columns()

    def __call__(self, values: Array, shared: Array) -> Array:
        """Evaluate for many rows.

        Parameters
        ----------
        values : array, rows × names per row
            What differs between rows.
        shared : array, shape (shared names,)
            What does not.

        Returns
        -------
        array, rows × size
        """
        if self._columns is not None:
            return self._columns([0.0, *values.T, *shared], len(values))
        rows = len(values)
        out = np.zeros((rows, self.size))
        if rows:
            which = np.zeros(rows, dtype=np.int64)
            table = np.ascontiguousarray(shared, dtype=float).reshape(1, -1)
            values = np.ascontiguousarray(values, dtype=float)
            each_row(self._address, np.zeros(rows), values, table, which, np.arange(rows), out)
        return out

    def formula(self) -> Formula:
        """Return the symbols: the value, its first and its second derivatives."""
        value = expressions.parse(self.text)
        by = [expressions.symbol(name) for name in self.by]
        first = [derivative(value, s) for s in by] if self.order else []
        second = [derivative(first[i], by[j]) for i, j in self.pairs]
        y, q = ([expressions.symbol(name) for name in names] for names in (self.per_row, self.shared))
        return Formula.of(y, q, [value, *first, *second])

    def columns(self) -> ColumnFunction:
        """Return the same as a NumPy function of columns (the first is time, which is not used)."""
        made = self.formula()
        return ColumnFunction([expressions.symbol(expressions.TIME), *made.y, *made.q], made)

    def _machine_code(self) -> int:
        """Return the address of a function of `LANES` lanes."""
        announce(each_row)
        from pkpd.engine.machine.llvm import formula_piece, load_code, machine, object_code

        here = Path(__file__).read_text(encoding="utf-8")  # it decides on what stands in which column
        asked = [self.text, self.per_row, self.shared, self.by, self.order]
        key = disk.key_of(_NAME, LANES, machine(), here, asked)
        kept = disk.read(key)
        if kept is None:
            time = expressions.symbol(expressions.TIME)
            code = object_code([formula_piece(_NAME, time, self.formula(), LANES)])
            disk.write(key, asked, code)
        else:
            code = kept[1]
        address: int = load_code(code, [_NAME])[_NAME]
        return address


@lru_cache(maxsize=256)
def text_function(
    text: str, per_row: tuple[str, ...], shared: tuple[str, ...] = (), by: tuple[str, ...] = (), order: int = 0
) -> TextFunction:
    """Return a function written as text, made once per process and kept on disk; the arguments are `TextFunction`'s.

    Raises
    ------
    ModelError
        If the text cannot be read.
    """
    return TextFunction(text, per_row, shared, by, order)
