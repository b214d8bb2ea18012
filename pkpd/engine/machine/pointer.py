"""What compiled Python needs of LLVM: calls through a pointer, with the data of arrays; a·b + c rounded once."""

from __future__ import annotations

from typing import Any

from pkpd.engine.machine import jit as gate

if gate.AVAILABLE:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def call(context: Any, address: Any, t: Any, y: Any, q: Any, out: Any) -> Any:
        """Call ``void f(double *t, double *y, double *q, double *out)`` at an address."""

        def write(ctx: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer = ir.PointerType(ir.DoubleType())
            kind = ir.FunctionType(ir.VoidType(), [pointer] * 4)
            function = builder.inttoptr(values[0], ir.PointerType(kind))
            arrays = [
                builder.bitcast(ctx.make_array(array)(ctx, builder, value).data, pointer)
                for array, value in zip(signature.args[1:], values[1:], strict=True)
            ]
            builder.call(function, arrays)
            return ctx.get_dummy_value()

        return types.void(types.int64, t, y, q, out), write

    @intrinsic  # type: ignore[untyped-decorator]
    def call_lanes(context: Any, address: Any, a: Any, b: Any, c: Any) -> Any:
        """Call ``int64 f(double *a, double *b, double *c)``, which `lanes.LaneWriter` has written, at an address."""

        def write(ctx: Any, builder: Any, signature: Any, values: Any) -> Any:
            pointer = ir.PointerType(ir.DoubleType())
            kind = ir.FunctionType(ir.IntType(64), [pointer] * 3)
            function = builder.inttoptr(values[0], ir.PointerType(kind))
            arrays = [
                builder.bitcast(ctx.make_array(array)(ctx, builder, value).data, pointer)
                for array, value in zip(signature.args[1:], values[1:], strict=True)
            ]
            return builder.call(function, arrays)

        return types.int64(types.int64, a, b, c), write

    @intrinsic  # type: ignore[untyped-decorator]
    def fma(context: Any, a: Any, b: Any, c: Any) -> Any:
        """Return a·b + c, rounded once."""

        def write(ctx: Any, builder: Any, signature: Any, values: Any) -> Any:
            return builder.fma(*values)

        return types.float64(types.float64, types.float64, types.float64), write

else:

    def fma(a: Any, b: Any, c: Any) -> Any:
        """Without numba: rounded twice."""
        return a * b + c

    def call(address: Any, t: Any, y: Any, q: Any, out: Any) -> Any:
        """Without numba there is no pointer to call: the SciPy path is used instead."""
        raise RuntimeError("numba is not installed")

    def call_lanes(address: Any, a: Any, b: Any, c: Any) -> Any:
        """Without numba there is no pointer to call: the SciPy path is used instead."""
        raise RuntimeError("numba is not installed")
