"""Collections of urine or faeces: what must hold of their ends, their volumes and each other."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas

from pkpd import units as unit_tools
from pkpd.arrays import Flags
from pkpd.errors import UnitError
from pkpd.io.cells import is_missing
from pkpd.io.findings import Findings
from pkpd.io.table import Table, positions

_ROUNDING = 1e-9  # relative; ends that were computed from dates may miss the next start by the last digits

_NO_END = (
    "none: the record has no end of a collection (column '{spelled}'); a collection of urine needs its end, a sample "
    "at a point in time no volume"
)


def check_collections(
    records: pandas.DataFrame, table: Table, kind: str, units: Mapping[str, str], findings: Findings
) -> None:
    """Report collections that cannot be; excluded records only need an end after their start.

    Parameters
    ----------
    records : DataFrame
        Observations with their times; ``until`` is the end of a collection, NaN for a sample at a point in time.
    table : Table
        Where they came from, row by row.
    kind : str
        What the times are, see `pkpd.io.clock.Times`; the end of a collection can only be a number.
    units : mapping
        Units by name; ``"volume"`` is needed when there is a volume.
    findings : Findings
        Where problems and notes go.
    """
    if "until" not in table and "volume" not in table:
        return
    collected = _filled(table, "until")
    used = ~np.asarray(records["excluded"], dtype=bool)
    if collected.any() and kind != "number":
        i = positions(collected)[0]
        findings.problem(
            f"{table.place('until', i)}: the end of a collection is given, and the times are no numbers; "
            "expected numbers in the study's time unit for both"
        )
        return
    until, time = records["until"].to_numpy(dtype=float), records["time"].to_numpy(dtype=float)
    for i in positions(until <= time):
        expected = f"an end later than the start {time[i]:g}; a sample at a point in time has none"
        table.complain(findings, "until", i, expected)
    _check_volumes(records, table, (collected, used), units, findings)
    names = records["analyte"].to_numpy()
    for name in sorted({n for n in names[collected & used] if n}):
        of_analyte = (names == name) & used
        for i in positions(of_analyte & ~collected)[:1]:
            ends, bare = int((of_analyte & collected).sum()), int((of_analyte & ~collected).sum())
            findings.problem(
                f"{table.place('until', i)}: missing in {bare} of {int(of_analyte.sum())} records of "
                f"{name}; {ends} are collections; expected an end for all of them, or another analyte name"
            )
    _check_overlaps(records[collected & used & (until > time)], table, findings)
    if (collected & used).any():
        findings.fact(f"observations: {int((collected & used).sum())} records are collections")


def _spelled_end(table: Table) -> str:
    """What the column of ends is called there: SDTM's tables come with its own names."""
    return "PCENDTC" if table.headings.get("time") in ("PCDTC", "PCELTM") else "until"


def _check_volumes(
    records: pandas.DataFrame, table: Table, which: tuple[Flags, Flags], units: Mapping[str, str], findings: Findings
) -> None:
    """Every collection that was measured as a concentration has a volume ≥ 0, and a point sample has none."""
    collected, used = which
    volume = records["volume"].to_numpy(dtype=float)
    for i in positions(volume < 0):
        table.complain(findings, "volume", i, "a number ≥ 0")
    for i in positions(~np.isnan(volume) & ~collected):
        table.complain(findings, "volume", i, _NO_END.format(spelled=_spelled_end(table)))
    names = list(records["analyte"])
    amount = {name: _is_amount(units[name]) for name in set(names) if name in units}
    for i in positions(collected & used & ~_filled(table, "volume")):
        if not amount.get(names[i], True):
            table.complain(
                findings,
                "volume",
                i,
                f"the volume or mass of the collection ({names[i]} in {units[names[i]]} is no amount)",
            )
    if not (~np.isnan(volume)).any():
        return
    if "volume" not in units:
        said = any(text.startswith("units: 'volume'") for text in findings.problems)
        if not said:
            findings.problem("units: no unit of 'volume'; expected {'volume': 'mL'} or a heading such as 'volume [mL]'")
        return
    for name in sorted({n for n, c in zip(names, ~np.isnan(volume), strict=True) if c and not amount.get(n, True)}):
        product = f"({units[name]})*({units['volume']})"
        if not _is_amount(product):
            findings.problem(
                f"units: {name!r} in {units[name]} times 'volume' in {units['volume']} is no amount; expected units "
                "such as 'ng/mL' and 'mL', or 'ug/g' and 'g'"
            )


def _filled(table: Table, column: str) -> Flags:
    """Return which cells of a column hold anything, readable or not."""
    return np.array([not is_missing(table.cell(column, i)) for i in range(len(table))], dtype=bool)


def _is_amount(unit: str) -> bool:
    try:
        return unit_tools.is_kind(unit, "amount") or unit_tools.is_kind(unit, "amount per kg")
    except UnitError:  # a unit that cannot be multiplied, such as degC
        return False


def _check_overlaps(collections: pandas.DataFrame, table: Table, findings: Findings) -> None:
    """Report collections of one subject and analyte that begin before the one before has ended.

    Two that begin and end together are duplicates, which another rule deals with.
    """
    for (_, name), group in collections.groupby(["subject", "analyte"], sort=False):
        ordered = group.sort_values(["time", "until", "row"])
        longest = ordered.index[0]
        for i in ordered.index[1:]:
            start, end = float(group.at[i, "time"]), float(group.at[i, "until"])
            before, last = float(group.at[longest, "time"]), float(group.at[longest, "until"])
            same = start == before and end == last
            if not same and start < last - _ROUNDING * max(abs(start), abs(last)):
                findings.problem(
                    f"{table.place('until', i)}: the collection of {name} from {start:g} to {end:g} overlaps that from "
                    f"{before:g} to {last:g} (row {group.at[longest, 'row']}); expected one after the other"
                )
            if end > last:
                longest = i
