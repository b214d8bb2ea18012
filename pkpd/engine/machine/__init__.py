"""From formulas to code that runs: machine code, kept on disk, and the doors to LLVM and numba.

`code` is what the others ask for a formula's function; `llvm` writes machine code, with `vector_math` for exp, log and
powers, `disk` keeps it and `numpy_code` does the same where there is no numba. `jit` compiles the engine's own loops,
`pointer` lets them call a formula, and `rows` evaluates one over many rows of values.
"""
