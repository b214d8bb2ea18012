"""Switches on SciPy's path: a segment is searched at many points, and integrated from one switch to the next."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.engine import status as why
from pkpd.engine.machine.numpy_code import gaps_and_slopes
from pkpd.engine.solve.integrated import IntegratedPart
from pkpd.engine.solve.switches import side_of

SEARCHED = 200  # steps of a segment at least, if anything is to be searched for
_BETWEEN = 4  # points in each step
_NOTHING = 1e-280  # a tolerance below comes from a state that is nothing so far
_MOST = 10_000  # switches in a segment

Flow = Callable[[float, Array], Array]


class Span(NamedTuple):
    """From when to when, and the longest step."""

    start: float
    end: float
    longest: float


@lru_cache(maxsize=128)
def _functions_of(integrated: IntegratedPart) -> tuple[Any, Any]:
    return gaps_and_slopes(integrated.code.formulas)


class Sides:
    """The sides of one subject's switches in a segment.

    Attributes
    ----------
    now : array, shape (switches,)
        1 or 0.
    given : callable
        What the right-hand side reads at a time, the sides included.
    watched : bool
        Whether anything must be searched for.
    """

    def __init__(self, integrated: IntegratedPart) -> None:
        layout = integrated.structure
        self.now, self._at_zero = np.zeros(len(layout.at_zero)), layout.at_zero
        self.given: Callable[[float], Array] = lambda t: np.empty(0)
        self.watched = self.now.size > 0 or layout.waves > 0
        self._timed, self._places, self._rests = layout.timed, integrated.places, layout.rests
        self._functions: tuple[Any, Any] = _functions_of(integrated) if self.now.size else (None, None)

    def begin(self, t: float, y: Array, places: Integers | None = None) -> None:
        """Bring the sides to a moment."""
        if not self.now.size:
            return
        self.now[:] = 0.0
        for _ in range(len(self.now) + 1):
            sides = self._sides(t, y)
            if (sides == self.now).all():
                return
            self.now[:] = sides

    def _measured(self, t: float, y: Array) -> Array:
        """Gaps and their rates, 2 × switches."""
        found: Array = np.array(self._functions[0](np.float64(t), y, self.given(t)), dtype=np.float64)
        return found.reshape(2, -1)

    def _sides(self, t: float, y: Array) -> Array:
        gaps, rates = self._measured(t, y)
        return np.array([side_of(*each) for each in zip(gaps, rates, self._at_zero, strict=True)])

    def crossed(self, t: float, y: Array) -> bool:
        """Return whether any gap is on its other side."""
        gaps = self._measured(t, y)[0]
        return bool(((gaps != 0) & ((gaps > 0) != (self.now > 0.5))).any())

    def turned(self, t: float, y: Array, rhs: Flow) -> Array:
        """Take a subject across what switches at a moment, and return its vector with sensitivities that jump."""
        sides, rates = self._sides(t, y), self._measured(t, y)[1]
        slopes: Array = np.array(self._functions[1](np.float64(t), y, self.given(t)), dtype=np.float64)
        slopes = slopes.reshape(len(sides), -1)
        turned, before = y.copy(), rhs(t, y)
        for k in np.flatnonzero(sides != self.now):
            self.now[k] = sides[k]
            if self._rests[k] >= 0:  # what is left of it is rounding
                turned[self._rests[k]] = 0.0
            after = rhs(t, y)
            if rates[k] != 0:
                for j, row in enumerate(self._places):
                    here = row >= 0
                    turned[row[here]] -= (before - after)[: len(row)][here] * slopes[k, j] / rates[k]
            before = after
        return turned

    def slides(self, t: float, y: Array, rates: Array, turned: Flags) -> bool:
        """Return whether a gap of a state that has just crossed goes back at once."""
        now = self._measured(t, y)[1]
        way = np.where(self.now > 0.5, 1.0, -1.0)
        back = turned & (way * rates > 0) & (way * now < 0)
        return bool(back[self._timed :].any())

    def rates(self, t: float, y: Array) -> Array:
        """Return how fast the gaps change."""
        rates: Array = self._measured(t, y)[1]
        return rates


def along(
    rhs: Flow, span: Span, z: Array, times: Array, sides: Sides, options: dict[str, Any]
) -> tuple[Array, Array, int]:
    """Return the vector at the requested times (times × components) and at the end of a segment, and a status."""
    from scipy.integrate import solve_ivp

    out, since, done = np.full((len(times), len(z)), np.nan), span.start, 0
    for _ in range(_MOST):
        clock = np.unique(np.append(times[done:], span.end))
        how = options | {"atol": _something(options["atol"], rhs, (since, span.end), z)}
        try:
            solution = solve_ivp(
                rhs, (since, span.end), z, dense_output=sides.now.size > 0, max_step=span.longest,
                t_eval=None if sides.now.size else clock, **how,
            )  # fmt: skip
        except (ValueError, FloatingPointError, np.linalg.LinAlgError):
            return out, z, why.NOT_FINITE
        if solution.status != 0:
            return out, z, why.UNDERFLOW
        if not sides.now.size:
            out[done:] = solution.y.T[np.searchsorted(clock, times[done:])]
            return out, solution.y[:, -1].copy(), why.OK
        end, switched = _first_switch(solution, sides)
        while done < len(times) and times[done] <= end:
            out[done] = z if times[done] <= since else solution.sol(times[done])
            done += 1
        z = solution.y[:, -1].copy() if end == span.end else solution.sol(end)
        if not switched:
            return out, z, why.OK
        before, rates = sides.now.copy(), sides.rates(end, z)
        z = sides.turned(end, z, rhs)
        if sides.slides(end, z, rates, before != sides.now):
            return out, z, why.SLIDES
        since = end
        if since >= span.end:
            return out, z, why.OK
    return out, z, why.TOO_MANY


def _something(atol: Array, rhs: Flow, span: tuple[float, float], z: Array) -> Array:
    """Give what starts from nothing, and has no tolerance, one from what its rates would make of it."""
    known = atol > _NOTHING
    if known.all():
        return atol
    moments = span[0] + (span[1] - span[0]) * np.concatenate([0.5 ** np.arange(20.0), np.linspace(0, 1, 33)])
    rates = np.array([np.abs(rhs(float(t), z)) for t in moments])
    least = np.min(np.where(np.isfinite(rates) & (rates > 0), rates, np.inf), axis=0)
    made = 1e-12 * (span[1] - span[0]) * np.where(np.isfinite(least), least, 0.0)
    return np.where(known, atol, np.maximum(made, _NOTHING))


def _first_switch(solution: Any, sides: Sides) -> tuple[float, bool]:
    """Return the end of a solution, or the first moment at which any gap is on its other side, and whether it is."""
    points = np.unique(
        np.concatenate([np.linspace(a, b, _BETWEEN + 1) for a, b in zip(solution.t, solution.t[1:], strict=False)])
    )
    for lo, hi in itertools.pairwise(points):
        if sides.crossed(hi, solution.sol(hi)):
            while True:
                middle = 0.5 * (lo + hi)
                if not lo < middle < hi:
                    return float(hi), True
                if sides.crossed(middle, solution.sol(middle)):
                    hi = middle
                else:
                    lo = middle
    return float(points[-1]), False
