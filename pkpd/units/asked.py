"""Which units a conversion is asked for, what it has done so far, and what stands in its way."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pkpd.errors import InputError, UnitError, unknown_names, warn
from pkpd.units.exchange import WORDS, check_word, exchanged, without_logarithm
from pkpd.units.factors import factor
from pkpd.units.parsed import parsed
from pkpd.units.words import is_open, show

_SHOWN = 5


@dataclass
class Asked:
    """New units by words and by names.

    Attributes
    ----------
    words, names : mapping
        New units.
    used : dict
        Word or name → units that it replaced, of the dataset at hand.
    done : set
        Words that something was made of, in the whole result.
    unfit : dict
        Word → what is made of it and has another dimension.
    unread : dict
        Name → its unit, which cannot be read.
    problems : list of str
        What stands in the way.
    """

    words: Mapping[str, str]
    names: Mapping[str, str]
    used: dict[str, list[str]] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    unfit: dict[str, list[str]] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, units: Mapping[str, str], known: Iterable[str]) -> Asked:
        """Check what is asked for against the names that there are.

        Raises
        ------
        InputError
            If names do not exist, or a unit is none.
        """
        known = list(dict.fromkeys(known))
        words = {name: unit for name, unit in units.items() if name in WORDS}
        names = {name: unit for name, unit in units.items() if name not in WORDS}
        problems = [text for word, unit in words.items() if (text := check_word(word, unit))]
        problems += unknown_names(names, [*WORDS, *known], "word or variable")
        for name, unit in names.items():
            try:
                parsed(without_logarithm(unit)[0])
            except UnitError as error:
                problems.append(f"{name}: {error}")
        if not units:
            problems.append(
                f"no unit is given; expected a mapping of {', '.join(WORDS)} or a variable's name to a unit"
            )
        if problems:
            raise InputError(problems, "convert_units")
        return cls(words, names)

    def unit(self, name: str, unit: str, dose_unit: str = "", by_dose: bool = False) -> str:
        """Return the unit that something has afterwards.

        Parameters
        ----------
        name, unit : str
            Of a variable.
        dose_unit : str
            Unit of the doses.
        by_dose : bool
            Whether the variable is divided by the dose.
        """
        inner, log = without_logarithm(unit)
        if name in self.names:
            new = without_logarithm(self.names[name])[0]
            try:
                factor(inner, new)
            except UnitError as error:
                self.problems.append(f"{name}: {error}")
                return unit
            self.used.setdefault(name, []).append(unit)
            written = show(new) or "1"
        else:
            of_dose = "dose" in name.split("_") and not name.endswith("_dose")
            try:
                found = exchanged(inner, self.words, of_dose, dose_unit if by_dose or name.endswith("_dose") else "")
            except UnitError:
                if inner and not is_open(inner):
                    self.unread[name] = unit
                return unit
            for word, before in found.used.items():
                self.done.add(word)
                self.used.setdefault(word, []).append(before)
            for word, why in found.unfit:
                self.unfit.setdefault(word, []).append(f"{name} ({unit}): {why}")
            if not found.used:
                return unit
            written = found.unit
        return f"ln({written})" if log else written

    def tried(self, name: str, function: Callable[..., Any], *values: Any) -> Any:
        """Return what a function makes of values; an error becomes a problem of `name`."""
        try:
            return function(*values)
        except InputError as error:
            self.problems.append(f"{name}: {error}")
            return values[0]

    def settle(self) -> None:
        """Raise what stands in the way, and warn of what stays as it is.

        Raises
        ------
        InputError
            With all problems.
        """
        for word, unit in self.words.items():
            if word in self.done:
                continue
            if unfit := self.unfit.get(word):
                more = f" and {len(unfit) - _SHOWN} more" if len(unfit) > _SHOWN else ""
                weight = "; between units per kg and others stand the weights, nca(…, dose_unit=…)"
                hint = weight if any("/kg" in text for text in (*unfit, unit)) else ""
                self.problems.append(f"{word} cannot be {unit!r}, {'; '.join(unfit[:_SHOWN])}{more}{hint}")
            else:
                self.problems.append(f"nothing in the result has a unit made of {word}")
        if self.problems:
            raise InputError(list(dict.fromkeys(self.problems)), "convert_units")
        if self.words and self.unread:
            names = list(self.unread)
            listed = ", ".join(f"{n} ({self.unread[n]})" for n in names[:_SHOWN]) + (", …" if names[_SHOWN:] else "")
            warn(f"{len(names)} units cannot be read; these stay as they are: {listed}")
