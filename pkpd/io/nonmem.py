"""Read a NONMEM data set: EVID, AMT, RATE, CMT, II, ADDL and SS become doses in the package's words."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas

from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest
from pkpd.io.findings import Findings
from pkpd.io.nonmem_checks import ITEMS, Events, problems_of
from pkpd.io.table import load
from pkpd.records import Changes, Records, Switch

_CARRIED = ("next", "last")
_MOST = 50  # problems that are written out
_WHERE = "the NONMEM data set cannot be read"
_MODELLED = {-1.0: "rate", -2.0: "duration"}
_STEADY = ("", "instead", "added", "instead")


def read_nonmem(table: Any, *, covariates: str = "next") -> Records:
    """Read event records as NONMEM's PREDPP reads them.

    Parameters
    ----------
    table : DataFrame or path
        Columns ``ID`` and ``TIME``, and of ``EVID, AMT, RATE, CMT, II, ADDL, SS, DV, MDV`` those that are used
        (upper or lower case; an empty cell or ``.`` is zero, except the amount of a dose). All other columns with
        numbers are covariates. ``RATE`` -1 and -2 mean that the model says rate or duration of the infusion. ``CMT``
        is a number or a state's name; with a minus sign it turns the compartment off (EVID 0, 2, 3).
    covariates : {"next", "last"}
        A value that changes acts backward to the record before (NONMEM's way), or forward to the record after.

    Returns
    -------
    Records
        Records of a subject in their order; those at one time act in it. Times may start anew with a reset (EVID 3, 4).

    Raises
    ------
    InputError
        Naming every record that PREDPP would not accept, with its row (counted from 1 below the header), subject and
        column.

    References
    ----------
    NONMEM Users Guide VI (PREDPP), chapter V; NONMEM help, "dose event record", "SS dose event record", "EVID", "SS",
    "ADDL", "RATE", "CMT" and "II data item".
    """
    if covariates not in _CARRIED:
        raise InputError(f"covariates is {covariates!r}; {nearest(covariates, _CARRIED)}", "nonmem")
    events, frame, extra = _events(table)
    problems = problems_of(events)
    if problems:
        more = [f"and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
        raise InputError([*problems[:_MOST], *more], _WHERE)
    values = np.array([events.extra[name] for name in extra]).reshape(len(extra), len(events)).T
    edges = [0, *(np.flatnonzero(events.starts)[1:]).tolist(), len(events)]
    parts = [_subject(events, values, a, b, covariates) for a, b in pairwise(edges)]
    kept = [row for part in parts for row in part.kept]
    return Records(
        tuple(frame["ID"].iloc[a] for a in edges[:-1]),
        tuple(part.doses for part in parts),
        tuple(part.dose_rows for part in parts),
        tuple(part.time_rows for part in parts),
        tuple(part.times for part in parts),
        tuple(part.after for part in parts),
        {name: values[kept, k] for k, name in enumerate(extra)},
        tuple(part.changes for part in parts),
        tuple(part.switches for part in parts),
        frame,
    )


class _Part(NamedTuple):
    """What `Records` holds of one subject, and which records begin a row of covariates."""

    doses: tuple[Dose, ...]
    dose_rows: tuple[int, ...]
    time_rows: tuple[int, ...]
    times: Any
    after: Any
    changes: Changes
    switches: tuple[Switch, ...]
    kept: list[int]


def _events(table: Any) -> tuple[Events, pandas.DataFrame, list[str]]:
    """The data items as numbers, the table with NONMEM's names in upper case, and the names of the covariates."""
    findings = Findings()
    loaded = load("records", table, findings)
    findings.settle(_WHERE)
    assert loaded is not None
    headings, columns = loaded
    names = [str(h).strip().lstrip("#") for h in headings]
    names = [n.upper() if n.upper() in ITEMS else n for n in names]
    problems = [f"no column {name!r}; found {', '.join(names)}" for name in ("ID", "TIME") if name not in names]
    problems += [f"{names.count(n)} columns are called {n!r}" for n in dict.fromkeys(names) if names.count(n) > 1]
    if problems:
        raise InputError(problems, _WHERE)
    events = Events(len(columns[0]))
    cells: dict[str, Any] = {}
    for name, column in zip(names, columns, strict=True):
        parsed = [_cell(c) for c in column]
        if events.add(name, parsed):
            cells[name] = events.column(name)
        else:
            cells[name] = np.array(parsed, dtype=object)
    if events.texts:
        raise InputError(events.texts, _WHERE)
    events.complete()
    cells.update({name: events.column(name) for name in events.items if name not in cells})
    cells["ROW"] = np.arange(1, len(events) + 1)
    return events, pandas.DataFrame(cells), [name for name in names if name in events.extra]


def _cell(cell: object) -> float | str | None:
    """A number, None for an empty cell or a dot, or the text."""
    if isinstance(cell, (int, float)):
        return None if cell != cell else float(cell)
    text = "" if cell is None else str(cell).strip()
    if text in ("", ".", "NA", "nan", "NaN", "<NA>", "None"):
        return None
    try:
        found = float(text)
    except ValueError:
        return text
    return None if found != found else found


def _subject(events: Events, values: Any, a: int, b: int, carried: str) -> _Part:
    """What the records a … b − 1 come to."""
    time = _one_clock(events.items["TIME"][a:b], events.resets[a:b])
    kept, changes = _covariates(values[a:b], time, carried)
    own = np.searchsorted(kept, np.arange(b - a), side="right") - 1
    doses: list[Dose] = []
    rows: list[int] = []
    switches: list[Switch] = []
    off: set[str] = set()
    position = np.zeros(b - a, dtype=np.int64)
    for k in range(b - a):
        position[k] = len(doses)
        new = _dose(events, a + k, float(time[k]))
        doses += new
        name = events.compartment(a + k)
        evid, sign = int(events.items["EVID"][a + k]), events.sign[a + k]
        if evid == 3 or (evid == 4 and off):
            switches.append(Switch(float(time[k]), "", True, len(doses)))
            off = set()
        if evid in (0, 2, 3) and name and (sign < 0 or (name in off and evid)):
            doses.append(Dose(float(time[k]), 0.0, into=name, action="multiply"))
            switches.append(Switch(float(time[k]), name, bool(sign > 0), len(doses)))
            off = off | {name} if sign < 0 else off - {name}
        rows += [int(own[k])] * (len(doses) - int(position[k]))
        position[k] = position[k] if evid == 0 else len(doses)
    return _Part(
        tuple(doses), tuple(rows), tuple(own.tolist()), time, position, changes, tuple(switches), (a + kept).tolist()
    )


def _one_clock(time: Any, resets: Any) -> Any:
    """Times that never fall: where a reset starts the clock anew, it runs on a little after the record before."""
    falls = np.flatnonzero(resets[1:] & (time[1:] < time[:-1])) + 1
    if not falls.size:
        return time
    found = time.copy()
    for k in falls:
        found[k:] += found[k - 1] + max(1.0, abs(found[k - 1]) * 1e-9) - found[k]
    return found


def _dose(events: Events, k: int, time: float) -> list[Dose]:
    evid, rate = events.items["EVID"][k], float(events.items["RATE"][k])
    if evid == 3:
        return [Dose(time, 0.0, reset=True)]
    if evid not in (1, 4):
        return []
    items = events.items
    return [
        Dose(
            time, float(items["AMT"][k]), "infusion" if rate else "bolus", rate=max(rate, 0.0),
            modelled=_MODELLED.get(rate, ""), into=events.compartment(k), additional=int(items["ADDL"][k]),
            interval=float(items["II"][k]), steady_state=_STEADY[int(items["SS"][k])], reset=bool(evid == 4),
        )
    ]  # fmt: skip


def _covariates(table: Any, time: Any, carried: str) -> tuple[Any, Changes]:
    """Records whose covariates make a new row of values, and the times from which all but the first hold."""
    if not table.shape[1]:
        return np.zeros(1, dtype=np.intp), Changes()
    new = np.ones(len(table), dtype=bool)
    new[1:] = (table[1:] != table[:-1]).any(axis=1)
    kept = np.flatnonzero(new)
    if carried == "next":
        return kept, Changes(time[kept[1:] - 1], True)
    return kept, Changes(time[kept[1:]])
