"""Dose intensity: how much of what was planned a patient was given, and whether doses were reduced or left out."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import at_least, checked
from pkpd.dosing import Regimen
from pkpd.errors import InputError, shown
from pkpd.trial.intensity.patterns import AFTER_LAST, INTERRUPTED, LESS_OFTEN, OMITTED, fates, reduced_places
from pkpd.trial.intensity.planned import Planned, match, planned_doses, study_days
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
_FATES = {"omitted": OMITTED, "less_often": LESS_OFTEN, "interrupted": INTERRUPTED, "after_last": AFTER_LAST}


@checked(lasting=at_least(1))
def dose_intensity(
    doses: Any,
    planned: Regimen,
    *,
    until: Any = None,
    lasting: int = 3,
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    r"""Return each patient's dose intensity, relative to the plan up to the last day of treatment.

    .. math:: RDI = 100\,\frac{\sum_{day \le until} dose}{\sum_{day \le until} planned\;dose}

    Given and planned doses are those of the same days. What became of the planned doses:

    ================  =============================================================================================
    ``lower``         given in a smaller amount
    ``less_often``    left out because the frequency was lower: the same pattern of doses given and left out at least
                      twice in succession, and for at least `lasting` days
    ``interrupted``   left out on at least `lasting` planned days in succession, and treatment went on afterwards
    ``omitted``       left out otherwise
    ``after_last``    planned after the last dose that the patient got
    ================  =============================================================================================

    A patient was *reduced* if doses were lower or less often, so that less was given per day. A block, which is a
    series of planned days in succession, was *delayed* if its doses, shifted by the days by which it began late, fit
    better to what was planned.

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
    lasting : int
        From how many days on a pattern is a lower frequency, and a gap an interruption.
    columns : mapping, optional
        Our name → its heading in `doses`.

    Returns
    -------
    DataFrame
        ``subject, until, given, planned`` (sums), ``relative`` (%; NaN where nothing was planned), ``per_week`` (given
        per week of treatment), ``doses_given, doses_planned``, how many planned doses were ``omitted, less_often,
        interrupted, after_last, lower``, ``unplanned`` (given and not planned), ``interruptions`` (how many),
        ``delays`` (of how many blocks), ``delay`` (days, the longest), ``lowest`` (smallest dose given; NaN without
        one), ``reduced``, ``first_reduced`` (day of the first lower or less frequent dose; NaN). Planned doses are the
        matched ones and the first four counts together. ``attrs`` has the unit and the definition.

    Raises
    ------
    InputError
        Listing all that cannot be used; if a patient has doses and no last day; if there is no planned dose.

    References
    ----------
    Hryniuk WM, Bush H. J Clin Oncol 1984;2:1281-1288 (relative dose intensity). The other terms have no agreed
    definition; these are ours.
    """
    import pandas

    plan = planned.in_units(planned.unit, "day")
    if not any(d.amount > 0 for d in plan):
        raise InputError("the plan has no dose above 0", "dose_intensity")
    everybody: list[Any] = []
    if is_dataset(doses) or is_study(doses):
        table, everybody = doses_in(doses, planned.unit, "dose_intensity")
    else:
        table = read_table(doses, GIVEN, "doses", named=columns)
    names = list(dict.fromkeys([*everybody, *table["subject"]]))
    ends = _ends(until, names, table, plan)
    by_subject = dict(iter(table.groupby("subject", sort=False)))
    whole = {end: planned_doses(plan, end) for end in {*ends.values()}}
    rows = [
        {"subject": name, "until": end, **_row(by_subject.get(name, table[:0]), whole[end], end, lasting)}
        for name, end in ends.items()
    ]
    result = handed_on(pandas.DataFrame(rows), table, ("day", "dose"))
    result.attrs.update(unit=planned.unit, definition="given over planned dose up to the last day of treatment, %")
    return result


def _row(own: pandas.DataFrame, should: Planned, end: float, lasting: int) -> dict[str, Any]:
    """What is said of one patient."""
    own = own[(own["dose"] > 0) & (own["day"] < math.floor(end) + 1)].sort_values("day", kind="stable")
    day, amount = study_days(own["day"].to_numpy(float)), own["dose"].to_numpy(float)
    matched = match(should, day, amount)
    fate = fates(should.day, should.block, matched.filled, lasting)
    changed = should.day[reduced_places(fate, matched.lower)]
    total, planned = float(amount.sum()), float(should.amount.sum())
    number = {name: int((fate == code).sum()) for name, code in _FATES.items()}
    stretches = np.diff(np.concatenate([[False], fate == INTERRUPTED]).astype(np.int8))
    return {
        "given": total, "planned": planned, "relative": 100.0 * total / planned if planned else math.nan,
        "per_week": 7.0 * total / math.floor(end), "doses_given": len(own), "doses_planned": len(should.day), **number,
        "lower": int(matched.lower.sum()), "unplanned": matched.unplanned, "interruptions": int((stretches == 1).sum()),
        "delays": int((matched.delays > 0).sum()), "delay": int(matched.delays.max(initial=0)),
        "lowest": float(amount.min()) if len(own) else math.nan, "reduced": bool(changed.size),
        "first_reduced": float(changed.min()) if changed.size else math.nan,
    }  # fmt: skip


def _ends(until: Any, names: list[Any], table: pandas.DataFrame, plan: Regimen) -> dict[Any, float]:
    """Each patient's last day."""
    if until is None or isinstance(until, (int, float, np.number)):
        if until is None:
            last = max(d.time + d.additional * d.interval + 1 for d in plan if d.amount > 0)
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
