r"""Subjects whose random effects have several modes: found from more beginnings than one, and named.

The likelihood of a subject may have a second mode, e.g. where absorption and elimination may change places. A method
that takes the curvature at one mode must take the lowest, or its objective depends on the way there. Here the search
begins again at the typical subject and at two SDs of Ω in both directions along each random effect between subjects.
Where there are too many subjects for that, the odd ones are taken: those far out in Ω, and those whose exact curvature
is far from the expected one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags, Integers
from pkpd.fit.mixed.marginal.copies import copies_of, with_rows
from pkpd.fit.mixed.modes.modes import FOUND, Modes, conditional_modes
from pkpd.fit.mixed.problem.problem import Point, Problem

ODD = 4.0
"""Oddness (`oddness`) of few subjects in a hundred."""
_AWAY = 2.0  # SDs of Ω
_AXES = 8  # random effects along which it is searched at most
_LANES = 128  # searches, beyond which only the odd subjects are looked at
_LOWER = 1e-6  # of a subject's objective, relative: more than noise
_NEAR = 0.05  # SDs of Ω: the same mode
_REACH = 10.0  # of a subject's objective: a mode so far above the lowest holds less than 1 % of the likelihood


@dataclass(frozen=True, eq=False)
class Several:
    """What was found from other beginnings.

    Attributes
    ----------
    eta : array, shape (subjects, random effects)
        The lowest mode of every subject.
    lower : array of bool, shape (subjects,)
        Whether it is lower than the one that was known.
    gap : array, shape (subjects,)
        How far the objective of the next mode lies above the lowest; infinite where there is none near enough to count.
    """

    eta: Array
    lower: Flags
    gap: Array

    def sentence(self, problem: Problem) -> str:
        """Name the subjects with several modes; empty if there are none."""
        places = np.flatnonzero(np.isfinite(self.gap))
        if not places.size:
            return ""
        places = places[np.argsort(self.gap[places], kind="stable")]
        who = ", ".join(f"{problem.data.subjects[k]} (+{self.gap[k]:.1f})" for k in places[:5])
        more = f" and {places.size - 5} more" if places.size > 5 else ""
        plural = "s" if places.size > 1 else ""
        return (
            f"subject{plural} {who}{more}: the random effects have more than one mode (how far the next lies above the "
            "lowest, in −2 log L); the lowest is taken, and the other is not counted: compare with the exact likelihood"
        )


def several_modes(problem: Problem, point: Point, modes: Modes, least: float = 0.0) -> Several:
    """Search the modes from other beginnings.

    Parameters
    ----------
    problem : Problem
        What is fitted.
    point : Point
        Fixed effects, Ω and residual errors.
    modes : Modes
        Those that are known.
    least : float
        How odd a subject must be to be looked at (`oddness`); `ODD` leaves out what looks like any other.
    """
    count = problem.subjects
    nothing = Several(modes.eta, np.zeros(count, dtype=bool), np.full(count, np.inf))
    begins = beginnings(problem.effects)
    if not len(problem.effects) or not count:
        return nothing
    most = max(_LANES, count) // len(begins)
    odd = oddness(problem, point, modes)
    chosen = np.argsort(-odd, kind="stable")[: max(most, 1)]
    chosen = np.sort(chosen[odd[chosen] >= least])
    if not chosen.size:
        return nothing
    part = problem if len(chosen) == count else part_of(problem, chosen)
    lanes = copies_of(part, len(begins))
    frozen = None
    if modes.frozen is not None:
        frozen = lanes.respond(point, np.zeros((lanes.subjects, len(problem.effects))), 1)
    found = conditional_modes(lanes, point, np.tile(begins, (len(chosen), 1)) @ point.root.T, frozen)
    shape = (len(chosen), len(begins))
    level = np.where(found.status == FOUND, found.at.objective, np.inf).reshape(shape)
    white = found.at.white.reshape(*shape, -1)
    eta, lower, gap = modes.eta.copy(), nothing.lower.copy(), nothing.gap.copy()
    for row, k in enumerate(chosen):
        known = modes.at.objective[k] if modes.status[k] == FOUND else np.inf
        best = int(level[row].argmin())
        lower[k] = level[row, best] < known - _LOWER * (1.0 + abs(level[row, best]))
        lowest, place = (level[row, best], white[row, best]) if lower[k] else (known, modes.at.white[k])
        if lower[k]:
            eta[k] = place @ point.root.T
        apart = np.abs(white[row] - place).max(axis=1) > _NEAR
        above = level[row, apart] - lowest
        if above.size and above.min() < _REACH:
            gap[k] = above.min()
    return Several(eta, lower, gap)


def beginnings(effects: tuple[str, ...]) -> Array:
    """Return where the searches begin, in SDs of Ω, shape (beginnings, random effects)."""
    between = [k for k, name in enumerate(effects) if not name.startswith("kappa_")] or list(range(len(effects)))
    found = [np.zeros(len(effects))]
    for k in between[:_AXES]:
        for sign in (-_AWAY, _AWAY):
            found.append(np.zeros(len(effects)))
            found[-1][k] = sign
    return np.array(found)


def oddness(problem: Problem, point: Point, modes: Modes) -> Array:
    """Return how odd a subject's mode looks, shape (subjects,).

    It is the mean square of the random effects in SDs of Ω, and how far the log determinants of the exact and the
    expected curvature differ; infinite where the mode was not found.
    """
    here, effects = modes.at, problem.shifts.effects @ point.root
    size = effects.shape[1]
    with np.errstate(all="ignore"):
        exact = np.linalg.slogdet(0.5 * (effects.T @ here.exact @ effects) + np.eye(size))[1]
        expected = np.linalg.slogdet(effects.T @ here.expected @ effects + np.eye(size))[1]
        odd = (here.white**2).mean(axis=1) + np.abs(exact - expected)
    return np.where((modes.status == FOUND) & np.isfinite(odd), odd, np.inf)


def part_of(problem: Problem, subjects: Integers) -> Problem:
    """Return the problem of some of the subjects."""
    edges = problem.starts
    rows = np.concatenate([np.arange(edges[k], edges[k + 1]) for k in subjects])
    return with_rows(problem, problem.data.part(subjects.tolist()), subjects, rows)
