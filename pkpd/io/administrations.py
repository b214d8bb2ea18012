"""Monolix's ADM: the kind of administration of a dose, which is neither a covariate nor an amount."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np

from pkpd.arrays import Flags
from pkpd.io.cells import is_missing, label, number
from pkpd.io.findings import Findings, say
from pkpd.io.headings import fold
from pkpd.io.table import Table, positions

_NAMES = frozenset({"adm", "administrationtype", "admtype", "admid"})
_SETTLED = ("into", "compartment")


def without_administrations(table: Table, dosed: Flags, place: str, findings: Findings) -> Table:
    """Return a table without a column of administrations that says nothing; one that tells doses apart is a problem.

    Monolix numbers the ways by which doses are given, and its models say what each does. Doses of two numbers that
    were read as of one kind would be put into the same place; as a covariate, the number would change in time.

    Parameters
    ----------
    table : Table
        Rows among which doses are.
    dosed : array of bool, shape (rows,)
        The rows of doses.
    place : str
        What the column may be called that says where a dose goes.
    findings : Findings
        Where problems and notes go.
    """
    found = [key for key in table.open if fold(key) in _NAMES]
    for key in found:
        heading = table.headings.get(key, key)
        counts = Counter(label(table.columns[key][i]) or "empty" for i in positions(dosed))
        if len(counts) > 1 and not any(column in table for column in _SETTLED):
            told = ", ".join(f"{kind} in {count} rows" for kind, count in counts.most_common(5))
            findings.problem(
                f"{table.name}: the column '{heading}' tells administrations of doses apart ({told}): do they go into "
                f"different places, such as a depot and the blood? Expected {say(heading, place)}, the number or name "
                f"of the model's compartment; or a column 'route' (bolus, infusion, oral) and {say(heading, 'drop')}; "
                f"or {say(heading, 'covariate')} if it is something else"
            )
        elif counts:
            findings.fact(f"{table.name}: the column '{heading}' is no covariate: it numbers administrations of doses")
    columns = {key: cells for key, cells in table.columns.items() if key not in found}
    return replace(table, columns=columns, extras=tuple(key for key in table.extras if key not in found))


def with_amounts(table: Table) -> Flags:
    """Return which rows have an amount, shape (rows,)."""
    columns = [table.columns[name] for name in ("amount", "amount_per_kg") if name in table]
    filled = [[not is_missing(cell) and number(cell) != 0 for cell in cells] for cells in columns]
    found: Flags = np.any(np.array(filled, dtype=bool).reshape(len(columns), len(table)), axis=0)
    return found
