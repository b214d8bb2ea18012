"""Assurance: how probable a trial's success is when the model that predicts it is uncertain."""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas

from pkpd.arguments import at_least, checked, optional, some_times
from pkpd.arrays import Array
from pkpd.dosing import Regimen
from pkpd.errors import InputError, shown, warn
from pkpd.population import Source
from pkpd.simulate import simulate
from pkpd.trial.proportions import clopper_pearson

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True, eq=False)
class Assurance:
    """How often simulated trials succeeded.

    Attributes
    ----------
    rows : DataFrame
        See `table`.
    replicates, seed : int
        Simulated trials per number of subjects, and their seed.
    level : float
        Coverage of the intervals.
    """

    rows: pandas.DataFrame
    replicates: int
    seed: int
    level: float

    def table(self) -> pandas.DataFrame:
        """Return one row per number of subjects.

        ``subjects``, ``assurance`` with its exact Monte-Carlo interval ``low``, ``high``, ``power`` (the same with the
        estimates taken as the truth), ``undetermined`` (trials of the assurance whose success could not be judged; they
        count as failures).
        """
        return self.rows.copy()

    def summary(self) -> str:
        """Return one line per number of subjects."""
        return "\n".join(
            f"{row.subjects} subjects: assurance {100 * row.assurance:.1f} % ({100 * self.level:g} % Monte-Carlo "
            f"interval {100 * row.low:.1f} to {100 * row.high:.1f}), power at the estimates {100 * row.power:.1f} %"
            for row in self.rows.itertuples()
        )

    def __repr__(self) -> str:
        return f"{self.summary()}\n{self.replicates} trials each, seed {self.seed}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(repr(self)).replace(chr(10), '<br>')}</p>"


@checked(replicates=at_least(1), seed=at_least(0), times=optional(some_times()))
def assurance(
    source: Source,
    regimen: Regimen,
    success: Callable[[xarray.Dataset], Any],
    *,
    subjects: int | Iterable[int],
    replicates: int = 1000,
    seed: int = 1,
    times: Sequence[float] | Array | None = None,
    keep: Iterable[str] | str | None = None,
    level: float = 0.95,
    executor: Executor | None = None,
) -> Assurance:
    r"""Return the probability that a trial succeeds, averaged over the uncertainty of a fit.

    .. math:: \int P(\text{success} \mid \theta)\, p(\theta \mid \text{data})\, d\theta

    Every simulated trial has typical values and variances of its own, drawn by the covariance of the estimates
    (`simulate` with ``uncertain=True``). Power, beside it, takes the estimates as the truth. Uncertainty draws
    assurance towards 50 %.

    Parameters
    ----------
    source : Source
        A fit, or whatever has `population` and `draws`.
    regimen : Regimen
        What every subject gets.
    success : callable
        Is given the simulation of one trial (`xarray.Dataset` with dimensions subject and time) and returns whether the
        trial succeeded; None or NaN if that cannot be judged.
    subjects : int or iterable of int
        Numbers of subjects to compare.
    replicates : int
        Simulated trials for each.
    seed : int
        Of the simulation: the same seed gives the same trials.
    times, keep, executor
        As in `simulate`.
    level : float
        Coverage of the Monte-Carlo interval.

    Returns
    -------
    Assurance
        `table` has a row per number of subjects.

    Raises
    ------
    InputError
        If a number cannot be used, the source has no uncertainty, or `success` returns something else than yes or no.

    Warns
    -----
    DataWarning
        If trials could not be judged; they count as failures.

    References
    ----------
    O'Hagan A, Stevens JW, Campbell MJ. Pharm Stat 2005;4:187-201.
    """
    counts = [subjects] if isinstance(subjects, int) else list(subjects)
    problems = []
    if not counts or any(n < 1 for n in counts):
        problems.append(f"subjects is {shown(subjects)}; expected whole numbers ≥ 1")
    if not 0 < level < 1:
        problems.append(f"level is {shown(level)}; expected a number between 0 and 1")
    if problems:
        raise InputError(problems, "assurance")
    same: Any = {"replicates": replicates, "seed": seed, "keep": keep, "executor": executor, "progress": False,
                 "times": times}  # fmt: skip
    rows = []
    for n in counts:
        won, unknown = _judged(simulate(source, regimen, subjects=n, uncertain=True, **same), success)
        sure, _ = _judged(simulate(source, regimen, subjects=n, **same), success)
        low, high = clopper_pearson(won, replicates, level)
        rows.append({"subjects": n, "assurance": won / replicates, "low": low, "high": high, "power": sure / replicates,
                     "undetermined": unknown})  # fmt: skip
    table = pandas.DataFrame(rows)
    if lost := int(table["undetermined"].sum()):
        warn(f"{lost} of {replicates * len(counts)} trials could not be judged; they count as failures")
    return Assurance(table, replicates, seed, level)


def _judged(simulated: xarray.Dataset, success: Callable[[xarray.Dataset], Any]) -> tuple[int, int]:
    """How many trials succeeded, and how many could not be judged."""
    won = unknown = 0
    for k in range(simulated.sizes["replicate"]):
        try:
            verdict = success(simulated.isel(replicate=k))
        except Exception as error:
            raise InputError(
                f"success failed in trial {k + 1} ({error}); expected a function of one simulated trial", "assurance"
            ) from error
        if getattr(verdict, "ndim", None) == 0:
            verdict = verdict.item()
        if verdict is None or (isinstance(verdict, float) and math.isnan(verdict)):
            unknown += 1
        elif isinstance(verdict, bool | int) and verdict in (0, 1):
            won += int(verdict)
        else:
            raise InputError(f"success returned {shown(verdict)}; expected True or False, or None", "assurance")
    return won, unknown


__all__ = ["Assurance", "assurance"]
