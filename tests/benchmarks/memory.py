"""Peak memory of 10 000 subjects × 1 177 times, in a process of its own."""

from __future__ import annotations

import json
from math import nan

from measure import process
from rows import Row

_RUN = """
import json
from measure import peak
from problems import plain, HOURLY, SPARSE
from pkpd import Settings
problem, how = plain(everything=True), Settings(rtol=1e-8, atol=1e-8, workers={workers})
code = problem.code()
code.run(problem.table[:1], problem.plan(1, SPARSE), how)
before = peak()
found = code.run(problem.table, problem.plan(len(problem.table), HOURLY), how, states={states})
assert not found.status.any()
kept = (found.outputs.nbytes + found.states.nbytes + found.slopes.nbytes + found.status.nbytes) / 2**20
print(json.dumps([before, peak(), kept]))
"""


def memory() -> tuple[list[Row], list[str]]:
    """Return the rows of memory (what the process rose by, less what it returned) and where they come from."""
    rows, told = [], []
    responses = "C, RET, LYM, TIS"
    for what, states, workers in ((responses, False, 1), (responses, False, 2), (f"{responses}, 5 states", True, 2)):
        before, peak, kept = json.loads(process(_RUN.format(states=states, workers=workers))[2].splitlines()[-1])
        name = f"10 000 x 1 177, {what}, {workers} thread{'s' if workers > 1 else ''}"
        beside = peak - before - kept
        rows.append(Row(f"memory beside output: {name}", beside, nan if states else 200.0, unit="MB"))
        told.append(
            f"{name}: output {kept:.0f} MiB; process {before:.0f} MiB before (libraries, code, parameters), peak "
            f"{peak:.0f} MiB; rose by output + {beside:.0f} MiB; whole process output + {peak - kept:.0f} MiB"
        )
    return rows, told
