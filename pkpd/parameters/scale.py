"""Scales of estimation as values: log, logit and natural, for one number or for millions at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pkpd.arrays import Array, Integers

_NATURAL, _LOG, _MIRRORED, _LOGIT = range(4)
_FAR = 700.0  # exp(700) is still a number


@dataclass(frozen=True, eq=False)
class Scale:
    r"""How values between bounds become numbers without bounds, and back.

    =============  ==============================  =====================
    bounds         :math:`x`                       name
    =============  ==============================  =====================
    none           :math:`v`                       natural
    lower          :math:`\log(v - l)`             log
    upper          :math:`-\log(u - v)`            log
    both           :math:`\log((v - l)/(u - v))`   logit
    =============  ==============================  =====================

    Parameters
    ----------
    lower, upper : float or array
        Bounds; arrays make a scale of each element. They are broadcast against the values, so that bounds of shape
        (parameters,) take values of shape (subjects, parameters).
    """

    lower: Any = -np.inf
    upper: Any = np.inf

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            bound = np.array(getattr(self, name), dtype=float)
            bound.flags.writeable = False
            object.__setattr__(self, name, bound)

    @cached_property
    def _kind(self) -> Integers:
        low, high = np.isfinite(self.lower), np.isfinite(self.upper)
        return np.where(low & high, _LOGIT, np.where(low, _LOG, np.where(high, _MIRRORED, _NATURAL)))

    @cached_property
    def _kinds(self) -> tuple[int, ...]:
        return tuple(np.unique(self._kind).tolist())

    def _by_kind(self, formulas: Mapping[int, Callable[[], Array]], shape: Array) -> Array:
        """Return what the formula of each element's kind says; formulas of kinds that do not occur are not asked."""
        result = np.zeros(np.broadcast_shapes(shape.shape, self._kind.shape))
        with np.errstate(all="ignore"):  # a formula is computed for elements of other kinds too, and not used there
            for kind in self._kinds:
                result = formulas[kind]() if len(self._kinds) == 1 else np.where(
                    self._kind == kind, formulas[kind](), result
                )  # fmt: skip
        return result

    def to(self, values: Array | float) -> Array:
        """Return values on the scale; a value on a bound is infinite there."""
        v, low, high = np.asarray(values, dtype=float), self.lower, self.upper
        return self._by_kind(
            {
                _NATURAL: lambda: v + 0.0,
                _LOG: lambda: np.log(v - low),
                _MIRRORED: lambda: -np.log(high - v),
                _LOGIT: lambda: np.log((v - low) / (high - v)),
            },
            v,
        )

    def back(self, x: Array | float) -> Array:
        """Return the values that stand at `x` on the scale: finite for every finite `x`, never outside the bounds."""
        x, low, high = np.asarray(x, dtype=float), self.lower, self.upper

        def size() -> Array:
            result: Array = np.exp(np.clip(x, -_FAR, _FAR))
            return result

        def share() -> Array:
            return np.where(x > -_FAR, 1.0 / (1.0 + np.exp(-x)), np.where(np.isnan(x), np.nan, 0.0))

        return self._by_kind(
            {
                _NATURAL: lambda: x + 0.0,
                _LOG: lambda: low + size(),
                _MIRRORED: lambda: high - 1.0 / size(),
                _LOGIT: lambda: low + (high - low) * share(),
            },
            x,
        )

    def slope(self, values: Array | float) -> Array:
        """Return d value / d x where the values are these."""
        v, low, high = np.asarray(values, dtype=float), self.lower, self.upper
        return self._by_kind(
            {
                _NATURAL: lambda: np.ones(np.broadcast_shapes(v.shape, low.shape)),
                _LOG: lambda: v - low,
                _MIRRORED: lambda: high - v,
                _LOGIT: lambda: (v - low) * (high - v) / (high - low),
            },
            v,
        )

    def curvature(self, values: Array | float) -> Array:
        """Return d² value / d x² where the values are these."""
        v, low, high = np.asarray(values, dtype=float), self.lower, self.upper
        return self._by_kind(
            {
                _NATURAL: lambda: np.zeros(np.broadcast_shapes(v.shape, low.shape)),
                _LOG: lambda: v - low,
                _MIRRORED: lambda: v - high,
                _LOGIT: lambda: (v - low) * (high - v) * (high + low - 2 * v) / (high - low) ** 2,
            },
            v,
        )

    def moved(self, values: Array | float, step: Array | float) -> Array:
        """Return the values after a step on the scale; on the log scale a value on its bound stays there."""
        v, step = np.asarray(values, dtype=float), np.asarray(step, dtype=float)
        low, high = self.lower, self.upper
        return self._by_kind(
            {
                _NATURAL: lambda: v + step,
                _LOG: lambda: low + (v - low) * np.exp(step),
                _MIRRORED: lambda: high - (high - v) * np.exp(-step),
                _LOGIT: lambda: self.back(self.to(v) + step),
            },
            v + step,
        )


NATURAL, LOG = Scale(), Scale(0.0)
