"""How the closed-form block drives the integrated states: its modes, and the numbers that describe them in a segment.

Within a segment a driving state is x(τ) = x∞ + Σ V·c·exp(λτ), with c = V⁻¹(x(0) − x∞) and x∞ = −K⁻¹(b + rates). Its
derivative with respect to a parameter obeys the same equation with the input dK·x(τ) + db, which in the same modes
gives (a + b·τ)·exp(λτ): with M = V⁻¹·dK·V the modes m ≠ l exchange M_ml·c_l·(exp(λ_l τ) − exp(λ_m τ))/(λ_l − λ_m), and
each adds M_mm·c_m·τ·exp(λ_m τ) to itself (Najfeld & Havel, Adv Appl Math 1995;16:321-375, eq. 80).

Only what flows into a driving state counts. Where the modes are not sound (equal or complex rates, something that is
never lost), the whole is integrated instead.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.engine.machine.jit import bare_jit, inner_jit, part_jit
from pkpd.engine.machine.lapack import geev

WORST = 1e6  # condition number of the eigenvectors
WORST_MATRIX = 1e12
WORST_DERIVED = 1e5  # the same per relative distance of the nearest rates, once for every derivative by a parameter


class Driven(NamedTuple):
    """A block with m states and p parameters that drives through n of them.

    By row of values: K (value rows × m × m), b and the initial values (value rows × m), and the derivatives of K and b
    (value rows × p × m × m, value rows × p × m) and second ones of b (value rows × pairs × m). By subject: where its
    segments begin (subjects + 1,); states at the start of each (subject segments × m) and their derivatives (subject
    segments × p × m). By segment: infusion rates (segments × all states) and their derivatives (segments × derivatives
    × all states; none where they have none). The places in the block of what drives and of what flows into it (n,), and
    theirs among all states (n,); which of all derivatives belongs to each parameter (p,). What is asked for: one of the
    n and a parameter, or -1 for the state itself (quantities × 2).
    """

    matrix: Any
    constant: Any
    x0: Any
    dmatrix: Any
    dconstant: Any
    d2constant: Any
    begins: Any
    starts: Any
    dstarts: Any
    rates: Any
    drates: Any
    up: Any
    states: Any
    varied: Any
    pairs: Any


class Modal(NamedTuple):
    """Modes, by row of values: rates λ (rows × n); eigenvectors V, their inverse and K⁻¹ (rows × n × n); V⁻¹·dK·V (rows
    × p × n × n); whether something enters at a constant rate, whether the modes can be used, and the smallest value
    that what drives may have: 0, or minus infinity (rows,)."""

    lam: Any
    vectors: Any
    back: Any
    inverse: Any
    turned: Any
    sourced: Any
    sound: Any
    floor: Any


class ModesRoom(NamedTuple):
    """What LAPACK needs (see `lapack.geev`): letters (2,), sizes (3,), a matrix (n · n,), its values (2 · n,) and
    vectors (n · n,), room to work; and five vectors (5 × n)."""

    jobs: Any
    sizes: Any
    matrix: Any
    values: Any
    columns: Any
    work: Any
    scratch: Any


class Segments(NamedTuple):
    """Line of each subject (subjects,), where each line's segments begin (lines + 1,), when they do and their rows of
    values (segments,), each subject's first row (subjects + 1,)."""

    line_of_subject: Any
    segments: Any
    start: Any
    segment_row: Any
    first_row: Any


