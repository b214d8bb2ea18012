"""What the user says of cells that hold no result: texts of a laboratory, empty cells, negative concentrations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pkpd.arrays import Flags
from pkpd.io.blq import reading
from pkpd.io.cells import flag, is_missing, label
from pkpd.io.columns import fold
from pkpd.io.findings import Findings, shown
from pkpd.io.table import Table, positions

EMPTY = ("drop", "exclude")
"""What can be done with a record without a result."""
NEGATIVE = ("keep", "exclude")
"""What can be done with a negative concentration."""
_MEANINGS = {"blq": "BLQ", "alq": "ALQ", "missing": None}
_NO_RESULT, _BELOW_ZERO = "no result", "negative concentration"


@dataclass(frozen=True)
class ResultRules:
    """What the user says of results: `missing` and `negative` ("" is a problem), and what texts mean."""

    missing: str = ""
    negative: str = ""
    texts: Mapping[str, object] = field(default_factory=dict)


def result_rules(missing: object, negative: object, texts: object, findings: Findings) -> ResultRules:
    """Return the rules after checking them; what is no rule is a problem.

    Parameters
    ----------
    missing, negative : str or None
        One of `EMPTY`, one of `NEGATIVE`.
    texts : mapping or None
        What a cell says → "BLQ", "ALQ" or "missing".
    findings : Findings
        Where problems go.
    """
    for what, given, known in (("missing", missing, EMPTY), ("negative", negative, NEGATIVE)):
        if given is not None and given not in known:
            findings.problem(f"{what}: {shown(given)}; expected one of {', '.join(map(repr, known))}")
    if texts is not None and not isinstance(texts, Mapping):
        findings.problem(f"texts: {shown(texts)}; expected a mapping such as {{'ND': 'BLQ'}}")
        texts = None
    meant: dict[str, object] = {}
    for said, meaning in (texts or {}).items():
        if fold(meaning) not in _MEANINGS:
            findings.problem(f"texts: {shown(said)}: {shown(meaning)}; expected 'BLQ', 'ALQ' or 'missing'")
        else:
            meant[_plain(said)] = _MEANINGS[fold(meaning)]
    return ResultRules(str(missing) if missing in EMPTY else "", str(negative) if negative in NEGATIVE else "", meant)


def with_rules(table: Table, rules: ResultRules, findings: Findings) -> Table:
    """Return a long table of samples in which texts mean what the user says, without empty results if he says so.

    Parameters
    ----------
    table : Table
        One row per sample, with the column value.
    rules : ResultRules
        What the user says.
    findings : Findings
        Where counts go.
    """
    if "value" not in table:
        return table
    if rules.texts:
        found = [_plain(cell) for cell in table.columns["value"]]
        seen = Counter(text for text in found if text in rules.texts)
        cells = [rules.texts.get(text, cell)
                 for text, cell in zip(found, table.columns["value"], strict=True)]  # fmt: skip
        table = replace(table, columns={**table.columns, "value": cells})
        for text, count in sorted(seen.items()):
            findings.altered(f"{table.name}: {count} results {text!r} are taken as {rules.texts[text] or 'missing'}")
        for text in rules.texts.keys() - seen.keys():
            findings.problem(f"texts: no result is {text!r}; expected words that stand in the table")
    if not rules.missing:
        return table
    empty = np.array([_is_empty(table, i) for i in range(len(table))], dtype=bool)
    if not empty.any():
        return table
    if rules.missing == "drop":
        findings.altered(f"{table.name}: {int(empty.sum())} records without a result were left out (missing='drop')")
        return table.take(positions(~empty))
    findings.altered(f"{table.name}: {int(empty.sum())} records without a result are excluded (missing='exclude')")
    return exclude(table, empty, _NO_RESULT)


def exclude(table: Table, which: Flags, why: str) -> Table:
    """Return the table with these records set aside for this reason, beside those that already are."""
    said = list(table.columns.get("excluded", [None] * len(table)))
    reasons = list(table.columns.get("reason", [None] * len(table)))
    for i in positions(which):
        said[i], reasons[i] = True, why
    return replace(table, columns={**table.columns, "excluded": said, "reason": reasons})


def without_negative(table: Table, positive: Sequence[bool], rules: ResultRules, findings: Findings) -> Table:
    """Return the table with negative concentrations set aside where the user says so.

    Parameters
    ----------
    table : Table
        One row per sample, with the column value.
    positive : sequence of bool
        Which records are concentrations.
    rules, findings
        What the user says; where the count goes.
    """
    if rules.negative != "exclude" or "value" not in table:
        return table
    found = [reading(cell) for cell in table.columns["value"]]
    below = np.array([known and r is not None and r.value < 0 for r, known in zip(found, positive, strict=True)])
    if not below.any():
        return table
    findings.altered(f"{table.name}: {int(below.sum())} negative concentrations are excluded (negative='exclude')")
    return exclude(table, below, _BELOW_ZERO)


def _is_empty(table: Table, i: int) -> bool:
    sided = flag(table.cell("blq", i)) or flag(table.cell("alq", i)) or flag(table.cell("excluded", i))
    return is_missing(table.cell("value", i)) and not sided


def _plain(cell: object) -> str:
    return " ".join((label(cell) or "").split())
