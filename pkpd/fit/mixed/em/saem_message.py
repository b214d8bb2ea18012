"""What a run of SAEM says in plain words: whether it reached the maximum, what still moved, what to do.

The numbers by which a run ends its phases stay in the run (`SaemRun.stopped_by`).
"""

from __future__ import annotations

import numpy as np

from pkpd.fit.mixed.em.saem import SaemRun
from pkpd.fit.mixed.problem.problem import Problem

_LITTLE = 0.05  # −2 log L beside which nobody would change an estimate


def saem_message(problem: Problem, run: SaemRun) -> str:
    """Return the verdict of a run in a sentence.

    Parameters
    ----------
    problem : Problem
        What was fitted.
    run : SaemRun
        The run.
    """
    step, gain, noise = run.louis.step()
    left, exact = f"{max(gain, 0.0):.2g}", f"{noise:.2g}"
    if run.converged:
        rest = "nothing" if gain <= _LITTLE else f"no more than {left}"
        return f"the estimates came to rest, and {rest} is left to gain in −2 log L (known to {exact} by the draws)"
    with np.errstate(all="ignore"):
        far = np.abs(step) * np.sqrt(np.maximum(np.diag(run.louis.information), 0.0))
    what = problem.names[int(np.argmax(np.nan_to_num(far)))] if far.size else "nothing"
    if noise > gain or not np.isfinite(gain):
        return (
            f"the draws are too noisy to say whether this is the maximum (−2 log L could be {left} lower, known only "
            f"to {exact}; {what} is the least certain): compare another seed, or start from these estimates"
        )
    return (
        f"the estimates had not come to rest: {what} was still moving, and −2 log L could be {left} lower (known to "
        f"{exact}): start from these estimates, and compare another seed"
    )
