"""Progression-free survival from the assessments of one or several reviewers, by named rules of censoring."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pkpd.arguments import brief, checked, checked_fields
from pkpd.errors import InputError, nearest, shown, warn
from pkpd.trial.recist.assessments import OF_SCANS, read_assessments
from pkpd.trial.recist.scans import blocks, provenance
from pkpd.trial.survival.patients import FOLLOW_UP, MONTH, read_patients
from pkpd.trial.tables import handed_on, known_subjects, read_all

if TYPE_CHECKING:
    import pandas

_DEATH = ("event", "censor")
_THERAPY = ("censor", "event", "ignore")


@dataclass(frozen=True)
class PfsRules:
    """What counts as the end of progression-free survival, and what censors it.

    Attributes
    ----------
    death : {"event", "censor"}
        Death without progression. ``"censor"`` makes it time to progression: censored on the day of death.
    new_therapy : {"censor", "event", "ignore"}
        Another treatment before progression: censored at the last assessment before it, an event on its day, or passed
        over.
    missed : int or None
        So many missed assessments in a row, just before progression or death, censor at the last assessment before
        them. None: no such rule.
    every : float or None
        Days between planned assessments. Without it nobody knows what was missed, and the rule is not applied.
    window : float
        Days that an assessment may be late.
    death_without_scan : float or None
        A patient without an assessment who dies up to this day has an event; later, or if None is given never, the
        patient is censored on day 1. Infinity: always an event.

    References
    ----------
    FDA. Clinical Trial Endpoints for the Approval of Cancer Drugs and Biologics, 2018, Appendix 3.
    """

    death: str = "event"
    new_therapy: str = "censor"
    missed: int | None = 2
    every: float | None = None
    window: float = 0.0
    death_without_scan: float | None = math.inf

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "PFS rules")
        problems = []
        for name, known in (("death", _DEATH), ("new_therapy", _THERAPY)):
            if getattr(self, name) not in known:
                problems.append(f"unknown {name} {shown(getattr(self, name))}; {nearest(getattr(self, name), known)}")
        if self.missed is not None and self.missed < 1:
            problems.append(f"missed is {self.missed}; expected a whole number ≥ 1, or None")
        if self.every is not None and not 0 < self.every < math.inf:
            problems.append(f"every is {shown(self.every)}; expected a number of days > 0")
        if not 0 <= self.window < math.inf:
            problems.append(f"window is {shown(self.window)}; expected a number of days ≥ 0")
        if self.death_without_scan is not None and not self.death_without_scan >= 1:
            problems.append(f"death_without_scan is {shown(self.death_without_scan)}; expected a day ≥ 1")
        if problems:
            raise InputError(problems, "PFS rules")

    @property
    def gap(self) -> float:
        """Longest time between an assessment and an event that counts, in days."""
        return math.inf if self.missed is None or self.every is None else self.missed * self.every + self.window

    def __str__(self) -> str:
        """Say in words what was chosen."""
        gap = f"at most {self.gap:g} days after the last assessment"
        if not math.isfinite(self.gap):
            gap = "after any gap" + ("" if self.missed is None else " (no schedule is given)")
        return f"death: {self.death}; new therapy: {self.new_therapy}; events {gap}"


@checked
def progression_free_survival(
    assessments: Any,
    *,
    patients: Any = None,
    reviewer: str | None = None,
    rules: PfsRules | None = None,
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return the progression-free survival of every patient, each with its reason.

    It ends with the first progression that any reviewer saw, or with death. Who has neither is censored at the last
    assessment that could be evaluated. The day of the first dose is day 1, so that the day is the duration.

    Parameters
    ----------
    assessments : DataFrame, path, or mapping of column to values
        ``subject``, ``day``, ``response`` (CR, PR, SD, non-CR/non-PD, PD, NE), and ``reviewer`` where there are
        several.
    patients : DataFrame, path, or mapping, optional
        One row per patient: ``subject``; ``death``, ``new_therapy`` (days, empty if not); other columns (``arm``) are
        handed on. Patients without an assessment count only if they are here.
    reviewer : str, optional
        Whose assessments count; by default those of all: the earliest progression ends it.
    rules : PfsRules, optional
        What ends and what censors.
    columns : mapping, optional
        Our name → its heading in `assessments`.

    Returns
    -------
    DataFrame
        ``subject, duration`` (days), ``months`` (days/30.4375), ``event, reason, reviewer`` (who saw progression
        first), ``last`` (day of the last assessment), and what either table says besides of each patient.
        ``attrs["rules"]`` names the rules.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting assessments before day 1, and those after a death.
    """
    import pandas

    chosen = rules or PfsRules()
    readers = [lambda: read_assessments(assessments, columns)]
    if patients is not None:
        readers.append(lambda: read_patients(patients, None, (_before_treatment,)))
    table, *more = read_all("progression_free_survival", *readers)
    people = more[0] if more else None
    every_subject = list(dict.fromkeys(table["subject"]))
    if reviewer is not None:
        known = list(dict.fromkeys(table["reviewer"]))
        if reviewer not in known:
            raise InputError(
                f"unknown reviewer {shown(reviewer)}; {nearest(reviewer, known)}", "progression_free_survival"
            )
        table = table[table["reviewer"] == reviewer]
    if people is not None:
        lacking = known_subjects(every_subject, people["subject"], "patients")
        if lacking:
            raise InputError(lacking, "progression_free_survival")
    subjects = every_subject if people is None else people["subject"].tolist()
    seen = table[table["day"].notna() & (table["response"] != "NE")].sort_values(["subject", "day"], kind="stable")
    early = int((seen["day"] < 1).sum())
    if early:
        warn(f"{early} assessments lie before day 1, the day of the first dose; left out")
        seen = seen[seen["day"] >= 1]
    when, what, by = (seen[name].tolist() for name in ("day", "response", "reviewer"))
    names = seen["subject"].tolist()
    of = {names[begin]: (begin, end) for begin, end in blocks(seen, "subject")}
    told = {} if people is None else people.set_index("subject")[["death", "new_therapy"]].to_dict("index")
    rows, after = [], 0
    for subject in subjects:
        begin, end = of.get(subject, (0, 0))
        facts = told.get(subject, {"death": math.nan, "new_therapy": math.nan})
        after += sum(day > facts["death"] for day in when[begin:end])
        worse = [response == "PD" for response in what[begin:end]]
        rows.append({"subject": subject, **_ending(when[begin:end], worse, by[begin:end], facts, chosen)})
    if after:
        warn(f"{after} assessments lie after the death of their patient")
    result = pandas.DataFrame(rows)
    result.insert(2, "months", result["duration"] / MONTH)
    if people is not None:
        result = handed_on(result, people, FOLLOW_UP)
    result = handed_on(result, table, OF_SCANS)
    result.attrs.update(provenance(assessments), rules=str(chosen))
    return result if (result["reviewer"] != "").any() else result.drop(columns="reviewer")


