"""The Hessian of a population fit's objective, by differences of its exact gradient."""

from __future__ import annotations

import numpy as np

from pkpd.arrays import Array
from pkpd.fit.mixed.search.objective import Evaluated, MarginalObjective
from pkpd.fit.search import Remembered
from pkpd.fit.search import differenced_hessian as with_searches

_STEP = 1e-4  # of the vector


def differenced_hessian(remembered: Remembered[Evaluated], x: Array) -> Array:
    """Return the Hessian at a point as central differences of the gradient.

    The modes of the points beside it are taken where their drift has them: what that is wrong by is the same on both
    sides. So a gradient costs one solution of all subjects, not a search; and no constraint is in the way, for it is
    not the objective beside the point that is asked for.

    Parameters
    ----------
    remembered : Remembered
        The objective.
    x : array, shape (free,)
        Where.
    """
    objective, here = remembered.function, remembered(x)
    if not isinstance(objective, MarginalObjective):
        return with_searches(remembered, x)
    matrix = np.empty((x.size, x.size))
    for k, step in enumerate(_STEP * np.eye(x.size)):
        up = objective.gradient_near(here, x + step)
        if not np.isfinite(up).all():
            return with_searches(remembered, x)
        matrix[k] = (up - objective.gradient_near(here, x - step)) / (2 * _STEP)
    if not np.isfinite(matrix).all():
        return with_searches(remembered, x)
    result: Array = 0.5 * (matrix + matrix.T)
    return result
