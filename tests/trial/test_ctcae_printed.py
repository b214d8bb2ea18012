"""Every limit of CTCAE 4.03, 5.0 and 6.0 against the ranges as NCI prints them.

``tests/reference/toxicity/ctcae_printed.csv`` holds the printed ranges ("<LLN - 10.0 g/dL; <LLN - 100 g/L"), one line
per alternative of a grade, by way of admiral (Roche, Apache 2.0), which quotes NCI's text: pharmaverse/admiral,
data-raw/adlb_grading/ncictcaev4.json, ncictcaev5.json and ncictcaev6.json. A range is read from its beginning: its
sign, and what it is compared with. Text that is no range (life-threatening consequences) is not compared.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas
import pytest

from pkpd.trial import criteria

FILE = Path(__file__).resolve().parents[1] / "reference" / "toxicity" / "ctcae_printed.csv"
# Where CTCAE prints no range, a grade begins at the limit of grade 1 under a flag; nothing to compare.
WITHOUT_RANGE = {"life_threatening", "intervention", "severe"}
SI = {"10^9/L": "10^9/L", "g/L": "g/L", "mmol/L": "mmol/L"}
CONVENTIONAL = {"/mm3": "1/mm^3", "g/dL": "g/dL", "mg/dL": "mg/dL", "mmol/L": "mEq/L"}  # mmol/L of Na and K is mEq/L


def _limit(piece: str) -> tuple[str, float, bool, str]:
    """Basis, limit, whether the limit itself has the grade, and the unit: '<800 - 500/mm3' begins below 800."""
    whole = re.match(r"^(\d+)-(\d+) (.*)$", piece)
    if whole:  # "125-129 mmol/L" is whole numbers, from below 130; v6 prints "125 - <130"
        return "absolute", float(whole[2]) + 1, False, whole[3]
    found = re.match(r"^([<>]?)(LLN|ULN|[\d.,]+)(?: - ([\d.,]+))? ?(.*)$", piece)
    assert found, piece
    sign, start, _, rest = found.groups()
    rest = rest.removeprefix("x ")
    if start in ("LLN", "ULN"):
        return start, 1.0, not sign, rest if rest != "ULN" else ""
    value = float(start.replace(",", ""))
    if rest in ("ULN", "baseline"):
        return rest, value, not sign, ""
    return "absolute", value, not sign, rest


def _printed(version: str) -> set[tuple[object, ...]]:
    table = pandas.read_csv(FILE, dtype=str, keep_default_na=False).query("version == @version")
    rows = set()
    for row in table.itertuples(index=False):
        read = [_limit(piece) for piece in row.printed.split("; ")]
        assert len({(basis, inclusive) for basis, _, inclusive, _ in read}) == 1, row
        basis, _, inclusive, _ = read[0]
        si = next((value for _, value, _, unit in read if unit in SI), read[0][1])
        other = next((value for _, value, _, unit in read if unit in CONVENTIONAL), read[0][1])
        rows.add((row.test, row.direction, int(row.grade), basis, si, other, inclusive, row.needs, row.baseline))
    return rows


def _ours(version: str) -> set[tuple[object, ...]]:
    table = criteria(f"CTCAE v{version}").table
    table = table[~table["needs"].isin(WITHOUT_RANGE) & ~((version == "5.0") & (table["test"] == "phosphate"))]
    return {
        (row.test, row.direction, int(row.grade), row.basis, float(row.limit_si), float(row.limit_conventional),
         bool(row.includes_limit), row.needs, row.baseline)
        for row in table.itertuples(index=False)
    }  # fmt: skip


@pytest.mark.parametrize("version", ["4.03", "5.0", "6.0"])
def test_every_limit_is_as_printed_and_none_is_missing(version: str) -> None:
    assert _ours(version) == _printed(version)


@pytest.mark.parametrize("version", ["4.03", "5.0", "6.0"])
def test_units_are_those_printed(version: str) -> None:
    table = criteria(f"CTCAE v{version}").table.query("basis == 'absolute'")
    printed = pandas.read_csv(FILE, dtype=str, keep_default_na=False).query("version == @version")
    for row in table.itertuples(index=False):
        text = " ".join(printed[(printed["test"] == row.test) & (printed["direction"] == row.direction)]["printed"])
        for unit, known in ((row.unit_si, SI), (row.unit_conventional, CONVENTIONAL)):
            spelled = [name for name, ours in known.items() if ours == unit]
            assert any(name in text for name in spelled), (row.test, unit)


def test_what_is_called_checked_was_compared() -> None:
    """All of 4.03, 5.0 and 6.0 but what has no range in print; of 3.0 what its sources print."""
    for version in ("4.03", "5.0", "6.0"):
        table = criteria(f"CTCAE v{version}").table
        open_ = table[~table["checked"]]
        assert set(open_["needs"]) <= WITHOUT_RANGE | {""}
        assert set(open_["test"]) <= {"haemoglobin", "phosphate", "uric acid"}
        assert (table[table["checked"]]["source"].str.contains("admiral")).all()
    assert "CTCAE v4.03: 16 tests, 73 limits, 1 not checked" in repr(criteria("CTCAE v4.03"))


def test_haemoglobin_of_version_3() -> None:
    """Nat Clin Pract Oncol 2006;3:152, Table 1: 10 g/dL to normal, 8.0-10.0, 6.5-7.9, below 6.5."""
    table = criteria("CTCAE v3.0").table.query("test == 'haemoglobin'")
    assert table["basis"].tolist() == ["LLN", "absolute", "absolute", "absolute"]
    assert table["limit_conventional"].tolist()[1:] == [10.0, 8.0, 6.5]
    assert (table["limit_si"].iloc[1:] == 10 * table["limit_conventional"].iloc[1:]).all()
