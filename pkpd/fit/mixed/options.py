"""Choices of a population fit that rarely change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pkpd.arguments import brief, checked_fields
from pkpd.engine import Settings
from pkpd.errors import InputError, nearest
from pkpd.files import Part
from pkpd.fit.mixed.result.uncertainty import known
from pkpd.fit.mixed.unsolved import LEAVE_OUT, STOP


@dataclass(frozen=True)
class PopulationOptions(Part):
    """Choices of a population fit that rarely change.

    Attributes
    ----------
    starts : int
        From how many start vectors it is searched; 1 is the told one alone, 0 evaluates there and does not search (a
        published model on new data).
    check : bool
        Whether the exact marginal likelihood is computed beside the approximation.
    nodes : int, optional
        Of quadrature, a random effect; by default as many as several thousand places a subject allow, 15 at most.
    draws : int
        Of importance sampling, a subject, where it gives the likelihood.
    flip_flop : bool
        Whether absorption may be slower than elimination; by default ``ka > CL/V`` is held for the typical values of
        absorption models.
    blq : {"M3", "M1", "M2", "M4"}
        What is done with values beyond a limit of quantification (`pkpd.fit.mixed.problem.censoring`).
    covariance : {"R", "S", "sandwich"}
        Which covariance of the estimates is reported.
    missing : mapping
        Covariate → what stands where it is missing: a value, ``"median"`` or ``"mean"``. Without it a missing covariate
        is an error.
    unsolved : {"stop", "leave out"}
        What is done with subjects whose equations cannot be solved at the start values: the fit fails and names them,
        or goes on without them and names them.
    secondary : mapping, optional
        Name → equation of a secondary parameter in typical values, e.g. ``{"half_life": "log(2)*V/CL"}``.
    observed : mapping, optional
        Output → analyte, where the names do not say it.
    seed : int
        Of everything that is drawn.
    settings : Settings
        Tolerances of the solver.
    progress : bool
        Whether every step of the search is printed: evaluation, objective, largest element of the gradient.
    """

    starts: int = 3
    check: bool = True
    nodes: int | None = None
    draws: int = 1000
    flip_flop: bool = False
    blq: str = "M3"
    covariance: str = "R"
    missing: Mapping[str, float | str] = field(default_factory=dict)
    unsolved: str = STOP
    secondary: Mapping[str, str] | None = None
    observed: Mapping[str, str] | None = None
    seed: int = 1
    settings: Settings = field(default_factory=lambda: Settings(method="explicit", max_steps=5000))
    progress: bool = False

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "options")
        known(self.covariance)
        least = {"starts": 0, "nodes": 1, "draws": 8, "seed": 0}
        problems = [
            f"{name} is {getattr(self, name)}; expected a whole number ≥ {low}"
            for name, low in least.items() if getattr(self, name) is not None and getattr(self, name) < low
        ]  # fmt: skip
        if self.unsolved not in (STOP, LEAVE_OUT):
            hint = nearest(self.unsolved, (STOP, LEAVE_OUT))
            problems.append(f"unknown choice {self.unsolved!r} for unsolved; {hint}")
        if problems:
            raise InputError(problems, "options")
