"""The table of this room: one row per patient, with a response and what might explain it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.errors import InputError, few, nearest, shown, warn
from pkpd.io.cells import flag, is_missing, label, number
from pkpd.trial.recist.scans import provenance
from pkpd.trial.survival.covariates import Covariates, covariates_of, odd_cells
from pkpd.trial.tables import read_table

if TYPE_CHECKING:
    import pandas

LARGEST = 1e100
"""Squares of larger numbers, and of those below its reciprocal, are no numbers."""
_MOST = 12


@dataclass(frozen=True, eq=False)
class Outcomes:
    """A table whose responses are known.

    Attributes
    ----------
    table : DataFrame
        The rows with a response.
    category : array of int
        Of each row: 0 … K − 1.
    names : tuple of str
        Of the categories, in order; of two: ``("no", "yes")``.
    unknown : int
        Rows without a response, which were left out.
    attrs : dict
        What the table says of where it came from.
    """

    table: pandas.DataFrame
    category: Integers
    names: tuple[str, ...]
    unknown: int
    attrs: dict[str, Any]


def read_outcomes(
    source: Any,
    response: str,
    more: Sequence[str],
    named: Mapping[str, str] | None,
    *,
    positive: Sequence[Any] | None = None,
    order: Sequence[Any] | None = None,
    ordinal: bool = False,
    numbers: Sequence[str] = (),
    reference: Mapping[str, Any] | None = None,
) -> Outcomes:
    """Return the rows with a response, and which response it is.

    Parameters
    ----------
    source : DataFrame, path, mapping of column to values, Study, or Dataset
        One row per patient.
    response : str
        Column of it.
    more : sequence of str
        Columns that must be there, too.
    named : mapping, optional
        Our name → its heading.
    positive : sequence, optional
        Of a binary response: values that count as one; without it the cells are yes or no (1 or 0).
    order : sequence, optional
        Of an ordinal response: its categories from the lowest; numbers need none.
    ordinal : bool
        Which of the two.
    numbers : sequence of str
        Those of `more` that must hold numbers; the others are covariates.
    reference : mapping, optional
        Covariate → level with which the others are compared.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting rows without a response.
    """
    table = read_table(source, (), "patients")
    renamed = {heading: ours for ours, heading in dict(named or {}).items()}
    there = [c for c in table if c != "row"]
    problems = [f"{ours} is said to be in {shown(heading)}; {nearest(heading, there)}"
                for heading, ours in renamed.items() if heading not in there]  # fmt: skip
    table = table.drop(columns=[ours for heading, ours in renamed.items() if ours in there and heading in there])
    table = table.rename(columns=renamed)
    problems += [f"no column {name!r}; {nearest(name, there)}" for name in dict.fromkeys([response, *more])
                 if name not in table]  # fmt: skip
    problems += [p for name in dict.fromkeys(numbers) if name in table for p in no_numbers(table, name)]
    covariates = () if isinstance(more, str) else dict.fromkeys(more)
    problems += [p for name in covariates if name not in numbers for p in odd_cells(table, name, reference or {})]
    if response not in table:
        raise InputError(problems, "patients")
    cells = table[response].tolist()
    missing = np.array([is_missing(cell) or cell == "" for cell in cells], dtype=bool)
    cells = ["" if lost else _text(cell) for cell, lost in zip(cells, missing, strict=True)]
    names, codes, found = _ordered(cells, missing, response, order) if ordinal else _binary(cells, response, positive)
    problems += found
    if not found and missing.all():
        problems.append(f"no row has a response ({response!r})")
    if problems:
        raise InputError(problems, "patients")
    if "subject" in table and (again := int(table["subject"].map(str).duplicated().sum())):
        warn(f"{again} of {len(table)} rows belong to a subject who has another one; models take rows as patients")
    if missing.any():
        warn(f"{int(missing.sum())} of {len(table)} rows have no {response!r}; left out")
    kept = table[~missing].reset_index(drop=True)
    return Outcomes(kept, codes[~missing], names, int(missing.sum()), provenance(source))


def no_numbers(table: pandas.DataFrame, name: str) -> list[str]:
    """Return a problem for every cell of a column that is neither empty nor a number whose square is one."""
    found = [(row, cell, np.nan if is_missing(cell) else number(cell))
             for row, cell in zip(table["row"], table[name].tolist(), strict=True)]  # fmt: skip
    return [f"row {row}, {name}: {shown(cell)}; expected a number of at most {LARGEST:g}"
            for row, cell, one in found if one is None or abs(one) > LARGEST]  # fmt: skip


def _text(cell: Any) -> str:
    return str(int(cell)) if isinstance(cell, bool | np.bool_) else label(cell) or shown(cell)


def _binary(
    cells: list[str], response: str, positive: Sequence[Any] | None
) -> tuple[tuple[str, ...], Integers, list[str]]:
    if positive is not None:
        wanted = [_text(one) for one in ([positive] if isinstance(positive, str) else positive)]
        there = list(dict.fromkeys(cell for cell in cells if cell))
        known = any(one in there for one in wanted)  # nobody with CR is no mistake; nobody with any of them is
        problems = [] if known else [f"positive is {few(wanted)}, which never occurs; {response!r} has {few(there)}"]
        return ("no", "yes"), np.array([int(cell in wanted) for cell in cells], dtype=int), problems
    said = [flag(cell) for cell in cells]
    wrong = list(dict.fromkeys(cell for cell, one in zip(cells, said, strict=True) if one is None))
    problems = [f"{response!r} has {few(wrong)}; expected yes or no (1 or 0), or say what counts: positive=['CR', 'PR']"
                ] if wrong else []  # fmt: skip
    return ("no", "yes"), np.array([int(bool(one)) for one in said], dtype=int), problems


def _ordered(
    cells: list[str], missing: Any, response: str, order: Sequence[Any] | None
) -> tuple[tuple[str, ...], Integers, list[str]]:
    there = list(dict.fromkeys(cell for cell, lost in zip(cells, missing, strict=True) if not lost))
    none = np.zeros(len(cells), dtype=int)
    if order is None:
        try:
            names = sorted(there, key=float)
        except ValueError:
            return (), none, [f"{response!r} has {few(there)}; say their order, lowest first: order=[…]"]
    else:
        asked = [_text(one) for one in order]
        if strange := [one for one in there if one not in asked]:
            return (), none, [f"{response!r} has {few(strange)}, which order lacks ({few(asked)})"]
        names = [one for one in dict.fromkeys(asked) if one in there]  # who nobody is, has no threshold
    if not 2 <= len(names) <= _MOST:
        return (), none, [f"{response!r} has {len(names)} categories ({few(names)}); expected 2 to {_MOST}"]
    place = {name: k for k, name in enumerate(names)}
    return tuple(names), np.array([place.get(cell, 0) for cell in cells], dtype=int), []


def design_of(
    outcomes: Outcomes, covariates: Sequence[str], reference: Mapping[str, Any] | None, what: str
) -> tuple[Covariates, Integers]:
    """Return the covariates of complete rows, and the responses of these.

    Raises
    ------
    InputError
        If a covariate can explain nothing, or all responses are one.
    """
    if isinstance(covariates, str):
        raise InputError(f"covariates are {shown(covariates)}; expected a list of columns", what)
    design = covariates_of(outcomes.table, covariates, dict(reference or {}), what)
    wanted = f"expected numbers of at most {LARGEST:g} that differ by more than {1 / LARGEST:g}"
    problems = [f"{name} cannot be scaled; {wanted}"
                for name, column in zip(design.names, design.x.T, strict=True)
                if np.abs(column).max() > LARGEST or np.ptp(column) < 1 / LARGEST]  # fmt: skip
    if problems:
        raise InputError(problems, what)
    y = outcomes.category[design.complete]
    if len({*y.tolist()}) < 2:
        raise InputError(
            f"all {len(y)} patients have the response {outcomes.names[int(y[0])]!r}; there is nothing to explain", what
        )
    return design, y


def standardised(x: Array) -> tuple[Array, Array, Array]:
    """Return covariates of mean 0 and SD 1, with means and SDs."""
    mean, sd = x.mean(axis=0), x.std(axis=0, ddof=1)
    return (x - mean) / sd, mean, sd
