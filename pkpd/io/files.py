"""Workbooks and Parquet files: which sheet is which table, and who reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any

import pandas

from pkpd.errors import few
from pkpd.io.findings import Findings

_BOOKS = (".xlsx", ".xlsm", ".xls", ".ods")
_PARQUET = (".parquet", ".pq")
_SHEET = "::"
"""What stands between a workbook and one of its sheets: ``study.xlsx::PK``."""
_ROLES = {
    "doses": re.compile(r"(.*dos(e|es|ing|age)|ex|admin.*|treatment.*).*"),
    "subjects": re.compile(r"(subj|demog|dm|patient|cov|baseline|participant|animals?$|adsl).*"),
    "observations": re.compile(r".*(conc|pk|pd|obs|sampl|data|result|plasma|serum|measure|analyte|lab|pc|level).*"),
}


def is_file_of_tables(source: object) -> bool:
    """Say whether a source is the path of a workbook (or one of its sheets) or of a Parquet file."""
    return isinstance(source, (str, Path)) and _suffix(str(source)) in (*_BOOKS, *_PARQUET)


def read_file(source: str | Path) -> pandas.DataFrame:
    """Return the one table of a workbook, its sheet that is named, or a Parquet file.

    Raises
    ------
    ValueError
        If the workbook has several sheets and none is named, or no sheet of that name.
    ImportError
        If the library that reads such files is not installed; the sentence names it.
    """
    path, sheet = _split(str(source))
    if _suffix(path) in _PARQUET:
        return _parquet(path)
    filled = _sheets(path)
    if sheet and sheet not in filled:
        raise ValueError(f"no sheet {sheet!r} with a table; found {few(filled)}")
    if not sheet and len(filled) != 1:
        some = next(iter(filled), "name")
        raise ValueError(f"{len(filled)} sheets ({few(filled)}); expected one, such as '{path}{_SHEET}{some}'")
    return filled[sheet or next(iter(filled))]


def with_sheets(sources: Mapping[str, Any], findings: Findings) -> dict[str, Any]:
    """Return the sources with the sheets of one workbook for observations, doses and subjects, as their names say.

    A sheet that says nothing of the three is not read, which is warned about. Where a workbook's sheets do not tell,
    its path stays, and the reader says what is expected.

    Parameters
    ----------
    sources : mapping
        What the user gave for observations, doses and subjects; None where nothing.
    findings : Findings
        Where the line goes.
    """
    found = {k: fspath(source) if isinstance(source, PathLike) else source for k, source in sources.items()}
    book = found["observations"]
    if not (isinstance(book, str) and _suffix(book) in _BOOKS) or _split(book)[1]:
        return found
    try:
        filled = _sheets(book)
    except Exception:  # said where the table is loaded
        return found
    if len(filled) < 2:
        return found
    roles: dict[str, str] = {}
    for role, pattern in _ROLES.items():
        like = [sheet for sheet in filled if pattern.fullmatch(_plain(sheet)) and sheet not in roles.values()]
        if len(like) == 1 and found[role] in (None, book):
            roles[role] = like[0]
    if "observations" not in roles:
        rest = [sheet for sheet in filled if sheet not in roles.values()]
        if len(rest) != 1:
            return found
        roles["observations"] = rest[0]
    for role, sheet in roles.items():
        found[role] = filled[sheet]
    unread = [sheet for sheet in filled if sheet not in roles.values()]
    said = ", ".join(f"{sheet!r} as {role}" for role, sheet in roles.items())
    left = f"; not read: {few(map(repr, unread))}" if unread else ""
    findings.altered(f"{Path(book).name}: sheets by their names {said}{left} (say '{book}{_SHEET}sheet' if not)")
    return found


def _plain(sheet: str) -> str:
    return re.sub(r"[\s_.\-]+", "", sheet.casefold())


def _split(source: str) -> tuple[str, str]:
    path, _, sheet = source.partition(_SHEET)
    return path, sheet


def _suffix(source: str) -> str:
    return Path(_split(source)[0]).suffix.lower()


def _sheets(path: str) -> dict[str, pandas.DataFrame]:
    """The sheets of a workbook that hold a table: two columns and a row at least; what is empty is left out."""
    read: dict[str, pandas.DataFrame] = pandas.read_excel(path, sheet_name=None, dtype=object)
    found = {}
    for name, frame in read.items():
        unnamed = [c for c in frame if str(c).startswith("Unnamed:") and frame[c].isna().all()]
        frame = frame.drop(columns=unnamed).dropna(how="all").reset_index(drop=True)
        if len(frame) and len(frame.columns) > 1:
            found[str(name)] = frame
    return found


def _parquet(path: str) -> pandas.DataFrame:
    try:
        return pandas.read_parquet(path)
    except ImportError:
        try:
            import polars
        except ImportError:
            raise ImportError("a Parquet file needs pyarrow or polars: pip install pyarrow") from None
        frame = polars.read_parquet(path)
        return pandas.DataFrame({name: pandas.Series(frame[name].to_list(), dtype=object) for name in frame.columns})
