"""The choices of a RECIST assessment, each with its default and its name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from pkpd.arguments import brief, checked_fields
from pkpd.errors import InputError, nearest

VERSIONS = ("1.0", "1.1")
AFTER_COMPLETE = ("PD", "PR", "table")

RESPONSES = ("CR", "PR", "SD", "non-CR/non-PD", "PD", "NE")
"""What an assessment can be, best first; NE is "not evaluable"."""


@dataclass(frozen=True)
class RecistRules:
    """What RECIST leaves to the protocol.

    Attributes
    ----------
    version : {"1.0", "1.1"}
        1.0: progression of the sum of target lesions is ≥ 20 % above the nadir. 1.1: ≥ 20 % and ≥ 5 mm above it.
    confirmed : bool or None
        Whether a complete or partial response counts only with a second one. None: yes in 1.0; in 1.1 no, which asks
        for it where response is the primary endpoint: then say True.
    confirmation_days : float
        Least number of days from a response to its confirmation.
    minimum_stable_days : float
        Stable disease must be seen at least so many days after day 1: 42 is six weeks, which day 43 meets.
    after_complete : {"PD", "PR", "table"} or None
        Disease that is seen again after a complete response without meeting progression by itself. ``"PD"``: it has
        come back. ``"PR"``: it was never gone, and the earlier complete response is read again as a partial one.
        ``"table"``: the table of target, non-target and new lesions decides as ever. None: ``"PD"`` in 1.1; ``"table"``
        in 1.0, which says nothing of it.
    stable_between, not_evaluable_between : int
        How many assessments of stable disease, and how many that are not evaluable, may stand between a response and
        its confirmation.

    References
    ----------
    Therasse P et al. J Natl Cancer Inst 2000;92:205-216 (1.0). Eisenhauer EA et al. Eur J Cancer 2009;45:228-247 (1.1).
    """

    version: str = "1.0"
    confirmed: bool | None = None
    confirmation_days: float = 28.0
    minimum_stable_days: float = 42.0
    after_complete: str | None = None
    stable_between: int = 0
    not_evaluable_between: int = 1

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "RECIST rules")
        problems = []
        if self.version not in VERSIONS:
            problems.append(f"version is {self.version!r}; {nearest(self.version, VERSIONS)}")
        if self.after_complete is not None and self.after_complete not in AFTER_COMPLETE:
            problems.append(
                f"after_complete is {self.after_complete!r}; {nearest(self.after_complete, AFTER_COMPLETE)}"
            )
        for name in ("confirmation_days", "minimum_stable_days"):
            if not 0 <= getattr(self, name) < math.inf:
                problems.append(f"{name} is {getattr(self, name)}; expected a number of days ≥ 0")
        for name in ("stable_between", "not_evaluable_between"):
            if getattr(self, name) < 0:
                problems.append(f"{name} is {getattr(self, name)}; expected a whole number ≥ 0")
        if problems:
            raise InputError(problems, "RECIST rules")

    @property
    def confirms(self) -> bool:
        """Whether a response needs a second one."""
        return self.version == "1.0" if self.confirmed is None else self.confirmed

    @property
    def returns(self) -> str:
        """What disease after a complete response is."""
        return self.after_complete or ("table" if self.version == "1.0" else "PD")

    def __str__(self) -> str:
        """Say in words what was chosen."""
        second = f"confirmed after ≥ {self.confirmation_days:g} days" if self.confirms else "without confirmation"
        return f"RECIST {self.version}, {second}, stable disease from {self.minimum_stable_days:g} days"


def rules_of(given: Any) -> RecistRules:
    """Return rules, by their version where only that was given.

    Raises
    ------
    InputError
        If it is neither.
    """
    if isinstance(given, RecistRules):
        return given
    if isinstance(given, str):
        return RecistRules(given)
    raise InputError(f"rules are {type(given).__name__}; expected RecistRules or '1.0' or '1.1'", "RECIST rules")
