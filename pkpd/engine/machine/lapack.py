"""Eigenvalues and eigenvectors of a small matrix by LAPACK, called from compiled code without making arrays."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from pkpd.engine.machine import jit as gate


@cache
def geev_address() -> int:
    """Return the address of LAPACK's ``dgeev`` as SciPy brings it; 0 without numba."""
    if not gate.AVAILABLE:
        return 0
    from numba.extending import get_cython_function_address

    return int(get_cython_function_address("scipy.linalg.cython_lapack", "dgeev"))


if gate.AVAILABLE:
    from llvmlite import ir
    from numba import types
    from numba.extending import intrinsic

    @intrinsic  # type: ignore[untyped-decorator]
    def geev(
        context: Any, address: Any, jobs: Any, sizes: Any, matrix: Any, values: Any, vectors: Any, work: Any
    ) -> Any:
        """Call ``dgeev``.

        `jobs` are the letters N and V (2,), `sizes` n, length of `work`, and what LAPACK says (3, int32); `matrix` is
        by columns (n · n,) and overwritten; `values` gets real, then imaginary parts (2 · n,), `vectors` the right
        eigenvectors by columns (n · n,).
        """

        def write(ctx: Any, builder: Any, signature: Any, given: Any) -> Any:
            byte, whole, double = (ir.PointerType(kind) for kind in (ir.IntType(8), ir.IntType(32), ir.DoubleType()))
            data = [
                ctx.make_array(array)(ctx, builder, value).data
                for array, value in zip(signature.args[1:], given[1:], strict=True)
            ]
            letters, numbers = builder.bitcast(data[0], byte), builder.bitcast(data[1], whole)
            a, w, v, room = (builder.bitcast(pointer, double) for pointer in data[2:])

            def entry(pointer: Any, k: int) -> Any:
                return builder.gep(pointer, [ir.Constant(ir.IntType(64), k)])

            n, length, info = entry(numbers, 0), entry(numbers, 1), entry(numbers, 2)
            imaginary = builder.gep(w, [builder.sext(builder.load(n), ir.IntType(64))])
            arguments = [letters, entry(letters, 1), n, a, n, w, imaginary, v, n, v, n, room, length, info]
            kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
            builder.call(builder.inttoptr(given[0], ir.PointerType(kind)), arguments)
            return ctx.get_dummy_value()

        return types.void(types.int64, jobs, sizes, matrix, values, vectors, work), write

else:

    def geev(address: Any, jobs: Any, sizes: Any, matrix: Any, values: Any, vectors: Any, work: Any) -> None:
        """Without numba: the same by NumPy."""
        n = int(sizes[0])
        try:
            found, columns = np.linalg.eig(matrix.reshape(n, n).T)
        except np.linalg.LinAlgError:
            sizes[2] = 1
            return
        values[:n], values[n:], vectors[:], sizes[2] = found.real, found.imag, columns.real.T.ravel(), 0
