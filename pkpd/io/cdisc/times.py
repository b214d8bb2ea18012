"""Times of PC records: start, end and planned time on the subject's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from pkpd.io.cdisc import iso
from pkpd.io.cdisc.exposure import Exposure, midnight
from pkpd.io.cdisc.iso import Moment
from pkpd.io.cdisc.study_days import planned_by_day
from pkpd.io.cdisc.tabular import check_zones, elapsed, moments, text
from pkpd.io.cells import is_missing
from pkpd.io.findings import Findings
from pkpd.io.table import Table


def sample_times(
    pc: Table, clock: tuple[dict[str, Fraction], Fraction], given: Exposure | None, findings: Findings
) -> dict[str, list[object]]:
    """Return start, end and planned time of every record; a start of None was reported."""
    zero, per = clock
    dated = any(not is_missing(cell) for cell in pc.columns.get("PCDTC", ()))
    by_day = given is not None and given.by_day
    starts = _starts(pc, findings) if dated else [None] * len(pc)
    ends = moments(pc, "PCENDTC", findings, optional=True)
    if by_day:
        references = [midnight(cell) for cell in pc.columns.get("PCRFTDTC", [None] * len(pc))]
    else:
        references = moments(pc, "PCRFTDTC", findings, optional=True)
    doses = [] if given is None else [(given.source, "EXSTDTC", given.starts)]
    check_zones([(pc, "PCDTC", starts), (pc, "PCENDTC", ends), (pc, "PCRFTDTC", references), *doses], findings)
    owners = [text(pc, "USUBJID", i) for i in range(len(pc))]
    _start_undosed(owners, starts, zero, findings)
    zeros = [zero.get(name) for name in owners]
    each = Counter() if given is None else Counter(text(given.table, "subject", i) for i in range(len(given.table)))
    several = {name for name, count in each.items() if count > 1}
    days = not dated and any(name in pc for name in ("PCDY", "VISITDY"))
    nominal = _planned(pc, (zeros, references), (per, set() if days else several), findings)
    if days:
        zero |= {name: Fraction(0) for name in owners if name not in zero}
        nominal = planned_by_day(pc, (nominal, references), (given, per), findings)
    time: list[object] = [elapsed(s, z, per) for s, z in zip(starts, zeros, strict=True)]
    if dated:
        for i, planned in _stand_ins(pc, starts, (zeros, references), (given, per), findings).items():
            time[i] = nominal[i] = planned
    elif "PCELTM" in pc:
        time = nominal
        for i in (i for i, planned in enumerate(nominal) if planned is None):
            if iso.duration(pc.cell("PCELTM", i)) is None:
                pc.complain(findings, "PCELTM", i, "a duration such as PT1H30M, since there are no dates")
            else:
                pc.complain(findings, "PCELTM", i, "a dose from which it is counted: PCRFTDTC, or PCDY (VISITDY) of a "
                            "day on which EX has a dose")  # fmt: skip
        findings.altered(f"{pc.name}: no dates; planned times stand for {len(pc)} records")
    until: list[object] = []
    for end, start, z in zip(ends, starts, zeros, strict=True):
        point = end is None or (start is not None and end.seconds == start.seconds)
        until.append(None if point else elapsed(end, z, per))
    return {"time": time, "until": until, "nominal_time": nominal}


def only_planned(pc: Table) -> bool:
    """Say whether the samples have planned times, and no date of theirs has a time of day."""
    planned = any(iso.duration(cell) is not None for cell in pc.columns.get("PCELTM", ()))
    return planned and not any(isinstance(iso.moment(cell), Moment) for cell in pc.columns.get("PCDTC", ()))


def _starts(pc: Table, findings: Findings) -> list[Moment | None]:
    """Return PCDTC of every record; one without a time of day is no problem beside a planned time."""
    found = [iso.moment(cell) for cell in pc.columns["PCDTC"]]
    for i, moment in enumerate(found):
        if isinstance(moment, str) and (moment == "bad" or iso.duration(pc.cell("PCELTM", i)) is None):
            moments(pc.take([i]), "PCDTC", findings)
    return [None if isinstance(moment, str) else moment for moment in found]


def _stand_ins(
    pc: Table,
    starts: Sequence[Moment | None],
    origin: tuple[Sequence[Fraction | None], Sequence[Moment | None]],
    rule: tuple[Exposure | None, Fraction],
    findings: Findings,
) -> dict[int, float]:
    """Return the planned times of records whose date has no time of day, which are counted.

    They are counted from PCRFTDTC, else from the one dose from which PCELTM leads to the day of PCDTC, else from the
    subject's only dose.
    """
    given, per = rule
    doses: dict[str, list[Fraction]] = {}
    for i, start in enumerate(given.starts if given is not None else ()):
        if given is not None and start is not None:
            doses.setdefault(text(given.table, "subject", i), []).append(start.seconds)
    found: dict[int, float] = {}
    for i in (i for i, start in enumerate(starts) if start is None):
        length = iso.duration(pc.cell("PCELTM", i))
        zero, reference, day = origin[0][i], origin[1][i], midnight(pc.cell("PCDTC", i))
        if length is None or iso.moment(pc.cell("PCDTC", i)) == "bad":
            continue
        given_at = doses.get(text(pc, "USUBJID", i), [])
        if len(given_at) > 1 and day is not None:
            same = [d for d in given_at if (d + length) // 86400 == day.seconds // 86400]
            given_at = same if len(set(same)) == 1 else given_at
        if reference is not None:
            given_at = [reference.seconds]
        if zero is None or len(set(given_at)) != 1:
            pc.complain(findings, "PCDTC", i, "a date with a time of day, or PCRFTDTC, from which PCELTM is counted")
        else:
            found[i] = float((given_at[0] - zero + length) / per)
    if found:
        findings.altered(f"{pc.name}: {len(found)} dates have no time of day; their planned times stand for them")
    return found


def _start_undosed(
    owners: Sequence[str], starts: Sequence[Moment | None], zero: dict[str, Fraction], findings: Findings
) -> None:
    """Count the times of subjects without a dose and without a reference date from their first sample."""
    known = set(zero)
    undosed = set()
    for name, start in zip(owners, starts, strict=True):
        if start is not None and name not in known:
            undosed.add(name)
            zero[name] = min(start.seconds, zero.get(name, start.seconds))
    if undosed:
        findings.altered(f"PC: {len(undosed)} subjects have no dose; their dates are counted from their first sample")


def _planned(
    pc: Table, origin: tuple[Sequence[Fraction | None], Sequence[Moment | None]], rule: tuple[Fraction, set[str]],
    findings: Findings,
) -> list[object]:  # fmt: skip
    """Return PCRFTDTC − zero + PCELTM; without PCRFTDTC the first dose is meant, when it is the only one."""
    zeros, references = origin
    per, several = rule
    planned: list[object] = []
    unknown = 0
    for i, (zero, reference) in enumerate(zip(zeros, references, strict=True)):
        cell = pc.cell("PCELTM", i)
        length = None if is_missing(cell) else iso.duration(cell)
        if length is None:
            if not is_missing(cell):
                pc.complain(findings, "PCELTM", i, "a duration such as PT1H30M or -PT5M")
            planned.append(None)
        elif reference is not None and zero is not None:
            planned.append(float((reference.seconds - zero + length) / per))
        elif text(pc, "USUBJID", i) in several:
            unknown += 1
            planned.append(None)
        else:
            planned.append(float(length / per))
    if unknown:
        findings.altered(
            f"{pc.name}: {unknown} planned times have no PCRFTDTC and their subject several doses; left out"
        )
    return planned
