"""The table of assessments: a response per patient, day and reviewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd.trial.recist.rules import RESPONSES
from pkpd.trial.recist.scans import REVIEWER, SUBJECT, one_reviewer
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

ASSESSMENTS = (
    SUBJECT,
    Column("day", "number", "study day; the first dose is on day 1", filled=False, also=("studyday", "ady")),
    Column("response", "text", "response at this assessment", also=("overallresponse", "ovrlresp", "avalc"),
           choices=RESPONSES),
    REVIEWER,
)  # fmt: skip
OF_SCANS = (
    "reviewer", "day", "response", "sum", "base", "base_day", "nadir", "change", "from_nadir", "target", "non_target",
    "new", "reason", "replicate",
)  # fmt: skip
"""Columns of single scans, as `assess_response` names them; all others are taken for the patient's."""


def read_assessments(assessments: Any, named: Mapping[str, str] | None) -> pandas.DataFrame:
    """Return responses in the order of their days; ``reviewer`` is "" where the table has none.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_table(
        assessments, ASSESSMENTS, "assessments", named=named, unique=("subject", "reviewer", "day"),
        checks=(one_reviewer, _undated),
    )  # fmt: skip
    if "reviewer" not in table:
        table["reviewer"] = ""
    return table.sort_values(["subject", "reviewer", "day"], kind="stable", ignore_index=True)


def _undated(table: pandas.DataFrame) -> list[str]:
    """Responses of which nobody says when; a cell that is no day has been named already."""
    lost = table[table["day"].isna() & ~table["response"].isin(["NE", ""])]
    rows = lost[["row", "subject", "response"]].itertuples(index=False)
    return [f"row {row}, subject {who}: {what} without a day" for row, who, what in rows]
