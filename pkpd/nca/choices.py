"""What every set of rules has in common: frozen, named, compared, checked, written as JSON and read again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar, Self, TypeVar

from pkpd.arguments import checked_fields, from_json
from pkpd.errors import InputError, nearest, unknown_names
from pkpd.files import Part


@dataclass(frozen=True)
class Choices(Part):
    """A named set of choices; every other field of a class made from it is one choice.

    Attributes
    ----------
    name : str
        What the set is called.
    """

    WHERE: ClassVar[str] = "rules"
    """What an error says was being read."""

    name: str = ""

    def __post_init__(self) -> None:
        checked_fields(self, self.WHERE)
        if problems := list(self.problems()):
            raise InputError(problems, self.WHERE)

    def problems(self) -> Iterator[str]:
        """Yield one sentence for every choice that does not exist."""
        yield from ()

    def changed(self, **changes: Any) -> Self:
        """Return the rules with some choices replaced, under the name "…, changed".

        Raises
        ------
        InputError
            If a choice or its value does not exist; the nearest one is suggested.
        """
        if not changes:
            return self
        self.check_names(changes)
        name = self.name if self.name.endswith(", changed") else f"{self.name}, changed"
        return replace(self, **{"name": name, **changes})

    def differences(self, other: Self) -> dict[str, tuple[Any, Any]]:
        """Return the choices in which these rules and others differ, with the values of both."""
        return {
            f.name: (getattr(self, f.name), getattr(other, f.name))
            for f in fields(self)
            if f.name != "name" and getattr(self, f.name) != getattr(other, f.name)
        }

    def to_json(self) -> str:
        """Write the rules as JSON, from which `from_json` makes them again."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the rules that `to_json` wrote.

        Raises
        ------
        InputError
            If the text is not what `to_json` writes, or a choice or its value does not exist.
        """
        written = from_json(text, cls.WHERE)
        if not isinstance(written, dict):
            raise InputError(f"expected what {cls.__name__}.to_json wrote", cls.WHERE)
        cls.check_names(written)
        return cls(**written)

    @classmethod
    def check_names(cls, names: Mapping[str, Any]) -> None:
        """Raise an `InputError` that suggests the nearest choice for every name that is none."""
        if problems := unknown_names(names, [f.name for f in fields(cls)], "rule"):
            raise InputError(problems, cls.WHERE)

    def wrong_words(self, choices: Mapping[str, Sequence[str]]) -> Iterator[str]:
        """Yield one sentence for every choice whose value is none of the words that are known for it."""
        for key, known in choices.items():
            if getattr(self, key) not in known:
                yield f"{key} is {getattr(self, key)!r}; {nearest(getattr(self, key), known)}"


Named = TypeVar("Named", bound=Choices)


def preset_among(presets: Mapping[str, Named], name: str) -> Named:
    """Return the rules of a preset.

    Raises
    ------
    InputError
        If there is no preset of that name; the nearest one is suggested.
    """
    if name not in presets:
        raise InputError(f"unknown preset {name!r}; {nearest(name, presets)}")
    return presets[name]


def is_number(value: object) -> bool:
    """Return whether a value is a whole or floating-point number (and no truth value)."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """Return whether a value is a whole number (and no truth value)."""
    return isinstance(value, int) and not isinstance(value, bool)
