"""Spider: the course of every patient's tumour."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.plot import marks, style
from pkpd.plot.responses import (
    BASE_DAY,
    CHANGE,
    COLOURS,
    DAY,
    NEW,
    attrs_of,
    best_of,
    first_dose_axis,
    from_first_dose,
    read_responses,
)


@checked
def spider(
    assessments: Any,
    *,
    best: Any = None,
    reviewer: str | None = None,
    ax: Axes | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw the change of the sum of target lesions from baseline over time, one line a patient.

    Every line begins at 0 % on the day of its baseline scan. A cross marks a new lesion.

    Parameters
    ----------
    assessments : DataFrame, path, or mapping
        ``subject, day, change`` (%), and if there ``base_day`` and ``new``, as `pkpd.trial.assess_response` returns
        them.
    best : DataFrame, path, or mapping, optional
        ``subject`` and ``response``, as `pkpd.trial.best_response` returns them: colours the lines.
    reviewer : str, optional
        Whose assessments, where there are several.
    ax : Axes, optional
        Where to draw; by default a new figure.
    time_unit : str, optional
        ``"week"`` or another unit: time from the first dose in it; by default study days, of which the first is 1.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_responses(assessments, (DAY, CHANGE, BASE_DAY, NEW), reviewer, "spider")
    patients = list(dict.fromkeys(table["subject"]))
    responses = best_of(best, patients, "spider")
    seen = table[table["day"].notna()]
    ax = style.axes_of(ax, (7.0, 4.4))
    drawn: set[str] = set()
    order = sorted(patients, key=lambda name: list(COLOURS).index(responses[name]) if name in responses else 0)
    groups = dict(iter(seen.groupby("subject", sort=False)))
    shown, crosses = 0, []
    for name in order:
        part = groups.get(name)
        if part is None or part["change"].isna().all():
            continue
        shown += 1
        start = float(part["base_day"].iloc[0]) if "base_day" in part else 1.0
        day = np.concatenate([[start if np.isfinite(start) else 1.0], part["day"].to_numpy(float)])
        change = np.concatenate([[0.0], part["change"].to_numpy(float)])
        known = np.isfinite(change)
        kind = responses.get(name, "")
        label = "_" if not kind or kind in drawn else f"{kind} ({sum(responses.get(p) == kind for p in patients)})"
        drawn.add(kind)
        x = from_first_dose(day, time_unit)
        colour = COLOURS.get(kind, style.DATA)
        ax.plot(x[known], change[known], "o-", color=colour, ms=3, lw=1.0, alpha=0.8, label=label)
        if "new" in part:
            here = np.concatenate([[False], part["new"].to_numpy(bool)]) & known
            crosses.append((x[here], change[here]))
    if crosses and sum(len(x) for x, _ in crosses):
        x, y = (np.concatenate(parts) for parts in zip(*crosses, strict=True))
        ax.plot(x, y, "x", color=style.DOSE, ms=6, mew=1.4, label=f"new lesion ({len(x)})", zorder=4)
    levels = {"+20 %": 20.0, "−30 %": -30.0}
    marks.level_lines(ax, levels)
    ax.axhline(0.0, color=style.QUIET, lw=0.6, zorder=1)
    first_dose_axis(ax, time_unit)
    ax.set_ylabel("change from baseline (%)")
    lost = len(patients) - shown
    notes = [f"{lost} of {len(patients)} patients without a measured change, not shown"] if lost else []
    style.caption(ax, attrs_of(assessments), notes)
    marks.finish(ax, levels)
    return ax
