"""The criterion of dose proportionality of Smith et al., from a slope with its interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.files import Part

PROPORTIONAL, INCONCLUSIVE, NOT_PROPORTIONAL = "proportional", "inconclusive", "not proportional"


@dataclass(frozen=True)
class Criterion(Part):
    """What the interval of a slope says about proportionality over a range of doses.

    Attributes
    ----------
    critical_low, critical_high : float
        Slopes at which the ratio of dose-normalised means between the ends of the range is at the limits.
    conclusion : {"proportional", "inconclusive", "not proportional"}
        Whether the interval lies inside the critical region, overlaps its ends, or lies outside.
    ratio, ratio_low, ratio_high : float
        ``r^(β − 1)``, the ratio of dose-normalised means over the range, and its limits.
    linear_to : float
        Largest dose ratio over which the interval lies inside the critical region (ρ1 of Smith et al.).
    nonlinear_from : float
        Dose ratio beyond which it lies outside (ρ2); infinite if the interval holds 1.
    """

    critical_low: float
    critical_high: float
    conclusion: str
    ratio: float
    ratio_low: float
    ratio_high: float
    linear_to: float
    nonlinear_from: float


@checked
def criterion(
    beta: float, low: float, high: float, dose_ratio: float, limits: tuple[float, float] = (0.8, 1.25)
) -> Criterion:
    """Return what a slope of the power model says about proportionality, whatever model it came from.

    The critical region of β is ``1 + ln(θL)/ln(r)`` to ``1 + ln(θH)/ln(r)``, with ``r`` the ratio of the highest to
    the lowest dose.

    Parameters
    ----------
    beta, low, high : float
        Slope of ln Y over ln dose with its confidence limits, e.g. from a mixed model.
    dose_ratio : float
        Highest by lowest dose, above 1.
    limits : tuple of float
        Accepted ratio of dose-normalised means, θL and θH.

    Raises
    ------
    InputError
        If the limits of β, of the ratio, or the dose ratio cannot be used.

    References
    ----------
    Smith BP, Vandenhende FR, DeSante KA, Farid NA, Welch PA, Callaghan JT, Forgue ST. Confidence interval criteria
    for assessment of dose proportionality. Pharm Res 17 (2000) 1278-1283.
    """
    problems = limits_problem(limits)
    if not low <= beta <= high:
        problems.append(f"beta is {beta} with limits {low} to {high}; expected it between them")
    if not 1 < dose_ratio < np.inf:
        problems.append(f"dose_ratio is {dose_ratio}; expected a number above 1")
    if problems:
        raise InputError(problems, "dose proportionality")
    span, (below, above) = float(np.log(dose_ratio)), (float(np.log(v)) for v in limits)
    inside = 1 + below / span <= low and high <= 1 + above / span
    outside = high < 1 + below / span or low > 1 + above / span
    reach = [below / (low - 1) if low < 1 else np.inf, above / (high - 1) if high > 1 else np.inf]
    leave = below / (high - 1) if high < 1 else above / (low - 1) if low > 1 else np.inf
    ratio, ratio_low, ratio_high = (exp_or_infinite(span * (b - 1)) for b in (beta, low, high))
    return Criterion(
        1 + below / span, 1 + above / span,
        PROPORTIONAL if inside else NOT_PROPORTIONAL if outside else INCONCLUSIVE,
        ratio, ratio_low, ratio_high, exp_or_infinite(min(reach)), exp_or_infinite(leave),
    )  # fmt: skip


def limits_problem(limits: tuple[float, float]) -> list[str]:
    """Return what is wrong with the accepted range of a ratio."""
    good = len(limits) == 2 and 0 < limits[0] < 1 < limits[1] < np.inf
    return (
        []
        if good
        else [
            f"limits are ({limits[0]:g}, {limits[1]:g}); expected one between 0 and 1 and one above 1, e.g. (0.8, 1.25)"
        ]
    )


def exp_or_infinite(x: float) -> float:
    """Return exp(x), infinite where it is too large (limits from very few values)."""
    with np.errstate(over="ignore"):
        return float(np.exp(x))