@bare_jit
def find_modes(address, driven, lines, order, modal, room):  # type: ignore[no-untyped-def]
    """Find the modes of every row of values and whether they can be used.

    Parameters
    ----------
    address : int
        Of LAPACK's ``dgeev``.
    driven : Driven
        The block.
    lines : Segments
        The time lines.
    order : int
        Of the highest derivative that goes through the modes: from 1 on, rates must be apart.
    modal : Modal
        Written; begins as zeros.
    room : ModesRoom
        Overwritten.
    """
    n, p = modal.lam.shape[1], modal.turned.shape[1]
    for i in range(lines.line_of_subject.shape[0]):
        first, last = lines.first_row[i], lines.first_row[i + 1]
        fed = _is_fed(driven, lines, i)
        positive = True  # what became negative under one row of values is still so under the next
        for row in range(first, last):
            finite = True
            sourced = fed
            for r in range(n):
                k = driven.up[r]
                sourced = sourced or driven.constant[row, k] != 0.0
                positive = positive and driven.constant[row, k] >= 0.0 and driven.x0[row, k] >= 0.0
                for c in range(n):
                    entry = driven.matrix[row, k, driven.up[c]]
                    finite = finite and np.isfinite(entry)
                    positive = positive and (r == c or entry >= 0.0)
                    for j in range(p):
                        finite = finite and np.isfinite(driven.dmatrix[row, j, k, driven.up[c]])
                for j in range(p):
                    sourced = sourced or driven.dconstant[row, j, k] != 0.0
                for j in range(driven.d2constant.shape[1]):
                    sourced = sourced or driven.d2constant[row, j, k] != 0.0
            if finite and _eigenvectors(address, driven, row, modal, room):
                modal.sound[row] = _are_usable(row, order, sourced, modal)
                if modal.sound[row]:
                    _finish(driven, row, sourced, modal)
        for row in range(first, last):
            modal.floor[row] = 0.0 if positive else -np.inf


@inner_jit
def _is_fed(driven, lines, i):  # type: ignore[no-untyped-def]
    """Whether an infusion enters the driving part of subject i; arguments are as for `find_modes`."""
    line = lines.line_of_subject[i]
    for s in range(lines.segments[line], lines.segments[line + 1]):
        for r in range(driven.states.shape[0]):
            if driven.rates[s, driven.states[r]] != 0.0:
                return True
            for j in range(driven.drates.shape[1]):
                if driven.drates[s, j, driven.states[r]] != 0.0:
                    return True
    return False


@inner_jit
def _eigenvectors(address, driven, row, modal, room):  # type: ignore[no-untyped-def]
    """Write rates and eigenvectors (of length 1) of a row's matrix; return whether all are real.

    A chain of states, whose matrix is lower triangular, has its rates on the diagonal. Arguments are as for
    `find_modes`.
    """
    n, lam, v = modal.lam.shape[1], modal.lam[row], modal.vectors[row]
    triangular = True
    for r in range(n):
        for c in range(n):
            entry = driven.matrix[row, driven.up[r], driven.up[c]]
            room.matrix[c * n + r] = entry
            triangular = triangular and (c <= r or entry == 0.0)
    if not triangular:
        geev(address, room.jobs, room.sizes, room.matrix, room.values, room.columns, room.work)
        if room.sizes[2] != 0:
            return False
        for m in range(n):
            lam[m] = room.values[m]
            for r in range(n):
                v[r, m] = room.columns[m * n + r]
            if room.values[n + m] != 0.0:
                return False
        return True
    for m in range(n):
        lam[m] = room.matrix[m * n + m]
        size = 1.0
        v[m, m] = 1.0
        for r in range(m):
            v[r, m] = 0.0
        for r in range(m + 1, n):
            total = 0.0
            for c in range(m, r):
                total += room.matrix[c * n + r] * v[c, m]
            v[r, m] = 0.0 if total == 0.0 else total / (lam[m] - room.matrix[r * n + r])
            size += v[r, m] * v[r, m]
        size = np.sqrt(size)
        if not np.isfinite(size):
            return False
        for r in range(m, n):
            v[r, m] /= size
    return True