def _before_treatment(people: pandas.DataFrame) -> list[str]:
    """Deaths and treatments before the first dose."""
    return [
        f"patients, row {row['row']}, subject {row['subject']}: {name} on day {row[name]:g}; expected a day ≥ 1"
        for row in people.to_dict("records") for name in ("death", "new_therapy") if row.get(name, 1) < 1
    ]  # fmt: skip


def _ending(
    days: list[float], worse: list[bool], who: list[str], facts: Mapping[str, float], rules: PfsRules
) -> dict[str, Any]:
    """How it ends for one patient, whose assessments that could be evaluated are in order."""
    death, therapy = facts["death"], facts["new_therapy"]
    first = worse.index(True) if True in worse else None
    progressed = float(days[first]) if first is not None else math.nan
    out = {
        "duration": 1.0,
        "event": False,
        "reason": "",
        "reviewer": "",
        "last": float(days[-1]) if len(days) else math.nan,
    }
    ends = [(day, what) for day, what in ((progressed, "progression"), (death, "death")) if not math.isnan(day)]
    if rules.new_therapy != "ignore" and not math.isnan(therapy):
        ends.append((therapy, "new therapy"))
    # On one day progression counts before death, and either before a new treatment.
    day, what = min(ends, key=lambda end: end[0], default=(math.nan, ""))
    # Another reviewer's scan of the day of progression is the same scan, and no visit before it.
    until = math.nextafter(day, -math.inf) if what == "progression" else math.inf if math.isnan(day) else day
    before = [d for d, bad in zip(days, worse, strict=True) if not bad and d <= until]
    last = before[-1] if before else math.nan
    if what == "death" and not before and rules.death == "event":
        limit = rules.death_without_scan
        if limit is None or death > limit:
            return {**out, "reason": "no assessment; censored on day 1"}
        return {**out, "duration": death, "event": True, "reason": "death, without an assessment"}
    if what == "death" and rules.death == "censor":
        return {**out, "duration": death, "reason": "death without progression; censored"}
    if what == "new therapy" and rules.new_therapy == "event":
        return {**out, "duration": therapy, "event": True, "reason": "new therapy"}
    if what in ("progression", "death"):
        start = 1.0 if math.isnan(last) else last
        if day - start > rules.gap:
            return {**out, "duration": start, "reason": f"{what} on day {day:g} after a gap; censored at the last "
                    "assessment before it"}  # fmt: skip
        name = who[first] if what == "progression" and first is not None else ""
        return {**out, "duration": day, "event": True, "reason": what, "reviewer": name}
    if math.isnan(last):
        return {**out, "reason": f"no assessment{' before the new therapy' if what else ''}; censored on day 1"}
    why = f"new therapy on day {day:g}" if what else "no progression"
    return {**out, "duration": last, "reason": f"{why}; censored at the last assessment"}
