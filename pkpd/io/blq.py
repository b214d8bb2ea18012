"""Limits of quantification: what a cell says about them, and whether everything said agrees."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Flags
from pkpd.decimals import product
from pkpd.io.cells import NUMBER, number, plain_numbers
from pkpd.io.declared import Limits
from pkpd.io.findings import Findings
from pkpd.io.table import Table, positions

_NOUN = r"(?:lloq|uloq|llq|ulq|loq|lod|limits?|levels?|quantification|quantitation|detection)"
_OF_WHAT = rf"(?: (?:the|lower|upper|of|assay|reporting|{_NOUN}))*[ ]{_NOUN}"
_BELOW = (
    r"(?:blq|b\.l\.q\.|bql|bloq|blloq|lloq|llq|loq|lod|bld|bdl|blod|nq|n\.q\.|not quantifi(?:able|ed)|"
    rf"not detect(?:ed|able)|undetect(?:ed|able)|(?:below|under|less than){_OF_WHAT})"
)
_ABOVE = rf"(?:alq|aql|aloq|uloq|ulq|(?:above|over|greater than){_OF_WHAT})"
_EITHER = {
    **dict.fromkeys(("nd", "n.d.", "n/d"), "not detected, not done or not determined"),
    **dict.fromkeys(("nr", "n.r."), "not reported or no result"),
    **dict.fromkeys(("ns", "n.s.", "nos"), "no sample"),
    **dict.fromkeys(("not done", "not reported", "no sample", "no result", "missing", "missed", "lost", "hemolyzed",
                     "haemolysed", "not collected", "not analysed", "not analyzed"), "no result"),
}  # fmt: skip
"""Words of laboratories that mean no number, and what they may mean."""
_TEXTS = tuple(
    (side, re.compile(pattern, re.IGNORECASE | re.ASCII))
    for side, pattern in (
        ("below", rf"<?\s*\(?{_BELOW}\)?"),
        ("below", rf"(?:{_BELOW}\s*)?[(\[]?\s*<\s*[(\[]?\s*(?P<limit>{NUMBER})\s*[)\]]{{0,2}}"),
        ("below", rf"<?\s*{_BELOW}\s*[(\[]\s*(?P<limit>{NUMBER})\s*[)\]]"),
        ("above", rf">?\s*\(?{_ABOVE}\)?"),
        ("above", rf"(?:{_ABOVE}\s*)?[(\[]?\s*>\s*[(\[]?\s*(?P<limit>{NUMBER})\s*[)\]]{{0,2}}"),
        ("above", rf">?\s*{_ABOVE}\s*[(\[]\s*(?P<limit>{NUMBER})\s*[)\]]"),
    )
)


@dataclass(frozen=True)
class Reading:
    """What one cell says: a number, or below or above a limit that it may name."""

    value: float = math.nan
    side: str = ""
    limit: float = math.nan


@dataclass(frozen=True)
class Readings:
    """Values of all records with what is known about their limits."""

    value: Array
    blq: Flags
    lloq: Array
    alq: Flags
    uloq: Array


def reading(cell: object) -> Reading | None:
    """Return what a cell of the value column says, None when it is neither a number nor a limit."""
    value = number(cell)
    if value is not None:
        return Reading(value)
    if isinstance(cell, str):
        for side, pattern in _TEXTS:
            match = pattern.fullmatch(cell.strip())
            if match:
                limit = float(match.groupdict().get("limit") or math.nan)
                return None if math.isinf(limit) else Reading(side=side, limit=limit)
    return None


def _may_mean(cell: object) -> str:
    """What a laboratory's word may mean and which argument says it; "" for any other cell."""
    text = " ".join(cell.split()) if isinstance(cell, str) else ""
    meant = _EITHER.get(text.casefold(), "")
    said = f"texts={{{text!r}: 'BLQ'}} or {{{text!r}: 'missing'}}"
    return f" ({text!r} may mean {meant}: say {said})" if meant else ""


