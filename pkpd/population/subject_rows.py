"""Rows of values of subjects: where covariates or occasions change, a subject has several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from pkpd.arrays import Integers


@dataclass(frozen=True, eq=False)
class SubjectRows:
    """Rows of values of subjects whose covariates and occasions are known: one each, and one more at every change.

    Attributes
    ----------
    subjects, occasions : int
        How many subjects, and occasions of each.
    subject, occasion : arrays of int, shape (rows,)
        Whose row it is (sorted, from 0), and which occasion holds (from 0).
    covariates : mapping
        Covariate → shape (rows,).
    """

    subjects: int
    occasions: int
    subject: Integers
    occasion: Integers
    covariates: Mapping[str, NDArray[Any]]
