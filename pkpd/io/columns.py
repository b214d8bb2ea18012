"""Which of somebody's headings is which of our columns: case, spaces and underscores do not matter."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from pkpd.covariate_names import COVARIATE_NAMES
from pkpd.errors import few, nearest
from pkpd.io.cells import number
from pkpd.io.findings import Findings, say
from pkpd.io.headings import fold as fold
from pkpd.io.headings import split_heading
from pkpd.io.headings import split_unit as split_unit
from pkpd.io.rivals import Rival, choose_heading
from pkpd.io.table import Columns, Table

CLOCK = {
    "subject": ("id", "usubjid", "subjid", "subjectid", "patient", "patientid", "subj", "animal"),
    "time": ("actualtime", "atime", "tafd", "timeafterfirstdose", "elapsedtime"),
    "nominal_time": ("ntime", "nomtime", "nominal", "plannedtime", "scheduledtime", "nt", "ntim", "nfrlt"),
    "datetime": ("timestamp", "dateandtime", "pcdtc", "exstdtc", "adtm", "dtc"),
    "clock": ("clocktime", "timeofday"),
    "time_after_dose": (),
    "day": ("studyday", "daynumber", "dy", "date"),
    "occasion": ("occ", "visit", "period", "aperiod", "studyperiod", "treatmentperiod", "prd", "periodnumber"),
    "row": (),
}
"""Columns that observations and doses share, with their other names (lower case, without spaces)."""

OBSERVATIONS = {
    "analyte": ("compound", "parameter", "paramcd", "biomarker", "test", "dvid", "ytype", "dvname", "endpoint",
        "obsid"),
    "value": ("conc", "concentration", "dv", "result", "measurement", "observed"),
    "blq": ("bql", "bloq", "isblq", "blqflag", "blqfl", "bqlflag", "bqlfl", "bloqflag", "bloqfl", "belowlloq",
        "belowlimit"),
    "alq": ("aql", "aloq", "isalq", "alqflag", "aboveuloq", "abovelimit"),
    "lloq": ("llq", "loq"),
    "uloq": ("ulq",),
    "mark": ("prepost", "dosemark"),
    "excluded": ("exclude", "excl", "exclusion", "setaside", "ignore", "ignored", "omit", "omitted", "outlier",
        "exclfl", "ncaxfl", "excludeflag", "exclusionflag", "exclflag"),
    "reason": ("exclusionreason", "excludedreason", "reasonexcluded", "reasonforexclusion", "exclreason",
        "excludereason", "ncaxrs"),
    "unit": ("units", "valueunit"),
    "until": ("end", "endtime", "stop", "collectionend"),
    "volume": ("vol", "collectionvolume", "urinevolume"),
    "lower": (),
}  # fmt: skip
DOSE_UNITS = ("doseunit", "doseunits", "doseu", "amountunit", "amountunits", "amtunit", "amtunits", "amtu", "exdosu")
DOSES = {
    "amount": ("amt", "dose", "doseamount"),
    "amount_per_kg": ("doseperkg", "amtperkg"),
    "route": ("administration", "routeofadministration"),
    "duration": ("dur", "tinf", "infusionduration", "infusiontime"),
    "unit": ("units", *DOSE_UNITS),
}
DROP, COVARIATE = "drop", "covariate"
"""What the user says of a heading that is to be left out, or that means none of our columns."""
KINDS_OF_DOSES = {
    "rate": ("infusionrate",),
    "additional": ("addl", "additionaldoses"),
    "interval": ("ii", "dosinginterval"),
    "steady_state": ("ss",),
    "into": ("cmt", "compartment"),
    "modelled": ("modeled",),
    "action": (),
    "evid": ("eventid",),
    "mdv": (),
    "until": ("end", "endtime", "stop", "stoptime", "infusionend", "endofinfusion", "eoi", "doseend"),
    "reset": (),
    "switch": (),
}
"""What a table of doses may say beyond amounts and routes (`pkpd.records.EVENT_COLUMNS`)."""
COVARIATES = COVARIATE_NAMES
RESERVED = {
    "time": CLOCK["time"],
    "dose": ("amount", "amt"),
    "weight": COVARIATES["weight"],
    "duration": ("dur",),
    "volume": OBSERVATIONS["volume"],
}
"""Names in `units` that never are an analyte."""


def vocabulary(*groups: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Return every folded spelling with the column it means."""
    spelled: dict[str, str] = {}
    for group in groups:
        for name, others in group.items():
            spelled.update(dict.fromkeys((fold(name), *others), name))
    return spelled


