"""The choices of an analysis of responses as a value: frozen, compared, written into the result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

from pkpd.arguments import brief
from pkpd.errors import nearest, shown
from pkpd.nca.choices import Choices, is_number, preset_among

BASELINES = ("last", "mean", "first")
_CHOICES = {
    "baseline_of": ("first dose", "window"),
    "start": ("baseline", "first sample"),
    "extremes": ("after the beginning", "all"),
    "curve": ("linear", "linear-up/log-down"),
    "direction": ("largest", "up", "down"),
    "blq": ("lloq/2", "zero", "lloq", "drop"),
}


@dataclass(frozen=True)
class ResponseRules(Choices):
    """The rules of an analysis of responses; every value is a choice that the result lists.

    Attributes
    ----------
    baseline : {"last", "mean", "first"} or number
        What the baseline is: the last, the mean or the first of the samples before the dose (at its time counts as
        before, unless marked "post"); or a number in the analyte's unit for everybody, as Phoenix takes it.
    baseline_of : {"first dose", "window"}
        Whether every window has the baseline before the first dose, or one of its own, before its beginning.
    start : {"baseline", "first sample"}
        Where the curve of a window begins if there is no sample at its beginning: at the beginning with the baseline
        (Phoenix), or with the first sample. A window that begins after the first dose begins on the line between the
        samples around its beginning.
    extremes : {"after the beginning", "all"}
        Which samples are the largest and the smallest one taken from: those after the beginning, as a trial reports a
        nadir; or the one at the beginning as well (Phoenix).
    curve : {"linear", "linear-up/log-down"}
        How the curve runs between samples: straight, or exponentially where it falls between positive values.
    direction : {"largest", "up", "down"}
        Which extreme the recovery starts from: that which is farther from the baseline, the peak or the nadir.
    recovery : float
        Which part of the change must have gone to be called recovered, above 0, at most 1: at 1 the response is back
        at its baseline.
    blq : {"lloq/2", "zero", "lloq", "drop"}
        What a sample below the limit of quantification counts as. Where no limit is known, the first and the third
        drop it.
    visit_window : float
        How far from the time that was asked for a sample may be to belong to a visit, in the study's time unit.

    References
    ----------
    Certara, Phoenix WinNonlin user's guide, "Drug effect calculation" and "Drug effect data (model 220)".
    """

    WHERE: ClassVar[str] = "rules of the analysis of responses"

    name: str = "trial"
    baseline: str | float = "last"
    baseline_of: str = "first dose"
    start: str = "baseline"
    extremes: str = "after the beginning"
    curve: str = "linear"
    direction: str = "largest"
    recovery: float = 1.0
    blq: str = "lloq/2"
    visit_window: float = 0.0

    __repr__ = brief

    def problems(self) -> Iterator[str]:
        """Yield one sentence for every choice that does not exist."""
        yield from self.wrong_words(_CHOICES)
        value = self.baseline
        if isinstance(value, str):
            if value not in BASELINES:
                yield f"baseline is {value!r}; {nearest(value, BASELINES)}, or a number"
        elif not is_number(value) or not abs(value) < float("inf"):
            yield f"baseline is {shown(value)}; expected one of {', '.join(BASELINES)}, or a number"
        if not is_number(self.recovery) or not 0 < self.recovery <= 1:
            yield f"recovery is {shown(self.recovery)}; expected a number above 0, at most 1"
        if not is_number(self.visit_window) or not 0 <= self.visit_window < float("inf"):
            yield f"visit_window is {shown(self.visit_window)}; expected a time ≥ 0 in the study's time unit"

    @classmethod
    def phoenix(cls, **changes: Any) -> ResponseRules:
        """Return the rules of Phoenix WinNonlin's drug-effect model, with some choices changed."""
        return RESPONSE_PRESETS["phoenix"].changed(**changes)


RESPONSE_PRESETS: Mapping[str, ResponseRules] = MappingProxyType(
    {
        "trial": ResponseRules(),
        "phoenix": ResponseRules(name="phoenix", extremes="all", curve="linear-up/log-down"),
    }
)
"""Named sets of rules: ``"trial"``, as a trial reports a laboratory value, and ``"phoenix"``.

Phoenix takes a baseline that the user gives (``baseline=2.5``) or the value at the dose, and lets the user choose the
curve (linear as well)."""


def response_preset(name: str) -> ResponseRules:
    """Return the rules of a preset.

    Raises
    ------
    InputError
        If there is no preset of that name; the nearest one is suggested.
    """
    return preset_among(RESPONSE_PRESETS, name)
