"""The table of observations: one checked record per sample."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import pandas

from pkpd import units as unit_tools
from pkpd.arrays import Array, Flags
from pkpd.errors import UnitError, nearest
from pkpd.io.blq import Readings
from pkpd.io.cells import is_missing, of_each
from pkpd.io.columns import fold
from pkpd.io.findings import Findings
from pkpd.io.table import Table, positions
from pkpd.periods import own_clock

RULES = ("mean", "first", "last")
"""What can be done with several samples of one subject, analyte and time."""

_MARKS = {
    **dict.fromkeys(("pre", "predose", "before", "trough"), "pre"),
    **dict.fromkeys(("post", "postdose", "after"), "post"),
    "": "",
}


def assemble(
    table: Table, names: Sequence[str], readings: Readings, units: Mapping[str, str], findings: Findings
) -> pandas.DataFrame:
    """Return the records without their times: subject and occasion as texts, everything else as in a `Study`.

    Parameters
    ----------
    table : Table
        Long table of observations.
    names : sequence of str
        Analyte of every record.
    readings : Readings
        Values with flags and limits.
    units : mapping
        Unit by analyte; decides which analytes cannot be negative.
    findings : Findings
        Where problems and notes go.
    """
    excluded, reason = _exclusions(table, findings)
    _check_values(table, names, readings, (excluded, units), findings)
    nominal, _ = table.numbers("nominal_time", findings, "a number")
    until, _ = table.numbers("until", findings, "a number in the study's time unit")
    volume, _ = table.numbers("volume", findings, "a number ≥ 0")
    said = table.labels("mark", findings)
    marks = of_each(lambda text: _MARKS.get(fold(text)), said)
    for i in (k for k, mark in enumerate(marks) if mark is None):
        table.complain(findings, "mark", i, f"pre or post; {nearest(said[i], ('pre', 'post'))}")
    for name, count in sorted(Counter(n for n, b in zip(names, readings.blq & ~excluded, strict=True) if b).items()):
        findings.fact(f"observations: {count} records of {name} are BLQ")
    lower = {"lower": _lower_ends(table, readings, findings)} if "lower" in table else {}
    return pandas.DataFrame(
        {
            "subject": table.labels("subject", findings),
            "analyte": list(names),
            "time": np.full(len(table), np.nan),
            "value": readings.value,
            "blq": readings.blq,
            "lloq": readings.lloq,
            "alq": readings.alq,
            "uloq": readings.uloq,
            "nominal_time": nominal,
            "until": until,
            "volume": volume,
            "occasion": table.labels("occasion", findings),
            "mark": [mark or "" for mark in marks],
            "excluded": excluded,
            "reason": reason,
            "row": np.array(table.rows, dtype=np.int64),
            **lower,
        }
    )


def _lower_ends(table: Table, readings: Readings, findings: Findings) -> Array:
    """Lower ends of values that are known to lie between them and the lower limit; NaN for all others."""
    ends, _ = table.numbers("lower", findings, "a number below the limit")
    for i in positions(~np.isnan(ends) & ~(readings.blq & ~(ends >= readings.lloq))):
        table.complain(findings, "lower", i, "none, or a number below the limit of a record that is BLQ")
    return ends


def _exclusions(table: Table, findings: Findings) -> tuple[Flags, list[str]]:
    """Return which records are set aside and why."""
    excluded = table.flags("excluded", findings)
    reason = table.labels("reason", findings)
    if "reason" in table and "excluded" not in table and any(reason):
        i = next(k for k, text in enumerate(reason) if text)
        findings.problem(
            f"{table.place('reason', i)}: a reason but no column 'excluded'; expected one that says yes or no"
        )
    unused = [i for i, text in enumerate(reason) if text and not excluded[i]]
    if unused and "excluded" in table:
        findings.altered(
            f"observations: {len(unused)} records have a reason and are not excluded; they are read like all others "
            f"(row {table.rows[unused[0]]}: {reason[unused[0]]!r})"
        )
    silent = [i for i in positions(excluded) if not reason[i]]
    for i in silent:
        reason[i] = "no reason given"
    if excluded.any():
        why = Counter(reason[i] for i in positions(excluded))
        told = ", ".join(f"{count} × {text}" for text, count in sorted(why.items()))
        findings.fact(f"observations: {int(excluded.sum())} records are excluded ({told})")
    if silent:
        findings.altered(f"observations: {len(silent)} excluded records have no reason; it became 'no reason given'")
    return excluded, reason


def _check_values(
    table: Table, names: Sequence[str], readings: Readings, rule: tuple[Flags, Mapping[str, str]], findings: Findings
) -> None:
    """Report values that are missing or impossible; excluded records are kept as they are."""
    excluded, units = rule
    silent = np.isnan(readings.value) & ~readings.blq & ~readings.alq & ~excluded
    for i in positions(silent):
        cell = table.cell("value", i)
        if is_missing(cell):
            table.complain(findings, "value", i, "a number, a text such as BLQ, an exclusion with its reason, or "
                           "missing='drop' or 'exclude' for records without a result")  # fmt: skip
    positive = {name for name in set(names) if name in units and is_concentration(units[name])}
    for i in positions((readings.value < 0) & ~excluded):
        if names[i] in positive:
            unit = units[names[i]]
            what = f"a number ≥ 0 ({names[i]} in {unit} is a concentration), or negative='keep' or 'exclude'"
            table.complain(findings, "value", i, what)


def is_concentration(unit: str) -> bool:
    """Say whether a unit is an amount or a count per volume; "" is none."""
    if not unit:
        return False
    try:
        return any(unit_tools.is_kind(text, "concentration") for text in (unit, f"({unit})*mg"))
    except UnitError:  # none at all, or one that cannot be multiplied, such as degC
        return False


def _way_out(same: pandas.DataFrame) -> str:
    """What is expected of samples at one time: of two visits none is a repeated measurement."""
    visits = [text for text in dict.fromkeys(same["occasion"]) if text]
    if len(visits) > 1:
        return f"one, or marks pre and post (they are of the occasions {', '.join(visits)}: no average is meant)"
    if given := _treatments(same):
        return (
            f"one (they are of the treatments {', '.join(given)}: no average is meant; if the clock starts anew in "
            "every period: a column 'period' in every table)"
        )
    periods = "" if visits else " (if the clock starts anew in every period: a column 'period' in every table)"
    return f"one, marks pre and post, or duplicates='mean', 'first' or 'last'{periods}"


def _treatments(same: pandas.DataFrame) -> list[str]:
    """The treatments of samples at one time, if they are several."""
    known = [text for text in dict.fromkeys(same["treatment"]) if text] if "treatment" in same else []
    return known if len(known) > 1 else []


def resolve_duplicates(
    records: pandas.DataFrame, table: Table, rule: str | None, findings: Findings
) -> pandas.DataFrame:
    """Return the records with one per subject, analyte, time and side of the dose, or report those that are not.

    Collections are the same when they begin and end together. Excluded records do not count. ``"first"`` and
    ``"last"`` go by the rows of the source; ``"mean"`` averages values that are all measured or all BLQ, under one
    limit.
    """
    if not records.duplicated(["subject", "analyte", "time"]).any():
        return records.reset_index(drop=True)
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    keys = zip(*(records[c].tolist() for c in ("subject", "analyte", "time", "until", "mark", "excluded")), strict=True)
    for i, (subject, analyte, time, until, mark, excluded) in enumerate(keys):
        if not excluded and time == time and analyte and subject:
            end = until if until == until else None  # NaN is not equal to itself
            groups[subject, analyte, time, end, mark == "post"].append(i)
    dropped: list[int] = []
    result = records
    touched = 0
    for same in (rows for rows in groups.values() if len(rows) > 1):
        same = sorted(same, key=lambda i: records["row"].iloc[i])
        if rule is None or _treatments(records.iloc[same]):
            rows = ", ".join(str(records["row"].iloc[i]) for i in same)
            findings.problem(
                f"{table.place('time', same[-1])}: {len(same)} samples of {records['analyte'].iloc[same[0]]} at time "
                f"{own_clock(records).iloc[same[0]]:g} (rows {rows}); expected {_way_out(records.iloc[same])}"
            )
            continue
        keep = same[-1] if rule == "last" else same[0]
        if rule == "mean":
            group = records.iloc[same]
            if any(group[c].nunique(dropna=False) > 1 for c in ("blq", "alq", "lloq", "uloq", "volume")):
                findings.problem(
                    f"{table.place('value', same[-1])}: BLQ and measured samples, or different limits, at one time "
                    "cannot be averaged; expected duplicates='first' or 'last'"
                )
                continue
            result = result.copy() if result is records else result
            result.loc[keep, "value"] = group["value"].mean(skipna=False)
        dropped += [i for i in same if i != keep]
        touched += 1
    if dropped:
        done = "averaged into one" if rule == "mean" else f"reduced to the {rule}"
        findings.altered(
            f"observations: {len(dropped) + touched} samples at {touched} equal times were {done} each; "
            f"{len(dropped)} records fewer"
        )
    return result.drop(index=dropped).reset_index(drop=True)
