"""Event records of many subjects: doses, times to answer for, and covariates that change in time (floor 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pkpd.dosing import Dose

if TYPE_CHECKING:
    import pandas

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Records:
    """What happens to each subject and when its model is asked, in the order of the records.

    Attributes
    ----------
    subjects : tuple
        Identifiers, in the order in which they appear.
    doses : tuple, one item per subject
        Doses in the order of the records; `Dose.into` holds the number of the compartment as text, or "".
    dose_rows, time_rows : tuple, one item per subject
        Which of the subject's rows of covariates belongs to each dose and to each record.
    times, after : tuple, one item per subject
        Time of every record, and whether it stands after doses given at that time.
    covariates : mapping of str to array, (rows,)
        Values of the covariates, the rows of all subjects one after the other.
    changes : tuple, one item per subject
        Times from which the subject's second, third … row of covariates holds.
    table : DataFrame
        The records as they were read.
    """

    subjects: tuple[Any, ...]
    doses: tuple[tuple[Dose, ...], ...]
    dose_rows: tuple[tuple[int, ...], ...]
    time_rows: tuple[tuple[int, ...], ...]
    times: tuple[Array, ...]
    after: tuple[NDArray[np.bool_], ...]
    covariates: dict[str, Array]
    changes: tuple[tuple[float, ...], ...]
    table: pandas.DataFrame

    @property
    def rows(self) -> int:
        """Number of rows of covariates."""
        return sum(1 + len(own) for own in self.changes)
