"""What pictures of tumour responses share: their tables, the colours of responses, who is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arrays import Array
from pkpd.errors import InputError, few
from pkpd.plot import style
from pkpd.trial.recist.rates import BEST
from pkpd.trial.recist.rules import RESPONSES
from pkpd.trial.recist.scans import REVIEWER, SUBJECT
from pkpd.trial.tables import Column, known_subjects, read_table

if TYPE_CHECKING:
    import pandas

COLOURS: Mapping[str, str] = {
    "CR": style.COLORS[2], "PR": style.COLORS[0], "SD": style.COLORS[5], "non-CR/non-PD": style.COLORS[3],
    "PD": style.COLORS[1], "NE": style.QUIET, "unavailable": style.QUIET,
}  # fmt: skip
DAY = Column("day", "number", "study day", filled=False, also=("studyday", "ady"))
CHANGE = Column("change", "number", "change of the sum from baseline, %", filled=False, also=("pchg",))
RESPONSE = Column("response", "text", "response at this assessment", required=False, filled=False, choices=RESPONSES)
NEW = Column("new", "flag", "a new lesion", required=False)
BASE_DAY = Column("base_day", "number", "day of the baseline scan", required=False, filled=False)


def read_responses(table: Any, columns: tuple[Column, ...], reviewer: str | None, what: str) -> pandas.DataFrame:
    """Return a table of assessments of one reviewer, in order of days.

    Parameters
    ----------
    table : DataFrame, path, or mapping
        As `pkpd.trial.assess_response` returns it.
    columns : tuple of Column
        That are read besides subject and reviewer.
    reviewer : str or None
        Whose assessments; None where the table has one reviewer, or none is named.
    what : str
        The picture, for messages.

    Raises
    ------
    InputError
        Listing all that cannot be used; if several reviewers are in the table and none is chosen.
    """
    found = read_table(table, (SUBJECT, *columns, REVIEWER), "assessments")
    if "reviewer" in found:
        names = list(dict.fromkeys(found["reviewer"]))
        if reviewer is not None:
            style.require_name(reviewer, names, "reviewer")
            found = found[found["reviewer"] == reviewer]
        elif len(names) > 1:
            raise InputError(f"{len(names)} reviewers ({few(names)}); choose one: reviewer={names[0]!r}", what)
    elif reviewer is not None:
        raise InputError(f"reviewer is {reviewer!r}; the table names none", what)
    return found.sort_values(["subject", *(["day"] if "day" in found else [])], kind="stable", ignore_index=True)


def best_of(best: Any, subjects: Any, what: str) -> dict[Any, str]:
    """Return subject → best response, from a table of `pkpd.trial.best_response`.

    Raises
    ------
    InputError
        If a patient of the picture is not in the table.
    """
    if best is None:
        return {}
    table = read_table(best, BEST, "best responses", unique=("subject",))
    lacking = known_subjects(subjects, table["subject"], "best responses")
    if lacking:
        raise InputError(lacking, what)
    return dict(zip(table["subject"], table["response"], strict=True))


def attrs_of(table: Any) -> Mapping[str, Any]:
    """Return what a table says about itself."""
    found = getattr(table, "attrs", {})
    return found if isinstance(found, Mapping) else {}


def from_first_dose(days: Any, unit: str | None) -> Array:
    """Return study days as they are, or the time from the first dose (day 1) in a unit."""
    return np.asarray(days, dtype=float) if unit is None else style.clock(np.asarray(days) - 1.0, "day", unit)


def first_dose_axis(ax: Axes, unit: str | None) -> None:
    """Label the axis of what `from_first_dose` returns."""
    style.time_axis(ax, "time from first dose", "day", style.STUDY_DAY if unit is None else unit)
