"""Read a NONMEM data set: EVID, AMT, RATE, CMT, II, ADDL and SS become doses in the package's words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas

from pkpd.dosing import Dose
from pkpd.errors import InputError, nearest
from pkpd.io.findings import Findings
from pkpd.io.table import load
from pkpd.records import Records

_ITEMS = ("ID", "TIME", "EVID", "AMT", "RATE", "CMT", "II", "ADDL", "SS", "DV", "MDV")
_DOSE_ITEMS = ("AMT", "RATE", "II", "ADDL", "SS")
_CARRIED = ("next", "last")
_MOST = 50  # problems that are written out


def read_nonmem(table: Any, *, covariates: str = "next") -> Records:
    """Read event records as NONMEM's PREDPP reads them.

    Parameters
    ----------
    table : DataFrame or path
        Columns ``ID`` and ``TIME``, and of ``EVID, AMT, RATE, CMT, II, ADDL, SS, DV, MDV`` those that are used
        (upper or lower case; an empty cell or ``.`` is zero). All other columns with numbers are covariates.
        ``RATE`` -1 and -2 mean that the model says rate or duration of the infusion.
    covariates : {"next", "last"}
        A value that changes acts backward to the record before (NONMEM's way), or forward to the record after.

    Returns
    -------
    Records
        Records of a subject in their order; those at one time act in it.

    Raises
    ------
    InputError
        Naming every record that PREDPP would not accept, with its row (counted from 1 below the header), subject and
        column.

    References
    ----------
    NONMEM Users Guide VI (PREDPP), chapter V; NONMEM help, "EVID", "SS", "ADDL", "RATE" and "II data item".
    """
    if covariates not in _CARRIED:
        raise InputError(f"covariates is {covariates!r}; {nearest(covariates, _CARRIED)}", "nonmem")
    frame, extra = _numbers(table)
    problems = _problems(frame)
    if problems:
        more = [f"and {len(problems) - _MOST} more"] if len(problems) > _MOST else []
        raise InputError([*problems[:_MOST], *more], "the NONMEM data set cannot be read")
    parts = [rows for _, rows in frame.groupby(_runs(frame["ID"]), sort=False)]
    doses, dose_rows, time_rows, times, after, changes = [], [], [], [], [], []
    values: dict[str, list[float]] = {name: [] for name in extra}
    for rows in parts:
        kept, moments = _covariates(rows, extra, covariates)
        for name in extra:
            values[name] += rows[name].to_numpy()[kept].tolist()
        changes.append(moments)
        given = np.flatnonzero(rows["EVID"].isin([1, 3, 4]).to_numpy())
        doses.append(tuple(_dose(rows.iloc[k]) for k in given))
        own = np.searchsorted(kept, np.arange(len(rows)), side="right") - 1
        dose_rows.append(tuple(own[given].tolist()))
        time_rows.append(tuple(own.tolist()))
        times.append(rows["TIME"].to_numpy(dtype=float))
        after.append(_after(rows))
    return Records(
        tuple(rows["ID"].iloc[0] for rows in parts), tuple(doses), tuple(dose_rows), tuple(time_rows),
        tuple(times), tuple(after),
        {name: np.array(column, dtype=float) for name, column in values.items()}, tuple(changes), frame,
    )  # fmt: skip


def _numbers(table: Any) -> tuple[pandas.DataFrame, list[str]]:
    """The table with NONMEM's names in upper case and numbers in its cells, and the names of the covariates."""
    findings = Findings()
    loaded = load("records", table, findings)
    findings.settle("the NONMEM data set cannot be read")
    assert loaded is not None
    headings, columns = loaded
    names = [str(h).strip().lstrip("#") for h in headings]
    names = [n.upper() if n.upper() in _ITEMS else n for n in names]
    problems = [f"no column {name!r}; found {', '.join(names)}" for name in ("ID", "TIME") if name not in names]
    problems += [f"{names.count(n)} columns are called {n!r}" for n in dict.fromkeys(names) if names.count(n) > 1]
    if problems:
        raise InputError(problems, "the NONMEM data set cannot be read")
    frame = pandas.DataFrame({n: [_cell(c) for c in column] for n, column in zip(names, columns, strict=True)})
    extra = []
    for name in list(frame):
        numeric = pandas.to_numeric(frame[name], errors="coerce")
        texts = frame[name].notna() & numeric.isna()
        if texts.any() and name in _ITEMS:
            k = int(np.flatnonzero(texts)[0])
            problems.append(f"row {k + 1}, column {name}: {frame[name].iloc[k]!r}; expected a number")
        if name in _ITEMS:
            frame[name] = numeric if name in ("ID", "TIME", "DV") else numeric.fillna(0.0)
        elif numeric.notna().all():
            frame[name] = numeric
            extra.append(name)
    if problems:
        raise InputError(problems, "the NONMEM data set cannot be read")
    for name in _DOSE_ITEMS:
        if name not in frame:
            frame[name] = 0.0
    if "CMT" not in frame:
        frame["CMT"] = 0.0
    if "EVID" not in frame:
        frame["EVID"] = (frame[list(_DOSE_ITEMS)] != 0).any(axis=1).astype(float)
    frame["ROW"] = np.arange(1, len(frame) + 1)
    return frame, extra


def _cell(cell: object) -> object:
    """A number, None for an empty cell or a dot, or the text."""
    text = "" if cell is None else str(cell).strip()
    if text in ("", ".", "NA", "nan"):
        return None
    try:
        return float(text)
    except ValueError:
        return text


def _runs(column: pandas.Series) -> pandas.Series:
    """Number of the run of equal identifiers: in NONMEM a subject that comes again is another one."""
    return (column != column.shift()).cumsum()


def _problems(frame: pandas.DataFrame) -> list[str]:
    """Everything that PREDPP would not accept."""
    found: list[str] = []

    def say(bad: Any, column: str, expected: str) -> None:
        for k in np.flatnonzero(np.asarray(bad)):
            row = frame.iloc[k]
            found.append(
                f"row {int(row['ROW'])}, ID {row['ID']:g}, column {column}: {row[column]:g}; expected {expected}"
            )

    evid, dosing = frame["EVID"], frame["EVID"].isin([1, 4])
    say(~evid.isin([0, 1, 2, 3, 4]), "EVID", "0, 1, 2, 3 or 4")
    say(frame["ID"].isna(), "ID", "a number")
    say(~np.isfinite(frame["TIME"]), "TIME", "a finite number")
    for name in _DOSE_ITEMS:
        say(~dosing & (frame[name] != 0), name, "0 in a record that gives no dose (EVID 0, 2, 3)")
    for name in ("AMT", "RATE", "II"):
        say(np.isinf(frame[name]), name, "a finite number")
    say(dosing & ~(frame["AMT"] >= 0), "AMT", "a number ≥ 0")
    say(dosing & ~((frame["RATE"] >= 0) | frame["RATE"].isin([-1, -2])), "RATE", "a number ≥ 0, -1 or -2")
    say(dosing & ~frame["SS"].isin([0, 1, 2]), "SS", "0, 1 or 2")
    say(dosing & ~((frame["ADDL"] >= 0) & (frame["ADDL"] % 1 == 0)), "ADDL", "a whole number ≥ 0")
    say(dosing & ~(frame["II"] >= 0), "II", "a number ≥ 0")
    constant = (frame["AMT"] == 0) & (frame["RATE"] > 0)
    say(dosing & (frame["SS"] > 0) & ~constant & ~(frame["II"] > 0), "II", "a number > 0 with SS")
    say(dosing & (frame["ADDL"] > 0) & ~(frame["II"] > 0), "II", "a number > 0 with ADDL")
    say(dosing & constant & (frame["SS"] == 0), "AMT", "an amount > 0 for an infusion that is not at steady state")
    say(dosing & constant & (frame["SS"] > 0) & (frame["ADDL"] > 0), "ADDL", "0 for a constant infusion")
    say(~((frame["CMT"] >= 0) & (frame["CMT"] % 1 == 0)), "CMT", "a whole number ≥ 0 (compartments stay on)")
    same = _runs(frame["ID"]) == _runs(frame["ID"]).shift()
    say(same & (frame["TIME"] < frame["TIME"].shift()), "TIME", "a time not before that of the record before")
    return found


def _dose(row: pandas.Series) -> Dose:
    time, compartment = float(row["TIME"]), int(row["CMT"])
    into = str(compartment) if compartment else ""
    if row["EVID"] == 3:
        return Dose(time, 0.0, into=into, reset=True)
    rate = float(row["RATE"])
    return Dose(
        time, float(row["AMT"]), "infusion" if rate else "bolus", rate=max(rate, 0.0),
        modelled={-1.0: "rate", -2.0: "duration"}.get(rate, ""), into=into, additional=int(row["ADDL"]),
        interval=float(row["II"]), steady_state=("", "instead", "added")[int(row["SS"])], reset=row["EVID"] == 4,
    )  # fmt: skip


def _after(rows: pandas.DataFrame) -> Any:
    """A record stands after the doses of its time, unless the only ones given then come later in the table."""
    dosed = rows["EVID"].isin([1, 3, 4]).to_numpy()
    time = rows["TIME"].to_numpy(dtype=float)
    found = np.ones(len(rows), dtype=bool)
    for k in np.flatnonzero(~dosed):
        with_it = np.flatnonzero(dosed & (time == time[k]))
        found[k] = not len(with_it) or bool((with_it < k).any())
    return found


def _covariates(rows: pandas.DataFrame, extra: list[str], carried: str) -> tuple[Any, tuple[float, ...]]:
    """Records whose covariates make a new row of values, and the times from which all but the first hold."""
    if not extra:
        return np.zeros(1, dtype=np.intp), ()
    table = rows[extra].to_numpy(dtype=float)
    new = np.ones(len(rows), dtype=bool)
    new[1:] = (table[1:] != table[:-1]).any(axis=1)
    kept = np.flatnonzero(new)
    time = rows["TIME"].to_numpy(dtype=float)
    moments = time[kept[1:] - 1] if carried == "next" else time[kept[1:]]
    return kept, tuple(float(t) for t in moments)
