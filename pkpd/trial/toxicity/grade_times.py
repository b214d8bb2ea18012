"""When a grade began, how long it lasted, and the share of time at each grade, in dosing weeks and outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError, shown
from pkpd.trial.recist.scans import provenance
from pkpd.trial.toxicity.spells import spells
from pkpd.trial.toxicity.worst import before_baseline, read_grades

if TYPE_CHECKING:
    import pandas


@checked
def grade_times(
    graded: Any,
    *,
    least: int = 3,
    dosing: Sequence[tuple[float, float]] = (),
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return onset and duration of a grade, and the share of time at each grade, of every patient and term.

    Parameters
    ----------
    graded : DataFrame, path, or mapping
        Rows of `grades`: ``subject, term, grade, day``. A value counts with its ``lowest`` grade.
    least : int
        Grade at or above which onset and duration are counted.
    dosing : sequence of (first day, last day)
        Dosing weeks, both days included: ``[(1, 5), (15, 19)]``.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        ``subject, term, onset`` (first day at or above `least` after the baseline), ``episodes, shortest, longest``
        (of the longest episode, days; ``longest`` is empty where no value ends it), and per grade 0 to 4 ``percent``
        ``percent_dosing``, ``percent_outside`` of time as columns ``"grade 3 percent dosing"``. A grade is taken to
        hold from its value to the next; the time is that from the baseline (or first value) to the last value.

    Raises
    ------
    InputError
        Listing all that cannot be used; if dosing weeks overlap or end before they begin.
    """
    import pandas

    problems = [] if 1 <= least <= 5 else [f"least is {least}; expected a grade from 1 to 5"]
    weeks = sorted((float(first), float(last)) for first, last in dosing)
    problems += [f"dosing week {shown((a, b))} ends before it begins" for a, b in weeks if not b >= a]
    problems += [f"dosing weeks {shown(one)} and {shown(two)} overlap"
                 for one, two in pairwise(weeks) if two[0] <= one[1]]  # fmt: skip
    if problems:
        raise InputError(problems, "grade_times")
    table = read_grades(graded, columns)
    table = table[~before_baseline(table)]
    table = table[table["lowest"].notna() & table["day"].notna()].sort_values("day", kind="stable")
    rows: list[dict[str, Any]] = []
    for (who, term), own in table.groupby(["subject", "term"], sort=False):
        after = own[~own["is_baseline"]]
        onset = after.loc[after["lowest"] >= least, "day"].min()
        every = spells(own["day"].tolist(), (own["lowest"] >= least).tolist())
        runs = [run for run in every if run.last >= onset]  # one that began before treatment and went on counts
        longest = max(runs, key=lambda run: run.shortest, default=None)
        rows.append({
            "subject": who, "term": term, "onset": onset, "episodes": len(runs),
            "shortest": longest.shortest if longest else 0.0, "longest": _ended(longest.longest) if longest else 0.0,
            **_shares(own["day"].to_numpy(float), own["lowest"].to_numpy(float), weeks),
        })  # fmt: skip
    result = pandas.DataFrame(rows) if rows else pandas.DataFrame(columns=["subject", "term", "onset", "episodes"])
    result.attrs.update(provenance(graded), least=least)
    return result


def _ended(days: float) -> float:
    return days if np.isfinite(days) else np.nan


def _shares(days: Array, grade: Array, weeks: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Percent of the time between the first and the last value at each grade: all, in dosing weeks, outside."""
    begin, end = days[:-1], days[1:]
    inside = np.zeros(len(begin))
    for first, last in weeks:  # a dosing week ends when its last day does
        inside += np.clip(np.minimum(end, last + 1) - np.maximum(begin, first), 0.0, None)
    whole = end - begin
    found: dict[str, float] = {}
    parts = (("percent", whole), ("percent dosing", inside), ("percent outside", whole - inside))
    for name, time in parts:
        for level in range(5):
            at = time[grade[:-1] == level].sum()
            found[f"grade {level} {name}"] = float(100 * at / time.sum()) if time.sum() > 0 else np.nan
    return found
