"""The choices of a non-compartmental analysis as a value: frozen, compared, written into the result (floor 3)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from pkpd.errors import InputError, nearest, unknown_names

_CHOICES = {
    "auc": ("linear-up/log-down", "linear"),
    "blq_before": ("by route", "zero", "lloq/2", "drop"),
    "blq_between": ("zero", "lloq/2", "drop"),
    "blq_after": ("zero", "lloq/2", "drop"),
    "c0": ("log back-extrapolation", "first observed"),
    "time_zero": ("by route", "none"),
}


@dataclass(frozen=True)
class Rules:
    """The rules of an analysis; every value is a choice that the result lists.

    Attributes
    ----------
    auc : {"linear-up/log-down", "linear"}
        Trapezoidal rule, per segment: the logarithmic one where the concentration falls and both ends are
        positive, else the linear one; or the linear one throughout (Phoenix: "Linear Up Log Down" and
        "Linear Trapezoidal Linear Interpolation"; the latter is what Phoenix itself starts with).
    lambda_z_points : int
        Smallest number of points of the terminal regression, at least 3.
    lambda_z_tolerance : float
        The regression with the largest adjusted R² is taken, or one with more points whose adjusted R² lies
        at most this much below.
    lambda_z_cmax : bool or None
        Whether the point at Cmax may take part; None: after an intravenous bolus only, as in Phoenix.
        Points before Cmax or before the end of an infusion never take part, nor do BLQ samples or zeros.
    blq_before, blq_between, blq_after : {"zero", "lloq/2", "drop"}
        What a BLQ sample before the first, between, and after the last quantifiable one counts as.
        ``blq_before`` may be ``"by route"``: zero, but dropped after a bolus (which has no rising phase).
        Where no LLOQ is known, ``"lloq/2"`` drops. Phoenix knows no BLQ: a user hands it zeros or blanks. After
        the last quantifiable sample zeros change nothing but AUCall, whose definition they complete.
    c0 : {"log back-extrapolation", "first observed"}
        C0 of a bolus without a sample at the time of the dose: from the straight line through the logarithms
        of the first two samples; the first sample itself if the line does not fall or one of them is zero.
    time_zero : {"by route", "none"}
        Value at the time of an extravascular dose or an infusion that has no sample then: zero after a first
        dose, the smallest value of the interval after a later one; ``"none"`` leaves it missing.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "NCA computation rules": data checking and pre-treatment; lambda Z
    or slope estimation settings.
    """

    name: str = "phoenix"
    auc: str = "linear-up/log-down"
    lambda_z_points: int = 3
    lambda_z_tolerance: float = 1e-4
    lambda_z_cmax: bool | None = None
    blq_before: str = "by route"
    blq_between: str = "drop"
    blq_after: str = "zero"
    c0: str = "log back-extrapolation"
    time_zero: str = "by route"

    def __post_init__(self) -> None:
        problems = [
            f"{key} is {getattr(self, key)!r}; {nearest(getattr(self, key), known)}"
            for key, known in _CHOICES.items()
            if getattr(self, key) not in known
        ]
        if not (isinstance(self.lambda_z_points, int) and self.lambda_z_points >= 3):
            problems.append(f"lambda_z_points is {self.lambda_z_points!r}; expected a whole number ≥ 3")
        if not (isinstance(self.lambda_z_tolerance, int | float) and 0 <= self.lambda_z_tolerance < 1):
            problems.append(f"lambda_z_tolerance is {self.lambda_z_tolerance!r}; expected a number from 0 to 1")
        if self.lambda_z_cmax not in (True, False, None):
            problems.append(f"lambda_z_cmax is {self.lambda_z_cmax!r}; expected True, False or None (by route)")
        if problems:
            raise InputError(problems, "rules")

    def changed(self, **changes: Any) -> Rules:
        """Return the rules with some choices replaced, under the name "…, changed".

        Raises
        ------
        InputError
            If a choice or its value does not exist; the nearest one is suggested.
        """
        if not changes:
            return self
        problems = unknown_names(changes, [f.name for f in fields(self)], "rule")
        if problems:
            raise InputError(problems, "rules")
        name = self.name if self.name.endswith(", changed") else f"{self.name}, changed"
        return replace(self, **{"name": name, **changes})

    def to_json(self) -> str:
        """Write the rules as JSON, from which `from_json` makes them again."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Rules:
        """Return the rules that `to_json` wrote."""
        found = json.loads(text)
        return cls(**found)

    @classmethod
    def phoenix(cls, **changes: Any) -> Rules:
        """Return the rules of Phoenix WinNonlin, with some choices changed."""
        return PRESETS["phoenix"].changed(**changes)


PRESETS: Mapping[str, Rules] = MappingProxyType({"phoenix": Rules()})
"""Named sets of rules; they differ in nothing but the choices above."""


def preset(name: str) -> Rules:
    """Return the rules of a preset.

    Raises
    ------
    InputError
        If there is no preset of that name; the nearest one is suggested.
    """
    if name not in PRESETS:
        raise InputError(f"unknown preset {name!r}; {nearest(name, PRESETS)}")
    return PRESETS[name]
