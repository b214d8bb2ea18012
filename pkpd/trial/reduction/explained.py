"""What a rule for dose reductions decided at every visit, and why, as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Integers
from pkpd.errors import InputError
from pkpd.trial.recist.scans import SUBJECT
from pkpd.trial.reduction.steps import DONE, DoseState, Steps, advance, begin, reasons
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

GRADES = (
    SUBJECT,
    Column("visit", "whole", "number of the visit, from 1", low=1.0, also=("visitnum", "decision")),
    Column("grade", "whole", "grade of the toxicity at this visit", low=0.0, high=5.0, also=("aetoxgr", "atoxgr")),
)


def explained(rule: Steps, doses: Sequence[str], grades: Any, named: Mapping[str, str] | None) -> pandas.DataFrame:
    """Return one row per visit of a table of grades, in the order of subjects and visits.

    Parameters
    ----------
    rule : Steps
        The rule.
    doses : sequence of str
        The dose of every level in words.
    grades : table
        ``subject, visit, grade``.
    named : mapping, optional
        Our name → its heading.
    """
    import pandas

    table = read_table(grades, GRADES, "grades", named=named, unique=("subject", "visit"))
    parts, problems = [], []
    for subject, own in table.groupby("subject", sort=False):
        own = own.sort_values("visit")
        visits = own["visit"].astype(int).tolist()
        if lacking := sorted({*range(1, visits[-1] + 1)} - {*visits}):
            listed = ", ".join(map(str, lacking[:5])) + (", …" if len(lacking) > 5 else "")
            problems.append(f"subject {subject}: visit {listed} lacks; expected every visit from 1 to {visits[-1]}")
            continue
        seen = own["grade"].to_numpy().astype(np.int64)
        parts.append(pandas.DataFrame({"subject": subject, "visit": visits, **course(rule, doses, seen)}))
    if problems:
        raise InputError(problems, "grades")
    columns = ["subject", "visit", "grade", "action", "level", "dose", "reason"]
    return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame(columns=columns)


def course(rule: Steps, doses: Sequence[str], seen: Integers) -> dict[str, list[Any]]:
    """Return the columns of one patient: grade, action, level, dose, reason, one entry a visit."""
    state: DoseState = begin(())
    sentences = reasons(rule)
    columns: dict[str, list[Any]] = {"grade": seen.tolist(), "action": [], "level": [], "dose": [], "reason": []}
    for grade in seen:
        state, code = advance(rule, state, np.asarray(grade))
        columns["action"].append(DONE[int(code)])
        columns["level"].append(int(state.level) + 1)
        columns["dose"].append(doses[int(state.level)] if state.dosed else "")
        columns["reason"].append(sentences[int(code)])
    return columns
