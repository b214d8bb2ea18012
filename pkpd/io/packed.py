"""Text files in an archive (gzip, zip), and what is no table by its first bytes: said in a sentence, never decoded."""

from __future__ import annotations

import gzip
import io
import zipfile
from pathlib import Path

from pkpd.errors import few

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
_OF_R = (".rds", ".rda", ".rdata")
_FROM_R = "from R, write.csv(x, 'x.csv', row.names = FALSE) or arrow::write_parquet(x, 'x.parquet')"
_REFUSED = {
    b"%PDF": "a PDF is no table; expected the numbers as a CSV file or a workbook",
    b"{\\rtf": "a text with its layout (RTF) is no table; expected the numbers as a CSV file or a workbook",
    b"\xd0\xcf\x11\xe0": "this is an old Office file; expected its name to end in .xls, or .xlsx or CSV",
    b"RDX": f"a file of R's own format is not read; expected a CSV or Parquet file, {_FROM_R}",
    b"BZh": "a file packed by bzip2 is not read; expected it unpacked, or packed by gzip or zip",
    b"\xfd7zXZ": "a file packed by xz is not read; expected it unpacked, or packed by gzip or zip",
    b"PAR1": "this is a Parquet file; expected its name to end in .parquet",
    b"HEADER RECORD***": "this is a SAS transport file; expected its name to end in .xpt",
    b"SQLite format 3": "a database is no table; expected one table of it as a CSV file",
}  # fmt: skip


def unpacked(path: str | Path) -> bytes:
    """Return the content of a text file, out of its archive if it is in one.

    Raises
    ------
    ValueError
        If the file is of a kind that is not read, or an archive of several files.
    """
    if Path(path).suffix.lower() in _OF_R:
        raise ValueError(f"a file of R's own format is not read; expected a CSV or Parquet file, {_FROM_R}")
    content = Path(path).read_bytes()
    if content.startswith(_GZIP):
        content = gzip.decompress(content)
    elif content.startswith(_ZIP):
        content = _only_member(content)
    for first, sentence in _REFUSED.items():
        if content.startswith(first):
            raise ValueError(sentence)
    return content


def _only_member(content: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX")]
        if "[Content_Types].xml" in names:
            book = any(name.startswith("xl/") for name in names)
            what = "a workbook; expected its name to end in .xlsx" if book else "a document, and no table"
            raise ValueError(f"this is {what}")
        if len(names) != 1:
            raise ValueError(f"an archive of {len(names)} files ({few(names)}); expected one, or them unpacked")
        return archive.read(names[0])


def check_transport(path: str | Path) -> None:
    """Raise a ValueError if a SAS transport file is of version 8, whose names are longer."""
    with Path(path).open("rb") as file:
        first = file.read(80)
    if b"LIBV8" in first:
        raise ValueError(
            "a SAS transport file of version 8 is not read; expected one of version 5 (haven::write_xpt(x, path, "
            "version = 5), or PROC COPY with the engine XPORT), or a CSV or Parquet file"
        )
