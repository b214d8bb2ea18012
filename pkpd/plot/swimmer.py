"""Swimmer: one lane a patient, from the first dose to the end of follow-up, with what was seen on the way."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.plot import marks, style
from pkpd.plot.responses import (
    COLOURS,
    DAY,
    RESPONSE,
    attrs_of,
    best_of,
    first_dose_axis,
    from_first_dose,
    read_responses,
)
from pkpd.trial.survival.patients import read_patients
from pkpd.trial.tables import known_subjects

_MARKS = {"CR": ("*", 9.0), "PR": ("^", 6.0), "PD": ("s", 5.5)}
_NAMED = 40  # lanes whose names can be read


@checked
def swimmer(
    assessments: Any,
    *,
    patients: Any = None,
    best: Any = None,
    reviewer: str | None = None,
    ax: Axes | None = None,
    time_unit: str | None = None,
) -> Axes:
    """Draw a lane for every patient: responses, progression, death, and an arrow where follow-up goes on.

    A lane ends with death, or with the last day on which the patient was seen. The first complete and partial response
    before progression, and the first progression, are marked.

    Parameters
    ----------
    assessments : DataFrame, path, or mapping
        ``subject, day, response``.
    patients : DataFrame, path, or mapping, optional
        ``subject``, and if known ``death`` and ``last_contact`` (days). Patients without an assessment have a lane,
        too.
    best : DataFrame, path, or mapping, optional
        ``subject`` and ``response``: colours the lanes.
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
    table = read_responses(assessments, (DAY, replace(RESPONSE, required=True)), reviewer, "swimmer")
    people = None if patients is None else read_patients(patients, None)
    names = list(dict.fromkeys(table["subject"]))
    facts: dict[Any, dict[str, float]] = {}
    if people is not None:
        lacking = known_subjects(names, people["subject"], "patients")
        if lacking:
            raise InputError(lacking, "swimmer")
        names = people["subject"].tolist()
        facts = people.set_index("subject")[["death", "last_contact"]].to_dict("index")
    responses = best_of(best, names, "swimmer")
    seen = dict(iter(table[table["day"].notna()].groupby("subject", sort=False)))
    lanes = [(name, *_lane(seen.get(name), facts.get(name, {}))) for name in names]
    known = [lane for lane in lanes if np.isfinite(lane[1])]
    known.sort(key=lambda lane: lane[1])
    ax = style.axes_of(ax, (7.0, max(3.2, min(0.2 * len(known) + 1.6, 9.0))))
    _draw(ax, known, responses, time_unit)
    first_dose_axis(ax, time_unit)
    ax.set_ylabel(f"patients ({len(known)})")
    if len(known) <= _NAMED:
        ax.set_yticks(range(len(known)), [str(lane[0]) for lane in known], fontsize=style.SMALL)
    else:
        ax.set_yticks([])
    lost = len(lanes) - len(known)
    notes = [f"{lost} of {len(lanes)} patients of whom no day is known, not shown"] if lost else []
    style.caption(ax, attrs_of(assessments), notes)
    marks.finish(ax)
    return ax


def _lane(part: Any, facts: dict[str, float]) -> tuple[float, bool, dict[str, float]]:
    """End of a lane, whether with death, and the days that are marked on it."""
    died = facts.get("death", np.nan)
    days = [] if part is None else part["day"].tolist()
    known = [day for day in (*days, facts.get("last_contact", np.nan)) if np.isfinite(day)]
    last = max(known, default=np.nan)
    first: dict[str, float] = {}
    if part is not None:
        for day, response in zip(part["day"], part["response"], strict=True):
            if response in _MARKS and "PD" not in first:
                first.setdefault(response, float(day))
    return (float(died), True, first) if np.isfinite(died) else (float(last), False, first)


def _draw(ax: Axes, lanes: list[Any], responses: dict[Any, str], unit: str | None) -> None:
    """Draw lanes from the bottom up, then the marks of each kind."""

    def x(days: Any) -> Any:
        return from_first_dose(days, unit)

    start = float(x([1.0])[0])
    kinds = [responses.get(lane[0], "") for lane in lanes]
    for kind in ["", *COLOURS]:
        mine = [k for k, one in enumerate(kinds) if one == kind]
        if mine:
            ends = x([lanes[k][1] for k in mine])
            label = f"best {kind} ({len(mine)})" if kind else "_"
            ax.barh(mine, ends - start, 0.6, left=start, color=COLOURS.get(kind, style.DATA), alpha=0.45, label=label)
    for response, (marker, size) in _MARKS.items():
        places = [(lane[3][response], k) for k, lane in enumerate(lanes) if response in lane[3]]
        if places:
            day, row = zip(*places, strict=True)
            ax.plot(x(day), row, marker, color=COLOURS[response], mec="white", mew=0.5, ms=size, zorder=4,
                    label=f"first {response} ({len(places)})")  # fmt: skip
    dead = [k for k, lane in enumerate(lanes) if lane[2]]
    alive = [k for k, lane in enumerate(lanes) if not lane[2]]
    if dead:
        ax.plot(
            x([lanes[k][1] for k in dead]), dead, "X", color=style.DOSE, ms=6, zorder=5, label=f"death ({len(dead)})"
        )
    if alive:
        ax.plot(x([lanes[k][1] for k in alive]), alive, ">", color=style.QUIET, ms=5, zorder=3,
                label=f"followed on ({len(alive)})")  # fmt: skip
