"""Choices of a fit that rarely change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pkpd.arguments import brief, checked_fields
from pkpd.engine import Settings
from pkpd.errors import InputError, nearest
from pkpd.files import Part

BASELINES = ("estimated", "observed")


@dataclass(frozen=True)
class Options(Part):
    """Choices of a fit that rarely change.

    Attributes
    ----------
    observed : mapping, optional
        Output → analyte, where the names do not say it.
    baseline : {"estimated", "observed"}
        Whether the start of an observed state is estimated or each subject's mean before its first dose.
    robust : bool or None
        Standard errors that allow for correlation within a subject; None means yes for more than one subject.
    settings : Settings
        Tolerances of the solver. By default a subject that needs thousands of steps makes the trial values
        impossible, which keeps a search from wandering off; a stiff model wants ``Settings(method="stiff")``.
    """

    observed: Mapping[str, str] | None = None
    baseline: str = "estimated"
    robust: bool | None = None
    settings: Settings = field(default_factory=lambda: Settings(method="explicit", max_steps=5000))

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "options")
        if self.baseline not in BASELINES:
            raise InputError(f"unknown baseline {self.baseline!r}; {nearest(self.baseline, BASELINES)}")
