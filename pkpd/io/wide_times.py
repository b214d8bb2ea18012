"""Tables with one row a visit or subject and one column a time: ``C_0h, C_1h, C_4h`` become rows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from pkpd.io.cells import is_missing
from pkpd.io.findings import Findings
from pkpd.io.headings import fold, is_of, split_heading, unit_of
from pkpd.io.table import Columns

_AT_TIME = re.compile(r"(.*?)[\s_.\-]*(?<![\d.])(\d+(?:[.]\d+)?)[\s_]*([a-z]*)", re.IGNORECASE)
_FEWEST = 3  # columns of times: with fewer, numbers in headings are names (C1, C2)
_CLOCKS = ("time", "datetime", "clock", "nominal_time")
Melted = tuple[Columns, list[int]]


def with_rows_of_times(loaded: Columns, words: Mapping[str, str], findings: Findings) -> Melted | None:
    """Return a table with a row for each time in the headings, and the source row of each; None if it is none such.

    The times count from the dose of the row, if there is one: it gets a row at time 0, before the samples; with a
    column of days they count from the start of the row's day.

    Parameters
    ----------
    loaded : tuple
        Headings and columns of a table of observations.
    words : mapping
        Folded spellings and the column each one means.
    findings : Findings
        Where the line goes.
    """
    headings, cells = loaded
    meant = [words.get(fold(split_heading(h, words)[0]), "") for h in headings]
    if {*_CLOCKS, "value"} & {*meant}:
        return None
    of_times = _columns_of_times(headings, meant)
    if of_times is None:
        return None
    measured, unit, times = of_times
    rest = [k for k in range(len(headings)) if k not in times]
    amounts = [k for k in rest if meant[k] in ("amount", "amount_per_kg")]
    new: list[list[object]] = [[] for _ in rest]
    when: list[object] = []
    values: list[object] = []
    rows: list[int] = []
    for i in range(len(cells[0])):
        dosed = any(not is_missing(cells[k][i]) for k in amounts)
        drawn = [(time, cells[k][i]) for k, time in times.items() if not is_missing(cells[k][i])]
        for time, value in [*([(0.0, None)] if dosed else []), *drawn]:
            first = dosed and value is None
            for column, k in zip(new, rest, strict=True):
                column.append(None if k in amounts and not first else cells[k][i])
            when.append(time)
            values.append(value)
            rows.append(i + 1)
    clock = "clock" if "day" in meant else "time"
    names = [*(headings[k] for k in rest), f"{clock} ({unit})" if unit else clock, measured or "value"]
    told = f", each dose at time 0 of its row ('{headings[amounts[0]]}')" if amounts else ""
    findings.altered(
        f"observations: {len(times)} columns from '{headings[min(times)]}' to '{headings[max(times)]}' are times of "
        f"samples, so that {len(cells[0])} rows became {len(rows)}{told}"
    )
    return (names, [*new, when, values]), rows


def _columns_of_times(headings: list[str], meant: list[str]) -> tuple[str, str, dict[int, float]] | None:
    """The largest group of headings that differ only in a time: their name, the unit, and the time of each column."""
    groups: dict[tuple[str, str], dict[int, float]] = defaultdict(dict)
    for k, heading in enumerate(headings):
        match = _AT_TIME.fullmatch(heading)
        if match is None or meant[k]:
            continue
        unit = unit_of(match[3]) if match[3] else ""
        if (match[3] and not is_of(unit or "1", "time")) or (match[1] and not unit):
            continue  # C1, C2 without a unit are names
        groups[match[1].strip(" _.-"), unit][k] = float(match[2])
    best = max(groups.items(), key=lambda item: len(item[1]), default=None)
    if best is None or len(best[1]) < _FEWEST or len({*best[1].values()}) < len(best[1]):
        return None
    (name, unit), times = best
    return name, unit, times
