"""What a protocol calls dose-limiting: grades by kind, how long, and exceptions with their conditions."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pkpd.arguments import brief, checked_fields
from pkpd.errors import InputError, nearest, shown


@dataclass(frozen=True)
class Exemption:
    """A toxicity that is not dose-limiting.

    Attributes
    ----------
    terms : tuple of str
        Names of the toxicity, in any case of letters, -emia or -aemia.
    when : tuple of str
        Conditions, all of which must hold: columns of the events that must say yes (``"transient"``,
        ``"asymptomatic"``), or no where the condition begins with "no " (``"no antiemetics"``, ``"no infection"``).
        Without conditions the toxicity is exempt at any grade.
    """

    terms: tuple[str, ...]
    when: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        checked_fields(self, "Exemption")
        if not self.terms:
            raise InputError("an exemption names no term", "Exemption")

    __repr__ = brief

    def is_of(self, term: str) -> bool:
        """Say whether a toxicity is one of the terms."""
        return _folded(term) in {_folded(one) for one in self.terms}

    def words(self) -> str:
        """Return the exemption as a text."""
        return ", ".join(self.terms) + (f" ({' and '.join(self.when)})" if self.when else "")


def _folded(term: str) -> str:
    """A term without the differences of spelling: Hyponatraemia is hyponatremia."""
    return " ".join(term.casefold().split()).replace("aemi", "emi").replace("leuco", "leuko")


IL21_EXEMPTIONS = (
    Exemption(("fatigue",)),
    Exemption(("pyrexia", "fever")),
    Exemption(("chills", "rigors"), ("transient",)),
    Exemption(("nausea", "vomiting"), ("no antiemetics",)),
    Exemption(("lymphopenia", "lymphocytes low", "lymphocyte count decreased",
               "leukopenia", "leukocytes low", "white blood cell decreased", "white blood cell count decreased")),
    Exemption(("neutropenia", "neutrophils low", "neutrophil count decreased"), ("transient", "no infection")),
    Exemption(("hypophosphatemia", "hyperphosphatemia", "hyponatremia", "hypernatremia", "hypokalemia", "hyperkalemia",
               "hypocalcemia", "hypercalcemia", "hypomagnesemia", "hypermagnesemia"), ("asymptomatic",)),
    Exemption(("amylase high", "amylase increased", "serum amylase increased", "blood amylase increased",
               "lipase high", "lipase increased", "blood lipase increased"), ("asymptomatic",)),
)  # fmt: skip
"""Exceptions of the protocol of Bhatia et al. 2014 (J. ImmunoTherapy of Cancer 2:2), by the terms of CTCAE 3 to 5."""


@dataclass(frozen=True)
class DltRules:
    """When a toxicity is dose-limiting.

    Attributes
    ----------
    course : str
        Course in which it counts; ``""``: all.
    related : bool
        Whether it must be related to treatment.
    clinical_grade : int
        Least grade of a clinical toxicity.
    laboratory_grade : int
        Least grade of a laboratory toxicity, however long it lasts.
    lasting_grade : int or None
        Least grade of a laboratory toxicity that lasts more than `lasting_days`.
    lasting_days : float
        It must last more than so many days.
    exemptions : tuple of Exemption
        What is not dose-limiting.
    """

    course: str = "1"
    related: bool = True
    clinical_grade: int = 3
    laboratory_grade: int = 4
    lasting_grade: int | None = 3
    lasting_days: float = 3.0
    exemptions: tuple[Exemption, ...] = IL21_EXEMPTIONS

    def __post_init__(self) -> None:
        checked_fields(self, "DltRules")
        grades = [("clinical_grade", self.clinical_grade), ("laboratory_grade", self.laboratory_grade)]
        if self.lasting_grade is not None:
            grades.append(("lasting_grade", self.lasting_grade))
        problems = [f"{name} is {shown(g)}; expected a grade from 1 to 5" for name, g in grades if not 1 <= g <= 5]
        if not 0 <= self.lasting_days < math.inf:
            problems.append(f"lasting_days is {shown(self.lasting_days)}; expected a number of days ≥ 0")
        conditions = [when.removeprefix("no ") for one in self.exemptions for when in one.when]
        unknown = [name for name in conditions if name not in CONDITIONS]
        problems += [f"unknown condition {shown(name)}; {nearest(name, CONDITIONS)}" for name in unknown]
        if problems:
            raise InputError(problems, "DltRules")

    __repr__ = brief


CONDITIONS = ("transient", "asymptomatic", "infection", "antiemetics")
"""Columns of the events that an exemption can ask for."""
