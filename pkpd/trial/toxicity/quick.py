"""Grades of plain arrays of one laboratory test."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.errors import InputError, nearest, shown
from pkpd.trial.toxicity.criteria import criteria as criteria_of
from pkpd.trial.toxicity.judging import Known, judge
from pkpd.trial.toxicity.lab_units import factor, known_test

_PRINTED = ("phosphate", "uric acid")  # whose limits are best known in mg/dL


@checked
def grade(
    test: str, values: ArrayLike, *, limit: ArrayLike, criteria: Any = "CTCAE v3.0", unit: str | None = None
) -> Array:
    """Return grades 0 to 4 of values of one laboratory test; `grades` does the same of tables, and says why.

    Values and limits are decimals as they are written: 2.1 is exactly three times the limit 0.7.

    Parameters
    ----------
    test : str
        Name of the laboratory test, such as ``"lymphocytes"``.
    values : array-like
        In `unit`.
    limit : array-like
        The laboratory's lower limit of normal (tests whose low values are toxic) or upper limit of normal; broadcasts.
    criteria : str or table
        See `criteria`.
    unit : str, optional
        By default 10^9/L for counts, mg/dL for phosphate and uric acid, mmol/L for sodium and potassium.

    Returns
    -------
    array of float
        Grades; NaN where the value is NaN, and where it alone does not decide (symptoms, baseline).

    Raises
    ------
    InputError
        If the test is unknown, the unit does not fit, or a limit is not positive.
    """
    low, high = _range(test, values, limit, criteria, unit)
    result: Array = np.where(low == high, low, np.nan)
    return result


def _range(test: str, values: ArrayLike, limit: ArrayLike, criteria: Any, unit: str | None) -> tuple[Array, Array]:
    """The smallest and the largest grade that each value can have; NaN where nothing was measured."""
    rules = criteria_of(criteria)
    name = known_test(test, rules.tests)
    if name is None:
        raise InputError(f"unknown laboratory test {test!r}; {nearest(test, rules.tests)}")
    try:
        x, normal = np.broadcast_arrays(np.asarray(values, dtype=float), np.asarray(limit, dtype=float))
    except ValueError:
        shapes = f"{np.shape(values)} and {np.shape(limit)}"
        raise InputError(f"values and limit have shapes {shapes}; expected a limit for each value, or one") from None
    if not (normal > 0).all():
        wrong = normal[~(normal > 0)].flat[0]
        raise InputError(f"limit of normal of {test!r} is {wrong}; expected a number > 0 (grades takes values without)")
    (_, direction), limits = next(iter(rules.terms(name).items()))
    column, scale = 1 if name in _PRINTED and limits[0].units[1] else 0, 1.0
    if np.isnan(limits[0].limits[column]):
        column = 1 - column
    if unit is not None:
        found = [(k, f) for k in (0, 1) if (f := factor(unit, limits[0].units[k], name)) is not None]
        if not found:
            raise InputError(f"{test} in {shown(unit)}; expected {' or '.join(dict.fromkeys(limits[0].units))}")
        column, scale = found[0]
    flat = np.asarray(product(x.ravel(), scale), dtype=float)
    edge = np.asarray(product(normal.ravel(), scale), dtype=float)
    nothing = np.full(flat.size, np.nan)
    falling = direction == "low"
    known = Known(flat, edge if falling else nothing, nothing if falling else edge, nothing, nothing, {})
    judged = judge(limits, falling, column, known)
    return judged.low.reshape(x.shape), judged.high.reshape(x.shape)


@checked
def worst_grade(
    test: str, values: ArrayLike, *, limit: ArrayLike, axis: int = -1, criteria: Any = "CTCAE v3.0",
    unit: str | None = None,
) -> Array:  # fmt: skip
    """Return the worst grade along an axis; values that are NaN are passed over.

    NaN where nothing was measured, and where a value whose grade is not known (symptoms, baseline) may be worse than
    all others.

    Parameters
    ----------
    test, values, limit, criteria, unit
        See `grade`.
    axis : int
        Along which the worst is looked for.
    """
    low, high = _range(test, values, limit, criteria, unit)
    if not -low.ndim <= axis < low.ndim:
        raise InputError(f"axis is {shown(axis)}; the values have {low.ndim} dimensions", "worst_grade")
    least, most = (np.max(np.where(np.isnan(one), -1.0, one), axis=axis, initial=-1.0) for one in (low, high))
    return np.where((least < 0) | (least < most), np.nan, least)
