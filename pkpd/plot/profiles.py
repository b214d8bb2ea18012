"""Individual concentration profiles of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pkpd import units
from pkpd.arguments import checked
from pkpd.arrays import Array
from pkpd.decimals import difference
from pkpd.errors import InputError
from pkpd.ordering import ordered
from pkpd.periods import in_one_period
from pkpd.plot import marks, style
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

_MANY = 1 << 32  # more than any subject has doses
ORIGINS = {"study": "time", "first dose": "time after the first dose", "last dose": "time after the last dose"}


@checked
def profiles(
    study: Study,
    analyte: str | None = None,
    *,
    ax: Axes | None = None,
    log: bool = False,
    by: str | None = None,
    origin: str = "study",
    time_unit: str | None = None,
) -> Axes:
    """Draw every subject's samples of one analyte over time.

    A line joins a subject's quantified samples of one period and breaks where one is not, and over days without a
    sample on which doses were given. Samples below the limit of
    quantification are hollow triangles at that limit; samples that were set aside are grey crosses.

    Parameters
    ----------
    study : Study
        The samples.
    analyte : str, optional
        Which of them.
    ax : Axes, optional
        Where to draw; by default a new figure.
    log : bool
        Whether the axis of values is logarithmic.
    by : str, optional
        Covariate whose values get colours of their own, at most 21; ``"dose"`` is the amount of the first dose.
    origin : {"study", "first dose", "last dose"}
        What time counts from. A sample at the time of a dose was drawn before it, unless marked.
    time_unit : str, optional
        Unit of the axis, e.g. ``"day"``, or ``"study day"``, which is 1 at time 0; by default the study's.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If the analyte, the covariate or the origin does not exist, or there are more than 21 groups.
    """
    if analyte is not None:
        style.require_name(analyte, study.analytes, "analyte")
    analyte = study.analyte_named(analyte)
    style.require_name(origin, ORIGINS, "origin")
    groups = grouped(study, by)
    ax = style.axes_of(ax)
    if log:
        style.log_scale(ax)
    rows, notes = _timed(study, analyte, origin)
    rows = rows.assign(x=style.clock(rows["x"], study.units["time"], time_unit))
    usable = rows[~rows["excluded"]]
    _lines(ax, usable, groups, by, study.units.get("dose", "") if by == "dose" else study.units.get(by or "", ""))
    below, above = usable[usable["blq"]], usable[usable["alq"]]
    placed = below[below["lloq"].notna()]
    _below(ax, placed, groups)
    marks.hollow(ax, above["x"], above["uloq"], marks.ABOVE, f"above ULOQ ({len(above)})")
    marks.along_bottom(ax, below["x"][below["lloq"].isna()], marks.BELOW, "BLQ, limit unknown")
    aside = rows[rows["excluded"] & rows["value"].notna()]
    if len(aside):
        ax.plot(aside["x"], aside["value"], "x", color=style.QUIET, ms=5, label=f"set aside ({len(aside)})")
    measured = usable[~usable["blq"] & ~usable["alq"]]
    if log and (hidden := int((measured["value"] <= 0).sum())):
        notes.append(f"{hidden} values ≤ 0 not shown")
    limits = marks.limit_names(usable["lloq"], study.units.get(analyte, ""))
    marks.level_lines(ax, limits)
    style.time_axis(ax, ORIGINS[origin], study.units["time"], time_unit)
    ax.set_ylabel(style.labelled(analyte, study.units.get(analyte, "")))
    style.caption(ax, study.attrs, notes)
    marks.finish(ax, limits)
    return ax


def grouped(study: Study, by: str | None) -> dict[Any, Any]:
    """Return subject → group; None for everybody without grouping.

    Raises
    ------
    InputError
        If there is no such covariate, or there are more groups than colours.
    """
    people = study.subjects
    if by is None:
        return dict.fromkeys(study.subject_ids, None)
    if by == "dose" and by not in people and len(study.doses):
        first = study.given_doses()[0].drop_duplicates("subject").set_index("subject")["amount"]
        groups = {s: float(first[s]) if s in first.index else "none" for s in study.subject_ids}
    else:
        style.require_name(by, [c for c in people.columns if c != "subject"], "covariate")
        groups = dict(zip(people["subject"], people[by].where(people[by].notna(), "unknown"), strict=True))
    if (count := len(set(groups.values()))) > style.MOST_GROUPS:
        raise InputError(f"{by} has {count} different values; expected at most {style.MOST_GROUPS}: group them first")
    return groups


def _timed(study: Study, analyte: str, origin: str) -> tuple[pandas.DataFrame, list[str]]:
    """The samples with a column x, their time from the origin, and `piece`: period, and number of the dose before."""
    table = study.observations
    table = table[table["analyte"] == analyte].reset_index(drop=True)
    table = in_one_period(table)
    x, piece = table["clock"].to_numpy(float).copy(), table["period"].to_numpy(np.int64) * _MANY
    keys, dosed = ["subject", "period"], in_one_period(study.given_doses()[0])
    doses = {key: np.unique(part["clock"]) for key, part in dosed.groupby(keys)}
    day = units.factor("day", study.units["time"])
    for key, place in table.groupby(keys).indices.items():
        given = doses.get(key)
        if given is not None and origin != "last dose":
            piece[place] += pieces_of(x[place], given, day)
        if origin == "study":
            continue
        if given is None:
            x[place] = np.nan
            continue
        late = (table["mark"].to_numpy()[place] == "post") & np.isin(x[place], given)
        before = np.searchsorted(given, x[place], side="left") + late
        piece[place] += before if origin == "last dose" else 0
        x[place] = difference(x[place], given[np.maximum(before - 1, 0)] if origin == "last dose" else given[0])
    lost = table["subject"][np.isnan(x)].nunique()
    notes = [f"{lost} subjects without a dose not shown"] if lost else []
    return table.assign(x=x, piece=piece)[~np.isnan(x)], notes


def pieces_of(times: Array, given: Array, day: float) -> np.ndarray[Any, Any]:
    """Return a number for each time: it grows where a line would cross days without a sample on which doses were given.

    That is a gap of a day at least, with a dose in it, three times as long as the gaps on both sides: between the
    profiles of days 1 and 15, not between troughs, and not in a long terminal phase.

    Parameters
    ----------
    times : array, shape (samples,)
        In any order.
    given : array, shape (doses,)
        Times of doses.
    day : float
        Length of a day.
    """
    order = np.argsort(times, kind="stable")
    at = np.unique(times)
    gaps = np.diff(at)
    beside = np.maximum(np.concatenate([[0.0], gaps[:-1]]), np.concatenate([gaps[1:], [0.0]]))
    dosed = np.searchsorted(given, at[1:], side="left") > np.searchsorted(given, at[:-1], side="left")
    cut = np.concatenate([[False], dosed & (gaps >= day) & (gaps > 3.0 * beside) & (beside > 0)])
    number = np.cumsum(cut)[np.searchsorted(at, times[order])]
    back = np.empty(len(times), dtype=np.int64)
    back[order] = number
    return back


def _lines(ax: Axes, usable: pandas.DataFrame, groups: dict[Any, Any], by: str | None, unit: str) -> None:
    """One line per subject (and dose interval), coloured by group."""
    color = _colors(groups)
    marker = {g: style.MARKERS[k % len(style.MARKERS)] for k, g in enumerate(color)}  # for those who print in grey
    crowd = usable["subject"].nunique()
    look: dict[str, Any] = {"lw": 1.0, "ms": 4.0, "alpha": 0.8} if crowd <= 12 else {"lw": 0.7, "ms": 2.5, "alpha": 0.5}
    look |= {"lw": 0.5, "ms": 1.5, "alpha": 0.25} if crowd > 100 else {}
    named: set[Any] = set()
    for (subject, _), part in usable.groupby(["subject", "piece"], sort=False):
        group = groups[subject]
        label = "_" if by is None or group in named else group_name(group, by, unit)
        named.add(group)
        y = part["value"].where(~part["blq"] & ~part["alq"]).to_numpy(float)
        ax.plot(part["x"].to_numpy(float), y, f"{marker[group]}-", color=color[group], label=label, **look)


def _below(ax: Axes, placed: pandas.DataFrame, groups: dict[Any, Any]) -> None:
    """BLQ samples at their limit, in the colours of the groups; the legend has one entry for all."""
    color = _colors(groups)
    if len(color) > 1 and len(placed):
        for group, shade in color.items():
            mine = placed[[groups[s] == group for s in placed["subject"]]]
            marks.hollow(ax, mine["x"], mine["lloq"], marks.BELOW, "_", shade)
        marks.hollow(ax, [np.nan], [np.nan], marks.BELOW, f"BLQ ({len(placed)})")
    else:
        marks.hollow(ax, placed["x"], placed["lloq"], marks.BELOW, f"BLQ ({len(placed)})")


def _colors(groups: dict[Any, Any]) -> dict[Any, str]:
    """Group → colour."""
    return style.palette(ordered(groups.values()))


def group_name(group: Any, by: str, unit: str) -> str:
    """Return the name of a group in a legend: ``level 50 mg`` for a number, the word itself otherwise."""
    number = isinstance(group, int | float)
    return f"{by.replace('_', ' ')} {group:g} {style.unit_text(unit)}".rstrip() if number else str(group)
