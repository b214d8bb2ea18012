"""Files in archives, and files that are no tables."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import pandas
import pytest

from pkpd.errors import InputError
from pkpd.io import read_study

TEXT = "id,time_h,conc_ng_mL\n1,1,3\n1,2,2\n2,1,5\n"


def told(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_study(path)
    return "\n".join(caught.value.problems)


def test_gzip_and_zip(tmp_path: Path) -> None:
    plain, packed, zipped = tmp_path / "a.csv", tmp_path / "a.csv.gz", tmp_path / "a.zip"
    plain.write_text(TEXT)
    packed.write_bytes(gzip.compress(TEXT.encode()))
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("folder/a.csv", TEXT)
    assert read_study(packed).data_hash == read_study(zipped).data_hash == read_study(plain).data_hash
    with zipfile.ZipFile(zipped, "a") as archive:
        archive.writestr("b.csv", TEXT)
    assert "an archive of 2 files (folder/a.csv, b.csv); expected one" in told(zipped)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.rds", gzip.compress(b"X\n"), "R's own format is not read; expected a CSV or Parquet file"),
        ("a.RData", b"RDX3\n", "R's own format is not read"),
        ("a.dat", gzip.compress(b"RDX3\n"), "R's own format is not read"),
        ("a.csv", b"%PDF-1.7", "a PDF is no table"),
        ("a.csv", b"PAR1xx", "name to end in .parquet"),
        ("a.csv", b"HEADER RECORD*******LIBRARY", "name to end in .xpt"),
        ("a.xpt", b"HEADER RECORD*******LIBV8   HEADER RECORD!!!!!!!" + b"0" * 200, "version 8 is not read; expected"),
        ("a.bz2", b"BZh91AY", "packed by bzip2"),
    ],
)
def test_what_is_no_table_is_said(tmp_path: Path, name: str, content: bytes, sentence: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert sentence in told(path)


def test_a_workbook_by_another_name(tmp_path: Path) -> None:
    pytest.importorskip("openpyxl")
    book = tmp_path / "a.xlsx"
    pandas.DataFrame({"id": [1], "time_h": [1]}).to_excel(book, index=False)
    renamed = book.rename(tmp_path / "a.csv")
    assert "this is a workbook; expected its name to end in .xlsx" in told(renamed)
