"""The right-hand side as the solver calls it: machine code behind a pointer, driven by the closed-form block."""

from __future__ import annotations

from typing import Any

import numpy as np

from pkpd.engine import jit as gate
from pkpd.engine.jit import jit
from pkpd.engine.linear import exponential

if gate.AVAILABLE:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def call_pointer(context: Any, address: Any, t: Any, y: Any, q: Any, dy: Any) -> Any:
        """Call ``void f(double, double*, double*, double*)`` at an address with the data of three arrays."""

        def write(ctx: Any, builder: Any, signature: Any, values: Any) -> Any:
            double = ir.DoubleType()
            pointer = ir.PointerType(double)
            kind = ir.FunctionType(ir.VoidType(), [double, pointer, pointer, pointer])
            function = builder.inttoptr(values[0], ir.PointerType(kind))
            arrays = [
                builder.bitcast(ctx.make_array(array)(ctx, builder, value).data, pointer)
                for array, value in zip(signature.args[2:], values[2:], strict=True)
            ]
            builder.call(function, [values[1], *arrays])
            return ctx.get_dummy_value()

        return types.void(types.int64, types.float64, y, q, dy), write

else:

    def call_pointer(address: Any, t: float, y: Any, q: Any, dy: Any) -> Any:
        """Without numba there is no pointer to call: the SciPy path is used instead."""
        raise RuntimeError("numba is not installed")


EIGEN, EXPONENTIAL = 0, 1
MODE, SLOT, DRIVERS, SIZE, SIGN, CONSERVING, INDEX = range(7)  # places in ``info``; the driving states begin at INDEX
MATRIX, POWER, STATE, SCRATCH = range(4)  # leaves of ``box``; row 1 of STATE begins with the source's scale


@jit
def evaluate(rhs, t, y, q, dy, info, drive, box):  # type: ignore[no-untyped-def]
    """Put the driving states at time t into ``q`` and call the right-hand side.

    Few arrays, because each one passed costs time in the innermost call of the package: ``info`` holds whole numbers
    (see the names above), row 0 of ``drive`` the decay rates and the segment's start, row j + 1 the weights and the
    offset of driving state j; ``box`` the extended matrix, its exponential, the state and scratch for the mode
    without eigenvectors.
    """
    count = info[DRIVERS]
    if count > 0:
        slot = info[SLOT]
        n = drive.shape[1] - 1
        tau = t - drive[0, n]
        if info[MODE] == EIGEN:
            for j in range(count):
                q[slot + j] = drive[j + 1, n]
            for m in range(n):
                decay = np.exp(drive[0, m] * tau)
                for j in range(count):
                    q[slot + j] += drive[j + 1, m] * decay
        else:
            size = info[SIZE]
            power = box[POWER]
            exponential(box[MATRIX], box[:0], n, size, info[CONSERVING] == 1, tau, power, box[:0], box[SCRATCH:])
            for j in range(count):
                i = info[INDEX + j]
                total = power[i, n + 1] * box[STATE, 1, 0] if size > n + 1 else 0.0
                for m in range(n):
                    total += power[i, m] * box[STATE, 0, m]
                q[slot + j] = total
        if info[SIGN] == 1:  # amounts: a rounding error below zero is zero
            for j in range(count):
                q[slot + j] = max(q[slot + j], 0.0)
    call_pointer(rhs, t, y, q, dy)
