"""One door to numba: compiled and cached where it is there, plain Python where it is not."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Any

from pkpd.engine.machine.kernel_cache import is_kept, keep_by_text

log = logging.getLogger("pkpd")
_USUAL = 8
LANES = int(os.environ.get("PKPD_LANES", _USUAL))  # subjects that are computed at once; another number is for tests

try:
    import numba
except ImportError:  # the package works without it, slower
    AVAILABLE = False
else:
    AVAILABLE = True


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function with numba, cached on disk and releasing the GIL; it may make arrays."""
    return _compiled(function, fastmath=False)


def bare_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that neither makes arrays nor counts references to them.

    Every slice that is handed on would cost two atomic operations, which was two thirds of a solver's time. Arrays come
    from outside. No product and sum are joined but where `fma` says so: bits do not depend on how a loop is unrolled.

    A number written out in a call (``f(x, 0)``) is a type of its own to numba, so is a part of an array that happens to
    be contiguous: the function is compiled once more for each. Hence ``np.int64(0)`` and ``np.ascontiguousarray``.
    """
    return _compiled(function, fastmath=False, _nrt=False)


def inner_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as `bare_jit` a function that compiled functions alone call, without the way in from Python.

    To take arrays out of Python's objects is a good part of what is compiled, a sixth of the seconds. A call from
    Python would end the process: `tests/engine/test_inner.py` reads that there is none.
    """
    return _compiled(function, fastmath=False, _nrt=False, no_cpython_wrapper=True)


def part_jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile as `inner_jit` a part of a loop, put into it where it is called: its many arrays are not handed on."""
    return _compiled(function, fastmath=False, _nrt=False, forceinline=True, no_cpython_wrapper=True)


def _compiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    if not AVAILABLE:
        return function
    options |= {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}  # C calls none of them
    if LANES == _USUAL:
        try:
            kept: Callable[..., Any] = numba.njit(cache=True, **options)(function)
        except RuntimeError:  # no folder that can be written to
            pass
        else:
            if keep_by_text(kept):
                return kept
    compiled: Callable[..., Any] = numba.njit(**options)(function)  # in memory
    return compiled


_announced: set[Any] = set()
_WHAT = {
    "closed_form.solve_linear": "the closed forms",
    "linear_lanes.solve_linear_lanes": "the closed forms",
    "modes.find_modes": "what drives the equations that are integrated",
    "modes_second.second_numbers": "second derivatives of what drives the equations that are integrated",
    "limits.find_limits": "what the solvers are held to",
    "finish.write_results": "what evaluates a model's outputs",
    "rows.each_row": "what evaluates a model",
    "adaptive.solve_lanes": "the solver",
    "steady_closed_form.solve_steady": "steady states",
}


def announce(dispatcher: Any) -> None:
    """Say once what takes so long: the first compilation of a solver on this machine, or a machine without numba."""
    if dispatcher in _announced:
        return
    if not AVAILABLE and not _announced:
        log.warning("numba is not installed: everything is computed by NumPy and SciPy, very much slower")
    _announced.add(dispatcher)
    if is_kept(dispatcher) is False:
        name = f"{dispatcher.__module__.split('.')[-1]}.{dispatcher.__name__}"
        log.warning("compiling %s for the first use here (some 10 s, once) …", _WHAT.get(name, name))
