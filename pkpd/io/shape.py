"""The shapes a table may have: wide becomes long, a combined table becomes observations and doses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pkpd.arrays import Flags
from pkpd.errors import few, nearest
from pkpd.io.cells import flag, is_missing, label, number, of_each, plain_numbers
from pkpd.io.columns import COVARIATES, RESERVED, fold, missing_column, vocabulary
from pkpd.io.findings import Findings, say
from pkpd.io.meaningful import check_one_kind
from pkpd.io.table import Table

SIDES = ("blq", "alq", "lloq", "uloq")


def analyte_names(units: Mapping[str, str], tables: Mapping[str, Table]) -> list[str]:
    """Return the names in `units` that can be analytes: not reserved, and no covariate that a table carries."""
    covariates = vocabulary(COVARIATES)
    carried: set[str] = set()
    for name, table in tables.items():
        wide = name == "observations" and "value" not in table
        folded = {fold(key) for key in table.columns}
        # In a wide table a column named in `units` is an analyte, unless it is a known covariate.
        carried |= {covariates[key] for key in folded & set(covariates)} if wide else folded
        carried |= {fold(covariates[key]) for key in folded & set(covariates)}
    return [n for n in units if n not in RESERVED and fold(covariates.get(fold(n), n)) not in carried]


def wide_columns(table: Table, names: Sequence[str]) -> dict[str, str]:
    """Return the analytes that have a column of their own in a table without a value column."""
    if "value" in table:
        return {}
    by_fold = {fold(key): key for key in table.extras}
    return {name: by_fold[fold(name)] for name in names if fold(name) in by_fold}


def check_one_value(table: Table, names: Sequence[str], units: Mapping[str, str], findings: Findings) -> None:
    """Report a column of values beside one that `units` names: either could hold what was measured."""
    if "value" not in table or "analyte" in table or names:
        return
    named = {fold(name) for name in units if name not in RESERVED and fold(name) not in vocabulary(COVARIATES)}
    for key in (key for key in table.open if fold(key) in named):
        theirs, value = table.headings.get(key, key), table.headings.get("value", "value")
        findings.problem(
            f"{table.name}: the columns {theirs!r}, which has a unit, and {value!r} could each be the measured values; "
            f"say which with {say(value, 'covariate')} or {say(theirs, 'drop')}"
        )


def split_doses(table: Table, names: Sequence[str], findings: Findings) -> tuple[Table, Table | None]:
    """Return observations and doses of a table that may hold both; a dose row is one with an amount.

    A row with amount 0 and a value is an observation. A row with an amount and a value is a problem: which of the
    two comes first cannot be known.
    """
    amounts = [column for column in ("amount", "amount_per_kg") if column in table]
    if not amounts:
        return table, None
    measured = ["value"] if "value" in table else list(wide_columns(table, names).values())
    both = [
        any(not is_missing(table.cell(c, i)) and number(table.cell(c, i)) != 0 for c in amounts)
        and any(not is_missing(table.cell(c, i)) for c in measured)
        for i in range(len(table))
    ]
    marks = _marks(table, measured) if any(both) else None
    if marks is not None:
        return _both_apart(table, marks, both, measured)
    zeros = [any(_is_zero(table.cell(c, i)) for c in measured) for i in range(len(table))]
    if any(both) and not all(both) and all(zero for zero, pair in zip(zeros, both, strict=True) if pair):
        findings.altered(
            f"{table.name}: {sum(both)} rows have an amount and the value 0; the sample was drawn before the dose"
        )
        return _both_apart(table, ["pre" if pair else "" for pair in both], both, measured)
    if len(both) > 1 and all(both):
        findings.problem(
            f"{table.name}: every row has a value and a dose in the column '{table.headings[amounts[0]]}'; expected "
            f"{say(table.headings[amounts[0]], 'single_dose')} if it is one dose at time 0 of each subject or period, "
            "a row of its own for each dose, doses= with a table or a regimen, or a column 'mark' that says whether "
            "the sample was drawn pre or post the dose (a heading such as 'trough' says it, too)"
        )
        return table, None
    nothing = _no_doses(table, amounts, measured, findings)
    dosing, sampling = [], []
    for i in (i for i in range(len(table)) if i not in nothing):
        given = [table.cell(c, i) for c in amounts if not is_missing(table.cell(c, i))]
        filled = any(not is_missing(table.cell(c, i)) for c in measured)
        if not given or (filled and all(number(cell) == 0 for cell in given)):
            sampling.append(i)
            continue
        dosing.append(i)
        if filled:
            findings.problem(
                f"{table.place(amounts[0], i)}: the row has an amount and a value; expected a row for each, or a "
                "column 'mark' that says whether the sample was drawn pre or post the dose"
            )
        if flag(table.cell("excluded", i)):
            findings.problem(
                f"{table.place('excluded', i)}: a dose cannot be set aside; expected its row to be left out"
            )
    samples_table, dose_table = parts(table, measured)
    return samples_table.take(sampling), dose_table.take(dosing) if dosing else None


def parts(table: Table, measured: Sequence[str]) -> tuple[Table, Table]:
    """The table without the columns of doses, and without those of samples; all rows are in both."""
    dose_only = {"amount", "amount_per_kg", "single_dose", "route", "duration", "dose_unit", "into"}
    samples = {key: cells for key, cells in table.columns.items() if key not in dose_only}
    sample_only = {"analyte", "value", "mark", "excluded", "reason", "volume", "lower", *SIDES, *measured}
    doses = {key: cells for key, cells in table.columns.items() if key not in sample_only}
    if "dose_unit" in doses:
        doses["unit"] = doses.pop("dose_unit")
    one, two = (
        replace(table, columns=kept, extras=tuple(key for key in table.extras if key in kept))
        for kept in (samples, doses)
    )
    return one, two


def _is_zero(cell: object) -> bool:
    return not is_missing(cell) and number(cell) == 0


_BEFORE = re.compile(r".*(trough|predose|beforedose|cmin|ctau).*")


def _marks(table: Table, measured: Sequence[str]) -> list[object] | None:
    """Whether each sample was drawn before or after the dose of its row, where the table says it."""
    if "mark" in table:
        return list(table.columns["mark"])
    return ["pre"] * len(table) if drawn_before(table, measured) else None


def drawn_before(table: Table, measured: Sequence[str]) -> bool:
    """Whether the headings of the values say that their samples were drawn before doses."""
    return all(_BEFORE.fullmatch(fold(table.headings.get(key, key))) for key in measured)


def _both_apart(
    table: Table, marks: Sequence[object], both: Sequence[bool], measured: Sequence[str]
) -> tuple[Table, Table | None]:
    """Return samples and doses of a table whose rows hold both, the samples marked."""
    amounts = [column for column in ("amount", "amount_per_kg") if column in table]
    sampled = [i for i in range(len(table)) if any(not is_missing(table.cell(c, i)) for c in measured)]
    dosed = [i for i in range(len(table)) if any((number(table.cell(c, i)) or 0.0) > 0 for c in amounts)]
    samples, doses = parts(table, measured)
    said = [mark if both[i] or not is_missing(mark) else "" for i, mark in enumerate(marks)]
    samples = replace(samples, columns={**samples.columns, "mark": said})
    return samples.take(sampled), doses.take(dosed) if dosed else None


def _no_doses(table: Table, amounts: Sequence[str], measured: Sequence[str], findings: Findings) -> set[int]:
    """Rows with amount 0 and no value of subjects who get doses: times at which nothing happens (a placebo gets 0)."""
    owners = [label(cell) for cell in table.columns.get("subject", [None] * len(table))]
    cells = [[table.cell(c, i) for c in amounts if not is_missing(table.cell(c, i))] for i in range(len(table))]
    zero = [bool(own) and all(number(cell) == 0 for cell in own) for own in cells]
    dosed = {owner for owner, own, none in zip(owners, cells, zero, strict=True) if own and not none}
    nothing = {
        i
        for i, owner in enumerate(owners)
        if zero[i] and owner in dosed and all(is_missing(table.cell(c, i)) for c in measured)
    }
    if nothing:
        findings.altered(f"{table.name}: {len(nothing)} rows with amount 0 and no value are no doses and were left out")
    return nothing


def lengthen(table: Table, names: Sequence[str], findings: Findings, allowed: bool = False) -> Table:
    """Return a long table: the columns named after analytes become the columns analyte and value.

    An empty cell holds no sample, which is counted in a note; a row without any value is a problem unless it is
    excluded, or empty results are `allowed`.
    ``IL21_blq``, ``IL21_lloq``, ``IL21_uloq`` and ``IL21_alq`` belong to the column ``IL21``.
    """
    wide = wide_columns(table, names)
    if not wide:
        return table
    shared = [column for column in SIDES if column in table]
    if shared and len(wide) > 1:
        one = shared[0]
        findings.problem(
            f"{table.name}: the column '{table.headings[one]}' does not say which of {', '.join(wide)} it is for; "
            f"expected columns such as '{next(iter(wide))}_{one}'"
        )
    sides = {(a, c): key for a in wide for c in SIDES for key in table.extras if fold(key) == fold(a + c)}
    rest = [key for key in table.columns if key not in {*wide.values(), *sides.values(), *SIDES}]
    filled = np.stack([_has_sample(table, key, [sides.get((a, c), c if len(wide) == 1 else "") for c in ("blq", "alq")])
                       for a, key in wide.items()], axis=1)  # fmt: skip
    for i in np.flatnonzero(~filled.any(axis=1)).tolist():
        if not flag(table.cell("excluded", i)) and not allowed:
            first = next(iter(wide.values()))
            findings.problem(
                f"{table.place(first, i)}: no value of {', '.join(wide)} in this row; expected one, or "
                "missing='drop' or 'exclude' for records without a result"
            )
        filled[i] = True
    empty = dict(zip(wide, (~filled).sum(axis=0).tolist(), strict=True))
    rows, which = (places.tolist() for places in np.nonzero(filled))
    names_of = [*wide]
    picked = [(i, names_of[k]) for i, k in zip(rows, which, strict=True)]
    for a, count in empty.items():
        if count:
            findings.altered(f"{table.name}: {count} empty cells of {a} hold no sample and were left out")
    columns: dict[str, list[object]] = {key: [*map(table.columns[key].__getitem__, rows)] for key in rest}
    if "analyte" in table:
        kinds = [label(cell) or "" for cell in table.columns["analyte"]]
        check_one_kind(table, wide, kinds, table.headings.get("analyte", "analyte"), findings)
    columns["analyte"] = [a for _, a in picked]
    columns["value"] = [table.columns[wide[a]][i] for i, a in picked]
    columns["heading of value"] = [table.headings[wide[a]] for _, a in picked]
    for c in SIDES:
        if c in shared or any(side == c for _, side in sides):
            columns[c] = [table.cell(sides.get((a, c), c), i) for i, a in picked]
            columns[f"heading of {c}"] = [table.headings.get(sides.get((a, c), c), c) for _, a in picked]
    extras = tuple(key for key in table.extras if key in rest)
    return Table(table.name, columns, [table.rows[i] for i in rows], table.headings, extras, table.told)


def _has_sample(table: Table, column: str, flags: Sequence[str]) -> Flags:
    """Whether each row has a value in a column, or a flag that says that it is beyond a limit."""
    numbers = plain_numbers(table.columns[column])
    missing = of_each(is_missing, table.columns[column]) if numbers is None else np.isnan(numbers)
    filled = ~np.array(missing, dtype=bool)
    for name in (name for name in flags if name in table):
        filled |= np.array(of_each(_on, table.columns[name]), dtype=bool)
    return filled


def _on(cell: object) -> bool:
    return not is_missing(cell) and flag(cell) is not False


def analytes_of(table: Table, names: Sequence[str], findings: Findings) -> list[str]:
    """Return the analyte of every record, spelled as in `units`; a missing name is a problem."""
    if "analyte" not in table:
        if len(names) != 1:
            known = f" ({few(names)})" if names else " (units= names none)"
            missing_column(table, "analyte", f"the name of what was measured{known}", findings)
        return [names[0] if len(names) == 1 else ""] * len(table)
    by_fold = {fold(name): name for name in names}
    texts = [text or "" for text in of_each(label, table.columns["analyte"])]
    counts = Counter(texts)
    if "" in counts:
        for i in (k for k, text in enumerate(texts) if not text):
            table.complain(findings, "analyte", i, "the name of an analyte")
    meant = {text: by_fold.get(fold(text), text) if text else "" for text in counts}
    for (text, name), count in sorted(((text, name), counts[text]) for text, name in meant.items() if text != name):
        findings.altered(f"{table.name}: {count} records of {text!r} are read as {name!r}")
    return [meant[text] for text in texts]


def check_shape(table: Table, names: Sequence[str], findings: Findings) -> bool:
    """Say whether the table has a value column; if not, that is a problem."""
    if "value" in table:
        return True
    columns = f"the measured values, or a column for each of {few(names)}" if names else "the measured values"
    missing_column(table, "value", columns, findings)
    for name in names:
        hint = nearest(name, table.extras)
        if hint.startswith("did"):
            findings.problem(f"units: no table has a column {name!r}; {hint}")
    return False
