"""Linear blocks in closed form: dx/dt = Kx + b with constant K and b, through the matrix exponential.

The exponential is computed as ``exp(-s t) exp((K + s I) t)`` with s the largest loss rate. For a compartment model
K + sI has no negative entry, so the Taylor series and the squarings only add positive numbers: every entry is exact to
a few rounding errors of its own size, a washed-out concentration is small but never negative, and equal rate
constants (ka = CL/V) need no special case. Derivatives with respect to parameters go through the same steps.
"""

from __future__ import annotations

import numpy as np

from pkpd.engine.jit import jit

TERMS = 14  # 0.5^15/15! = 2e-17: the series is exact at a norm of one half


@jit
def multiply(a, b, out, n):  # type: ignore[no-untyped-def]
    """Write the product of two n × n matrices."""
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += a[i, k] * b[k, j]
            out[i, j] = total


@jit
def scaling(a, n, tau):  # type: ignore[no-untyped-def]
    """Return the shift s that leaves no negative diagonal, and how often tau is halved to make the norm small."""
    shift = 0.0
    for i in range(n):
        shift = max(shift, -a[i, i])
    norm = shift
    for j in range(n):
        total = 0.0
        for i in range(n):
            total += abs(a[i, j] + (shift if i == j else 0.0))
        norm = max(norm, total)
    norm *= tau
    halvings = 0
    while norm > 0.5 and halvings < 60:
        norm *= 0.5
        halvings += 1
    return shift, halvings


@jit
def product_slope(a, da, b, db, out, n, divisor):  # type: ignore[no-untyped-def]
    """Write (da·b + a·db)/divisor of n × n matrices: the derivative of a product."""
    for i in range(n):
        for j in range(n):
            total = 0.0
            for k in range(n):
                total += da[i, k] * b[k, j] + a[i, k] * db[k, j]
            out[i, j] = total / divisor


@jit
def exponential(a, da, n, tau, e, de, w):  # type: ignore[no-untyped-def]
    """Write exp(a·tau) of the leading n × n part to ``e`` and its derivatives along every ``da[p]`` to ``de[p]``.

    ``w`` is scratch of shape (4, ≥n, ≥n); ``da`` may be empty.
    """
    count = da.shape[0]
    if n == 1 and count == 0:
        e[0, 0] = np.exp(a[0, 0] * tau)
        return
    shift, halvings = scaling(a, n, tau)
    step = tau / 2.0**halvings
    b, db, new = w[0], w[1], w[2]
    for i in range(n):
        for j in range(n):
            b[i, j] = (a[i, j] + (shift if i == j else 0.0)) * step
            e[i, j] = 1.0 if i == j else 0.0
            for p in range(count):
                de[p, i, j] = 0.0
    for k in range(TERMS, 0, -1):  # Horner: e ← I + b·e/k
        for p in range(count):
            for i in range(n):
                for j in range(n):
                    db[i, j] = da[p, i, j] * step
            product_slope(b, db, e, de[p], new, n, k)
            de[p, :n, :n] = new[:n, :n]
        multiply(b, e, new, n)
        for i in range(n):
            for j in range(n):
                e[i, j] = new[i, j] / k
            e[i, i] += 1.0
    decay = np.exp(-shift * step)
    for i in range(n):
        for j in range(n):
            e[i, j] *= decay
            for p in range(count):
                de[p, i, j] *= decay
    for _ in range(halvings):
        for p in range(count):
            product_slope(e, de[p], e, de[p], new, n, 1)
            de[p, :n, :n] = new[:n, :n]
        multiply(e, e, new, n)
        e[:n, :n] = new[:n, :n]


@jit
def bordered(matrix, constant, rates, a):  # type: ignore[no-untyped-def]
    """Write [[K, b], [0, 0]] to ``a`` and return the size that matters: without input, K alone."""
    n = matrix.shape[0]
    size = n
    for i in range(n):
        for j in range(n):
            a[i, j] = matrix[i, j]
        a[i, n] = constant[i] + rates[i]
        a[n, i] = 0.0
        if a[i, n] != 0.0:
            size = n + 1
    a[n, n] = 0.0
    return size


@jit
def propagate(e, de, size, x, dx, y, dy):  # type: ignore[no-untyped-def]
    """Write the state after a step and its derivatives: e times x, where the border stands for a constant 1."""
    n = x.shape[0]
    for i in range(n):
        total = e[i, n] if size > n else 0.0
        for j in range(n):
            total += e[i, j] * x[j]
        y[i] = total
        for p in range(dx.shape[0]):
            total = de[p, i, n] if size > n else 0.0
            for j in range(n):
                total += de[p, i, j] * x[j] + e[i, j] * dx[p, j]
            dy[p, i] = total


@jit
def solve_linear(lo, hi, matrix, constant, x0, slopes, lines, out, dout, starts):  # type: ignore[no-untyped-def]
    """Solve subjects lo … hi in closed form.

    Writes the states at the requested times (``out``, rows × states), their derivatives (``dout``, rows × parameters
    × states; no parameters is allowed) and the states at the start of every segment (``starts``).
    """
    which, segments, start, end, jumps, rates, first, time, times, rows, begins = lines
    dmatrix, dconstant, dx0 = slopes
    n, count = matrix.shape[1], dmatrix.shape[1]
    a, e, w = np.zeros((n + 1, n + 1)), np.zeros((n + 1, n + 1)), np.zeros((3, n + 1, n + 1))
    da, de = np.zeros((count, n + 1, n + 1)), np.zeros((count, n + 1, n + 1))
    x, y, dx, dy = np.zeros(n), np.zeros(n), np.zeros((count, n)), np.zeros((count, n))
    for i in range(lo, hi):
        line = which[i]
        x[:] = x0[i]
        dx[:] = dx0[i]
        for p in range(count):
            da[p, :n, :n] = dmatrix[i, p]
            da[p, :n, n] = dconstant[i, p]
        for s in range(segments[line], segments[line + 1]):
            for j in range(n):
                x[j] += jumps[s, j]
                starts[begins[i] + s - segments[line], j] = x[j]
            size = bordered(matrix[i], constant[i], rates[s], a)
            if count > 0:
                size = n + 1
            last = first[s + line + 1]
            for k in range(first[s + line], last + 1):  # the requested times, then the end
                tau = (end[s] if k == last else time[k]) - start[s]
                exponential(a, da, size, tau, e, de, w)
                propagate(e, de, size, x, dx, y, dy)
                if k < last:
                    row = rows[i] + k - times[line]
                    out[row] = y
                    dout[row] = dy
            x[:] = y
            dx[:] = dy
