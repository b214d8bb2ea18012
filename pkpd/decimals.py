"""Arithmetic on numbers as they are written: 3 × 0.7 is 2.1, and 0.3 − 0.1 is 0.2.

A measured or entered number is a decimal, and so is a printed limit; a float is the nearest one to it. What these
functions return is the float nearest to the exact decimal result, so that the ordinary ``<``, ``<=`` and ``==`` then
say of two decimals what is true of them. A number of more than 15 digits was computed, not written: it is taken as it
is, by the arithmetic of floats, since exactness says nothing about it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Integers

_DIGITS = 1e15  # every decimal of up to 15 digits has a float of its own
_EXACT = 2.0**53  # whole numbers up to here are floats
_POWERS = np.array([float(f"1e{k}") for k in range(45)])  # up to 10^22 they are floats; the rest is never relied on
_PLACES = 22


def product(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Return a·b, the product of decimals; shapes broadcast.

    A factor that is one divided by a whole number, such as that of minutes in hours, divides by that number.
    """
    x, y = np.broadcast_arrays(np.asarray(a, dtype=float), np.asarray(b, dtype=float))
    with np.errstate(all="ignore"):
        result = np.asarray(x * y)
        easy = (_whole(x) & _whole(y)) | (x == 1) | (y == 1) | ~np.isfinite(result) | (result == 0)
        if easy.all():
            return result
        result = np.array(result)
        left = np.flatnonzero(~easy.ravel())
        u, v = x.ravel()[left], y.ravel()[left]
        (m, i, known_u), (n, k, known_v) = written(u), written(v)
        good = known_u & known_v & (np.abs(m * n) < _EXACT) & (i + k <= _PLACES)
        result.ravel()[left[good]] = (m * n / _POWERS[i + k])[good]
        for one, other, size, places, known in ((u, v, m, i, known_u), (v, u, n, k, known_v)):
            parts = np.rint(1.0 / other)  # 1/60 is no decimal, and means a sixtieth
            divides = ~good & known & ~(known_v if one is u else known_u) & (parts > 1) & (1.0 / parts == other)
            divides &= parts * _POWERS[places] < _EXACT
            result.ravel()[left[divides]] = (size / (parts * _POWERS[places]))[divides]
    return result


def total(a: npt.ArrayLike, times: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Return a + times·b of decimals a and b and whole numbers `times`; shapes broadcast."""
    x, n, y = np.broadcast_arrays(*(np.asarray(one, dtype=float) for one in (a, times, b)))
    with np.errstate(all="ignore"):
        result = np.asarray(x + n * y)
        easy = (_whole(x) & _whole(y)) | (n == 0) | (x == 0) & (np.abs(n) == 1) | ~np.isfinite(result)
        if easy.all():
            return result
        result = np.array(result)
        left = np.flatnonzero(~easy.ravel())
        u, v, w = x.ravel()[left], y.ravel()[left], n.ravel()[left]
        (p, i, known_u), (q, k, known_v) = written(u), written(v)
        places = np.maximum(i, k)
        p, q = p * _POWERS[places - i], q * _POWERS[places - k]
        most = np.maximum(np.maximum(np.abs(p), np.abs(w * q)), np.abs(p + w * q))
        good = known_u & known_v & (most < _EXACT) & (w == np.rint(w))
        result.ravel()[left[good]] = ((p + w * q) / _POWERS[places])[good]
    return result


def difference(a: npt.ArrayLike, b: npt.ArrayLike) -> Array:
    """Return a − b of decimals; shapes broadcast."""
    return total(a, -1.0, b)


def written(x: Array) -> tuple[Array, Integers, npt.NDArray[np.bool_]]:
    """Return whole numbers m and places k with x = m/10^k, and which x have such of at most 15 digits, shape (n,)."""
    with np.errstate(all="ignore"):
        size = np.floor(np.log10(np.where(x == 0, 1.0, np.abs(x))))
        k = np.clip(np.where(np.isfinite(size), 14.0 - size, 0.0), 0.0, _PLACES).astype(np.intp)
        m = np.rint(x * _POWERS[k])
        known = (np.abs(m) < _DIGITS) & (m / _POWERS[k] == x)
    m, k = np.where(known, m, 0.0), np.where(known, k, 0)
    for zeros in (8, 4, 2, 1):
        fewer = m / _POWERS[zeros]
        ends = (fewer == np.rint(fewer)) & (k >= zeros)
        m, k = np.where(ends, fewer, m), np.where(ends, k - zeros, k)
    return m, k, known


def _whole(x: Array) -> npt.NDArray[np.bool_]:
    """Which numbers are whole, and small enough for exact arithmetic."""
    found: npt.NDArray[np.bool_] = (x == np.rint(x)) & (np.abs(x) < 2.0**26)
    return found
