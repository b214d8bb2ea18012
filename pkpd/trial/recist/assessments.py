"""The table of assessments: a response per patient, day and reviewer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd.errors import InputError
from pkpd.trial.recist.rules import RESPONSES
from pkpd.trial.recist.scans import REVIEWER, SUBJECT, read_by
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


def read_assessments(assessments: Any, named: Mapping[str, str] | None) -> pandas.DataFrame:
    """Return responses in the order of their days; ``reviewer`` is "" where the table has none.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_table(assessments, ASSESSMENTS, "assessments", named=named, unique=("subject", "reviewer", "day"))
    lost = table[table["day"].isna() & (table["response"] != "NE")]
    if len(lost):
        rows = lost[["row", "subject", "response"]].itertuples(index=False)
        raise InputError([f"row {row}, subject {who}: {what} without a day" for row, who, what in rows], "assessments")
    read_by(table, "assessments")
    return table.sort_values(["subject", "reviewer", "day"], kind="stable", ignore_index=True)
