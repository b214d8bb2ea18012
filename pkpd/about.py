"""The version that stands in every result; its one source."""

from __future__ import annotations

__version__ = "0.2.0"


def package_version() -> str:
    """Return the version of the package."""
    return __version__
