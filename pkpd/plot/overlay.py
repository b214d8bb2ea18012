"""Published values laid over a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.plot import marks, style

if TYPE_CHECKING:
    import pandas


@checked
def overlay(
    ax: Axes,
    table: pandas.DataFrame,
    *,
    source: str,
    color: str = style.DOSE,
    marker: str = "D",
) -> Axes:
    """Lay published values over a picture, for instance the digitised points of a figure.

    The package carries no digitised values and never makes any up: the table comes from the reader, and so does the
    source, which stands in the legend.

    Parameters
    ----------
    ax : Axes
        What another function of this module returned.
    table : DataFrame
        Columns ``time`` and ``value`` in the units that the axes show; with ``low`` and ``high`` also error bars
        (their ends, not their lengths).
    source : str
        Where the values come from, e.g. ``"Bhatia 2014, Fig. 1, digitised"``.
    color, marker : str
        How the points look.

    Returns
    -------
    Axes
        The given axes.

    Raises
    ------
    InputError
        If there is no source, no row, a column is missing or a value is not a finite number.

    Examples
    --------
    >>> import pandas, pkpd
    >>> model = pkpd.library.typical(pkpd.library.one_compartment())
    >>> forecast = pkpd.simulate(model, pkpd.bolus("100 mg"), times=[0, 1, 2])
    >>> points = pandas.DataFrame({"time": [1.0, 2.0], "value": [1.8, 1.6]})
    >>> ax = overlay(pkpd.plot.bands(forecast, "C"), points, source="figure 1, digitised by eye")
    """
    import pandas

    wanted = ["time", "value", *(["low", "high"] if {"low", "high"} & set(table.columns) else [])]
    problems = [] if source.strip() else ["no source; expected where the values come from"]
    problems += [f"column {c!r} is missing" for c in wanted if c not in table.columns]
    if not len(table):
        problems.append("the table has no row")
    numbers = {c: pandas.to_numeric(table[c], errors="coerce") for c in wanted if c in table.columns}
    for c, column in numbers.items():
        problems += [
            f"row {k + 1}: {c} is '{table[c].iloc[k]}'; expected a finite number"
            for k in np.flatnonzero(~np.isfinite(column.to_numpy(float)))
        ]
    if problems:
        raise InputError(problems, "published values")
    x, y = (numbers[c].to_numpy(float) for c in ("time", "value"))
    reach = None
    if "low" in numbers:
        reach = np.abs(np.stack([y - numbers["low"].to_numpy(float), numbers["high"].to_numpy(float) - y]))
    lowest = ax.get_ylim()[0]
    ax.errorbar(x, y, yerr=reach, fmt=marker, color=color, ms=4.5, capsize=2, lw=1, label=source, zorder=4)
    # A floor that the picture has on a log axis stays, unless a point lies below it.
    marks.finish(ax, floor=min([lowest, *y[y > 0]]))
    return ax
