"""Scans from the SDTM domains TU (which lesions) and TR (what was measured), as the plain table of the trial layer."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pkpd import units as unit_tools
from pkpd.arguments import checked
from pkpd.decimals import product, total
from pkpd.errors import InputError, UnitError, nearest, warn
from pkpd.io.cdisc.assessed_days import study_days
from pkpd.io.cdisc.spelling import from_cdisc
from pkpd.io.cdisc.tabular import opened, required, text
from pkpd.io.cells import number
from pkpd.io.findings import Findings
from pkpd.io.subjects import identifiers
from pkpd.io.table import Table

if TYPE_CHECKING:
    import pandas

_TU = {
    "USUBJID": ("subjid",), "TULNKID": (), "TUTESTCD": (), "TUORRES": (), "TUSTRESC": (), "TULOC": (), "TUEVAL": (),
    "TUDY": (), "TUDTC": (), "VISIT": (), "VISITNUM": (), "RFSTDTC": (),
}  # fmt: skip
_TR = {
    "USUBJID": ("subjid",), "TRLNKID": (), "TRTESTCD": (), "TRSTRESN": (), "TRSTRESC": (), "TRORRES": (),
    "TRORRESU": (), "TRSTRESU": (), "TRSTAT": (), "TREVAL": (), "TRDY": (), "TRDTC": (), "VISIT": (), "VISITNUM": (),
    "RFSTDTC": (), "TRBLFL": ("trlobxfl",),
}  # fmt: skip
_DIAMETERS = frozenset({"DIAMETER", "LDIAM", "LDIAMETER", "LONGEST", "SAXIS", "LPERP"})
_NODE = 10.0  # mm: a node with a shorter short axis is normal
_DATES = ("latest", "earliest")


@dataclass
class _Visit:
    """What one reviewer saw of one patient at one visit."""

    days: list[float] = field(default_factory=list)
    sizes: dict[str, float] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    given: float = math.nan
    new: bool = False
    baseline: bool = False


@checked
def read_tumours(
    tu: Any, tr: Any, *, date: str = "latest", columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Read lesions and their measurements into scans, for `pkpd.trial.assess_response`.

    The sum is that of the diameters of all target lesions; it is empty where one of them was not measured. A sum that
    is given (SUMDIAM) stands where there are no diameters; where both are there and differ, that is said.

    Parameters
    ----------
    tu : DataFrame or path
        SDTM TU: USUBJID, TULNKID, TUSTRESC or TUORRES (TARGET, NON-TARGET, NEW); TULOC tells lymph nodes, TUEVAL who
        read.
    tr : DataFrame or path
        SDTM TR: USUBJID, TRLNKID, TRTESTCD (DIAMETER, LDIAM, SAXIS …, TUMSTATE, SUMDIAM), TRSTRESN or TRSTRESC, VISIT
        or VISITNUM, TRDY (or TRDTC with RFSTDTC).
    date : {"latest", "earliest"}
        Which day a visit has whose scans were taken on several.
    columns : mapping, optional
        Headings that are spelled in another way, ``{"their heading": "TRSTRESN"}``.

    Returns
    -------
    DataFrame
        ``subject, visit, day, sum`` (mm), ``non_target, new, gone, baseline, reviewer``, one row a visit.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting sums that differ from their diameters.
    """
    findings = Findings()
    if date not in _DATES:
        findings.problem(f"date is {date!r}; {nearest(date, _DATES)}")
    lesions = opened("TU", tu, _TU, columns, findings)
    measured = opened("TR", tr, _TR, columns, findings)
    needed = {"USUBJID": "the identifier of every subject"}
    good = lesions is not None and required(lesions, {**needed, "TULNKID": "the name of every lesion"}, findings)
    if measured is not None:
        good &= required(measured, {**needed, "TRLNKID": "the lesion", "TRTESTCD": "what was measured"}, findings)
    if not good or findings.problems:
        raise InputError(findings.problems, "tumours cannot be read")
    assert lesions is not None
    assert measured is not None
    kinds, nodes = _lesions(lesions, findings)
    visits: dict[tuple[str, str], dict[str, _Visit]] = {}
    _new_lesions(lesions, kinds, visits, findings)
    _measurements(measured, kinds, visits, findings)
    rows, differing = _rows(visits, kinds, nodes, date)
    if findings.problems:
        raise InputError(findings.problems, "tumours cannot be read")
    if differing:
        warn(f"{differing} sums in TR differ from the sum of their diameters; the diameters were taken")
    import pandas

    ids = identifiers([[row["subject"] for row in rows]])
    names = ["subject", "visit", "day", "sum", "non_target", "new", "gone", "baseline", "reviewer"]
    table = pandas.DataFrame([{**row, "subject": ids[row["subject"]]} for row in rows], columns=names)
    table = table.sort_values(["subject", "reviewer", "day"], kind="stable", ignore_index=True)
    if not table["baseline"].any():
        table = table.drop(columns="baseline")  # then the last scan up to day 1 is
    return table if (table["reviewer"] != "").any() else table.drop(columns="reviewer")


