"""Linear blocks in closed form: dx/dt = Kx + b with constant K and b, through the matrix exponential.

The exponential is that of the scaled matrix ``(K + s I) h``, squared until h has grown to t. For a compartment model
nothing in it is negative, so the series and the squarings only add positive numbers. What leaves the block is
carried as one more state ("gone"), so that every column must add to one; dividing by its sum after each squaring
takes away the rounding that squaring would double. So every entry is right to a few roundings *of its own size*: a
washed-out concentration is small but never negative, slow elimination beside fast exchange keeps its digits, and equal
rate constants (ka = CL/V) need no special case. Derivatives with respect to parameters go through the same steps.

Layout of the matrices: states 0 … n − 1, "gone" n, and n + 1 a source that stands for the constant input b.

References: Al-Mohy & Higham, SIAM J Matrix Anal Appl 2009;31:970-989 (scaling and squaring); Grassmann, Taksar &
Heyman, Oper Res 1985;33:1107-1116 (accuracy from conserved columns).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from pkpd.engine.machine.jit import bare_jit, inner_jit

TERMS = 14  # 0.5^15/15! = 2e-17: the series is exact at a norm of one half


class Block(NamedTuple):
    """A block of n states for one row of values: K (n × n), what each state loses to nowhere and the constant input
    (n,); their derivatives (p × n × n, p × n, p × n; p may be 0)."""

    matrix: Any
    loss: Any
    constant: Any
    dmatrix: Any
    dloss: Any
    dconstant: Any


class Extended(NamedTuple):
    """The extended matrix (at least m × m) and its derivatives (p × the same; p may be 0); n states; m = n + 1, n + 2
    with a source; what the source is to be multiplied with; whether the columns of the states add to zero
    ("gone" included) and nothing off the diagonal is negative."""

    a: Any
    da: Any
    n: int
    m: int
    scale: float
    conserving: bool


class Exponential(NamedTuple):
    """An exponential and its derivatives, in the shapes of `Extended`."""

    e: Any
    de: Any


class Vector(NamedTuple):
    """States (n,) and their derivatives (p × n)."""

    x: Any
    dx: Any


@inner_jit
def copy_vector(x, dx, y, dy):  # type: ignore[no-untyped-def]
    """Write states x (n,) and their derivatives dx (p × n) to y and dy."""
    for i in range(x.shape[0]):
        y[i] = x[i]
        for p in range(dx.shape[0]):
            dy[p, i] = dx[p, i]


@bare_jit
def multiply(a, b, out, n, m):  # type: ignore[no-untyped-def]
    """Write the product of two matrices of the layout above; the column "gone" has nothing but its diagonal.

    ``a``, ``b`` and ``out`` are at least m × m; ``out`` must be neither of the others.
    """
    for j in range(m):
        if j == n:
            continue
        for i in range(m):
            total = a[i, n] * b[n, j] if i == n else 0.0
            for k in range(n):
                total += a[i, k] * b[k, j]
            if m > n + 1:
                total += a[i, n + 1] * b[n + 1, j]
            out[i, j] = total
    out[n, n] = a[n, n] * b[n, n]


@inner_jit
def scaling(a, n, m, tau):  # type: ignore[no-untyped-def]
    """Return the shift s that leaves no negative diagonal, and how often tau is halved to make the norm small.

    ``a`` is at least m × m.
    """
    shift = 0.0
    for i in range(n):
        shift = max(shift, -a[i, i])
    norm = shift
    for j in range(m):
        total = 0.0
        for i in range(m):
            total += abs(a[i, j] + (shift if i == j else 0.0))
        norm = max(norm, total)
    norm *= tau
    halvings = 0
    while norm > 0.5 and halvings < 200:
        norm *= 0.5
        halvings += 1
    return shift, halvings


@inner_jit
def conserve(e, de, n, m):  # type: ignore[no-untyped-def]
    """Divide every column of a state by its sum, and take from its derivatives what does not add to zero.

    In place: ``e`` (at least m × m), an exponential, and ``de`` (p × the same), its derivatives.
    """
    for j in range(n):
        total = 0.0
        for i in range(n + 1):
            total += e[i, j]
        for i in range(n + 1):
            e[i, j] /= total
        for p in range(de.shape[0]):
            moved = 0.0
            for i in range(n + 1):
                de[p, i, j] /= total
                moved += de[p, i, j]
            for i in range(n + 1):
                de[p, i, j] -= moved * e[i, j]
    e[n, n] = 1.0
    if m > n + 1:
        e[n + 1, n + 1] = 1.0


@inner_jit
def matrix_exponential(extended, tau, exponential, w):  # type: ignore[no-untyped-def]
    """Write exp(a·tau) and its derivatives along every ``da[p]``.

    Parameters
    ----------
    extended : Extended
        The matrix a and its derivatives.
    tau : float
        Time, not negative.
    exponential : Exponential
        Written.
    w : array, 4 × m × m at least
        Scratch.
    """
    a, da, n, m, _, conserving = extended
    e, de = exponential
    count = da.shape[0]
    if n == 1 and m == 2 and count == 0:
        e[0, 0] = np.exp(a[0, 0] * tau)
        return
    shift, halvings = scaling(a, n, m, tau)
    step = tau / 2.0**halvings
    b, db, new, other = w[0], w[1], w[2], w[3]
    for i in range(m):
        for j in range(m):
            b[i, j] = (a[i, j] + (shift if i == j else 0.0)) * step
            e[i, j] = 1.0 if i == j else 0.0
            for p in range(count):
                de[p, i, j] = 0.0
    for k in range(TERMS, 0, -1):  # Horner: e ← I + b·e/k
        for p in range(count):
            for i in range(m):
                for j in range(m):
                    db[i, j] = da[p, i, j] * step
            multiply(db, e, new, n, m)
            multiply(b, de[p], other, n, m)
            for i in range(m):
                for j in range(m):
                    de[p, i, j] = (new[i, j] + other[i, j]) / k if j != n else 0.0
        multiply(b, e, new, n, m)
        for i in range(m):
            for j in range(m):
                e[i, j] = new[i, j] / k if j != n or i == n else 0.0
            e[i, i] += 1.0
    decay = np.exp(-shift * step)
    for i in range(m):
        for j in range(m):
            e[i, j] *= decay
            for p in range(count):
                de[p, i, j] *= decay
    if m > n + 1:
        e[n + 1, n + 1] = 1.0
    if conserving:
        conserve(e, de, n, m)
    for _ in range(halvings):
        for p in range(count):
            multiply(de[p], e, new, n, m)
            multiply(e, de[p], other, n, m)
            for i in range(m):
                for j in range(m):
                    de[p, i, j] = new[i, j] + other[i, j] if j != n else 0.0
        multiply(e, e, new, n, m)
        for i in range(m):
            for j in range(m):
                e[i, j] = new[i, j] if j != n or i == n else 0.0
        if conserving:
            conserve(e, de, n, m)


@inner_jit
def extend(block, rates, drates, a, da):  # type: ignore[no-untyped-def]
    """Write the extended matrix of a block and its derivatives to a and da; return them as `Extended`.

    Parameters
    ----------
    block : Block
        The block.
    rates, drates : arrays, (n,) and p × n
        Infusion rates and their derivatives.
    a, da : arrays, (n + 2) × (n + 2) and p × (n + 2) × (n + 2)
        Written; what is not written must be zero.
    """
    n, count = rates.shape[0], drates.shape[0]
    m, scale, conserving = extended_matrix(block, rates, a)
    for p in range(count):
        for j in range(n):
            for i in range(n):
                da[p, i, j] = block.dmatrix[p, i, j]
            da[p, n, j] = block.dloss[p, j]
            da[p, j, n + 1] = (block.dconstant[p, j] + drates[p, j]) / scale
    # The derivative of an input may be there where the input itself is zero.
    return Extended(a, da, n, n + 2 if count > 0 else m, scale, conserving)


@inner_jit
def extended_matrix(block, rates, a):  # type: ignore[no-untyped-def]
    """Write the extended matrix to ``a``; return the size that matters, the scale of the source, and conservation.

    The diagonal is rebuilt from what goes elsewhere, because ``-CL/V1 - Q/V1`` has lost the digits of a small CL. The
    source is scaled to the size of the matrix, so that an amount in picograms costs no halvings.

    Parameters
    ----------
    block : Block
        The block.
    rates : array, shape (n,)
        Infusion rates.
    a : array, (n + 2) × (n + 2)
        The extended matrix, written.
    """
    n = rates.shape[0]
    matrix, loss, constant = block.matrix, block.loss, block.constant
    conserving = True
    largest, norm = 0.0, 0.0
    for j in range(n):
        out = loss[j]
        for i in range(n):
            a[i, j] = matrix[i, j]
            if i != j:
                out += matrix[i, j]
                if matrix[i, j] < 0.0:
                    conserving = False
        if loss[j] < 0.0:
            conserving = False
        a[n, j] = loss[j]
        norm = max(norm, abs(out))
        source = abs(constant[j] + rates[j])
        largest = max(largest, source)
    for j in range(n):
        if conserving:
            out = loss[j]
            for i in range(n):
                if i != j:
                    out += matrix[i, j]
            a[j, j] = -out
        else:
            a[n, j] = 0.0
    scale = 1.0
    if largest > 0.0:
        scale = largest / norm if norm > 0.0 else largest
    for i in range(n):
        a[i, n] = 0.0
        a[i, n + 1] = (constant[i] + rates[i]) / scale
        a[n + 1, i] = 0.0
    a[n, n] = 0.0
    a[n, n + 1] = 0.0
    a[n + 1, n] = 0.0
    a[n + 1, n + 1] = 0.0
    return n + 2 if largest > 0.0 else n + 1, scale, conserving


@inner_jit
def propagate(exponential, extended, before, after):  # type: ignore[no-untyped-def]
    """Write the state after a step and its derivatives: e times x, plus what came from the source.

    Parameters
    ----------
    exponential : Exponential
        Of the step.
    extended : Extended
        What it is the exponential of.
    before, after : Vector
        State and derivatives before the step, and after it (written).
    """
    e, de = exponential
    (x, dx), (y, dy) = before, after
    n, m, scale = extended.n, extended.m, extended.scale
    for i in range(n):
        total = e[i, n + 1] * scale if m > n + 1 else 0.0
        for j in range(n):
            total += e[i, j] * x[j]
        y[i] = total
        for p in range(dx.shape[0]):
            total = de[p, i, n + 1] * scale if m > n + 1 else 0.0
            for j in range(n):
                total += de[p, i, j] * x[j] + e[i, j] * dx[p, j]
            dy[p, i] = total
