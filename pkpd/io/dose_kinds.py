"""What a dose in a plain table can be beside a time, an amount and a route: rates, repetition, steady state, resets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from pkpd import units as unit_tools
from pkpd.arrays import Array, Flags
from pkpd.decimals import product
from pkpd.dosing import Dose
from pkpd.errors import InputError, UnitError, nearest
from pkpd.io.columns import fold
from pkpd.io.findings import Findings
from pkpd.io.table import Table
from pkpd.records import EVENT_COLUMNS

_WORDS: dict[str, dict[str, str]] = {
    "steady_state": {
        **dict.fromkeys(("", "0", "no", "false"), ""), **dict.fromkeys(("1", "3", "instead", "yes", "true"), "instead"),
        **dict.fromkeys(("2", "added"), "added"),
    },
    "modelled": {"": "", "rate": "rate", "duration": "duration"},
    "action": {"": "add", "add": "add", "replace": "replace", "multiply": "multiply"},
    "switch": {"": "", "on": "on", "off": "off"},
}  # fmt: skip
_EXPECTED = {
    "steady_state": "0, 1 (instead of what is there) or 2 (added to it)",
    "modelled": "rate, duration or nothing",
    "action": "add, replace or multiply",
    "switch": "on, off or nothing",
}
MODELLED = {-1.0: "rate", -2.0: "duration"}
"""What a rate of −1 or −2 says: the model knows the rate, or the duration."""


class DoseUnits(NamedTuple):
    """Units in which a table of doses is read: of the amounts and of times, and those that its headings carry."""

    amount: str
    time: str
    headings: Mapping[str, str]


def read_kinds(table: Table, factors: Array, given: DoseUnits, findings: Findings) -> dict[str, Any]:
    """Return the columns of `EVENT_COLUMNS` that a table of doses has.

    Parameters
    ----------
    table : Table
        One row per dose.
    factors : array, shape (rows,)
        What each amount, and each rate, is multiplied with.
    given : DoseUnits
        Units.
    findings : Findings
        Where problems go.
    """
    columns: dict[str, Any] = {}
    for name, words in _WORDS.items():
        if name in table:
            texts = [words.get(fold(text)) for text in table.labels(name, findings)]
            for i in (k for k, text in enumerate(texts) if text is None):
                expected = _EXPECTED[name]
                hint = nearest(str(table.cell(name, i)), [word for word in words if word.isalpha()])
                table.complain(findings, name, i, f"{expected}{f'; {hint}' if hint.startswith('did') else ''}")
            columns[name] = [text or "" for text in texts]
    if "rate" in table:
        _rates(table, factors, given, columns, findings)
    if "additional" in table:
        more = _numbers(table, "additional", "a whole number ≥ 0", findings)
        for i in np.flatnonzero((more < 0) | (more % 1 != 0)).tolist():
            table.complain(findings, "additional", i, "a whole number ≥ 0")
        columns["additional"] = np.where((more > 0) & (more < 2**31), more, 0).astype(np.int64)
    if "interval" in table:
        every = _numbers(table, "interval", "a time ≥ 0", findings)
        ratio = time_ratio("interval", given.headings.get("interval", ""), given.time, findings)
        columns["interval"] = product(every, ratio)
    if "into" in table:
        columns["into"] = table.labels("into", findings)
    if "reset" in table:
        columns["reset"] = table.flags("reset", findings)
    return columns


def _rates(table: Table, factors: Array, given: DoseUnits, columns: dict[str, Any], findings: Findings) -> None:
    """Add rates, and what −1 and −2 say of them."""
    rate = _numbers(table, "rate", "a rate ≥ 0, -1 or -2", findings)
    said = [MODELLED.get(value, "") for value in rate.tolist()]
    for i in np.flatnonzero((rate < 0) & ~np.isin(rate, list(MODELLED))).tolist():
        table.complain(findings, "rate", i, "a rate ≥ 0, -1 or -2")
    before = columns.get("modelled", [""] * len(table))
    columns["modelled"] = [text or word for text, word in zip(before, said, strict=True)]
    columns["rate"] = np.where(rate > 0, rate * rate_ratio(factors, given, findings), 0.0)


def rate_ratio(factors: Array, given: DoseUnits, findings: Findings) -> Array:
    """What every rate is multiplied with: as its amount is, or by the unit that its heading carries, shape (rows,)."""
    own = given.headings.get("rate", "")
    if not own or not given.amount:
        return factors
    try:
        return np.full(len(factors), unit_tools.factor(own, f"({given.amount})/({given.time})"))
    except UnitError as error:
        findings.problem(f"units: 'rate': {'; '.join(error.problems)}")
        return factors


def time_ratio(what: str, own: str, unit: str, findings: Findings) -> float:
    """What times of a column are multiplied with to be in the study's unit."""
    try:
        return unit_tools.factor(own, unit) if own else 1.0
    except UnitError as error:
        findings.problem(f"units: {what!r}: {'; '.join(error.problems)}")
        return 1.0


def _numbers(table: Table, column: str, expected: str, findings: Findings) -> Array:
    """A column of numbers, 0 where a cell is empty or bad."""
    values, _ = table.numbers(column, findings, expected)
    return np.nan_to_num(values)


def lasts(columns: Mapping[str, Any], rows: int) -> Flags:
    """Whether a rate, or the model, says that a dose takes time, shape (rows,)."""
    modelled = np.array([bool(text) for text in columns.get("modelled", [""] * rows)], dtype=bool)
    return np.asarray(modelled | (np.asarray(columns.get("rate", np.zeros(rows)), dtype=float) > 0))


def check_dose_kinds(table: Table, doses: Mapping[str, Any], findings: Findings) -> None:
    """Report every row whose kinds do not go together, in the words of `Dose`."""
    usual = {name: [value] * len(table) for name, value in EVENT_COLUMNS.items()}
    columns = {name: np.asarray(doses.get(name, usual[name])).tolist() for name in usual if name != "switch"}
    for i in range(len(table)):
        kind = {name: cells[i] for name, cells in columns.items()}
        try:
            Dose(0.0, float(doses["amount"][i]), doses["route"][i], float(doses["duration"][i]), **kind)
        except InputError as error:
            findings.problem(f"{table.place('amount', i)}: {'; '.join(error.problems)}")