def match(
    name: str,
    loaded: Columns,
    words: Mapping[str, str],
    renamed: Mapping[str, str],
    findings: Findings,
    standard: bool = False,
) -> tuple[Table, dict[str, str]]:
    """Return the table with its columns under our names, and the units that its headings carry.

    Parameters
    ----------
    name : str
        What the table is called in messages.
    loaded : tuple
        Headings and columns.
    words : mapping
        Folded spellings and the column each one means.
    renamed : mapping
        Headings that the user has given a meaning; these come first.
    findings : Findings
        Where problems go.
    standard : bool
        Whether the columns' own names are those of a standard, which decides: AVISIT is not VISIT.
    """
    headings, cells = loaded
    for heading, count in Counter(fold(h) for h in headings).items():
        if count > 1:
            same = ", ".join(repr(h) for h in headings if fold(h) == heading)
            findings.problem(f"{name}: {count} columns have the same name ({same}); expected one")
    parts = [split_unit(h) if standard else split_heading(h, words) for h in headings]
    explicit = [renamed.get(h, renamed.get(p[0], "")) for h, p in zip(headings, parts, strict=True)]
    meant = [e or words.get(fold(p[0]), "") for e, p in zip(explicit, parts, strict=True)]
    columns: dict[str, list[object]] = {}
    source: dict[str, str] = {}
    found_units: dict[str, str] = {}
    extras = []
    ours = set(words.values()) - set(COVARIATES)
    winners, echoes = _winners(name, loaded, (parts, explicit, meant), standard, findings)
    for k, heading in enumerate(headings):
        if meant[k] == DROP or k in echoes:
            continue
        column = meant[k] if k in winners else ""
        key = column or parts[k][0]
        if not column and key in meant:
            findings.fact(f"{name}: {heading!r} is not used: another column is read as {key!r}")
            continue
        if column not in ours:
            extras.append(key)
        columns.setdefault(key, cells[k])
        source.setdefault(key, heading)
        if parts[k][1]:
            found_units[key] = parts[k][1]
    rows = list(range(1, len(cells[0]) + 1))
    told = frozenset(parts[k][0] for k, given in enumerate(explicit) if given == COVARIATE)
    table = Table(name, columns, rows, source, tuple(dict.fromkeys(extras)), told)
    keep = rows if any(map(_filled, cells)) else _with_content(cells)
    if len(keep) < len(rows):
        findings.altered(f"{name}: {len(rows) - len(keep)} rows without any content were left out")
        table = table.take(keep)
    return table, found_units


def _winners(
    name: str,
    loaded: Columns,
    said: tuple[list[tuple[str, str]], list[str], list[str]],
    standard: bool,
    findings: Findings,
) -> tuple[set[int], set[int]]:
    """Return which headings have the meaning that they could have, and which only say what one of those says."""
    parts, explicit, meant = said
    headings, cells = loaded
    winners: set[int] = set()
    echoes: set[int] = set()
    for column in dict.fromkeys(meant):
        places = [k for k, other in enumerate(meant) if other == column]
        if column in ("", DROP, COVARIATE):
            continue
        if len(places) == 1:
            winners.add(places[0])
            continue
        plain = [k for k in places if fold(parts[k][0]) == fold(column)]
        ours = column == "occasion" and {"period", "clock"} <= {p[0] for p in parts}  # a study's own table
        if (standard or ours) and plain and not any(explicit[k] for k in places):
            places = plain[:1]
        rivals = [Rival(headings[k], bool(explicit[k]), k in plain) for k in places]
        first, same = choose_heading(name, column, rivals, [cells[k] for k in places], findings)
        winners.add(places[first])
        if column != "subject":
            echoes |= {places[k] for k in same}
    return winners, echoes