def read_values(table: Table, analytes: Sequence[str], factors: Array, limits: Limits, findings: Findings) -> Readings:
    """Return values, flags and limits of all records; everything that contradicts itself is a problem.

    Parameters
    ----------
    table : Table
        Long table with a column value and perhaps blq, alq, lloq, uloq.
    analytes : sequence of str
        Analyte of every record.
    factors : array, shape (records,)
        What the record's numbers are multiplied with to be in the analyte's unit.
    limits : Limits
        Declared limits by analyte.
    findings : Findings
        Where problems and notes go.
    """
    value, texts = _read(table, findings)
    value = product(value, factors)  # decimals: 9 pg/mL are 0.009 ng/mL, and not below that limit
    sides = {}
    for side, column, limit_column, declared in (
        ("below", "blq", "lloq", limits.lower),
        ("above", "alq", "uloq", limits.upper),
    ):
        said, named = np.zeros(len(table), dtype=bool), np.full(len(table), np.nan)
        for i, text in texts.items():
            said[i] = text.side == side
            named[i] = text.limit if said[i] else math.nan
        named = product(named, factors)
        limit = _limit(table, limit_column, (named, factors), [declared.get(a, math.nan) for a in analytes], findings)
        sides[side] = (_flag(table, column, said, value, limit, findings), limit)
    (blq, lloq), (alq, uloq) = sides["below"], sides["above"]
    for i in positions(blq & alq):
        findings.problem(f"{table.place('value', i)}: below and above the limits at once; expected one of them")
    for i in positions(lloq >= uloq):
        findings.problem(f"{table.place('value', i)}: LLOQ {lloq[i]:g} ≥ ULOQ {uloq[i]:g}; expected LLOQ < ULOQ")
    _unlimited("BLQ", "lower", blq & np.isnan(lloq), analytes, findings)
    _unlimited("above the limit", "upper", alq & np.isnan(uloq), analytes, findings)
    return Readings(value, blq, lloq, alq, uloq)


def _read(table: Table, findings: Findings) -> tuple[Array, dict[int, Reading]]:
    """The numbers of the column value, NaN where there is none, and the cells that say something else."""
    cells = table.columns["value"]
    plain = plain_numbers(cells)
    if plain is not None:
        return plain, {}
    readings = [reading(cell) for cell in cells]
    for i, of_cell in enumerate(readings):
        if of_cell is None or math.isinf(of_cell.value):
            table.complain(
                findings, "value", i, f"a finite number, or a text such as BLQ, <0.112 or >500{_may_mean(cells[i])}"
            )
    sound = [Reading() if of_cell is None or math.isinf(of_cell.value) else of_cell for of_cell in readings]
    value = np.array([of_cell.value for of_cell in sound], dtype=float)
    return value, {i: of_cell for i, of_cell in enumerate(sound) if of_cell.side}


def _limit(
    table: Table, column: str, given: tuple[Array, Array], declared: Sequence[float], findings: Findings
) -> Array:
    """Return each record's limit from its text, its column or the declaration, which must not disagree."""
    named, factors = given
    limit, bad = table.numbers(column, findings, "a limit > 0")
    for i in positions(~bad & (limit <= 0)):
        table.complain(findings, column, i, "a limit > 0")
    for i in positions(named <= 0):
        table.complain(findings, "value", i, "a limit > 0")
    told = np.vstack([named, product(limit, factors), np.asarray(declared, dtype=float)])
    low, high = (pick(np.where(np.isnan(told), fill, told), axis=0) for pick, fill in ((np.min, np.inf), (np.max, 0.0)))
    for i in positions(high > low * (1 + 1e-9)):
        words = ("in the text", f"in the column {table.headings.get(column, column)!r}", f"in {column}=")
        said = ", ".join(f"{x:g} {w}" for x, w in zip(told[:, i], words, strict=True) if not math.isnan(x))
        findings.problem(f"{table.place('value', i)}: limits disagree ({said}); expected one {column.upper()}")
    return np.where(np.isfinite(low), low, np.nan)


def _flag(table: Table, column: str, said: Flags, value: Array, limit: Array, findings: Findings) -> Flags:
    """Return which records are beyond their limit by flag, text or value."""
    below = column == "blq"
    flagged = table.flags(column, findings)
    beyond = value < limit if below else value > limit
    against = ~np.isnan(value) & ~beyond & ~np.isnan(limit)
    word, sign = ("BLQ", "<") if below else ("above the limit", ">")
    for i in positions(flagged & against):
        findings.problem(
            f"{table.place(column, i)}: flagged {word}, but the value {value[i]:g} is not; "
            f"expected a value {sign} {limit[i]:g} or no flag"
        )
    for i in positions(said & ~flagged):
        cell = table.cell(column, i)
        if number(cell) == 0 or cell is False:
            findings.problem(
                f"{table.place(column, i)}: the flag says not {word}, the value says it is; expected the same"
            )
    silent = beyond & ~flagged & ~said
    if silent.any():
        name = "LLOQ are flagged BLQ" if below else "ULOQ are flagged above the limit"
        findings.altered(f"{table.name}: {int(silent.sum())} values {'below' if below else 'above'} the {name}; kept")
    return np.asarray(flagged | said | beyond)


def _unlimited(word: str, which: str, records: Flags, analytes: Sequence[str], findings: Findings) -> None:
    counts = Counter(analytes[i] for i in positions(records))
    for name, count in sorted(counts.items()):
        findings.altered(
            f"observations: {count} records of {name} are {word} without a known {which} limit (it is NaN)"
        )
