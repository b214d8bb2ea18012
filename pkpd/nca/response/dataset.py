"""From numbers of responses to a labelled result: units, words, names elsewhere, reasons, who was given what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pkpd import units
from pkpd.errors import UnitError
from pkpd.nca.response.compute import Numbers
from pkpd.nca.response.courses import Course
from pkpd.nca.response.parameters import ResponseParameter
from pkpd.study import Study

_WHY = {"long_name": "why there is no number"}


def unit_of(row: ResponseParameter, own: str, time: str) -> str:
    """Return the unit of a parameter from that of the response and that of time."""
    if row.unit in ("1", "%"):
        return row.unit
    if row.unit in ("response", "time"):
        return units.show(time) if row.unit == "time" else own
    sign = "/" if "/" in row.unit else "·"
    try:
        return units.show(f"({own}){'*' if sign == '·' else '/'}({time})")
    except UnitError:  # a score that no unit system knows stays as it is written
        return f"{own}{sign}{time}"


def variables(
    table: Mapping[str, ResponseParameter], found: Sequence[Numbers], dims: tuple[str, ...], own: str, time: str
) -> dict[str, Any]:
    """Return one variable per parameter; along a second dimension one column for each of what was found."""
    data: dict[str, Any] = {}
    for name, row in table.items():
        attrs = {"units": unit_of(row, own, time), "long_name": row.long_name, "symbol": row.symbol}
        attrs |= {key: value for key in ("formula", "phoenix", "adam") if (value := getattr(row, key))}
        columns = [one.values[name] for one in found]
        data[name] = (dims, columns[0] if len(dims) == 1 else np.stack(columns, axis=1), attrs)
    return data


def reasons(found: Numbers) -> Any:
    """Return the variable that says why numbers are missing."""
    return ("profile", "parameter"), np.stack(list(found.reasons.values()), axis=1), _WHY


def reasons_along(found: Sequence[Numbers], dim: str, names: Sequence[str]) -> Any:
    """Return the same of what was asked for beside the parameters, with a dimension for the name."""
    table = np.stack([np.stack([one.reasons[name] for name in names], axis=1) for one in found], axis=1)
    return ("profile", dim, f"{dim}_parameter"), table, _WHY


def coordinates(
    study: Study, courses: Sequence[Course], windows: Sequence[tuple[float, float]], own: str, subjects: Sequence[Any]
) -> dict[str, Any]:
    """Return what names a response: subject, window, first dose.

    Parameters
    ----------
    study : Study
        As it was given.
    courses : sequence of Course
        The responses.
    windows : sequence of (begin, end)
        As asked for.
    own : str
        Unit of the response.
    subjects : sequence
        Whose each course is, as the study names them.
    """
    time, names = study.units["time"], np.array(list(subjects) or [""], dtype=object)[: len(courses)]
    numeric = len(names) and all(isinstance(v, int | np.integer) for v in names)
    labels = [_window(windows[one.window - 1]) for one in courses]
    found: dict[str, Any] = {
        "subject": ("profile", names.astype(np.int64) if numeric else names.astype(str).astype(object)),
        "interval": ("profile", np.array([one.window for one in courses], dtype=np.int64),
                     {"long_name": "number of the window"}),
        "window": ("profile", np.array(labels, dtype=object), {"long_name": "window, time after the first dose",
                                                               "units": units.show(time)}),
        "start": ("profile", np.array([one.start for one in courses], dtype=object),
                  {"long_name": "where the value at the beginning of the curve comes from"}),
    }  # fmt: skip
    return found | _doses(study, courses, time)


def _window(pair: tuple[float, float]) -> str:
    return f"{pair[0]:.15g}–" + (f"{pair[1]:.15g}" if np.isfinite(pair[1]) else "end")


def _doses(study: Study, courses: Sequence[Course], time: str) -> dict[str, Any]:
    """The first dose of every course's subject."""
    doses, _ = study.given_doses()
    first: dict[Any, tuple[float, float, str]] = {}
    columns = (doses[name].tolist() for name in ("subject", "time", "amount", "route"))
    for subject, when, amount, route in sorted(zip(*columns, strict=True), key=lambda row: row[1]):
        begin, total, of = first.get(subject, (when, 0.0, str(route)))
        if when == begin:
            first[subject] = begin, total + amount, of
    rows = [first.get(one.subject, (np.nan, np.nan, "")) for one in courses]
    attrs = {"long_name": "amount of the first dose", "units": study.units.get("dose", "1")}
    return {
        "dose_time": ("profile", np.array([row[0] for row in rows], dtype=float),
                      {"long_name": "time of the first dose on the study's clock", "units": units.show(time)}),
        "dose": ("profile", np.array([row[1] for row in rows], dtype=float), attrs),
        "route": ("profile", np.array([row[2] for row in rows], dtype=object),
                  {"long_name": "route of the first dose"}),
    }  # fmt: skip


def samples(courses: Sequence[Course], own: str, time: str) -> dict[str, Any]:
    """Return the samples of every window and the curve through them, one row per course, padded."""
    inside = [np.flatnonzero(one.inside) for one in courses]
    width = max([len(one.times) for one in courses] + [len(rows) for rows in inside] + [0])
    time_, value, curve_time, curve_value = (np.full((len(courses), width), np.nan) for _ in range(4))
    quantified = np.zeros((len(courses), width), dtype=bool)
    for k, (one, rows) in enumerate(zip(courses, inside, strict=True)):
        time_[k, : len(rows)], value[k, : len(rows)] = one.samples.time[rows], one.samples.value[rows]
        quantified[k, : len(rows)] = ~one.samples.blq[rows]
        curve_time[k, : len(one.times)], curve_value[k, : len(one.times)] = one.times, one.values
    dims, when = ("profile", "sample"), {"units": units.show(time)}
    return {
        "sample_time": (dims, time_, {**when, "long_name": "time after the first dose"}),
        "sample_value": (dims, value, {"units": own, "long_name": "value that was used"}),
        "sample_quantified": (dims, quantified, {"long_name": "not below the limit of quantification"}),
        "curve_time": (dims, curve_time, {**when, "long_name": "points of the curve"}),
        "curve_value": (dims, curve_value, {"units": own, "long_name": "response there"}),
    }
