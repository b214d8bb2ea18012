"""Sums over the rows of subjects that stand several times, compiled: the joint density and its slopes.

D is the number of what predictions are differentiated by, q of random effects, P of the errors' parameters. The rows
of copy i are ``starts[i]`` to ``starts[i + 1]``.
"""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine.machine.jit import jit


@jit
def joint_sums(
    starts: Integers, y: Array, mean: Array, sd: Array, given: Array, white: Array, extra: Array, out: Array
) -> None:
    """Write Σ l + uᵀu + extra of every copy; infinite where it is no number.

    Shapes: y, mean, sd (rows,); given (rows,) or (0,): terms of censored rows, NaN where a row is measured; white
    (copies, q); extra, out (copies,).
    """
    size = white.shape[1]
    some = given.size > 0
    for i in range(starts.size - 1):
        total = extra[i]
        product = 1.0  # of the SDs: one logarithm for many
        for j in range(starts[i], starts[i + 1]):
            if some and not np.isnan(given[j]):
                total += given[j]
                continue
            s = sd[j]
            z = (y[j] - mean[j]) / s
            total += z * z
            product *= s
            if product < 1e-100 or product > 1e100 or s <= 0.0:
                total += 2.0 * np.log(product)
                product = 1.0
        total += 2.0 * np.log(product)
        for a in range(size):
            total += white[i, a] * white[i, a]
        out[i] = total if np.isfinite(total) else np.inf


@jit
def slope_sums(
    starts: Integers, value: Array, lf: Array, first: Array, lp: Array, white: Array, extra: Array,
    out: Array, by_shift: Array, by_error: Array,
) -> None:  # fmt: skip
    """Write Σ l + uᵀu + extra, Σ lf f' and Σ dl/dp of every copy; infinite and 0 where it is no number.

    Shapes: value, lf (rows,), first (rows, D), lp (rows, P), white (copies, q), extra, out (copies,),
    by_shift (copies, D), by_error (copies, P).
    """
    size, wide, noise = white.shape[1], first.shape[1], lp.shape[1]
    for i in range(starts.size - 1):
        total = extra[i]
        for a in range(wide):
            by_shift[i, a] = 0.0
        for k in range(noise):
            by_error[i, k] = 0.0
        for j in range(starts[i], starts[i + 1]):
            total += value[j]
            for a in range(wide):
                by_shift[i, a] += lf[j] * first[j, a]
            for k in range(noise):
                by_error[i, k] += lp[j, k]
        for a in range(size):
            total += white[i, a] * white[i, a]
        sound = np.isfinite(total)
        for a in range(wide):
            sound = sound and np.isfinite(by_shift[i, a])
        for k in range(noise):
            sound = sound and np.isfinite(by_error[i, k])
        out[i] = total if sound else np.inf
        if not sound:
            for a in range(wide):
                by_shift[i, a] = 0.0
            for k in range(noise):
                by_error[i, k] = 0.0