def _lesions(table: Table, findings: Findings) -> tuple[dict[tuple[str, str, str], str], set[tuple[str, str, str]]]:
    """Subject, reviewer and lesion → target, non-target or new; and which are lymph nodes."""
    kinds: dict[tuple[str, str, str], str] = {}
    nodes = set()
    for i in range(len(table)):
        key = (text(table, "USUBJID", i), text(table, "TUEVAL", i), text(table, "TULNKID", i))
        if not key[0] or not key[2]:
            table.complain(findings, "TULNKID" if key[0] else "USUBJID", i, "an identifier, a number or a text")
            continue
        said = (text(table, "TUSTRESC", i) or text(table, "TUORRES", i)).upper()
        if said not in ("TARGET", "NON-TARGET", "NEW"):
            table.complain(findings, "TUSTRESC" if "TUSTRESC" in table else "TUORRES", i, "TARGET, NON-TARGET or NEW")
            continue
        kinds.setdefault(key, said)
        if "NODE" in text(table, "TULOC", i).upper():
            nodes.add(key)
    return kinds, nodes


def _visit_of(table: Table, i: int, day: float) -> str:
    """What tells one visit from another: its name and number (unscheduled ones share a name), else its day."""
    name, count = text(table, "VISIT", i), text(table, "VISITNUM", i)
    if name or count:
        return f"{name}\0{count}"
    return f"day {day:g}\0" if math.isfinite(day) else ""


def _new_lesions(
    table: Table, kinds: Mapping[tuple[str, str, str], str], visits: dict[tuple[str, str], dict[str, _Visit]],
    findings: Findings,
) -> None:  # fmt: skip
    """Mark the visits at which new lesions were found."""
    days = study_days(table, "TUDY", "TUDTC", "RFSTDTC", findings)
    for i in range(len(table)):
        subject, reviewer = text(table, "USUBJID", i), text(table, "TUEVAL", i)
        if kinds.get((subject, reviewer, text(table, "TULNKID", i))) == "NEW":
            visit = visits.setdefault((subject, reviewer), {}).setdefault(_visit_of(table, i, days[i]), _Visit())
            visit.new = True
            visit.days += [float(days[i])] if math.isfinite(days[i]) else []


def _measurements(
    table: Table, kinds: Mapping[tuple[str, str, str], str], visits: dict[tuple[str, str], dict[str, _Visit]],
    findings: Findings,
) -> None:  # fmt: skip
    """Put diameters, states and sums into their visits."""
    days = study_days(table, "TRDY", "TRDTC", "RFSTDTC", findings)
    for i in range(len(table)):
        subject, reviewer, lesion = (text(table, name, i) for name in ("USUBJID", "TREVAL", "TRLNKID"))
        test = text(table, "TRTESTCD", i).upper()
        name = _visit_of(table, i, days[i])
        if not name:
            table.complain(findings, "TRDY", i, "a visit or a study day")
            continue
        visit = visits.setdefault((subject, reviewer), {}).setdefault(name, _Visit())
        visit.days += [float(days[i])] if math.isfinite(days[i]) else []
        visit.baseline |= text(table, "TRBLFL", i).upper() == "Y"
        if text(table, "TRSTAT", i).upper() == "NOT DONE":
            continue
        kind = kinds.get((subject, reviewer, lesion))
        if test == "SUMDIAM":
            visit.given = _millimetres(table, i, findings)
        elif kind is None and (test in _DIAMETERS or test == "TUMSTATE"):
            table.complain(findings, "TRLNKID", i, f"a lesion that TU knows of subject {subject}")
        elif kind == "NEW" and (test in _DIAMETERS or test == "TUMSTATE"):
            visit.new = True
        elif test in _DIAMETERS and kind == "TARGET":
            visit.sizes[lesion] = _millimetres(table, i, findings)
        elif test == "TUMSTATE" and kind == "NON-TARGET":
            visit.states[lesion] = (text(table, "TRSTRESC", i) or text(table, "TRORRES", i)).upper()


