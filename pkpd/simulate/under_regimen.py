"""Everybody gets the same plan: its pieces, and the layout of the result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd import units
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.dosing import Regimen
from pkpd.model import Model
from pkpd.population import Population
from pkpd.simulate.designs import (
    concrete,
    covariate_units,
    doses_for,
    plain_column,
    require_covariates,
    weight_needed,
)
from pkpd.simulate.layout import Labels, Layout, Variable, chosen, coordinates_of
from pkpd.simulate.noise import Scatter
from pkpd.simulate.pieces import Cut, Part, Piece
from pkpd.simulate.run import Run, inputs_of, solve
from pkpd.simulate.task import Task

_DIMS = ("replicate", "subject", "time")


@dataclass(frozen=True, eq=False)
class RegimenJob:
    """What a worker needs to compute any piece.

    Attributes
    ----------
    run : Run
        Whom, from which streams.
    regimen : Regimen
        The plan.
    times : array
        Requested times in the plan's unit.
    kept : frozenset of str
        Variables to return.
    drawn : mapping, optional
        The values of the first piece, if they are drawn already and it is the only one.
    """

    run: Run
    regimen: Regimen
    times: Array
    kept: frozenset[str]
    drawn: Mapping[str, NDArray[Any]] | None = None

    def compute(self, piece: Piece) -> Part:
        """Draw and solve one piece."""
        people, many = self.run.people, piece.shape[0] * piece.shape[1]
        model = people.model
        begins = occasions_of(people, self.regimen.in_units(self.regimen.unit, model.base["time"]))
        values = self.run.draw(piece, 1 + len(begins)) if self.drawn is None else self.drawn
        clock = product(self.times, units.factor(self.regimen.time_unit, model.base["time"]))
        late = np.full(clock.shape, self.run.at_dose == "after")
        doses = doses_for(self.regimen, people, model, values, many)
        solved = solve(model, values, doses, [clock] * many, [late] * many, self.run.settings, begins)
        shape = (*piece.shape, clock.size)
        arrays: dict[str, NDArray[Any]] = {"status": solved.status.reshape(piece.shape)}
        exact = {name: solved.outputs[:, k].reshape(shape) for k, name in enumerate(model.outputs)}
        arrays |= {name: np.ascontiguousarray(exact[name]) for name in exact if name in self.kept}
        if any(f"{error.output}_measured" in self.kept for error in people.errors):
            scatter = Scatter(
                self.run.factors(values, (*piece.shape, 1)), {each.outputs: None for each in people.correlations}
            )
            found = self.run.measured(exact, piece, scatter)
            measured = {f"{name}_measured": array for name, array in found.items()}
            arrays |= {name: array for name, array in measured.items() if name in self.kept}
        own = self.kept - arrays.keys()
        arrays |= {n: plain_column(values[n]).reshape(*piece.shape, *values[n].shape[1:]) for n in own}
        return Part(arrays, int(np.count_nonzero(solved.status)), solved.advice)


def regimen_task(
    run: Run, regimen: Regimen, subjects: int, replicates: int, times: Array, keep: Iterable[str] | str | None
) -> Task:
    """Check everything that can be checked beforehand and lay out the result.

    Raises
    ------
    InputError
        Listing what is missing.
    """
    model = concrete(run.people.model, regimen)
    run = replace(run, people=replace(run.people, model=model))
    cut = Cut.of(replicates, subjects)
    begins = occasions_of(run.people, regimen)
    first = run.draw(cut[0], 1 + len(begins))
    require_covariates(run.people, model.covariates)
    inputs_of(model, first)
    doses_for(regimen, run.people, model, {n: v[:1] for n, v in first.items()}, 1)
    possible = _variables(model, run.people, first)
    default = [n for n, v in possible.items() if "time" in v.dims] + _varying(run.people, first)
    default += weight_needed(regimen, model, first)
    variables = chosen(possible, default, keep, always=("status",))
    coords = {
        "replicate": Labels("replicate", np.arange(1, replicates + 1)),
        "subject": Labels("subject", np.arange(1, subjects + 1)),
        "time": Labels("time", times, {"units": regimen.time_unit, "long_name": "time"}),
        "dose_time": Labels("dose", np.array(regimen.times), {"units": regimen.time_unit}),
    }
    sizes = {"replicate": replicates, "subject": subjects, "time": times.size}
    chunks = {"replicate": cut.together, "subject": cut.block, "time": times.size}
    if begins:
        first_begin = min([0.0, begins[0], *regimen.times])
        coords["occasion"] = Labels("occasion", np.arange(1, 2 + len(begins)))
        about = {"units": regimen.time_unit, "long_name": "beginning of the occasion"}
        coords["occasion_time"] = Labels("occasion", np.array([first_begin, *begins]), about)
        sizes["occasion"] = chunks["occasion"] = 1 + len(begins)
    layout = Layout(sizes, chunks, variables, coordinates_of(coords))
    job = RegimenJob(run, regimen, times, frozenset(variables), first if len(cut) == 1 else None)
    return Task(job, layout, cut, first)


def occasions_of(people: Population, regimen: Regimen) -> tuple[float, ...]:
    """Return when the second, third … occasion begins, where anything differs between occasions."""
    return regimen.occasions if people.by_occasion else ()


def _variables(model: Model, people: Population, first: Mapping[str, NDArray[Any]]) -> dict[str, Variable]:
    """Everything that can be kept."""
    found = {}
    for name in model.outputs:
        found[name] = Variable(_DIMS, {"units": model.units.get(name, ""), "long_name": name})
    for error in people.errors:
        about = f"{error.output} with {error.kind} residual error"
        attrs = {"units": model.units.get(error.output, ""), "long_name": about}
        found[f"{error.output}_measured"] = Variable(_DIMS, attrs)
    table = people.covariates
    own_units = covariate_units(people)
    for name, column in first.items():
        if name in found:
            continue
        dims = (*_DIMS[:2], "occasion") if column.ndim == 2 else _DIMS[:2]
        if name in model.parameters:
            unit = model.parameters.get(name).unit
            found[name] = Variable(dims, {"units": unit, "long_name": f"individual {name}"})
        elif column.dtype.kind in "biuf":
            unit = own_units.get(name, "")
            found[name] = Variable(dims, {"units": unit, "long_name": f"individual {name}"})
        elif table is not None and not callable(table):  # the longest text is known before any is drawn
            width = max(map(len, plain_column(table[name].to_numpy()).tolist()), default=1)
            found[name] = Variable(dims, {"long_name": f"individual {name}"}, f"<U{max(width, 1)}")
    found["status"] = Variable(_DIMS[:2], {"long_name": "0 = solved"}, "int64")
    return found


def _varying(people: Population, first: Mapping[str, NDArray[Any]]) -> list[str]:
    """What differs between subjects, whoever is drawn: it must be known before the first piece is."""
    found = [*people.varying]
    if people.table is not None:
        found += [str(n) for n in people.table.columns if people.table[n].nunique() > 1]
    if callable(people.covariates):
        found += [n for n in first if n not in people.model.parameters]
    elif people.covariates is not None:
        found += [str(n) for n in people.covariates.columns if people.covariates[n].nunique() > 1]
    return found
