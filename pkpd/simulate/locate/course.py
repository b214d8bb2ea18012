"""One output of many subjects at any times, with its exact time derivative."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.engine.symbolic.calculus import derivative
from pkpd.errors import InputError, nearest
from pkpd.model import Model, expressions

NOT_A_NUMBER = -1
"""Status of a subject that was solved, but whose output is not a finite number somewhere in the window."""


@dataclass(frozen=True, eq=False)
class Arcs:
    """Stretches of the subjects' time between which doses act: inside one, the course is smooth.

    The first and the last arc of a subject have no length: what was there before the window, and what comes after it.

    Attributes
    ----------
    who : array of int, shape (arcs,)
        Subject of each; arcs are sorted by subject, then time.
    start, end : arrays, shape (arcs,)
        Where each begins (after what happens there) and ends (before what happens there).
    rates : array, shape (arcs, states)
        Infusion rate into each state.
    edge : array of int, shape (arcs,)
        −1 before the window, 1 after it, 0 inside.
    """

    who: Integers
    start: Array
    end: Array
    rates: Array
    edge: Integers

    def late(self, arc: Integers, times: Array) -> Flags:
        """Return whether a time in an arc means the value after a dose at that time."""
        inside = times < self.end[arc]
        return np.where(self.edge[arc] == 0, inside, self.edge[arc] > 0)


def with_time_derivative(model: Model, output: str) -> tuple[Model, tuple[str, ...]]:
    r"""Return a model whose outputs are y, ∂y/∂t, and for each state that y sees ∂y/∂x and f; and these states.

    .. math:: \dot y = \partial y/\partial t + \sum_x \partial y/\partial x\,(f_x + r_x)

    with the infusion rates :math:`r_x`, which are no part of a model. The parts stand beside each other because the
    rates are put in later, and because equations as text would grow beyond what is read.

    Raises
    ------
    InputError
        If the model has no such output or state.
    """
    compile_model(model)  # says what is missing, or that outputs refer to each other in a circle
    algebraic = {n: e for n, e in model.outputs.items() if n not in model.equations}
    if output not in model.outputs and output not in model.equations:
        known = dict.fromkeys([*model.outputs, *model.states])
        raise InputError(f"the model has no output or state {output!r}; {nearest(output, known)}")
    y = expressions.parse(model.outputs.get(output, output))
    symbols = {expressions.symbol(n): e for n, e in algebraic.items()}
    while used := {s: expressions.parse(symbols[s]) for s in y.free_symbols & set(symbols)}:
        y = y.xreplace(used)
    wanted = {"y": y, "t": derivative(y, expressions.symbol(expressions.TIME))}
    seen = tuple(s for s in model.states if expressions.symbol(s) in y.free_symbols)
    for k, state in enumerate(seen):
        wanted |= {f"by{k}": derivative(y, expressions.symbol(state)), f"f{k}": model.equations[state]}
    taken = {*model.states, *model.parameters.names, *model.covariates, *model.outputs}
    tail = "_of_it"
    while any(name + tail in taken for name in wanted):
        tail += "_"
    # Outputs that the equations use must stay; those that they name after a state say nothing new.
    extra = {name + tail: expressions.text_of(expressions.without_steps(e)) for name, e in wanted.items()}
    return replace(model, outputs={**algebraic, **extra}), seen


class Course:
    """An output of many subjects under their doses.

    Parameters
    ----------
    model : Model
        A complete model.
    output : str
        Name of an output or a state.
    table : array, shape (subjects, inputs)
        Values of the model's parameters and covariates.
    doses : sequence, one item per subject
        Doses in the model's units.
    window : (float, float)
        Beginning and end, in the model's time unit.
    settings : Settings
        Tolerances.

    Attributes
    ----------
    status : array of int, shape (subjects,)
        Worst status of all runs so far.
    advice : dict
        Subject → what its status means.
    """

    def __init__(
        self, model: Model, output: str, table: Array, doses: Sequence[Sequence[Dose]], window: tuple[float, float],
        settings: Settings,
    ) -> None:  # fmt: skip
        extended, seen = with_time_derivative(model, output)
        self.code, self.table, self.doses = compile_model(extended), table, doses
        self.window, self.settings = window, settings
        self.parts = [self.code.outputs.index(o) for o in list(extended.outputs)[-2 - 2 * len(seen) :]]
        self.seen = [self.code.states.index(s) for s in seen]
        self.status = np.zeros(len(table), dtype=np.int64)
        self.advice: dict[int, str] = {}

    def arcs(self) -> Arcs:
        """Cut the window at everything that happens in it."""
        n, (begin, end) = len(self.table), self.window
        plan = self.code.schedule(self.table, self.doses, [np.array([begin, end])] * n, [np.array([False, True])] * n)
        first, last = plan.segments[:-1][plan.line_of_subject], plan.segments[1:][plan.line_of_subject]
        segment = ranges(first, last - first)
        who = np.repeat(np.arange(n), last - first)
        start, stop = np.maximum(plan.start[segment], begin), np.minimum(plan.end[segment], end)
        real = stop > start
        everyone, ones = np.arange(n), np.ones(n)
        segments = np.concatenate([first, segment[real], last - 1])
        edge = np.repeat([-1, 0, 1], [n, int(real.sum()), n])
        start = np.concatenate([begin * ones, start[real], end * ones])
        stop = np.concatenate([begin * ones, stop[real], end * ones])
        who = np.concatenate([everyone, who[real], everyone])
        order = np.lexsort((start, edge, who))
        return Arcs(who[order], start[order], stop[order], plan.rates[segments[order]], edge[order])

    def at(self, arcs: Arcs, arc: Integers, times: Array) -> tuple[Array, Array]:
        """Return the output and its time derivative.

        Parameters
        ----------
        arcs : Arcs
            What `arcs` returned.
        arc : array of int, shape (rows,)
            Arc of each row, in increasing order.
        times : array, shape (rows,)
            When.
        """
        who, late, rates = arcs.who[arc], arcs.late(arc, times), arcs.rates[arc]
        people, first = np.unique(who, return_index=True)
        edges = [*first[1:].tolist()]
        clock, flags = np.split(times, edges), np.split(late, edges)
        padded = self.window[0] < 0  # initial values hold from the first time asked for: it must always be the same
        if padded:
            clock = [np.append(self.window[0], c) for c in clock]
            flags = [np.append(False, f) for f in flags]
        values = self.table[people]
        plan = self.code.schedule(values, [self.doses[k] for k in people], clock, flags)
        solution = self.code.run(values, plan, self.settings)
        for k in np.flatnonzero(solution.status):
            self.status[people[k]] = solution.status[k]
            self.advice[int(people[k])] = solution.advice(int(k))
        outputs = np.delete(solution.outputs, plan.rows[:-1], axis=0) if padded else solution.outputs
        y, derivative, *partials = outputs[:, self.parts].T
        with np.errstate(invalid="ignore", over="ignore"):
            for state, by, f in zip(self.seen, partials[::2], partials[1::2], strict=True):
                derivative = derivative + np.where(
                    (by == 0) | (f + rates[:, state] == 0), 0.0, by * (f + rates[:, state])
                )
        bad = ~(np.isfinite(y) & np.isfinite(derivative)) & (self.status[who] == 0)
        for row in np.flatnonzero(bad)[::-1]:  # the first of each subject is the one that is told
            what = "value" if not np.isfinite(y[row]) else "slope"
            self.status[who[row]] = NOT_A_NUMBER
            self.advice[int(who[row])] = f"its {what} is not a finite number at time {times[row]:g}"
        return y, derivative


def ranges(starts: Integers, counts: Integers) -> Integers:
    """Return ``starts[k], starts[k] + 1, …`` (``counts[k]`` of them) for every k, one after the other."""
    before = np.cumsum(counts) - counts
    return np.repeat(starts - before, counts) + np.arange(int(counts.sum()))
