"""How the closed-form block drives the integrated states: its modes, and the numbers that describe them in a segment.

Within a segment a driving state is x(τ) = x∞ + Σ V·c·exp(λτ), with c = V⁻¹(x(0) − x∞) and x∞ = −K⁻¹(b + rates). Its
derivative with respect to a parameter obeys the same equation with the input dK·x(τ) + db, which in the same modes
gives (a + b·τ)·exp(λτ): with M = V⁻¹·dK·V the modes m ≠ l exchange M_ml·c_l·(exp(λ_l τ) − exp(λ_m τ))/(λ_l − λ_m), and
each adds M_mm·c_m·τ·exp(λ_m τ) to itself (Najfeld & Havel, Adv Appl Math 1995;16:321-375, eq. 80).

Only what flows into a driving state counts. Where the modes are not sound (equal or complex rates, something that is
never lost), the whole is integrated instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.engine.machine.jit import announce, bare_jit
from pkpd.engine.solve.linear_block import BlockRun
from pkpd.engine.symbolic.formulas import Structure
from pkpd.engine.timeline.schedule import Schedule

_WORST = 1e6  # condition number of the eigenvectors
_WORST_MATRIX = 1e12
_WORST_DERIVED = 1e5  # the same per relative distance of the nearest rates, where derivatives need the modes


class Driver(NamedTuple):
    """The driving part of a block with n states and p parameters, as compiled functions read it.

    By row of values: rates of the modes λ (value rows × n); eigenvectors V, their inverse and K⁻¹ (value rows × n × n);
    V⁻¹·dK·V (value rows × p × n × n); b (value rows × n), dK (value rows × p × n × n), db (value rows × p × n). By
    segment: infusion rates (segments × n) and their derivatives (segments × p × n). By subject: where its segments
    begin (subjects + 1,); states at the start of each (subject segments × n) and their derivatives (subject segments ×
    p × n). What is asked for: driving state and parameter, or -1 for the state itself (quantities × 2).
    """

    lam: Any
    vectors: Any
    back: Any
    inverse: Any
    turned: Any
    constant: Any
    dmatrix: Any
    dconstant: Any
    rates: Any
    drates: Any
    begins: Any
    starts: Any
    dstarts: Any
    pairs: Any


class Segments(NamedTuple):
    """Line of each subject (subjects,), where each line's segments begin (lines + 1,), when they do and their rows of
    values (segments,), each subject's first row (subjects + 1,)."""

    line_of_subject: Any
    segments: Any
    start: Any
    segment_row: Any
    first_row: Any


@dataclass(frozen=True, eq=False)
class Modes:
    """The driving part of a block, as compiled functions read it.

    Attributes
    ----------
    closed : array, segments of all subjects × numbers
        What the right-hand side reads of the closed form in every segment (see `closed_numbers`).
    sound : array of bool, rows of values
        Whether the modes can be used.
    floor : array, rows of values
        0 where no driving state can be negative, else minus infinity.
    """

    closed: Array
    sound: Flags
    floor: Array


