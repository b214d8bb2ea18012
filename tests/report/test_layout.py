"""Tables of the job fit a terminal: what is too long goes on in the next line, and nothing is lost."""

from __future__ import annotations

import pandas
import pytest

from pkpd.report.layout import column_widths, paragraph, table_text


def _table(words: int) -> pandas.DataFrame:
    long = " ".join(f"word{k}" for k in range(words))
    frame = pandas.DataFrame({"quantity": ["AUC", long], "value": [1.5, 2.25], "remark": [long, "–"]})
    return frame.set_index("quantity")


@pytest.mark.parametrize("words", [1, 9, 40])
@pytest.mark.parametrize("width", [40, 72, 100])
def test_no_line_is_longer_and_no_word_is_lost(words: int, width: int) -> None:
    text = table_text("A title", _table(words), width)
    assert max(map(len, text.splitlines())) <= width
    cells = " ".join(text.split())
    assert all(cells.count(f"word{k}") >= 2 for k in range(words))
    assert "2.25" in cells


def test_short_tables_are_one_line_a_row() -> None:
    frame = pandas.DataFrame({"quantity": ["CL", "V"], "value": ["1 L/h", "5 L"]}).set_index("quantity")
    lines = table_text("Estimates", frame).splitlines()
    assert lines == ["Estimates", "─" * 15, "quantity  value", "─" * 15, "CL        1 L/h", "V         5 L"]


def test_numbers_stay_whole() -> None:
    cells = [["name", "reference"], ["a b c d e f", "1234567890123456789"]]
    assert column_widths(cells, 25) == [8, 19]


def test_paragraphs_are_wrapped_line_by_line() -> None:
    text = paragraph("one two three four five\nsix", 12)
    assert text == "  one two\n  three four\n  five\n  six\n"
