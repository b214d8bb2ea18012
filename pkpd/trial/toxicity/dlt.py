"""Dose-limiting toxicities of events, each with the reason why it is one, is none, or cannot be decided."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, few, shown, warn
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.tables import Column, read_table
from pkpd.trial.toxicity.dlt_rules import CONDITIONS, DltRules
from pkpd.trial.toxicity.spells import longer_than, spells
from pkpd.trial.toxicity.values import said
from pkpd.trial.toxicity.worst import COURSE, GRADE, TERM, read_grades

if TYPE_CHECKING:
    import pandas

EVENTS = (
    SUBJECT,
    TERM,
    GRADE,
    Column("kind", "text", "clinical or laboratory", choices=("clinical", "laboratory"), filled=False, required=False),
    Column("start", "number", "first day", required=False, filled=False, also=("astdy", "aestdy")),
    Column("end", "number", "last day; empty: not known, or not over", required=False, filled=False,
           also=("aendy", "aeendy")),
    Column("shortest", "number", "shortest time that it can have lasted, days", required=False, filled=False, low=0),
    Column("longest", "number", "longest time that it can have lasted, days; empty: no limit", required=False,
           filled=False, low=0),
    COURSE,
    Column("lowest", "number", "smallest grade that it can be", required=False, filled=False, low=0, high=5),
    Column("highest", "number", "largest grade that it can be", required=False, filled=False, low=0, high=5),
)  # fmt: skip
_YES, _NO, _OPEN = "yes", "no", "undetermined"


@checked
def laboratory_events(graded: Any, *, least: int = 3, columns: Mapping[str, str] | None = None) -> pandas.DataFrame:
    """Return the laboratory events of a graded table: each run of values at or above a grade, with its length.

    A run is seen from its first to its last value, and can have lasted from the day after the value before it to the
    day before the value after it. Between two values of a run it is taken to have gone on.

    Parameters
    ----------
    graded : DataFrame, path, or mapping
        Rows of `grades`: ``subject, term, grade, day``. A value counts with its ``lowest`` grade.
    least : int
        Grade from which on a run is an event; each run is listed for this grade and for every worse one that it has.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        ``subject, term, kind`` (laboratory), ``grade`` (at or above which), ``start, end, shortest, longest`` (days;
        empty where no value limits it) and ``course`` of the first value, where given.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    import pandas

    if not 1 <= least <= 5:
        raise InputError(f"least is {least}; expected a grade from 1 to 5", "laboratory_events")
    table = read_grades(graded, columns)
    table = table[table["lowest"].notna()]
    undated = table[table["day"].isna() & (table["lowest"] >= least)]
    if len(undated):
        raise InputError([f"row {row}, subject {who}: no day" for row, who in
                          undated[["row", "subject"]].itertuples(index=False)], "laboratory_events")  # fmt: skip
    table = table[table["day"].notna()].sort_values("day", kind="stable")
    rows: list[dict[str, Any]] = []
    for (who, term), part in table.groupby(["subject", "term"], sort=False):
        days, grade = part["day"].to_numpy(float), part["lowest"].to_numpy(float)
        for level in range(least, int(grade.max(initial=0)) + 1):
            for run in spells(days.tolist(), (grade >= level).tolist()):
                longest = run.longest if np.isfinite(run.longest) else np.nan
                row = {"subject": who, "term": term, "kind": "laboratory", "grade": level, "start": run.first,
                       "end": run.last, "shortest": run.shortest, "longest": longest}  # fmt: skip
                if "course" in part:
                    row["course"] = part["course"].to_numpy()[int(np.flatnonzero(days == run.first)[0])]
                rows.append(row)
    names = ["subject", "term", "kind", "grade", "start", "end", "shortest", "longest"]
    result = pandas.DataFrame(rows, columns=[*names, *(["course"] if "course" in table else [])])
    result.attrs.update(provenance(graded))
    return result


