"""What several library models share: parameters that mean the same thing everywhere, and checked choices."""

from __future__ import annotations

from collections.abc import Iterable

from pkpd.errors import InputError, nearest
from pkpd.parameters import Parameter

CONCENTRATION = "amount/volume"


def baseline(name: str, unit: str) -> Parameter:
    """Return the parameter ``<name>_0``."""
    return Parameter(f"{name}_0", unit=unit, meaning=f"baseline of {name}")


def kout(name: str) -> Parameter:
    """Return the parameter ``kout_<name>``."""
    return Parameter(f"kout_{name}", 0.1, "1/time", meaning=f"rate of loss of {name}")


def half(name: str) -> Parameter:
    """Return a concentration of half effect under its whole name, e.g. ``EC50_R``."""
    return Parameter(name, 1.0, CONCENTRATION, meaning="concentration of half effect")


def drive(inhibits: bool, name: str, by: str) -> tuple[str, tuple[Parameter, Parameter]]:
    """Return the saturable factor ``(1 ± max·C/(C50 + C))`` of a rate, and its two parameters.

    Parameters
    ----------
    inhibits : bool
        Imax (at most 1) and IC50, or Smax and SC50.
    name, by : str
        The response, and what drives it.
    """
    if inhibits:
        top = Parameter(f"Imax_{name}", 0.9, upper=1.0, meaning="maximal inhibition")
    else:
        top = Parameter(f"Smax_{name}", 5.0, meaning="maximal stimulation")
    middle = half(f"{'I' if inhibits else 'S'}C50_{name}")
    return f"(1 {'-' if inhibits else '+'} {top.name}*({by})/({middle.name} + ({by})))", (top, middle)


def require_choice(value: object, known: Iterable[object], what: str) -> None:
    """Check that a choice is one of those that exist.

    Raises
    ------
    InputError
        Naming the nearest.
    """
    options = list(known)
    if value not in options or isinstance(value, bool):
        raise InputError(f"unknown {what} {value!r}; {nearest(value, options)}")


def whole(value: float, what: str, most: int) -> int:
    """Return a whole number from 1 to `most`.

    Raises
    ------
    InputError
        If it is none.
    """
    if int(value) != value or not 1 <= value <= most:
        raise InputError(f"{what} is {value}; expected a whole number from 1 to {most}")
    return int(value)
