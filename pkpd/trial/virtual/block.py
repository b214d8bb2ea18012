"""A block of virtual trials from enrolment to the last scan: it needs nothing of the other blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.engine import Settings
from pkpd.trial.antibodies.changed import NEVER
from pkpd.trial.virtual.course import Patients
from pkpd.trial.virtual.enrolment import NOBODY, Enrolment, enrol
from pkpd.trial.virtual.intensities import intensities, weeks_of
from pkpd.trial.virtual.layout import TRIALS, laid_out
from pkpd.trial.virtual.plan import PartnerDrug, VirtualPlan
from pkpd.trial.virtual.seen import EXPOSURES, exposures, peak_ratio, worst_grades_of
from pkpd.trial.virtual.treatment import (
    DAY,
    STOPPED,
    WEEK,
    amounts,
    as_doses,
    dose_times,
    partner_doses,
    partner_levels,
)
from pkpd.trial.virtual.tumours import arranged, followed, months_until, scan_days

if TYPE_CHECKING:
    import xarray

_DRUG, _PARTNER, _LIFE = range(3)


def seeds_of(seed: int) -> list[int]:
    """Return the seeds of the drug's patients, the partner's, and all that is drawn of their lives."""
    return [int(s) for s in np.random.SeedSequence(seed).generate_state(3)]


class Lives:
    """What befalls every patient of a block whatever the doses are: numbers from 0 to 1, one stream a block.

    Parameters
    ----------
    plan : VirtualPlan
        The trial.
    seed, block : int
        They name the stream.
    """

    def __init__(self, plan: VirtualPlan, seed: int, block: int) -> None:
        rng = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(block,)))
        count, weeks = TRIALS * plan.patients, plan.courses * plan.weeks
        self.toxic, self.toxic_day, self.evaluable = (rng.random(count) for _ in range(3))
        self.antibodies, self.onset, self.new_lesion, self.death = (rng.random(count) for _ in range(4))
        self.weekly = rng.random((count, weeks))
        self.scan = rng.standard_normal((count, 1 + len(scan_days(plan.scans, plan.weeks))))


def run_block(block: int, plan: VirtualPlan, seed: int, settings: Settings) -> dict[str, xarray.Dataset]:
    """Return the trials of a block: ``cohorts``, ``patients``, ``courses`` and ``scans``.

    Parameters
    ----------
    block : int
        Its number from 0.
    plan : VirtualPlan
        The trial.
    seed : int
        Of all blocks.
    settings : Settings
        Tolerances and threads.
    """
    seeds = seeds_of(seed)
    lives = Lives(plan, seeds[_LIFE], block)
    treated = _treated(plan, lives, seeds, block, settings)
    good, count = treated.good, len(treated.good)
    sums = treated.tumour * np.exp(plan.scans.error * lives.scan)
    days = scan_days(plan.scans, plan.weeks)
    new, death = (1 + months_until(rate, u) for rate, u in (
        (plan.scans.new_lesions, lives.new_lesion), (plan.scans.deaths, lives.death)))  # fmt: skip
    names: Integers = np.arange(count)
    seen = followed(sums[good], days, new[good], death[good], names[good], plan.scans)
    end, response, duration, event, scans = arranged(seen, count, days)
    starts = 1 + 7.0 * plan.weeks * np.arange(plan.courses)
    until = np.minimum(end, 7.0 * plan.weeks * plan.courses)
    started = good[:, None] & (starts[None, :] <= until[:, None])

    counts = treated.measured[plan.laboratory.counts][:, treated.places["counts"]]
    markers = treated.measured[plan.laboratory.markers][:, treated.places["markers"]]
    with np.errstate(invalid="ignore"):
        ratio = peak_ratio(markers.reshape(count, plan.courses, -1), started)
    patients: dict[str, Any] = {
        "level": treated.enrolment.level, "cohort": treated.enrolment.cohort, "dlt": treated.limited,
        "solved": treated.solved, "response": response, "duration": duration, "event": event,
        "treated_until": np.where(good, until, np.nan), "onset_ADA": treated.onset,
        **intensities(plan, treated.given, treated.when, treated.levels, until, good),
        **_samples(plan, treated), "marker_ratio": np.where(good, ratio, np.nan),
        "baseline_count": np.where(good, counts[:, 0], np.nan),
        "partner_toxicity": weeks_of(treated.weekly, until).max(axis=1),
    }  # fmt: skip
    worst = worst_grades_of(counts, plan.laboratory, plan.courses)
    courses = {"started": started, "worst_grade": np.where(started, worst, np.nan)}
    return laid_out(plan, block, treated.enrolment, patients, courses, scans, sums[:, 0], days)


@dataclass(frozen=True, eq=False)
class Treated:
    """The patients of a block, what they got and how it went.

    Attributes
    ----------
    enrolment : Enrolment
        Who is treated at which level.
    limited : array of bool, shape (patients,)
        Who has a dose-limiting toxicity.
    onset : array, shape (patients,)
        Week in which antibodies appear; NaN for never.
    given : array, shape (patients, courses, days)
        Doses of the escalated drug, at the times `when`, shape (courses, days).
    levels, weekly : array of int, shape (patients, weeks)
        Level of the partner and grade seen.
    measured : dict
        Output → measurements, shape (patients, times); `places` says where each kind of time stands among them.
    tumour : array, shape (patients, 1 + scans)
        Exact sum of target lesions, the baseline first.
    solved, good : array of bool, shape (patients,)
        Who could be solved; of these, who was enrolled.
    """

    enrolment: Enrolment
    limited: Flags
    onset: Array
    given: Array
    when: Array
    levels: Integers
    weekly: Integers
    measured: dict[str, Array]
    places: dict[str, Integers]
    tumour: Array
    solved: Flags
    good: Flags


def _treated(plan: VirtualPlan, lives: Lives, seeds: list[int], block: int, settings: Settings) -> Treated:
    """Draw the patients, enrol them, give both drugs, and solve their courses."""
    count, shape = TRIALS * plan.patients, (TRIALS, plan.patients)
    drug = Patients(plan.drug.population, plan.drug.unit, count, seeds[_DRUG], block, settings)
    onset = _antibodies(plan, lives)
    if plan.drug.antibodies:
        drug.values["onset_ADA"] = np.where(np.isfinite(onset), WEEK * onset, NEVER)
    one_dose = drug.exposure(plan.drug.exposure, np.asarray(plan.design.doses) * _to_model(plan))
    toxic = lives.toxic[:, None] < plan.drug.toxicity.at(one_dose)
    found = enrol(plan.design, toxic.reshape(*shape, -1), (lives.evaluable >= plan.unevaluable).reshape(shape))
    level = found.level.ravel()
    enrolled = level != NOBODY
    limited = enrolled & toxic[np.arange(count), np.maximum(level, 0)]
    first, last = plan.drug.toxicity_days
    limit_day = first + (last - first) * lives.toxic_day

    given = amounts(level, plan.design.doses, plan.drug.days, plan.courses, limited, limit_day)
    when = dose_times(plan.drug.days, plan.courses, plan.weeks)
    times, places = _times(plan)
    outputs, measured, solved = drug.solve(as_doses(given, when, plan.drug.route), times)
    tumour = outputs[plan.scans.output][:, places["scans"]]
    levels: Integers = np.full((count, plan.courses * plan.weeks), STOPPED)
    weekly: Integers = np.zeros_like(levels)
    if plan.partner is not None:
        people = Patients(plan.partner.population, plan.partner.reduction.unit, count, seeds[_PARTNER], block, settings)
        levels, weekly = _partner_weeks(plan.partner, people, lives, enrolled)
        kept, also = _kept(plan, plan.partner, people, levels, times[places["scans"]])
        tumour, solved = tumour * kept, solved & also
    return Treated(
        found, limited, onset, given, when, levels, weekly, measured, places, tumour, solved, enrolled & solved
    )


def _to_model(plan: VirtualPlan) -> float:
    """By what a dose of the design is multiplied to be one of the model."""
    return units.factor(plan.drug.unit, plan.drug.population.model.base["amount"])


def _antibodies(plan: VirtualPlan, lives: Lives) -> Array:
    """Week in which antibodies of every patient appear, NaN for never."""
    low, high = plan.drug.antibody_weeks
    return np.where(lives.antibodies < plan.drug.antibodies, low + (high - low) * lives.onset, np.nan)


def _times(plan: VirtualPlan) -> tuple[Array, dict[str, Integers]]:
    """All times at which the drug's model is looked at, in hours, and where each kind stands among them."""
    course = WEEK * plan.weeks * np.arange(plan.courses)[:, None]
    kinds = {
        "scans": DAY * np.concatenate([[0.0], scan_days(plan.scans, plan.weeks) - 1]),
        "counts": (course + DAY * (np.asarray(plan.laboratory.count_days) - 1)).ravel(),
        "markers": (course + DAY * (np.asarray(plan.laboratory.marker_days) - 1)).ravel(),
        "samples": (
            DAY * (np.asarray(plan.drug.sample_days)[:, None] - 1) + np.asarray(plan.drug.sample_hours)
        ).ravel(),
    }
    times = np.unique(np.concatenate(list(kinds.values())))
    return times, {name: np.searchsorted(times, values) for name, values in kinds.items()}


