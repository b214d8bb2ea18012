"""Loops over subjects and chains of SAEM, compiled: random numbers, proposals, densities, acceptance.

S is the number of subject-chains (every chain holds every subject), q of random effects, rows those of all
subject-chains. Shapes are in the docstrings. Random numbers are SplitMix64 (Steele, Lea & Flood, OOPSLA 2014) keyed by
seed, subject, chain and the number of the move, so that they depend neither on the order of subjects nor on threads;
normal ones by Box & Muller.
"""

from __future__ import annotations

import math

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.machine.jit import jit

GENERIC, ADDITIVE, PROPORTIONAL, COMBINED, WEIGHTED, WEIGHTED_SQUARE = range(-1, 5)
"""How the SD of a row is computed; `GENERIC` takes one that is given."""
_FAR = -30.0  # SDs, from which on a normal tail is taken by its series


@jit
def stirred(state):  # type: ignore[no-untyped-def]
    """Return the 64 bits that SplitMix64 makes of a state."""
    z = state
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@jit
def uniform_at(key, tick, place):  # type: ignore[no-untyped-def]
    """Return the number in (0, 1) that belongs to a key, a move and a place in it."""
    state = stirred(key ^ stirred(np.uint64(tick) * np.uint64(0xD1B54A32D192ED03)))
    bits = stirred(state + np.uint64(place + 1) * np.uint64(0x9E3779B97F4A7C15))
    return (float(bits >> np.uint64(11)) + 0.5) * (1.0 / 9007199254740992.0)


@jit
def normals(key, tick, first, out):  # type: ignore[no-untyped-def]
    """Fill `out` with standard normal numbers; they use places from `first` on, one each or one more."""
    count = out.size
    for k in range(0, count, 2):
        radius = math.sqrt(-2.0 * math.log(uniform_at(key, tick, first + k)))
        angle = 2.0 * math.pi * uniform_at(key, tick, first + k + 1)
        out[k] = radius * math.cos(angle)
        if k + 1 < count:
            out[k + 1] = radius * math.sin(angle)


@jit
def make_keys(seed: int, subject: Integers, chain: Integers, keys: Integers) -> None:
    """Write the key of every subject-chain, shape (S,); `subject` is its rank and `chain` its chain."""
    for s in range(keys.size):
        key = stirred(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15))
        key = stirred(key ^ (np.uint64(subject[s] + 1) * np.uint64(0xA0761D6478BD642F)))
        keys[s] = stirred(key ^ (np.uint64(chain[s] + 1) * np.uint64(0xE7037ED1A0B428DB)))


@jit
def fill_table(eta: Array, effects: Array, columns: Integers, owner: Integers, table: Array) -> None:
    """Write shifts s = E η into the engine's table.

    Shapes: eta (S, q), effects (shifts, q), columns (shifts,), owner (table rows,): subject-chain; table
    (rows, inputs).
    """
    for r in range(owner.size):
        s = owner[r]
        for a in range(columns.size):
            total = 0.0
            for k in range(eta.shape[1]):
                total += effects[a, k] * eta[s, k]
            table[r, columns[a]] = total


@jit
def tail_log(u):  # type: ignore[no-untyped-def]
    """Return log Φ(u)."""
    if u > 5.0:
        return math.log1p(-0.5 * math.erfc(u / math.sqrt(2.0)))
    if u > _FAR:
        return math.log(0.5 * math.erfc(-u / math.sqrt(2.0)))
    v = 1.0 / (u * u)
    series = 1.0 - v * (1.0 - 3.0 * v * (1.0 - 5.0 * v * (1.0 - 7.0 * v)))
    return -0.5 * u * u - 0.5 * math.log(2.0 * math.pi) - math.log(-u) + math.log(series)


@jit
def row_sds(f: Array, seen: Array, kind: Integers, place: Integers, errors: Array, sd: Array) -> None:
    """Write the SD of every row whose kind is known; the others keep what stands there.

    Shapes: f, seen, sd (rows,), kind, place (rows,): which SD, and where its parameters begin in `errors`.
    """
    for j in range(f.size):
        p, k = place[j], kind[j]
        if k == ADDITIVE:
            sd[j] = errors[p]
        elif k == PROPORTIONAL:
            sd[j] = abs(errors[p] * f[j])
        elif k == COMBINED:
            part = errors[p] * f[j]
            sd[j] = math.sqrt(errors[p + 1] * errors[p + 1] + part * part)
        elif k == WEIGHTED:
            sd[j] = errors[p] * math.sqrt(abs(seen[j]))
        elif k == WEIGHTED_SQUARE:
            sd[j] = errors[p] * abs(seen[j])


