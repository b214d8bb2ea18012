"""Exact binomial intervals, as trials report them."""

from __future__ import annotations

from scipy.special import betaincinv

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
