"""Numbers as LLVM's constants: each is made, and written as text, once however often it stands in a function."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import Any


def constant(kind: Any, value: float, lanes: int = 0) -> Any:
    """Return a double, or the same double in so many lanes.

    Parameters
    ----------
    kind : llvmlite.ir.Type
        The type: a double, or a vector of them.
    value : float
        The number.
    lanes : int
        How many lanes the vector has; 0 for a double.
    """
    return _constant(kind, struct.pack("<d", value), lanes)  # the bits: 0 and −0 are two, NaN is found again


@lru_cache(maxsize=4096)
def _constant(kind: Any, bits: bytes, lanes: int) -> Any:
    from llvmlite import ir

    value = struct.unpack("<d", bits)[0]
    return ir.Constant(kind, [value] * lanes if lanes else value)


@lru_cache(maxsize=4096)
def whole_constant(width: int, value: int) -> Any:
    """Return a whole number of so many bits."""
    from llvmlite import ir

    return ir.Constant(ir.IntType(width), value)
