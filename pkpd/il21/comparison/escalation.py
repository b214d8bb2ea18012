"""Rows of phase 1: the published cohorts beside what 3+3 and BOIN say, and what the protocol calls dose-limiting."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pkpd.il21.comparison.rows import Row, by_answer, follows, numbers, recomputed
from pkpd.il21.comparison.source import Printed
from pkpd.trial import Boin, Replay, ThreePlusThree, dose_limiting, operating_characteristics, replay_escalation

PHASE1, LIMITING = "dose escalation (phase 1)", "dose-limiting toxicity"
_TRUE = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6)


def replay(paper: Printed, mtd_patients: int = 6) -> Replay:
    """Return the published cohorts carried out again by 3+3."""
    levels = sorted(set(paper.cohorts["dose"].astype(float)) - {40.0})  # 40 was tried last, below a closed 50
    return replay_escalation(
        ThreePlusThree(tuple(levels), mtd_patients=mtd_patients),
        paper.cohorts[["dose", "treated", "patients", "dlt"]],
        declared=paper.number("declared dose"),
    )


def escalation(paper: Printed) -> Iterator[Row]:
    """Yield cohort by cohort what was done beside what the rule says, and the dose that results."""
    said, cohorts = paper.said, paper.cohorts
    lost = int((cohorts["treated"] - cohorts["patients"]).sum())
    yield recomputed(PHASE1, "patients replaced", said["replaced"], [lost], str(lost),
                     "treated less evaluable; who was evaluable is inferred from 3+3")  # fmt: skip
    treated = int(cohorts["treated"].sum())
    yield recomputed(
        PHASE1, "patients treated", said["patients phase 1"], [treated], str(treated), "sum of the cohorts"
    )
    found = replay(paper)
    table = found.table()
    for dose, key in ((10, "interim 10"), (50, "interim 50")):
        here = table[table["dose"] == dose].iloc[-1]
        dlt, n = int(here["dlt_here"]), int(here["patients_here"])
        yield recomputed(PHASE1, f"patients with a dose-limiting toxicity at {dose} ug/kg", said[key], [dlt, n],
                         f"{dlt} of {n}", "printed in an interim abstract")  # fmt: skip
    for row in table.to_dict("records"):
        seen = f"after {row['dlt_here']} of {row['patients_here']} at {row['dose']:g} ug/kg"
        done = row["done"] if row["done"] in ("stay", "stop") else f"{row['done']} to {row['done_dose']:g}"
        rule = row["rule"] if row["rule"] in ("stay", "stop") else f"{row['rule']} to {row['rule_dose']:g}"
        yield Row(PHASE1, f"3+3 {seen}", done, rule, "recomputed", by_answer(bool(row["agrees"])),
                  row["note"] or row["reason"])  # fmt: skip
    declared = said["declared dose"]
    yield _mtd(f"MTD by {found.design}", declared, found.mtd, found.last.mtd_reason)
    three = replay(paper, 3)
    yield _mtd(f"MTD by {three.design}", declared, three.mtd, "the rule's MTD and the declared dose are two things; "
               "all three patients at 40 had sorafenib reduced, which no rule knows")  # fmt: skip
    levels = tuple(sorted(set(cohorts["dose"].astype(float))))
    for bounded in (False, True):
        boin = replay_escalation(Boin(levels, bounded=bounded), cohorts[["dose", "treated", "patients", "dlt"]])
        name = "BOIN, target 0.30" + (", estimate ≤ λd" if bounded else "")
        yield follows(
            PHASE1, f"MTD by {name}", "the cohorts", f"{boin.mtd:g} ug/kg", "a design that the trial did not use"
        )
    passes = [_leaves(p) for p in _TRUE]
    yield follows(PHASE1, "3+3: probability of leaving a dose upwards", f"true rates {', '.join(map(str, _TRUE))}",
                  ", ".join(f"{p:.4f}" for p in passes), "(1 − p)³ + 3p(1 − p)⁵, summed over all trials")  # fmt: skip


def _mtd(what: str, declared: str, mtd: float, why: str) -> Row:
    """A row of an MTD beside the declared dose; NaN is none."""
    text = f"{mtd:g} ug/kg" if np.isfinite(mtd) else "not determined"
    agrees = by_answer(bool(mtd == float(numbers(declared)[0])))
    return Row(PHASE1, what, f"{declared} (declared)", text, "recomputed", agrees, why)


def _leaves(p: float) -> float:
    """Probability that 3+3 leaves its lowest dose upwards."""
    found = operating_characteristics(ThreePlusThree((1.0, 2.0), mtd_patients=3), [p, 0.5], method="exact")
    return float(found.table()["visited"].iloc[1])


# Term, kind, grade, days that a laboratory grade lasted, conditions that hold, what the protocol calls it.
_EVENTS = (
    ("Rash", "clinical", 3, 1, "", "yes"),
    ("Fatigue", "clinical", 3, 1, "", "no"),
    ("Pyrexia", "clinical", 3, 1, "", "no"),
    ("Chills", "clinical", 3, 1, "transient", "no"),
    ("Nausea", "clinical", 3, 1, "no antiemetics", "no"),
    ("Vomiting", "clinical", 3, 1, "no antiemetics", "no"),
    ("Vomiting", "clinical", 3, 1, "antiemetics", "yes"),
    ("Hand-foot syndrome", "clinical", 3, 1, "", "yes"),
    ("Hand-foot syndrome", "clinical", 2, 1, "", "no"),
    ("Lymphopenia", "laboratory", 4, 1, "", "no"),
    ("Leukopenia", "laboratory", 4, 1, "", "no"),
    ("Neutropenia", "laboratory", 4, 1, "transient, no infection", "no"),
    ("Neutropenia", "laboratory", 4, 1, "transient, infection", "yes"),
    ("Hypophosphatemia", "laboratory", 4, 1, "asymptomatic", "no"),
    ("Hyponatremia", "laboratory", 3, 4, "asymptomatic", "no"),
    ("Lipase high", "laboratory", 4, 1, "asymptomatic", "no"),
    ("Amylase high", "laboratory", 4, 1, "asymptomatic", "no"),
    ("Platelets low", "laboratory", 4, 1, "", "yes"),
    ("AST high", "laboratory", 3, 3, "", "no"),
    ("AST high", "laboratory", 3, 4, "", "yes"),
)


def limiting(paper: Printed) -> Iterator[Row]:
    """Yield what the protocol calls dose-limiting beside what `dose_limiting` says, event by event.

    The events are examples, one per rule and exception: course 1, related to treatment.
    """
    columns = ("transient", "asymptomatic", "infection", "antiemetics")
    rows = []
    for k, (term, kind, grade, days, holds, _) in enumerate(_EVENTS):
        given = {part.removeprefix("no "): ("no" if part.startswith("no ") else "yes")
                 for part in holds.split(", ") if part}  # fmt: skip
        rows.append({"subject": k + 1, "term": term, "kind": kind, "grade": grade, "shortest": days, "longest": days,
                     "course": "1", "related": "yes", **{name: given.get(name, "") for name in columns}})  # fmt: skip
    import pandas

    answers = dose_limiting(pandas.DataFrame(rows))
    for (term, kind, grade, days, holds, expected), answer, reason in zip(
        _EVENTS, answers["dlt"], answers["reason"], strict=True
    ):
        lasting = f", {days} day{'s' if days > 1 else ''}" if kind == "laboratory" else ""
        what = f"{term}, grade {grade}{lasting}"
        what += f" ({holds})" if holds else ""
        yield Row(LIMITING, what, {"yes": "dose-limiting", "no": "not dose-limiting"}[expected],
                  {"yes": "dose-limiting", "no": "not dose-limiting"}.get(answer, answer), "input",
                  by_answer(answer == expected), reason)  # fmt: skip
    seen = int(paper.cohorts["dlt"].sum())
    yield follows(LIMITING, "dose-limiting toxicities in phase 1, all grade 3 rash", "1 at 10, 2 at 50 ug/kg",
                  str(seen), "all cohorts")  # fmt: skip


__all__ = ["escalation", "limiting", "replay"]
