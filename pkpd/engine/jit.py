"""One door to numba: compiled and cached where it is there, plain Python where it is not."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

log = logging.getLogger("pkpd")

try:
    import numba
except ImportError:  # the package works without it, slower
    AVAILABLE = False
else:
    AVAILABLE = True


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function with numba, cached on disk and releasing the GIL."""
    if not AVAILABLE:
        return function
    options = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}
    try:
        compiled: Callable[..., Any] = numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder that can be written to: compile in memory
        compiled = numba.njit(**options)(function)
    return compiled


_told = False


def announce(dispatcher: Any) -> None:
    """Say once what takes so long when the solver is compiled for the first time on this machine."""
    global _told
    if _told or not AVAILABLE:
        return
    _told = True
    stats = getattr(dispatcher, "_cache", None)
    folder = getattr(stats, "cache_path", None)
    name = dispatcher.__name__
    if folder is None:
        return
    from pathlib import Path

    if not any(Path(folder).glob(f"*{name}*.nbc")):
        log.warning("compiling the solver for the first use on this machine (about 20 s, once) …")
