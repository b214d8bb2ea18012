"""The data items of a NONMEM data set as numbers, and everything in them that PREDPP would not accept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from pkpd.arrays import Flags

ITEMS = ("ID", "TIME", "EVID", "AMT", "RATE", "CMT", "II", "ADDL", "SS", "DV", "MDV")
DOSE_ITEMS = ("AMT", "RATE", "II", "ADDL", "SS")
_MOST_DOSES = 1e15  # a count that is exact as a float and fits into 64 bits
_LONGEST = 1e100  # times of which a few can be added
_MAY_LACK = ("ID", "TIME", "DV")


class Events:
    """Data items by name, as arrays over the records.

    Attributes
    ----------
    items, extra : dict of str to array
        PREDPP's data items, with zero where a cell was empty, and the columns that are covariates.
    missing : dict of str to array of bool
        Which cells of the items were empty.
    texts : list of str
        Problems with cells that are no numbers.
    sign : array
        -1 where the compartment is turned off, else 1.
    rows, names, shown
        For messages: number of every row, its subject, and the headings of items that the table calls otherwise.
    placebo : bool
        Whether a dose of 0 is one (NONMEM refuses it).
    """

    def __init__(self, count: int, rows: Sequence[int] = (), names: Sequence[str] = ()) -> None:
        self.count = count
        self.rows = rows or range(1, count + 1)
        self.names = names
        self.shown: dict[str, str] = {}
        self.items: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.missing: dict[str, Flags] = {}
        self.texts: list[str] = []
        self.placebo = False
        self._names: list[str] = [""] * count
        self._cmt: Any = None
        self.sign = np.ones(count)

    def __len__(self) -> int:
        return self.count

    def add(self, name: str, cells: Sequence[float | str | None]) -> bool:
        """Take in a column; return whether it is numbers throughout (or, for an item, may be used)."""
        texts = [k for k, cell in enumerate(cells) if isinstance(cell, str)]
        if name == "CMT" and texts:
            self._cmt = np.array([0.0 if cell is None else cell for cell in cells], dtype=object)
            for k in texts:
                name_of = str(cells[k])
                self.sign[k] = -1.0 if name_of.startswith("-") else 1.0
                self._names[k] = name_of.lstrip("-")
                if not self._names[k].isidentifier():
                    self.texts.append(
                        f"row {self.rows[k]}, column CMT: {name_of!r}; expected a number or a state's name"
                    )
            cells = [0.0 if isinstance(cell, str) else cell for cell in cells]
        elif texts:
            if name in ITEMS:
                self.texts += [
                    f"row {self.rows[k]}, column {self.shown.get(name, name)}: {cells[k]!r}; expected a number"
                    for k in texts
                ]
            return False
        found = np.array([np.nan if cell is None else cell for cell in cells], dtype=float)
        lack = np.isnan(found)
        if name not in ITEMS:
            if lack.any():
                return False
            self.extra[name] = found
            return True
        self.missing[name] = lack
        self.items[name] = found if name in _MAY_LACK else np.where(lack, 0.0, found)
        return True

    def complete(self) -> None:
        """Fill in the items that the table does not have."""
        nothing, lack = np.zeros(self.count), np.ones(self.count, dtype=bool)
        for name in (*DOSE_ITEMS, "CMT"):
            if name not in self.items:
                self.items[name], self.missing[name] = nothing, lack
        if "EVID" not in self.items:
            given = np.any([self.items[name] != 0 for name in DOSE_ITEMS], axis=0)
            self.items["EVID"] = given.astype(float)
        self.sign = np.where(self.items["CMT"] < 0, -1.0, self.sign)
        ids = self.items["ID"]
        self.starts = np.concatenate(([True], ids[1:] != ids[:-1]))  # a subject that comes again is another one
        self.resets = np.isin(self.items["EVID"], (3, 4))

    def column(self, name: str) -> Any:
        """The column as the table of the records shows it."""
        if name == "CMT" and self._cmt is not None:
            return self._cmt
        return self.items[name] if name in self.items else self.extra[name]

    def compartment(self, k: int) -> str:
        """Number or name of the compartment of a record, "" for the default."""
        number = self.items["CMT"][k]
        return self._names[k] or (str(int(abs(number))) if number else "")


def problems_of(events: Events) -> list[str]:
    """Return everything that PREDPP would not accept, by row."""
    found: list[tuple[int, str]] = []
    items = events.items

    def say(bad: Flags, column: str, expected: str) -> None:
        if bad.any():
            for k in np.flatnonzero(bad).tolist():
                value = "missing" if column in events.missing and events.missing[column][k] else f"{items[column][k]:g}"
                who = events.names[k] if events.names else f"{items['ID'][k]:g}"
                whose = f", ID {who}" if who else ""
                place = f"row {events.rows[k]}{whose}, column {events.shown.get(column, column)}"
                found.append((k, f"{place}: {value}; expected {expected}"))

    with np.errstate(invalid="ignore"):
        _of_records(events, say)
        _of_doses(events, say)
    return [sentence for _, sentence in sorted(found, key=lambda pair: pair[0])]


def _of_records(events: Events, say: Any) -> None:
    items, evid = events.items, events.items["EVID"]
    dosing = np.isin(evid, (1, 4))
    say(~np.isin(evid, (0, 1, 2, 3, 4)), "EVID", "0, 1, 2, 3 or 4")
    say(~np.isfinite(items["ID"]), "ID", "an identifier, a number or a text")
    say(~(np.abs(items["TIME"]) <= _LONGEST), "TIME", f"a number between ±{_LONGEST:g}")
    for name in DOSE_ITEMS:
        say(~dosing & (items[name] != 0), name, "0 in a record that gives no dose (EVID 0, 2, 3)")
    number = items["CMT"]
    whole = np.isfinite(number) & (np.abs(number) < 1e6) & (number % 1 == 0)
    say(~whole, "CMT", "the number of a compartment, or its negative to turn it off")
    say(whole & dosing & (number < 0), "CMT", "a compartment that is on in a record that gives a dose")
    earlier = np.concatenate(([False], items["TIME"][1:] < items["TIME"][:-1])) & ~events.starts & ~events.resets
    say(earlier, "TIME", "a time not before that of the record before (only a reset, EVID 3 or 4, starts time anew)")


def _of_doses(events: Events, say: Any) -> None:
    items = events.items
    amount, rate, interval, more, steady = (items[name] for name in DOSE_ITEMS)
    dosing = np.isin(items["EVID"], (1, 4))
    for name in ("AMT", "RATE", "II", "ADDL"):
        say(dosing & np.isinf(items[name]), name, "a finite number")
    lacks = dosing & events.missing["AMT"]
    known = dosing & ~lacks & np.isfinite(amount)
    say(
        lacks,
        "AMT",
        "an amount (0 for a constant infusion that ends at steady state), or no RATE, II, ADDL and SS in "
        "a row that gives no dose",
    )
    say(known & (amount < 0), "AMT", "a number ≥ 0")
    say(dosing & ~((rate >= 0) | np.isin(rate, (-1, -2))), "RATE", "a number ≥ 0, -1 or -2")
    say(dosing & ~np.isin(steady, (0, 1, 2, 3)), "SS", "0, 1, 2 or 3")
    say(dosing & np.isfinite(more) & ~((more >= 0) & (more % 1 == 0)), "ADDL", "a whole number ≥ 0")
    say(dosing & np.isfinite(more) & (more > _MOST_DOSES), "ADDL", f"at most {_MOST_DOSES:g} doses")
    say(dosing & ~(interval >= 0), "II", "a number ≥ 0")
    constant = known & (amount == 0)
    repeated = known & (amount > 0)
    empty = constant & (rate == 0) & (interval == 0) & (more == 0)
    say(
        constant & (steady == 0) & ~(empty & events.placebo),
        "AMT",
        "an amount > 0 for a dose that is not at steady state",
    )
    say(constant & (rate == -2), "RATE", "0, a rate or -1 for a constant infusion")
    for name in ("II", "ADDL"):
        say(constant & (steady > 0) & (items[name] != 0), name, "0 for a constant infusion (AMT 0)")
    say(repeated & (steady > 0) & (interval == 0), "II", "a number > 0 with SS")
    say(repeated & (steady == 0) & (more > 0) & (interval == 0), "II", "a number > 0 with ADDL")
