"""Subjects whose equations cannot be solved at the start values: left out and named, where that is asked for."""

from __future__ import annotations

import numpy as np

from pkpd.errors import InputError, warn
from pkpd.fit.mixed.marginal.copies import with_rows
from pkpd.fit.mixed.modes.modes import conditional_modes
from pkpd.fit.mixed.problem.problem import Problem

STOP, LEAVE_OUT = "stop", "leave out"
_SHOWN = 5


def without_unsolved(problem: Problem) -> tuple[Problem, tuple[str, ...]]:
    """Return the problem of the subjects that can be solved at its start, and a note that names the others.

    Raises
    ------
    InputError
        If nobody is left.

    Warns
    -----
    DataWarning
        With the count of those who are left out.
    """
    point = problem.at(problem.start)
    modes = conditional_modes(problem, point)
    lost = ~np.isfinite(modes.at.objective)
    if not lost.any():
        return problem, ()
    first = int(np.flatnonzero(lost)[0])
    why = problem.advice(first, point, modes.eta) or "the likelihood is zero or not a number"
    if lost.all():
        raise InputError(f"no subject can be solved at the start values: {why}", "fit_population")
    who = np.flatnonzero(~lost).astype(np.int64)
    rows = np.flatnonzero(~lost[problem.data.subject]).astype(np.int64)
    names = [repr(problem.data.subjects[int(k)]) for k in np.flatnonzero(lost)]
    shown = ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
    note = f"{len(names)} subjects cannot be solved at the start values and are left out: {shown} ({why})"
    warn(note)
    return with_rows(problem, problem.data.part(who.tolist()), who, rows), (note,)
