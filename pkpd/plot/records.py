"""Simulations of a study as bands: records of like time are taken together, and stand beside what was observed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.axes import Axes

from pkpd.arrays import Array
from pkpd.errors import InputError
from pkpd.ordering import ordered
from pkpd.plot import marks, style

if TYPE_CHECKING:
    import xarray


@dataclass(frozen=True)
class Observed:
    """Observations of the study: times, values (the limit of those below it), and which are below."""

    times: Array
    values: Array
    below: Array


@dataclass(frozen=True)
class Simulated:
    """What bands are drawn of.

    Attributes
    ----------
    times : array, shape (times,)
        In the unit of the simulation.
    values : array, shape (rows, times)
        Simulated values; a row is a subject of a replicate. NaN where there is none.
    unit : str
        Unit of the values.
    observed : Observed or None
        What was observed.
    notes : sequence of str
        For the caption.
    """

    times: Array
    values: Array
    unit: str = ""
    observed: Observed | None = None
    notes: tuple[str, ...] = ()
    not_solved: int | None = field(default=None)
    of: int | None = field(default=None)

    @property
    def lost(self) -> int:
        """How many rows are not solved at some time; of a study, how many records."""
        return int((~np.isfinite(self.values)).any(axis=1).sum()) if self.not_solved is None else self.not_solved

    @property
    def count(self) -> int:
        """Of how many."""
        return len(self.values) if self.of is None else self.of


def groups_of(forecast: xarray.Dataset, name: str, by: str | None) -> list[tuple[Any, Any]]:
    """Return the groups of one output's records, in order, each with a mask of the records; one nameless one for all.

    Parameters
    ----------
    forecast : Dataset
        What `pkpd.simulate` returned for a study.
    name : str
        Output, or ``"<output>_measured"``.
    by : str or None
        Variable over the records; a study without doses has none of them by ``"dose"``.

    Raises
    ------
    InputError
        If there is no such variable, or there are more groups than colours.
    """
    every = np.ones(forecast.sizes["record"], dtype=bool)
    if by is None or (by == "dose" and by not in forecast):
        return [(None, every)]
    over_records = [str(n) for n, v in forecast.variables.items() if v.dims == ("record",)]
    style.require_name(by, over_records, "variable of records")
    mine = forecast["output"].to_numpy().astype(str) == name.removesuffix("_measured")
    labels = forecast[by].to_numpy().tolist()
    labels = ["none" if isinstance(label, float) and np.isnan(label) else label for label in labels]
    names = ordered(label for label, own in zip(labels, mine, strict=True) if own)
    if len(names) > style.MOST_GROUPS:
        many = f"{by} has {len(names)} different values"
        raise InputError(f"{many}; expected at most {style.MOST_GROUPS}: group them first")
    if len(names) < 2:
        return [(None, every)]
    return [(group, np.array([label == group for label in labels])) for group in names]


def of_study(forecast: xarray.Dataset, name: str, among: Any = True) -> Simulated:
    """Return the records of one output of a simulated study, those of like time taken together.

    Parameters
    ----------
    forecast : Dataset
        What `pkpd.simulate` returned for a study.
    name : str
        Output, or ``"<output>_measured"``.
    among : array of bool, shape (records,), or True
        Which records.

    Raises
    ------
    InputError
        If there is no such output, or it was simulated without residual error.
    """
    of = name.removesuffix("_measured")
    outputs = forecast["output"].to_numpy().astype(str)
    style.require_name(of, list(dict.fromkeys(outputs.tolist())), "output")
    measured = name != of
    if measured and "measured" not in forecast:
        raise InputError(f"{of!r} was simulated without residual error; there is no {name!r}")
    mine = (outputs == of) & among
    array = forecast["measured" if measured else "value"].transpose(..., "record").to_numpy().astype(float)
    values = array.reshape(-1, array.shape[-1])[:, mine]
    times = forecast["time"].to_numpy().astype(float)[mine]
    subjects = forecast["subject"].to_numpy()[mine]
    together = bins(times, len(np.unique(subjects)))
    replicates, most = len(values), max(map(len, together))
    pooled = np.full((replicates * most, len(together)), np.nan)
    for k, place in enumerate(together):
        found = values[:, place].ravel()
        pooled[: len(found), k] = found
    centre = np.array([np.median(times[place]) for place in together])
    ragged = any(np.ptp(times[place]) > 0 for place in together)
    notes = (f"{len(np.unique(times))} sampling times in {len(together)} groups",) if ragged else ()
    centre, pooled = _with_gaps(centre, pooled)
    units = forecast["units"].to_numpy().astype(str)[mine] if "units" in forecast else np.array([""])
    missing = int((~np.isfinite(values)).sum())
    return Simulated(centre, pooled, str(units[0]), _observed(forecast, mine, times), notes, missing, values.size)


def bins(times: Array, subjects: int) -> list[Any]:
    """Return groups of records of like time, about one record of every subject in each; equal times stay together.

    Groups are cut at the widest gap near where a full group would end, so that planned times that were kept loosely
    come out as they were planned.

    Parameters
    ----------
    times : array, shape (records,)
        Times.
    subjects : int
        How many subjects there are.
    """
    order = np.argsort(times, kind="stable")
    t = times[order]
    gaps = np.diff(t)
    cuts, start, size = [0], 0, max(subjects, 1)
    while start + size < len(t):
        ends = np.arange(start + max(1, round(0.6 * size)), min(start + max(1, round(1.4 * size)) + 1, len(t)))
        ends = ends[gaps[ends - 1] > 0]
        if not ends.size:  # all at one time: the group ends where that time does
            later = np.flatnonzero(t > t[min(start + size, len(t) - 1)])
            if not later.size:
                break
            ends = later[:1]
        widest = gaps[ends - 1] >= 0.999 * gaps[ends - 1].max()
        start = int(ends[widest][np.argmin(np.abs(ends[widest] - start - size))])
        cuts.append(start)
    return [order[a:b] for a, b in zip(cuts, [*cuts[1:], len(t)], strict=True)]


def _with_gaps(times: Array, values: Array) -> tuple[Array, Array]:
    """Break the bands where a gap is much wider than those beside it: nothing was simulated there."""
    gaps = np.diff(times)
    if len(gaps) < 3:
        return times, values
    beside = np.maximum(np.concatenate([[np.inf], gaps[:-1]]), np.concatenate([gaps[1:], [np.inf]]))
    after = np.flatnonzero(gaps > 5.0 * beside)
    wide = np.insert(times, after + 1, 0.5 * (times[after] + times[after + 1]))
    return wide, np.insert(values, after + 1, np.nan, axis=1)


def _observed(forecast: xarray.Dataset, mine: Array, times: Array) -> Observed | None:
    """What the study holds for the same records."""
    if "observed" not in forecast:
        return None
    observed = forecast["observed"].to_numpy().astype(float)[mine]
    limit = forecast["lloq"].to_numpy().astype(float)[mine] if "lloq" in forecast else np.full(len(observed), np.nan)
    below = ~np.isfinite(observed) & np.isfinite(limit)
    return Observed(times, np.where(below, limit, observed), below)


def draw_observed(ax: Axes, observed: Observed, unit: str, time_unit: str | None, color: str = "") -> None:
    """Draw the observations as points, those below the limit as hollow triangles at it.

    Parameters
    ----------
    ax : Axes
        Where.
    observed : Observed
        What.
    unit : str
        Unit of its times.
    time_unit : str or None
        Unit of the axis.
    color : str
        Of a group, whose marks the legend does not name; grey without one.
    """
    x, below = style.clock(observed.times, unit, time_unit), observed.below.astype(bool)
    known = np.isfinite(observed.values) & ~below
    many = int(known.sum()) > 500
    ax.plot(x[known], observed.values[known], "o", color=color or style.QUIET, ms=1.8 if many else 3.0, mec="none",
            alpha=0.3 if many else 0.7, label="_" if color else f"observed ({known.sum()})", zorder=1.5)  # fmt: skip
    label = "_" if color else f"BLQ ({below.sum()})"
    marks.hollow(ax, x[below], observed.values[below], marks.BELOW, label, color or style.QUIET)
