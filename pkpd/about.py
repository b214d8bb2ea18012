"""The version that stands in every result (floor 0)."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version


@cache
def package_version() -> str:
    """Return the version of the installed package; read once, because reading metadata takes half a millisecond."""
    return version("pkpd")
