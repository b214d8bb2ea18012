"""Waterfall: the best change of every patient's tumour, the largest growth first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.plot import marks, style
from pkpd.plot.responses import CHANGE, COLOURS, DAY, attrs_of, best_of, read_responses

_HIGHEST = 100.0


@checked
def waterfall(assessments: Any, *, best: Any = None, reviewer: str | None = None, ax: Axes | None = None) -> Axes:
    """Draw the best change of the sum of target lesions from baseline, one bar a patient, in order of size.

    Lines mark −30 % (partial response) and +20 %; progression is counted from the nadir, not from baseline, so a bar
    below the upper line may belong to a patient who progressed. Bars beyond +100 % are cut there and marked.

    Parameters
    ----------
    assessments : DataFrame, path, or mapping
        ``subject`` and ``change`` (%), as `pkpd.trial.assess_response` returns them; the smallest change of a patient
        is drawn. Patients without a measured change are counted above the picture.
    best : DataFrame, path, or mapping, optional
        ``subject`` and ``response``, as `pkpd.trial.best_response` returns them: colours the bars.
    reviewer : str, optional
        Whose assessments, where there are several.
    ax : Axes, optional
        Where to draw; by default a new figure.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        Listing all that cannot be used.
    """
    table = read_responses(assessments, (replace(DAY, required=False), CHANGE), reviewer, "waterfall")
    changes = table.groupby("subject", sort=False)["change"].min()
    responses = best_of(best, changes.index, "waterfall")
    known = changes.dropna().sort_values(ascending=False, kind="stable")
    ax = style.axes_of(ax, (7.0, 4.2))
    place = np.arange(len(known))
    height = np.minimum(known.to_numpy(float), _HIGHEST)
    kinds = [responses.get(subject, "") for subject in known.index]
    for kind in ["", *COLOURS]:
        mine = np.array([one == kind for one in kinds], dtype=bool)
        if mine.any():
            count = f"{kind} ({int(mine.sum())})" if kind else "_"
            ax.bar(place[mine], height[mine], 0.82, color=COLOURS.get(kind, style.DATA), label=count, zorder=2)
    flat = np.abs(height) < 0.5
    ax.plot(place[flat], height[flat], "_", color=style.QUIET, ms=8, label="_", zorder=3)
    beyond = known.to_numpy(float) > _HIGHEST
    ax.plot(
        place[beyond], np.full(int(beyond.sum()), _HIGHEST), marks.ABOVE, color=style.DOSE, ms=4, label="_", zorder=4
    )
    ax.axhline(0.0, color=style.DOSE, lw=0.8, zorder=3)
    levels = {"+20 %": 20.0, "−30 %": -30.0}
    marks.level_lines(ax, levels)
    ax.set_xticks([])
    ax.set_xlabel(f"patients ({len(known)})")
    ax.set_ylabel("best change from baseline (%)")
    lost = int(changes.isna().sum())
    notes = [f"{lost} of {len(changes)} patients without a measured change, not shown"] if lost else []
    notes += [f"{int(beyond.sum())} beyond +100 %"] if beyond.any() else []
    style.caption(ax, attrs_of(assessments), notes)
    marks.finish(ax, levels)
    return ax
