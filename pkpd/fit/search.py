"""Finding the minimum, and saying honestly whether it is one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from pkpd.arrays import Array
from pkpd.fit.likelihood import Likelihood, Value

GOOD_DECREMENT = 1e-4  # −2 log L that a Newton step could still gain
_STEP = 1e-4  # of the transformed scale, for the Hessian from exact gradients


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where the search ended.

    Attributes
    ----------
    vector : array, shape (free,)
        Transformed parameters.
    value : Value
        The likelihood there.
    hessian : array, shape (free, free)
        Hessian of the objective, from central differences of the exact gradient.
    decrement : float
        :math:`g^T H^{-1} g`: twice what a Newton step could still gain; NaN if H is not positive definite.
    evaluations : int
        Evaluations of the likelihood.
    """

    vector: Array
    value: Value
    hessian: Array
    decrement: float
    evaluations: int


class _Remembered:
    """Calls the likelihood once per point: the optimiser asks for value, gradient and Hessian apart."""

    def __init__(self, function: Callable[[Array], Value]) -> None:
        self.function = function
        self.count = 0
        self._at: Array | None = None
        self._value: Value | None = None

    def __call__(self, x: Array) -> Value:
        if self._value is None or self._at is None or not np.array_equal(x, self._at):
            self._value, self._at = self.function(x), x.copy()
            self.count += 1
        return self._value


def minimise(likelihood: Likelihood, start: Array, limit: int = 200) -> Minimum:
    """Minimise the objective with SciPy's trust-region Newton method on the expected Hessian.

    Parameters
    ----------
    likelihood : Likelihood
        What is minimised.
    start : array, shape (free,)
        Transformed start values.
    limit : int
        Most iterations.
    """
    remembered = _Remembered(likelihood)
    x = np.asarray(start, dtype=float)
    if x.size == 0:
        return Minimum(x, remembered(x), np.zeros((0, 0)), 0.0, 1)
    if np.isfinite(remembered(x).objective):
        # The expected Hessian is nearly right near the optimum; a second round mends a trust region that shrank.
        for _ in range(3):
            found = minimize(
                lambda v: remembered(v).objective,
                x,
                jac=lambda v: remembered(v).gradient,
                hess=lambda v: _solid(remembered(v).information),
                method="trust-exact",
                options={"maxiter": limit, "gtol": 1e-6, "initial_trust_radius": 1.0, "max_trust_radius": 10.0},
            )
            gain = remembered(x).objective - found.fun
            x = np.asarray(found.x, dtype=float)
            if gain < 1e-6:
                break
    x, hessian, decrement = _polish(remembered, x)
    return Minimum(x, remembered(x), hessian, decrement, remembered.count)


def _solid(matrix: Array) -> Array:
    """Add what keeps a flat direction from being no direction at all."""
    size = max(float(np.abs(np.diag(matrix)).max()), 1e-12)
    result: Array = matrix + 1e-10 * size * np.eye(len(matrix))
    return result


def _polish(remembered: _Remembered, x: Array) -> tuple[Array, Array, float]:
    """Take full Newton steps while the true Hessian says that there is something to gain."""
    hessian = _hessian(remembered, x)
    for _ in range(5):
        step, decrement = _newton(hessian, remembered(x).gradient)
        if not decrement > 1e-9 or np.abs(step).max() > 1.0:
            break
        here = remembered(x).objective
        if not remembered(x + step).objective <= here:
            break
        x = x + step
        if decrement > GOOD_DECREMENT:  # a smaller step leaves the curvature as it is
            hessian = _hessian(remembered, x)
    return x, hessian, _newton(hessian, remembered(x).gradient)[1]


def _newton(hessian: Array, gradient: Array) -> tuple[Array, float]:
    try:
        factor = np.linalg.cholesky(hessian)
    except np.linalg.LinAlgError:
        return np.zeros_like(gradient), float("nan")
    half = np.linalg.solve(factor, gradient)
    return -np.linalg.solve(factor.T, half), float(half @ half)


def _hessian(function: Callable[[Array], Value], x: Array) -> Array:
    columns = []
    for k in range(x.size):
        step = np.zeros_like(x)
        step[k] = _STEP
        columns.append((function(x + step).gradient - function(x - step).gradient) / (2 * _STEP))
    matrix = np.array(columns)
    result: Array = 0.5 * (matrix + matrix.T)
    return result
