"""The 3+3 rule: three patients, three more after one toxicity, up after none or one of six, down after two."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas

from pkpd.arguments import checked_fields
from pkpd.arrays import Flags, Integers
from pkpd.errors import InputError
from pkpd.trial.escalation.states import STOP, States, counted, dose_problems, highest, plain_numbers
from pkpd.trial.proportions import clopper_pearson

_FEWER, _UP, _EXPAND, _CONFIRM, _DOWN, _BACK, _DONE, _TOP, _NONE = range(9)


@dataclass(frozen=True)
class ThreePlusThree:
    """The 3+3 design: a state machine of cohorts of three evaluable patients.

    Patients who cannot be evaluated are replaced, so they do not count here.

    ======================  ==========================================================================
    toxicities              what follows
    ======================  ==========================================================================
    0 of 3                  the next higher dose; if that is closed or there is none, see below
    1 of 3                  three more patients at this dose
    at most 1 of 6          the next higher dose, or this one is the maximum tolerated dose (MTD)
    2 or more               this dose and all above are closed; the next lower dose
    ======================  ==========================================================================

    With ``mtd_patients=6``, a dose that has had three patients when it could become the MTD gets three more, and must
    then pass with at most one toxicity of six; with ``mtd_patients=3`` what it has had is enough. No MTD: the
    lowest dose is closed. A trial that ends at the highest dose has found no dose that is too toxic.

    Attributes
    ----------
    doses : tuple of float
        Dose of every level, increasing.
    mtd_patients : int
        How many patients the MTD must have had: 6 or 3.
    start : float, optional
        Dose of the first cohort, by default the lowest.

    Raises
    ------
    InputError
        If doses do not increase or another number cannot be used.

    References
    ----------
    Storer BE. Biometrics 1989;45:925-937 (its design A; with six patients at the MTD as Korn EL et al., Stat Med
    1994;13:1799-1806). Probabilities: Lin Y, Shih WJ. Biostatistics 2001;2:203-215.
    """

    doses: tuple[float, ...]
    mtd_patients: int = 6
    start: float | None = None

    def __post_init__(self) -> None:
        checked_fields(self, "ThreePlusThree")
        plain_numbers(self)
        problems = dose_problems(self.doses, self.start)
        if self.mtd_patients not in (3, 6):
            problems.append(f"mtd_patients is {self.mtd_patients}; expected 6 or 3")
        if problems:
            raise InputError(problems, "ThreePlusThree")

    @property
    def name(self) -> str:
        """What it is called."""
        return f"3+3, MTD of {self.mtd_patients} patients"

    @property
    def size(self) -> int:
        """Patients of a cohort."""
        return 3

    @property
    def most(self) -> int:
        """No trial has more evaluable patients."""
        return 6 * len(self.doses)

    @property
    def goal(self) -> None:
        """The rule aims at no probability of toxicity."""
        return None

    @property
    def ceiling(self) -> float:
        """More than one patient in three is an overdose."""
        return 1 / 3

    @property
    def fixed(self) -> bool:
        """The rule itself says when the trial is over."""
        return False

    @property
    def reasons(self) -> tuple[str, ...]:
        """What may be said of a decision."""
        return (
            "fewer than 3 evaluable patients and fewer than 2 toxicities: go on at this dose",
            "0 of 3, or at most 1 of 6: the next higher dose",
            "1 toxicity of fewer than 6: three more patients at this dose",
            "no higher dose is open, and the MTD must have had 6 patients: three more at this dose",
            "2 or more toxicities: this dose is closed, the next lower one has had no patient yet",
            "2 or more toxicities: this dose is closed, the next lower one gets patients up to 6",
            "2 or more toxicities: this dose is closed, and the next lower one has had enough patients: it is the MTD",
            "no higher dose is open: this one is the MTD",
            "2 or more toxicities at the lowest dose: no dose is tolerated",
        )

    def decide(self, states: States) -> tuple[Integers, Integers]:
        """Return the level of the next cohort (or `STOP`) and the place of the reason, shape (trials,) each."""
        n, y = states.here()
        at, rows = states.at, np.arange(len(states))
        toxic, passed = closed(n, y), _passed(n, y)
        shut = closed(states.treated, states.toxic)
        above = np.minimum(at + 1, len(self.doses) - 1)
        up = passed & (at + 1 < len(self.doses)) & ~shut[rows, above]
        enough = n >= self.mtd_patients
        below = np.maximum(at - 1, 0)
        n_below, y_below = states.treated[rows, below], states.toxic[rows, below]
        down = toxic & (at > 0)
        ready = (n_below >= self.mtd_patients) & _passed(n_below, y_below)
        cases = [
            toxic & (at == 0),
            down & (n_below == 0),
            down & ready,
            down,
            up,
            passed & enough,
            passed,
            y == 1,
            y == 0,
        ]
        reason = np.select(cases, [_NONE, _DOWN, _DONE, _BACK, _UP, _TOP, _CONFIRM, _EXPAND, _FEWER])
        reason = np.where((reason == _EXPAND) & (n < 3), _FEWER, reason)
        moves = np.array([0, 1, 0, 0, -1, -1, 0, 0, 0])
        ends = np.isin(reason, (_DONE, _TOP, _NONE))
        return np.where(ends, STOP, at + moves[reason]), reason

    def recommended(self, treated: Integers, toxic: Integers) -> Integers:
        """Return the level of the MTD by what was seen; `STOP` if no dose has had enough patients, shape (trials,)."""
        shut = np.cumsum(closed(treated, toxic), axis=1) > 0
        return highest((treated >= self.mtd_patients) & _passed(treated, toxic) & ~shut)

    def view(self, treated: Integers, toxic: Integers) -> pandas.DataFrame:
        """Return patients, toxicities and exact 95 % intervals, one row a dose, and how the dose stands."""
        table = counted(self.doses, treated, toxic)
        shut = np.cumsum(closed(treated, toxic)) > 0
        pairs = zip(treated.tolist(), toxic.tolist(), strict=True)
        limits = [clopper_pearson(y, n) if n else (np.nan, np.nan) for n, y in pairs]
        table["low"], table["high"] = np.array(limits).T if limits else ([], [])
        words = np.select([shut, treated == 0, _passed(treated, toxic)], ["closed", "not tried", "passed"], "open")
        return table.assign(state=words)


def closed(treated: Integers, toxic: Integers) -> Flags:
    """Say which doses are too toxic: two toxicities among up to six patients, more than one in six beyond."""
    found: Flags = (toxic >= 2) & (6 * toxic > treated)
    return found


def _passed(treated: Integers, toxic: Integers) -> Flags:
    """Which doses may be left upwards: none of three or more, at most one in six of six or more."""
    found: Flags = ((toxic == 0) & (treated >= 3)) | ((treated >= 6) & (6 * toxic <= treated))
    return found


__all__ = ["ThreePlusThree", "closed"]
