"""The EX domain: doses with their times, routes and durations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from pkpd.errors import nearest
from pkpd.io.cdisc import iso
from pkpd.io.cdisc.dose_times import DoseTimes, with_times_of_day
from pkpd.io.cdisc.iso import Moment
from pkpd.io.cdisc.people import carried
from pkpd.io.cdisc.repeats import spread
from pkpd.io.cdisc.spelling import EXTRAVASCULAR, INTRAVENOUS, from_cdisc
from pkpd.io.cdisc.tabular import Cells, moments, required, text
from pkpd.io.cells import is_missing, label
from pkpd.io.findings import Findings, shown
from pkpd.io.job import Job
from pkpd.io.table import Table

COLUMNS = {
    "USUBJID": ("subjid",), "EXTRT": (), "EXDOSE": (), "EXDOSU": (), "EXROUTE": (), "EXDOSFRQ": (), "EXSTDTC": (),
    "EXENDTC": (), "EXDUR": (), "VISIT": (), "EXSTAT": (), "EXOCCUR": (), "EXREASND": ("exreasoc",), "EXMOOD": (),
}  # fmt: skip
_NEEDED = {
    "USUBJID": "the identifier of every dose's subject",
    "EXDOSE": "the amount of every dose",
    "EXSTDTC": "the start of every dose",
}
_HEADINGS = {"subject": "USUBJID", "amount": "EXDOSE", "unit": "EXDOSU", "route": "EXROUTE", "duration": "EXENDTC",
             "time": "EXSTDTC", "occasion": "VISIT"}  # fmt: skip


@dataclass(frozen=True)
class Treatment:
    """Which value of EXTRT was asked for, and the analytes by PCTEST and PCTESTCD in small letters."""

    asked: str | None
    analytes: Mapping[str, str] = field(default_factory=dict)

    def drug(self, name: str) -> str:
        """Return the analyte that has the name of a treatment, "" if none has."""
        return self.analytes.get(name.casefold(), "")


@dataclass(frozen=True)
class Exposure:
    """Doses whose times are still dates: where they stood, the table without its times, and the starts.

    `by_day` says that the starts are days, whose midnight stands for the time of the dose.
    """

    source: Table
    table: Table
    starts: list[Moment | None]
    by_day: bool = False

    @property
    def first(self) -> dict[str, Fraction]:
        """Time of the first dose by subject."""
        earliest: dict[str, Fraction] = {}
        for i, start in enumerate(self.starts):
            if start is not None:
                name = text(self.table, "subject", i)
                earliest[name] = min(start.seconds, earliest.get(name, start.seconds))
        return earliest

    def timed(self, zero: dict[str, Fraction], per: Fraction, job: Job) -> Table:
        """Return the table of doses with numbers for times; those without a start are reported already."""
        columns = dict(self.table.columns)
        names = [text(self.table, "subject", i) for i in range(len(self.table))]
        columns["time"] = [None if start is None or n not in zero else float((start.seconds - zero[n]) / per)
                           for start, n in zip(self.starts, names, strict=True)]  # fmt: skip
        table = carried(self.source, replace(self.table, columns=columns), job)
        return table.take([i for i, time in enumerate(columns["time"]) if time is not None])


def read_exposure(
    ex: Table, treatment: Treatment, clock: tuple[Fraction, DoseTimes], findings: Findings, planned: bool = False
) -> Exposure | None:
    """Return the doses of a matched EX table, None when it lacks a column.

    Parameters
    ----------
    ex : Table
        Columns under the names of CDISC.
    treatment : Treatment
        The one value of EXTRT to read, needed when there are several that are no analytes; and the analytes.
    clock : (Fraction, DoseTimes)
        Seconds of the study's time unit, and what is known of the times of day of doses.
    findings : Findings
        Where problems and notes go.
    planned : bool
        Whether the samples have planned times only; then doses with a day and no time of day are good.
    """
    if not required(ex, _NEEDED, findings):
        return None
    per, known = clock
    ex = spread(_given(_one_treatment(ex, treatment, findings), findings), findings)
    drugs = [treatment.drug(text(ex, "EXTRT", i)) for i in range(len(ex))] if "EXTRT" in ex else []
    if not len(ex):
        return None
    days = [midnight(cell) for cell in ex.columns["EXSTDTC"]]
    by_day = planned and all(days) and all(isinstance(iso.moment(c), str) for c in ex.columns["EXSTDTC"])
    if by_day:
        findings.altered(
            f"{ex.name}: {len(ex)} doses have a day and no time of day; the planned times of the samples are counted "
            "from the dose of their day"
        )
    dated = ex if by_day else with_times_of_day(ex, known, findings)
    rest = [i for i, day in enumerate(days) if not by_day and (day is None or not is_missing(dated.cell("EXSTDTC", i)))]
    timed = dict(zip(rest, moments(dated.take(rest), "EXSTDTC", findings), strict=True))  # the others are reported
    starts = days if by_day else [timed.get(i) for i in range(len(ex))]
    lengths = _lengths(ex, starts, findings)
    routes, used = _routes(ex, lengths, findings)
    columns: Cells = {
        "subject": list(ex.columns["USUBJID"]),
        "amount": list(ex.columns["EXDOSE"]),
        "unit": [from_cdisc(text(ex, "EXDOSU", i)) or None for i in range(len(ex))],
        "route": list(routes),
        "duration": [float(length / per) if length else None for length in used],
    }
    if "EXROUTE" not in ex:
        del columns["route"]
    if len(set(drugs)) > 1:
        columns["into"] = [*drugs]
    if "VISIT" in ex:
        columns["occasion"] = list(ex.columns["VISIT"])
    headings = {ours: ex.headings.get(theirs, theirs) for ours, theirs in _HEADINGS.items()}
    return Exposure(ex, Table(ex.name, columns, ex.rows, headings), starts, by_day)


def midnight(cell: object) -> Moment | None:
    """Return the midnight that begins the day of a date, with or without a time of day; None if it is none."""
    found = iso.moment(cell)
    if isinstance(found, str):
        found = iso.moment(f"{(label(cell) or str(cell)).strip()}T00:00") if found == "partial" else found
    return None if isinstance(found, str) else Moment(found.seconds - found.seconds % 86400)


def _one_treatment(ex: Table, treatment: Treatment, findings: Findings) -> Table:
    if "EXTRT" not in ex:
        return ex
    treatments = Counter(text(ex, "EXTRT", i) for i in range(len(ex)))
    asked = treatment.asked
    if asked is None:
        if len(treatments) > 1 and not all(treatment.drug(name) for name in treatments):
            told = ", ".join(f"{name!r} ({count} rows)" for name, count in sorted(treatments.items()))
            findings.problem(
                f"{ex.name}, column 'EXTRT': {told}; expected one, or treatment= with the one to read (several are "
                "read where each is the name of an analyte, PCTEST or PCTESTCD)"
            )
        return ex
    keep = [i for i in range(len(ex)) if text(ex, "EXTRT", i) == asked]
    if not keep:
        near = nearest(str(asked), treatments)
        findings.problem(f"treatment: {shown(asked)} is not in the column 'EXTRT'; {near}")
        return ex
    if len(keep) < len(ex):
        findings.altered(
            f"{ex.name}: {len(ex) - len(keep)} doses of other treatments than {asked} were left out; all analytes that "
            f"are read are analysed with the doses of {asked} (analytes=[...] reads those of this drug alone)"
        )
    return ex.take(keep)


def _given(ex: Table, findings: Findings) -> Table:
    """Leave out the rows of doses that were not given, or only planned."""
    lost: dict[int, str] = {}
    for i in range(len(ex)):
        not_done = text(ex, "EXSTAT", i).upper() == "NOT DONE" or text(ex, "EXOCCUR", i).upper() in ("N", "NO")
        if not_done or text(ex, "EXMOOD", i).upper() == "SCHEDULED":
            lost[i] = text(ex, "EXREASND", i) or ("no reason given" if not_done else "scheduled")
    if lost:
        told = ", ".join(f"{count} × {why}" for why, count in sorted(Counter(lost.values()).items()))
        findings.altered(f"{ex.name}: {len(lost)} doses were not given and were left out ({told})")
    return ex.take([i for i in range(len(ex)) if i not in lost])


def _lengths(ex: Table, starts: list[Moment | None], findings: Findings) -> list[Fraction]:
    """Return EXENDTC − EXSTDTC, else EXDUR, else 0; an end before the start is a problem."""
    ends = [iso.moment(ex.cell("EXENDTC", i)) for i in range(len(ex))]
    lengths = []
    for i, (start, end) in enumerate(zip(starts, ends, strict=True)):
        length = Fraction(0)
        if isinstance(end, Moment) and start is not None:
            length = end.seconds - start.seconds
            if length < 0 or end.zoned != start.zoned:
                what = "an end that is not before EXSTDTC" if length < 0 else "a time zone in both dates or in none"
                ex.complain(findings, "EXENDTC", i, what)
        elif isinstance(end, str) and end != "missing":
            day = (label(ex.cell("EXENDTC", i)) or "")[:10]
            # A dose by mouth or a bolus often has the date alone as its end; on the same day it says nothing.
            stated = iso.duration(ex.cell("EXDUR", i))
            silent = stated is not None or _absorbed(ex, i) or text(ex, "EXROUTE", i).upper() == "INTRAVENOUS BOLUS"
            if end == "bad" or not silent or day != (label(ex.cell("EXSTDTC", i)) or "")[:10]:
                ex.complain(findings, "EXENDTC", i, "a date with a time of day such as 2014-03-01T09:00")
            length = stated or length
        elif not is_missing(ex.cell("EXDUR", i)):
            stated = iso.duration(ex.cell("EXDUR", i))
            if stated is None or stated < 0:
                ex.complain(findings, "EXDUR", i, "a duration such as PT30M")
            length = stated or length
        lengths.append(max(length, Fraction(0)))
    return lengths


def _absorbed(ex: Table, i: int) -> bool:
    return text(ex, "EXROUTE", i).upper() in EXTRAVASCULAR


def _routes(ex: Table, lengths: list[Fraction], findings: Findings) -> tuple[list[str | None], list[Fraction]]:
    """Return our word for every route and the durations that count; rows that stand for several doses are problems."""
    routes: list[str | None] = []
    used = list(lengths)
    absorbed: Counter[str] = Counter()
    ended = 0
    for i, length in enumerate(lengths):
        word = text(ex, "EXROUTE", i).upper()
        often = text(ex, "EXDOSFRQ", i).upper()
        if word in EXTRAVASCULAR:
            absorbed[word] += 1
            routes.append("oral")
        elif word in INTRAVENOUS or not word:
            bolus = word == "INTRAVENOUS BOLUS"
            ended += bool(bolus and length)
            used[i] = Fraction(0) if bolus else length
            routes.append("bolus" if bolus or not length else "infusion")
            if word in ("INTRAVENOUS DRIP", "INTRAVENOUS INFUSION"):
                routes[-1] = "infusion"
            routes[-1] = routes[-1] if word else None
        else:
            hint = nearest(word, [*INTRAVENOUS, *EXTRAVASCULAR])
            ex.complain(findings, "EXROUTE", i, f"a route such as INTRAVENOUS BOLUS, ORAL, SUBCUTANEOUS; {hint}")
            routes.append("bolus")
            used[i] = Fraction(0)
            continue
        several = often not in ("", "ONCE") and length >= 86400
        if (word in EXTRAVASCULAR and length) or several:
            ex.complain(findings, "EXENDTC", i, "one row per dose: the row lasts "
                        f"{float(length) / 3600:g} h (EXDOSFRQ {often or 'not given'})")  # fmt: skip
            used[i] = Fraction(0) if word in EXTRAVASCULAR else used[i]
    for word, count in sorted(absorbed.items()):
        if word != "ORAL":
            findings.fact(f"{ex.name}: {count} doses by {word} are read as route 'oral' (absorbed)")
    if ended:
        findings.altered(f"{ex.name}: {ended} doses by INTRAVENOUS BOLUS have an end; taken as given at once")
    return routes, used