@jit
def data_terms(
    starts: Integers, mean: Array, sd: Array, logarithmic: Integers, lower: Array, upper: Array, censoring: Integers,
    value: Array,
) -> None:  # fmt: skip
    """Add up −2 log density of the rows of every subject-chain; infinite where it is not a number.

    Shapes: starts (S + 1,), all others (rows,), written: value (S,). `mean` is the prediction where `logarithmic` is 1
    (its log is taken) and the mean on the error's scale elsewhere; censoring: 0 measured, 1 below `upper`, 2 above
    `lower`.
    """
    for s in range(value.size):
        total = 0.0
        for j in range(starts[s], starts[s + 1]):
            m = math.log(mean[j]) if logarithmic[j] == 1 else mean[j]
            g = sd[j]
            if censoring[j] == 0:
                z = (lower[j] - m) / g
                total += z * z + 2.0 * math.log(g)
            elif censoring[j] == 1:
                total += -2.0 * tail_log((upper[j] - m) / g)
            elif censoring[j] == 2:
                total += -2.0 * tail_log((m - lower[j]) / g)
        value[s] = total if math.isfinite(total) else np.inf


@jit
def prior_terms(eta: Array, inverse: Array, value: Array) -> None:
    """Write ηᵀΩ⁻¹η, shape (S,)."""
    q = eta.shape[1]
    for s in range(eta.shape[0]):
        total = 0.0
        for k in range(q):
            part = 0.0
            for m in range(q):
                part += inverse[k, m] * eta[s, m]
            total += part * eta[s, k]
        value[s] = total


