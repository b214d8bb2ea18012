"""Read a NONMEM data set: the names of its columns are NONMEM's, everything else is `pkpd.io.event_table`'s."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike, fspath
from typing import Any

from pkpd.errors import InputError, nearest
from pkpd.io import columns as names
from pkpd.io.declared import declared_units, with_headings
from pkpd.io.event_table import nonmem_cell
from pkpd.io.findings import Findings
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
}  # fmt: skip


def read_nonmem(
    table: Any,
    *,
    units: Mapping[str, str] | None = None,
    covariates: str = "next",
    routes: str | Mapping[str, str] | None = None,
    analytes: Mapping[str, str] | None = None,
    lloq: Mapping[str, float | str] | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> Study:
    """Read event records as NONMEM's PREDPP reads them into a study.

    Parameters
    ----------
    table : DataFrame or path
        Columns ``ID`` and ``TIME``, and of ``EVID, AMT, RATE, CMT, II, ADDL, SS, DV, MDV`` those that are used
        (upper or lower case; an empty cell or ``.`` is zero, except the amount of a dose). ``DVID`` says what was
        measured; without it the samples' ``CMT``, where several differ; without ``DV`` the columns that `units` names.
        ``CENS`` 1 means below ``DV`` (above ``LIMIT``, where it is given), -1 above it; ``OCC`` (else
        ``PERIOD``) names the occasion, and is a covariate as well. All other columns are covariates. ``RATE`` -1 and
        -2 mean that the model says rate or duration of the infusion. ``CMT`` is a number or a state's name; with a
        minus sign it turns the compartment off (EVID 0, 2, 3).
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
    source = _table(fspath(table) if isinstance(table, PathLike) else table, job.units, findings)
    job.tables["observations"], job.heading_units["observations"] = source
    job.units = with_headings(job.units, source[1], findings)
    _assume(job)
    return to_study(job, (lloq, None), None, attrs, where=_WHERE)


def _table(source: Any, units: Mapping[str, str], findings: Findings) -> tuple[Table, dict[str, str]]:
    """The columns under our names, and the units in the headings."""
    loaded = load("records", source, findings)
    findings.settle(_WHERE)
    assert loaded is not None
    headings, columns = loaded
    parts = [names.split_unit(str(h).strip().lstrip("#")) for h in headings]
    shown = [name.upper() if name.upper() in {*ITEMS, *_COLUMNS} else name for name, _ in parts]
    problems = [f"no column {name!r}; found {', '.join(shown)}" for name in ("ID", "TIME") if name not in shown]
    problems += [f"{shown.count(n)} columns are called {n!r}" for n in dict.fromkeys(shown) if shown.count(n) > 1]
    if {"DVID", "YTYPE"} <= set(shown):
        problems.append("columns DVID and YTYPE at once; expected one that says what was measured")
    if problems:
        raise InputError(problems, _WHERE)
    ours = {*_COLUMNS.values()}
    cells: dict[str, list[object]] = {}
    spelled: dict[str, str] = {}
    found_units: dict[str, str] = {}
    for name, column, (_, unit) in zip(shown, columns, parts, strict=True):
        key = _COLUMNS.get(name, f"column {name}" if name in ours else name)  # "value" may be a covariate's name
        key = "occasion" if name.upper() == "PERIOD" and "OCC" not in shown and "occasion" not in cells else key
        spelled[key] = name
        cells[key] = [nonmem_cell(cell) for cell in column] if name in ITEMS else list(column)
        if unit:
            found_units[key] = unit
    for name in ("ID", "TIME", "DV"):
        findings.problems += [
            f"row {k + 1}, column {name}: {cell!r}; expected a number"
            for k, cell in enumerate(cells.get(_COLUMNS[name], ()))
            if isinstance(cell, str)
        ][:50]
    findings.settle(_WHERE)
    extras = tuple(key for key in cells if key not in ours)
    # Without DV the columns that `units` names hold the values, as in any wide table.
    if "value" not in cells and not {names.fold(key) for key in extras} & {names.fold(name) for name in units}:
        cells["value"] = [None] * len(columns[0])
    return Table("records", cells, range(1, len(columns[0]) + 1), spelled, extras), found_units


def _assume(job: Job) -> None:
    """Give times and doses without a unit the usual one; analytes follow when they are known."""
    dosed = "amount" in job.tables["observations"] and "amount" not in job.heading_units["observations"]
    usual = {"time": "h", "dose": "mg"} if dosed else {"time": "h"}
    assumed = {name: unit for name, unit in usual.items() if name not in job.units}
    job.units |= assumed
    job.assumed |= assumed
