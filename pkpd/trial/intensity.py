"""Dose intensity: how much of what was planned a patient was given, and whether doses were reduced or left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.dosing import Regimen
from pkpd.errors import InputError, shown
from pkpd.trial.recist.scans import SUBJECT
from pkpd.trial.sources import doses_in, is_dataset, is_study
from pkpd.trial.tables import Column, handed_on, known_subjects, read_table

if TYPE_CHECKING:
    import pandas

GIVEN = (
    SUBJECT,
    Column("day", "number", "study day of the dose; that of the first dose is 1", also=("exday", "exstdy", "astdy")),
    Column("dose", "number", "amount given, in the unit of the plan", low=0.0, also=("amount", "amt", "exdose")),
)
UNTIL = (SUBJECT, Column("day", "number", "last study day of treatment", low=1.0, also=("end", "last")))


@checked
def dose_intensity(
    doses: Any, planned: Regimen, *, until: Any = None, columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    r"""Return each patient's dose intensity, relative to the plan up to the last day of treatment.

    .. math:: RDI = 100\,\frac{\sum_{day \le until} dose}{\sum_{day \le until} planned\;dose}

    Given and planned doses are those of the same days, so a delay counts as a dose that was left out.

    Parameters
    ----------
    doses : DataFrame, path, mapping, Study, or Dataset
        One row per dose: ``subject``, ``day`` (of the first dose: 1; 1.5 is the evening), ``dose`` in the unit of
        `planned`. A dose of 0 was left out. Or a study, or what `pkpd.simulate_adaptive` returned: then amounts are
        converted, and a patient without any dose has a row, too.
    planned : Regimen
        What every patient should have got; time 0 is day 1.
    until : float, DataFrame, path or mapping of columns, optional
        Last day of treatment: of everybody, or a table ``subject``, ``day`` whose patients all get a row. By default
        the last day on which anybody was given or should have been given a dose. Day 28 includes its evening.
    columns : mapping, optional
        Our name → its heading in `doses`.

    Returns
    -------
    DataFrame
        ``subject, until, given, planned`` (sums), ``relative`` (%; NaN where nothing was planned), ``per_week`` (given
        per week of treatment), ``doses_given, doses_planned, omitted`` (planned and not given), ``lowest`` (smallest
        dose given; NaN without one), ``reduced`` (whether it is below the smallest planned dose), ``first_reduced``
        (day of the first such dose; NaN), and what the table says besides of each patient. ``attrs`` has the unit and
        the definition.

    Raises
    ------
    InputError
        Listing all that cannot be used; if a patient has doses and no last day; if there is no planned dose.

    References
    ----------
    Hryniuk WM, Bush H. J Clin Oncol 1984;2:1281-1288.
    """
    import pandas

    plan = [(d.time, d.amount, d.additional, d.interval) for d in planned.in_units(planned.unit, "day") if d.amount > 0]
    if not plan:
        raise InputError("the plan has no dose above 0", "dose_intensity")
    everybody: list[Any] = []
    if is_dataset(doses) or is_study(doses):
        table, everybody = doses_in(doses, planned.unit, "dose_intensity")
    else:
        table = read_table(doses, GIVEN, "doses", named=columns)
    smallest = min(amount for _, amount, _, _ in plan)
    names = list(dict.fromkeys([*everybody, *table["subject"]]))
    ends = _ends(until, names, table, plan)
    rows = []
    by_subject = dict(iter(table.groupby("subject", sort=False)))
    for name, end in ends.items():
        own = by_subject.get(name, table[:0])
        own = own[(own["dose"] > 0) & (own["day"] < math.floor(end) + 1)].sort_values("day", kind="stable")
        counts = [_times(time, more, interval, end) for time, _, more, interval in plan]
        should = sum(n * amount for n, (_, amount, _, _) in zip(counts, plan, strict=True))
        low = own[own["dose"] < smallest]
        total = float(own["dose"].sum())
        rows.append({
            "subject": name, "until": end, "given": total, "planned": should,
            "relative": 100.0 * total / should if should else math.nan, "per_week": 7.0 * total / math.floor(end),
            "doses_given": len(own), "doses_planned": sum(counts), "omitted": max(sum(counts) - len(own), 0),
            "lowest": float(own["dose"].min()) if len(own) else math.nan, "reduced": bool(len(low)),
            "first_reduced": float(low["day"].iloc[0]) if len(low) else math.nan,
        })  # fmt: skip
    result = handed_on(pandas.DataFrame(rows), table, ("day", "dose"))
    result.attrs.update(unit=planned.unit, definition="given over planned dose up to the last day of treatment, %")
    return result


def _times(time: float, additional: int, interval: float, end: float) -> int:
    """How many of a repeated dose fall on days up to the end; day 1 is time 0 to below 1."""
    left = math.floor(end) - time
    if left <= 0:
        return 0
    if not additional:
        return 1
    return int(min(additional, math.ceil(round(left / interval, 9)) - 1)) + 1


def _ends(until: Any, names: list[Any], table: pandas.DataFrame, plan: list[Any]) -> dict[Any, float]:
    """Each patient's last day."""
    if until is None or isinstance(until, (int, float, np.number)):
        if until is None:
            last = max(time + more * interval + 1 for time, _, more, interval in plan)
            until = max([last, *table["day"]])
        if isinstance(until, bool) or not 1 <= until < math.inf:
            raise InputError(f"until is {shown(until)}; expected a study day ≥ 1", "dose_intensity")
        return dict.fromkeys(names, float(until))
    days = read_table(until, UNTIL, "last days", unique=("subject",))
    theirs = {str(name): name for name in names}  # 1 and "1" are one patient
    ends = {theirs.get(str(name), name): day for name, day in zip(days["subject"], days["day"].tolist(), strict=True)}
    if problems := known_subjects(names, ends, "last days"):
        raise InputError(problems, "dose_intensity")
    return ends
