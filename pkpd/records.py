"""Doses and event records as tables: their columns, what is usual, and one row as one `Dose`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arrays import Array
from pkpd.decimals import product, total
from pkpd.dosing import Dose
from pkpd.errors import InputError
from pkpd.periods import PERIOD_COLUMNS, only_sets_back

if TYPE_CHECKING:
    import pandas

DOSE_COLUMNS = ("subject", "time", "amount", "route", "duration", "occasion", "row")
EVENT_COLUMNS = {
    "rate": 0.0,  # of an infusion that is given by its rate
    "modelled": "",  # "rate" or "duration": the model says it
    "into": "",  # compartment, by number or name; "" is the one that the model names for the route
    "additional": 0,  # so many more doses like this one …
    "interval": 0.0,  # … one every so long
    "steady_state": "",  # "instead" or "added"
    "action": "add",  # "add", "replace" or "multiply"
    "reset": False,  # the system is first set back
    "switch": "",  # "on" or "off": the compartment `into` is turned on or off ("" in `into`: all are turned on)
}
"""What a dose can be beside a time, an amount and a route, with what is usual; columns of `Study.doses` when used."""

RECORD_COLUMNS = (
    "subject",  # identifier
    "time",  # on a clock that never falls within a subject
    "clock",  # time as the table gives it: a reset may start it anew
    "row",  # row of the source table
    "kind",  # one of `RECORD_KINDS`
    "compartment",  # as the table names it; "-" before it: turned off
    "occasion",  # label; <NA> when not given
)
"""Columns of `Study.records`; covariates that change in time follow."""
OBSERVATION, QUESTION, DOSE, OTHER, RESET, RESET_DOSE, COVARIATE = (
    "observation", "question", "dose", "other", "reset", "reset and dose", "covariate",
)  # fmt: skip
RECORD_KINDS = (OBSERVATION, QUESTION, DOSE, OTHER, RESET, RESET_DOSE, COVARIATE)
"""A measured value, a time without one, a dose, anything else, a reset, a reset with a dose, values of covariates."""


_MOST_WRITTEN = 1e7  # doses: more would fill the memory


class Changes(tuple[float, ...]):
    """Times at which a subject's next row of values begins to hold.

    Attributes
    ----------
    late : tuple of bool
        Whether each acts after whatever happens at its time: the next record's covariates act backward to the record
        before, but what that record does is done with its own.
    """

    late: tuple[bool, ...]
    moves: tuple[Any, ...]

    def __new__(
        cls, times: Iterable[float] = (), late: Iterable[bool] | bool = False, moves: Iterable[Any] = ()
    ) -> Changes:
        """Make one from times and, for each or for all, whether it is late, and how it moves with parameters."""
        made = super().__new__(cls, (float(t) for t in times))
        made.late = (late,) * len(made) if isinstance(late, bool) else tuple(late)
        made.moves = tuple(moves)
        return made

    def __getnewargs__(self) -> tuple[tuple[float, ...], tuple[bool, ...], tuple[Any, ...]]:
        return tuple(self), self.late, self.moves

    @property
    def key(self) -> bytes:
        """What distinguishes equal times that move differently."""
        return b"|".join(b"" if m is None else m.tobytes() for m in self.moves)


def complete_doses(doses: pandas.DataFrame) -> pandas.DataFrame:
    """Return a table of doses with every column of `EVENT_COLUMNS`, the usual value where the table has none."""
    lacking = {name: usual for name, usual in EVENT_COLUMNS.items() if name not in doses}
    return doses.assign(**lacking) if lacking else doses


def unusual_columns(doses: pandas.DataFrame) -> list[str]:
    """Return which of `EVENT_COLUMNS` hold anything but what is usual."""
    return [name for name, usual in EVENT_COLUMNS.items() if name in doses and (doses[name] != usual).any()]


def doses_of(doses: pandas.DataFrame, amounts: Array, clock: float) -> list[Dose]:
    """Return every row of a complete table as a `Dose`; equal rows are one object.

    Parameters
    ----------
    doses : DataFrame
        Columns as in `DOSE_COLUMNS` and `EVENT_COLUMNS`.
    amounts : array, shape (rows,)
        What each amount (and rate) is multiplied with.
    clock : float
        What every time is multiplied with.
    """
    scale = np.where(doses["action"].to_numpy() == "multiply", 1.0, amounts)  # a factor has no unit
    numbers = (
        product(doses["time"], clock), doses["amount"].to_numpy(float) * scale, doses["route"],
        product(doses["duration"], clock), doses["rate"].to_numpy(float) * scale / clock, doses["modelled"],
        doses["into"], doses["additional"].to_numpy(int), product(doses["interval"], clock),
        doses["steady_state"], doses["action"], doses["reset"].to_numpy(bool),
    )  # fmt: skip
    made: dict[tuple[Any, ...], Dose] = {}
    rows: list[Dose] = []
    for key in zip(*(column.tolist() for column in numbers), strict=True):
        dose = made.get(key)
        if dose is None:
            dose = made[key] = Dose(*key)
        rows.append(dose)
    return rows


def given_doses(doses: pandas.DataFrame) -> tuple[pandas.DataFrame, dict[str, int]]:
    """Return every dose that was given as a row of its own, and the count of what is not such a dose.

    Additional doses are written out and rates become durations. A dose at steady state stays one row: its column
    ``steady`` is true and ``interval`` says how often it had been repeated.

    Parameters
    ----------
    doses : DataFrame
        Doses of a study, with all `EVENT_COLUMNS`.

    Returns
    -------
    DataFrame, dict
        Columns of `DOSE_COLUMNS`, ``interval`` and ``steady``, and `pkpd.periods.PERIOD_COLUMNS` where there are
        several periods; sentence → number of rows left out.

    Raises
    ------
    InputError
        If there are more than ten million doses to write out.
    """
    left = {
        "resets of the system": doses["reset"] & (doses["amount"] == 0) & ~only_sets_back(doses),
        "changes of what is in a compartment": (doses["action"] != "add") & (doses["switch"] == ""),
        "compartments turned on or off": doses["switch"] != "",
        "constant infusions that end at steady state": (doses["steady_state"] != "") & (doses["amount"] == 0),
    }
    counts: dict[str, int] = {}
    gone = np.array(only_sets_back(doses), dtype=bool)
    for what, rows in left.items():
        new = rows.to_numpy(bool) & ~gone
        if new.any():
            counts[what] = int(new.sum())
        gone |= new
    kept = doses[~gone]
    rate = kept["rate"].to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        length = np.where(rate > 0, kept["amount"].to_numpy(float) / rate, kept["duration"].to_numpy(float))
    length = np.where((kept["modelled"] != "").to_numpy(), np.nan, length)  # the model knows it, the study does not
    times = kept["additional"].to_numpy(int) + 1
    if times.sum(dtype=float) > _MOST_WRITTEN:
        raise InputError(
            f"{times.sum(dtype=float):.3g} doses with their additional ones; expected at most {_MOST_WRITTEN:.0e} to "
            "write out", "doses",
        )  # fmt: skip
    place = np.repeat(np.arange(len(kept)), times)
    number = np.arange(len(place)) - np.repeat(np.cumsum(times) - times, times)
    plain = kept.assign(duration=length, steady=(kept["steady_state"] != "").to_numpy())
    periods = [name for name in PERIOD_COLUMNS if name in plain]
    plain = plain[[*DOSE_COLUMNS, "interval", "steady", *periods]].iloc[place]
    clocks = {name: total(plain[name], number, plain["interval"]) for name in ("time", "clock") if name in plain}
    plain = plain.assign(**clocks, steady=plain["steady"].to_numpy(bool) & (number == 0))
    return plain.sort_values(["subject", "time"], kind="stable", ignore_index=True), counts
