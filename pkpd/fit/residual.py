"""Residual error: how far a measurement lies from the prediction, and on which scale."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError, nearest
from pkpd.parameters import Parameter, Parameters

HALF_LOG_TWO_PI = 0.5 * math.log(2 * math.pi)

KINDS: Mapping[str, tuple[str, ...]] = {
    "additive": ("add",),
    "proportional": ("prop",),
    "combined": ("prop", "add"),
    "log": ("sd",),
    "weighted 1/y": ("scale",),
    "weighted 1/y²": ("scale",),
}
"""Kinds of residual error and the parameters of each; ``prop_C`` is the proportional one of output C."""
_MEANING = {
    "add": "additive residual SD", "prop": "proportional residual SD", "sd": "residual SD on the log scale",
    "scale": "residual SD per square root of the weight",
}  # fmt: skip


@dataclass(frozen=True)
class ResidualError:
    r"""Residual error of one output.

    ============  =====================================================
    additive      :math:`y = f + a\varepsilon`
    proportional  :math:`y = f(1 + b\varepsilon)`
    combined      :math:`y = f + \sqrt{a^2 + b^2 f^2}\,\varepsilon`
    log           :math:`\log y = \log f + s\,\varepsilon`
    weighted 1/y  :math:`y = f + s\sqrt{y}\,\varepsilon` (weights from the data: weighted least squares)
    weighted 1/y² :math:`y = f + s\,y\,\varepsilon`
    ============  =====================================================

    Parameters
    ----------
    output : str
        Name of the output.
    kind : str
        One of `KINDS`.
    """

    output: str
    kind: str

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise InputError(f"unknown residual error {self.kind!r} of {self.output!r}; {nearest(self.kind, KINDS)}")

    @property
    def names(self) -> tuple[str, ...]:
        """Names of its parameters, e.g. ``("prop_C", "add_C")``."""
        return tuple(f"{part}_{self.output}" for part in KINDS[self.kind])

    def start(self, values: Array, unit: str) -> Parameters:
        """Return start values: 20 %, and for the additive part a tenth of the smallest positive measurement."""
        positive = values[values > 0]
        spread = float(np.std(values)) if values.size > 1 else 1.0
        small = 0.1 * float(positive.min()) if positive.size else 0.1
        first = {
            "prop": 0.2,
            "sd": 0.2,
            "scale": 0.2,
            "add": small if self.kind == "combined" else max(0.3 * spread, small),
        }
        return Parameters(
            tuple(
                Parameter(
                    name, first[part], unit if part == "add" else "", meaning=f"{_MEANING[part]} of {self.output}"
                )
                for name, part in zip(self.names, KINDS[self.kind], strict=True)
            )
        )


@dataclass(frozen=True, eq=False)
class Spread:
    """Prediction and standard deviation of every row on the scale of its error, with their derivatives.

    Attributes
    ----------
    f, g : arrays, shape (rows,)
        Prediction and SD on the error's scale.
    df, dg : arrays, shape (rows, parameters)
        Their derivatives.
    """

    f: Array
    g: Array
    df: Array
    dg: Array


def spread(error: ResidualError, f: Array, df: Array, sd: Mapping[str, tuple[float, int]], observed: Array) -> Spread:
    """Put predictions on the scale of the error and attach its standard deviation.

    Parameters
    ----------
    error : ResidualError
        Which error.
    f, df : arrays, shape (rows,) and (rows, parameters)
        Predictions and their derivatives with respect to all estimated parameters.
    sd : mapping
        Parameter of the error → (value, its column in `df`, or -1 if it is not estimated).
    observed : array, shape (rows,)
        Measured values (the limit where censored), for weights that come from the data.
    """
    rows, columns = df.shape
    dg = np.zeros((rows, columns))
    parts = {part: sd[name] for part, name in zip(KINDS[error.kind], error.names, strict=True)}
    if error.kind == "log":
        df = df / f[:, None]
        f = np.log(f)
    a, a_column = parts.get("add", parts.get("sd", (0.0, -1)))
    b, b_column = parts.get("prop", parts.get("scale", (0.0, -1)))
    moving = error.kind in ("proportional", "combined")
    if moving:
        m = f
    elif error.kind == "weighted 1/y":
        m = np.sqrt(np.abs(observed))
    else:
        m = np.abs(observed)
    g = np.hypot(a, b * m)
    with np.errstate(divide="ignore", invalid="ignore"):
        if moving:
            dg += np.where(g > 0, b * b * m / g, 0.0)[:, None] * df
        if a_column >= 0:
            dg[:, a_column] += np.where(g > 0, a / g, 1.0)
        if b_column >= 0:
            dg[:, b_column] += np.where(g > 0, b * m * m / g, np.abs(m))
    return Spread(f, g, df, dg)


def scale_of(error: ResidualError, values: Array) -> Array:
    """Return measured values (or limits) on the scale of the error."""
    if error.kind == "log":
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.log(values)
    return values


def draw(error: ResidualError, f: Array, sd: Mapping[str, float], rng: np.random.Generator) -> Array:
    """Return simulated measurements for predictions `f` of any shape.

    A weighted error draws with the weight taken from the prediction, because there is no measurement yet.
    """
    noise = rng.standard_normal(f.shape)
    value = {part: sd[name] for part, name in zip(KINDS[error.kind], error.names, strict=True)}
    if error.kind == "log":
        return f * np.exp(value["sd"] * noise)
    slope = value.get("prop", value.get("scale", 0.0))
    shape = np.sqrt(np.abs(f)) if error.kind == "weighted 1/y" else f
    result: Array = f + np.hypot(value.get("add", 0.0), slope * shape) * noise
    return result


def log_density_constant(error: ResidualError, values: Array) -> float:
    """Return what the change of scale adds to −2 log L of the values themselves (0 except on the log scale)."""
    return 2.0 * float(np.log(values).sum()) if error.kind == "log" and values.size else 0.0
