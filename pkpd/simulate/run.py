"""What every simulation shares: whom to draw, from which streams, and how to solve (in slices that fit into memory)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.engine import Schedule, Settings, Solution, compile_model
from pkpd.errors import InputError, naming
from pkpd.model import Model
from pkpd.observed import Observed
from pkpd.population import Population, SubjectRows
from pkpd.simulate.noise import Scatter, draw_noise, measured_values
from pkpd.simulate.pieces import ERRORS, PARAMETERS, Piece, stream


@dataclass(frozen=True, eq=False)
class Run:
    """Everything that one simulation needs beside its design.

    Attributes
    ----------
    people : Population
        Whom to simulate; the model has the units of the design.
    seed : int
        Root of every random stream.
    settings : Settings
        Tolerances of the solver.
    at_dose : {"before", "after"}
        Which value stands at the time of a dose.
    """

    people: Population
    seed: int
    settings: Settings
    at_dose: str

    def draw(self, piece: Piece, occasions: int = 1) -> dict[str, NDArray[Any]]:
        """Draw the parameters and covariates of a piece, replicate after replicate.

        Parameters
        ----------
        piece : Piece
            Which subjects.
        occasions : int
            Occasions of every subject.
        """
        many = piece.shape[1]
        return self._each(piece, lambda rng: self.people.draw(many, rng, occasions))

    def draw_rows(self, piece: Piece, rows: SubjectRows) -> dict[str, NDArray[Any]]:
        """Draw the parameters of known subjects, one value per row of values, replicate after replicate."""
        return self._each(piece, lambda rng: self.people.draw_rows(rows, rng))

    def _each(
        self, piece: Piece, draw: Callable[[np.random.Generator], dict[str, NDArray[Any]]]
    ) -> dict[str, NDArray[Any]]:
        drawn = [draw(stream(self.seed, k, piece.block, PARAMETERS)) for k in range(*piece.replicates)]
        return {name: np.concatenate([each[name] for each in drawn]) for name in drawn[0]}

    def measured(self, exact: Mapping[str, Array], piece: Piece, scatter: Scatter) -> dict[str, Array]:
        """Add residual errors to the exact values of every output that has one, one row per replicate of the piece.

        All errors are drawn whatever is kept: a measurement must not depend on what is kept beside it.
        """
        found: dict[str, list[Array]] = {error.output: [] for error in self.people.errors}
        for k, replicate in enumerate(range(*piece.replicates)):
            rng = stream(self.seed, replicate, piece.block, ERRORS)
            here = {error.output: exact[error.output][k] for error in self.people.errors}
            noise = draw_noise(self.people, here, scatter, rng)
            for error in self.people.errors:
                name = error.output
                factor = scatter.factors[name][k] if name in scatter.factors else None
                found[name].append(measured_values(error, here[name], self.people.parameters, noise[name], factor))
        return {output: np.stack(rows) for output, rows in found.items()}

    def factors(self, values: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> dict[str, Array]:
        """Return what each output's residual SD is multiplied with in every subject; none where it is shared."""
        found = {}
        for error in self.people.errors:
            own = [n for n in error.names if n in self.people.error_exponents]
            if own:
                found[error.output] = (values[own[0]] / self.people.parameters[own[0]]).reshape(shape)
        return found


def inputs_of(model: Model, values: Mapping[str, NDArray[Any]]) -> Array:
    """Return the table of values that the compiled model takes, shape (subjects · occasions, inputs).

    Parameters
    ----------
    model : Model
        Its parameters and covariates are the inputs.
    values : mapping
        Name → shape (subjects,), or (subjects, occasions): then every subject has a row per occasion.

    Raises
    ------
    InputError
        If a covariate has no value, or one that is not a number.
    """
    names = compile_model(model).inputs
    problems = [f"covariate {n!r} has no value" for n in names if n not in values]
    problems += [f"{n!r} is not a number" for n in names if n in values and values[n].dtype.kind not in "biuf"]
    if problems:
        raise InputError(problems)
    occasions = max(values[n].shape[1] if values[n].ndim == 2 else 1 for n in names)
    columns = [values[n].astype(float) for n in names]
    return np.column_stack([c.ravel() if c.ndim == 2 else np.repeat(c, occasions) for c in columns])


