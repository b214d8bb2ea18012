"""What the columns of a natural table are, where no heading says it in words known here: one candidate is taken.

Whatever is taken for something on its looks is said in one line. Of two candidates none is taken: then the message
about the missing column names them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from pkpd.errors import few
from pkpd.io.cells import is_missing, label, number
from pkpd.io.findings import Findings, say
from pkpd.io.headings import fold, is_of, split_heading, unit_of
from pkpd.io.table import Columns, Table

_CLOCKS = ("time", "nominal_time", "datetime", "clock", "day")
_SECOND: Mapping[str, frozenset[str]] = {
    "subject": frozenset(
        {"rat", "mouse", "dog", "monkey", "animalno", "animalnumber", "animalid", "pt", "ptid", "patno", "patientno",
         "patientnumber", "subjectno", "subjectnumber", "participant", "participantid", "volunteer", "volunteerid",
         "randno", "screeningno", "person", "probandid", "proband", "sujet", "sujeto", "paciente", "patientennr"}
    ),
    "time": frozenset(
        {"t", "h", "hr", "hrs", "hour", "hours", "min", "mins", "minutes", "days", "samplingtime", "sampletime",
         "timesincefirstdose", "reltime", "relativetime", "elapsed", "tsfd", "acttime", "actual", "zeit", "temps",
         "tiempo"}
    ),
    "value": frozenset(
        {"cp", "cobs", "c", "concn", "concs", "plasmaconc", "plasmaconcentration", "serumconc", "serumconcentration",
         "level", "levels", "plasmalevel", "serumlevel", "results", "measured", "obs", "y", "aval", "finalresult",
         "observation", "observedvalue", "concvalue", "reportedvalue", "lidv", "resn", "pcstresn", "konzentration",
         "concentracion"}
    ),
    "analyte": frozenset(
        {"drug", "assay", "marker", "analytename", "analytes", "cytokine", "substance", "measurand", "parametername",
         "testname", "moiety"}
    ),
    "amount": frozenset(
        {"dosegiven", "actualdose", "doseadministered", "administereddose", "totaldose", "given", "dosis", "dosea"}
    ),
    "route": frozenset({"adminroute", "routeofadmin", "roa"}),
    "unit": frozenset(
        {"concunit", "concunits", "concentrationunit", "concentrationunits", "concu", "concentrationu", "resultunit",
         "resultunits", "resultu", "resu", "valueu", "avalu", "dvu", "eventu", "pcstresu", "uom", "unitofmeasure"}
    ),
}  # fmt: skip
"""Headings that mean a column only where no better one is there, folded."""
_OF_TABLE = {
    "observations": ("subject", "time", "value", "analyte", "unit"),
    "doses": ("subject", "time", "amount", "route"),
    "subjects": ("subject",),
}
_TIME_UNITS = frozenset({"timeunit", "timeunits", "tunit", "tunits", "timeu"})


@dataclass
class Guessed:
    """Headings that were taken for columns, and the units that these headings are themselves (``hours``)."""

    meaning: dict[str, str] = field(default_factory=dict)
    units: dict[str, str] = field(default_factory=dict)


def guess(
    name: str,
    loaded: Columns,
    words: Mapping[str, str],
    told: Mapping[str, str],
    analytes: Sequence[str],
    findings: Findings,
) -> Guessed:
    """Return what the headings of a table are taken for beyond what they say in words known here.

    Parameters
    ----------
    name : str
        What the table is called.
    loaded : tuple
        Headings and columns.
    words : mapping
        Folded spellings and the column each one means.
    told : mapping
        Headings that the user has given a meaning.
    analytes : sequence of str
        Names in `units` that may be analytes.
    findings : Findings
        Where the line goes.
    """
    headings = loaded[0]
    parts = {h: split_heading(h, words) for h in headings}
    said = {h: told.get(h, words.get(fold(head), "")) for h, (head, _) in parts.items()}
    found = Guessed()
    own = {fold(analyte) for analyte in analytes}
    free = [h for h in headings if not said[h] and fold(parts[h][0]) not in own]
    wide = name == "observations" and len(free) < sum(not meant for meant in said.values())
    combined = ("amount", "route") if name == "observations" and "amount" in words.values() else ()
    for column in (*_OF_TABLE[name], *combined):
        present = {*said.values(), *found.meaning.values()}
        if column in present or (column == "amount" and present & {"amount_per_kg", "single_dose"}):
            continue
        if column == "time" and present & {*_CLOCKS}:
            continue
        if column in ("value", "analyte", "unit") and wide:
            continue
        like = [h for h in free if fold(parts[h][0]) in _SECOND[column] and h not in found.meaning]
        if column == "analyte":
            like = [h for h in like if "value" in present]
        if not like and column == "value" and "analyte" in present:  # one column of concentrations beside their names
            like = [h for h in free if parts[h][1] and is_of(parts[h][1], "per volume")]
        if not like and column == "value" and len(own) == 1:
            like = [h for h in free if h not in found.meaning and _varies(loaded, said, found, h)]
        if len(like) == 1:
            found.meaning[like[0]] = column
            unit = unit_of(like[0]) if column == "time" and not parts[like[0]][1] else ""
            if unit and is_of(unit, "time"):
                found.units[column] = unit
    if found.meaning:
        line = ", ".join(f"{heading!r} as {column}" for heading, column in found.meaning.items())
        first = next(iter(found.meaning))
        findings.altered(f"{name}: by their looks {line} ({say(first, 'covariate')} and the like if not)")
    return found


def _varies(loaded: Columns, said: Mapping[str, str], found: Guessed, heading: str) -> bool:
    """Whether a column holds numbers that differ within a subject."""
    headings, cells = loaded
    subject = next((h for h in headings if "subject" in (said[h], found.meaning.get(h))), None)
    column = cells[headings.index(heading)]
    owners = column if subject is None else cells[headings.index(subject)]
    return varies([label(owner) or "" for owner in owners], column)


def varies(owners: Sequence[str], column: Sequence[object]) -> bool:
    """Whether most cells of a column are numbers, and they differ within an owner."""
    told = [cell for cell in column if not is_missing(cell)]
    numbers = sum(number(cell) is not None for cell in told)
    if 2 * numbers <= len(told):
        return False
    first: dict[str, str] = {}
    return any(
        first.setdefault(owner, text) != text
        for owner, cell in zip(owners, column, strict=True) if not is_missing(cell) for text in [label(cell) or ""]
    )  # fmt: skip


def wide_analytes(table: Table, units: Mapping[str, str], known: Sequence[str], findings: Findings) -> dict[str, str]:
    """Return the units of columns that are analytes by their headings (``IL21_ng_mL``), where `known` names none.

    Parameters
    ----------
    table : Table
        Observations.
    units : mapping
        Units that the headings carry.
    known : sequence of str
        Analytes that `units=` names.
    findings : Findings
        Where the line goes.
    """
    if "value" in table or {fold(key) for key in table.extras} & {*map(fold, known)}:
        return {}
    like = [key for key in table.open if key in units and is_of(units[key], "per volume")]
    owners = [label(cell) or "" for cell in table.columns.get("subject", [""] * len(table))]
    moving = [key for key in like if varies(owners, table.columns[key])]
    taken = moving or (like if len(like) == 1 else [])
    if not taken:
        return {}
    line = few(f"{key} in {units[key]}" for key in taken)
    findings.altered(f"{table.name}: by their headings the measured columns are {line}")
    return {key: units[key] for key in taken}


def time_unit(table: Table, findings: Findings) -> tuple[Table, str]:
    """Return the table without its column of time units, and that unit, "" if there is none or several."""
    key = next((key for key in table.open if fold(key) in _TIME_UNITS), "")
    texts = {label(cell) or "" for cell in table.columns.get(key, ())} - {""}
    found = {unit_of(text) for text in texts}
    if len(found) != 1 or not is_of(unit := found.pop(), "time"):
        if texts:
            findings.problem(
                f"{table.name}: the column '{table.headings.get(key, key)}' says {few(sorted(texts))}; expected one "
                "unit of time in all rows"
            )
        return table, ""
    rest = {name: cells for name, cells in table.columns.items() if name != key}
    extras = tuple(name for name in table.extras if name != key)
    return Table(table.name, rest, table.rows, table.headings, extras, table.told), unit
