"""The two models of the benchmarks, their subjects, doses and times, and the answers of other programs.

`plain` is the model of ../shared/reference/figures/simulation (two compartments, a turnover, margination of
lymphocytes; mrgsolve's answers at 1e-12 stand beside it), `stiff` the same whose drug also binds its
target. 10 boluses, 49 days; an observation at the time of a dose is after the dose.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import checkout  # noqa: F401
import numpy as np
import pandas
import sympy
from numpy.typing import NDArray

from pkpd import define
from pkpd.dosing import Dose
from pkpd.engine import Compiled, Schedule, compile_model
from pkpd.model import Model

Array = NDArray[np.float64]

NAMES = ["CL", "V1", "Q", "V2", "koutR", "R0", "EmaxR", "EC50R", "koutL", "L0", "kmarg", "EC50L", "kret"]
BINDING = {"kon": 100.0, "koff": 0.1, "kint": 1.0, "ksyn": 1.0, "kdeg": 0.1}
DOSES = tuple(Dose(24.0 * d, 2100.0) for d in (0, 1, 2, 3, 4, 14, 15, 16, 17, 18))
DAYS = [1, 2, 3, 4, 5, 15, 16, 17, 18, 19]  # the same in a regimen's words
SPARSE = np.array([1, 24, 97, 120, 168, 240, 337, 433, 504, 672, 840, 1176], dtype=float)
HOURLY = np.arange(1177.0)
CRITERION = (1e-7, 1e-10)  # of figures/simulation: |error| ≤ 1e-7·|x| + 1e-10
_RESPONSE = {
    "RET": "koutR*R0*(1 + EmaxR*C/(EC50R + C)) - koutR*RET",
    "LYM": "koutL*L0 - koutL*LYM - kmarg*C/(EC50L + C)*LYM + kret*TIS",
    "TIS": "kmarg*C/(EC50L + C)*LYM - kret*TIS",
}


def folder() -> Path:
    """Return the folder with the reference numbers (``PKPD_REFERENCE``, else ../shared/reference)."""
    known = os.environ.get("PKPD_REFERENCE", Path(__file__).parents[3] / "shared" / "reference")
    return Path(known) / "figures" / "simulation"


def parameters() -> Array:
    """Return 10 000 subjects' parameters in the order of `NAMES`."""
    return pandas.read_csv(folder() / "params_10000.csv", skipinitialspace=True)[NAMES].to_numpy()


@dataclass(frozen=True, eq=False)
class Problem:
    """A model with its subjects (a table in the order of its parameters)."""

    model: Model
    table: Array

    def code(self, sensitivities: tuple[str, ...] = ()) -> Compiled:
        """Return the compiled model."""
        return compile_model(self.model, sensitivities)

    def plan(self, count: int, times: Array, sensitivities: tuple[str, ...] = ()) -> Schedule:
        """Return the time lines of the first `count` subjects."""
        late = np.ones(times.size, dtype=bool)
        values = self.table[:count]
        return self.code(sensitivities).schedule(values, [DOSES] * count, [times] * count, [late] * count)

    @cached_property
    def symbols(self) -> tuple[tuple[sympy.Symbol, ...], tuple[sympy.Symbol, ...], sympy.Matrix]:
        """States, parameters and right-hand side for other programs."""
        y = tuple(sympy.Symbol(s, real=True) for s in self.model.states)
        p = tuple(sympy.Symbol(s, real=True) for s in self.model.parameters.names)
        concentration = {sympy.Symbol("C", real=True): self.model.expression("C")}
        return y, p, sympy.Matrix([self.model.expression(s).xreplace(concentration) for s in self.model.states])

    def start(self, row: Any) -> list[Any]:
        """Return the states before the first dose; `row` may hold anything that stands for a parameter."""
        names, said = list(self.model.parameters.names), self.model.initial
        given = [said.get(s, "0") for s in self.model.states]
        return [row[names.index(text)] if text in names else float(text) for text in given]

    def arriving(self, dose: Dose, row: Any) -> Any:
        """Return how much of a dose arrives."""
        names = list(self.model.parameters.names)
        return dose.amount * row[names.index("F")] if "F" in names else dose.amount