@dataclass(frozen=True, eq=False)
class Solved:
    """Outputs (rows × outputs) and status of many subjects, with the advice that belongs to the first failure."""

    outputs: Array
    status: Integers
    advice: str


def solve(
    model: Model, values: Mapping[str, NDArray[Any]], doses: Sequence[tuple[Dose, ...]], times: Sequence[Array],
    after: Sequence[Flags], settings: Settings, occasions: tuple[float, ...] = (),
) -> Solved:  # fmt: skip
    """Solve many subjects; their states are not kept.

    Parameters
    ----------
    model, values : Model, mapping
        As for `inputs_of`.
    doses, times, after : sequences, one item per subject
        Doses, requested times, and whether each means "after the dose".
    settings : Settings
        Tolerances of the solver.
    occasions : tuple of float
        Times at which everybody's second, third … occasion begins, where values differ between occasions. A value
        "before the dose" at such a time still belongs to the occasion that ends.
    """
    code, table = compile_model(model), inputs_of(model, values)
    same = all(own is all_[0] for all_ in (doses, times, after) for own in all_)
    if same and not code.plans:
        plan = _common(model, doses[0], times[0].tobytes(), after[0].tobytes(), len(doses), occasions)
    else:
        plan = _schedule(model, table, doses, times, after, occasions)
    return _solved(code.run(table, plan, settings, states=False))


def solve_observed(
    model: Model, values: Mapping[str, NDArray[Any]], observed: Observed, repeat: int, settings: Settings
) -> Solved:
    """Solve the subjects of a study, all of them `repeat` times; values have shape (repeat · value rows,)."""
    code, table = compile_model(model), inputs_of(model, values)
    records: Any = (observed.doses * repeat, observed.times * repeat, observed.after * repeat)
    changes: Any = ()
    if observed.time_rows is not None and observed.dose_rows is not None:
        changes = (observed.changes * repeat, observed.dose_rows * repeat, observed.time_rows * repeat)
    rows = None if observed.dose_records is None else observed.dose_records * repeat
    with naming(observed.subjects * repeat, rows):
        plan = code.schedule(table, *records, *changes)
    return _solved(code.run(table, plan, settings, states=False))


def _solved(solution: Solution) -> Solved:
    bad = np.flatnonzero(solution.status)
    return Solved(solution.outputs, solution.status, solution.advice(int(bad[0])) if bad.size else "")


@lru_cache(maxsize=4)
def _common(
    model: Model, doses: tuple[Dose, ...], times: bytes, after: bytes, subjects: int, occasions: tuple[float, ...]
) -> Schedule:
    """Time lines of subjects who all get the same, laid out once per process."""
    clock, late = np.frombuffer(times), np.frombuffer(after, dtype=bool)
    rows = subjects * (1 + len(occasions))
    nothing = np.zeros((rows, len(compile_model(model).inputs)))  # the model says nothing of its doses: no value counts
    return _schedule(model, nothing, [doses] * subjects, [clock] * subjects, [late] * subjects, occasions)


def _schedule(
    model: Model, table: Array, doses: Sequence[tuple[Dose, ...]], times: Sequence[Array], after: Sequence[Flags],
    occasions: tuple[float, ...],
) -> Schedule:  # fmt: skip
    """Time lines in which everybody's values change when an occasion begins."""
    code = compile_model(model)
    if not occasions:
        return code.schedule(table, doses, times, after)
    ends = np.array(occasions)
    rows = [
        np.where(late, np.searchsorted(ends, clock, side="right"), np.searchsorted(ends, clock, side="left")).tolist()
        for clock, late in zip(times, after, strict=True)
    ]
    return code.schedule(table, doses, times, after, [occasions] * len(doses), time_rows=rows)
