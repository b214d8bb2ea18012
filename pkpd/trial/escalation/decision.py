"""The dose of the next cohort by a design, with its reason and what the design sees."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas

from pkpd.arguments import checked
from pkpd.errors import InputError, few
from pkpd.trial.escalation.cohorts import counts_at, read_cohorts
from pkpd.trial.escalation.states import STOP, Design, States


@dataclass(frozen=True, eq=False)
class Decision:
    """What a design says after a cohort.

    Attributes
    ----------
    design : str
        Its name.
    action : {"escalate", "stay", "de-escalate", "stop"}
        What to do.
    current, dose : float
        Dose of the last cohort, and of the next one (NaN if there is none).
    reason : str
        Why, in a sentence.
    mtd : float
        The dose that is recommended if nobody more is treated; NaN if none is.
    mtd_reason : str
        Why `mtd` is NaN, "" if it is not.
    seen : DataFrame
        See `table`.
    """

    design: str
    action: str
    current: float
    dose: float
    reason: str
    mtd: float
    mtd_reason: str
    seen: pandas.DataFrame

    def table(self) -> pandas.DataFrame:
        """Return what the design sees at each dose: patients, toxicities, its own estimates."""
        return self.seen.copy()

    def summary(self) -> str:
        """Return the decision in two lines of text."""
        to = "" if self.action in ("stop", "stay") else f" to {self.dose:g}"
        mtd = f"if it ended here: {self.mtd:g}" if np.isfinite(self.mtd) else f"no MTD: {self.mtd_reason}"
        return f"{self.design}, at {self.current:g}: {self.action}{to} ({self.reason})\n{mtd}"

    def __repr__(self) -> str:
        return f"{self.summary()}\n{self.seen.to_string(index=False, float_format='{:.4g}'.format)}"

    def _repr_html_(self) -> str:
        text = html.escape(self.summary()).replace("\n", "<br>")
        return f"<p>{text}</p>{self.seen.to_html(index=False, float_format='{:.4g}'.format)}"


@checked
def next_dose(design: Design, cohorts: Any, *, events: Any = None) -> Decision:
    """Return the dose of the next cohort after what was seen.

    Parameters
    ----------
    design : ThreePlusThree, Boin, Crm or Blrm
        The rule.
    cohorts : DataFrame, path, mapping of column to values, or Study
        In the order of treatment; the last row is the current dose. Columns ``dose``, ``patients`` (evaluable) and
        ``dlt``, or one row a patient (see `replay_escalation`).
    events : DataFrame, path, or mapping of column to values, optional
        What `dose_limiting` returned, instead of a column ``dlt`` of the patients.

    Returns
    -------
    Decision
        With `table`, what the rule sees at each dose.

    Raises
    ------
    InputError
        Listing every problem of the table; doses that are no level of the design.
    """
    table = read_cohorts(cohorts, events)
    strange = [dose for dose in table["dose"].unique() if dose not in design.doses]
    if strange:
        raise InputError(
            f"{', '.join(f'{dose:g}' for dose in strange[:5])} are no doses of the design; "
            f"expected {few(f'{dose:g}' for dose in design.doses)}",
            "next_dose",
        )
    return decide(design, table)


def decide(design: Design, table: pandas.DataFrame) -> Decision:
    """Return the decision after cohorts that were read.

    Parameters
    ----------
    design : Design
        The rule; all doses are levels of it.
    table : DataFrame
        From `read_cohorts`.
    """
    treated, toxic = counts_at(table, design.doses)
    last = table.iloc[-1]
    at = design.doses.index(float(last["dose"]))
    states = States(
        treated[None], toxic[None], np.array([at]), np.array([int(last["dlt"])]), np.array([int(last["patients"])])
    )
    following, reason = (int(found[0]) for found in design.decide(states))
    sentence = design.reasons[reason]
    if following != STOP and design.fixed and treated.sum() >= design.most:
        following, sentence = STOP, f"all of the {design.most} planned patients are in"
    action = (
        "stop" if following == STOP else "escalate" if following > at else "de-escalate" if following < at else "stay"
    )
    mtd, without = np.nan, ""
    if following == STOP or design.fixed:
        level = int(design.recommended(treated[None], toxic[None])[0])
        mtd = np.nan if level == STOP else design.doses[level]
        without = "no dose is tolerated by the rule" if level == STOP else ""
    else:
        without = f"not determined, the rule asks for patients at {design.doses[following]:g}"
    dose = np.nan if following == STOP else design.doses[following]
    return Decision(
        design.name, action, design.doses[at], dose, sentence, mtd, without, design.view(treated, toxic)
    )  # fmt: skip


__all__ = ["Decision", "decide", "next_dose"]
