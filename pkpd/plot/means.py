"""Mean profiles by group on nominal times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pkpd import units
from pkpd.arguments import brief, checked, checked_fields
from pkpd.arrays import Array
from pkpd.checks import planned_time
from pkpd.errors import warn
from pkpd.ordering import ordered
from pkpd.plot import marks, style
from pkpd.plot.profiles import group_name, grouped, pieces_of
from pkpd.study import Study

if TYPE_CHECKING:
    import pandas

STATISTICS = {"mean": "mean ± SD", "geometric mean": "geometric mean ×/÷ geometric SD"}
BLQ_RULES = {"drop": "BLQ left out", "zero": "BLQ as zero", "lloq/2": "BLQ as LLOQ/2"}


@dataclass(frozen=True)
class MeanRule:
    """How the samples of one time become a mean and its bar.

    Attributes
    ----------
    statistic : {"mean", "geometric mean"}
        Mean ± SD, or geometric mean and geometric SD.
    blq : {"drop", "zero", "lloq/2"} or None
        What a BLQ sample counts as; None is zero for means and LLOQ/2 for geometric ones.
    """

    statistic: str = "mean"
    blq: str | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        checked_fields(self, "mean rule")


@checked
def mean_profiles(
    study: Study,
    analyte: str | None = None,
    *,
    by: str | None = None,
    statistic: str | MeanRule = "mean",
    ax: Axes | None = None,
    log: bool = False,
    time_unit: str | None = None,
    **former: Any,
) -> Axes:
    """Draw mean ± SD, or geometric mean and geometric SD, of one analyte by group on nominal times.

    A sample without a nominal time stands at its actual time; the axis says "actual time" where all of them do, and
    the caption counts them where some do.
    A mean stands only where at least half of the group's samples are quantified. Groups stand a little apart so that
    their bars can be told from each other. The caption says what a BLQ sample counted as, and how many there are.

    Parameters
    ----------
    study : Study
        The samples.
    analyte : str, optional
        Which of them.
    by : str, optional
        Covariate whose values make the groups, at most 21; ``"dose"`` is the amount of the first dose.
    statistic : {"mean", "geometric mean"} or MeanRule
        The bars run from mean − SD to mean + SD, or from the geometric mean divided by the geometric SD to their
        product. Standard deviations have n − 1 in the denominator. A `MeanRule` also says what a BLQ sample counts
        as; by default it is zero for means and LLOQ/2 for geometric ones.
    ax : Axes, optional
        Where to draw; by default a new figure.
    log : bool
        Whether the axis of values is logarithmic; a bar that would reach zero has no lower half there.
    time_unit : str, optional
        Unit of the axis, e.g. ``"day"``, or ``"study day"``, which is 1 at time 0; by default the study's.
    **former
        The keyword ``blq`` of earlier versions still works and warns.

    Returns
    -------
    Axes
        With the picture.

    Raises
    ------
    InputError
        If the analyte, the covariate, the statistic or the BLQ rule does not exist, or there are too many groups.

    Warns
    -----
    DataWarning
        If most samples are alone at their time, because actual times are given without nominal ones.
    """
    style.former_keywords("mean_profiles", former, {"blq": "statistic=MeanRule(…, blq=…)"})
    mean_rule = statistic if isinstance(statistic, MeanRule) else MeanRule(statistic)
    statistic, blq = mean_rule.statistic, former.get("blq", mean_rule.blq)
    if analyte is not None:
        style.require_name(analyte, study.analytes, "analyte")
    analyte = study.analyte_named(analyte)
    style.require_name(statistic, STATISTICS, "statistic")
    rule = blq or ("zero" if statistic == "mean" else "lloq/2")
    style.require_name(rule, BLQ_RULES, "BLQ rule")
    groups = grouped(study, by)
    table = mean_table(study, analyte, groups, statistic, rule)
    ax = style.axes_of(ax)
    if log:
        style.log_scale(ax)
    x = style.clock(table["time"], study.units["time"], time_unit)
    table = _pieces(study, table, groups)
    cut = _draw(ax, table.assign(x=x), (by, study.units.get("dose" if by == "dose" else by or "", "")), log)
    used = study.used(analyte)
    alone = planned_time(used).groupby(planned_time(used)).transform("size") == 1
    if alone.mean() > 0.5:
        warn(
            f"{int(alone.sum())} of {len(used)} samples are alone at their time: give nominal times to see means"
        )  # fmt: skip
    limits = marks.limit_names(used["lloq"], study.units.get(analyte, ""))
    marks.level_lines(ax, limits)
    clock, unplanned = _clock(used)
    style.time_axis(ax, clock, study.units["time"], time_unit)
    ax.set_ylabel(style.labelled(analyte, study.units.get(analyte, "")))
    count, few = int(used["blq"].sum()), int(table["mean"].isna().sum())
    notes = [STATISTICS[statistic], *([f"{BLQ_RULES[rule]} ({count})"] if count else [])]
    notes += [f"{few} means not shown, mostly BLQ"] if few else []
    notes += unplanned
    notes += [f"{cut} without a lower bar, it would reach zero"] if cut else []
    style.caption(ax, study.attrs, notes)
    # A bar that nearly reaches zero would stretch a log axis far below anything measured.
    shown = [v for v in (*table["mean"], *limits.values()) if v > 0]
    free = ax.get_autoscaley_on()
    marks.finish(ax, limits, floor=0.5 * min(shown) if shown else None)
    if free:
        marks.from_zero(ax, bars=not (table["mean"] < 0).any())
    return ax


def _pieces(study: Study, table: pandas.DataFrame, groups: dict[Any, Any]) -> pandas.DataFrame:
    """The table of means with `piece`: a line is not drawn over days without a sample on which doses were given."""
    doses = study.given_doses()[0]
    of = doses["subject"].map(groups).astype(object)
    day, piece = units.factor("day", study.units["time"]), np.zeros(len(table), dtype=np.int64)
    for group in dict.fromkeys(table["group"]):
        mine = np.array([g == group for g in table["group"]])
        given = np.unique(doses["time"].to_numpy(float)[np.array([g == group for g in of], dtype=bool)])
        piece[mine] = pieces_of(table["time"].to_numpy(float)[mine], given, day)
    return table.assign(piece=piece)


def _clock(used: pandas.DataFrame) -> tuple[str, list[str]]:
    """What the times of the samples are, and how many are not what the axis says."""
    actual = used["nominal_time"].isna()
    if actual.all():
        return "actual time", []
    return "nominal time", [f"{int(actual.sum())} of {len(used)} samples at their actual time"] if actual.any() else []


def mean_table(study: Study, analyte: str, groups: dict[object, object], statistic: str, rule: str) -> pandas.DataFrame:
    """Return one row per group and time: ``group``, ``time``, ``mean``, ``low``, ``high``, ``n``, ``blq``.

    Parameters
    ----------
    study, analyte
        As in `mean_profiles`.
    groups : dict
        Subject → group.
    statistic, rule : str
        As in `mean_profiles`, where they were checked.
    """
    import pandas

    used = study.used(analyte)
    used = used[~used["alq"]]
    value = used["value"].to_numpy(float).copy()
    below = used["blq"].to_numpy(bool)
    value[below] = {"drop": np.nan, "zero": 0.0}.get(rule, 0.5) * (1.0 if rule == "zero" else used["lloq"][below])
    used = used.assign(value=value, time=planned_time(used), group=used["subject"].map(groups).astype(object))
    rows = []
    names = list(dict.fromkeys(groups.values()))
    for (group, time), part in used.groupby([used["group"].map(names.index), "time"], sort=True):
        known, lost = part["value"].dropna().to_numpy(float), int(part["blq"].sum())
        mean, low, high = _spread(known, statistic) if 2 * lost <= len(part) else (np.nan,) * 3
        rows.append((names[int(group)], time, mean, low, high, len(known), lost))
    return pandas.DataFrame(rows, columns=["group", "time", "mean", "low", "high", "n", "blq"])


def _spread(x: Array, statistic: str) -> tuple[float, float, float]:
    """Mean and the ends of its bar; no bar for a single value."""
    if not len(x) or (statistic != "mean" and not (x > 0).all()):
        return np.nan, np.nan, np.nan
    y = x if statistic == "mean" else np.log(x)
    mean, sd = float(y.mean()), float(y.std(ddof=1)) if len(y) > 1 else np.nan
    ends = (mean, mean - sd, mean + sd)
    return ends if statistic == "mean" else tuple(float(np.exp(v)) for v in ends)  # type: ignore[return-value]


def _draw(ax: Axes, table: pandas.DataFrame, by: tuple[str | None, str], log: bool) -> int:
    """Draw every group; return how many bars lack their lower half."""
    levels = ordered(table["group"])
    colors = style.palette(levels)
    every = np.unique(table["x"].to_numpy(float))
    span, cut = float(np.ptp(every)) if len(every) else 0.0, 0
    for k, group in enumerate(levels):
        part = table[[g == group for g in table["group"]]]
        mean, low, high = (part[c].to_numpy(float) for c in ("mean", "low", "high"))
        lost = (low <= 0) & log
        cut += int(lost.sum())
        reach = np.nan_to_num(np.stack([np.where(lost, 0.0, mean - low), high - mean]))
        x = part["x"].to_numpy(float)
        x = x + (k - (len(levels) - 1) / 2) * np.minimum(0.006 * span, 0.4 * _gaps(every, x) / len(levels))
        color = colors[group]
        label = "_" if by[0] is None else group_name(group, by[0], by[1])
        # A mean that a log axis cannot show would pull its line to nowhere.
        shown = np.where((mean <= 0) & log, np.nan, mean)
        marker = style.MARKERS[k % len(style.MARKERS)]
        for piece in np.unique(part["piece"]):
            mine = (part["piece"] == piece).to_numpy()
            ax.errorbar(
                x[mine], shown[mine], yerr=reach[:, mine], fmt=f"{marker}-", color=color, ms=4.5, lw=1.3, capsize=2,
                elinewidth=0.8, label="_" if piece else label,
            )  # fmt: skip
    return cut


def _gaps(every: Array, x: Array) -> Array:
    """Distance from each time to the nearest other one."""
    if len(every) < 2:
        return np.zeros(len(x))
    steps = np.concatenate([[np.inf], np.diff(every), [np.inf]])
    return np.asarray(np.minimum(steps[:-1], steps[1:])[np.searchsorted(every, x)])
