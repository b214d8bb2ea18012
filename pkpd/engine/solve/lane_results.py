"""Where the results of a lane go: outputs, slopes, second derivatives."""

from __future__ import annotations

from pkpd.engine.machine.jit import LANES, part_jit


@part_jit
def write_lane(result, lane, row, outputs, slopes, second):  # type: ignore[no-untyped-def]
    """Write what the outputs' function has found in a lane to a row of the solution.

    Parameters
    ----------
    result : array, shape (numbers · lanes,)
        Outputs, then their derivatives by parameter, then second ones by pair of parameters (each output's in turn).
    lane, row : int
        The lane, the row of the solution.
    outputs, slopes, second : arrays, rows × outputs, × sensitivities, × sensitivities
        Written; `second` has no rows where none are wanted.
    """
    many, count = slopes.shape[1], slopes.shape[2]
    for k in range(many):
        outputs[row, k] = result[k * LANES + lane]
        for p in range(count):
            slopes[row, k, p] = result[(many + k * count + p) * LANES + lane]
    if second.shape[0] > 0:
        at = many * (1 + count)
        for k in range(many):
            for p in range(count):
                for q in range(p, count):
                    second[row, k, p, q] = result[at * LANES + lane]
                    second[row, k, q, p] = result[at * LANES + lane]
                    at += 1
