"""A table as it came, with its columns already known by our names; rows remember where they stood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import narwhals as nw
import numpy as np
import pandas

from pkpd.arrays import Array, Flags
from pkpd.errors import InputError
from pkpd.errors import shown as in_words
from pkpd.io.cells import flag, is_missing, label, number, of_each, plain_numbers
from pkpd.io.commas import either, with_points
from pkpd.io.dates import looks_like
from pkpd.io.files import ABOVE, is_file_of_tables, read_file
from pkpd.io.findings import Findings, shown
from pkpd.io.packed import check_transport
from pkpd.io.texts import read_text
from pkpd.io.units_row import with_units_row

Columns = tuple[list[str], list[list[object]]]
_SAS_ZERO = 16.0**-65


@dataclass(frozen=True)
class Table:
    """Columns of cells under our names, with the headings and row numbers of the source for the messages.

    `extras` are columns that have none of our names; `told` are those of them that the user called covariates.
    """

    name: str
    columns: Mapping[str, Sequence[object]]
    rows: Sequence[int]
    headings: Mapping[str, str] = field(default_factory=dict)
    extras: tuple[str, ...] = ()
    told: frozenset[str] = frozenset()

    @property
    def open(self) -> tuple[str, ...]:
        """The extras of which nobody has said what they are."""
        return tuple(key for key in self.extras if key not in self.told)

    def __len__(self) -> int:
        return len(self.rows)

    def __contains__(self, column: object) -> bool:
        return column in self.columns

    def cell(self, column: str, i: int) -> object:
        """Return one cell, None when the table has no such column."""
        return self.columns[column][i] if column in self.columns else None

    def place(self, column: str, i: int) -> str:
        """Say where a cell stands: table, row, subject and column."""
        subject = self.cell("subject", i)
        who = "" if is_missing(subject) else f", subject {label(subject) or shown(subject)}"
        source = self.cell(f"heading of {column}", i) or self.headings.get(column, column)
        return f"{self.name}, row {self.rows[i]}{who}, column '{source}'"

    def complain(self, findings: Findings, column: str, i: int, expected: str) -> None:
        """Add the problem that a cell does not hold what was `expected`."""
        cell = self.cell(column, i)
        what = "missing" if is_missing(cell) else shown(cell)
        findings.problem(f"{self.place(column, i)}: {what}; expected {expected}{either(cell) or looks_like(cell)}")

    def take(self, keep: Sequence[int]) -> Table:
        """Return the table with only the rows at these positions."""
        columns = {name: [cells[i] for i in keep] for name, cells in self.columns.items()}
        return replace(self, columns=columns, rows=[self.rows[i] for i in keep])

    def numbers(self, column: str, findings: Findings, expected: str = "a number") -> tuple[Array, Flags]:
        """Return a column as numbers (NaN when empty) and which cells were bad, each of them a problem."""
        bad = np.zeros(len(self), dtype=bool)
        values = plain_numbers(self.columns[column]) if column in self.columns else None
        if values is not None:
            return values, bad
        values = np.full(len(self), np.nan)
        cells = self.columns.get(column, ())
        texts = {*map(type, cells)} == {str}
        for i, value in enumerate(of_each(number, cells) if texts else map(number, cells)):
            if value is None or np.isinf(value):
                bad[i] = True
                self.complain(findings, column, i, expected if value is None else f"{expected} that is finite")
            else:
                values[i] = value
        return values, bad

    def flags(self, column: str, findings: Findings) -> Flags:
        """Return a column as yes and no; a cell that is neither is a problem."""
        if column not in self.columns:
            return np.zeros(len(self), dtype=bool)
        said = of_each(flag, self.columns[column])
        if None in said:
            for i in (k for k, value in enumerate(said) if value is None):
                self.complain(findings, column, i, "yes or no (1 or 0, true or false)")
        return np.array([bool(value) for value in said], dtype=bool)

    def labels(self, column: str, findings: Findings) -> list[str]:
        """Return a column as texts, "" where the cell is empty; a cell that is no text or number is a problem."""
        if column not in self.columns:
            return [""] * len(self)
        texts = of_each(label, self.columns[column])
        if None in texts:
            for i in (k for k, text in enumerate(texts) if text is None):
                self.complain(findings, column, i, "a text or a number")
        return [text or "" for text in texts]


def positions(which: Flags) -> list[int]:
    """Return the positions at which a mask is true."""
    return [int(i) for i in np.flatnonzero(which)]


def load(name: str, source: object, findings: Findings) -> Columns | None:
    """Return headings and columns of a DataFrame or a file (CSV, XPT, workbook, Parquet); None and a problem if not."""
    try:
        if isinstance(source, (str, Path)) and is_file_of_tables(source):
            source = read_file(source)
            headings, columns = _from_frame(source)
        elif isinstance(source, (str, Path)):
            sas = Path(source).suffix.lower() in (".xpt", ".sas7bdat")
            headings, columns = _from_frame(_from_sas(source)) if sas else read_text(name, source, findings)
        else:
            headings, columns = _from_frame(source)
    except Exception as error:  # a file system, a decoder or a data frame library can fail in any of its own ways
        findings.problem(f"{name}: {_failure(source, error)}")
        return None
    if not headings or not columns or not columns[0]:
        findings.problem(f"{name}: the table is empty; expected a header and at least one row")
        return None
    if isinstance(source, pandas.DataFrame) and ABOVE in source.attrs:
        findings.altered(f"{name}: what stands above the header was not read ({shown(source.attrs[ABOVE])})")
    headings, columns = with_units_row(name, headings, columns, findings)
    columns = with_points(name, headings, columns, findings)
    return headings, [_with_zeros(name, *named, findings) for named in zip(headings, columns, strict=True)]


def _failure(source: object, error: Exception) -> str:
    """Say why a table could not be read, in the words of somebody who gave its name."""
    if isinstance(error, FileNotFoundError):
        return f"there is no file {str(source)!r}"
    if isinstance(error, IsADirectoryError):
        return f"{str(source)!r} is a folder; expected the name of a file"
    return (
        f"cannot be read ({error if type(error) in (InputError, ValueError) else f'{type(error).__name__}: {error}'})"
    )


def _with_zeros(name: str, heading: str, cells: list[object], findings: Findings) -> list[object]:
    """Return a column with 0 for the zeros of a SAS transport file, which are noted.

    Such a file keeps 0 as an IBM number with no digits at all; pandas makes 16**-65 of it.
    """
    kinds = {*map(type, cells)}
    if kinds <= {float}:
        values = np.array(cells, dtype=float)
        zeros = positions(np.abs(np.abs(values) - _SAS_ZERO) < 1e-3 * _SAS_ZERO)
    elif kinds <= {int, bool, type(None)}:
        return cells
    else:
        zeros = [i for i, cell in enumerate(cells) if isinstance(cell, float | str) and _is_sas_zero(cell)]
    if not zeros:
        return cells
    cells = list(cells)
    for i in zeros:
        cells[i] = 0.0
    findings.fact(f"{name}: {len(zeros)} cells of '{heading}' are zeros of a SAS transport file (5.4e-79)")
    return cells


def _is_sas_zero(cell: float | str) -> bool:
    value = cell if isinstance(cell, float) else number(cell) if "-79" in cell else None
    return value is not None and abs(abs(value) - _SAS_ZERO) < 1e-3 * _SAS_ZERO  # a text may have lost digits


def _from_sas(path: str | Path) -> pandas.DataFrame:
    """Read a SAS transport file (version 5) or a SAS data set; what is not UTF-8 is Windows-1252."""
    if Path(path).suffix.lower() == ".xpt":
        check_transport(path)
    form: Any = "xport" if Path(path).suffix.lower() == ".xpt" else "sas7bdat"
    try:
        return pandas.read_sas(path, format=form, encoding="utf-8")
    except UnicodeDecodeError:
        return pandas.read_sas(path, format=form, encoding="cp1252")


def _from_frame(source: Any) -> Columns:
    if isinstance(source, pandas.DataFrame):  # not through narwhals: doubled headings must live to be reported
        named = [level for level in source.index.names if level is not None]
        if named and not any(level in source.columns for level in named):
            source = source.reset_index()
        headings = [str(heading).strip() for heading in source.columns]
        return headings, [column.tolist() for _, column in source.items()]
    frame = nw.from_native(source, pass_through=True)
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, nw.DataFrame):
        wanted = "expected a DataFrame (pandas, polars) or the path of a file (CSV, XPT, Excel, Parquet)"
        raise InputError(f"{in_words(source)} was given; {wanted}")
    cells = frame.to_dict(as_series=False)
    return [str(heading).strip() for heading in cells], [list(column) for column in cells.values()]
