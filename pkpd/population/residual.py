"""Residual error: how far a measurement lies from the prediction, and on which scale.

One class a kind. It states its parameters, its standard deviation as text, and its scale; names, start values,
derivatives, compiled code, drawing and checks all come from there.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.errors import InputError, ModelError, nearest, shown, unknown_names
from pkpd.model import expressions
from pkpd.parameters import Parameter, Parameters
from pkpd.parameters.scale import LOG, NATURAL, Scale

PREDICTION, MEASUREMENT = "f", "y"
"""Names that stand in the text of a standard deviation beside the error's own parameters."""
_SCALES: Mapping[str, Scale] = {"identity": NATURAL, "log": LOG}

StartRule = float | Callable[[Array], float]
"""A number, or what makes one of the measured values, shape (rows,)."""


@dataclass(frozen=True)
class ErrorParameter:
    """One parameter of a residual error.

    Parameters
    ----------
    name : str
        Short name, e.g. ``"prop"``; that of output C is then ``prop_C``.
    meaning : str
        What it is, in words.
    start : float or callable
        Start value of a fit, or a function of the measured values.
    second : float or callable, optional
        Start value of a second search, where an error has more than one optimum.
    has_unit : bool
        Whether it has the unit of the output.
    lower, upper : float
        Bounds.
    """

    name: str
    meaning: str
    start: StartRule = 0.2
    second: StartRule | None = None
    has_unit: bool = False
    lower: float = 0.0
    upper: float = math.inf