@inner_jit
def _are_usable(row, order, sourced, modal):  # type: ignore[no-untyped-def]
    """Invert the eigenvectors of a row and return whether they are well enough conditioned for what is wanted.

    ``sourced`` says whether inputs at a constant rate go through them; other arguments are as for `find_modes`. Every
    derivative divides once more by differences of rates.
    """
    n, lam = modal.lam.shape[1], modal.lam[row]
    if not invert_matrix(modal.vectors[row], modal.back[row], modal.inverse[row]):
        return False
    norm, back = 0.0, 0.0
    for c in range(n):  # 1-norms
        total, other = 0.0, 0.0
        for r in range(n):
            total += abs(modal.vectors[row, r, c])
            other += abs(modal.back[row, r, c])
        norm, back = max(norm, total), max(back, other)
    condition = norm * back
    if not condition < WORST:
        return False
    smallest, largest, apart = np.inf, 0.0, 1.0
    for m in range(n):
        smallest, largest = min(smallest, abs(lam[m])), max(largest, abs(lam[m]))
        for r in range(m):
            size = max(abs(lam[m]), abs(lam[r]))
            apart = min(apart, abs(lam[m] - lam[r]) / (size if size > 0.0 else 1.0))
    if order > 0 and not condition < WORST_DERIVED * apart**order:
        return False
    return not sourced or smallest * WORST_MATRIX > largest


@inner_jit
def invert_matrix(matrix, inverse, work):  # type: ignore[no-untyped-def]
    """Write the inverse of a matrix by elimination with pivots; return whether there is one; all are (n, n)."""
    n = matrix.shape[0]
    for r in range(n):
        for c in range(n):
            work[r, c], inverse[r, c] = matrix[r, c], 1.0 if r == c else 0.0
    for k in range(n):
        pivot = k
        for r in range(k + 1, n):
            if abs(work[r, k]) > abs(work[pivot, k]):
                pivot = r
        if not abs(work[pivot, k]) > 0.0:
            return False
        for c in range(n):
            work[k, c], work[pivot, c] = work[pivot, c], work[k, c]
            inverse[k, c], inverse[pivot, c] = inverse[pivot, c], inverse[k, c]
        share = 1.0 / work[k, k]
        for c in range(n):
            work[k, c] *= share
            inverse[k, c] *= share
        for r in range(n):
            if r != k and work[r, k] != 0.0:
                part = work[r, k]
                for c in range(n):
                    work[r, c] -= part * work[k, c]
                    inverse[r, c] -= part * inverse[k, c]
    return True


@inner_jit
def _finish(driven, row, sourced, modal):  # type: ignore[no-untyped-def]
    """Write K⁻¹ and V⁻¹·dK·V of a row; arguments are as for `find_modes`."""
    n, p = modal.lam.shape[1], modal.turned.shape[1]
    back, vectors = modal.back[row], modal.vectors[row]
    for r in range(n):
        for c in range(n):
            total = 0.0
            if sourced:
                for m in range(n):
                    total += vectors[r, m] / modal.lam[row, m] * back[m, c]
            modal.inverse[row, r, c] = total
    for j in range(p):
        for r in range(n):
            for c in range(n):
                total = 0.0
                for k in range(n):
                    inner = 0.0
                    for q in range(n):
                        inner += driven.dmatrix[row, j, driven.up[k], driven.up[q]] * vectors[q, c]
                    total += back[r, k] * inner
                modal.turned[row, j, r, c] = total


@bare_jit
def closed_numbers(driven, modal, lines, scratch, out):  # type: ignore[no-untyped-def]
    """Write the numbers of the closed form for every segment of every subject.

    They are the time at which the segment began, the rates of the modes, and for every quantity its offset and its
    weights in the modes (`formulas.Formulas` reads them in this order).

    Parameters
    ----------
    driven, modal, lines
        The block, its modes, the time lines.
    scratch : array, shape (5, n)
        Overwritten.
    out : array, segments of all subjects × numbers
        Written.
    """
    n = modal.lam.shape[1]
    for i in range(lines.line_of_subject.shape[0]):
        line = lines.line_of_subject[i]
        first = lines.segments[line]
        for s in range(first, lines.segments[line + 1]):
            row, place = lines.first_row[i] + lines.segment_row[s], driven.begins[i] + s - first
            numbers = out[place]
            numbers[0] = lines.start[s]
            for m in range(n):
                numbers[1 + m] = modal.lam[row, m]
            weights(driven, modal, (row, s, place), scratch)
            at = 1 + n
            for pair in range(driven.pairs.shape[0]):
                k, j = driven.pairs[pair, 0], driven.pairs[pair, 1]
                if j < 0:  # a driving state: its offset, its weight in every mode
                    numbers[at] = scratch[0, k]
                    for m in range(n):
                        numbers[at + 1 + m] = modal.vectors[row, k, m] * scratch[1, m]
                    at += 1 + n
                else:
                    _derivative(driven, modal, (row, s, place), (k, j), scratch, numbers[at:])
                    at += 1 + 2 * n


