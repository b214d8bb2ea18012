"""Steady states of integrated models: the state that one interval of repeated dosing returns to itself, by Newton.

An interval takes the state before a dose y to G(y). Newton's method solves G(y) = y with the derivative of G from
differences over all states at once; sensitivities follow an affine map with the same matrix. The result is accepted
when an interval moves no component by more than a stated multiple of the tolerance, never after a number of doses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations_with_replacement

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.timeline.deliveries import Train
from pkpd.engine.timeline.schedule import Schedule
from pkpd.engine.timeline.segments import KEEP

Solve = Callable[[IntegrationJob, Array], tuple[Array, Integers]]
ROUNDS = 40
RESIDUAL = 30.0  # accepted movement in one interval, in units of the tolerance
_UNIT = 24.0  # length over which a constant infusion is followed


def steady_states(job: IntegrationJob, solve: Solve) -> tuple[Array, Integers, Flags]:
    """Return the steady state of every subject and train, where each subject's begin, and whose exist.

    Parameters
    ----------
    job : IntegrationJob
        The run whose schedule has trains.
    solve : callable
        Integrates a job that begins with given steady states (rows, one per subject).

    Returns
    -------
    steady : array, (subjects × trains) × components
    slot : array of int, subjects
        Row of a subject's train k is ``slot + k``.
    good : array of bool, subjects
    """
    plan = job.schedule
    subjects, width = plan.subjects, job.z0.shape[1]
    slot, good = np.zeros(subjects, dtype=np.int64), np.ones(subjects, dtype=bool)
    rows: list[Array] = []
    for i in range(subjects):
        line = int(plan.line_of_subject[i])
        segments = range(int(plan.segments[line]), int(plan.segments[line + 1]))
        mine = [s for s in segments if plan.begins[s] >= 0]
        if not mine:
            continue
        slot[i] = len(rows) - int(plan.begins[mine[0]])
        for s in mine:
            train, _ = plan.trains[int(plan.begins[s])]
            value = int(plan.first_row[i] + plan.segment_row[s])
            state = _steady(job, i, value, train, solve)
            good[i] &= state is not None
            rows.append(np.full(width, np.nan) if state is None else state)
    return (np.array(rows) if rows else np.zeros((0, width))), slot, good


def _steady(job: IntegrationJob, subject: int, value: int, train: Train, solve: Solve) -> Array | None:
    """The state at the record of one train for one row of values; None if there is none."""
    n = len(job.integrated.where)
    whole = _UNIT if train.constant else float(sum(length[0] for length in train.lengths))
    tolerance = job.absolute_tolerance[subject]
    y = job.z0[value].copy()
    for k in range(ROUNDS):
        guesses = np.repeat(y[None], 1 + n, axis=0)
        step = 1e-6 * np.maximum(np.abs(y[:n]), 1e-3 * max(np.abs(y[:n]).max(), 1.0))
        guesses[np.arange(1, n + 1), np.arange(n)] += step
        ends, at_record, drivers = _interval(job, value, train, whole, guesses, solve)
        if not np.isfinite(ends).all():
            return None
        moved = ends[0] - y
        if (np.abs(moved) <= RESIDUAL * (tolerance + job.settings.rtol * np.abs(ends[0]))).all():
            return _moved(job, value, train, _back(job, value, train, at_record), drivers)
        matrix = ((ends[1:, :n] - ends[0, :n]) / step[:, None]).T
        better = y.copy()
        if k < 2:  # a few doses first: Newton needs a neighbourhood
            y = ends[0]
            continue
        try:
            better[:n] += np.linalg.solve(np.eye(n) - matrix, moved[:n])
            for here in job.integrated.blocks:
                column = np.where(here >= 0, moved[here], 0.0)
                change = np.linalg.solve(np.eye(n) - matrix, column)
                better[here[here >= 0]] += change[here >= 0]
        except np.linalg.LinAlgError:
            return None
        lowest = -1e-6 * np.abs(y[:n]).max() - tolerance[:n]
        negative = np.minimum(y[:n], ends[0, :n]) < lowest  # what doses themselves make negative may be so
        sound = np.isfinite(better).all() and ((better[:n] >= lowest) | negative).all()
        y = better if sound else ends[0]
    return None


def _moved(job: IntegrationJob, value: int, train: Train, y: Array, drivers: Array) -> Array:
    """The state at the record with sensitivities of the moment in the interval at which the record stands."""
    moves = train.phase[1:]
    if not moves.any():
        return y
    ends = np.cumsum([length[0] for length in train.lengths])
    piece = min(int(np.searchsorted(ends, train.phase[0], side="left")), len(ends) - 1)
    dydt = _right_side(job, value, train, piece, drivers)(float(train.phase[0]), y)
    shifted = y.copy()
    for j, row in enumerate(job.integrated.places):
        for k, place in enumerate(row):
            if place >= 0:
                shifted[place] += dydt[k] * moves[j] * job.scale[value, j]
    return shifted


def _right_side(
    job: IntegrationJob, value: int, train: Train, piece: int, drivers: Array
) -> Callable[[float, Array], Array]:
    """The right-hand side in a piece of the interval, with what drives as it is at the record.

    Whoever goes back in time integrates everything: nothing drives.
    """
    from pkpd.engine.solve.scipy_solver import functions_of
    from pkpd.engine.solve.scipy_switches import Sides

    integrated = job.integrated
    rate = [train.rates[piece][0] if k == train.state else 0.0 for k in integrated.where]
    derivatives = [
        train.rates[piece][1 + j] if integrated.where[i] == train.state else 0.0
        for i, j in integrated.structure.rate_sensitivities
    ]
    first, pairs = len(integrated.structure.sensitivities), integrated.structure.pairs
    derivatives += [
        train.rates[piece][1 + first + pairs.index((j, k))] if integrated.where[i] == train.state else 0.0
        for i, j, k in integrated.structure.rate_curvatures
    ]
    given = np.concatenate([job.q0[value], [0.0], rate, derivatives, drivers])  # the last dose begins the interval
    rhs, sides = functions_of(integrated)[0], Sides(integrated)
    sides.given = lambda t: np.concatenate([given, sides.now])

    def dydt(t: float, y: Array) -> Array:
        sides.begin(t, y)
        found: Array = np.array(rhs(np.float64(t), y, sides.given(t)), dtype=np.float64)
        return found

    return dydt


def _back(job: IntegrationJob, value: int, train: Train, y: Array) -> Array:
    """From the state just after a dose back to a record that stands before it (a linear model, a long lag)."""
    if train.constant or not train.phase[0] < 0:
        return y
    from scipy.integrate import solve_ivp

    solution = solve_ivp(
        _right_side(job, value, train, 0, np.empty(0)),
        (0.0, float(train.phase[0])),
        y,
        method="DOP853",
        rtol=1e-12,
        atol=1e-14,
    )
    return np.asarray(solution.y[:, -1], dtype=float) if solution.status == 0 else np.full_like(y, np.nan)


def _interval(
    job: IntegrationJob, value: int, train: Train, whole: float, guesses: Array, solve: Solve
) -> tuple[Array, Array, Array]:
    """Ends of one interval from several states; the state at the record from the first of them, and what drives it."""
    schedule = _schedule(job.schedule, train, whole, len(guesses))
    values = np.repeat(job.values[value][None], len(guesses), axis=0)
    block = job.solve_block(values, schedule)
    floor = np.full(len(guesses), job.q0[value, -1])
    small = job.integrated.job(values, schedule, job.settings, block, job.solve_block, floor)
    out, status = solve(small, guesses)
    out = out.reshape(len(guesses), 2, -1)
    out[status != 0] = np.nan
    before = not train.constant and not train.after and train.phase[0] >= whole
    layout = job.integrated.structure
    drivers = [block.out[0, d] if j < 0 else block.dout[0, layout.varied.index(j), d] for d, j in layout.quantities]
    pairs = list(combinations_with_replacement(layout.varied, 2))
    drivers += [block.d2out[0, pairs.index((j, k)), d] for d, j, k in layout.curved]
    return out[:, 1], (guesses[0] if before or train.constant else out[0, 0]), np.array(drivers)


def _schedule(model: Schedule, train: Train, whole: float, count: int) -> Schedule:
    """One interval as a time line: the steady state, the dose, the pieces; asked for at the record and at the end."""
    states, derivatives = model.jumps.shape[1], model.dstart.shape[1]
    lengths = [whole] if train.constant else [float(length[0]) for length in train.lengths]
    moves = [np.zeros(derivatives)] if train.constant else [length[1:] for length in train.lengths]
    rates = [train.rates[0]] if train.constant else list(train.rates)
    cuts = np.concatenate([[0.0, 0.0], np.cumsum(lengths)[:-1]])
    segments = len(cuts)
    jump, rate = np.zeros((segments, states)), np.zeros((segments, states))
    djump, drate = np.zeros((segments, derivatives, states)), np.zeros((segments, derivatives, states))
    dstart = np.zeros((segments, derivatives))
    jump[1, train.state] = train.amount[0]
    djump[1, :, train.state] = train.amount[1:]
    for k, of_piece in enumerate(rates):
        rate[1 + k, train.state] = of_piece[0]
        drate[1 + k, :, train.state] = of_piece[1:]
        dstart[1 + k] = sum(moves[:k], np.zeros(derivatives))
    at_record = min(max(float(train.phase[0]), 0.0), whole)
    wanted = np.array([at_record, whole])
    segment = np.searchsorted(cuts[1:], wanted, side="left")
    segment[0] = max(segment[0], 1)  # after the dose, if the record stands at its time
    first = np.searchsorted(segment, np.arange(segments + 1)).astype(np.int64)
    begins = np.full(segments, KEEP, dtype=np.int64)
    begins[0] = 0
    before = replace(train, phase=_dual(whole, derivatives), after=False)
    ones = np.arange(count + 1, dtype=np.int64)
    return Schedule(
        line_of_subject=np.zeros(count, dtype=np.int64), segments=np.array([0, segments]), times=np.array([0, 2]),
        start=cuts, end=np.append(cuts[1:], whole), scale=np.ones((segments, states)), jumps=jump, rates=rate,
        begins=begins, segment_row=np.zeros(segments, dtype=np.int64), djumps=djump, drates=drate, dstart=dstart,
        trains=((before, False),), first=first, time=wanted, rows=2 * ones, order=np.arange(2 * count), first_row=ones,
        dosed=np.zeros(segments),
    )  # fmt: skip


def _dual(value: float, derivatives: int) -> Array:
    return np.concatenate([[value], np.zeros(derivatives)])
