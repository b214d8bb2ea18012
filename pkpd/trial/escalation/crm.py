"""The continual reassessment method: one parameter bends a prior curve of toxicity over dose."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas

from pkpd.arguments import at_least, checked, checked_fields
from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError, shown
from pkpd.trial.escalation.states import STOP, States, alike, counted, dose_problems, plain_numbers, share_problems

_NEAREST, _ONE_STEP, _COHERENT, _UNSAFE = range(4)
_REACH = 7.0  # of the grid, in prior SDs
_STEP, _INFORMATION = 0.36, 0.65  # its distance by the smallest posterior SD; no patient tells more about β
_BLOCK = 4000  # trials whose posteriors are computed at once


@dataclass(frozen=True)
class Crm:
    r"""The one-parameter continual reassessment method with the empiric (power) model.

    .. math:: p_i(\beta) = s_i^{\exp(\beta)}, \qquad \beta \sim N(0, \sigma^2)

    s is the prior guess (the skeleton). The next dose is the one whose :math:`p_i(\mathrm{E}[\beta])` is nearest to the
    target (of two the lower), at most one level above the last one, and not higher than it if the last cohort's share
    of toxicity was above the target. The method has no overdose control; `stop_above` ends a trial.

    Attributes
    ----------
    doses : tuple of float
        Dose of every level, increasing.
    skeleton : tuple of float
        Prior guess of the probability of toxicity at each dose, increasing (`crm_skeleton` makes one).
    target : float
        Probability of toxicity that is aimed at.
    variance : float
        Prior variance σ² of β.
    one_step : bool
        Whether at most one level is gone up at a time.
    coherent : bool
        Whether a cohort with more toxicity than the target is never followed by a higher dose.
    stop_above : float, optional
        The trial ends without an MTD when P(toxicity at the lowest dose > target) exceeds this.
    size, most : int
        Patients per cohort; evaluable patients of the whole trial.
    start : float, optional
        Dose of the first cohort, by default the lowest.

    Raises
    ------
    InputError
        If doses or skeleton do not increase or another number cannot be used.

    References
    ----------
    O'Quigley J, Pepe M, Fisher L. Biometrics 1990;46:33-48. Goodman SN et al. Stat Med 1995;14:1149-1161 (steps).
    Cheung YK. Biometrika 2005;92:863-873 (coherence). Default variance: Cheung's R package dfcrm.
    """

    doses: tuple[float, ...]
    skeleton: tuple[float, ...]
    target: float = 0.3
    variance: float = 1.34
    one_step: bool = True
    coherent: bool = True
    stop_above: float | None = None
    size: int = 3
    most: int = 30
    start: float | None = None

    def __post_init__(self) -> None:
        checked_fields(self, "Crm", size=at_least(1), most=at_least(1, 1000))
        plain_numbers(self, "skeleton")
        problems = dose_problems(self.doses, self.start) + share_problems(target=self.target)
        prior = np.asarray(self.skeleton, dtype=float)
        if not ((prior > 0) & (prior < 1)).all() or not (np.diff(prior) > 0).all():
            problems.append(f"skeleton is {shown(self.skeleton)}; expected increasing numbers between 0 and 1")
        if len(prior) != len(self.doses):
            problems.append(f"skeleton has {len(prior)} values for {len(self.doses)} doses; expected one for each")
        if not 1e-6 < self.variance < 100:
            problems.append(f"variance is {shown(self.variance)}; expected a number between 1e-6 and 100")
        if self.stop_above is not None:
            problems += share_problems(stop_above=self.stop_above)
        if problems:
            raise InputError(problems, "Crm")

    @property
    def name(self) -> str:
        """What it is called."""
        return f"CRM (power model), target {self.target:g}"

    @property
    def goal(self) -> float:
        """The probability of toxicity that is aimed at."""
        return self.target

    @property
    def ceiling(self) -> float:
        """The target: a true probability above it is an overdose."""
        return self.target

    @property
    def fixed(self) -> bool:
        """The number of patients is planned."""
        return True

    @property
    def reasons(self) -> tuple[str, ...]:
        """What may be said of a decision."""
        return (
            f"its estimate is nearest to {self.target:g}",
            f"a higher dose is nearer to {self.target:g}, but only one level is gone up at a time",
            "a higher dose is nearer to the target, but the last cohort had more toxicity than that: not higher",
            f"P(toxicity > {self.target:g}) of the lowest dose exceeds {self.stop_above}: no dose is tolerated",
        )

    def decide(self, states: States) -> tuple[Integers, Integers]:
        """Return the level of the next cohort (or `STOP`) and the place of the reason, shape (trials,) each."""
        mean, unsafe = self._posterior(states.treated, states.toxic)
        best = self._nearest(mean)
        following, reason = best.copy(), np.full(len(best), _NEAREST)
        if self.one_step:
            held = best > states.at + 1
            following, reason = np.where(held, states.at + 1, following), np.where(held, _ONE_STEP, reason)
        if self.coherent:
            held = (following > states.at) & (states.last > self.target * states.size)
            following, reason = np.where(held, states.at, following), np.where(held, _COHERENT, reason)
        return np.where(unsafe, STOP, following), np.where(unsafe, _UNSAFE, reason)

    def recommended(self, treated: Integers, toxic: Integers) -> Integers:
        """Return the tried level whose estimate is nearest to the target; `STOP` if none is tolerated."""
        mean, unsafe = self._posterior(treated, toxic)
        away = np.where(treated > 0, np.abs(self._curve(mean) - self.target), np.inf)
        return np.where(unsafe | ~np.isfinite(away).any(axis=1), STOP, away.argmin(axis=1))

    def view(self, treated: Integers, toxic: Integers) -> pandas.DataFrame:
        """Return prior and posterior toxicity and P(toxicity > target), one row a dose; β's moments in ``attrs``."""
        points, weights = self._weights(treated[None], toxic[None])
        mean = float(weights[0] @ points)
        edge = np.log(np.log(self.target) / np.log(np.asarray(self.skeleton)))  # p above the target: β below this
        table = counted(self.doses, treated, toxic).assign(
            prior=self.skeleton,
            estimate=self._curve(np.array([mean]))[0],
            p_above=[_below(points, weights, float(one))[0] for one in edge],
        )
        table.attrs = {"beta_mean": mean, "beta_variance": float(weights[0] @ (points - mean) ** 2)}
        return table

    def _curve(self, beta: Array) -> Array:
        """Probabilities of toxicity, shape (trials, levels)."""
        found: Array = np.asarray(self.skeleton) ** np.exp(beta)[:, None]
        return found

    def _nearest(self, mean: Array) -> Integers:
        found: Integers = np.abs(self._curve(mean) - self.target).argmin(axis=1)
        return found

    def _posterior(self, treated: Integers, toxic: Integers) -> tuple[Array, Flags]:
        """The posterior mean of β, and whether the lowest dose is too toxic, shape (trials,) each."""
        first, which = alike(treated, toxic)
        n, y = treated[first], toxic[first]
        mean, unsafe = np.empty(len(n)), np.zeros(len(n), dtype=bool)
        edge = math.log(math.log(self.target) / math.log(self.skeleton[0]))
        for begin in range(0, len(n), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            points, weights = self._weights(n[part], y[part])
            mean[part] = weights @ points
            if self.stop_above is not None:
                unsafe[part] = _below(points, weights, edge) > self.stop_above
        return mean[which], unsafe[which]

    def _weights(self, treated: Integers, toxic: Integers) -> tuple[Array, Array]:
        """Points of β, and their posterior weights with sum 1, shape (trials, points)."""
        sd = math.sqrt(self.variance)
        patients = int(treated.sum(axis=1).max(initial=0))
        step = _STEP / math.sqrt(1 / self.variance + _INFORMATION * patients)
        number = 2 * math.ceil(_REACH * sd / step) + 1
        points = np.linspace(-_REACH * sd, _REACH * sd, number)
        log_p = np.exp(points) * np.log(np.asarray(self.skeleton))[:, None]  # (levels, points)
        log_q = np.log(np.maximum(-np.expm1(log_p), 1e-300))
        log_density = toxic @ log_p + (treated - toxic) @ log_q - points**2 / (2 * self.variance)
        weights = np.exp(log_density - log_density.max(axis=1, keepdims=True))
        return points, weights / weights.sum(axis=1, keepdims=True)


def _below(points: Array, weights: Array, edge: float) -> Array:
    """P(β < edge) from values of a smooth density on an even grid: the integral of its band-limited interpolation."""
    from scipy.special import sici

    step = points[1] - points[0]
    share: Array = weights @ (0.5 + sici(np.pi * (edge - points) / step)[0] / np.pi)
    return np.clip(share, 0.0, 1.0)


@checked
def crm_skeleton(levels: int, *, target: float = 0.3, at: int = 3, half_width: float = 0.05) -> tuple[float, ...]:
    r"""Return a prior curve of toxicity by indifference intervals, for the power model.

    At the value of β where :math:`p_{k+1} = \theta + \delta`, :math:`p_k = \theta - \delta`, so that

    .. math:: \ln s_{k} = \ln s_{k+1}\, \frac{\ln(\theta - \delta)}{\ln(\theta + \delta)}, \qquad s_{\nu} = \theta

    Parameters
    ----------
    levels : int
        Number of doses.
    target : float
        θ.
    at : int
        ν, the level, counted from 1, that is guessed to be the MTD.
    half_width : float
        δ.

    Raises
    ------
    InputError
        If 0 < θ − δ < θ + δ < 1 does not hold, or ν is no level.

    References
    ----------
    Lee SM, Cheung YK. Clin Trials 2009;6:227-238.
    """
    problems = share_problems(target=target)
    if not problems and not (half_width > 0 and target - half_width > 0 and target + half_width < 1):
        problems.append(f"half_width is {shown(half_width)}; expected 0 < target − half_width, target + half_width < 1")
    if not 1 <= levels <= 100:
        problems.append(f"levels is {levels}; expected 1 to 100")
    elif not 1 <= at <= levels:
        problems.append(f"at is {at}; expected a level from 1 to {levels}")
    if problems:
        raise InputError(problems, "crm_skeleton")
    ratio = math.log(target - half_width) / math.log(target + half_width)
    return tuple(math.exp(math.log(target) * ratio ** (at - k)) for k in range(1, levels + 1))


__all__ = ["Crm", "crm_skeleton"]
