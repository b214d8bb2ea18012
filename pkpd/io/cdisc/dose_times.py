"""Doses of which EX knows the day alone: their time of day is that of a reference, or what the user says."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from fractions import Fraction

from pkpd.io.cdisc import iso
from pkpd.io.cdisc.iso import Moment
from pkpd.io.cdisc.tabular import text
from pkpd.io.cells import label
from pkpd.io.findings import Findings, shown
from pkpd.io.table import Table

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d))?", re.ASCII)
_AFTER = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(min|h)[a-z]*\.?\s*post.*", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True)
class DoseTimes:
    """What is known of the times of day of doses.

    Attributes
    ----------
    told : str or None
        The time of day that the user says, ``"08:00"``.
    references : dict
        Subject and day (``2014-03-01``) → the reference times (PCRFTDTC) of samples on that day.
    planned : tuple of str
        Times of day to which the planned times of the samples lead, the commonest first.
    """

    told: str | None = None
    references: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    planned: tuple[str, ...] = ()


def known_times(pc: Table | None, told: object, findings: Findings) -> DoseTimes:
    """Return what the user and the samples say of the times of day of doses.

    Parameters
    ----------
    pc : Table or None
        Samples, under the names of CDISC.
    told : str or None
        The time of day that the user says; another thing is a problem.
    findings : Findings
        Where problems go.
    """
    if told is not None and (not isinstance(told, str) or not _CLOCK.fullmatch(told)):
        findings.problem(f"dose_time: {shown(told)}; expected a time of day such as '08:00'")
        told = None
    references: dict[tuple[str, str], set[str]] = {}
    clocks: Counter[str] = Counter()
    for i in range(0 if pc is None else len(pc)):
        assert pc is not None
        reference = iso.moment(pc.cell("PCRFTDTC", i))
        if isinstance(reference, Moment) and not reference.zoned:
            written = iso.write_moment(reference.seconds)
            references.setdefault((text(pc, "USUBJID", i), written[:10]), set()).add(written)
        start, after = iso.moment(pc.cell("PCDTC", i)), _after(pc, i)
        if isinstance(start, Moment) and after is not None:
            clocks[iso.write_moment(Fraction(round((start.seconds - after) / 60) * 60))[11:16]] += 1
    return DoseTimes(told, references, tuple(clock for clock, _ in clocks.most_common(1)))


def _after(pc: Table, i: int) -> Fraction | None:
    """How long after its dose a sample was planned: PCELTM, or a text such as ``30 Min Post-dose``."""
    length = iso.duration(pc.cell("PCELTM", i))
    match = _AFTER.fullmatch(text(pc, "PCTPT", i))
    if length is None and match is not None:
        length = Fraction(match[1]) * (60 if match[2].casefold() == "min" else 3600)
    return length


def with_times_of_day(ex: Table, known: DoseTimes, findings: Findings) -> Table:
    """Return EX with a time of day in every EXSTDTC that is a day, which is counted; without one it is one problem.

    Parameters
    ----------
    ex : Table
        One row a dose, under the names of CDISC.
    known : DoseTimes
        What is known of the times of day.
    findings : Findings
        Where notes and the problem go.
    """
    starts = list(ex.columns["EXSTDTC"])
    days = [i for i, cell in enumerate(starts) if _DAY.fullmatch((label(cell) or "").strip())]
    referred, lacking = 0, []
    for i in days:
        day = (label(starts[i]) or "").strip()
        moments = known.references.get((text(ex, "USUBJID", i), day), set())
        if len(moments) == 1:
            starts[i], referred = next(iter(moments)), referred + 1
        elif known.told:
            starts[i] = f"{day}T{known.told}"
        else:
            lacking.append(i)
    if referred:
        findings.altered(f"{ex.name}: {referred} doses have a day and no time of day; it is that of PCRFTDTC")
    if known.told and len(days) > referred:
        findings.altered(f"{ex.name}: {len(days) - referred} doses have no time of day; given at {known.told}")
    if lacking:
        hint = f"; the planned times of most samples lead to {known.planned[0]}" if known.planned else ""
        findings.problem(
            f"{ex.place('EXSTDTC', lacking[0])}: {shown(starts[lacking[0]])} has no time of day, as {len(lacking)} "
            f"doses have none; expected one such as 2014-03-01T08:30, or dose_time='08:00' for all of them{hint}"
        )
        starts = [None if i in lacking else cell for i, cell in enumerate(starts)]
    return replace(ex, columns={**ex.columns, "EXSTDTC": starts})
