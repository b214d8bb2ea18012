"""A page of panels without pyplot: no window, no global state, nothing to close."""

from __future__ import annotations

from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pkpd.arguments import at_least, checked


@checked(rows=at_least(1, 1000), columns=at_least(1, 1000))
def page(rows: int, columns: int, size: tuple[float, float]) -> tuple[Figure, Any]:
    """Return a figure for a script, and its axes as an array of shape (rows, columns).

    Parameters
    ----------
    rows, columns : int
        Panels.
    size : tuple of float
        Width and height in inches.
    """
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)