@inner_jit
def weights(driven, modal, where, scratch):  # type: ignore[no-untyped-def]
    """Write x∞ = −K⁻¹(b + rates) and c = V⁻¹(x(0) − x∞) into the first rows of ``scratch`` (5, n).

    ``where`` is row of values, segment of all time lines, segment of all subjects.
    """
    (row, s, place), n = where, modal.lam.shape[1]
    limit, c = scratch[0], scratch[1]
    for r in range(n):
        limit[r] = 0.0
        for k in range(n):
            given = driven.constant[row, driven.up[k]] + driven.rates[s, driven.states[k]]
            limit[r] -= modal.inverse[row, r, k] * given
    for m in range(n):
        c[m] = 0.0
        for r in range(n):
            c[m] += modal.back[row, m, r] * (driven.starts[place, driven.up[r]] - limit[r])


@part_jit
def move_limit(driven, modal, row, s, j, scratch):  # type: ignore[no-untyped-def]
    """Write the derivative of x∞ by parameter j, −K⁻¹(dK·x∞ + db), to the fourth row of ``scratch`` (5, n).

    ``row`` and ``s`` are row of values and segment of all time lines; the first row of ``scratch`` is x∞ (see
    `weights`), the third is overwritten.
    """
    limit, source = scratch[0], scratch[2]
    for r in range(limit.shape[0]):
        source[r] = driven.dconstant[row, j, driven.up[r]]
        if driven.drates.shape[1] > 0:
            source[r] += driven.drates[s, driven.varied[j], driven.states[r]]
        for m in range(limit.shape[0]):
            source[r] += driven.dmatrix[row, j, driven.up[r], driven.up[m]] * limit[m]
    settle_limit(modal.inverse[row], source, scratch[3])


@part_jit
def settle_limit(inverse, source, moved):  # type: ignore[no-untyped-def]
    """Write where a steady source would lead, ``moved`` = −K⁻¹·``source``; both are (n,), ``inverse`` is (n, n)."""
    for r in range(moved.shape[0]):
        moved[r] = 0.0
        for m in range(moved.shape[0]):
            moved[r] -= inverse[r, m] * source[m]


@inner_jit
def _derivative(driven, modal, where, pair, scratch, out):  # type: ignore[no-untyped-def]
    """Write offset and weights of a derivative of driving state k with respect to parameter j, pair (k, j).

    ``where`` and ``scratch``, whose first rows are given, are as for `weights`; ``out`` is (1 + 2 · n,).
    """
    (row, s, place), (k, j), n = where, pair, modal.lam.shape[1]
    c, moved = scratch[1], scratch[3]
    lam, back, vectors, turned = modal.lam[row], modal.back[row], modal.vectors[row], modal.turned[row, j]
    move_limit(driven, modal, row, s, j, scratch)
    out[0] = moved[k]
    for m in range(n):
        # The weight of mode m: what it begins with, and what it exchanges with the other modes (a, then b above).
        along = 0.0
        for r in range(n):
            along += back[m, r] * (driven.dstarts[place, j, driven.up[r]] - moved[r])
        given = 0.0
        for r in range(n):
            if r != m:
                apart = lam[m] - lam[r]
                along += turned[m, r] * c[r] / apart
                given += vectors[k, r] * turned[r, m] * c[m] / apart
        out[1 + m] = vectors[k, m] * along + given
        out[1 + n + m] = vectors[k, m] * turned[m, m] * c[m]