def modes_of(structure: Structure, run: BlockRun, schedule: Schedule) -> Modes:
    """Return the modes of every row of values."""
    up = list(structure.upstream)
    n, height, varied = len(up), len(run.matrix), len(structure.varied)
    square = np.ix_(range(height), up, up)
    matrix, constant = np.ascontiguousarray(run.matrix[square]), np.ascontiguousarray(run.constant[:, up])
    dmatrix = np.ascontiguousarray(run.dmatrix[np.ix_(range(height), range(varied), up, up)])
    off = np.where(np.eye(n) == 1, 0.0, matrix)
    positive = (off >= 0).all((1, 2)) & (constant >= 0).all(1) & (run.x0[:, up] >= 0).all(1)
    # What became negative under one row of values is still so under the next.
    positive = np.repeat(np.logical_and.reduceat(positive, schedule.first_row[:-1]), np.diff(schedule.first_row))
    lam, vectors, back, inverse = np.zeros((height, n)), *np.zeros((3, height, n, n))
    turned = np.zeros((height, varied, n, n))
    sound = np.zeros(height, dtype=bool)
    finite = np.flatnonzero(np.isfinite(matrix).all((1, 2)) & np.isfinite(dmatrix).all((1, 2, 3)))
    if n and finite.size:
        eigenvalues, v = np.linalg.eig(matrix[finite])
        good, u, condition = _invert(np.real(v))
        good = good & np.all(np.imag(eigenvalues) == 0, axis=1)
        if structure.driven:
            good = good & (condition < _WORST_DERIVED * _apart(np.real(eigenvalues)))
        chosen, rates = finite[good], np.real(eigenvalues[good])
        lam[chosen], vectors[chosen], back[chosen] = rates, np.real(v[good]), u[good]
        sound[chosen] = True
        smallest, largest = np.abs(rates).min(axis=1), np.abs(rates).max(axis=1)
        sourced, regular = _have_source(structure, run, schedule)[chosen], smallest * _WORST_MATRIX > largest
        sound[chosen] = regular | ~sourced
        some = chosen[regular & sourced]
        inverse[some] = (vectors[some] / lam[some][:, None, :]) @ back[some]
        if varied:
            turned[chosen] = back[chosen][:, None] @ dmatrix[chosen] @ vectors[chosen][:, None]
    elif not n:
        sound[:] = True
    place = {k: m for m, k in enumerate(up)}
    pairs = [(place[d], structure.varied.index(j) if j >= 0 else -1) for d, j in structure.quantities]
    where = [structure.linear[k] for k in up]
    driver = Driver(
        lam, vectors, back, inverse, turned, constant, dmatrix, np.ascontiguousarray(run.dconstant[:, :, up]),
        np.ascontiguousarray(schedule.rates[:, where]), np.ascontiguousarray(run.drates[:, :, up]),
        run.begins, np.ascontiguousarray(run.starts[:, up]), np.ascontiguousarray(run.dstarts[:, :, up]),
        np.array(pairs, dtype=np.int64).reshape(-1, 2),
    )  # fmt: skip
    closed = np.zeros((int(run.begins[-1]) if pairs else 0, structure.closed_numbers))
    if pairs:
        lines = Segments(
            schedule.line_of_subject, schedule.segments, schedule.start, schedule.segment_row, schedule.first_row
        )
        announce(closed_numbers)
        closed_numbers(driver, lines, np.zeros((4, n)), closed)
    return Modes(closed, sound, np.where(positive, 0.0, -np.inf))


def _invert(v: Array) -> tuple[Flags, Array, Array]:
    """Whether the eigenvectors are well conditioned (1-norm), their inverses and condition numbers."""
    inverse = np.zeros_like(v)
    good: Flags = np.asarray(np.isfinite(v).all((1, 2)))
    good[good] &= np.abs(np.linalg.det(v[good])) > 0
    inverse[good] = np.linalg.inv(v[good])
    norm = np.abs(v).sum(axis=1).max(axis=1) * np.abs(inverse).sum(axis=1).max(axis=1)
    return np.asarray(good & (norm < _WORST)), inverse, norm


def _apart(rates: Array) -> Array:
    """The relative distance of the two nearest rates; 1 where there is one."""
    ordered = np.sort(rates, axis=1)
    size = np.maximum(np.abs(ordered[:, 1:]), np.abs(ordered[:, :-1]))
    return np.asarray(np.min(np.diff(ordered, axis=1) / np.where(size > 0, size, 1.0), axis=1, initial=1.0))


def _have_source(structure: Structure, run: BlockRun, schedule: Schedule) -> Flags:
    """Whether anything enters the driving part at a constant rate, by row of values; each subject by itself."""
    up = list(structure.upstream)
    where = [structure.linear[k] for k in up]
    constant = (run.constant[:, up] != 0).any(1) | (run.dconstant[:, :, up] != 0).any((1, 2))
    given = (schedule.rates[:, where] != 0).any(1) | (run.drates[:, :, up] != 0).any((1, 2))
    lines = np.logical_or.reduceat(given, schedule.segments[:-1])
    sourced: Flags = constant | np.repeat(lines[schedule.line_of_subject], np.diff(schedule.first_row))
    return sourced


