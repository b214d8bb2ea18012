"""Read a NONMEM data set: the names of its columns are NONMEM's, everything else is `pkpd.io.event_table`'s."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike, fspath
from typing import Any

from pkpd.arguments import checked
from pkpd.errors import InputError, few, nearest
from pkpd.io import columns as names
from pkpd.io.cells import label, number
from pkpd.io.declared import declared_units, with_headings
from pkpd.io.doses import route_of
from pkpd.io.event_table import nonmem_cell
from pkpd.io.findings import Findings, say
from pkpd.io.ignored import without_ignored
from pkpd.io.job import EventRules, Job
from pkpd.io.nonmem_checks import ITEMS
from pkpd.io.table import Table, load
from pkpd.io.tables import to_study
from pkpd.study import CARRIED, Study

_WHERE = "the NONMEM data set cannot be read"
_COLUMNS = {
    "ID": "subject", "TIME": "time", "DV": "value", "AMT": "amount", "EVID": "evid", "MDV": "mdv", "RATE": "rate",
    "ADDL": "additional", "II": "interval", "SS": "steady_state", "CMT": "compartment", "CENS": "cens",
    "LIMIT": "limit", "DVID": "analyte", "YTYPE": "analyte", "OCC": "occasion", "LLOQ": "lloq", "BLQ": "blq",
    "BQL": "blq", "BLOQ": "blq", "LOQ": "lloq", "ULOQ": "uloq", "ALQ": "alq",
}  # fmt: skip
_DATES = ("DATE", "DAT1", "DAT2", "DAT3")
_CALLED = {
    "AMT": re.compile(r"(dose|amount|adose|amt|dosing)(amount|amt|mg|ug|mcg|ng|g|nmol|umol|mmol|perkg|mgkg|ugkg)?"),
    "DV": re.compile(r"(conc|concentration|cp|cobs|obs|observed|value|result|measurement|(ln|log)(dv|conc))(.?g.?l)?"),
}
"""Headings under which other programs keep doses and observations, folded."""


@checked
def read_nonmem(
    table: Any,
    *,
    units: Mapping[str, str] | None = None,
    covariates: str = "next",
    routes: str | Mapping[str, str] | None = None,
    analytes: Mapping[str, str] | None = None,
    lloq: Mapping[str, float | str] | None = None,
    columns: Mapping[str, str] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Study:
    """Read event records as NONMEM's PREDPP reads them into a study.

    Parameters
    ----------
    table : DataFrame or path
        Columns ``ID`` and ``TIME``, and of ``EVID, AMT, RATE, CMT, II, ADDL, SS, DV, MDV`` those that are used
        (upper or lower case; an empty cell or ``.`` is zero, except the amount of a dose). ``DVID`` says what was
        measured; without it the samples' ``CMT``, where several differ; without ``DV`` the columns that `units` names.
        ``CENS`` 1 means below ``DV`` (above ``LIMIT``, where it is given), -1 above it; ``OCC`` (else ``PERIOD``) names
        the occasion, and is a covariate as well. All other columns are covariates. ``RATE`` -1 and -2 mean that the
        model says rate or duration of the infusion. ``CMT`` is a number or a state's name; with a minus sign it turns
        the compartment off (EVID 0, 2, 3). Rows that begin with ``#`` or ``@``, have a ``C`` in a column C, or a yes in
        a column IGNORE or EXCLUDE are left out. A number is written in ASCII digits (``1``, ``-0.5``, ``1e3``); nothing
        else is one.
    units : mapping, optional
        Units of ``"time"``, ``"dose"`` (or ``"AMT"``) and of what was measured (``"DV"``, or a name of your own).
        Without them h, mg and mg/L are assumed, with a warning, and every model reads the numbers in its own units.
    covariates : {"next", "last"}
        A value that changes acts backward to the record before (NONMEM's way), or forward to the record after.
    routes : str or mapping, optional
        ``"oral"``, or compartment → route, ``{"1": "oral"}``. By default a dose with a rate is an infusion, one into
        another compartment than that of the samples is oral, any other a bolus; a note says so.
    analytes : mapping, optional
        DVID (or CMT) → name of what was measured, ``{"1": "C", "2": "PCA"}``.
    lloq : mapping, optional
        Limits of quantification, as for `read_study`.
    columns : mapping, optional
        What a heading means, as ``$INPUT`` says it: ``{"DOSE": "AMT", "CONC": "DV"}``; ``"drop"`` leaves a column out,
        ``"covariate"`` says that it is one although its name looks like another thing.
    attrs : mapping, optional
        Provenance: ``source``, ``synthetic`` and the like.

    Returns
    -------
    Study
        `Study.records` holds the records; those at one time act in their order. Times may start anew with a reset
        (EVID 3, 4), and where ``OCC`` changes: then a reset is put in, which is warned about.

    Raises
    ------
    InputError
        Naming every record that PREDPP would not accept, with its row (counted from 1 below the header), subject and
        column.

    Warns
    -----
    DataWarning
        For everything that was assumed or left out, with its count.

    References
    ----------
    NONMEM Users Guide VI (PREDPP), chapter V; NONMEM help, "dose event record", "SS dose event record", "EVID", "SS",
    "ADDL", "RATE", "CMT" and "II data item".
    """
    if covariates not in CARRIED:
        raise InputError(f"covariates is {covariates!r}; {nearest(covariates, CARRIED)}", "nonmem")
    findings = Findings()
    job = Job(declared_units(units or {}, findings), findings)
    named = {str(key): name for key, name in (analytes or {}).items()}
    job.events = EventRules(strict=True, carried=covariates, routes=routes or {}, analytes=named)
    if not isinstance(columns or {}, Mapping):
        raise InputError("columns: expected a mapping from the headings of the table to NONMEM's names", "nonmem")
    path = fspath(table) if isinstance(table, PathLike) else table
    source = _table(path, job.units, dict(columns or {}), findings)
    job.tables["observations"], job.heading_units["observations"] = source
    job.units = with_headings(job.units, source[1], findings)
    _assume(job)
    return to_study(job, (lloq, None), None, attrs, where=_WHERE)


def _table(
    source: Any, units: Mapping[str, str], columns: Mapping[str, str], findings: Findings
) -> tuple[Table, dict[str, str]]:
    """The columns under our names, and the units in the headings."""
    loaded = load("records", source, findings)
    findings.settle(_WHERE)
    assert loaded is not None
    headings, cells_of = loaded
    parts = [names.split_unit(str(h).strip().lstrip("#") or str(h)) for h in headings]
    called = _called(headings, [name for name, _ in parts], columns)
    shown = [name.upper() if name.upper() in {*ITEMS, *_COLUMNS} else name for name in called]
    own = {names.fold(name) for name in units} | {names.fold(h) for h, c in columns.items() if _is_covariate(c)}
    problems = _problems(shown, own)
    if problems:
        raise InputError(problems, _WHERE)
    ours = {*_COLUMNS.values()}
    cells: dict[str, list[object]] = {}
    spelled: dict[str, str] = {}
    found_units: dict[str, str] = {}
    for name, column, (_, unit) in zip(shown, cells_of, parts, strict=True):
        if names.fold(name) == names.DROP and name not in headings:
            continue
        key = _COLUMNS.get(name, f"column {name}" if name in ours else name)  # "value" may be a covariate's name
        key = "occasion" if name.upper() == "PERIOD" and "OCC" not in shown and "occasion" not in cells else key
        spelled[key] = name
        cells[key] = [nonmem_cell(cell) for cell in column] if name in ITEMS else list(column)
        if unit:
            found_units[key] = unit
    extras = tuple(key for key in cells if key not in ours)
    told = frozenset(key for key in extras if names.fold(key) in own - {*map(names.fold, units)})
    table = Table("records", cells, range(1, len(cells_of[0]) + 1), spelled, extras, told)
    table = without_ignored(table, units, findings, next(iter(cells)), flags=True)
    table = _with_routes(table)
    findings.problems += _not_numbers(table)
    findings.problems += _dated(table)
    if not len(table):
        findings.problem("records: every row is marked to be ignored; expected at least one that is not")
    if findings.problems:
        findings.settle(_WHERE)
    # Without DV the columns that `units` names hold the values, as in any wide table.
    if "value" not in cells and not {names.fold(key) for key in table.extras} & {names.fold(name) for name in units}:
        table = replace(table, columns={**table.columns, "value": [None] * len(table)})
    if "AMT" not in shown:
        findings.altered("records: no column 'AMT', so that no record is a dose")
    elif "RATE" not in shown:
        _no_lengths(table, findings)
    return table, found_units


def _called(headings: Sequence[str], found: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    """The headings after the user's renaming, which is that of $INPUT."""
    by_fold = {names.fold(h): k for k, h in enumerate(found)} | {names.fold(h): k for k, h in enumerate(headings)}
    called = list(found)
    problems = []
    for theirs, ours in columns.items():
        k = by_fold.get(names.fold(theirs))
        known = [*_COLUMNS, names.DROP, names.COVARIATE]
        if k is None:
            problems.append(f"columns: the table has no column {theirs!r}; {nearest(theirs, headings)}")
        elif str(ours).upper() not in map(str.upper, known):
            problems.append(f"columns: {ours!r} is no data item; {nearest(str(ours), known)}")
        elif not _is_covariate(ours):
            called[k] = names.DROP if names.fold(ours) == names.DROP else str(ours).upper()
    if problems:
        raise InputError(problems, _WHERE)
    return called


def _is_covariate(ours: object) -> bool:
    return names.fold(ours) == names.COVARIATE


def _problems(shown: Sequence[str], own: set[str]) -> list[str]:
    """What is wrong with the headings; `own`: folded names that the user knows, in `units` or as covariates."""
    listed = few(dict.fromkeys(shown))
    problems = [f"no column {name!r}; found {listed}" for name in ("ID", "TIME") if name not in shown]
    for name, pattern in _CALLED.items():
        like = [h for h in shown if pattern.fullmatch(names.fold(h)) and names.fold(h) not in own]
        if name not in shown and like and not (name == "DV" and own & {names.fold(h) for h in shown}):
            told = ", ".join(map(repr, like))
            problems.append(
                f"no column {name!r}, but {told}, which NONMEM takes for a covariate; say {say(like[0], name)}, or "
                f"{say(like[0], 'covariate')}"
            )
    problems += [f"{shown.count(n)} columns are called {n!r}" for n in dict.fromkeys(shown)
                 if shown.count(n) > 1 and n != names.DROP]  # fmt: skip
    for ours in dict.fromkeys(_COLUMNS.values()):
        rivals = [name for name in dict.fromkeys(shown) if _COLUMNS.get(name) == ours]
        if len(rivals) > 1:
            what = "says what was measured" if ours == "analyte" else f"is read as {ours}"
            problems.append(
                f"columns {' and '.join(rivals)} at once; expected one that {what} ({say(rivals[1], 'drop')})"
            )
    return problems


def _with_routes(table: Table) -> Table:
    """Take a column ROUTE for the routes where everything in it is one; numbers are somebody's codes."""
    key = next((key for key in table.open if key.upper() == "ROUTE"), "")
    words = [label(cell) or "" for cell in table.columns.get(key, ())]
    if not any(words) or not all(route_of(word) for word in words if word):
        return table
    columns = {"route" if name == key else name: cells for name, cells in table.columns.items()}
    extras = tuple(name for name in table.extras if name != key)
    return replace(table, columns=columns, headings={**table.headings, "route": key}, extras=extras)


def _no_lengths(table: Table, findings: Findings) -> None:
    """Without RATE a column of durations says nothing to NONMEM, and an infusion would become a bolus."""
    given = [number(cell) or 0.0 for cell in table.columns.get("amount", ())]
    for key in (key for key in table.open if names.fold(key) in ("duration", *names.DOSES["duration"])):
        long = [i for i, cell in enumerate(table.columns[key]) if given[i] > 0 and (number(cell) or 0.0) > 0]
        if long:
            findings.altered(
                f"records: {len(long)} doses have a length in the column '{key}', a covariate to NONMEM, and are given "
                "at once; expected RATE (amount / duration, or -2 where the model knows the duration)"
            )


def _not_numbers(table: Table) -> list[str]:
    return [
        f"row {table.rows[k]}, column {name}: {cell!r}; expected a number"
        for name in ("ID", "TIME", "DV")
        for k, cell in enumerate(table.columns.get(_COLUMNS[name], ()))
        if isinstance(cell, str)
    ][:50]


def _dated(table: Table) -> list[str]:
    """Dates beside TIME make it a time of that day, which is not read: without them the times would be wrong."""
    owners = [label(cell) for cell in table.columns.get("subject", ())]
    problems = []
    for key in (key for key in table.extras if key.upper() in _DATES):
        days: dict[object, object] = {}
        for i, (owner, cell) in enumerate(zip(owners, table.columns[key], strict=True)):
            if label(days.setdefault(owner, cell)) != label(cell):
                problems.append(
                    f"{table.place(key, i)}: another date than before, so that TIME is one of that day; expected TIME "
                    f"to go on from the first record (then {say(key, 'drop')})"
                )
                break
    return problems


def _assume(job: Job) -> None:
    """Give times and doses without a unit the usual one; analytes follow when they are known."""
    dosed = "amount" in job.tables["observations"] and "amount" not in job.heading_units["observations"]
    usual = {"time": "h", "dose": "mg"} if dosed else {"time": "h"}
    assumed = {name: unit for name, unit in usual.items() if name not in job.units}
    job.units |= assumed
    job.assumed |= assumed
