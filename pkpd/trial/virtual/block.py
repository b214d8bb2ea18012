"""A block of virtual trials from enrolment to the last scan: it needs nothing of the other blocks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.arrays import Array, Flags, Integers
from pkpd.engine import Settings
from pkpd.trial.virtual.course import Patients
from pkpd.trial.virtual.enrolment import NOBODY, enrol
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
    seeds, count = seeds_of(seed), TRIALS * plan.patients
    lives = Lives(plan, seeds[_LIFE], block)
    drug = Patients(plan.drug.population, plan.drug.unit, count, seeds[_DRUG], block, settings)
    onset = _antibodies(plan, lives)
    if plan.drug.antibodies:
        drug.values["onset_ADA"] = onset
    to_model = units.factor(plan.drug.unit, plan.drug.population.model.base["amount"])
    one_dose = drug.exposure(plan.drug.exposure, np.asarray(plan.design.doses) * to_model)
    toxic = lives.toxic[:, None] < plan.drug.toxicity.at(one_dose)
    shape = (TRIALS, plan.patients)
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
        levels, weekly, kept, also = _partner(
            plan, plan.partner, lives, seeds, block, settings, enrolled, times[places["scans"]]
        )
        tumour, solved = tumour * kept, solved & also

    good = enrolled & solved
    sums = tumour * np.exp(plan.scans.error * lives.scan)
    days = scan_days(plan.scans, plan.weeks)
    new, death = (1 + months_until(rate, u) for rate, u in (
        (plan.scans.new_lesions, lives.new_lesion), (plan.scans.deaths, lives.death)))  # fmt: skip
    names = np.arange(count)
    seen = followed(sums[good], days, new[good], death[good], names[good], plan.scans)
    end, response, duration, event, by_scan = arranged(seen, count, days)
    starts = 1 + 7.0 * plan.weeks * np.arange(plan.courses)
    treated_until = np.minimum(end, 7.0 * plan.weeks * plan.courses)
    started = good[:, None] & (starts[None, :] <= treated_until[:, None])

    patients: dict[str, Any] = {
        "level": level, "cohort": found.cohort.ravel(), "dlt": limited, "solved": solved,
        "response": response, "duration": duration, "event": event,
        "treated_until": np.where(good, treated_until, np.nan),
        "onset_ADA": np.where(onset < 1e8, onset / WEEK, np.nan),
        **intensities(plan, given, when, levels, treated_until, good),
        **_samples(plan, measured, places, given, to_model, good),
    }  # fmt: skip
    counts = measured[plan.laboratory.counts][:, places["counts"]]
    markers = measured[plan.laboratory.markers][:, places["markers"]].reshape(count, plan.courses, -1)
    with np.errstate(invalid="ignore"):
        patients["marker_ratio"] = np.where(good, peak_ratio(markers, started), np.nan)
    patients["baseline_count"] = np.where(good, counts[:, 0], np.nan)
    patients["partner_toxicity"] = weeks_of(weekly, treated_until).max(axis=1)
    courses = {
        "started": started,
        "worst_grade": np.where(started, worst_grades_of(counts, plan.laboratory, plan.courses), np.nan),
    }
    scans = {"sum": np.where(np.isfinite(by_scan[0]), by_scan[0], np.nan), "response": by_scan[1]}
    return laid_out(plan, block, found, patients, courses, scans, sums[:, 0], days)


def _antibodies(plan: VirtualPlan, lives: Lives) -> Array:
    """Hours of the onset of antibodies of every patient, 1e9 for never."""
    low, high = plan.drug.antibody_weeks
    onset = WEEK * (low + (high - low) * lives.onset)
    return np.where(lives.antibodies < plan.drug.antibodies, onset, 1e9)


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


def _partner(
    plan: VirtualPlan, partner: PartnerDrug, lives: Lives, seeds: list[int], block: int, settings: Settings,
    enrolled: Flags, times: Array,
) -> tuple[Integers, Integers, Array, Flags]:  # fmt: skip
    """Weekly levels and grades of the partner, what it leaves of the tumour at some times, and who was solved."""
    rule = partner.reduction
    people = Patients(partner.population, rule.unit, len(enrolled), seeds[_PARTNER], block, settings)
    to_model = units.factor(rule.unit, partner.population.model.base["amount"])
    daily = people.exposure(partner.exposure, rule.per_day * to_model)
    levels, grades = partner_levels(rule, daily, partner.toxicity.at, partner.severe, lives.weekly)
    levels[~enrolled] = STOPPED
    regimens = [(units.quantity(amount)[0], interval) for amount, interval in rule.levels]
    doses = partner_doses(levels, regimens, rule.route, WEEK * plan.weeks * plan.courses)
    outputs, _, solved = people.solve(doses, times)
    return levels, grades, outputs[plan.scans.kept], solved


def _samples(
    plan: VirtualPlan, measured: dict[str, Array], places: dict[str, Integers], given: Array, to_model: float,
    good: Flags,
) -> dict[str, Array]:  # fmt: skip
    """NCA of every sampled day: ``auc_last_day1`` …"""
    drug, model = plan.drug, plan.drug.population.model
    values = measured[drug.sampled][:, places["samples"]].reshape(len(good), len(drug.sample_days), -1)
    # The amount in the unit of the concentration: ng/mL and ng/kg give ng (per kg), so that CL has the model's unit.
    to_amount = to_model * units.factor(model.base["amount"].split("/")[0], model.units[drug.sampled].split("/")[0])
    found: dict[str, Array] = {}
    for k, day in enumerate(drug.sample_days):
        dose = np.where(good, given[:, 0, drug.days.index(day)] * to_amount, 0.0)
        table = exposures(values[:, k], np.asarray(drug.sample_hours), drug.lloq, dose, drug.route)
        found |= {f"{name}_day{day}": table[:, j] for j, name in enumerate(EXPOSURES)}
    return found


__all__ = ["run_block"]
