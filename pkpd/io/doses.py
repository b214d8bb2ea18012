"""The table of doses, or a plan that every subject gets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas

from pkpd import units as unit_tools
from pkpd.arrays import Array, Flags
from pkpd.decimals import product
from pkpd.dosing import ROUTES, Regimen
from pkpd.errors import UnitError, nearest
from pkpd.io.columns import fold, missing_column
from pkpd.io.declared import record_factors
from pkpd.io.dose_kinds import DoseUnits, check_dose_kinds, lasts, read_kinds, time_ratio
from pkpd.io.dose_rows import contradictions
from pkpd.io.findings import Findings
from pkpd.io.table import Table, positions
from pkpd.records import DOSE_COLUMNS, EVENT_COLUMNS

_KINDS: dict[str, type] = {
    **dict.fromkeys(("time", "amount", "duration", "rate", "interval"), float),
    **dict.fromkeys(("additional", "row"), np.int64), "reset": bool,
}  # fmt: skip
_ABSORBED = (
    "intramuscular", "transdermal", "topical", "inhalation", "inhaled", "ip", "intraperitoneal", "gavage",
    "oralgavage", "rectal", "nasal", "intranasal", "sublingual", "buccal", "intradermal",
)  # fmt: skip
_ROUTES = {
    **dict.fromkeys(("bolus", "ivbolus", "ivpush", "intravenousbolus", "iv", "intravenous"), "bolus"),
    **dict.fromkeys(("infusion", "ivinfusion", "intravenousinfusion", "intravenousdrip", "ivdrip", "inf"), "infusion"),
    **dict.fromkeys(
        ("oral", "po", "peroral", "bymouth", "extravascular", "ev", "sc", "subcutaneous", "im", *_ABSORBED), "oral"
    ),
}


def read_doses(
    table: Table, heading_units: Mapping[str, str], units: Mapping[str, str], findings: Findings
) -> tuple[pandas.DataFrame, str]:
    """Return the doses without their times, subject and occasion as texts, and the unit of the amounts.

    Parameters
    ----------
    table : Table
        One row per dose.
    heading_units : mapping
        Units that the headings carry.
    units : mapping
        Declared units; ``"duration"`` may differ from ``"time"``.
    findings : Findings
        Where problems and notes go.
    """
    both = [column for column in ("amount", "amount_per_kg") if column in table]
    if len(both) != 1:
        what = "one of the columns 'amount' and 'amount_per_kg'"
        if both:
            findings.problem(f"{table.name}: columns 'amount' and 'amount_per_kg' at once; expected {what}")
        else:
            missing_column(table, "amount", what, findings)
            return no_doses().reindex(range(len(table))), ""
    column = both[0]
    amount, bad = table.numbers(column, findings, "an amount ≥ 0")
    for i in positions(~bad & ~(amount >= 0)):
        table.complain(findings, column, i, "an amount ≥ 0")
    factors, unit = amount_factors(table, heading_units, units, findings)
    kinds = read_kinds(table, factors, DoseUnits(unit, units["time"], heading_units), findings)
    if "action" in kinds:
        factors = np.where(np.array(kinds["action"]) == "multiply", 1.0, factors)  # a factor has no unit
    duration, bad_duration = table.numbers("duration", findings, "a time ≥ 0")
    length = durations(duration, units, heading_units, findings)
    if "rate" in kinds:  # a length that says what the rate says is no contradiction
        other = contradictions(amount * factors, kinds["rate"], length)
        kinds["rate"] = np.where((length > 0) & ~other, 0.0, kinds["rate"])
    route = _routes(table, duration, bad_duration, lasts(kinds, len(table)), findings)
    doses = {
        "subject": table.labels("subject", findings),
        "time": np.full(len(table), np.nan),
        "amount": product(amount, factors),
        "route": route,
        "duration": length,
        "occasion": table.labels("occasion", findings),
        "row": np.array(table.rows, dtype=np.int64),
        **kinds,
    }
    if kinds and not findings.problems:
        check_dose_kinds(table, doses, findings)
    return pandas.DataFrame(doses), unit


def amount_factors(
    table: Table, heading_units: Mapping[str, str], units: Mapping[str, str], findings: Findings
) -> tuple[Array, str]:
    """Return what every amount is multiplied with to be in the unit of the doses, shape (rows,), and that unit."""
    column = "amount" if "amount" in table else "amount_per_kg"
    # A column that is per kg by its name has a unit that is too, whether or not the user wrote it.
    declared = {"dose": units["dose"]} if "dose" in units else {}
    heading = {"dose": heading_units[column]} if column in heading_units else {}
    if column == "amount_per_kg":
        declared, heading = ({k: _per_kg(u) for k, u in each.items()} for each in (declared, heading))
    factors, added = record_factors(table, ["dose"] * len(table), declared, heading, findings)
    unit = {**added, **declared}.get("dose", "")
    if not unit:
        findings.problem(f"{table.name}: the dose has no unit; expected units={{'dose': 'ug/kg'}} or a column 'unit'")
    return factors, unit


def _per_kg(unit: str) -> str:
    return unit if unit_tools.per_kg(unit) else f"{unit}/kg"


def durations(given: Array, units: Mapping[str, str], heading_units: Mapping[str, str], findings: Findings) -> Array:
    """Return lengths of infusions in the study's time unit, 0 where none is given, shape (rows,)."""
    length = np.where(np.isnan(given), 0.0, given)
    own = units.get("duration", heading_units.get("duration", units["time"]))
    ratio = time_ratio("duration", own, units["time"], findings)
    if ratio != 1.0 and (length > 0).any():
        findings.altered(f"doses: {int((length > 0).sum())} durations converted from {own} to {units['time']}")
    return product(length, ratio)


