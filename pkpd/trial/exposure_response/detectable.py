"""What effect a trial of its size could have seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import ndtri

from pkpd.arguments import checked
from pkpd.errors import InputError, shown


@checked
def detectable_effect(
    categories: Sequence[float] | None = None,
    *,
    events: float | None = None,
    power: float = 0.8,
    alpha: float = 0.05,
    per_sd: bool = True,
) -> float:
    r"""Return the smallest odds or hazard ratio that a trial would have found with the given power, two-sided.

    .. math:: \exp\left(\frac{z_{1-\alpha/2} + z_{power}}{\sqrt{I}}\right), \qquad
       I = \frac{n}{3}\left(1 - \sum_k p_k^3\right) \text{ or the number of events}

    :math:`I` is the information on the logarithm of the ratio per SD of the covariate. Of two categories it is
    n·p·(1 − p). For two arms of equal size (SD ½) it is a quarter.

    Parameters
    ----------
    categories : sequence of float, optional
        Patients in each category of the response: ``[7, 26]`` responders and others. For an odds ratio.
    events : float, optional
        Events. For a hazard ratio. One of the two is given.
    power, alpha : float
        Probability of finding it, and of a false alarm.
    per_sd : bool
        Per SD of a covariate; else between two arms of equal size.

    Returns
    -------
    float
        The ratio above 1; its reciprocal is as detectable. Infinite if nobody, or everybody, has the event.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    References
    ----------
    Hsieh FY et al. Stat Med 1998;17:1623-1634 (logistic). Whitehead J. Stat Med 1993;12:2257-2271 (ordinal).
    Hsieh FY, Lavori PW. Control Clin Trials 2000;21:552-560 (hazard ratio).
    """
    problems = [f"{name} is {shown(value)}; expected a number between 0 and 1"
                for name, value in (("power", power), ("alpha", alpha)) if not 0 < value < 1]  # fmt: skip
    if (categories is None) == (events is None):
        problems.append("expected either categories (for an odds ratio) or events (for a hazard ratio)")
    counts = np.asarray(categories if categories is not None else [0.0 if events is None else events], dtype=float)
    if not (np.isfinite(counts) & (counts >= 0)).all():
        problems.append(f"counts are {shown(counts.tolist())}; expected numbers ≥ 0")
    if categories is not None and len(counts) < 2:
        problems.append("categories has one count; expected one per category, at least two")
    reach = float(ndtri(1 - alpha / 2) + ndtri(power)) if not problems else 0.0
    if not problems and reach <= 0:
        problems.append(f"power {power:g} is no more than a test at {alpha:g} has without any effect")
    if problems:
        raise InputError(problems, "detectable_effect")
    information = float(counts[0]) if categories is None else _ordinal(counts)
    information *= 1.0 if per_sd else 0.25
    with np.errstate(divide="ignore", over="ignore"):
        return float(np.exp(reach / np.sqrt(np.float64(information))))


def _ordinal(counts: Any) -> float:
    patients = float(counts.sum())
    return 0.0 if patients == 0 else patients / 3.0 * float(1.0 - ((counts / patients) ** 3).sum())
