"""Scales of estimation as values: log, logit and natural, for one number or for millions at once."""

from __future__ import annotations

from collections.abc import Callable
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

    def _by_kind(self, formula: Callable[[int], Any], shape: tuple[int, ...]) -> Array:
        """Return what the formula of each element's kind says, for values of a shape."""
        with np.errstate(all="ignore"):  # a value may lie on a bound, or be of another kind than the formula
            if len(self._kinds) == 1:
                only: Array = formula(self._kinds[0])
                return only
            result = np.zeros(np.broadcast_shapes(shape, self._kind.shape))
            for kind in self._kinds:
                result = np.where(self._kind == kind, formula(kind), result)
        return result

    def to(self, values: Array | float) -> Array:
        """Return values on the scale; a value on a bound is infinite there."""
        v = np.asarray(values, dtype=float)

        def formula(kind: int) -> Any:
            if kind == _LOG:
                return np.log(v - self.lower)
            if kind == _MIRRORED:
                return -np.log(self.upper - v)
            return np.log((v - self.lower) / (self.upper - v)) if kind == _LOGIT else v

        return self._by_kind(formula, v.shape)

    def back(self, x: Array | float) -> Array:
        """Return the values that stand at `x` on the scale: finite for every finite `x`, never outside the bounds."""
        x = np.asarray(x, dtype=float)

        def formula(kind: int) -> Any:
            if kind == _LOG:
                return self.lower + np.exp(np.clip(x, -_FAR, _FAR))
            if kind == _MIRRORED:
                return self.upper - 1.0 / np.exp(np.clip(x, -_FAR, _FAR))
            if kind == _LOGIT:
                share = np.where(x <= -_FAR, 0.0, 1.0 / (1.0 + np.exp(-x)))
                return self.lower + (self.upper - self.lower) * share
            return x

        return self._by_kind(formula, x.shape)

    def slope(self, values: Array | float) -> Array:
        """Return d value / d x where the values are these."""
        v = np.asarray(values, dtype=float)

        def formula(kind: int) -> Any:
            if kind == _LOG:
                return v - self.lower
            if kind == _MIRRORED:
                return self.upper - v
            if kind == _LOGIT:
                return (v - self.lower) * (self.upper - v) / (self.upper - self.lower)
            return np.ones(np.broadcast_shapes(v.shape, self._kind.shape))

        return self._by_kind(formula, v.shape)

    def curvature(self, values: Array | float) -> Array:
        """Return d² value / d x² where the values are these."""
        v = np.asarray(values, dtype=float)

        def formula(kind: int) -> Any:
            if kind == _LOG:
                return v - self.lower
            if kind == _MIRRORED:
                return v - self.upper
            if kind == _LOGIT:
                width, middle = self.upper - self.lower, self.upper + self.lower
                return (v - self.lower) * (self.upper - v) * (middle - 2 * v) / width**2
            return np.zeros(np.broadcast_shapes(v.shape, self._kind.shape))

        return self._by_kind(formula, v.shape)

    def moved(self, values: Array | float, step: Array | float) -> Array:
        """Return the values after a step on the scale; on the log scale a value on its bound stays there."""
        v, step = np.asarray(values, dtype=float), np.asarray(step, dtype=float)

        def formula(kind: int) -> Any:
            if kind == _LOG:
                return self.lower + (v - self.lower) * np.exp(step)
            if kind == _MIRRORED:
                return self.upper - (self.upper - v) * np.exp(-step)
            return self.back(self.to(v) + step) if kind == _LOGIT else v + step

        return self._by_kind(formula, np.broadcast_shapes(v.shape, step.shape))


NATURAL, LOG = Scale(), Scale(0.0)
