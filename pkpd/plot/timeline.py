"""Doses and samples of every subject over time: the first look at a study."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.plot import marks, style
from pkpd.study import Study

MOST_NAMES = 60
"""Most subjects that are named on the axis, so that names do not run into one another."""


@checked
def timeline(study: Study, *, ax: Axes | None = None, time_unit: str | None = None) -> Axes:
    """Draw doses and samples by subject over time, one row per subject and inside it one line per analyte.

    Of more than sixty subjects, sixty are named, first those of whom something is odd. Samples below the limit of
    quantification are hollow triangles, samples that were set aside are crosses. Names of subjects of whom something
    is odd by `Study.check` are bold and end in an exclamation mark.

    Parameters
    ----------
    study : Study
        The study.
    ax : Axes, optional
        Where to draw; by default a new figure, as tall as the number of subjects asks for.
    time_unit : str, optional
        Unit of the axis, e.g. ``"day"``, or ``"study day"``, which is 1 at time 0; by default the study's.

    Returns
    -------
    Axes
        With the picture.
    """
    people = study.subject_ids
    ax = style.axes_of(ax, (7.0, float(np.clip(1.8 + 0.17 * len(people), 2.8, 14.0))))
    place = {subject: k for k, subject in enumerate(people)}
    unit = study.units["time"]
    table, doses = study.observations, study.given_doses()[0]
    x = style.clock(table["time"], unit, time_unit)
    row = table["subject"].map(place).to_numpy(float)
    lanes = np.linspace(-0.25, 0.25, len(study.analytes)) if len(study.analytes) > 1 else np.zeros(1)
    blq, aside = table["blq"].to_numpy(bool), table["excluded"].to_numpy(bool)
    size = 4.0 if len(people) <= 20 else 2.5
    given = style.clock(doses["time"], unit, time_unit)
    line = doses["subject"].map(place).to_numpy(float)
    ax.plot(given, line, "|", color=style.DOSE, ms=2.5 * size, mew=1.0, label=f"dose ({len(doses)})", zorder=1)
    for k, analyte in enumerate(study.analytes):
        mine = (table["analyte"] == analyte).to_numpy()
        color = style.COLORS[k % (len(style.COLORS) - 1)]  # black is for the doses
        y = row + lanes[k]
        good = mine & ~blq & ~aside
        ax.plot(x[good], y[good], "o", color=color, ms=size, mec="none", label=f"{analyte} ({good.sum()})")
        for some, marker, what in ((mine & blq & ~aside, marks.BELOW, "BLQ"), (mine & aside, "x", "set aside")):
            if some.any():
                label = f"{analyte} {what} ({some.sum()})"
                ax.plot(x[some], y[some], marker, mfc="none", color=color, ms=size + 1.5, mew=0.9, label=label)
    odd = (study.check()["odd"] != "").to_numpy()
    shown = _named(odd)
    names = [f"{people[k]} !" if odd[k] else str(people[k]) for k in shown]
    ax.set_yticks(shown, names, fontsize=style.SMALL)
    for k, name in zip(shown, ax.get_yticklabels(), strict=True):
        name.set_fontweight("bold" if odd[k] else "normal")
    ax.set_ylabel("subject")
    style.time_axis(ax, "time", unit, time_unit)
    notes = [f"names of {len(shown)} of {len(people)} subjects"] if len(shown) < len(people) else []
    notes += [f"! odd: {odd.sum()}, see Study.check"] if odd.any() else []
    style.caption(ax, study.attrs, notes)
    if ax.get_autoscaley_on():
        ax.margins(y=0.5 / max(len(people), 1))
        ax.yaxis.set_inverted(True)
    marks.finish(ax)
    return ax


def _named(odd: np.ndarray[Any, Any]) -> list[int]:
    """Return the rows that have room for a name: odd ones first, then the others in order."""
    apart = max(1, -(-len(odd) // MOST_NAMES))
    free, chosen = np.ones(len(odd), dtype=bool), []
    for k in [*np.flatnonzero(odd), *range(0, len(odd), apart)]:
        if free[k]:
            chosen.append(int(k))
            free[max(0, k - apart + 1) : k + apart] = False
    return sorted(chosen)