def _filled(column: Sequence[object]) -> bool:
    """Whether every cell of a column is a number: then no row is without content."""
    return {*map(type, column)} <= {int, float, bool}


def _with_content(cells: Sequence[Sequence[object]]) -> list[int]:
    return [i for i in range(len(cells[0])) if any(not _blank(column[i]) for column in cells)]


def _blank(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())


def check_renamed(
    columns: Mapping[str, str] | None, headings: Iterable[str], words: Mapping[str, str], findings: Findings
) -> dict[str, str]:
    """Return the user's own names of columns after checking that both sides of each exist."""
    if columns is None:
        return {}
    if not isinstance(columns, Mapping) or not all(isinstance(x, str) for pair in columns.items() for x in pair):
        findings.problem("columns: expected a mapping from the headings of the tables to the names used here")
        return {}
    known = list(headings)
    parts = {h: split_heading(h, words)[0] for h in known}
    alone = Counter(map(fold, {*parts.values()}))
    by_fold = {fold(head): h for h, head in parts.items() if alone[fold(head)] == 1} | {fold(h): h for h in known}
    result = {}
    for theirs, ours in columns.items():
        heading = theirs if theirs in known else by_fold.get(fold(theirs))
        meaning = fold(ours) if fold(ours) in (DROP, COVARIATE) else words.get(fold(ours))
        if heading is None and fold(ours) in by_fold and (fold(theirs) in words or fold(theirs) in (DROP, COVARIATE)):
            findings.problem(f"columns: expected their heading first, {{{by_fold[fold(ours)]!r}: {theirs!r}}}")
            continue
        if heading is None:
            findings.problem(f"columns: no table has a column {theirs!r}; {nearest(theirs, known)}")
        if meaning is None:
            findings.problem(
                f"columns: {ours!r} is not a column used here; {nearest(ours, sorted(set(words.values())))}"
            )
        if heading is not None and meaning is not None:
            result[heading] = meaning
    return result


def value_name(table: Table) -> str:
    """Return the heading of the measured values without its unit: the analyte's name where no other is given."""
    return split_heading(table.headings.get("value", "value"), vocabulary({"value": OBSERVATIONS["value"]}))[0]


_SPREADS = {"sd", "se", "sem", "std", "stdev", "cv", "gsd", "gcv", "stddev"}


def missing_column(table: Table, column: str, what: str, findings: Findings) -> None:
    """Add the problem that a table lacks a column, with what it has instead and the nearest heading."""
    headings = list(table.headings.values())
    hint = nearest(column, [h for h in headings if table_key(table, h) in table.extras])
    hint = f"; {hint}" if hint.startswith("did") else ""
    words = {word for h in headings for word in re.split(r"[^a-z]+", h.casefold())}
    if words & {"mean", "geomean", "average", "avg", "gmean"} and words & _SPREADS:
        hint = "; means with their spread are no samples of subjects: expected the subjects' own values, one row each"
    elif headings and all(re.fullmatch(r"column \d+", h) for h in headings):
        hint = f"; the file has no header: say {say(headings[0], column)} and so on"
    elif headings and all(number(h) is not None for h in headings):
        hint = "; the headings are numbers, as of a file without a header: give its path, or header=None to pandas"
    findings.problem(
        f"{table.name}: no column '{column}'; expected {what}; found {few(map(repr, headings), column)}{hint}"
    )


def table_key(table: Table, heading: str) -> str:
    """Return our name of a heading."""
    return next((key for key, spelled in table.headings.items() if spelled == heading), heading)
