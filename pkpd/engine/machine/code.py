"""A model's formulas ready to run: machine code from the disk or made now, or NumPy where there is no numba."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np

from pkpd.arrays import Array
from pkpd.engine.machine import disk
from pkpd.engine.machine import jit as gate
from pkpd.engine.machine.jit import LANES, announce
from pkpd.engine.machine.llvm import Piece, formula_piece, load_code, machine, object_code, whole_number
from pkpd.engine.machine.numpy_code import ColumnFunction
from pkpd.engine.machine.rows import each_row
from pkpd.engine.machine.steps import dop853, linear, linear_large, radau, taylor
from pkpd.engine.machine.steps.frame import Frame
from pkpd.engine.machine.steps.linear_layout import BlockLayout, shape_of
from pkpd.engine.machine.steps.radau_parts import StiffEquations
from pkpd.engine.symbolic.constants import take_constants
from pkpd.engine.symbolic.formulas import Formula, Formulas
from pkpd.engine.symbolic.structure import Structure
from pkpd.engine.symbolic.symbols import system_of
from pkpd.model import Model

_OVER_ROWS = ("block", "initial", "dosing", "event_times", "outputs")
_GROUPS = {
    "values": tuple(f"{name}_{LANES}" for name in _OVER_ROWS),
    "one subject": ("rhs_1",),
    "switches": ("switches_1", "switch_slopes_1", "ranges_1"),
    "explicit": ("dop853_size", "dop853_step", "dop853_dense", "dop853_values"),
    "linear": ("exponential", "apply"),
    "linear with a source": ("exponential_source", "apply_source"),
    **{f"radau_{s}": tuple(f"radau_{s}_{what}" for what in ("step", "values", "size")) for s in radau.STAGES},
    **{f"taylor_{order}": (f"taylor_{order}_step", f"taylor_{order}_values") for order in taylor.ORDERS},
}
"""What is compiled and kept together: few models need more than two of them."""


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
        # Second derivatives of a closed-form block go over lanes: without numba everything is integrated instead.
        linear = self._linear if gate.AVAILABLE or self._order < 2 else "ode"
        return Formulas(system_of(self._model, self._sensitivities, linear), self._order)

    def address(self, name: str) -> int:
        """Return the address of a function."""
        with self._lock:
            if name not in self._addresses:
                self._load(next(group for group, members in _GROUPS.items() if name in members))
            return self._addresses[name]

    def number(self, name: str) -> int:
        """Return the whole number that a function returns."""
        return whole_number(self.address(name))

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
            each_row(self.address(f"{name}_{LANES}"), time, y, q, table_row, place, out)
            return
        if name not in self._columns:
            formula = getattr(self.formulas, name)()
            self._columns[name] = ColumnFunction([self.formulas.time, *formula.y, *formula.q], formula)
        out[place] = self._columns[name]([time, *y.T, *q[table_row].T], rows)

    def _key(self, group: str) -> str:
        return disk.key_of(
            group, LANES, machine(), self._model.key, list(self._sensitivities), self._linear, self._order
        )

    def _made(self, about: Any, code: bytes) -> Structure:
        """Take up code that was kept, with the layout that stands beside it."""
        self._addresses |= load_code(code, about["functions"])
        return Structure(**{name: _tuples(value) for name, value in about["structure"].items()})

    def _load(self, group: str) -> None:
        key = self._key(group)
        kept = disk.read(key)
        if kept is not None:
            self._addresses |= load_code(kept[1], kept[0]["functions"])
            return
        code = object_code(self._pieces(group))
        self._addresses |= load_code(code, _GROUPS[group])
        about = {"functions": _GROUPS[group], "structure": dataclasses.asdict(self.structure)}
        disk.write(key, json.loads(json.dumps(about)), code)

    def _pieces(self, group: str) -> Iterator[Piece]:
        """What writes the functions of a group."""
        if group in ("linear", "linear with a source"):
            layout, (exponential, apply) = BlockLayout(shape_of(self.structure), group != "linear"), _GROUPS[group]
            writers = (linear.write_exponential, linear.write_apply)
            if layout.large:
                writers = (linear_large.write_large_exponential, linear_large.write_large_apply)
            yield lambda module: writers[0](module, exponential, layout)
            yield lambda module: writers[1](module, apply, layout)
            return
        formulas = self.formulas
        if group == "values":
            for name in _OVER_ROWS:
                yield formula_piece(f"{name}_{LANES}", formulas.time, getattr(formulas, name)(), LANES)
        elif group == "one subject":
            yield formula_piece("rhs_1", formulas.time, formulas.rhs(), 1)
        elif group == "switches":
            for name in _GROUPS[group]:
                yield formula_piece(name, formulas.time, getattr(formulas, name[:-2])(), 1)
        elif group == "explicit":
            arguments = len(formulas.rhs().q)
            constants, (rhs,) = take_constants([formulas.rhs()])
            yield formula_piece("constants", formulas.time, constants, LANES, private=True)
            yield formula_piece("rhs", formulas.time, rhs, LANES, private=True)
            frame = self._frame(arguments, constants.size)
            yield lambda module: dop853.write_dop853_size(module, "dop853_size", frame)
            yield lambda module: dop853.write_dop853_step(module, "dop853_step", frame)
            yield lambda module: dop853.write_dense(module, "dop853_dense", frame)
            yield lambda module: dop853.write_dop853_values(module, "dop853_values", frame)
        elif group.startswith("taylor"):
            rhs, order = formulas.rhs(), int(group.split("_")[1])
            yield formula_piece("rhs", formulas.time, rhs, LANES, private=True)
            frame = self._frame(len(rhs.q))
            step = f"{group}_step", f"{group}_values"
            yield lambda module: taylor.write_taylor_step(module, step[0], rhs, formulas.time, frame, order)
            yield lambda module: taylor.write_taylor_values(module, step[1], frame, order)
        elif group.startswith("radau"):
            yield from self._radau(group, int(group.split("_")[1]))

    def _frame(self, arguments: int, constants: int = 0) -> Frame:
        """Where the numbers of a step stand."""
        structure = self.formulas.structure
        owners = structure.owners if any(structure.multiply) else ()
        return Frame(structure.components, arguments, constants, owners)

    def _radau(self, group: str, stages: int) -> Iterator[Piece]:
        """What writes a step for stiff equations."""
        formulas, structure = self.formulas, self.formulas.structure
        rhs, whole = formulas.rhs(), formulas.state_jacobian()
        # Only what is not zero by structure is written, one entry after the other.
        entries = Formula(whole.y, whole.q, dict(enumerate(whole.values.values())), len(whole.values))
        constants, (rhs, entries) = take_constants([rhs, entries])
        for name, formula in (("constants", constants), ("rhs", rhs), ("jacobian", entries)):
            yield formula_piece(name, formulas.time, formula, LANES, private=True)
        states = len(structure.integrated)
        places: dict[tuple[tuple[int, ...], int], int] = {((j,), i): k for i, j, k in structure.where}
        places |= {((j, k), i): place for i, j, k, place in structure.where2}
        blocks = sorted({by for by, _ in places}, key=lambda by: (len(by), by))
        equations = StiffEquations(
            states, tuple(divmod(k, states) for k in whole.values),
            tuple(tuple(places.get((by, i), -1) for i in range(states)) for by in blocks),
            constants.size,
        )  # fmt: skip
        frame = self._frame(len(whole.q))
        for write, what in (
            (radau.write_radau_step, "step"),
            (radau.write_radau_values, "values"),
            (radau.write_radau_size, "size"),
        ):
            yield partial(write, name=f"{group}_{what}", equations=equations, frame=frame, stages=stages)


def _tuples(value: Any) -> Any:
    return tuple(_tuples(v) for v in value) if isinstance(value, list) else value
