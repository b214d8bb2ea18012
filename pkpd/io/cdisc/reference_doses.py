"""Doses that stand beside the samples: DOSEA was given at AFRLT − ARRLT."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal, InvalidOperation

from pkpd import units as unit_tools
from pkpd.decimals import product
from pkpd.io.cdisc.spelling import EXTRAVASCULAR, INTRAVENOUS, from_cdisc
from pkpd.io.cdisc.tabular import Cells, text
from pkpd.io.cells import is_missing, number
from pkpd.io.columns import fold
from pkpd.io.job import Job
from pkpd.io.table import Table

_TOGETHER = "0.02"  # hours: differences of two rounded times of one dose scatter by a minute
_HEADINGS = {"subject": "USUBJID", "time": "ARRLT", "amount": "DOSEA", "unit": "DOSEU", "route": "ROUTE",
             "duration": "ADOSEDUR", "occasion": "APERIOD"}  # fmt: skip


def reconstructed(records: Table, job: Job) -> Table | None:
    """Return the doses to which the records refer, None when there are none.

    Times within 0.02 h are one dose; its time is the commonest, of equally common ones that with the fewest digits.
    Where AFRLT starts anew in every period, every period has doses of its own, with its label as the occasion.
    Records that disagree on the amount, unit, route or duration of one dose are a problem.

    Parameters
    ----------
    records : Table
        ADNCA under the names of CDISC, with the columns ``start`` (AFRLT in the study's unit) and of `with_visits`.
    job : Job
        Units and findings.
    """
    amount = "DOSEA" if "DOSEA" in records else "DOSEP"
    if amount not in records:
        return None
    if amount == "DOSEP":
        job.findings.altered(f"{records.name}: no column DOSEA; the planned dose DOSEP stands for the actual one")
    by_subject: dict[tuple[str, object], list[tuple[Decimal, int]]] = {}
    lacking = []
    for i in range(len(records)):
        if is_missing(records.cell(amount, i)) or not text(records, "USUBJID", i):
            continue
        time = _given_at(records, i, job)
        if time is None:
            lacking.append(i)
        else:
            by_subject.setdefault((text(records, "USUBJID", i), records.cell("period", i)), []).append((time, i))
    if lacking:
        job.findings.altered(f"{records.name}: {len(lacking)} records have {amount} but not both AFRLT and ARRLT; "
                             "their reference dose is not known from them")  # fmt: skip
    tolerance = Decimal(_TOGETHER) * Decimal(repr(unit_tools.factor("h", job.units["time"])))
    doses = []
    for timed in by_subject.values():
        for group in _groups(sorted(timed), tolerance):
            _agree(records, amount, [i for _, i in group], job)
            doses.append((_common([t for t, _ in group]), group[0][1]))
    return _table(records, amount, doses, job) if doses else None


def _given_at(records: Table, i: int, job: Job) -> Decimal | None:
    """Return AFRLT − ARRLT exactly, as the decimals that are written."""
    start, since = number(records.cell("start", i)), number(records.cell("ARRLT", i))
    if start is None or since is None or not abs(start) < 1e12 or not abs(since) < 1e12:
        return None
    ratio = unit_tools.factor(job.own_time, job.units["time"])
    try:
        return Decimal(repr(float(start))) - Decimal(repr(float(product(since, ratio))))
    except InvalidOperation:
        return None


def _groups(timed: list[tuple[Decimal, int]], tolerance: Decimal) -> list[list[tuple[Decimal, int]]]:
    groups: list[list[tuple[Decimal, int]]] = []
    for time, i in timed:
        if groups and time - groups[-1][0][0] <= tolerance:
            groups[-1].append((time, i))
        else:
            groups.append([(time, i)])
    return groups


def _common(times: list[Decimal]) -> float:
    counts = Counter(float(time) for time in times)
    return min(counts, key=lambda time: (-counts[time], len(repr(time)), time)) + 0.0


def _agree(records: Table, amount: str, rows: list[int], job: Job) -> None:
    first = rows[0]
    for column in (amount, "DOSEU", "ROUTE", "ADOSEDUR"):
        for i in rows[1:]:
            earlier, later = (records.cell(column, k) for k in (first, i))
            same = text(records, column, first) == text(records, column, i) or (
                number(earlier) == number(later) and number(earlier) is not None
            )
            if not same:
                job.findings.problem(
                    f"{records.place(column, i)}: {text(records, column, i) or 'missing'}, but row "
                    f"{records.rows[first]} says {text(records, column, first) or 'missing'} of the same dose; "
                    "expected the same"
                )
                break


def _table(records: Table, amount: str, doses: list[tuple[float, int]], job: Job) -> Table:
    columns: Cells = {key: [] for key in ("subject", "time", "amount", "unit", "route", "duration")}
    if "period" in records:
        columns["occasion"] = [records.cell("visit", i) for _, i in doses]
    silent = "ROUTE" not in records
    for time, i in doses:
        columns["subject"].append(records.cell("USUBJID", i))
        columns["time"].append(time)
        columns["amount"].append(records.cell(amount, i))
        columns["unit"].append(from_cdisc(text(records, "DOSEU", i)) or None)
        lasting = number(records.cell("ADOSEDUR", i))
        columns["route"].append(_route(text(records, "ROUTE", i), bool(lasting and lasting > 0)))
        absorbed = columns["route"][-1] in ("oral", "bolus") and lasting == 0
        columns["duration"].append(None if absorbed else records.cell("ADOSEDUR", i))
    if silent:
        del columns["route"]
    headings = {ours: records.headings.get(theirs, theirs) for ours, theirs in _HEADINGS.items()}
    headings["amount"] = records.headings[amount]
    return Table(records.name, columns, [records.rows[i] for _, i in doses], headings)


def _route(word: str, lasting: bool) -> str | None:
    """Return our word for a route, the word itself when it is unknown, so that the reading of doses reports it."""
    upper = word.upper()
    if upper in EXTRAVASCULAR or fold(word) in ("oral", "po", "sc", "im"):
        return "oral"
    if upper in INTRAVENOUS and "BOLUS" not in upper:
        return "infusion" if lasting or "DRIP" in upper or "INFUSION" in upper else "bolus"
    return "bolus" if upper == "INTRAVENOUS BOLUS" else word or None
