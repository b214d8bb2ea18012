"""Exact binomial intervals, and percentages, as trials report them."""

from __future__ import annotations

import math
from fractions import Fraction

from scipy.special import bdtrik, betaincinv

from pkpd.arguments import checked
from pkpd.errors import InputError


@checked
def clopper_pearson(events: int, patients: int, level: float = 0.95) -> tuple[float, float]:
    r"""Return the exact (Clopper–Pearson) confidence interval of a proportion.

    The limits are the :math:`\alpha/2` quantile of Beta(x, n − x + 1) and the :math:`1 - \alpha/2` quantile of
    Beta(x + 1, n − x).

    Parameters
    ----------
    events, patients : int
        x of n.
    level : float
        Coverage.

    Raises
    ------
    InputError
        If not 0 ≤ x ≤ n, n ≥ 1, 0 < level < 1.

    References
    ----------
    Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.
    """
    if not (0 <= events <= patients and patients >= 1 and 0 < level < 1):
        raise InputError(
            f"{events} of {patients} at level {level}; expected 0 ≤ events ≤ patients, patients ≥ 1, 0 < level < 1"
        )
    tail = (1 - level) / 2
    low = 0.0 if events == 0 else float(betaincinv(events, patients - events + 1, tail))
    high = 1.0 if events == patients else float(betaincinv(events + 1, patients - events, 1 - tail))
    return low, high


def prediction_interval(patients: int, p: float, level: float = 0.90) -> tuple[int, int]:
    """Return the central prediction interval of a binomial count: its quantiles at (1 ∓ level)/2.

    Parameters
    ----------
    patients : int
        n.
    p : float
        True probability of the event in a patient.
    level : float
        Coverage, at least.
    """
    tail = (1 - level) / 2
    p = min(max(p, 1e-12), 1 - 1e-12)
    ends = [int(min(max(math.ceil(float(bdtrik(q, patients, p)) - 1e-9), 0), patients)) for q in (tail, 1 - tail)]
    return ends[0], ends[1]


def percent_text(events: int, patients: int, decimals: int = 0) -> str:
    """Return a percentage with so many decimals, halves rounded up, computed in whole numbers: 1 of 8 is "13"."""
    tenths = math.floor(Fraction(100 * events * 10**decimals, patients) + Fraction(1, 2))
    whole, rest = divmod(tenths, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}" if decimals else str(whole)


def denominators(events: int, percent: str, most: int) -> list[int]:
    """Return the numbers of patients up to `most` of whom so many events are the printed percentage."""
    decimals = len(percent.partition(".")[2])
    low, high = _rounded_from(percent)
    first = max(events, 1, math.floor(100 * events / high))
    last = min(most, math.ceil(100 * events / low)) if low > 0 else most
    return [n for n in range(first, last + 1) if percent_text(events, n, decimals) == percent]


def numerators(patients: int, percent: str) -> list[int]:
    """Return the counts of so many patients that are the printed percentage."""
    decimals = len(percent.partition(".")[2])
    low, high = _rounded_from(percent)
    first, last = max(math.floor(low * patients / 100), 0), min(math.ceil(high * patients / 100), patients)
    return [x for x in range(first, last + 1) if percent_text(x, patients, decimals) == percent]


def _rounded_from(percent: str) -> tuple[Fraction, Fraction]:
    """The ends of what is rounded to a printed percentage."""
    half = Fraction(1, 2 * 10 ** len(percent.partition(".")[2]))
    return Fraction(percent) - half, Fraction(percent) + half
