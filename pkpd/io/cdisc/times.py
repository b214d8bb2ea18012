"""Times of PC records: start, end and planned time on the subject's clock."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from fractions import Fraction

from pkpd.io.cdisc import iso
from pkpd.io.cdisc.exposure import Exposure
from pkpd.io.cdisc.iso import Moment
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
    starts = moments(pc, "PCDTC", findings, optional=not dated)
    ends = moments(pc, "PCENDTC", findings, optional=True)
    references = moments(pc, "PCRFTDTC", findings, optional=True)
    doses = [] if given is None else [(given.source, "EXSTDTC", given.starts)]
    check_zones([(pc, "PCDTC", starts), (pc, "PCENDTC", ends), (pc, "PCRFTDTC", references), *doses], findings)
    owners = [text(pc, "USUBJID", i) for i in range(len(pc))]
    _start_undosed(owners, starts, zero, findings)
    zeros = [zero.get(name) for name in owners]
    each = Counter() if given is None else Counter(text(given.table, "subject", i) for i in range(len(given.table)))
    several = {name for name, count in each.items() if count > 1}
    nominal = _planned(pc, (zeros, references), (per, several), findings)
    time: list[object] = [elapsed(s, z, per) for s, z in zip(starts, zeros, strict=True)]
    if not dated and "PCELTM" in pc:
        time = nominal
        for i in (i for i, planned in enumerate(nominal) if planned is None):
            pc.complain(findings, "PCELTM", i, "a duration such as PT1H30M, since there are no dates")
        findings.altered(f"{pc.name}: no dates; planned times stand for {len(pc)} records")
    until: list[object] = []
    for end, start, z in zip(ends, starts, zeros, strict=True):
        point = end is None or (start is not None and end.seconds == start.seconds)
        until.append(None if point else elapsed(end, z, per))
    return {"time": time, "until": until, "nominal_time": nominal}


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
