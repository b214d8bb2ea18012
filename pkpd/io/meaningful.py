"""Columns that would change what a row means if they were passed over: each is read, refused, or warned about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pkpd.arrays import Flags
from pkpd.io.cells import is_missing, label, number
from pkpd.io.columns import DOSES, KINDS_OF_DOSES, fold
from pkpd.io.findings import Findings, say, shown
from pkpd.io.table import Table, positions

KINDS_OF_SAMPLES = frozenset(
    {"compartment", "cmt", "flag", "flg", "dvflag", "obsflag", "qcflag", "qc", "quality", "matrix", "specimen", "spec",
     "tissue", "fluid", "sampletype", "pcspec", "drop", "dropped", "delete", "reject", "rejected", "invalid", "ign"}
)  # fmt: skip
"""What may tell one kind of sample from another, or a good one from a bad one."""
_KEPT = frozenset({"use", "used", "usable", "include", "included", "keep", "kept", "valid", "evaluable", "accept"})
"""What may tell good samples from bad ones by a yes for the good."""
_PLACES = ("compartment", "cmt")
_ABOUT_DOSES = {
    spelling: column
    for column in ("amount", "amount_per_kg", "route", "duration", "rate", "additional", "interval", "steady_state")
    for spelling in (fold(column), *{**DOSES, **KINDS_OF_DOSES}[column])
}
_DRUGS = frozenset(
    {"drug", "drugname", "compound", "substance", "analyte", "agent", "medication", "moiety", "studydrug"}
)
"""What may tell the doses of one drug from those of another; a treatment or product labels periods."""
_REMARKS = frozenset({"comment", "comments", "remark", "remarks", "memo", "annotation"})
_REPEATS = frozenset(
    {"ndoses", "ndose", "nodoses", "nrdoses", "numberofdoses", "doses", "repeats", "repeat", "frequency", "freq",
     "dosefrequency", "dosefreq", "dosfrq", "exdosfrq", "tau", "every", "qh"}
)  # fmt: skip
_UNITS = ("timeunit", "timeunits", "tunit", "timeu", "unit", "units", "dvunit", "dvu")
_ONCE = frozenset({"once", "1", "single", "singledose", "sd", "onetime"})


def check_samples(table: Table, sampled: Flags, findings: Findings, refuse: bool = True) -> Table:
    """Return a table of observations without remarks, after looking at columns that say what its rows are.

    Parameters
    ----------
    table : Table
        Rows of observations, or of observations and doses.
    sampled : array of bool, shape (rows,)
        Which rows hold a sample.
    findings : Findings
        Where problems and notes go.
    refuse : bool
        Whether a column that may tell samples apart is a problem; else a warning (`read_nonmem`: such a name means
        nothing to NONMEM).
    """
    for key in table.open:
        name, heading = fold(key), table.headings.get(key, key)
        if name in KINDS_OF_SAMPLES | _KEPT and not ("analyte" in table and name in _PLACES):
            check_varying_kind(table, key, sampled, findings, refuse)
        elif name == "limit":
            if count := _count(table.columns[key]):
                findings.altered(
                    f"{table.name}: the column '{heading}' says nothing without CENS; its {count} values are no limits"
                )
        elif name in _UNITS and any(not is_missing(cell) for cell in table.columns[key]):
            findings.altered(f"{table.name}: the column '{heading}' is not read; units are those of units=")
    return _without_remarks(table, findings)


def check_one_kind(
    table: Table, wide: Mapping[str, str], kinds: Sequence[str], heading: str, findings: Findings
) -> None:
    """Report a column of one analyte whose samples are of several kinds by another column: they would become one.

    Parameters
    ----------
    table : Table
        Samples.
    wide : mapping
        Analyte → its column.
    kinds : sequence of str, one per row
        What the other column says, "" where nothing.
    heading : str
        Heading of the other column.
    findings : Findings
        Where problems go.
    """
    for analyte, column in wide.items():
        filled = [kind for kind, cell in zip(kinds, table.columns[column], strict=True) if not is_missing(cell)]
        counts = Counter(kind for kind in filled if kind)
        if len(counts) > 1:
            told = ", ".join(f"{kind} in {count} rows" for kind, count in counts.most_common(5))
            own = table.headings.get(column, column)
            codes = ", ".join(f"{kind!r}: ..." for kind in sorted(counts)[:2])
            findings.problem(
                f"{table.name}: the column '{own}' holds several things by the column '{heading}' ({told}); expected "
                f"{say(own, 'value')} with a unit for each, units={{{codes}}}, or {say(heading, 'drop')} if all are "
                f"{analyte}"
            )


def check_varying_kind(table: Table, key: str, sampled: Flags, findings: Findings, refuse: bool = True) -> None:
    """Report a column that varies within a subject, and so could say that its samples are not of one kind."""
    cells, heading = table.columns[key], table.headings.get(key, key)
    owners = table.columns.get("subject", [None] * len(table))
    seen: dict[str, set[str]] = {}
    counts: Counter[str] = Counter()
    for i in positions(sampled):
        text = label(cells[i]) or "empty"
        counts[text] += 1
        seen.setdefault(label(owners[i]) or "", set()).add(text)
    if not any(len(texts) > 1 for texts in seen.values()):
        return
    told = ", ".join(f"{text} in {count} rows" for text, count in counts.most_common(5))
    sentence = f"{table.name}: the column '{heading}' differs between samples of one subject ({told}): are they of "
    others = "several analytes" if key in _PLACES else "several analytes, or not all to be used"
    ways = [say(heading, "analyte") + " with a unit for each", say(heading, "covariate")]
    if fold(key) in _KEPT:
        ways = [f"a column 'excluded' instead of '{heading}', with a yes for what is not to be used", ways[1]]
    else:
        ways += [] if key in _PLACES else [say(heading, "excluded")]
    if refuse:
        findings.problem(f"{sentence}{others}? Expected {' or '.join(ways)}")
    else:
        findings.altered(
            f"{sentence}{others}? It is read as a covariate, and they as one; say {say(heading, 'DVID')} if not"
        )


def check_about_doses(table: Table, why: str, findings: Findings) -> None:
    """Warn about columns of samples that speak of doses and are not read, `why`; the rows are counted."""
    owners = table.columns.get("subject", [None] * len(table))
    for key in table.open:
        column = _ABOUT_DOSES.get(fold(key), "")
        cells = table.columns[key]
        count = _count(cells)
        if not column or not count:
            continue
        if column in ("amount", "amount_per_kg", "route", "duration") and not _varies(owners, cells):
            continue  # a group's dose beside every sample is a covariate
        heading = table.headings.get(key, key)
        findings.altered(f"{table.name}: {count} rows say something of doses in the column '{heading}': {why}")


def check_doses(table: Table, findings: Findings) -> Table:
    """Return a table of doses without remarks; rows that may stand for several doses are problems or counted.

    Doses of several drugs to one subject are a problem: their amounts would be added.
    """
    _check_drugs(table, findings)
    for key in table.open:
        if fold(key) not in _REPEATS:
            continue
        heading, cells = table.headings.get(key, key), table.columns[key]
        many = _repeated(cells, range(len(cells)))
        if not many or "additional" in table:
            continue
        if fold(key).endswith(("doses", "dose", "repeats", "repeat")):
            for i in many[:5]:
                table.complain(findings, key, i, "one row per dose, or columns 'additional' (doses after the first) "
                               f"and 'interval' ({say(heading, 'covariate')} if it is something else)")  # fmt: skip
        else:
            findings.altered(
                f"{table.name}: the column '{heading}' is not read: {len(many)} rows say how often "
                f"({shown(cells[many[0]])}) and are one dose each; expected 'additional' and 'interval'"
            )
    return _without_remarks(table, findings)


def _check_drugs(table: Table, findings: Findings) -> None:
    owners = table.columns.get("subject", [None] * len(table))
    for key in (key for key in table.open if fold(key) in _DRUGS and _varies(owners, table.columns[key])):
        heading = table.headings.get(key, key)
        counts = Counter(label(cell) or "empty" for cell in table.columns[key])
        told = ", ".join(f"{drug} in {count} rows" for drug, count in counts.most_common(5))
        findings.problem(
            f"{table.name}: the column '{heading}' tells doses of one subject apart ({told}), whose amounts would be "
            f"added; expected the doses of one drug, or {say(heading, 'into')} if they are several (NCA takes the "
            "doses of an analyte's name, a model's compartment has that name), or "
            f"{say(heading, 'covariate')} if they are one drug"
        )


def check_repeats(table: Table, dosed: Flags, findings: Findings) -> None:
    """Warn about a column of an event table that may say that a dose is repeated, without ADDL or SS."""
    if any(column in table and _count(table.columns[column]) for column in ("additional", "steady_state")):
        return
    for key in (key for key in table.open if fold(key) in _REPEATS):
        heading, cells = table.headings.get(key, key), table.columns[key]
        if many := _repeated(cells, positions(dosed)):
            findings.altered(
                f"{table.name}: the column '{heading}' is read as a covariate: {len(many)} doses may be said to be "
                f"repeated ({shown(cells[many[0]])}) and are one dose each; expected ADDL and II"
            )


def _repeated(cells: Sequence[object], rows: Sequence[int]) -> list[int]:
    """The rows of doses whose cell does not say that they are single ones."""
    return [i for i in rows if not is_missing(cells[i]) and fold(label(cells[i]) or "") not in {*_ONCE, "0"}]


def _without_remarks(table: Table, findings: Findings) -> Table:
    """Leave out columns of free text; a remark may be the reason not to use a row, which is for people to say."""
    remarks = [key for key in table.open if fold(key) in _REMARKS]
    for key in remarks:
        said = [i for i, cell in enumerate(table.columns[key]) if not is_missing(cell)]
        heading = table.headings.get(key, key)
        if said:
            findings.altered(
                f"{table.name}: {len(said)} rows have a remark in '{heading}' and are read like all others (row "
                f"{table.rows[said[0]]}: {shown(table.columns[key][said[0]])}); a column 'excluded' sets rows aside"
            )
    if not remarks:
        return table
    columns = {key: cells for key, cells in table.columns.items() if key not in remarks}
    return replace(table, columns=columns, extras=tuple(key for key in table.extras if key not in remarks))


def _count(cells: Sequence[object]) -> int:
    """How many cells say something: neither empty nor 0."""
    return sum(not is_missing(cell) and number(cell) != 0 for cell in cells)


def _varies(owners: Sequence[object], cells: Sequence[object]) -> bool:
    first: dict[str, str] = {}
    return any(first.setdefault(label(owner) or "", text) != text
               for owner, cell in zip(owners, cells, strict=True) for text in [label(cell) or ""])  # fmt: skip


def everywhere(table: Table) -> Flags:
    """Every row of a table."""
    return np.ones(len(table), dtype=bool)