@dataclass(frozen=True, eq=False)
class Stretch:
    """The time from one dose to the next: solver times, and (place among these, place among the asked) of answers."""

    dose: Dose
    clock: Array
    wanted: list[tuple[int, int]]


def stretches(times: Array) -> list[Stretch]:
    """Return the stretches between doses up to the last requested time."""
    edges, found = [*(d.time for d in DOSES), np.inf], []
    for dose, begin, end in zip(DOSES, edges[:-1], edges[1:], strict=True):
        inside = np.flatnonzero((times >= begin) & (times < end))
        last = times[-1] if end == np.inf else end
        clock = np.unique([begin, *times[inside], last])
        found.append(Stretch(dose, clock, [(int(np.searchsorted(clock, times[k])), int(k)) for k in inside]))
    return found


def plain(bioavailability: bool = False, everything: bool = False) -> Problem:
    """Return the model of figures/simulation.

    Parameters
    ----------
    bioavailability : bool
        Whether a parameter F (1 for everybody) multiplies the doses.
    everything : bool
        Whether the responses are outputs beside the concentration; the states always stand in the states.
    """
    names, table = list(NAMES), parameters()
    parts: dict[str, Any] = {}
    if bioavailability:
        names, table = [*names, "F"], np.column_stack([table, np.ones(len(table))])
        parts["bioavailability"] = {"CENT": "F"}
    responses = {s: s for s in _RESPONSE} if everything else {}
    model = define(
        {"CENT": "-CL/V1*CENT - Q/V1*CENT + Q/V2*PERI", "PERI": "Q/V1*CENT - Q/V2*PERI", **_RESPONSE},
        dict(zip(names, table[0].tolist(), strict=True)), outputs={"C": "CENT/V1", **responses},
        initial={"RET": "R0", "LYM": "L0"}, doses={"bolus": "CENT"}, **parts,
    )  # fmt: skip
    return Problem(model, table)


def stiff(everything: bool = False) -> Problem:
    """Return the model of figures/simulation whose drug also binds its target (fast on, slow off, internalized)."""
    drug = parameters()
    table = np.column_stack([drug, np.broadcast_to([*BINDING.values()], (len(drug), len(BINDING)))])
    responses = {s: s for s in ("T", "P", *_RESPONSE)} if everything else {}
    model = define(
        {
            "CENT": "-CL/V1*CENT - Q/V1*CENT + Q/V2*PERI - V1*(kon*C*T - koff*P)",
            "PERI": "Q/V1*CENT - Q/V2*PERI",
            "T": "ksyn - kdeg*T - kon*C*T + koff*P",
            "P": "kon*C*T - (koff + kint)*P",
            **_RESPONSE,
        },
        dict(zip([*NAMES, *BINDING], table[0].tolist(), strict=True)), outputs={"C": "CENT/V1", **responses},
        initial={"RET": "R0", "LYM": "L0", "T": "10"}, doses={"bolus": "CENT"},
    )  # fmt: skip
    return Problem(model, table)


_FIRST = """
import pkpd
model = pkpd.define(
    {equations!r}, {values!r}, outputs={{"C": "CENT/V1"}}, initial={{"RET": "R0", "LYM": "L0"}},
    doses={{"bolus": "CENT"}},
)
found = pkpd.simulate(model, pkpd.bolus("2100 ug", days={days!r}), times={times!r}, at_dose="after")
assert abs(float(found["C"].values[0, 0, 0]) - 56.9738414452) < 1e-6
"""  # .values: an index into a DataArray makes xarray load dask and pint where they are installed


def first_result() -> str:
    """Return code that simulates one subject of the plain model, from nothing."""
    model = plain().model
    values = {p.name: p.value for p in model.parameters}
    return _FIRST.format(equations=dict(model.equations), values=values, days=DAYS, times=SPARSE.tolist())
