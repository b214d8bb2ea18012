"""What was seen, before any model: exposures by category of response, and rates of response by quantile of exposure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import at_least, checked
from pkpd.arrays import Array, Integers
from pkpd.errors import InputError, shown, warn
from pkpd.io.cells import is_missing, number
from pkpd.trial.exposure_response.reading import no_numbers, read_outcomes
from pkpd.trial.proportions import clopper_pearson

if TYPE_CHECKING:
    import pandas

_MOST = 100


def numbers_of(table: pandas.DataFrame, name: str, what: str) -> Array:
    """Return a column as numbers, NaN where the cell is empty.

    Raises
    ------
    InputError
        Listing the cells that are no numbers.
    """
    if problems := no_numbers(table, name):
        raise InputError(problems, what)
    return np.array([np.nan if is_missing(cell) else number(cell) for cell in table[name].tolist()], dtype=float)


def described(table: pandas.DataFrame, category: Integers, names: Sequence[str], exposures: Sequence[str], what: str
              ) -> pandas.DataFrame:  # fmt: skip
    """Return a row per exposure and category of the response, and one for all categories."""
    import pandas

    rows = []
    for exposure in exposures:
        x = numbers_of(table, exposure, what)
        for name, here in [*((n, category == k) for k, n in enumerate(names)), ("all", category >= 0)]:
            values = x[here & np.isfinite(x)]
            n = len(values)
            logs = np.log(values) if n and (values > 0).all() else np.full(0, np.nan)
            rows.append((
                exposure, name, n, int(here.sum()) - n, *(_or_nan(f, values, n > 0) for f in (np.mean, np.median)),
                float(values.std(ddof=1)) if n > 1 else np.nan, *(_or_nan(f, values, n > 0) for f in (np.min, np.max)),
                float(np.exp(logs.mean())) if len(logs) else np.nan,
                100.0 * float(np.sqrt(np.expm1(logs.var(ddof=1)))) if len(logs) > 1 else np.nan,
            ))  # fmt: skip
    return pandas.DataFrame(rows, columns=[
        "exposure", "category", "n", "missing", "mean", "median", "sd", "min", "max", "geometric_mean", "geometric_cv",
    ])  # fmt: skip


def _or_nan(statistic: Any, values: Array, there: bool) -> float:
    return float(statistic(values)) if there else float("nan")


@checked(groups=at_least(1))
def exposure_quantiles(
    patients: Any,
    response: str,
    exposure: str,
    *,
    groups: int = 4,
    positive: Sequence[Any] | None = None,
    level: float = 0.95,
    columns: Mapping[str, str] | None = None,
) -> pandas.DataFrame:
    """Return how many responded in each quantile group of an exposure, with exact intervals.

    Parameters
    ----------
    patients : DataFrame, path, mapping of column to values, Study, or Dataset
        One row per patient; `patients_of` joins exposures of `pkpd.nca` and outcomes. A study counts by its covariates.
    response : str
        Column: yes or no.
    exposure : str
        Column of numbers.
    groups : int
        How many; equal exposures stay together, so that there may be fewer.
    positive : sequence, optional
        Values of the response that count as one.
    level : float
        Coverage of the intervals (Clopper–Pearson).
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    DataFrame
        A row per group: ``group, exposure_low, exposure_median, exposure_high, patients, responses, rate, low, high``.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    Warns
    -----
    DataWarning
        Counting rows without a response or an exposure.
    """
    import pandas

    problems = [] if 0 < level < 1 else [f"level is {shown(level)}; expected a number between 0 and 1"]
    if groups > _MOST:
        problems.append(f"groups is {shown(groups)}; expected at most {_MOST}")
    if problems:
        raise InputError(problems, "exposure_quantiles")
    outcomes = read_outcomes(patients, response, [exposure], columns, positive=positive, numbers=[exposure])
    x = numbers_of(outcomes.table, exposure, "patients")
    known = np.isfinite(x)
    if not known.any():
        raise InputError(f"no patient has a number of {exposure!r}", "exposure_quantiles")
    if not known.all():
        warn(f"{int((~known).sum())} of {len(x)} patients have no {exposure!r}; left out")
    x, y = x[known], outcomes.category[known]
    edges = np.quantile(x, np.linspace(0.0, 1.0, groups + 1)[1:-1], method="median_unbiased")
    place = np.searchsorted(edges, x, side="right")
    rows = []
    for k, group in enumerate(np.unique(place)):
        here = place == group
        events, n = int(y[here].sum()), int(here.sum())
        rows.append((k + 1, x[here].min(), np.median(x[here]), x[here].max(), n, events, events / n,
                     *clopper_pearson(events, n, level)))  # fmt: skip
    found = pandas.DataFrame(rows, columns=[
        "group", "exposure_low", "exposure_median", "exposure_high", "patients", "responses", "rate", "low", "high",
    ])  # fmt: skip
    found.attrs.update(outcomes.attrs, interval=f"exact (Clopper–Pearson), {100 * level:g} %")
    return found
