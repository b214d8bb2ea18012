"""Areas and moments of the segments between samples, without cancellation (floor 3)."""

from __future__ import annotations

import numpy as np

from pkpd.nca.profiles import Bools, Floats

# ∫₀¹ s·exp(−δs) ds = Σ (−δ)ᵏ / (k!·(k + 2)); below this δ the series is more exact than the closed form.
_SMALL = 0.1
_SERIES = (1 / 2, -1 / 3, 1 / 8, -1 / 30, 1 / 144, -1 / 840, 1 / 5760, -1 / 45360, 1 / 403200)


def segments(t: Floats, c: Floats, log_c: Floats, falls: Bools | None) -> tuple[Floats, Floats]:
    """Return area and first moment of every segment between neighbouring samples.

    Linear: ``A = Δt·(c1 + c2)/2`` and ``M = Δt·(t1·c1 + t2·c2)/2``. Logarithmic, with ``δ = ln(c1/c2)``:
    ``A = Δt·(c1 − c2)/δ`` and ``M = t1·A + Δt²·c1·∫₀¹ s·exp(−δs) ds``, which equals
    ``(t1·c1 − t2·c2)·Δt/δ + (c1 − c2)·(Δt/δ)²``.

    Parameters
    ----------
    t, c : (m + 1, n)
        Times and values, samples down, profiles across; c ≥ 0.
    log_c : (m + 1, n)
        Natural logarithm of the values where they are positive (scaled or not: only differences count).
    falls : (m, n) of bool, optional
        Segments that are logarithmic: both ends positive and the second smaller. None: all linear.

    Returns
    -------
    area, moment : (m, n)

    References
    ----------
    Gabrielsson & Weiner, Pharmacokinetic and Pharmacodynamic Data Analysis, chapter on non-compartmental analysis.
    """
    t1, t2, c1, c2 = t[:-1], t[1:], c[:-1], c[1:]
    dt = t2 - t1
    area = dt * (0.5 * c1 + 0.5 * c2)
    moment = dt * (0.5 * t1 * c1 + 0.5 * t2 * c2)
    if falls is None or not falls.any():
        return area, moment
    drop = (c1 - c2) / c1
    # Near-equal values: the difference is exact and log1p keeps its digits.
    delta = np.where(drop < 0.5, -np.log1p(-np.minimum(drop, 0.5)), log_c[:-1] - log_c[1:])
    height = drop / delta
    weight = (height - c2 / c1) / delta
    near = falls & (delta < _SMALL)
    if near.any():
        weight[near] = np.polynomial.polynomial.polyval(delta[near], _SERIES)
    log_area = dt * (c1 * height)
    log_moment = t1 * log_area + dt * dt * (c1 * weight)
    return np.where(falls, log_area, area), np.where(falls, log_moment, moment)


def total(parts: Floats) -> Floats:
    """Return the sum down the first axis, term by term, so that it does not depend on padding or neighbours."""
    found = np.zeros(parts.shape[1])
    for row in parts:
        found += row
    return found
