"""Text files as they come: any delimiter, a title above, notes below, no header, Windows' letters."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from pkpd.errors import few
from pkpd.io.cells import is_missing, number
from pkpd.io.findings import Findings, shown
from pkpd.io.packed import unpacked

_DELIMITERS = (",", ";", "\t", "|", " ")
_LOOKED_AT = 200  # lines by which the delimiter is chosen
_NOTE = re.compile(
    r"\s*(?:[*#†‡§]|\([a-z0-9*]\)|(?:notes?|footnotes?|source|abbreviations?|legend|key|remarks?)\b"
    r"|[a-z<>]+\s*[=:]\s).*",
    re.IGNORECASE | re.DOTALL,
)
_TABLE_NO = re.compile(r"\s*TABLE\s+NO\.?\s*\d+.*", re.IGNORECASE)


def read_text(name: str, path: str | Path, findings: Findings) -> tuple[list[str], list[list[object]]]:
    """Return headings and columns of a text file.

    The delimiter is the one of comma, semicolon, tab, bar and spaces that cuts most lines into as many fields. Lines
    above the header and notes below the table are left out, which is warned about with their words; so are repeated
    headers. A file whose first line is numbers has no header: its columns are called ``column 1``, ``column 2`` ….

    Parameters
    ----------
    name : str
        What the table is called in messages.
    path : str or Path
        The file: UTF-8, UTF-16 with its mark, or Windows-1252 (Latin-1), which is said.
    findings : Findings
        Where notes go.

    Raises
    ------
    ValueError
        If a row has more or fewer fields than the header.
    """
    text = _decoded(name, path, findings).replace("\r\n", "\n").replace("\r", "\n")
    lines = text.splitlines(keepends=True) if "\x0b" not in text else text.split("\n")
    tables = [line for line in lines if _TABLE_NO.fullmatch(line.strip())]
    if tables:
        lines = [line for line in lines if not _TABLE_NO.fullmatch(line.strip())]
        findings.fact(f"{name}: {len(tables)} lines such as {shown(tables[0].strip())} head the table; not read")
    delimiter = _delimiter(lines)
    rows = _fields(lines, delimiter)
    while rows and not any(rows[-1]):
        rows.pop()
    rows = _without_title(name, rows, findings)
    rows = _without_notes(name, rows, findings)
    if not rows:
        return [], []
    headings = [cell.strip() for cell in rows[0]]
    if _is_data(headings):
        headings = [f"column {k + 1}" for k in range(len(headings))]
        findings.altered(
            f"{name}: the file has no header, its first line is numbers ({few(rows[0])}); its columns are called "
            f"{few(map(repr, headings))}"
        )
        body = rows
    else:
        body = _once(name, headings, rows, findings)
    for i, row in enumerate(body):
        if not row:
            body[i] = row = [""] * len(headings)
        if len(row) != len(headings):
            raise ValueError(f"row {i + 1} has {len(row)} fields; expected {len(headings)} as in the header")
    return headings, [[row[k] for row in body] for k in range(len(headings))]


def _decoded(name: str, path: str | Path, findings: Findings) -> str:
    content = unpacked(path)
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Binary content must not become a table of letters: a text has no zero bytes.
        if b"\x00" in content:
            raise
    text = content.decode("cp1252", errors="replace")
    odd = sorted({letter for letter in text if ord(letter) > 127})
    findings.altered(f"{name}: the file is not UTF-8; read as Windows-1252 (Latin-1), with the letters {few(odd)}")
    return text


def _fields(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter == " ")
    if delimiter != " ":
        return list(reader)
    return [row[:-1] if row and row[-1] == "" else row for row in csv.reader(
        [" ".join(line.split()) for line in lines], delimiter=" ", skipinitialspace=True)]  # fmt: skip


def _delimiter(lines: Sequence[str]) -> str:
    """The delimiter that cuts most lines into equally many fields, two at least; of equal ones the first."""
    some = [line for line in lines if line.strip()][:_LOOKED_AT]
    best, most = ",", 0
    for delimiter in _DELIMITERS:
        if delimiter != " " and not any(delimiter in line for line in some):
            continue
        counts = Counter(len(row) for row in _fields(some, delimiter) if len(row) > 1)
        if counts and max(counts.values()) > most:
            best, most = delimiter, max(counts.values())
    return best


def _without_title(name: str, rows: list[list[str]], findings: Findings) -> list[list[str]]:
    """Drop what stands above the header: lines with at most half of the fields that most lines have."""
    widths = Counter(len(row) for row in rows if any(cell.strip() for cell in row))
    width = widths.most_common(1)[0][0] if widths else 0
    k = 0
    while k < len(rows) and sum(bool(cell.strip()) for cell in rows[k]) <= max(1, width // 2) < width:
        k += 1
    blank = next((i for i, row in enumerate(rows[k : k + 10], k) if not any(cell.strip() for cell in row)), 0)
    after = next((i for i in range(blank, len(rows)) if any(cell.strip() for cell in rows[i])), len(rows))
    if blank and after < len(rows) and not any(_has_number(row) for row in (*rows[k:blank], rows[after])):
        k = after  # words, an empty line, words: the header is what stands last
    if k == len(rows):
        return rows
    title = [" ".join(cell.strip() for cell in row if cell.strip()) for row in rows[:k]]
    if any(title):
        findings.altered(
            f"{name}: {k} lines above the header are no rows and were not read "
            f"({few(shown(line) for line in title if line)})"
        )
    return rows[k:]


def _has_number(row: Sequence[str]) -> bool:
    return any(cell.strip() and number(cell) is not None and not is_missing(cell) for cell in row)


def _without_notes(name: str, rows: list[list[str]], findings: Findings) -> list[list[str]]:
    """Drop the notes below the table: what reads as words, and not as a row of it."""
    end = len(rows)
    while end > 1 and (not any(cell.strip() for cell in rows[end - 1]) or _is_note(rows[end - 1], len(rows[0]))):
        end -= 1
    if end == len(rows):
        return rows
    notes = [" ".join(cell.strip() for cell in row if cell.strip()) for row in rows[end:]]
    findings.altered(
        f"{name}: {len([n for n in notes if n])} lines below the table are notes and were not read "
        f"({few(shown(note) for note in notes if note)})"
    )
    return rows[:end]


def _is_note(row: Sequence[str], width: int) -> bool:
    filled = [cell for cell in row if cell.strip()]
    if not filled or number(filled[0]) is not None:
        return False
    if len(row) == width and len(filled) > 1 and width > 1:
        return bool(_NOTE.fullmatch(filled[0])) and not any(number(cell) is not None for cell in filled[1:])
    return bool(_NOTE.fullmatch(filled[0])) or len(" ".join(filled).split()) >= 3


def _is_data(headings: Sequence[str]) -> bool:
    """Whether what stands where the header should be is a row: numbers, two at least, and no word."""
    return sum(number(cell) is not None and not is_missing(cell) for cell in headings) > 1 and all(
        number(cell) is not None for cell in headings
    )


def _once(name: str, headings: Sequence[str], rows: Sequence[list[str]], findings: Findings) -> list[list[str]]:
    """The rows below the header without headers that are repeated (NONMEM does so every 900 rows)."""
    body = [row for row in rows[1:] if [cell.strip() for cell in row] != list(headings)]
    again = len(rows) - 1 - len(body)
    if again:
        findings.altered(f"{name}: the header stands {again} more times between the rows; left out")
    return body