@jit
def propose_independent(
    tick: int, keys: Integers, subject: Integers, kinds: Integers, prior_root: Array, centre: Array, root: Array,
    freedom: int, out: Array,
) -> None:  # fmt: skip
    """Propose random effects that do not depend on the present ones: from the prior, and from a t about the modes.

    Shapes: keys, subject (S,); kinds (J,): 0 prior, 1 mode; prior_root (q, q) and root (subjects, q, q): lower
    triangles; centre (subjects, q); written: out (J·S, q), all of the first proposal before all of the second.
    `freedom`, degrees of freedom of the t, is even: its χ² is −2 log of a product of uniform numbers.
    """
    q, count = centre.shape[1], keys.size
    z = np.empty(q)
    for j in range(kinds.size):
        for s in range(count):
            first = j * (q + 2 + freedom)
            normals(keys[s], tick, first, z)
            i = subject[s]
            scale = 1.0
            if kinds[j] == 1:
                chi = 0.0
                for k in range(freedom // 2):
                    chi -= 2.0 * math.log(uniform_at(keys[s], tick, first + q + 1 + k))
                scale = math.sqrt(freedom / chi)
            for k in range(q):
                part = 0.0
                for m in range(k + 1):
                    part += (prior_root[k, m] if kinds[j] == 0 else root[i, k, m]) * z[m]
                out[j * count + s, k] = part if kinds[j] == 0 else centre[i, k] + scale * part


@jit
def distance(eta, centre, root):  # type: ignore[no-untyped-def]
    """Return |root⁻¹(η − centre)|², root a lower triangle."""
    q = eta.size
    x = np.empty(q)
    total = 0.0
    for k in range(q):
        part = eta[k] - centre[k]
        for m in range(k):
            part -= root[k, m] * x[m]
        x[k] = part / root[k, k]
        total += x[k] * x[k]
    return total


@jit
def choose_independent(
    tick: int, keys: Integers, subject: Integers, kinds: Integers, inverse: Array, centre: Array, root: Array,
    freedom: int, proposed: Array, proposed_data: Array, eta: Array, data: Array, prior: Array, pick: Integers,
    taken: Array,
) -> None:  # fmt: skip
    """Take or leave the proposals of `propose_independent` one after the other (Metropolis–Hastings).

    Shapes: as there; proposed_data (J·S,): their data term; changed: eta (S, q), data, prior (S,), pick (S,): the
    proposal where a subject-chain ended, or -1; taken (2,): counts by kind.
    """
    q, count = eta.shape[1], keys.size
    place = kinds.size * (q + 2 + freedom) + q
    half = 0.5 * (freedom + q)
    for s in range(count):
        i = subject[s]
        pick[s] = -1
        own = half * math.log(1.0 + distance(eta[s], centre[i], root[i]) / freedom)
        for j in range(kinds.size):
            there = proposed[j * count + s]
            fit = proposed_data[j * count + s]
            if not math.isfinite(fit):
                continue
            far = 0.0
            for k in range(q):
                part = 0.0
                for m in range(q):
                    part += inverse[k, m] * there[m]
                far += part * there[k]
            other = half * math.log(1.0 + distance(there, centre[i], root[i]) / freedom)
            ratio = -0.5 * (fit - data[s])
            if kinds[j] == 1:
                ratio += -0.5 * (far - prior[s]) + other - own
            if math.log(uniform_at(keys[s], tick, place + j)) < ratio:
                for k in range(q):
                    eta[s, k] = there[k]
                data[s], prior[s], own, pick[s] = fit, far, other, j
                taken[kinds[j]] += 1.0


@jit
def propose_walk(
    tick: int, keys: Integers, subject: Integers, root: Array, steps: Array, single: int, eta: Array, out: Array,
    which: Integers,
) -> None:  # fmt: skip
    """Propose steps from the present random effects: of all at once, or of one that is drawn by each subject-chain.

    Shapes: root (subjects, q, q): lower triangles that say how far; steps (q + 1,): factors, of one random effect each
    and of all (last); written: out (S, q), which (S,): the place in `steps` that was used.
    """
    q = eta.shape[1]
    z = np.empty(q)
    for s in range(keys.size):
        i = subject[s]
        if single == 1:
            k = min(int(uniform_at(keys[s], tick, q + 4) * q), q - 1)
            which[s] = k
            normals(keys[s], tick, np.int64(0), z[:1])
            spread = 0.0
            for m in range(k + 1):
                spread += root[i, k, m] * root[i, k, m]
            for m in range(q):
                out[s, m] = eta[s, m]
            out[s, k] += steps[k] * math.sqrt(spread) * z[0]
            continue
        which[s] = q
        normals(keys[s], tick, np.int64(0), z)
        for k in range(q):
            part = 0.0
            for m in range(k + 1):
                part += root[i, k, m] * z[m]
            out[s, k] = eta[s, k] + steps[q] * part


@jit
def choose_walk(
    tick: int, keys: Integers, inverse: Array, which: Integers, proposed: Array, proposed_data: Array,
    eta: Array, data: Array, prior: Array, pick: Integers, tried: Array, taken: Array,
) -> None:  # fmt: skip
    """Take or leave the steps of `propose_walk` (Metropolis); `pick` becomes 0 or -1; counts by place in `steps`."""
    q = eta.shape[1]
    for s in range(keys.size):
        pick[s] = -1
        tried[which[s]] += 1.0
        fit = proposed_data[s]
        if not math.isfinite(fit):
            continue
        far = 0.0
        for k in range(q):
            part = 0.0
            for m in range(q):
                part += inverse[k, m] * proposed[s, m]
            far += part * proposed[s, k]
        if math.log(uniform_at(keys[s], tick, q + 5)) < -0.5 * (fit - data[s] + far - prior[s]):
            for k in range(q):
                eta[s, k] = proposed[s, k]
            data[s], prior[s], pick[s] = fit, far, 0
            taken[which[s]] += 1.0


@jit
def take_rows(starts: Integers, pick: Integers, proposed: Array, f: Array) -> None:
    """Copy the predictions of the proposals that were taken.

    Shapes: starts (S + 1,); pick (S,): which proposal, or -1; proposed (J·rows,); changed: f (rows,).
    """
    rows = f.size
    for s in range(pick.size):
        if pick[s] >= 0:
            base = pick[s] * rows
            for j in range(starts[s], starts[s + 1]):
                f[j] = proposed[base + j]


@jit
def moments(eta: Array, subject: Integers, mask: Array, share: float, first: Array, second: Array) -> None:
    """Move the averages of η and ηηᵀ towards those of the chains by a share (Robbins & Monro).

    Shapes: eta (S, q); subject (S,); mask (subjects, q): 0 where a random effect acts on nothing; changed: first
    (subjects, q): mean over chains; second (q, q): sum over subjects of the mean over chains.
    """
    count, q = first.shape
    chains = eta.shape[0] // count
    per = share / chains
    for i in range(count):
        for k in range(q):
            first[i, k] *= 1.0 - share
    for k in range(q):
        for m in range(q):
            second[k, m] *= 1.0 - share
    for s in range(eta.shape[0]):
        i = subject[s]
        for k in range(q):
            value = eta[s, k] * mask[i, k]
            first[i, k] += per * value
            for m in range(k + 1):
                part = per * value * eta[s, m] * mask[i, m]
                second[k, m] += part
                if m < k:
                    second[m, k] += part


@jit
def squares(mean: Array, sd: Array, logarithmic: Integers, y: Array, group: Integers, out: Array) -> None:
    """Add up squared standardised residuals of measured rows by group; a row of group -1 counts for nothing.

    Shapes: mean, sd, y (rows,) as in `data_terms`; group (rows,); written: out (groups,).
    """
    for g in range(out.size):
        out[g] = 0.0
    for j in range(y.size):
        if group[j] >= 0:
            m = math.log(mean[j]) if logarithmic[j] == 1 else mean[j]
            z = (y[j] - m) / sd[j]
            out[group[j]] += z * z
