"""Samples without dates: the study day says from which dose the planned time is counted, as in SEND."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pkpd.io.cdisc import iso
from pkpd.io.cdisc.exposure import Exposure
from pkpd.io.cdisc.iso import Moment
from pkpd.io.cdisc.tabular import text
from pkpd.io.cells import number
from pkpd.io.findings import Findings
from pkpd.io.table import Table

_DAY = 86400


def planned_by_day(
    pc: Table,
    known: tuple[Sequence[object], Sequence[Moment | None]],
    rule: tuple[Exposure | None, Fraction],
    findings: Findings,
) -> list[object]:
    """Return the planned times of records without dates, counted from the dose of their study day.

    A sample at PCELTM on day PCDY belongs to the dose of day PCDY − whole days of PCELTM. Without PCDY the dose is of
    VISITDY, or of VISITDY − whole days of PCELTM, if only one of these days has one. Day 1 is the day of the subject's
    first dose. Without doses the day itself is the origin. A record that stays unknown is None.

    Parameters
    ----------
    pc : Table
        Records under the names of CDISC.
    known : pair
        Planned times that are known already, and the reference dates (PCRFTDTC) of the records.
    rule : pair
        The doses, and the seconds of the study's time unit.
    findings : Findings
        Where the count goes.
    """
    planned, references = known
    given, per = rule
    doses = _by_day(given)
    result: list[object] = []
    counted = 0
    for i, (before, reference) in enumerate(zip(planned, references, strict=True)):
        length = iso.duration(pc.cell("PCELTM", i))
        name = text(pc, "USUBJID", i)
        if reference is not None or length is None:
            result.append(before)
            continue
        days = [day for day in _days(pc, i, int(length / _DAY)) if given is None or day in doses.get(name, {})]
        if len(days) != 1:
            result.append(None if len(doses.get(name, {})) > 1 or len(days) > 1 else before)
            continue
        origin = doses[name][days[0]] if given is not None else Fraction((days[0] - 1) * _DAY)
        result.append(float((origin + length) / per))
        counted += 1
    if counted:
        findings.altered(f"{pc.name}: {counted} planned times are counted from the dose of their study day")
    return result


def _days(pc: Table, i: int, whole: int) -> list[int]:
    """The study days whose dose a record can belong to."""
    for column, candidates in (("PCDY", (whole,)), ("VISITDY", (0, whole))):
        day = number(pc.cell(column, i))
        if day is not None and day == day:
            return sorted({int(day) - back for back in candidates})
    return []


def _by_day(given: Exposure | None) -> dict[str, dict[int, Fraction]]:
    """Subject → study day → seconds from the first dose to the first dose of that day."""
    found: dict[str, dict[int, Fraction]] = {}
    if given is None:
        return found
    first = given.first
    for i, start in enumerate(given.starts):
        if start is not None:
            name = text(given.table, "subject", i)
            day = int(start.seconds // _DAY - first[name] // _DAY) + 1
            since = start.seconds - first[name]
            own = found.setdefault(name, {})
            own[day] = min(since, own.get(day, since))
    return found
