"""What a model of response on exposure cannot see: an exposure that came after the event, and immortal time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Flags
from pkpd.errors import InputError, nearest, shown, warn
from pkpd.trial.exposure_response.descriptive import numbers_of

if TYPE_CHECKING:
    import pandas


def caveats_of(
    table: pandas.DataFrame,
    happened: Flags,
    exposures: Sequence[str],
    measured: Mapping[str, Any] | None,
    when: str | None,
    survival: bool,
) -> list[str]:
    """Return the caveats of every exposure, in words.

    Parameters
    ----------
    table : DataFrame
        One row per patient.
    happened : array of bool
        Who has the response, or the event.
    exposures : sequence of str
        The exposures.
    measured : mapping, optional
        Exposure → day (or column of days) until which it was measured.
    when : str, optional
        Column of the day of the response or event.
    survival : bool
        Whether `when` is a time until an event or censoring.

    Raises
    ------
    InputError
        If a day cannot be used.

    Warns
    -----
    DataWarning
        Counting events that came before an exposure was known.
    """
    said = dict(measured or {})
    problems = [f"measured names {name!r}, which is no exposure; {nearest(name, exposures)}"
                for name in said if name not in exposures]  # fmt: skip
    if when is not None and when not in table:
        problems.append(f"no column {when!r}; {nearest(when, [c for c in table if c != 'row'])}")
    days: dict[str, Any] = {}
    for name, day in said.items():
        if isinstance(day, str):
            if day in table:
                days[name] = numbers_of(table, day, "patients")
            else:
                problems.append(f"no column {day!r}, in which measured says when {name} was known")
        elif isinstance(day, int | float) and not isinstance(day, bool) and np.isfinite(day):
            days[name] = np.full(len(table), float(day))
        else:
            problems.append(f"measured of {name} is {shown(day)}; expected a day or the name of a column")
    if problems:
        raise InputError(problems, "exposure_models")
    unknown = [name for name in exposures if name not in days or when is None]
    found = []
    if unknown:
        found.append(
            f"not checked whether {', '.join(unknown)} was known before the response: an exposure that went on "
            "after it, or was stopped by it, is no cause of it (give measured= and when=)"
        )
    ends = numbers_of(table, when, "patients") if when is not None else None
    for name, day in days.items():
        if ends is None:
            continue
        early = int((happened & (ends < day)).sum())
        if early:
            patients = f"{early} of {int(happened.sum())} patients with the event"
            text = f"{patients} had it before {name} was known; their exposure came after it"
            found.append(text)
            warn(text)
        left = int((~happened & (ends < day)).sum()) if survival else 0
        if survival and (day > 0).any():
            found.append(
                f"immortal time: {name} is known only of who was followed until it was measured"
                + (f" ({left} were censored before)" if left else "") + "; count time from that day (landmark)"
            )  # fmt: skip
    return found
