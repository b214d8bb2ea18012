"""Acceptance of a terminal regression: limits that flag and never delete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Array, Flags
from pkpd.nca.rules import Rules

_CRITERIA = (
    ("accept_r2_adjusted", "lambda_z_r2_adjusted", "adjusted R²", True),
    ("accept_span", "lambda_z_span", "span", True),
    ("accept_points", "lambda_z_points", "points", True),
    ("accept_extrapolated", "auc_extrapolated_obs", "% AUC extrapolated", False),
)


def acceptance(of: Callable[[str], Array], rules: Rules, n: int) -> tuple[Flags, npt.NDArray[Any]]:
    """Return which profiles meet every limit that the rules set, and what the others miss, in words.

    Parameters
    ----------
    of : callable
        Values of a parameter over the profiles, by name.
    rules : Rules
        The limits `accept_r2_adjusted`, `accept_span`, `accept_points` and `accept_extrapolated`.
    n : int
        Number of profiles.

    Returns
    -------
    accepted : (n,) of bool
    flags : (n,) of str
        Empty where accepted; a profile without a terminal regression is not accepted if there is any limit.
    """
    missed: list[list[str]] = [[] for _ in range(n)]
    for field, name, words, least in _CRITERIA:
        limit = getattr(rules, field)
        if limit is None:
            continue
        values = of(name)
        good = values >= limit if least else values <= limit
        sign = "<" if least else ">"
        for i in np.flatnonzero(~good):
            missed[i].append(f"{words} {values[i]:.4g} {sign} {limit:g}" if np.isfinite(values[i]) else f"no {words}")
    flags = np.array(["; ".join(texts) for texts in missed], dtype=object)
    return flags == "", flags
