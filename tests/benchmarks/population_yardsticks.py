"""What population fits are measured beside: PyNLME, and the formulas written down plainly in Python.

Both have theophylline's closed form, the same records and the same start values as `population_cases`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas
from numpy.typing import NDArray
from population_cases import REFERENCE, THEOPHYLLINE
from scipy.optimize import minimize

from tests.fit.mixed.cases import theophylline_table

Array = NDArray[np.float64]
START = np.log([THEOPHYLLINE["ka"], THEOPHYLLINE["CL"], THEOPHYLLINE["V"]])
_STEP = 1e-4


def concentration(phi: Array, x: Array) -> Array:
    """One compartment with first-order absorption; phi is ka, CL, V (of every row, or of all), x time and dose."""
    ka, cl, v = phi[..., 0], phi[..., 1], phi[..., 2]
    k = cl / v
    return x[:, 1] * ka / (v * (ka - k)) * (np.exp(-k * x[:, 0]) - np.exp(-ka * x[:, 0]))


def records(table: pandas.DataFrame | None = None) -> tuple[Array, Array, NDArray[np.int64]]:
    """Return time and dose, concentration, and subject of every record."""
    table = theophylline_table(REFERENCE) if table is None else table
    table = table.assign(DOSE=table.groupby("ID")["AMT"].transform("max"))
    own = table[table["EVID"] == 0]
    return own[["TIME", "DOSE"]].to_numpy(), own["DV"].to_numpy(), own["ID"].to_numpy()


def pynlme(method: str, table: pandas.DataFrame | None = None) -> Callable[[], float] | None:
    """Return a fit by PyNLME that returns −2 log L without N·log 2π (NaN for SAEM); None where it is not installed."""
    try:
        from pynlme import fit_nlme
    except ImportError as error:
        print(f'SKIPPED PyNLME: {error}; pip install "pkpd-toolkit[benchmark]" brings it', flush=True)
        return None
    x, y, who = records(table)
    told: dict[str, Any] = {"param_transform": [1, 1, 1], "vectorization": "full"}
    told |= {"method": "SAEM", "random_state": 1} if method == "SAEM" else {"ApproximationType": method}

    def fit() -> float:
        stats = fit_nlme(x, y, who, None, concentration, START, **told)[2]
        return float("nan") if stats.logl is None else float(-2.0 * stats.logl - y.size * np.log(2.0 * np.pi))

    return fit


def naive() -> tuple[float, int]:
    """Fit theophylline by the formulas as printed: every subject's mode by BFGS, differences for all derivatives.

    Returns
    -------
    objective, evaluations : float, int
        −2 log L by FOCEI without N·log 2π, and how often it was computed.
    """
    x, y, who = records()
    people = [(x[who == i], y[who == i]) for i in np.unique(who)]
    last = [np.zeros(3) for _ in people]

    def objective(vector: Array) -> float:
        omega, sigma = np.exp(vector[3:6]), np.exp(vector[6])
        total = 0.0
        for k, (xi, yi) in enumerate(people):

            def inner(u: Array, xi: Array = xi, yi: Array = yi) -> float:
                f = concentration(np.exp(vector[:3] + omega * u), xi)
                return float((((yi - f) / sigma) ** 2).sum() + u @ u)

            last[k] = u = minimize(inner, last[k], method="BFGS", options={"gtol": 1e-6}).x
            steps = _STEP * np.eye(3)
            up, down = ([concentration(np.exp(vector[:3] + omega * (u + s * h)), xi) for h in steps] for s in (1, -1))
            a = (np.array(up) - np.array(down)).T / (2 * _STEP)
            total += inner(u) + 2 * yi.size * np.log(sigma) + np.linalg.slogdet(a.T @ a / sigma**2 + np.eye(3))[1]
        return total

    start = np.concatenate([START, np.log(0.5) * np.ones(3), [0.0]])
    found = minimize(objective, start, method="BFGS", options={"gtol": 1e-2, "eps": 1e-4})
    return float(found.fun), int(found.nfev)