def _partner_weeks(partner: PartnerDrug, people: Patients, lives: Lives, enrolled: Flags) -> tuple[Integers, Integers]:
    """Weekly levels and grades of the partner."""
    rule = partner.reduction
    to_model = units.factor(rule.unit, partner.population.model.base["amount"])
    daily = people.exposure(partner.exposure, rule.per_day * to_model)
    levels, grades = partner_levels(rule, daily, partner.toxicity.at, partner.severe, lives.weekly)
    return np.where(enrolled[:, None], levels, STOPPED), grades


def _kept(
    plan: VirtualPlan, partner: PartnerDrug, people: Patients, levels: Integers, times: Array
) -> tuple[Array, Flags]:
    """What the partner leaves of the tumour at some times, and who was solved."""
    rule = partner.reduction
    regimens = [(units.quantity(amount)[0], interval) for amount, interval in rule.levels]
    doses = partner_doses(levels, regimens, rule.route, WEEK * plan.weeks * plan.courses)
    outputs, _, solved = people.solve(doses, times)
    return outputs[plan.scans.kept], solved


def _samples(plan: VirtualPlan, treated: Treated) -> dict[str, Array]:
    """NCA of every sampled day: ``auc_last_day1`` …"""
    drug, model = plan.drug, plan.drug.population.model
    values = treated.measured[drug.sampled][:, treated.places["samples"]]
    values = values.reshape(len(values), len(drug.sample_days), -1)
    # The amount in the unit of the concentration: ng/mL and ng/kg give ng (per kg), so that CL has the model's unit.
    to_amount = _to_model(plan) * units.factor(
        model.base["amount"].split("/")[0], model.units[drug.sampled].split("/")[0]
    )
    found: dict[str, Array] = {}
    for k, day in enumerate(drug.sample_days):
        dose = np.where(treated.good, treated.given[:, 0, drug.days.index(day)] * to_amount, 0.0)
        table = exposures(values[:, k], np.asarray(drug.sample_hours), drug.lloq, dose, drug.route)
        found |= {f"{name}_day{day}": table[:, j] for j, name in enumerate(EXPOSURES)}
    return found


__all__ = ["run_block"]
