"""A trial that was carried out, cohort by cohort, beside what a design says."""

from __future__ import annotations

import html
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas

from pkpd.arguments import checked
from pkpd.errors import InputError, few, shown
from pkpd.trial.escalation.boin import Boin
from pkpd.trial.escalation.cohorts import read_cohorts
from pkpd.trial.escalation.decision import Decision, decide
from pkpd.trial.escalation.states import Design
from pkpd.trial.escalation.three_plus_three import ThreePlusThree


@dataclass(frozen=True, eq=False)
class Replay:
    """What was done and what the rule says.

    Attributes
    ----------
    design : str
        Name of the rule.
    steps : DataFrame
        See `table`.
    last : Decision
        What the rule says after the last cohort.
    mtd : float
        The rule's MTD, NaN while it is not determined or there is none.
    declared : float
        The dose that the trial declared, NaN if it was not said.
    flags : tuple of str
        Where the trial and the rule part.
    """

    design: str
    steps: pandas.DataFrame
    last: Decision
    mtd: float
    declared: float
    flags: tuple[str, ...]

    def table(self) -> pandas.DataFrame:
        """Return one row per cohort.

        ``cohort``, ``dose``, ``patients``, ``dlt``, ``replaced``; ``patients_here`` and ``dlt_here`` (of all cohorts at
        this dose so far); ``rule`` (its action), ``rule_dose`` (of its next cohort), ``reason``; ``done`` (what the
        trial did next), ``done_dose``, ``agrees`` (the same action, and the same dose unless the trial opened a new
        level), ``note``.
        """
        return self.steps.copy()

    def summary(self) -> str:
        """Return the rule's MTD, the declared dose and every flag as text."""
        mtd = f"{self.mtd:g}" if np.isfinite(self.mtd) else f"none ({self.last.mtd_reason})"
        lines = [f"{self.design}: MTD of the rule {mtd}"]
        if np.isfinite(self.declared):
            lines[0] += f"; declared dose {self.declared:g}"
        return "\n".join([*lines, *(f"- {flag}" for flag in self.flags)])

    def __repr__(self) -> str:
        return f"{self.summary()}\n{self.steps.drop(columns=['reason', 'note']).to_string(index=False)}"

    def _repr_html_(self) -> str:
        return f"<p>{html.escape(self.summary()).replace(chr(10), '<br>')}</p>{self.steps.to_html(index=False)}"


@checked
def replay_escalation(design: Design, cohorts: Any, *, events: Any = None, declared: float | None = None) -> Replay:
    """Carry a trial out again and say, cohort by cohort, what the rule would have done.

    A dose that is no level of the design is an intermediate level that was opened on the way: 3+3 and BOIN take it in
    from its first cohort on, and it is said. The rule's MTD and the dose that the trial declared are two things.

    Parameters
    ----------
    design : ThreePlusThree, Boin, Crm or Blrm
        The rule, with the levels as planned.
    cohorts : DataFrame, path, mapping of column to values, or Study
        A row a cohort in the order of treatment: ``dose``, ``patients`` (evaluable), ``dlt``, and if known ``treated``
        (with those who were replaced). Or a row a patient: ``subject``, ``dose``, ``dlt`` (yes or no), ``evaluable``,
        ``cohort`` (number or name; else patients of one dose that follow one another are one). Of a study, in the
        order of its subjects, the first doses and the covariates ``dlt``, ``evaluable`` and ``cohort``.
    events : DataFrame, path, or mapping of column to values, optional
        What `dose_limiting` returned, instead of a column ``dlt`` of the patients. An event that is undetermined is a
        problem, unless its patient has another one that is dose-limiting.
    declared : float, optional
        The dose that the trial declared.

    Returns
    -------
    Replay
        `table` has a row per cohort, `flags` says where the trial and the rule part.

    Raises
    ------
    InputError
        Listing every problem of the table; doses that a model-based design does not know.
    """
    table = read_cohorts(cohorts, events)
    _check(design, table, declared)
    planned = design.doses
    decisions: list[Decision] = []
    notes: list[list[str]] = []
    for k in range(1, len(table) + 1):
        so_far = table.iloc[:k]
        dose = float(so_far["dose"].iloc[-1])
        notes.append([])
        if dose not in design.doses:
            notes[-1].append(f"{dose:g} is no planned level; it was opened on the way")
            design = replace(design, doses=tuple(sorted((*design.doses, dose))))  # type: ignore[type-var]
        decisions.append(decide(design, so_far))
    steps = table.copy()
    steps["patients_here"] = table.groupby("dose")["patients"].cumsum()
    steps["dlt_here"] = table.groupby("dose")["dlt"].cumsum()
    steps["rule"] = [one.action for one in decisions]
    steps["rule_dose"] = [one.dose for one in decisions]
    steps["reason"] = [one.reason for one in decisions]
    following = [*table["dose"].tolist()[1:], np.nan]
    steps["done"] = [_action(a, b) for a, b in zip(table["dose"], following, strict=True)]
    steps["done_dose"] = following
    steps["agrees"] = [
        one.action == done and (one.dose == dose or not np.isfinite(dose) or dose not in planned)
        for one, done, dose in zip(decisions, steps["done"], following, strict=True)
    ]
    for k, (one, done) in enumerate(zip(decisions, steps["done"], strict=True)):
        if one.action != done or (np.isfinite(one.dose) and one.dose != following[k]):
            notes[k].append(_parting(one, done, following[k], k + 1))
    steps["note"] = ["; ".join(each) for each in notes]
    flags = [f"cohort {k} ({dose:g}): {note}" for k, dose, each in
             zip(steps["cohort"], steps["dose"], notes, strict=True) for note in each]  # fmt: skip
    mtd = decisions[-1].mtd
    given = np.nan if declared is None else float(declared)
    if np.isfinite(given) and given != mtd:
        said = f"{mtd:g}" if np.isfinite(mtd) else f"none ({decisions[-1].mtd_reason})"
        flags.append(f"the trial declared {given:g}; the MTD of the rule is {said}")
    return Replay(design.name, steps, decisions[-1], mtd, given, tuple(flags))


def _check(design: Design, table: pandas.DataFrame, declared: float | None) -> None:
    """Refuse doses that the design cannot take in."""
    strange = [f"{dose:g}" for dose in table["dose"].unique() if dose not in design.doses]
    problems = []
    if strange and not isinstance(design, ThreePlusThree | Boin):
        known = few(f"{dose:g}" for dose in design.doses)
        problems.append(f"{few(strange)}: no doses of the design, whose model has none for them; expected {known}")
    if declared is not None and declared not in (*table["dose"], *design.doses):
        problems.append(f"declared is {shown(declared)}; expected a dose of the trial or of the design")
    if problems:
        raise InputError(problems, "replay_escalation")


def _action(dose: float, following: float) -> str:
    if not np.isfinite(following):
        return "stop"
    return "escalate" if following > dose else "de-escalate" if following < dose else "stay"


def _parting(one: Decision, done: str, dose: float, cohort: int) -> str:
    """Say how the trial and the rule part after a cohort."""
    rule = "the rule ends the trial" if one.action == "stop" else f"the rule goes to {one.dose:g}"
    if one.action == "stay":
        rule = f"the rule wants more patients at {one.current:g}"
    trial = (
        "the trial ended" if done == "stop" else "the trial stayed" if done == "stay" else f"the trial went to {dose:g}"
    )
    return f"{rule} ({one.reason}), {trial}"


__all__ = ["Replay", "replay_escalation"]
