"""What a reader finds: problems that stop the reading, and notes on what was done to the records."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from pkpd.errors import InputError, plainly, warn
from pkpd.errors import shown as in_words


def shown(cell: object) -> str:
    """Write a cell the way a message shows it: quoted when it is text, cut when it is long."""
    try:
        plain = type(cell).__module__ == "builtins" and not callable(cell)
        text = repr(cell) if isinstance(cell, str) else str(cell) if plain or isinstance(cell, date) else in_words(cell)
        text.encode()
    except Exception:  # an object without words, a number of 5000 digits, half a pair of surrogates
        return in_words(cell)
    return text if len(text) <= 40 else text[:37] + "..."


def say(heading: str, meaning: str) -> str:
    """Write what the user can say of a heading."""
    return f"columns={{{heading!r}: {meaning!r}}}"


@dataclass
class Findings:
    """Collects problems and notes while the tables are read, so that all are told at once.

    This is the one mutable thing of the readers: every step adds to it, and `settle` ends the reading.
    `assumed_routes` are routes of doses that nothing in the tables said.
    """

    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    alterations: list[str] = field(default_factory=list)
    assumed_routes: set[str] = field(default_factory=set)

    def problem(self, sentence: str) -> None:
        """Add a problem, once."""
        if sentence not in self.problems[-50:]:
            self.problems.append(sentence)

    def fact(self, sentence: str) -> None:
        """Add a note about the records that were left as they are."""
        self.notes.append(sentence)

    def altered(self, sentence: str) -> None:
        """Add a note about records that were altered or set aside; it is also warned about."""
        self.notes.append(sentence)
        self.alterations.append(sentence)

    def settle(self, where: str) -> tuple[str, ...]:
        """Raise every problem at once, or warn about every alteration and return the notes.

        Raises
        ------
        InputError
            If there is any problem.
        """
        if self.problems:
            raise InputError(self.problems, where)
        for sentence in self.alterations:
            warn(sentence)
        return tuple(map(plainly, self.notes))