def route_of(text: str) -> str:
    """Return the route that a text means, "" if none."""
    return _ROUTES.get(fold(text), "")


def _routes(table: Table, duration: Array, bad: Flags, by_rate: Flags, findings: Findings) -> list[str]:
    """Return the route of every dose; without one, a duration or a rate means infusion and none means bolus."""
    routes = []
    silent = 0
    for i, text in enumerate(table.labels("route", findings)):
        lasting = duration[i] > 0 or by_rate[i]
        route = _ROUTES.get(fold(text))
        if not text:
            silent += 1
            route = "infusion" if lasting else "bolus"
        elif route is None:
            table.complain(findings, "route", i, f"one of {', '.join(ROUTES)}; {nearest(text, ROUTES)}")
        elif lasting and fold(text) in ("iv", "intravenous"):
            route = "infusion"
        if duration[i] < 0:
            table.complain(findings, "duration", i, "a time ≥ 0")
        elif route == "infusion" and not lasting and not bad[i]:
            table.complain(findings, "duration" if "duration" in table else "route", i,
                           "the duration of the infusion, a time > 0")  # fmt: skip
        elif route in ("bolus", "oral") and lasting:
            what = "duration" if duration[i] > 0 else "rate" if "rate" in table else "modelled"
            table.complain(findings, what, i, f"no {what}: the route is {route}")
        routes.append(route or "bolus")
    if silent:
        findings.assumed_routes |= {route for route in routes if route == "bolus"}
        findings.altered(f"{table.name}: {silent} doses have no route; taken as bolus, with a duration as infusion")
    return routes


def given_to_all(
    plan: Regimen, subjects: Sequence[str], units: Mapping[str, str], findings: Findings
) -> tuple[pandas.DataFrame, str]:
    """Return the doses of a plan that every subject gets, in the study's time unit, and the unit of the amounts."""
    unit = units.get("dose", plan.unit)
    try:
        plan = plan.in_units(unit, units["time"])
    except UnitError as error:
        findings.problem(f"doses: {'; '.join(error.problems)}")
    plain = ("time", "amount", "route", "duration", *(name for name in EVENT_COLUMNS if name != "switch"))
    rows = [
        {"subject": subject, "row": k, **{name: getattr(dose, name) for name in plain}}
        for subject in subjects
        for k, dose in enumerate(plan, start=1)
    ]
    return pandas.DataFrame(dose_columns(rows)), unit


def dose_columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return doses given one by one as columns of `DOSE_COLUMNS` and `EVENT_COLUMNS`; what is not said is usual."""
    usual: dict[str, Any] = {"duration": 0.0, "occasion": "", **EVENT_COLUMNS}
    columns: dict[str, Any] = {}
    for name in (*DOSE_COLUMNS, *EVENT_COLUMNS):
        cells = [row[name] if name in row else usual[name] for row in rows]
        kind = _KINDS.get(name, object)
        columns[name] = pandas.Series(cells, dtype=object) if kind is object and not cells else cells
        if kind is not object:
            columns[name] = np.array(cells, dtype=kind)
    return columns


def no_doses() -> pandas.DataFrame:
    """Return a table of doses without rows."""
    return pandas.DataFrame({c: pandas.Series([], dtype=_KINDS.get(c, object)) for c in DOSE_COLUMNS})


def note_repeats(doses: pandas.DataFrame, findings: Findings) -> None:
    """Note doses that are given more than once at one time: legitimate, but often a doubled row."""
    twice = doses.duplicated([name for name in doses if name not in ("occasion", "row")])
    if twice.any():
        findings.altered(f"doses: {int(twice.sum())} doses repeat another of the same subject and time; all are kept")
