"""The two-parameter Bayesian logistic regression with overdose control."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas

from pkpd.arguments import at_least, checked_fields
from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError, shown
from pkpd.trial.escalation.logistic_grid import Posterior, fine_enough, grid
from pkpd.trial.escalation.states import STOP, States, alike, counted, dose_problems, plain_numbers

_BEST, _HELD, _SURE, _UNSAFE = range(4)


@dataclass(frozen=True)
class Blrm:
    r"""The Bayesian logistic regression model with escalation with overdose control.

    .. math:: \mathrm{logit}\, p(d) = \ln\alpha + \beta \ln(d/d^*), \qquad (\ln\alpha, \ln\beta) \sim N_2(m, S)

    A dose may be given if :math:`P(p(d) > 0.33 \mid \mathrm{data}) < 0.25`; of those, the next dose is the one with the
    largest probability that p lies in the target interval, not higher than the steps allow. If no dose may be given,
    the trial ends without an MTD. The recommended dose is the best by the same rule among those that were tried.

    Attributes
    ----------
    doses : tuple of float
        Dose of every level, increasing.
    reference : float
        d*, the dose at which α is the odds of toxicity.
    prior_mean, prior_sd : (float, float)
        Means and standard deviations of ln α and ln β. The default is weak: median probability 0.25 at d*.
    prior_correlation : float
        Of ln α and ln β.
    target : (float, float)
        The target interval; above its end is an overdose.
    overdose : float
        Largest probability of an overdose; a dose must be below it.
    one_step : bool
        Whether at most one level is gone up at a time.
    largest_rise : float, optional
        Largest ratio of the next dose to the last one, such as 2.
    enough, sure : int, float
        If given: the trial ends when it would stay at a dose that has had `enough` patients and whose probability of
        the target interval is at least `sure`.
    size, most : int
        Patients per cohort; evaluable patients of the whole trial.
    start : float, optional
        Dose of the first cohort, by default the lowest.

    Raises
    ------
    InputError
        If doses do not increase or another number cannot be used.

    References
    ----------
    Neuenschwander B, Branson M, Gsponer T. Stat Med 2008;27:2420-2439. Babb J, Rogatko A, Zacks S. Stat Med
    1998;17:1103-1120 (overdose control).
    """

    doses: tuple[float, ...]
    reference: float
    prior_mean: tuple[float, float] = (math.log(1 / 3), 0.0)
    prior_sd: tuple[float, float] = (2.0, 1.0)
    prior_correlation: float = 0.0
    target: tuple[float, float] = (0.16, 0.33)
    overdose: float = 0.25
    one_step: bool = True
    largest_rise: float | None = None
    enough: int | None = None
    sure: float = 0.5
    size: int = 3
    most: int = 30
    start: float | None = None

    def __post_init__(self) -> None:
        checked_fields(self, "Blrm", size=at_least(1), most=at_least(1, 1000))
        plain_numbers(self, "prior_mean", "prior_sd", "target")
        problems = dose_problems(self.doses, self.start)
        if not 0 < self.reference < math.inf:
            problems.append(f"reference is {shown(self.reference)}; expected a dose > 0")
        if not all(abs(m) < 50 for m in self.prior_mean):
            problems.append(f"prior_mean is {shown(self.prior_mean)}; expected numbers between −50 and 50")
        if not all(1e-3 <= s <= 5 for s in self.prior_sd):
            problems.append(f"prior_sd is {shown(self.prior_sd)}; expected numbers from 0.001 to 5")
        if not -0.99 <= self.prior_correlation <= 0.99:
            problems.append(f"prior_correlation is {shown(self.prior_correlation)}; expected −0.99 to 0.99")
        if not 0 < self.target[0] < self.target[1] < 1:
            problems.append(f"target is {shown(self.target)}; expected two increasing numbers between 0 and 1")
        for name in ("overdose", "sure"):
            if not 0 < getattr(self, name) <= 1:
                problems.append(f"{name} is {shown(getattr(self, name))}; expected 0 < {name} ≤ 1")
        if self.largest_rise is not None and not self.largest_rise >= 1:
            problems.append(f"largest_rise is {shown(self.largest_rise)}; expected a ratio ≥ 1")
        if self.enough is not None and self.enough < 1:
            problems.append(f"enough is {self.enough}; expected a number of patients ≥ 1")
        if problems:
            raise InputError(problems, "Blrm")

    @property
    def name(self) -> str:
        """What it is called."""
        return f"BLRM, target {self.target[0]:g} to {self.target[1]:g}, overdose below {self.overdose:g}"

    @property
    def goal(self) -> float:
        """The middle of the target interval."""
        return sum(self.target) / 2

    @property
    def ceiling(self) -> float:
        """The end of the target interval: a true probability above it is an overdose."""
        return self.target[1]

    @property
    def fixed(self) -> bool:
        """The number of patients is planned."""
        return True

    @property
    def reasons(self) -> tuple[str, ...]:
        """What may be said of a decision."""
        low, high = self.target
        return (
            f"of doses with P(toxicity > {high:g}) < {self.overdose:g}, it most probably lies in {low:g} to {high:g}",
            "a higher dose is better, but is more than one step away",
            f"after {self.enough} patients the dose lies in the target interval with P ≥ {self.sure:g}: the trial ends",
            f"every dose has P(toxicity > {high:g}) ≥ {self.overdose:g}: no dose is tolerated",
        )

    def decide(self, states: States) -> tuple[Integers, Integers]:
        """Return the level of the next cohort (or `STOP`) and the place of the reason, shape (trials,) each."""
        found = self._posterior(states.treated, states.toxic)
        safe, levels = found.above < self.overdose, np.arange(len(self.doses))
        reachable = np.ones_like(safe)
        if self.one_step:
            reachable &= levels <= states.at[:, None] + 1
        if self.largest_rise is not None:
            given = np.asarray(self.doses)
            # A dose of exactly twice the last one is within a rise of 2.
            reachable &= given <= given[states.at][:, None] * self.largest_rise * (1 + 1e-12)
        best, anywhere = _best(safe & reachable, found.inside), _best(safe, found.inside)
        reason = np.where(anywhere > best, _HELD, _BEST)
        reason = np.where(best == STOP, _UNSAFE, reason)
        if self.enough is not None:
            n, _ = states.here()
            sure = found.inside[np.arange(len(n)), np.maximum(best, 0)] >= self.sure
            ends = (best == states.at) & (n >= self.enough) & sure
            best, reason = np.where(ends, STOP, best), np.where(ends, _SURE, reason)
        return best, reason

    def recommended(self, treated: Integers, toxic: Integers) -> Integers:
        """Return the tried level that may be given and most probably lies in the target; `STOP` if there is none."""
        found = self._posterior(treated, toxic)
        return _best((found.above < self.overdose) & (treated > 0), found.inside)

    def view(self, treated: Integers, toxic: Integers) -> pandas.DataFrame:
        """Return probabilities of the three intervals and the mean toxicity, one row a dose."""
        found = self._posterior(treated[None], toxic[None])
        return counted(self.doses, treated, toxic).assign(
            mean=found.mean[0],
            p_under=1 - found.inside[0] - found.above[0],
            p_target=found.inside[0],
            p_over=found.above[0],
            allowed=found.above[0] < self.overdose,
        )

    def _posterior(self, treated: Integers, toxic: Integers) -> Posterior:
        first, which = alike(treated, toxic)
        n = treated[first]
        points = grid(
            self.doses, self.reference, self.prior_mean, self.prior_sd, self.prior_correlation, self.target,
            patients=fine_enough(int(n.sum(axis=1).max(initial=0))),
        )  # fmt: skip
        found = points.posterior(n, toxic[first])
        return Posterior(found.mean[which], found.inside[which], found.above[which])


def _best(possible: Flags, value: Array) -> Integers:
    """The possible level with the largest value, the lowest of equal ones; `STOP` where none is possible."""
    place: Integers = np.where(possible, value, -1.0).argmax(axis=1)
    return np.where(possible.any(axis=1), place, STOP)


__all__ = ["Blrm"]