@checked
def dose_limiting(
    events: Any, rules: DltRules | None = None, *, columns: Mapping[str, str] | None = None
) -> pandas.DataFrame:
    """Say of every event whether it is dose-limiting, and why.

    Parameters
    ----------
    events : DataFrame, path, or mapping
        One row per event: ``subject, term, grade, kind`` (clinical, laboratory), ``start, end`` (days, both included)
        or ``shortest, longest`` (as `laboratory_events` makes them), ``course``, ``related``, and what exemptions ask
        for: ``transient, asymptomatic, infection, antiemetics`` (yes, no or nothing).
    rules : DltRules, optional
        By default those of the protocol of Bhatia et al. 2014.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        The events with ``dlt`` ("yes", "no", "undetermined") and ``reason``. What is not said (related, a condition,
        a last day, a grade) leaves an event undetermined where it would decide.

    Raises
    ------
    InputError
        Listing all that cannot be used; if the rules need a column that the events lack altogether.
    """
    rules = rules or DltRules()
    table = read_table(events, EVENTS, "events", named=columns)
    problems: list[str] = []
    if "kind" not in table or (table["kind"] == "").any():
        problems.append("each event needs a kind: clinical or laboratory")
    if rules.related and "related" not in table:
        problems.append("there is no column 'related' (related to treatment: yes or no), and the rules ask for it")
    if rules.course and "course" not in table:
        problems.append(f"there is no column 'course', and the rules count course {rules.course} only")
    flags = {name: said(table, name, problems) for name in ("related", *CONDITIONS)}
    for name in ("start", "end", "shortest", "longest", "lowest", "highest"):
        if name not in table:
            table[name] = np.nan
    turned = table[table["end"] < table["start"]]
    for row in turned.to_dict("records"):
        place = f"row {row['row']}, subject {row['subject']}"
        problems.append(f"{place}: ends on day {row['end']:g}, before its start on day {row['start']:g}")
    if problems:
        raise InputError(problems, "dose_limiting")
    if rules.course and "course" in table:
        table["course"] = [_course(text) for text in table["course"]]
        said_ = [text for text in dict.fromkeys(table["course"]) if text]
        if said_ and rules.course not in said_:
            warn(f"no event is of course {shown(rules.course)}, which alone counts; the events are of {few(said_)}")
    known = table["start"].notna() & table["end"].notna()
    days = (table["end"] - table["start"] + 1).where(known)
    bounded = table["shortest"].notna() | table["longest"].notna()  # then an empty bound is no bound
    days = days.where(~bounded)
    table["shortest"] = table["shortest"].fillna(days).fillna(1.0)  # what was seen was there on one day
    table["longest"] = table["longest"].fillna(days).fillna(np.inf)
    for name in ("lowest", "highest"):
        table[name] = table[name].fillna(table["grade"])
    answers = [_answer(row, {name: flags[name][i] for name in flags}, rules)
               for i, row in enumerate(table.to_dict("records"))]  # fmt: skip
    table["dlt"] = [answer for answer, _ in answers]
    table["reason"] = [reason for _, reason in answers]
    table.attrs.update(provenance(events), rules=rules)
    return table


def _course(text: str) -> str:
    """The number of a course, where it is written with a word: Cycle 1, C01."""
    found = re.fullmatch(r"(?:course|cycle|c)?\s*0*([1-9]\d*)", text.strip(), re.I)
    return found[1] if found else text


def _answer(row: dict[str, Any], flags: dict[str, float], rules: DltRules) -> tuple[str, str]:
    """Yes, no or undetermined, with the reason."""
    term, low, high = row["term"] or "event", row["lowest"], row["highest"]
    name = f"grade {low:g} {term}" if low == high else f"grade {low:g} to {high:g} {term}"
    if np.isnan(low) or np.isnan(high):
        return _OPEN, f"{term}: grade not known"
    worst, why = _by_grade(row, high, rules)
    if worst == _NO:
        return _NO, f"{name}: {why}"
    course = str(row.get("course", "") or "")
    if rules.course and course and course != rules.course:
        return _NO, f"{name}: course {course}"
    if rules.related and flags["related"] == 0:
        return _NO, f"{name}: not related to treatment"
    exempt, condition = _exempt(row["term"], flags, rules)
    if exempt == _YES:
        return _NO, f"{name}: exempt{condition}"
    least, reason = _by_grade(row, low, rules)
    doubts = [doubt for there, doubt in (
        (bool(rules.course) and not course, "course not known"),
        (rules.related and np.isnan(flags["related"]), "relation to treatment not known"),
        (exempt == _OPEN, f"exempt{condition}"),
        (least != _YES, reason if least == _OPEN else f"{why}, if the grade is {high:g}"),
    ) if there]  # fmt: skip
    return (_OPEN, f"{name}: {'; '.join(doubts)}") if doubts else (_YES, f"{name}: {reason}")


def _by_grade(row: dict[str, Any], grade: float, rules: DltRules) -> tuple[str, str]:
    """What the grade and the duration say."""
    if row["kind"] == "clinical":
        enough = grade >= rules.clinical_grade
        return (_YES, f"clinical, grade ≥ {rules.clinical_grade}") if enough else (
            _NO, f"clinical, below grade {rules.clinical_grade}")  # fmt: skip
    if grade >= rules.laboratory_grade:
        return _YES, f"laboratory, grade ≥ {rules.laboratory_grade}"
    if rules.lasting_grade is None or grade < rules.lasting_grade:
        return _NO, f"laboratory, below grade {rules.lasting_grade or rules.laboratory_grade}"
    answer = longer_than(row["shortest"], row["longest"], rules.lasting_days)
    span = f"{row['shortest']:g} to {row['longest']:g} days" if row["shortest"] != row["longest"] else (
        f"{row['shortest']:g} days")  # fmt: skip
    words = {_YES: f"more than {rules.lasting_days:g} days", _NO: f"not more than {rules.lasting_days:g} days",
             _OPEN: f"whether more than {rules.lasting_days:g} days is not known"}  # fmt: skip
    return answer, f"laboratory, lasted {span.replace('inf', 'an unknown number of')}: {words[answer]}"


def _exempt(term: str, flags: dict[str, float], rules: DltRules) -> tuple[str, str]:
    """Whether an exemption holds: the first that surely does, else one that might."""
    doubt = ""
    for one in rules.exemptions:
        if not one.is_of(term):
            continue
        holds = [1 - flags[when[3:]] if when.startswith("no ") else flags[when] for when in one.when]
        condition = f", {' and '.join(one.when)}" if one.when else ""
        if all(value == 1 for value in holds):
            return _YES, condition
        if all(value == 1 or np.isnan(value) for value in holds):
            lacking = [when for when, value in zip(one.when, holds, strict=True) if np.isnan(value)]
            doubt = f" if {' and '.join(lacking)}, which is not said"
    return (_OPEN, doubt) if doubt else (_NO, "")
