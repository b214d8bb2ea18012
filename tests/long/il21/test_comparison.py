"""The whole comparison with its synthetic rows, as `python -m pkpd --trial` makes it (a thin case: `test_main.py`)."""

from __future__ import annotations

from pkpd import il21
from pkpd.il21.comparison.rows import INSIDE, KINDS, OUTSIDE
from tests.il21.test_comparison import INCONSISTENT, rows


def test_the_whole_comparison() -> None:
    """Every kind is there; synthetic rows say so and name the interval that decides; another seed, the same prints."""
    found = il21.compare_with_paper(subjects=5000)
    assert set(found.rows["kind"]) == set(KINDS)
    assert found.rows.map(lambda cell: isinstance(cell, str)).all().all()
    assert found.rows["what"].is_unique
    made = found.rows[found.rows["kind"].isin(("calibrated", "predicted"))]
    assert len(made) == 15
    assert made["why"].str.contains("SYNTHETIC|assumed truth").all()
    assert made["why"][made["agreement"].isin((INSIDE, OUTSIDE))].str.contains("90 %").all()
    assert len(found.rows) == len(rows()) + len(made)
    assert set(zip(found.findings["place"], found.findings["finding"], strict=True)) == INCONSISTENT
    assert "SYNTHETIC" in found.note
    other = il21.compare_with_paper(subjects=5000, seed=22)
    changed = found.rows["computed"] != other.rows["computed"]
    assert set(found.rows["kind"][changed]) == {"calibrated", "predicted"}
