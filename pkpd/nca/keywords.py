"""Keywords that have become part of a value that means something: still taken, with a warning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pkpd.errors import warn


def check_keywords(given: Mapping[str, Any], known: Sequence[str], function: str) -> None:
    """Raise, as Python does, for a keyword that a function never took.

    Parameters
    ----------
    given : mapping
        What was given beyond the signature.
    known : sequence of str
        Keywords that belonged to it once.
    function : str
        Its name.
    """
    for name in given:
        if name not in known:
            raise TypeError(f"{function}() got an unexpected keyword argument {name!r}")


def warn_older(given: Mapping[str, Any], now: Mapping[str, str], function: str) -> None:
    """Warn that keywords have become part of something else.

    Parameters
    ----------
    given : mapping
        What was given beyond the signature.
    now : mapping of str to str
        Keyword → what takes its place.
    function : str
        Its name.

    Raises
    ------
    TypeError
        For a keyword that the function never took.
    """
    check_keywords(given, tuple(now), function)
    for name in given:
        warn(f"{function}: {name}=… is given as {now[name]} now", FutureWarning)
