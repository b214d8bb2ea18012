"""What a virtual trial assumes: the drugs, the patients, what is seen of them, and by which rules it is judged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from pkpd import units
from pkpd.arguments import brief, checked_fields
from pkpd.dosing import ROUTES
from pkpd.errors import InputError, nearest, shown, unknown_names
from pkpd.model import expressions
from pkpd.population import Population
from pkpd.trial.escalation.exposure_link import ExposureToxicity
from pkpd.trial.escalation.states import Design
from pkpd.trial.recist.rules import RecistRules
from pkpd.trial.reduction.rule import DoseReduction
from pkpd.trial.toxicity.criteria import criteria

_LAST = 36_525
"""Longest follow-up in days: a hundred years."""


@dataclass(frozen=True, eq=False)
class EscalatedDrug:
    """The drug whose dose is looked for.

    Attributes
    ----------
    population : Population
        Its kinetics and effects, the tumour too.
    unit : str
        Unit of the doses of the design, such as ``"ug/kg"``.
    days : tuple of int
        Days of a course on which it is given, from 1.
    toxicity : ExposureToxicity
        The assumed link to the dose-limiting toxicity; its exposure is that of one dose.
    exposure : str
        Exposure of one dose: an expression in the parameters of the model and ``dose``, in the units of the model.
    toxicity_days : tuple of (float, float)
        Between these days of the first course a toxicity appears, uniformly.
    sampled : str
        Output that is the concentration.
    sample_days, sample_hours : tuple
        Days of the first course with samples, and hours after the dose (above 0).
    lloq : float
        Lower limit of quantification, in the unit of the output.
    antibodies : float
        Share of patients who develop antibodies. Above 0 the model must have ``onset_ADA`` (`with_antibodies`).
    antibody_weeks : tuple of (float, float)
        Between these weeks they appear, uniformly.
    route : str
        Of the doses.
    """

    population: Population
    unit: str
    days: tuple[int, ...]
    toxicity: ExposureToxicity
    exposure: str = "dose/CL"
    toxicity_days: tuple[float, float] = (8.0, 21.0)
    sampled: str = "C"
    sample_days: tuple[int, ...] = (1,)
    sample_hours: tuple[float, ...] = (5 / 60, 1.0, 2.0, 4.0, 8.0)
    lloq: float = 0.0
    antibodies: float = 0.0
    antibody_weeks: tuple[float, float] = (3.0, 14.0)
    route: str = "bolus"

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "EscalatedDrug")
        problems = _of_drug(self, self.unit)
        problems += unknown_names([self.sampled], self.population.model.outputs, "output")
        problems += _within("antibodies", self.antibodies, 0.0, 1.0)
        for name in ("toxicity_days", "antibody_weeks"):
            low, high = getattr(self, name)
            if not 0 <= low < high < math.inf:
                problems.append(f"{name} is {shown((low, high))}; expected two increasing numbers ≥ 0")
        if not self.days or min(self.days) < 1 or list(self.days) != sorted({*self.days}):
            problems.append(f"days is {shown(self.days)}; expected increasing days from 1")
        elif strange := [day for day in self.sample_days if day not in self.days]:
            problems.append(f"sample_days has {strange[0]}, a day without a dose; expected days of {shown(self.days)}")
        if not self.lloq >= 0:
            problems.append(f"lloq is {shown(self.lloq)}; expected a number ≥ 0")
        if self.antibodies and "onset_ADA" not in self.population.model.parameters:
            problems.append("the model knows no antibodies; expected one that with_antibodies made")
        if problems:
            raise InputError(problems, "EscalatedDrug")


@dataclass(frozen=True, eq=False)
class PartnerDrug:
    """The drug that everybody gets beside it, reduced where it is not tolerated.

    Attributes
    ----------
    population : Population
        Its kinetics, and the part of the tumour that it leaves.
    reduction : DoseReduction
        Dose levels and what toxicity does; a visit is a week.
    toxicity : ExposureToxicity
        The assumed link from the exposure of a day to the probability, per week, of a toxicity of grade 2 or more.
    exposure : str
        Exposure of a day: an expression in the parameters of the model and ``dose``, the amount per day.
    severe : float
        Share of these toxicities that are of grade 3.
    """

    population: Population
    reduction: DoseReduction
    toxicity: ExposureToxicity
    exposure: str
    severe: float = 0.2

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "PartnerDrug")
        problems = _of_drug(self, self.reduction.unit) + _within("severe", self.severe, 0.0, 1.0)
        if problems:
            raise InputError(problems, "PartnerDrug")


@dataclass(frozen=True)
class TumourScans:
    """How tumours are seen, and what ends follow-up.

    Attributes
    ----------
    output : str
        Output of the escalated drug's model: the sum of target lesions, in mm.
    kept : str
        Output of the partner's model by which that sum is multiplied.
    day : int
        Day of every course on which there is a scan; scans go on at the same distance after the last course.
    last_day : float
        No scan and no follow-up is later.
    error : float
        Standard deviation of the measurement of a sum, on the log scale.
    smallest : float
        Smaller sums cannot be seen, in mm.
    new_lesions, deaths : float
        Per month (30.4375 days), constant; not linked to anything.
    rules : RecistRules
        By which they are judged.
    """

    output: str = "SLD"
    kept: str = "kept"
    day: int = 46
    last_day: float = 364.0
    error: float = 0.05
    smallest: float = 5.0
    new_lesions: float = 0.03
    deaths: float = 0.02
    rules: RecistRules = field(default_factory=RecistRules)

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "TumourScans")
        problems = []
        for name in ("error", "smallest", "new_lesions", "deaths"):
            problems += _within(name, getattr(self, name), 0.0, math.inf)
        if not 1 < self.day <= self.last_day <= _LAST:
            last = shown(self.last_day)
            problems.append(f"day is {shown(self.day)}, last_day {last}; expected 1 < day ≤ last_day ≤ {_LAST}")
        if problems:
            raise InputError(problems, "TumourScans")


@dataclass(frozen=True)
class LaboratoryPlan:
    """Which laboratory values are seen, and how they are graded.

    Attributes
    ----------
    counts, markers : str
        Outputs of the escalated drug's model: the count that is graded, and a marker of effect.
    test : str
        Name of the count among the criteria.
    limit : float
        The laboratory's limit of normal, in the unit of the output.
    count_days, marker_days : tuple of int
        Days of every course with a sample before the dose; the first of the first course is the baseline.
    criteria : str
        By which grades are given.
    """

    counts: str
    markers: str
    test: str
    limit: float
    count_days: tuple[int, ...]
    marker_days: tuple[int, ...]
    criteria: str = "CTCAE v3.0"

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "LaboratoryPlan")
        tests = criteria(self.criteria).tests
        problems = [] if self.test in tests else [f"unknown test {shown(self.test)}; {nearest(self.test, tests)}"]
        for name in ("count_days", "marker_days"):
            days = getattr(self, name)
            if len(days) < 2 or min(days) < 1 or list(days) != sorted({*days}):
                problems.append(f"{name} is {shown(days)}; expected at least two increasing days from 1")
        if not self.limit > 0:
            problems.append(f"limit is {shown(self.limit)}; expected a number > 0")
        if problems:
            raise InputError(problems, "LaboratoryPlan")


@dataclass(frozen=True, eq=False)
class VirtualPlan:
    """A phase 1/2 trial: doses are escalated, the chosen one is given to the other patients, and all are followed.

    Attributes
    ----------
    title : str
        What it is.
    design : ThreePlusThree, Boin, Crm or Blrm
        The rule of escalation, with the doses.
    drug : EscalatedDrug
        The drug whose dose is looked for.
    scans : TumourScans
        How response is seen.
    laboratory : LaboratoryPlan
        Which counts and markers are seen.
    partner : PartnerDrug, optional
        What everybody gets beside it.
    patients : int
        Of a whole trial; those whom the escalation leaves are the expansion.
    unevaluable : float
        Probability that a patient of the escalation cannot be evaluated and is replaced.
    courses : int
        How many are planned; a patient whose disease progresses gets no further one.
    weeks : int
        Length of a course.
    sources : mapping
        Name → (kind, source) of an assumption: ``"published"``, ``"calibrated"``, ``"input"``; by default
        ``"assumed"``. A name is a parameter, or a field such as ``"drug.antibodies"``.

    Raises
    ------
    InputError
        Listing everything that does not fit together.
    """

    title: str
    design: Design
    drug: EscalatedDrug
    scans: TumourScans
    laboratory: LaboratoryPlan
    partner: PartnerDrug | None = None
    patients: int = 52
    unevaluable: float = 0.0
    courses: int = 3
    weeks: int = 7
    sources: Mapping[str, tuple[str, str]] = field(default_factory=dict)

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "VirtualPlan")
        object.__setattr__(self, "sources", dict(self.sources))
        model = self.drug.population.model
        problems = unknown_names([self.scans.output, self.laboratory.counts, self.laboratory.markers], model.outputs,
                                 "output of the drug's model")  # fmt: skip
        if self.partner is not None:
            problems += unknown_names([self.scans.kept], self.partner.population.model.outputs,
                                      "output of the partner's model")  # fmt: skip
        for name, low, high in (("patients", self.design.size, 10_000), ("courses", 1, 100), ("weeks", 1, 104)):
            if not low <= getattr(self, name) <= high:
                problems.append(f"{name} is {shown(getattr(self, name))}; expected a whole number from {low} to {high}")
        if not 0 <= self.unevaluable < 1:
            problems.append(f"unevaluable is {shown(self.unevaluable)}; expected 0 ≤ unevaluable < 1")
        every = {"drug.days": self.drug.days, "laboratory.count_days": self.laboratory.count_days,
                 "laboratory.marker_days": self.laboratory.marker_days, "scans.day": (self.scans.day,)}  # fmt: skip
        problems += [
            f"{name} has day {max(days)}; a course has {7 * self.weeks}"
            for name, days in every.items() if max(days) > 7 * self.weeks
        ]  # fmt: skip
        if problems:
            raise InputError(problems, "VirtualPlan")

    @property
    def parts(self) -> Iterator[tuple[str, Any]]:
        """Name and value of every part that has assumptions of its own."""
        for name in ("drug", "partner", "scans", "laboratory"):
            if getattr(self, name) is not None:
                yield name, getattr(self, name)


def _of_drug(drug: EscalatedDrug | PartnerDrug, unit: str) -> list[str]:
    """What is wrong with a model, its unit of dose and its exposure."""
    model = drug.population.model
    problems = []
    if model.base.get("time") != "h":
        problems.append(f"the model's unit of time is {shown(model.base.get('time'))}; expected h")
    if units.per_kg(unit) != units.per_kg(model.base["amount"]):
        problems.append(f"doses are in {unit} and the model in {model.base['amount']}; expected both per kg or neither")
    known = {*model.parameters.names, "dose"}
    problems += unknown_names(sorted(expressions.names(drug.exposure)), known, "name in the exposure")
    route = drug.reduction.route if isinstance(drug, PartnerDrug) else drug.route
    if route not in ROUTES or route not in model.doses:
        problems.append(f"route is {shown(route)}; {nearest(route, model.doses)}")
    return problems


def _within(name: str, value: float, low: float, high: float) -> list[str]:
    if low <= value <= high and value < math.inf:
        return []
    ends = f"from {low:g} to {high:g}" if high < math.inf else f"≥ {low:g}"
    return [f"{name} is {shown(value)}; expected a number {ends}"]


def plain_fields(part: Any) -> dict[str, Any]:
    """Return the fields of a part that are values, not models or rules with a table of their own."""
    return {f.name: getattr(part, f.name) for f in fields(part) if f.name not in ("population", "sources")}


__all__ = ["EscalatedDrug", "LaboratoryPlan", "PartnerDrug", "TumourScans", "VirtualPlan", "plain_fields"]
