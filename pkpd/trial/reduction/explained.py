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
    table = read_table(grades, GRADES, "grades", named=named, unique=("subject", "visit"))
    table = table.sort_values(["subject", "visit"], kind="stable", ignore_index=True)
    by_subject = table.groupby("subject", sort=False)["visit"].agg(["max", "size"])
    if problems := [_lacking(table, name) for name in by_subject.index[by_subject["max"] != by_subject["size"]]]:
        raise InputError(problems, "grades")
    who, visit = table.groupby("subject", sort=False).ngroup().to_numpy(), table["visit"].to_numpy().astype(np.int64)
    seen = np.zeros((len(by_subject), int(visit.max(initial=0))), dtype=np.int64)  # 0 after a patient's last visit
    seen[who, visit - 1] = table["grade"].to_numpy().astype(np.int64)
    states, codes = course(rule, seen)
    at, code = states.level[who, visit - 1], codes[who, visit - 1]
    words = np.array([*doses, ""], dtype=object)
    return table[["subject"]].assign(
        visit=visit, grade=seen[who, visit - 1], action=np.array(DONE, dtype=object)[code], level=at + 1,
        dose=words[np.where(states.dosed[who, visit - 1], at, -1)], reason=np.array(reasons(rule), dtype=object)[code],
    )  # fmt: skip


def _lacking(table: pandas.DataFrame, subject: Any) -> str:
    """Say which visits of a subject lack."""
    there = {int(v) for v in table["visit"][table["subject"] == subject]}
    last = max(there)
    # The first five gaps stand among the first visits that there can be.
    gaps = [v for v in range(1, min(last, len(there) + 6)) if v not in there]
    listed = ", ".join(map(str, gaps[:5])) + (", …" if last - len(there) > 5 else "")
    return f"subject {subject}: visit {listed} lacks; expected every visit from 1 to {last}"


def course(rule: Steps, seen: Integers) -> tuple[DoseState, Integers]:
    """Return where patients stood after every visit and by which sentence, of grades (patients × visits)."""
    state, states, codes = begin(len(seen)), [], []
    for grades in seen.T:
        state, code = advance(rule, state, grades)
        states.append(state)
        codes.append(code)
    if not states:
        return begin(seen.shape), seen
    fields = (np.stack([one[k] for one in states], axis=1) for k in range(len(state)))
    return DoseState(*fields), np.stack(codes, axis=1)
