"""How to solve: tolerances, method, limits, threads."""

from __future__ import annotations

import math
from dataclasses import dataclass

from pkpd.arguments import brief, checked_fields
from pkpd.errors import InputError, nearest
from pkpd.files import Part

METHODS = ("automatic", "explicit", "stiff")


@dataclass(frozen=True)
class Settings(Part):
    """How to solve.

    Attributes
    ----------
    rtol : float
        Relative tolerance of what is integrated; closed-form states are exact.
    atol : float, optional
        Absolute tolerance (less for a state that starts from, or is given, less than 1 of its unit). By default each
        state's is 1e-12 of the largest that the state has been, so that it does not depend on units; of a state that
        multiplies and can grow again (cells after a deep kill) it is 1e-12 of what is left.
    method : {"automatic", "explicit", "stiff"}
        ``explicit`` is a Taylor series (order 8, 12 or 16 by tolerance) for equations that have one, else
        Dormand–Prince 8(5,3); ``stiff`` is Radau IIA (order 5 or 9 by tolerance; SciPy's methods where numba is
        absent); ``automatic`` begins explicit and gives the subjects whose equations prove stiff, or that cannot be
        finished, to the stiff method. `Compiled.method` names what a model gets.
    max_steps : int, optional
        Limit per subject. By default 100 000 and 1 000 more for every segment of its time line (a dose, the end of an
        infusion, a change of values), so that thousands of doses do not pass it.
    max_step : float
        No step is longer (in the model's unit of time; by default as long as accuracy allows). What depends on time
        alone, and conditions on states, are searched for by themselves; this is for the rest, such as a narrow peak of
        a smooth function of a state.
    workers : int or None
        Threads; None takes one per core for many subjects. Results do not depend on it.

    Raises
    ------
    InputError
        Listing every value that cannot be used.
    """

    rtol: float = 1e-8
    atol: float | None = None
    method: str = "automatic"
    max_steps: int | None = None
    workers: int | None = None
    max_step: float = math.inf

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "solver settings")
        problems = []
        if not 1e-14 <= self.rtol < 1:
            problems.append(f"rtol is {self.rtol}; expected 1e-14 to 1")
        if self.atol is not None and not self.atol > 0:
            problems.append(f"atol is {self.atol}; expected a number > 0")
        if self.method not in METHODS:
            problems.append(f"unknown method {self.method!r}; {nearest(self.method, METHODS)}")
        if self.max_steps is not None and self.max_steps < 1:
            problems.append(f"max_steps is {self.max_steps}; expected a whole number ≥ 1")
        if not self.max_step > 0:
            problems.append(f"max_step is {self.max_step}; expected a time > 0")
        if self.workers is not None and self.workers < 1:
            problems.append(f"workers is {self.workers}; expected a whole number ≥ 1")
        if problems:
            raise InputError(problems, "solver settings")