@dataclass(frozen=True, init=False)
class ResidualError:
    r"""Residual error of one output: :math:`h(y) = h(f) + g\,\varepsilon`, where h is the identity or the log.

    The base of the kinds. A kind of its own is a class that states the four attributes below (see
    ``docs/how-to-add.md``). Make one with `residual_error`.

    Parameters
    ----------
    output : str
        Name of the output.

    Attributes
    ----------
    kind : str
        Name of the kind.
    parameters : tuple of ErrorParameter
        Its own parameters.
    sd : str
        Standard deviation g on the error's scale, as text in ``f`` (the prediction, in the output's unit), the names
        of `parameters`, and ``y`` (the measured value, or its limit where it is censored; the prediction where
        measurements are drawn).
    scale : {"identity", "log"}
        Scale on which measurements scatter.
    """

    output: str

    kind: ClassVar[str] = ""
    parameters: ClassVar[tuple[ErrorParameter, ...]] = ()
    sd: ClassVar[str] = ""
    scale: ClassVar[str] = "identity"

    def __init__(self, output: str, kind: str | None = None) -> None:
        object.__setattr__(self, "output", output)

    def __new__(cls, *arguments: Any, **named: Any) -> ResidualError:
        """Make one of a kind; the base itself with the name of a kind is the old way to say `residual_error`."""
        kind = named.get("kind", arguments[1] if len(arguments) > 1 else None)
        if kind is not None:
            if cls is not ResidualError:
                raise InputError(f"{cls.__name__} is a kind already; expected the output alone")
            text = "ResidualError(output, kind) is now residual_error(output, kind)"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
            cls = kind_named(kind, named.get("output", arguments[0] if arguments else ""))
        elif not cls.kind:
            known = ", ".join(KINDS)
            raise InputError(f"a residual error needs its kind: residual_error(output, kind); known: {known}")
        return super().__new__(cls)

    def __init_subclass__(cls, **options: Any) -> None:
        """Check what a kind states, when its class is made."""
        super().__init_subclass__(**options)
        own = [p.name for p in cls.parameters]
        problems = [] if cls.kind else ["it has no name; expected kind = '…'"]
        problems += [f"{n!r} cannot name a parameter; {expressions.name_advice(n)}" for n in own if not _is_name(n)]
        if len(set(own)) < len(own):
            problems.append(f"a parameter stands twice in {own}")
        if cls.scale not in _SCALES:
            problems.append(f"unknown scale {cls.scale!r}; {nearest(cls.scale, _SCALES)}")
        try:
            used = expressions.names(cls.sd)
            problems += unknown_names(sorted(used), [PREDICTION, MEASUREMENT, *own], "name in its SD")
            problems += [f"its SD {cls.sd!r} does not use the parameter {n!r}" for n in own if n not in used]
        except ModelError as error:
            problems += error.problems
        if problems:
            raise InputError(problems, f"residual error {cls.__name__}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its parameters, e.g. ``("prop_C", "add_C")``."""
        return tuple(f"{p.name}_{self.output}" for p in self.parameters)

    @property
    def label(self) -> str:
        """What tells it from every other: the kind, with its text where the class is not the package's own."""
        known = KINDS.get(self.kind) is type(self)
        return self.kind if known else f"{self.kind} (SD {self.sd}, scale {self.scale})"

    @property
    def transform(self) -> Scale:
        """The scale on which measurements scatter, as a function."""
        return _SCALES[self.scale]

    def start(self, values: Array, unit: str) -> Parameters:
        """Return start values.

        Parameters
        ----------
        values : array, shape (rows,)
            Measured values of the output.
        unit : str
            Unit of the output.
        """
        return Parameters(
            tuple(
                Parameter(
                    name, _start_value(p.start, values), unit if p.has_unit else "", p.lower, p.upper,
                    meaning=f"{p.meaning} of {self.output}",
                )
                for name, p in zip(self.names, self.parameters, strict=True)
            )
        )  # fmt: skip

    def second_start(self, values: Array) -> dict[str, float]:
        """Return by name the start values of a second search; empty where one is enough."""
        pairs = zip(self.names, self.parameters, strict=True)
        return {name: _start_value(p.second, values) for name, p in pairs if p.second is not None}

    def measured(self, f: Array, sd: Array, noise: Array) -> Array:
        """Return measurements for predictions, their standard deviations and standard normal numbers of one shape."""
        return self.transform.moved(f, sd * noise)


def _is_name(name: str) -> bool:
    return expressions.is_name(name) and name not in (PREDICTION, MEASUREMENT)


def _start_value(rule: StartRule, values: Array) -> float:
    return float(rule(values)) if callable(rule) else rule


def _small(values: Array) -> float:
    """A tenth of the smallest positive measurement."""
    positive = values[values > 0]
    return 0.1 * float(positive.min()) if positive.size else 0.1


def _wide(values: Array) -> float:
    """Three tenths of the standard deviation of the measurements."""
    return max(0.3 * (float(np.std(values)) if values.size > 1 else 1.0), _small(values))


def _medium(values: Array) -> float:
    """A fifth of the standard deviation of the measurements."""
    return max(0.2 * (float(np.std(values)) if values.size else 0.0), _small(values))


class Additive(ResidualError):
    r""":math:`y = f + a\varepsilon`."""

    kind = "additive"
    parameters = (ErrorParameter("add", "additive residual SD", start=_wide, has_unit=True),)
    sd = "add"


class Proportional(ResidualError):
    r""":math:`y = f(1 + b\varepsilon)`."""

    kind = "proportional"
    parameters = (ErrorParameter("prop", "proportional residual SD"),)
    sd = "abs(prop*f)"


class Combined(ResidualError):
    r""":math:`y = f + \sqrt{a^2 + b^2 f^2}\,\varepsilon`; mostly proportional and mostly additive have optima each."""

    kind = "combined"
    parameters = (
        ErrorParameter("prop", "proportional residual SD", second=0.03),
        ErrorParameter("add", "additive residual SD", start=_small, second=_medium, has_unit=True),
    )
    sd = "sqrt(add**2 + (prop*f)**2)"


class CombinedSum(ResidualError):
    r""":math:`y = f + (a + b|f|)\,\varepsilon`: the two SDs are added, not their squares as in `Combined`."""

    kind = "combined1"
    parameters = Combined.parameters
    sd = "add + abs(prop*f)"


class Power(ResidualError):
    r""":math:`y = f + b|f|^c\,\varepsilon`."""

    kind = "power"
    parameters = (
        ErrorParameter("prop", "residual SD where the prediction is 1"),
        ErrorParameter("power", "power of the prediction in the residual SD", start=0.9),
    )
    sd = "prop*abs(f)**power"


class LogNormal(ResidualError):
    r""":math:`\log y = \log f + s\,\varepsilon`."""

    kind = "log"
    parameters = (ErrorParameter("sd", "residual SD on the log scale"),)
    sd = "sd"
    scale = "log"


_SCALE = ErrorParameter("scale", "residual SD per square root of the weight")


class Weighted(ResidualError):
    r""":math:`y = f + s\sqrt{y}\,\varepsilon`: weighted least squares with weights 1/y from the data."""

    kind = "weighted 1/y"
    parameters = (_SCALE,)
    sd = "scale*sqrt(abs(y))"


class WeightedSquare(ResidualError):
    r""":math:`y = f + s\,y\,\varepsilon`: weighted least squares with weights 1/y² from the data."""

    kind = "weighted 1/y²"
    parameters = (_SCALE,)
    sd = "scale*abs(y)"


ErrorKind = str | type[ResidualError]
"""What a user may say: the name of a kind, or a class of his own."""

_CLASSES: tuple[type[ResidualError], ...] = (
    Additive, Proportional, Combined, CombinedSum, Power, LogNormal, Weighted, WeightedSquare,
)  # fmt: skip
KINDS: Mapping[str, type[ResidualError]] = {each.kind: each for each in _CLASSES}
"""Name → class of every kind that the package knows."""
ALSO: Mapping[str, str] = {"combined2": "combined", "lognormal": "log", "pow": "power"}
"""Other names of these in the field."""


def kind_named(kind: ErrorKind, output: str) -> type[ResidualError]:
    """Return the class of a kind.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if isinstance(kind, type) and issubclass(kind, ResidualError):
        return kind
    name = ALSO.get(kind, kind) if isinstance(kind, str) else None
    if name not in KINDS:
        raise InputError(f"unknown residual error {shown(kind)} of {output!r}; {nearest(kind, [*KINDS, *ALSO])}")
    return KINDS[name]


@checked
def residual_error(output: str, kind: ErrorKind) -> ResidualError:
    """Return the residual error of an output.

    Parameters
    ----------
    output : str
        Name of the output.
    kind : str or class
        One of `KINDS` (or `ALSO`), or a class of one's own that is derived from `ResidualError`.

    Raises
    ------
    InputError
        If there is no such kind.
    """
    return kind_named(kind, output)(output)


def error_of(kinds: Iterable[type[ResidualError]] = ()) -> Callable[[str, str, str], ResidualError]:
    """Return what makes residual errors again that were written down: of output, kind and label.

    Parameters
    ----------
    kinds : iterable of class
        Errors of the user's own, beside the package's.
    """
    known = (*kinds, *KINDS.values())

    def error(output: str, kind: str, label: str) -> ResidualError:
        for one in known:
            if one.kind == kind and (made := one(output)).label == label:
                return made
        raise InputError(f"residual error {label!r} of {output} is none of the package's; give its class by kinds=")

    return error
