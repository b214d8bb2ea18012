"""How many patients: to see an event at all, and for an exact test of one proportion."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt
import pandas

from pkpd.arguments import at_least, checked
from pkpd.arrays import Array, Flags
from pkpd.errors import InputError, shown

_EXACT = 1e-12  # a probability that is reached exactly, as 0.19 = 1 − 0.9² is, counts as reached
_MOST = 100_000


@checked(at_least=at_least(1))
def probability_to_see(rate: npt.ArrayLike, patients: npt.ArrayLike, *, at_least: int = 1) -> Array | float:
    r"""Return the probability of seeing an event in at least so many patients.

    .. math:: P(X \ge k) = 1 - \sum_{x<k} \binom{n}{x} p^x (1 - p)^{n - x}, \qquad k = 1:\; 1 - (1 - p)^n

    Parameters
    ----------
    rate : array-like
        p, the true probability in a patient; broadcasts with `patients`.
    patients : array-like
        n.
    at_least : int
        k.

    Returns
    -------
    float or array

    Raises
    ------
    InputError
        If a rate lies outside 0 to 1, or a number of patients is no whole number ≥ 0.
    """
    try:
        p, n = np.broadcast_arrays(np.asarray(rate, dtype=float), np.asarray(patients, dtype=float))
    except ValueError:
        shapes = f"{np.shape(rate)} and {np.shape(patients)}"
        raise InputError(
            f"rate and patients have shapes {shapes}; expected ones that fit", "probability_to_see"
        ) from None
    problems = []
    if not ((p >= 0) & (p <= 1)).all():
        problems.append(f"rate is {shown(float(p[~((p >= 0) & (p <= 1))][0]))}; expected 0 to 1")
    good = (n >= 0) & (n == np.rint(n)) & (n < 2**53)
    if not good.all():
        problems.append(f"patients is {shown(float(n[~good][0]))}; expected a whole number ≥ 0")
    if problems:
        raise InputError(problems, "probability_to_see")
    found = _at_least(p, n, at_least)
    return found if found.ndim else float(found)


def _at_least(p: Array, n: Array, k: int) -> Array:
    """P(X ≥ k), X binomial."""
    from scipy.special import betainc

    if k == 1:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(n == 0, 0.0, -np.expm1(n * np.log1p(-p))))
    return np.asarray(np.where(n < k, 0.0, betainc(k, np.maximum(n - k + 1, 1), p)))


@checked(at_least=at_least(1))
def patients_to_see(rate: float, probability: float = 0.95, *, at_least: int = 1) -> int:
    """Return the smallest number of patients of whom at least so many have an event with a given probability.

    Parameters
    ----------
    rate : float
        True probability of the event in a patient.
    probability : float
        With which it is to be seen.
    at_least : int
        In how many patients.

    Raises
    ------
    InputError
        If a number does not lie between 0 and 1, or more than 10⁹ patients would be needed.
    """
    problems = [f"{name} is {shown(p)}; expected a number between 0 and 1" for name, p in
                (("rate", rate), ("probability", probability)) if not 0 < p < 1]  # fmt: skip
    if problems:
        raise InputError(problems, "patients_to_see")

    def enough(n: int) -> bool:
        return bool(_at_least(np.asarray(rate), np.asarray(float(n)), at_least) >= probability - _EXACT)

    high = at_least
    while not enough(high):
        high *= 2
        if high > 2_000_000_000:
            raise InputError(f"more than 10⁹ patients for a rate of {rate:g}; expected a larger one", "patients_to_see")
    low = at_least - 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class SingleStage:
    """An exact one-sample design: p₀ is rejected if more than r of n patients respond.

    Attributes
    ----------
    r, n : int
        Largest number of responses that is not enough, and patients.
    p0, p1 : float
        Response probability that is not worth while, and one that must not be missed.
    alpha, power : float
        Probability of more than r responses at p₀ and at p₁.
    always_from : int
        From this n on every larger design keeps both limits, too (they come and go below, since responses are counted).
    """

    r: int
    n: int
    p0: float
    p1: float
    alpha: float
    power: float
    always_from: int

    def table(self) -> pandas.DataFrame:
        """Return the design as a table of one row."""
        return pandas.DataFrame([asdict(self)])

    def summary(self) -> str:
        """Return the design in a line of text."""
        return (
            f"{self.n} patients; more than {self.r} responses reject p = {self.p0:g} (α {self.alpha:.4f}), "
            f"power {self.power:.4f} at {self.p1:g}"
        )


@checked(most=at_least(1, _MOST))
def single_stage(p0: float, p1: float, *, alpha: float = 0.05, power: float = 0.8, most: int = 1000) -> SingleStage:
    r"""Return the smallest exact one-sample binomial design.

    The smallest n for which some r has :math:`P(X > r \mid p_0) \le \alpha` and :math:`P(X > r \mid p_1) \ge` power; r
    is the smallest that keeps α.

    Parameters
    ----------
    p0, p1 : float
        0 < p₀ < p₁ < 1.
    alpha, power : float
        Limits of the two probabilities (one-sided).
    most : int
        Largest n that is tried.

    Raises
    ------
    InputError
        If a number cannot be used, or no design has up to `most` patients.

    References
    ----------
    A'Hern RP. Stat Med 2001;20:859-866. Fleming TR. Biometrics 1982;38:143-151.
    """
    problems = rate_problems(p0, p1, alpha, power)
    if problems:
        raise InputError(problems, "single_stage")
    n = np.arange(1, most + 1)
    r, fits, alphas, powers = _critical(n, p0, p1, alpha, power)
    if not fits.any():
        raise InputError(f"no design has up to {most} patients; more patients (most=), or rates farther apart",
                         "single_stage")  # fmt: skip
    first = int(fits.argmax())
    # Beyond a normal approximation's n, with a margin, sawteeth of both probabilities stay inside the limits.
    tried = np.arange(1, max(most, 4 * int(n[first]) + 50) + 1)
    later = _critical(tried, p0, p1, alpha, power)[1]
    fails = np.flatnonzero(~later)
    always = int(tried[fails[-1]]) + 1 if len(fails) else 1
    return SingleStage(int(r[first]), int(n[first]), p0, p1, float(alphas[first]), float(powers[first]), always)


def _critical(
    n: npt.NDArray[np.int64], p0: float, p1: float, alpha: float, power: float
) -> tuple[npt.NDArray[np.int64], Flags, Array, Array]:
    """The smallest r that keeps α, whether it has the power, and both probabilities, for every n."""
    from scipy.stats import binom

    r = binom.isf(alpha, n, p0).astype(np.int64)
    r = np.where((r > 0) & (binom.sf(r - 1, n, p0) <= alpha), r - 1, r)
    r = np.where(binom.sf(r, n, p0) > alpha, r + 1, r)
    alphas, powers = binom.sf(r, n, p0), binom.sf(r, n, p1)
    return r, powers >= power - _EXACT, alphas, powers


def rate_problems(p0: float, p1: float, alpha: float, power: float) -> list[str]:
    """Return a sentence for everything that is wrong with rates and limits of a one-sample design."""
    problems = []
    if not 0 < p0 < p1 < 1:
        problems.append(f"p0 is {shown(p0)} and p1 {shown(p1)}; expected 0 < p0 < p1 < 1")
    if not 0 < alpha < 1:
        problems.append(f"alpha is {shown(alpha)}; expected a number between 0 and 1")
    if not 0 < power < 1:
        problems.append(f"power is {shown(power)}; expected a number between 0 and 1")
    elif 0 < alpha < 1 and power <= alpha:
        problems.append(f"power is {shown(power)}; expected more than alpha, {alpha:g}")
    return problems


__all__ = ["SingleStage", "patients_to_see", "probability_to_see", "rate_problems", "single_stage"]
