"""Responses that cannot follow one another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pkpd.arguments import checked
from pkpd.trial.recist.assessments import read_assessments

if TYPE_CHECKING:
    import pandas

Oddity = tuple[Any, str, float, str, float, str, str]

_AFTER = {
    "CR": {"PR": "what was gone is there again: progression, or the CR was none",
           "SD": "what was gone is there again: progression, or the CR was none",
           "non-CR/non-PD": "what was gone is there again: progression, or the CR was none"},
    "PD": {"CR": "after progression", "PR": "after progression", "SD": "after progression",
           "non-CR/non-PD": "after progression"},
}  # fmt: skip


def oddities(table: pandas.DataFrame) -> list[Oddity]:
    """Return what is odd in a table of responses that is in order: who, by whom, day and response before and after."""
    found: list[Oddity] = []
    whose, before = (None, ""), (0.0, "")
    for subject, reviewer, day, response in table[["subject", "reviewer", "day", "response"]].itertuples(index=False):
        if (subject, reviewer) != whose:
            whose, before = (subject, reviewer), (0.0, "")
        if response == "NE":
            continue
        why = _AFTER.get(before[1], {}).get(response)
        if why:
            who = f"subject {subject}" + (f", {reviewer}" if reviewer else "")
            words = f"{who}: {response} on day {day:g} after {before[1]} on day {before[0]:g} ({why})"
            found.append((subject, reviewer, before[0], before[1], day, response, words))
        if before[1] != "PD":
            before = (day, response)
    return found


@checked
def impossible_sequences(assessments: Any, *, columns: Mapping[str, str] | None = None) -> pandas.DataFrame:
    """Return the responses that cannot follow those before: CR then PR or SD, and anything after progression.

    Assessments that are not evaluable in between are passed over. Nothing is changed: it is for who reads the scans.

    Parameters
    ----------
    assessments : DataFrame, path, or mapping of column to values
        ``subject``, ``day``, ``response``, and ``reviewer`` where there are several.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        ``subject, reviewer, day_before, before, day, response, reason``, one row per odd pair; empty if there is none.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    names = ["subject", "reviewer", "day_before", "before", "day", "response", "reason"]
    return pandas.DataFrame(oddities(read_assessments(assessments, columns)), columns=names)
