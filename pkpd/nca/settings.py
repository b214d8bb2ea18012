"""Everything that an analysis was asked for, as one value that can be written down and run again."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from pkpd.arguments import brief, checked_fields, from_json, tuples
from pkpd.errors import InputError, shown, unknown_names
from pkpd.files import Part
from pkpd.nca.kernel.compute import Asked
from pkpd.nca.rules import Rules


@dataclass(frozen=True)
class Points(Part):
    """The user's choice of samples for the terminal regression of one subject's profiles.

    Attributes
    ----------
    subject : str or int
        Whose profiles.
    use : tuple of float
        Times (after the dose) of the samples to take, all of them and no others.
    leave_out : tuple of float
        Times of samples to leave out of the search.
    between : (float, float) or None
        Take all quantifiable samples from one time to another.
    interval : int or None
        Number of the dose; None: every profile of the subject.
    begins : float or None
        Where the profile begins on the study's clock; None: wherever.
    period : int or None
        Of a subject with several periods which one; None: all of them.
    """

    subject: Any
    use: tuple[float, ...] = ()
    leave_out: tuple[float, ...] = ()
    between: tuple[float, float] | None = None
    interval: int | None = None
    begins: float | None = None
    period: int | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "points")
        for name in ("use", "leave_out"):
            object.__setattr__(self, name, tuple(float(x) for x in getattr(self, name)))
        if self.between is not None:
            low, high = self.between
            object.__setattr__(self, "between", (float(low), float(high)))


@dataclass(frozen=True)
class NcaSettings(Part):
    """What an analysis was asked for: `pkpd.nca` with these settings gives the same result again.

    Attributes
    ----------
    analyte : str
        What was analysed.
    rules : Rules
        The choices.
    dose_unit : str or None
        Unit of the doses; None: the study's own.
    intervals : tuple of (float, float), tuple of records or None
        Intervals set by hand, as (start, end) or (subject, start, end); None: by the doses.
    by_dose : bool
        Whether the dosing intervals are analysed.
    tau : float or None
        Length of the interval after the last dose.
    steady_state : bool
        Whether the first recorded dose continues earlier ones.
    windows : tuple of (float, float)
        Areas asked for in every profile.
    above : tuple of float
        Thresholds asked for.
    points : tuple of Points
        Chosen points of terminal regressions.
    plasma : str or None
        The analyte in blood from which a collected one comes.
    drug : str or None
        Into what the doses went that count, ``"all"``: all of them; None: the analyte's own, by its name.
    """

    analyte: str
    rules: Rules
    dose_unit: str | None = None
    intervals: tuple[tuple[Any, ...], ...] | None = None
    by_dose: bool = True
    tau: float | None = None
    steady_state: bool = False
    windows: tuple[tuple[float, float], ...] = ()
    above: tuple[float, ...] = ()
    points: tuple[Points, ...] = ()
    plasma: str | None = None
    drug: str | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "settings")
        problems = [
            f"interval {k} is {shown(one)}; expected (subject, start, end), two numbers with end after start"
            for k, one in enumerate(self.intervals or (), start=1)
            if len(one) != 3 or not _in_order(one[1], one[2])
        ]
        if self.tau is not None and not 0 < self.tau < math.inf:
            problems.append(f"tau is {shown(self.tau)}; expected a positive number in the study's time unit")
        if problems:
            raise InputError(problems, "settings")
        pairs(self.windows, "windows")
        thresholds(self.above)

    @property
    def asked(self) -> Asked:
        """Windows and thresholds."""
        return Asked(self.windows, self.above)

    def changed(self, **changes: Any) -> NcaSettings:
        """Return settings with some entries, or some of their rules, replaced.

        Raises
        ------
        InputError
            If there is no such setting or rule.
        """
        own = {f.name for f in fields(self)} - {"rules"}
        mine = {name: value for name, value in changes.items() if name in own}
        rules = {name: value for name, value in changes.items() if name not in own}
        problems = unknown_names(rules, [*(f.name for f in fields(Rules)), *own], "rule or setting")
        if problems:
            raise InputError(problems, "settings")
        return replace(self, rules=self.rules.changed(**rules), **mine)

    def to_json(self) -> str:
        """Write the settings as JSON, from which `from_json` makes them again."""
        return json.dumps(_plain(asdict(self)))

    @classmethod
    def from_json(cls, text: str) -> NcaSettings:
        """Return the settings that `to_json` wrote."""
        found = _restored(from_json(text, "settings"))
        if not isinstance(found, dict) or not {"analyte", "rules"} <= set(found):
            raise InputError("expected what NcaSettings.to_json wrote, with an analyte and rules", "settings")
        problems = unknown_names(found, [f.name for f in fields(cls)], "setting")
        if problems:
            raise InputError(problems, "settings")
        found["rules"] = Rules.from_json(json.dumps(found["rules"]))
        points = tuples(found.get("points", ()))
        found["points"] = tuple(map(_point, points)) if isinstance(points, tuple) else points
        return cls(**{name: tuples(value) for name, value in found.items()})


def _point(written: Any) -> Any:
    """One choice of points from JSON; what is none is left for the settings to refuse."""
    if not isinstance(written, dict):
        return written
    if problems := unknown_names(written, [f.name for f in fields(Points)], "part of points"):
        raise InputError(problems, "settings")
    return Points(**{"subject": None, **{name: tuples(value) for name, value in written.items()}})


def _in_order(start: Any, end: Any) -> bool:
    numbers = all(isinstance(x, int | float | np.number) and not isinstance(x, bool) for x in (start, end))
    return numbers and math.isfinite(start) and end > start


def _plain(value: Any) -> Any:
    """Numbers and texts as JSON knows them."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and np.isinf(value):
        return {"infinite": 1 if value > 0 else -1}  # JSON has no such number, and a subject may be called "Infinity"
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, dict) and set(value) == {"infinite"} and value["infinite"] in (1, -1):
        return math.inf * value["infinite"]
    if isinstance(value, dict):
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return value


def pairs(values: Iterable[Sequence[float]], what: str) -> tuple[tuple[float, float], ...]:
    """Return pairs of numbers (begin, end), checked.

    Raises
    ------
    InputError
        If one is not a pair with 0 ≤ begin < end; all of them are named.
    """
    found, problems = [], []
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"{what} is {shown(values)}; expected a list of (begin, end)", what)
    for k, one in enumerate(values, start=1):
        try:
            a, b = (float(x) for x in one)
        except (TypeError, ValueError, OverflowError):
            a, b = float("nan"), float("nan")
        if not (0 <= a < b and a < float("inf")):
            problems.append(
                f"{what} {k} is {shown(one)}; expected (begin, end) with 0 ≤ begin < end, times after the dose"
            )
        found.append((a, b))
    if problems:
        raise InputError(problems, what)
    return tuple(found)


def thresholds(values: Iterable[float]) -> tuple[float, ...]:
    """Return concentrations as numbers, checked.

    Raises
    ------
    InputError
        If one is not a finite number ≥ 0.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"above is {shown(values)}; expected a list of concentrations", "above")
    listed = list(values)
    problems = [
        f"above {k} is {shown(x)}; expected a concentration ≥ 0, a number in the analyte's unit"
        for k, x in enumerate(listed, start=1)
        if isinstance(x, bool) or not isinstance(x, int | float | np.number) or not 0 <= x < float("inf")
    ]
    if problems:
        raise InputError(problems, "above")
    return tuple(float(x) for x in listed)