@bare_jit
def closed_numbers(driver, lines, scratch, out):  # type: ignore[no-untyped-def]
    """Write the numbers of the closed form for every segment of every subject.

    Parameters
    ----------
    driver : Driver
        The driving part of the block.
    lines : Segments
        The time lines.
    scratch : array, shape (4, n)
        Overwritten.
    out : array, segments of all subjects × numbers
        Written.
    """
    for i in range(lines.line_of_subject.shape[0]):
        line = lines.line_of_subject[i]
        first, place = lines.segments[line], driver.begins[i]
        for s in range(first, lines.segments[line + 1]):
            row = lines.first_row[i] + lines.segment_row[s]
            enter(place + s - first, row, s, lines.start[s], driver, scratch, out[place + s - first])


@bare_jit
def enter(place, row, s, since, driver, scratch, q):  # type: ignore[no-untyped-def]
    """Write the numbers of the closed form for a segment to ``q``.

    They are the time at which the segment began, the rates of the modes, and for every quantity its offset and its
    weights in the modes (`formulas.Formulas` reads them in this order).

    Parameters
    ----------
    place, row, s : int
        The segment among those of all subjects, its row of values, the segment among those of all time lines.
    since : float
        Start of the segment.
    driver : Driver
        The driving part of the block.
    scratch : array, shape (4, n)
        Overwritten.
    q : array, shape (numbers of the closed form,)
        Written.
    """
    lam, vectors, back, turned = driver.lam, driver.vectors, driver.back, driver.turned
    n, at = lam.shape[1], 1
    q[0] = since
    for m in range(n):
        q[at + m] = lam[row, m]
    at += n
    limit, c, source, moved = scratch[0], scratch[1], scratch[2], scratch[3]
    for r in range(n):  # x∞ = −K⁻¹(b + rates)
        limit[r] = 0.0
        for k in range(n):
            limit[r] -= driver.inverse[row, r, k] * (driver.constant[row, k] + driver.rates[s, k])
    for m in range(n):  # c = V⁻¹(x(0) − x∞)
        c[m] = 0.0
        for r in range(n):
            c[m] += back[row, m, r] * (driver.starts[place, r] - limit[r])
    for pair in range(driver.pairs.shape[0]):
        k, p = driver.pairs[pair, 0], driver.pairs[pair, 1]
        if p < 0:  # a driving state: its offset, its weight in every mode
            q[at] = limit[k]
            for m in range(n):
                q[at + 1 + m] = vectors[row, k, m] * c[m]
            at += 1 + n
            continue
        # A derivative: ``moved`` is that of x∞, −K⁻¹(dK·x∞ + db).
        for r in range(n):
            moved[r] = 0.0
            source[r] = driver.dconstant[row, p, r] + driver.drates[s, p, r]
            for m in range(n):
                source[r] += driver.dmatrix[row, p, r, m] * limit[m]
        for r in range(n):
            for m in range(n):
                moved[r] -= driver.inverse[row, r, m] * source[m]
        q[at] = moved[k]
        for m in range(n):
            # The weight of mode m: what it begins with, and what it exchanges with the other modes (a, then b above).
            along = 0.0
            for r in range(n):
                along += back[row, m, r] * (driver.dstarts[place, p, r] - moved[r])
            given = 0.0
            for r in range(n):
                if r != m:
                    apart = lam[row, m] - lam[row, r]
                    along += turned[row, p, m, r] * c[r] / apart
                    given += vectors[row, k, r] * turned[row, p, r, m] * c[m] / apart
            q[at + 1 + m] = vectors[row, k, m] * along + given
            q[at + 1 + n + m] = vectors[row, k, m] * turned[row, p, m, m] * c[m]
        at += 1 + 2 * n
