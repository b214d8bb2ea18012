"""Laboratory toxicity grades by CTCAE version 3.0, from values and the laboratory's own limits of normal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.decimals import product
from pkpd.errors import InputError, nearest, shown


@dataclass(frozen=True)
class GradeLimits:
    """Where the grades of one laboratory value begin.

    Attributes
    ----------
    unit : str
        Unit of the limits; for ``relative`` ones the value is divided by the upper limit of normal.
    falling : bool
        True if low values are toxic.
    edges : tuple of float or None
        Beyond these begin grades 2, 3 and 4; None where the version has no such grade. Grade 1 begins beyond the
        laboratory's limit of normal.
    relative : bool
        Whether the edges are multiples of the upper limit of normal.
    checked : bool
        Whether the limits were checked against a published source (else: general knowledge).
    """

    unit: str
    falling: bool
    edges: tuple[float | None, float | None, float | None]
    relative: bool = False
    checked: bool = False


GRADES: Mapping[str, GradeLimits] = {
    "lymphocytes": GradeLimits("10^9/L", True, (0.8, 0.5, 0.2), checked=True),
    "neutrophils": GradeLimits("10^9/L", True, (1.5, 1.0, 0.5)),
    "leukocytes": GradeLimits("10^9/L", True, (3.0, 2.0, 1.0)),
    "platelets": GradeLimits("10^9/L", True, (75.0, 50.0, 25.0)),
    "AST": GradeLimits("1", False, (2.5, 5.0, 20.0), relative=True, checked=True),
    "ALT": GradeLimits("1", False, (2.5, 5.0, 20.0), relative=True, checked=True),
    "creatinine": GradeLimits("1", False, (1.5, 3.0, 6.0), relative=True, checked=True),
    "lipase": GradeLimits("1", False, (1.5, 2.0, 5.0), relative=True),
    "amylase": GradeLimits("1", False, (1.5, 2.0, 5.0), relative=True, checked=True),
    "phosphate": GradeLimits("mg/dL", True, (2.5, 2.0, 1.0)),
    "sodium": GradeLimits("mmol/L", True, (None, 130.0, 120.0)),
    "potassium": GradeLimits("mmol/L", True, (None, 3.0, 2.5)),
}
"""Laboratory values with CTCAE v3.0 limits. Uric acid is absent: its grade 3 needs a clinical judgement."""


@checked
def grade(test: str, values: ArrayLike, *, limit: ArrayLike) -> Array:
    """Return CTCAE v3.0 grades 0 to 4 of laboratory values; a value exactly on a limit takes the milder grade.

    Values and limits are decimals as they are written: 2.1 is exactly three times the limit 0.7.

    Parameters
    ----------
    test : str
        Name of the laboratory test (`GRADES`).
    values : array-like
        In the unit of `GRADES`; for tests relative to the upper limit of normal, in the unit of `limit`.
    limit : array-like
        The laboratory's lower limit of normal (falling tests) or upper limit of normal (rising ones); broadcasts.

    Returns
    -------
    array of float
        Grades; NaN where the value is NaN.

    Raises
    ------
    InputError
        If the test is unknown or a limit is not positive.

    References
    ----------
    National Cancer Institute. Common Terminology Criteria for Adverse Events v3.0, 2006.
    """
    if test not in GRADES:
        raise InputError(f"unknown laboratory test {test!r}; {nearest(test, GRADES)}")
    try:
        x, normal = np.broadcast_arrays(np.asarray(values, dtype=float), np.asarray(limit, dtype=float))
    except ValueError:
        shapes = f"{np.shape(values)} and {np.shape(limit)}"
        raise InputError(f"values and limit have shapes {shapes}; expected a limit for each value, or one") from None
    if not (normal > 0).all():
        raise InputError(f"limit of normal of {test!r} is {np.min(normal)}; expected a number > 0")
    rule = GRADES[test]
    sign = -1.0 if rule.falling else 1.0
    at_least = (sign * x > sign * normal).astype(float)
    for level, edge in enumerate(rule.edges, start=2):
        if edge is not None:
            begins = product(normal, edge) if rule.relative else edge  # 3 × 0.7 is 2.1, as it is printed
            at_least = np.where(sign * x > sign * begins, float(level), at_least)
    return np.where(np.isnan(x), np.nan, at_least)


@checked
def worst_grade(test: str, values: ArrayLike, *, limit: ArrayLike, axis: int = -1) -> Array:
    """Return the worst grade along an axis, NaN values passed over; NaN only where nothing was measured."""
    grades = grade(test, values, limit=limit)
    if not -grades.ndim <= axis < grades.ndim:
        raise InputError(f"axis is {shown(axis)}; the values have {grades.ndim} dimensions", "worst_grade")
    worst = np.max(np.where(np.isnan(grades), -1.0, grades), axis=axis, initial=-1.0)
    return np.where(worst < 0, np.nan, worst)
