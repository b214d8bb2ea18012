"""What marks a class whose values a file holds by their fields."""

from __future__ import annotations

from typing import Any


class Part:
    """A class of immutable data that is written by its fields: as such, or as a part of another value.

    `pkpd.saving.save` writes it, `pkpd.saving.load` makes it again from the same fields.
    """

    __slots__ = ()

    def _kept(self) -> Any:
        """Return what stands for it in a file: itself, or a value without what can be computed again."""
        return self
