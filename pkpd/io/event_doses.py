"""The doses of an event table: AMT, RATE, II, ADDL, SS, CMT and resets as rows of a study's doses."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas

from pkpd.arrays import Integers
from pkpd.dosing import ROUTES
from pkpd.errors import nearest
from pkpd.io.cells import label, number
from pkpd.io.doses import route_of
from pkpd.io.findings import Findings
from pkpd.records import DOSE_COLUMNS, EVENT_COLUMNS

if TYPE_CHECKING:
    from pkpd.io.event_table import EventRules, EventTable

_MODELLED = {-1.0: "rate", -2.0: "duration"}
_STEADY = ("", "instead", "added", "instead")


def event_doses(
    rows: EventTable, factors: Mapping[int, float], rules: EventRules, findings: Findings
) -> pandas.DataFrame:
    """Return doses, resets and compartments that are turned on or off, in the order of the rows.

    Parameters
    ----------
    rows : EventTable
        The rows.
    factors : mapping
        Place of a dose row → what its amount and rate are multiplied with.
    rules : EventRules
        Routes of the doses.
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
        shared = {"subject": rows.owners[k], "time": float(rows.time[k]), "row": int(rows.table.rows[k]), "at": k}
        if evid[k] == 3:
            made.append({**shared, "amount": 0.0, "route": "bolus", "reset": True})
        elif evid[k] in (1, 4):
            made.append({**shared, **_dose(rows, k, factors.get(k, 1.0), routes), "reset": bool(evid[k] == 4)})
        if evid[k] in (3, 4):
            off = set()
        name = events.compartment(k)
        if evid[k] in (0, 2, 3) and name and (events.sign[k] < 0 or (name in off and evid[k])):
            on = bool(events.sign[k] > 0)
            switch = {"action": "multiply", "into": name, "switch": "on" if on else "off"}
            made.append({**shared, "amount": 0.0, "route": "bolus", **switch})
            off = off - {name} if on else off | {name}
    routes.tell()
    usual = {"duration": 0.0, "occasion": "", **EVENT_COLUMNS}
    columns = [*DOSE_COLUMNS, *EVENT_COLUMNS, "at"]
    frame = pandas.DataFrame([{**usual, **dose} for dose in made], columns=columns)
    kinds = {"additional": np.int64, "row": np.int64, "at": np.int64, "reset": bool}
    return frame.astype({**dict.fromkeys(("time", "amount", "duration", "rate", "interval"), float), **kinds})


def _turning(rows: EventTable) -> Any:
    """Records that may turn a compartment on again: those that name one, in a table that turns any off."""
    events = rows.events
    if not (events.sign < 0).any():
        return np.zeros(len(events), dtype=bool)
    return np.isin(events.items["EVID"], (2, 3))


def _dose(rows: EventTable, k: int, factor: float, routes: _Routes) -> dict[str, Any]:
    items = rows.events.items
    rate = float(items["RATE"][k])
    length = routes.duration(k)
    return {
        "amount": float(items["AMT"][k]) * factor,
        "route": routes.of(k, bool(rate) or length > 0),
        "duration": 0.0 if rate else length,
        "rate": max(rate, 0.0) * factor,
        "modelled": _MODELLED.get(rate, ""),
        "into": rows.events.compartment(k),
        "additional": int(items["ADDL"][k]),
        "interval": float(items["II"][k]),
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

    def duration(self, k: int) -> float:
        """Length of an infusion that the table gives, 0 where it gives none."""
        length = number(self.rows.table.cell("duration", k))
        return 0.0 if length is None or not length > 0 else float(length)

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
            self.findings.fact(
                f"doses: {count}{where} are taken as {route}"
                + ("" if route == "bolus" else " (samples are from another compartment)")
                + "; say routes= if not"
            )


def occasions_at(doses: pandas.DataFrame, occasion: list[str]) -> pandas.DataFrame:
    """Return the doses with the occasion of their row, without the place of the row."""
    where: Integers = doses["at"].to_numpy(np.int64)
    return doses.assign(occasion=[occasion[k] for k in where]).drop(columns="at")
