"""A model's formulas ready to run: machine code from the disk or made now, or NumPy where there is no numba."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.machine import disk
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine.jit import LANES, announce
from pkpd.engine.machine.numpy_code import ColumnFunction
from pkpd.engine.machine.rows import each_row
from pkpd.engine.symbolic.formulas import Formula, Formulas, Structure
from pkpd.engine.symbolic.second_order import with_first_derivatives
from pkpd.engine.symbolic.symbols import system_of
from pkpd.model import Model

_GROUPS = {
    "values": (("block", LANES), ("initial", LANES), ("dosing", LANES), ("event_times", LANES), ("outputs", LANES)),
    "explicit": (("rhs", LANES), ("rhs", 1)),
    "stiff": (("jacobian", 1),),
}
"""What is compiled and kept together: a linear model never needs the second, few models need the third."""


class Code:
    """The formulas of a model for a set of sensitivities; the arguments are those of `compiled.compile_model`."""

    def __init__(self, model: Model, sensitivities: Sequence[str], linear: str, order: int = 1) -> None:
        self._model, self._sensitivities, self._linear = model, tuple(sensitivities), linear
        self._order = order
        self._lock = threading.Lock()
        self._addresses: dict[str, int] = {}
        self._columns: dict[str, ColumnFunction] = {}
        kept = disk.read(self._key("values")) if gate.AVAILABLE else None
        self.structure = self._made(*kept) if kept else self.formulas.structure

    @cached_property
    def formulas(self) -> Formulas:
        """The symbols; made only where no code was kept, or for SciPy."""
        grow = with_first_derivatives if self._order == 2 else None
        return Formulas(system_of(self._model, self._sensitivities, self._linear, grow))

    def address(self, name: str, width: int) -> int:
        """Return the address of a formula's function of so many lanes."""
        full = f"{name}_{width}"
        with self._lock:
            if full not in self._addresses:
                group = next(g for g, members in _GROUPS.items() if (name, width) in members)
                self._load(group)
            return self._addresses[full]

    def rows(
        self, name: str, q: Array, table_row: Any, out: Array, y: Any = None, time: Any = None, place: Any = None
    ) -> None:
        """Evaluate a formula for many rows.

        Parameters
        ----------
        name : str
            Which one.
        q : array, table rows × entries
            The table of values.
        table_row : array of int, rows
            Row of the table that belongs to each row.
        out : array, rows × size
            Zeros, filled in.
        y, time : arrays, optional
            Vector and time of every row.
        place : array of int, optional
            Row of the result in which each row is written.
        """
        rows = len(table_row)
        if not rows or not out.shape[1]:
            return
        place = np.arange(rows) if place is None else place
        y = np.empty((rows, 0)) if y is None else y
        time = np.zeros(rows) if time is None else time
        if gate.AVAILABLE:
            announce(each_row)
            each_row(self.address(name, LANES), time, y, q, table_row, place, out)
            return
        if name not in self._columns:
            formula = getattr(self.formulas, name)()
            self._columns[name] = ColumnFunction([self.formulas.time, *formula.y, *formula.q], formula)
        out[place] = self._columns[name]([time, *y.T, *q[table_row].T], rows)

    def _key(self, group: str) -> str:
        from pkpd.engine.machine.llvm import machine

        return disk.key_of(
            group, LANES, machine(), self._model.key, list(self._sensitivities), self._linear, self._order
        )

    def _made(self, about: Any, code: bytes) -> Structure:
        """Take up code that was kept, with the layout that stands beside it."""
        from pkpd.engine.machine.llvm import load_code

        self._addresses |= load_code(code, about["functions"])
        return Structure(**{name: _tuples(value) for name, value in about["structure"].items()})

    def _load(self, group: str) -> None:
        from pkpd.engine.machine.llvm import formula_piece, load_code, object_code

        key = self._key(group)
        kept = disk.read(key)
        if kept is not None:
            self._addresses |= load_code(kept[1], kept[0]["functions"])
            return
        made: dict[str, Formula] = {}
        functions = {}
        for name, width in _GROUPS[group]:
            made[name] = made.get(name) or getattr(self.formulas, name)()
            full = f"{name}_{width}"
            functions[full] = formula_piece(full, self.formulas.time, made[name], width)
        code = object_code(functions.values())
        self._addresses |= load_code(code, list(functions))
        about = {"functions": list(functions), "structure": dataclasses.asdict(self.formulas.structure)}
        disk.write(key, json.loads(json.dumps(about)), code)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
