"""What a trial sees of tumours: scans, their assessment by RECIST, response, and how long it lasts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.trial.recist.assess import assess_response
from pkpd.trial.recist.best_response import best_response
from pkpd.trial.survival.patients import MONTH
from pkpd.trial.survival.progression import PfsRules, progression_free_survival
from pkpd.trial.virtual.plan import TumourScans

if TYPE_CHECKING:
    import pandas

RESPONSES = ("CR", "PR", "SD", "PD", "NE")
"""Responses by their code; −1 is none."""


@dataclass(frozen=True, eq=False)
class Followed:
    """Scans and what follows from them.

    Attributes
    ----------
    scans : DataFrame
        One row a scan after baseline: ``subject, day, sum, new, response``.
    best : DataFrame
        One row a patient: ``subject, response``.
    survival : DataFrame
        One row a patient: ``subject, duration`` (days), ``event``.
    """

    scans: pandas.DataFrame
    best: pandas.DataFrame
    survival: pandas.DataFrame


def scan_days(plan: TumourScans, weeks: int) -> Array:
    """Return the days of all scans after baseline: one a course, at the same distance after the last course."""
    return np.arange(float(plan.day), plan.last_day + 1e-9, 7.0 * weeks)


def months_until(rate: float, uniform: Array) -> Array:
    """Return days until an event of a constant rate per month; infinite where the rate is 0."""
    with np.errstate(divide="ignore"):
        found: Array = -np.log1p(-uniform) / rate * MONTH if rate else np.full(uniform.shape, np.inf)
    return found


def followed(sums: Array, days: Array, new: Array, death: Array, names: Integers, plan: TumourScans) -> Followed:
    """Return what scans show, patient by patient, up to death or the last scan.

    Parameters
    ----------
    sums : array, shape (patients, 1 + scans)
        Measured sums of target lesions in mm, the baseline first.
    days : array, shape (scans,)
        Days of the scans after baseline.
    new, death : array, shape (patients,)
        Days of a new lesion and of death; infinite for none.
    names : array of int, shape (patients,)
        Subjects.
    plan : TumourScans
        The rules.
    """
    import pandas

    size = np.where(sums < plan.smallest, 0.0, np.round(sums, 1))
    every = np.concatenate([[0.0], days])
    patients, scans = size.shape
    table = pandas.DataFrame({
        "subject": np.repeat(names, scans), "day": np.tile(every, patients), "sum": size.ravel(),
        "new": (every[None, :] >= new[:, None]).ravel(), "baseline": np.tile(every == 0, patients),
    })  # fmt: skip
    table = table[(every[None, :] < death[:, None]).ravel()]
    assessed = assess_response(table, rules=plan.rules)
    best = best_response(assessed, rules=plan.rules, subjects=names.tolist())
    people = pandas.DataFrame({"subject": names, "death": np.where(death <= plan.last_day, np.ceil(death), np.nan)})
    survival = progression_free_survival(assessed, patients=people, rules=PfsRules(every=float(np.diff(every).max())))
    return Followed(assessed[["subject", "day", "sum", "new", "response"]], best[["subject", "response"]],
                    survival[["subject", "duration", "event"]])  # fmt: skip


def arranged(seen: Followed, count: int, days: Array) -> tuple[Array, Integers, Array, Array, dict[str, Any]]:
    """What was seen, by patient: last day of treatment at most, response, survival, and every scan."""
    end, duration, event = np.full(count, np.inf), np.full(count, np.nan), np.full(count, np.nan)
    response = np.full(count, -1)
    response[seen.best["subject"]] = _codes(seen.best["response"])
    duration[seen.survival["subject"]] = seen.survival["duration"]
    event[seen.survival["subject"]] = seen.survival["event"]
    end = np.where(event == 1, duration, np.inf)
    shape = (count, len(days))
    sums, new, responses = np.full(shape, np.nan), np.zeros(shape, dtype=bool), np.full(shape, -1)
    done = seen.scans[seen.scans["day"].notna()]
    place = (done["subject"].to_numpy(), np.searchsorted(days, done["day"].to_numpy(float)))
    sums[place], new[place], responses[place] = done["sum"], done["new"], _codes(done["response"])
    after = days[None, :] > end[:, None]
    scans = {"sum": np.where(after, np.nan, sums), "new": new & ~after, "response": np.where(after, -1, responses)}
    return end, response, duration, event, scans


def _codes(responses: Any) -> Integers:
    return np.array([RESPONSES.index(one) for one in responses], dtype=np.int64)


__all__ = ["RESPONSES", "Followed", "arranged", "followed", "months_until", "scan_days"]
