"""Steady states of integrated models: the state that one interval of repeated dosing returns to itself, by Newton.

An interval takes the state before a dose y to G(y). Newton's method solves G(y) = y with the derivative of G from
differences over all states at once; sensitivities follow an affine map with the same matrix. `newton_step` says what is
accepted. What nothing reads gathers for ever and starts at 0; a model that changes with time is followed until it comes
back (`engine/solve/clock.py`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine.solve.clock import interval_of
from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.solve.newton_step import MOST, NEAR, OFF, Interval, direction
from pkpd.engine.solve.steady_interval import Solve, SteadyInterval, at_moving_record, back_to_record, follow_interval
from pkpd.engine.status import NO_STEADY_STATE, TOO_LATE

ROUNDS = 60
PRECISE = 1e-3  # an interval is followed so many times as exactly: what is left of it is a small difference


def steady_states(job: IntegrationJob, solve: Solve) -> tuple[Array, Integers, Integers]:
    """Return the steady state of every subject and train, where each subject's begin, and a status per subject.

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
    status : array of int, subjects
        0, or why a subject has no steady state.
    """
    plan = job.schedule
    subjects, width = plan.subjects, job.z0.shape[1]
    slot, status = np.zeros(subjects, dtype=np.int64), np.zeros(subjects, dtype=np.int64)
    rows: list[Array] = []
    for i in range(subjects):
        line = int(plan.line_of_subject[i])
        segments = range(int(plan.segments[line]), int(plan.segments[line + 1]))
        mine = [s for s in segments if plan.begins[s] >= 0]
        if not mine:
            continue
        slot[i] = len(rows) - int(plan.begins[mine[0]])
        for s in mine:
            train, value = plan.trains[int(plan.begins[s])][0], int(plan.first_row[i] + plan.segment_row[s])
            interval = interval_of(job, train, value, float(plan.start[s]))
            state = interval if isinstance(interval, int) else _steady(job, i, interval, solve)
            if isinstance(state, int):
                status[i], state = state, np.full(width, np.nan)
            rows.append(state)
    return (np.array(rows) if rows else np.zeros((0, width))), slot, status


def _steady(job: IntegrationJob, subject: int, at: SteadyInterval, solve: Solve) -> Array | int:
    """The state at the record of one train for one row of values, or the status that says why there is none."""
    n, gathers = len(job.integrated.where), job.integrated.structure.gathers
    own = np.array([gathers[k] and k != at.train.state for k in job.integrated.where], dtype=bool)
    free, still = np.flatnonzero(~own), own[job.integrated.state_of]
    search = replace(job, precision=PRECISE)
    y = np.where(still, 0.0, job.z0[at.value])
    sizes = np.maximum(np.abs(y[:n]), at.given(job.integrated.where))
    before = np.inf
    for k in range(ROUNDS):
        guesses, step = _guesses(y, sizes, free, search.settings.rtol * search.precision)
        ends, at_record, drivers = follow_interval(search, at, guesses, solve)
        ends[:, still] = 0.0
        if not np.isfinite(ends).all():
            return NO_STEADY_STATE
        moved = ends[0] - y
        if k < 2:  # a few doses first: Newton needs a neighbourhood, and what they make of each state is its size
            y = ends[0]
            sizes = np.maximum(sizes, np.abs(y[:n]))
            if k == 1:
                natural = sizes = np.where(sizes > 0, sizes, max(1e-9 * float(sizes.max(initial=0.0)), 1e-300))
            continue
        matrix = (ends[1:, free] - ends[0, free]).T / step
        sizes = np.maximum(natural, np.abs(y[:n]))
        way = direction(Interval(moved[free], matrix, sizes[free]))
        if way is None or (np.abs(y[:n]) > MOST * natural).any():
            return NO_STEADY_STATE
        change = _newton(job, moved, way.inverse, free)
        off = _off(job, subject, y, change)
        if off <= NEAR and not way.fed and _at_rest(moved, natural, y, free):
            if way.unstable:
                return NO_STEADY_STATE
            return _at_record(job, at, (at_record, drivers), still, free)
        if off > 0.5 * before and k > 4:  # no nearer: the differences are too rough
            search = replace(search, precision=max(search.precision * 0.1, 1e-14 / search.settings.rtol))
        before = off
        y = _better(y, ends[0], change, sizes, n)
    return NO_STEADY_STATE


def _at_record(
    job: IntegrationJob, at: SteadyInterval, there: tuple[Array, Array], still: Flags, free: Integers
) -> Array | int:
    """The state at the record, from that in the interval and what drives it, or why there is none."""
    found = back_to_record(job, at, there[0])
    if at.train.phase[0] < 0 and (found[free] < -1e-9 * np.abs(found[free]).max(initial=0.0)).any():
        return TOO_LATE
    return np.where(still, 0.0, at_moving_record(job, at, found, there[1]))


def _guesses(y: Array, sizes: Array, free: Integers, rtol: float) -> tuple[Array, Array]:
    """States from which an interval is followed: one, and one beside it for every free state; how far beside it."""
    part = max(1e-6, float(np.sqrt(rtol)))
    step = part * np.maximum(np.abs(y[free]), 1e-3 * np.maximum(sizes[free], 1e-300))
    guesses = np.repeat(y[None], 1 + len(free), axis=0)
    guesses[np.arange(1, len(free) + 1), free] += step
    return guesses, guesses[np.arange(1, len(free) + 1), free] - y[free]


def _newton(job: IntegrationJob, moved: Array, inverse: Array, free: Integers) -> Array:
    """How far Newton's method goes: the states, and their sensitivities through the same matrix."""
    change = np.zeros_like(moved)
    change[free] = inverse @ moved[free]
    for here in job.integrated.blocks:
        column = np.where(here >= 0, moved[here], 0.0)[free]
        wanted = here[free]
        change[wanted[wanted >= 0]] = (inverse @ column)[wanted >= 0]
    return change


def _off(job: IntegrationJob, subject: int, y: Array, change: Array) -> float:
    """How far that is in units of the tolerance."""
    allowed = job.absolute_tolerance[subject] + job.settings.rtol * np.abs(y)
    # A derivative is right to the tolerance of the largest of its parameter: it may pass through zero.
    for here in job.integrated.blocks:
        mine = here[here >= 0]
        if mine.size:
            owner = np.abs(y[job.integrated.state_of[mine]])
            allowed[mine] = np.maximum(allowed[mine], job.settings.rtol * owner)
    return float((np.abs(change) / np.maximum(allowed, 1e-300)).max(initial=0.0))


def _at_rest(moved: Array, natural: Array, y: Array, free: Integers) -> bool:
    """Whether an interval moves every state by nothing of what two doses make of it."""
    return bool((np.abs(moved[free]) <= OFF * np.maximum(natural[free], 1e-4 * np.abs(y[free]))).all())


def _better(y: Array, after: Array, change: Array, sizes: Array, n: int) -> Array:
    """Where Newton's method goes, or a dose further where that is nowhere: no number, or less than nothing."""
    better = y + change
    lowest = -1e-6 * sizes
    negative = np.minimum(y[:n], after[:n]) < lowest  # what doses themselves make negative may be so
    sound = np.isfinite(better).all() and ((better[:n] >= lowest) | negative).all()
    return better if sound else after
