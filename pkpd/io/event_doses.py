"""The doses of an event table: AMT, RATE, II, ADDL, SS, CMT and resets as rows of a study's doses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.dosing import ROUTES
from pkpd.errors import nearest
from pkpd.io.cells import label
from pkpd.io.dose_kinds import MODELLED
from pkpd.io.doses import dose_columns, route_of
from pkpd.io.event_table import EventTable
from pkpd.io.findings import Findings
from pkpd.io.job import EventRules

_STEADY = ("", "instead", "added", "instead")


class DoseScale(NamedTuple):
    """What the numbers of an event table's doses are multiplied with to be in the study's units.

    Attributes
    ----------
    amount, rate : arrays, shape (rows,)
        Of the amount and the rate of each row.
    length : array, shape (rows,)
        How long an infusion lasts that is given by its length, in the study's time unit; 0 for any other.
    interval : float
        Of the times between doses.
    """

    amount: Array
    rate: Array
    length: Array
    interval: float


def event_doses(
    rows: EventTable, scale: DoseScale, rules: EventRules, occasion: Sequence[str], findings: Findings
) -> dict[str, Any]:
    """Return doses, resets and compartments that are turned on or off as columns, in the order of the rows.

    Parameters
    ----------
    rows : EventTable
        The rows.
    scale : DoseScale
        What amounts, rates and intervals are multiplied with, and how long infusions last.
    rules : EventRules
        Routes of the doses.
    occasion : sequence of str, one per row
        Label of the occasion.
    findings : Findings
        Where notes on routes go.
    """
    items, events = rows.events.items, rows.events
    evid = items["EVID"].astype(int)
    routes = _Routes(rows, rules, findings)
    made: list[dict[str, Any]] = []
    subject = np.cumsum(events.starts)
    off: set[str] = set()
    whose = 0
    for k in np.flatnonzero(((evid > 0) & (evid != 2)) | (events.sign < 0) | _turning(rows)).tolist():
        off = off if subject[k] == whose else set()
        whose = subject[k]
        shared = {"subject": rows.owners[k], "time": float(rows.time[k]), "row": int(rows.row[k]),
                  "occasion": occasion[k]}  # fmt: skip
        if evid[k] == 3:
            made.append({**shared, "amount": 0.0, "route": "bolus", "reset": True})
        elif evid[k] in (1, 4):
            made.append({**shared, **_dose(rows, k, scale, routes), "reset": bool(evid[k] == 4)})
        if evid[k] in (3, 4):
            off = set()
        name = events.compartment(k)
        if evid[k] in (0, 2, 3) and name and (events.sign[k] < 0 or (name in off and evid[k])):
            on = bool(events.sign[k] > 0)
            switch = {"action": "multiply", "into": name, "switch": "on" if on else "off"}
            made.append({**shared, "amount": 0.0, "route": "bolus", **switch})
            off = off - {name} if on else off | {name}
    routes.tell()
    return dose_columns(made)


def _turning(rows: EventTable) -> Any:
    """Records that may turn a compartment on again: those that name one, in a table that turns any off."""
    events = rows.events
    if not (events.sign < 0).any():
        return np.zeros(len(events), dtype=bool)
    return np.isin(events.items["EVID"], (2, 3))


def _dose(rows: EventTable, k: int, scale: DoseScale, routes: _Routes) -> dict[str, Any]:
    items = rows.events.items
    rate = float(items["RATE"][k])
    length = float(scale.length[k])
    return {
        "amount": float(items["AMT"][k] * scale.amount[k]),
        "route": routes.of(k, bool(rate) or length > 0),
        "duration": 0.0 if rate else length,
        "rate": float(max(rate, 0.0) * scale.rate[k]),
        "modelled": MODELLED.get(rate, ""),
        "into": rows.events.compartment(k),
        "additional": int(items["ADDL"][k]),
        "interval": float(product(items["II"][k], scale.interval) if scale.interval != 1.0 else items["II"][k]),
        "steady_state": _STEADY[int(items["SS"][k])],
    }


class _Routes:
    """Routes of doses: as told, or by the compartment; counts what was taken for what."""

    def __init__(self, rows: EventTable, rules: EventRules, findings: Findings) -> None:
        self.rows, self.findings = rows, findings
        told = rules.routes
        self.everywhere = told if isinstance(told, str) else ""
        self.by_compartment = {} if isinstance(told, str) else {str(k): route for k, route in told.items()}
        for route in [self.everywhere, *self.by_compartment.values()]:
            if route and route not in ROUTES:
                findings.problem(f"routes: unknown route {route!r}; {nearest(route, ROUTES)}")
        seen = {rows.events.compartment(k) for k in np.flatnonzero(rows.filled).tolist()} - {""}
        self.sampled = seen
        self.guessed: dict[tuple[str, str], int] = {}

    def of(self, k: int, lasting: bool) -> str:
        """Return the route of the dose in row k."""
        if lasting:
            return "infusion"
        text = label(self.rows.table.cell("route", k)) or ""
        if text:
            route = route_of(text)
            if route in ("", "infusion"):
                self.rows.table.complain(self.findings, "route", k, f"one of {', '.join(ROUTES)} that fits the row")
                return "bolus"
            return route
        name = self.rows.events.compartment(k)
        told = self.by_compartment.get(name, self.everywhere)
        if told and told != "infusion":
            return told
        # A dose into another compartment than the samples are from is absorbed on its way.
        route = "oral" if name and self.sampled and name not in self.sampled else "bolus"
        self.guessed[name, route] = self.guessed.get((name, route), 0) + 1
        return route

    def tell(self) -> None:
        """Note what was taken for what."""
        for (name, route), count in self.guessed.items():
            where = f" into compartment {name}" if name else ""
            self.findings.assumed_routes.add(route)
            self.findings.fact(
                f"doses: {count}{where} are taken as {route}"
                + ("" if route == "bolus" else " (samples are from another compartment)")
                + ("; say routes='oral' if they were taken by mouth" if route == "bolus" else "; say routes= if not")
            )
