"""Where a warning points: at the line of whoever called the package, however deep it was found (floor 3)."""

from __future__ import annotations

import sys


def users_level() -> int:
    """Return the `stacklevel` with which a warning of the calling function points outside the package."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] == "pkpd":
        frame, level = frame.f_back, level + 1
    return level
