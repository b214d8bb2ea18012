"""One interval of repeated dosing, integrated: the doses in it, the clock at its beginning, the state at the record.

Doses may be so many in one interval that what changes with time comes back: two a day in a day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.timeline.deliveries import Train
from pkpd.engine.timeline.schedule import Schedule
from pkpd.engine.timeline.segments import KEEP

Solve = Callable[[IntegrationJob, Array], tuple[Array, Integers]]
_UNIT = 24.0  # length over which a constant infusion is followed


@dataclass(frozen=True, eq=False)
class SteadyInterval:
    """What is repeated for ever, and where on the clock.

    Attributes
    ----------
    train : Train
        The dose.
    value : int
        Row of values with which it is repeated.
    record : float
        Time of the record.
    repeats : int
        How many doses the interval holds; of a constant infusion, how many times `each`.
    each : float
        Time between doses; of a constant infusion a length over which it is followed.
    """

    train: Train
    value: int
    record: float
    repeats: int
    each: float

    @classmethod
    def of(cls, train: Train, value: int, record: float, repeats: int = 1, each: float = 0.0) -> SteadyInterval:
        """Make one; `each` is needed of a constant infusion only where equations change with time."""
        own = (each or _UNIT) if train.constant else float(sum(length[0] for length in train.lengths))
        return cls(train, value, record, repeats, own)

    @property
    def since(self) -> float:
        """Time at which it begins: the last arrival before the record."""
        return self.record if self.train.constant else self.record - max(float(self.train.phase[0]), 0.0)

    def given(self, states: list[int]) -> Array:
        """Return what one dose gives into each of some states."""
        train = self.train
        lengths = [self.each] if train.constant else [length[0] for length in train.lengths]
        amount = float(train.amount[0] + sum(n * abs(rate[0]) for n, rate in zip(lengths, train.rates, strict=True)))
        return np.array([amount if k == train.state else 0.0 for k in states])


def at_moving_record(job: IntegrationJob, at: SteadyInterval, y: Array, drivers: Array) -> Array:
    """The state at the record with sensitivities of the moment in the interval at which the record stands."""
    train, moves = at.train, at.train.phase[1:]
    if not moves.any():
        return y
    ends = np.cumsum([length[0] for length in train.lengths])
    piece = min(int(np.searchsorted(ends, train.phase[0], side="right")), len(ends) - 1)
    dydt = _right_side(job, at, piece, drivers)(at.since + float(train.phase[0]), y)
    shifted = y.copy()
    for j, row in enumerate(job.integrated.places):
        for k, place in enumerate(row):
            if place >= 0:
                shifted[place] += dydt[k] * moves[j] * job.scale[at.value, j]
    return shifted


def _right_side(job: IntegrationJob, at: SteadyInterval, piece: int, drivers: Array) -> Callable[[float, Array], Array]:
    """The right-hand side in a piece of the interval, with what drives as it is at the record.

    Whoever goes back in time integrates everything: nothing drives.
    """
    from pkpd.engine.solve.scipy_solver import functions_of
    from pkpd.engine.solve.scipy_switches import Sides

    integrated, train = job.integrated, at.train
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
    dosed = at.since - max(at.each - float(train.phase[0]), 0.0)  # before a lag stands the record of the dose
    given = np.concatenate([job.q0[at.value], [dosed], rate, derivatives, drivers])
    rhs, sides = functions_of(integrated)[0], Sides(integrated)
    sides.given = lambda t: np.concatenate([given, sides.now])

    def dydt(t: float, y: Array) -> Array:
        sides.begin(t, y)
        found: Array = np.array(rhs(np.float64(t), y, sides.given(t)), dtype=np.float64)
        return found

    return dydt


def back_to_record(job: IntegrationJob, at: SteadyInterval, y: Array) -> Array:
    """From the state just after a dose back to a record that stands before it (a linear model, a long lag)."""
    train = at.train
    if train.constant or not train.phase[0] < 0:
        return y
    from scipy.integrate import solve_ivp

    solution = solve_ivp(
        _right_side(job, at, 0, np.empty(0)),
        (at.record, at.record + float(train.phase[0])),
        y,
        method="DOP853",
        rtol=1e-12,
        atol=1e-14,
    )
    return np.asarray(solution.y[:, -1], dtype=float) if solution.status == 0 else np.full_like(y, np.nan)


def follow_interval(
    job: IntegrationJob, at: SteadyInterval, guesses: Array, solve: Solve
) -> tuple[Array, Array, Array]:
    """Ends of one interval from several states; the state at the record from the first of them, and what drives it."""
    schedule, train = _schedule(job.schedule, at, len(guesses), job.integrated.structure.tad), at.train
    values = np.repeat(job.values[at.value][None], len(guesses), axis=0)
    block = job.solve_block(values, schedule)
    floor = np.full(len(guesses), job.q0[at.value, -1])
    small = job.integrated.job(values, schedule, job.settings, block, job.solve_block, floor)
    out, status = solve(replace(small, precision=job.precision), guesses)
    out = out.reshape(len(guesses), 2, -1)
    out[status != 0] = np.nan
    before = not train.constant and not train.after and train.phase[0] >= at.each and at.repeats == 1
    layout = job.integrated.structure
    drivers = [block.out[0, d] if j < 0 else block.dout[0, layout.varied.index(j), d] for d, j in layout.quantities]
    pairs = list(combinations_with_replacement(layout.varied, 2))
    drivers += [block.d2out[0, pairs.index((j, k)), d] for d, j, k in layout.curved]
    return out[:, 1], (guesses[0] if before or train.constant else out[0, 0]), np.array(drivers)


def _cuts(at: SteadyInterval, derivatives: int, tad: bool) -> list[tuple[Array, Array, bool]]:
    """When segments begin (with derivatives), with which infusion rate, and whether a dose is given then."""
    train, nothing = at.train, np.zeros(1 + derivatives)
    if train.constant:
        return [(nothing, train.rates[0], False)]
    own: list[tuple[Array, Array, bool]] = []
    gone = nothing
    for k, (length, rate) in enumerate(zip(train.lengths, train.rates, strict=True)):
        own.append((gone, rate, k == 0))
        gone = gone + length
    phase = float(train.phase[0])
    if tad and 0.0 < phase < at.each:  # the record of a late dose: from there its time counts
        rate = next(r for begin, r, _ in reversed(own) if begin[0] <= phase)
        own = sorted([*own, (np.array(train.phase), rate, False)], key=lambda cut: float(cut[0][0]))
    shifts = [_dual(k * at.each, derivatives) for k in range(at.repeats)]
    return [(begin + shift, rate, dosed) for shift in shifts for begin, rate, dosed in own]


def _schedule(model: Schedule, at: SteadyInterval, count: int, tad: bool) -> Schedule:
    """One interval as a time line: the steady state, the doses, the pieces; asked for at the record and at the end."""
    states, derivatives, train = model.jumps.shape[1], model.dstart.shape[1], at.train
    cuts, whole, since = _cuts(at, derivatives, tad), at.each * at.repeats, at.since
    segments = len(cuts) + 1
    begin = np.array([0.0, *(float(cut[0][0]) for cut in cuts)])
    jump, rate = np.zeros((segments, states)), np.zeros((segments, states))
    djump, drate = np.zeros((segments, derivatives, states)), np.zeros((segments, derivatives, states))
    dstart = np.zeros((segments, derivatives))
    for k, (moment, of_piece, dosed) in enumerate(cuts, start=1):
        rate[k, train.state], drate[k, :, train.state], dstart[k] = of_piece[0], of_piece[1:], moment[1:]
        if dosed:
            jump[k, train.state], djump[k, :, train.state] = train.amount[0], train.amount[1:]
    phase = min(max(float(train.phase[0]), 0.0), at.each)
    wanted = np.array([phase, whole])
    segment = np.searchsorted(begin[1:], wanted, side="left")
    segment[0] = max(segment[0], 1)  # after the dose, if the record stands at its time
    first = np.searchsorted(segment, np.arange(segments + 1)).astype(np.int64)
    begins = np.full(segments, KEEP, dtype=np.int64)
    begins[0] = 0
    record = np.where(begin % at.each < phase, phase - at.each, phase) if phase < at.each else np.zeros(segments)
    dosed_at = since + np.floor(begin / at.each + 1e-12) * at.each + record
    before = replace(train, phase=_dual(at.each, derivatives), after=False)
    ones = np.arange(count + 1, dtype=np.int64)
    return Schedule(
        line_of_subject=np.zeros(count, dtype=np.int64), segments=np.array([0, segments]), times=np.array([0, 2]),
        start=since + begin, end=since + np.append(begin[1:], whole), scale=np.ones((segments, states)), jumps=jump,
        rates=rate, begins=begins, segment_row=np.zeros(segments, dtype=np.int64), djumps=djump, drates=drate,
        dstart=dstart, trains=((before, False),), first=first, time=since + wanted, rows=2 * ones,
        order=np.arange(2 * count), first_row=ones, dosed=dosed_at,
    )  # fmt: skip


def _dual(value: float, derivatives: int) -> Array:
    return np.concatenate([[value], np.zeros(derivatives)])
