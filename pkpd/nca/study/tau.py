"""The interval at which a pattern of times repeats itself."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pkpd.arguments import checked
from pkpd.decimals import difference, total

_SAME = 1e-9


@checked
def find_tau(times: npt.ArrayLike, choices: Sequence[float] | None = None) -> float:
    """Return the dosing interval of a series of dose times: the shortest shift that carries the pattern onto itself.

    Parameters
    ----------
    times : (n,)
        Dose times; NaN and the order do not count.
    choices : sequence of float, optional
        Intervals to choose from where the times are not evenly spaced; by default every difference from the first.

    Returns
    -------
    float
        The common spacing if there is one, 0 for a single time, else the shortest interval τ such that every time t
        with t + τ inside the series is followed by one at t + τ; NaN if there is none.
    """
    given = np.asarray(times, dtype=np.float64).ravel()
    t = np.unique(given[np.isfinite(given)])
    if not len(t):
        return float("nan")
    if len(t) == 1:
        return 0.0
    gaps = difference(t[1:], t[:-1])
    span = t[-1] - t[0]
    if np.allclose(gaps, gaps[0], rtol=_SAME, atol=0):
        return float(gaps[0])
    wanted = np.asarray(sorted(choices), dtype=float) if choices is not None else difference(t[1:], t[0])
    for tau in wanted:
        later = total(t[total(t, 1, tau) <= t[-1] + _SAME * span], 1, tau)
        near = np.abs(later[:, None] - t).min(axis=1, initial=np.inf)
        if tau > 0 and len(later) > 1 and bool((near <= _SAME * span).all()):
            return float(tau)
    return float("nan")