def _millimetres(table: Table, i: int, findings: Findings) -> float:
    """A diameter in mm."""
    for column, unit in (("TRSTRESN", "TRSTRESU"), ("TRSTRESC", "TRSTRESU"), ("TRORRES", "TRORRESU")):
        value = number(table.cell(column, i))
        if value is None or math.isnan(value):
            continue
        if not 0 <= value < math.inf:
            table.complain(findings, column, i, "a diameter ≥ 0")
            return math.nan
        said = from_cdisc(text(table, unit, i)) or "mm"
        try:
            return float(product(value, unit_tools.factor(said, "mm")))
        except UnitError as error:
            findings.problem(f"{table.place(unit, i)}: {'; '.join(error.problems)}")
            return math.nan
    table.complain(findings, "TRSTRESN", i, "a diameter, or TRSTAT 'NOT DONE'")
    return math.nan


def _rows(
    visits: Mapping[tuple[str, str], Mapping[str, _Visit]], kinds: Mapping[tuple[str, str, str], str],
    nodes: set[tuple[str, str, str]], date: str,
) -> tuple[list[dict[str, Any]], int]:  # fmt: skip
    """The scans, and how many given sums differ from the diameters."""
    rows, differing = [], 0
    for (subject, reviewer), by_visit in visits.items():
        mine = {lesion: kind for (who, by, lesion), kind in kinds.items() if (who, by) == (subject, reviewer)}
        targets = [lesion for lesion, kind in mine.items() if kind == "TARGET"]
        others = [lesion for lesion, kind in mine.items() if kind == "NON-TARGET"]
        for name, visit in by_visit.items():
            size = _sum([visit.sizes[t] for t in targets]) if targets and all(t in visit.sizes for t in targets) else (
                math.nan if visit.sizes else visit.given)  # fmt: skip
            if math.isfinite(size) and math.isfinite(visit.given) and size != visit.given:
                differing += 1
            normal = {t: _NODE if (subject, reviewer, t) in nodes else 0.0 for t in targets}
            gone = bool(targets) and all(
                t in visit.sizes and (visit.sizes[t] == 0 or visit.sizes[t] < normal[t]) for t in targets
            )
            day = math.nan if not visit.days else max(visit.days) if date == "latest" else min(visit.days)
            called, count = name.split("\0")
            others_state = _non_target([visit.states.get(lesion, "") for lesion in others])
            rows.append({
                "subject": subject, "visit": called or count, "day": day, "sum": size, "new": visit.new, "gone": gone,
                "non_target": others_state, "baseline": visit.baseline, "reviewer": reviewer,
            })  # fmt: skip
    return rows, differing


def _sum(sizes: Sequence[float]) -> float:
    """The sum of diameters as decimals."""
    found = 0.0
    for size in sizes:
        found = float(total(found, 1.0, size))
    return found


def _non_target(states: Sequence[str]) -> str:
    """The state of all non-target lesions together; "" where there is none."""
    if not states:
        return ""
    if any("PROGRESS" in state or state == "UNEQUIVOCAL" for state in states):
        return "PD"
    if all(state == "ABSENT" for state in states):
        return "CR"
    silent = ("", "ABSENT", "NOT EVALUABLE", "NE")
    return "non-CR/non-PD" if any(state not in silent for state in states) else "NE"
