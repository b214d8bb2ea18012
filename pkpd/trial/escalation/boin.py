"""BOIN: the observed share of toxicity at the current dose against two limits; Beta posteriors close doses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas

from pkpd.arguments import at_least, checked, checked_fields
from pkpd.arrays import Array, Flags, Integers
from pkpd.errors import InputError, shown
from pkpd.trial.escalation.isotonic import isotonic_toxicity
from pkpd.trial.escalation.states import STOP, States, counted, dose_problems, highest, plain_numbers, share_problems

_STAY, _UP, _DOWN, _OUT, _EDGE, _NO_HIGHER, _ENOUGH, _NONE = range(8)
_FEWEST = 3  # patients before a dose may be closed
_MOST = 1000  # rows of a table of limits
_TIE = 1e-10  # what R's BOIN adds per level, so that a tie below the target goes up and one above it down


@dataclass(frozen=True)
class Boin:
    r"""The Bayesian optimal interval design.

    The next dose is higher if :math:`y/n \le \lambda_e` of the current dose, lower if :math:`y/n \ge \lambda_d`,

    .. math:: \lambda_e = \ln\frac{1-\phi_1}{1-\phi} \Big/ \ln\frac{\phi(1-\phi_1)}{\phi_1(1-\phi)}, \qquad
              \lambda_d = \ln\frac{1-\phi}{1-\phi_2} \Big/ \ln\frac{\phi_2(1-\phi)}{\phi(1-\phi_2)}

    A dose and all above are closed when :math:`P(p > \phi \mid y, n)` exceeds `close` by the posterior Beta(1 + y,
    1 + n − y), n ≥ 3; the trial ends where the lowest one is closed. The MTD is the tried dose whose isotonic estimate
    is nearest to the target (of equal ones the highest below it, the lowest above it).

    Attributes
    ----------
    doses : tuple of float
        Dose of every level, increasing.
    target : float
        φ, the probability of toxicity that is aimed at.
    low, high : float, optional
        φ₁ and φ₂: probabilities that are too low and too high; by default 0.6 φ and 1.4 φ.
    close : float
        Posterior probability of a toxicity above the target that closes a dose.
    extra_safe : bool
        Whether the trial also ends when that of the lowest dose exceeds `close` − `offset`.
    offset : float
        See `extra_safe`.
    bounded : bool
        Whether the estimate of the MTD must not exceed λ_d.
    size, most : int
        Patients per cohort; evaluable patients of the whole trial.
    enough : int, optional
        The trial ends when it would stay at a dose that has had so many patients.
    start : float, optional
        Dose of the first cohort, by default the lowest.

    Raises
    ------
    InputError
        If doses do not increase or another number cannot be used.

    References
    ----------
    Liu S, Yuan Y. J R Stat Soc C 2015;64:507-523.
    """

    doses: tuple[float, ...]
    target: float = 0.3
    low: float | None = None
    high: float | None = None
    close: float = 0.95
    extra_safe: bool = False
    offset: float = 0.05
    bounded: bool = False
    size: int = 3
    most: int = 30
    enough: int | None = None
    start: float | None = None

    def __post_init__(self) -> None:
        checked_fields(self, "Boin", size=at_least(1), most=at_least(1, _MOST))
        plain_numbers(self)
        problems = dose_problems(self.doses, self.start) + interval_problems(self.target, self.low, self.high)
        problems += share_problems(close=self.close)
        if not 0 < self.offset < self.close:
            problems.append(f"offset is {shown(self.offset)}; expected a number between 0 and close")
        if self.enough is not None and self.enough < 1:
            problems.append(f"enough is {self.enough}; expected a number of patients ≥ 1")
        if problems:
            raise InputError(problems, "Boin")

    @property
    def name(self) -> str:
        """What it is called."""
        more = [text for text, on in (("extra safe", self.extra_safe), ("MTD bounded by λd", self.bounded)) if on]
        return f"BOIN, target {self.target:g}" + "".join(f", {text}" for text in more)

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
        below, above = limits(self.target, self.low, self.high)
        return (
            f"the share of toxicity lies between {below:.4f} and {above:.4f}: the same dose",
            f"the share of toxicity is at most {below:.4f}: the next higher dose",
            f"the share of toxicity is at least {above:.4f}: the next lower dose",
            f"P(toxicity > {self.target:g}) exceeds {self.close:g}: this dose and all above are closed",
            f"the share of toxicity is at least {above:.4f} at the lowest dose, which is not closed: the same dose",
            f"the share of toxicity is at most {below:.4f}, but no higher dose is open: the same dose",
            f"the dose has had {self.enough} patients and would be kept: the trial ends",
            "the lowest dose is closed: no dose is tolerated",
        )

    def decide(self, states: States) -> tuple[Integers, Integers]:
        """Return the level of the next cohort (or `STOP`) and the place of the reason, shape (trials,) each."""
        n, y = states.here()
        at, rows = states.at, np.arange(len(states))
        below, above = limits(self.target, self.low, self.high)
        shut = self._closed(states.treated, states.toxic)
        none = shut[:, 0] | (self._lowest_unsafe(states.treated, states.toxic) if self.extra_safe else False)
        share = y / np.maximum(n, 1)
        top = (at + 1 >= len(self.doses)) | shut[rows, np.minimum(at + 1, len(self.doses) - 1)]
        out, up, down = shut[rows, at], (share <= below) & (n > 0), (share >= above) & (n > 0)
        reason = np.select(
            [none, out, up & top, up, down & (at == 0), down], [_NONE, _OUT, _NO_HIGHER, _UP, _EDGE, _DOWN], _STAY
        )
        lower = highest(~shut & (np.arange(len(self.doses)) < at[:, None]))
        following = np.where(reason == _UP, at + 1, np.where(np.isin(reason, (_DOWN, _OUT)), lower, at))
        if self.enough is not None:
            full = (following == at) & (n >= self.enough) & (reason != _NONE)
            reason = np.where(full, _ENOUGH, reason)
        return np.where(np.isin(reason, (_NONE, _ENOUGH)), STOP, following), reason

    def recommended(self, treated: Integers, toxic: Integers) -> Integers:
        """Return the level of the MTD by isotonic regression; `STOP` if no dose is tolerated, shape (trials,)."""
        estimate = isotonic_toxicity(treated, toxic) + _TIE * np.arange(1, len(self.doses) + 1)
        shut = self._closed(treated, toxic)
        possible = (treated > 0) & ~shut
        if self.extra_safe:
            possible &= ~self._lowest_unsafe(treated, toxic)[:, None]
        if self.bounded:
            possible &= np.where(treated > 0, estimate, 1.0) <= limits(self.target, self.low, self.high)[1]
        away = np.where(possible, np.abs(np.where(possible, estimate, 0.0) - self.target), np.inf)
        return np.where(possible.any(axis=1), away.argmin(axis=1), STOP)

    def view(self, treated: Integers, toxic: Integers) -> pandas.DataFrame:
        """Return patients, toxicities, the isotonic estimate and P(toxicity > target), one row a dose."""
        n, y = treated[None], toxic[None]
        return counted(self.doses, treated, toxic).assign(
            isotonic=isotonic_toxicity(n, y)[0],
            p_above=np.where(treated > 0, _above(self.target, n, y)[0], np.nan),
            closed=self._closed(n, y)[0],
        )

    def _closed(self, treated: Integers, toxic: Integers) -> Flags:
        """Which doses are closed: one that is too toxic, and all above."""
        found = (treated >= _FEWEST) & (_above(self.target, treated, toxic) > self.close)
        return np.cumsum(found, axis=1) > 0

    def _lowest_unsafe(self, treated: Integers, toxic: Integers) -> Flags:
        n, y = treated[:, 0], toxic[:, 0]
        found: Flags = (n >= _FEWEST) & (_above(self.target, n, y) > self.close - self.offset)
        return found


def _above(target: float, treated: Integers, toxic: Integers) -> Array:
    """P(p > target) by the posterior Beta(1 + y, 1 + n − y)."""
    from scipy.special import betaincc

    top = int(treated.max(initial=0))
    if treated.size > (top + 1) ** 2:  # few different counts of many trials
        found: Array = _every_count(target, top)[treated, toxic]
    else:
        found = betaincc(1.0 + toxic, 1.0 + treated - toxic, target)
    return found


@lru_cache(maxsize=64)
def _every_count(target: float, top: int) -> Array:
    """P(p > target) for every n and y ≤ n up to a number."""
    n, y = np.indices((top + 1, top + 1))
    return _above(target, n, np.minimum(y, n))


def interval_problems(target: float, low: float | None, high: float | None) -> list[str]:
    """Return a sentence for every probability of BOIN that cannot be used."""
    problems = share_problems(target=target)
    if problems:
        return problems
    if low is not None and not 0 < low < target:
        problems.append(f"low is {shown(low)}; expected a number between 0 and the target {target:g}")
    if not target < (1.4 * target if high is None else high) < 1:
        said = f"high is {shown(high)}" if high is not None else f"high is 1.4 × {target:g} by default"
        problems.append(f"{said}; expected a number between the target {target:g} and 1")
    return problems


def limits(target: float, low: float | None = None, high: float | None = None) -> tuple[float, float]:
    """Return λ_e and λ_d.

    Parameters
    ----------
    target, low, high : float
        φ, φ₁ and φ₂.
    """
    one, two = 0.6 * target if low is None else low, 1.4 * target if high is None else high
    up = math.log((1 - one) / (1 - target)) / math.log(target * (1 - one) / (one * (1 - target)))
    down = math.log((1 - target) / (1 - two)) / math.log(two * (1 - target) / (target * (1 - two)))
    return up, down


@checked(most=at_least(1, _MOST))
def boin_boundaries(
    target: float = 0.3,
    *,
    most: int = 30,
    low: float | None = None,
    high: float | None = None,
    close: float = 0.95,
) -> pandas.DataFrame:
    """Return BOIN's table: with n patients at a dose, how many toxicities lead up, down, or close the dose.

    Parameters
    ----------
    target, low, high, close : float
        As in `Boin`.
    most : int
        Largest n.

    Returns
    -------
    pandas.DataFrame
        One row per number of patients: ``escalate_if_at_most``, ``deescalate_if_at_least``, ``eliminate_if_at_least``
        (missing where no count closes the dose); λ_e and λ_d in ``attrs``.

    Raises
    ------
    InputError
        If a probability cannot be used.

    References
    ----------
    Liu S, Yuan Y. J R Stat Soc C 2015;64:507-523, Table 1.
    """
    problems = interval_problems(target, low, high) + share_problems(close=close)
    if problems:
        raise InputError(problems, "boin_boundaries")
    up, down = limits(target, low, high)
    n = np.arange(1, most + 1)
    counts = np.arange(most + 1)
    shut = (_above(target, n[:, None], np.minimum(counts, n[:, None])) > close) & (counts <= n[:, None])
    shut &= n[:, None] >= _FEWEST
    lead_up = ((counts / n[:, None] <= up) & (counts <= n[:, None])).sum(axis=1) - 1
    table = pandas.DataFrame({
        "patients": n,
        "escalate_if_at_most": lead_up,
        "deescalate_if_at_least": _first(counts / n[:, None] >= down),
        "eliminate_if_at_least": _first(shut),
    })  # fmt: skip
    table.attrs = {"target": target, "lambda_e": up, "lambda_d": down, "close": close}
    return table


def _first(found: Flags) -> Sequence[int | None]:
    """The first place in every row where something holds; missing where it holds nowhere."""
    places: Sequence[int | None] = pandas.array(
        [int(row.argmax()) if row.any() else None for row in found], dtype="Int64"
    )
    return places


__all__ = ["Boin", "boin_boundaries", "limits"]
