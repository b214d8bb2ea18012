"""Optima of population fits, for tests of what is made of them: Newton steps from what others printed."""

from __future__ import annotations

import numpy as np

from pkpd.fit.mixed.marginal.laplacian import FOCEI, marginal
from pkpd.fit.mixed.problem.problem import Problem
from pkpd.fit.mixed.result.estimate import Estimate
from pkpd.fit.mixed.result.uncertainty import hessian_of


def optimum(problem: Problem, method: str = FOCEI) -> Estimate:
    """Return the optimum near a problem's start: the gradient is exact, the Hessian made of its differences."""
    there = marginal(problem, problem.at(problem.start), method)
    count = 0
    while count < 8:
        count += 1
        hessian = hessian_of(problem, there, method)
        step = -np.linalg.solve(hessian, there.gradient)
        decrement = float(step @ hessian @ step)
        if decrement < 1e-9:
            break
        begin = there.modes.eta + there.drift @ step
        there = marginal(problem, problem.at(there.point.vector + step), method, begin)
    return Estimate(problem, method, there.point.vector, there, hessian, decrement, 1 + count, 0.0)
