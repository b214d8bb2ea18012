"""What change of exposure a trial with few antibody-positive patients could have noticed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtri, ndtr, roots_legendre, stdtrit

from pkpd.arguments import at_least, checked
from pkpd.arrays import Array
from pkpd.errors import InputError, shown
from pkpd.trial.proportions import clopper_pearson

if TYPE_CHECKING:
    import pandas

_POINTS, _LARGEST = 400, 1e4  # a power that needs a larger effect than that is out of reach


def noncentrality(freedom: float, level: float, power: float) -> float:
    r"""Return the true effect, in standard errors, that a t interval tells from 0 with the given power.

    .. math:: E\left[\Phi(\delta - tS) + \Phi(-\delta - tS)\right] = power, \qquad \nu S^2 \sim \chi^2_\nu,
       \quad t = t_{(1+level)/2,\nu}

    which is the noncentral t distribution. The mean is taken over the quantiles of S (Gauss–Legendre, 400 points, to
    about 1e-6); SciPy's function of that distribution has NaN for some large δ.

    Parameters
    ----------
    freedom : float
        Degrees of freedom ν ≥ 1.
    level : float
        Of the interval; the test is one at 1 − level.
    power : float
        More than 1 − level.
    """
    from scipy.optimize import brentq

    points, weights = _nodes()
    limit = float(stdtrit(freedom, 0.5 + level / 2)) * np.sqrt(chdtri(freedom, (1.0 - points) / 2) / freedom)

    def lacking(delta: float) -> float:
        return power - float((weights / 2 * (ndtr(delta - limit) + ndtr(-delta - limit))).sum())

    high = 1.0
    while lacking(high) > 0 and high < _LARGEST:
        high *= 2.0
    return float(brentq(lacking, 0.0, high, xtol=1e-10)) if lacking(high) <= 0 else np.inf


@lru_cache(maxsize=1)
def _nodes() -> tuple[Array, Array]:
    """Points and weights of Gauss and Legendre between −1 and 1."""
    points, weights = roots_legendre(_POINTS)
    return points, weights


@checked(positive=at_least(1), negative=at_least(1), before=at_least(1), after=at_least(1), trials=at_least(1),
         seed=at_least(0))  # fmt: skip
def detectable_antibody_ratio(
    positive: int,
    negative: int,
    *,
    cv_within: float,
    cv_between: float,
    before: int = 1,
    after: int = 1,
    level: float = 0.9,
    power: float = 0.8,
    trials: int = 10_000,
    seed: int = 1,
) -> pandas.DataFrame:
    r"""Return the smallest ratio of exposures, or of clearances, that so few positive patients could have shown.

    .. math:: r = \exp(\delta\,SE), \quad
       SE_{paired} = \sigma_w\sqrt{\frac{1/n_a + 1/n_b}{p}}, \quad
       SE_{unpaired} = \sqrt{\sigma_b^2 + \sigma_w^2/n_a}\,\sqrt{1/p + 1/q}, \quad \sigma^2 = \ln(1 + CV^2)

    with δ the noncentrality at which a t test (p − 1, or p + q − 2 degrees of freedom) has the power: exact for
    log-normal exposures.

    Parameters
    ----------
    positive, negative : int
        Patients with antibodies (p) and without (q).
    cv_within, cv_between : float
        Coefficients of variation of the exposure within and between patients, %.
    before, after : int
        Profiles of a patient before antibodies were detected, and after (unpaired: per patient of either kind).
    level : float
        Of the interval that must exclude 1.
    power : float
        With which it must.
    trials : int
        Simulated comparisons that check the formula.
    seed : int
        Of these.

    Returns
    -------
    DataFrame
        ``design`` ("paired", "unpaired"), ``positive, negative, freedom, ratio`` (above 1), ``reciprocal``,
        ``simulated_power`` at that ratio, ``low, high`` (its 95 % Monte-Carlo interval), ``reason``. In a linear model
        a clearance r times as high makes an AUC 1/r times as high: both columns hold for both.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    problems = [f"{name} is {shown(value)}; expected a number > 0"
                for name, value in (("cv_within", cv_within), ("cv_between", cv_between))
                if not 0 < value < np.inf]  # fmt: skip
    problems += chances(level, power)
    if problems:
        raise InputError(problems, "detectable_antibody_ratio")
    within, between = (float(np.log1p((cv / 100.0) ** 2)) for cv in (cv_within, cv_between))
    rng = np.random.default_rng(seed)
    rows = []
    for design in ("paired", "unpaired"):
        paired = design == "paired"
        variance = within * (1 / after + 1 / before) if paired else between + within / after
        se = float(np.sqrt(variance / positive if paired else variance * (1 / positive + 1 / negative)))
        freedom = positive - 1 if paired else positive + negative - 2
        if freedom < 1:
            rows.append((design, positive, negative, freedom, *[np.nan] * 5, "one patient has no spread"))
            continue
        effect = noncentrality(freedom, level, power) * se
        # What each trial observes: a normal mean (or difference of means) and an independent chi-square variance.
        groups = [(positive, effect)] if paired else [(positive, effect), (negative, 0.0)]
        values = [mean + np.sqrt(variance) * rng.standard_normal((trials, n)) for n, mean in groups]
        means = [v.mean(axis=1) for v in values]
        squares = sum(((v - m[:, None]) ** 2).sum(axis=1) for v, m in zip(values, means, strict=True))
        seen = means[0] - (0.0 if paired else means[1])
        error = np.sqrt(squares / freedom * (1 / positive if paired else 1 / positive + 1 / negative))
        found = int((np.abs(seen) > float(stdtrit(freedom, 0.5 + level / 2)) * error).sum())
        low, high = clopper_pearson(found, trials)
        ratio = float(np.exp(effect))
        rows.append((design, positive, negative, freedom, ratio, 1.0 / ratio, found / trials, low, high, ""))
    return pandas.DataFrame(rows, columns=[
        "design", "positive", "negative", "freedom", "ratio", "reciprocal", "simulated_power", "low", "high", "reason",
    ])  # fmt: skip


def chances(level: float, power: float) -> list[str]:
    """What is wrong with a level and a power."""
    problems = [f"{name} is {shown(value)}; expected a number between 0 and 1"
                for name, value in (("level", level), ("power", power)) if not 0 < value < 1]  # fmt: skip
    if not problems and power <= 1 - level:
        problems.append(f"power {power:g} is no more than an interval at {level:g} has without any effect")
    return problems
