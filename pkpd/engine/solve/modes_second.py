"""Second derivatives of what drives the integrated states, in the modes of the block.

In modal coordinates ξ = V⁻¹x (V as it is at the parameters' values) the block and its derivatives obey

    ξ' = Λξ + β,   ξ_p' = Λξ_p + M_p ξ + β_p,   ξ_pq' = Λξ_pq + M_p ξ_q + M_q ξ_p + M_pq ξ + β_pq

with M = V⁻¹·dK·V and β = V⁻¹(b + rates). Mode m of ξ is o + c·exp(λ_m τ). In ξ_p it has an offset, a weight of every
exp(λ_l τ), and g·τ·exp(λ_m τ) of its own. In ξ_pq mode m has (a + b·τ)·exp(λ_l τ) of every other mode and (a + b·τ +
c·τ²)·exp(λ_m τ) of its own; what divides by λ_l − λ_m does so twice.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from pkpd.engine.machine.jit import bare_jit, inner_jit
from pkpd.engine.solve.modes import move_limit, settle_limit, weights


class Bent(NamedTuple):
    """Second derivatives of a block with m states that drives through n of them, for all pairs of its parameters.

    By row of values: those of K and b (value rows × pairs × m × m, value rows × pairs × m). By segment of all subjects:
    those of the states at its start (subject segments × pairs × m). Of each pair that is wanted: its two parameters,
    its place among the block's pairs and among all derivatives of infusion rates (wanted × 4). What is asked for: one
    of the n, and which of the wanted pairs (quantities × 2).
    """

    dmatrix: Any
    dconstant: Any
    dstarts: Any
    wanted: Any
    asked: Any


class Bending(NamedTuple):
    """Room. V⁻¹·d²K·V of the wanted pairs, by row of values (rows × wanted × n × n). For one segment: x∞, V⁻¹(x − x∞)
    and more vectors (5 × n); of every parameter the offset in every mode (p × n), the weight in mode m of exp(λ_l τ) (p
    × n × n), and that of τ·exp(λ_m τ) (p × n); of a second derivative offsets (2 × n), and the weights a and b in mode
    m of exp(λ_l τ) and τ·exp(λ_l τ) (2 × n × n)."""

    turned: Any
    scratch: Any
    offset: Any
    weight: Any
    growth: Any
    offset2: Any
    weight2: Any


@bare_jit
def turn(driven, modal, bent, room):  # type: ignore[no-untyped-def]
    """Write V⁻¹·d²K·V of every row of values whose modes can be used; arguments are as for `second_numbers`."""
    n = modal.lam.shape[1]
    for row in range(modal.lam.shape[0]):
        if not modal.sound[row]:
            continue
        for w in range(bent.wanted.shape[0]):
            block = bent.dmatrix[row, bent.wanted[w, 2]]
            for r in range(n):
                for c in range(n):
                    total = 0.0
                    for k in range(n):
                        inner = 0.0
                        for m in range(n):
                            inner += block[driven.up[k], driven.up[m]] * modal.vectors[row, m, c]
                        total += modal.back[row, r, k] * inner
                    room.turned[row, w, r, c] = total


@bare_jit
def second_numbers(driven, modal, lines, bent, room, out):  # type: ignore[no-untyped-def]
    """Write the numbers of the second derivatives for every segment of every subject, behind all others.

    They are, for every quantity, its offset and its weights a, b and c in the modes (see `formulas.Formulas`).

    Parameters
    ----------
    driven, modal, lines
        The block, its modes, the time lines (see `modes`).
    bent : Bent
        The block's second derivatives.
    room : Bending
        Its first entry is read, the others are overwritten.
    out : array, segments of all subjects × numbers
        Written.
    """
    n = modal.lam.shape[1]
    size, count = 1 + 3 * n, bent.asked.shape[0]
    behind = out.shape[1] - count * size
    for i in range(lines.line_of_subject.shape[0]):
        line = lines.line_of_subject[i]
        first = lines.segments[line]
        for s in range(first, lines.segments[line + 1]):
            where = lines.first_row[i] + lines.segment_row[s], s, driven.begins[i] + s - first
            weights(driven, modal, where, room.scratch)
            for j in range(room.offset.shape[0]):
                first_weights(driven, modal, where, j, room)
            for w in range(bent.wanted.shape[0]):
                second_weights(driven, modal, where, w, bent, room)
                for q in range(count):
                    if bent.asked[q, 1] == w:
                        at = behind + q * size
                        of_state(modal.vectors[where[0], bent.asked[q, 0]], room, out[where[2], at : at + size])


@inner_jit
def first_weights(driven, modal, where, j, room):  # type: ignore[no-untyped-def]
    """Write offset, weight and growth of the first derivative by parameter j.

    ``where`` is row of values, segment of all time lines, segment of all subjects; others are as for `second_numbers`.
    """
    (row, s, place), n = where, modal.lam.shape[1]
    c, moved = room.scratch[1], room.scratch[3]
    lam, turned, weight = modal.lam[row], modal.turned[row, j], room.weight[j]
    move_limit(driven, modal, row, s, j, room.scratch)
    for m in range(n):
        total, begins = 0.0, 0.0
        for r in range(n):
            total += modal.back[row, m, r] * moved[r]
            begins += modal.back[row, m, r] * (driven.dstarts[place, j, driven.up[r]] - moved[r])
        room.offset[j, m] = total
        for r in range(n):
            if r != m:
                weight[m, r] = turned[m, r] * c[r] / (lam[r] - lam[m])
                begins -= weight[m, r]
        weight[m, m] = begins
        room.growth[j, m] = turned[m, m] * c[m]


@inner_jit
def second_weights(driven, modal, where, w, bent, room):  # type: ignore[no-untyped-def]
    """Write the offsets and weights of a second derivative in every mode; arguments are as for `first_weights`."""
    (row, s, place), n = where, modal.lam.shape[1]
    limit, c, source, moved = room.scratch[0], room.scratch[1], room.scratch[2], room.scratch[3]
    p, q, of_block, of_rates = bent.wanted[w, 0], bent.wanted[w, 1], bent.wanted[w, 2], bent.wanted[w, 3]
    lam, first, second, both = modal.lam[row], modal.turned[row, p], modal.turned[row, q], room.turned[row, w]
    for r in range(n):  # what pushes all the time: d²K·x∞ + d²b, and in the modes M_p o_q + M_q o_p
        state = driven.up[r]
        source[r] = bent.dconstant[row, of_block, state]
        if driven.drates.shape[1] > of_rates:
            source[r] += driven.drates[s, of_rates, driven.states[r]]
        for m in range(n):
            source[r] += bent.dmatrix[row, of_block, state, driven.up[m]] * limit[m]
            inner = 0.0
            for k in range(n):
                inner += first[m, k] * room.offset[q, k] + second[m, k] * room.offset[p, k]
            source[r] += modal.vectors[row, r, m] * inner
    settle_limit(modal.inverse[row], source, moved)
    for m in range(n):
        offset, begins = 0.0, 0.0
        for r in range(n):
            offset += modal.back[row, m, r] * moved[r]
            begins += modal.back[row, m, r] * (bent.dstarts[place, of_block, driven.up[r]] - moved[r])
        room.offset2[0, m] = offset
        for k in range(n):
            # What pushes mode m with exp(λ_k τ), and with τ·exp(λ_k τ).
            steady = both[m, k] * c[k]
            for r in range(n):
                steady += first[m, r] * room.weight[q, r, k] + second[m, r] * room.weight[p, r, k]
            growing = first[m, k] * room.growth[q, k] + second[m, k] * room.growth[p, k]
            if k == m:
                room.weight2[1, m, m] = steady
                room.offset2[1, m] = 0.5 * growing
            else:
                apart = lam[k] - lam[m]
                room.weight2[1, m, k] = growing / apart
                room.weight2[0, m, k] = (steady - growing / apart) / apart
                begins -= room.weight2[0, m, k]
        room.weight2[0, m, m] = begins


@inner_jit
def of_state(vector, room, out):  # type: ignore[no-untyped-def]
    """Write the offset and weights of a state, whose part of every mode is ``vector`` (n,), to ``out`` (1 + 3·n,)."""
    n = vector.shape[0]
    out[0] = 0.0
    for m in range(n):
        out[0] += vector[m] * room.offset2[0, m]
        for power in range(2):
            total = 0.0
            for r in range(n):
                total += vector[r] * room.weight2[power, r, m]
            out[1 + power * n + m] = total
        out[1 + 2 * n + m] = vector[m] * room.offset2[1, m]
