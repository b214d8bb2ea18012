"""Kaplan–Meier: curves by group, medians, numbers at risk, restricted means."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd.arguments import checked, some_times
from pkpd.errors import InputError, nearest, shown
from pkpd.trial.recist.scans import provenance
from pkpd.trial.survival.curve import INTERVALS, Curve, curve_of
from pkpd.trial.survival.patients import groups_of, read_times

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class KaplanMeier:
    """What `kaplan_meier` found.

    Attributes
    ----------
    curves : mapping of str to Curve
        The curve of every group.
    by : str
        Column that made the groups; "" for one group.
    interval : {"log-log", "log", "plain"}
        Scale of the intervals.
    level : float
        Their coverage.
    unit : str
        Unit of the times.
    attrs : mapping
        What the table said of itself, such as that it is synthetic.
    """

    curves: Mapping[str, Curve]
    by: str
    interval: str
    level: float
    unit: str
    attrs: Mapping[str, Any] = field(default_factory=dict)

    def table(self) -> pandas.DataFrame:
        """Return a row per group and time: ``group, time, at_risk, events, censored, survival, se, low, high``."""
        import pandas

        parts = [
            pandas.DataFrame({
                "group": name, "time": c.time, "at_risk": c.at_risk.astype(int), "events": c.events.astype(int),
                "censored": c.censored.astype(int), "survival": c.survival, "se": c.se, "low": c.low, "high": c.high})
            for name, c in self.curves.items()
        ]  # fmt: skip
        return pandas.concat(parts, ignore_index=True)

    @checked(times=some_times())
    def at(self, times: Sequence[float]) -> pandas.DataFrame:
        """Return the survival at some times, with its interval, and how many are still at risk.

        Parameters
        ----------
        times : sequence of float
            In the unit of the durations.

        Returns
        -------
        DataFrame
            ``group, time, at_risk, survival, se, low, high``; NaN beyond the last follow-up of a group in which some
            still live.
        """
        import pandas

        asked = np.asarray(times, dtype=float)
        parts = []
        for name, c in self.curves.items():
            left = np.concatenate([c.at_risk, [0.0]])[np.searchsorted(c.time, asked, side="left")]
            parts.append(pandas.DataFrame({
                "group": name, "time": asked, "at_risk": left.astype(int), "survival": c.value(c.survival, asked, 1.0),
                "se": c.value(c.se, asked, 0.0), "low": c.value(c.low, asked, 1.0),
                "high": c.value(c.high, asked, 1.0)}))  # fmt: skip
        return pandas.concat(parts, ignore_index=True)

    @checked
    def quantile(self, p: float = 0.5) -> pandas.DataFrame:
        """Return when a share of patients had the event, with the interval by inverting the pointwise one.

        Where the curve is level at 1 − p, the middle of that step is given, as R's `survfit` does.

        Parameters
        ----------
        p : float
            Between 0 and 1; one half is the median.

        Returns
        -------
        DataFrame
            ``group, patients, events, time, low, high``; NaN where a curve does not come down so far.

        Raises
        ------
        InputError
            If p is not between 0 and 1.

        References
        ----------
        Brookmeyer R, Crowley J. Biometrics 1982;38:29-41.
        """
        import pandas

        if not 0 < p < 1:
            raise InputError(f"p is {shown(p)}; expected a number between 0 and 1", "quantile")
        return pandas.DataFrame([
            {"group": name, "patients": int(c.at_risk[0]), "events": int(c.events.sum()),
             "time": c.quantile(p, c.survival), "low": c.quantile(p, c.low), "high": c.quantile(p, c.high)}
            for name, c in self.curves.items()
        ])  # fmt: skip

    def median(self) -> pandas.DataFrame:
        """Return the median time of every group, with its interval (`quantile`)."""
        return self.quantile(0.5)

    @checked
    def restricted_mean(self, until: float) -> pandas.DataFrame:
        r"""Return the mean time lived up to a time, the area below the curve, with its standard error and interval.

        With :math:`A_i` the area from the i-th event time to the end, :math:`d_i` events among :math:`n_i`, the
        variance is :math:`\sum A_i^2 d_i / (n_i (n_i - d_i))`.

        Parameters
        ----------
        until : float
            End of the area.

        Returns
        -------
        DataFrame
            ``group, until, mean, se, low, high``.

        Raises
        ------
        InputError
            If `until` is not positive, or lies beyond the follow-up of a group in which some still live.

        References
        ----------
        Klein JP, Moeschberger ML. Survival Analysis, 2nd ed. Springer 2003, section 4.5.
        """
        import pandas
        from scipy.special import ndtri

        if not 0 < until < math.inf:
            raise InputError(f"until is {shown(until)}; expected a time > 0", "restricted_mean")
        short = [
            f"group {name}: last seen at {c.time[-1]:g}, where {c.survival[-1]:.3f} still live; until is {until:g}"
            for name, c in self.curves.items() if until > c.time[-1] and c.survival[-1] > 0
        ]  # fmt: skip
        if short:
            raise InputError(short, "restricted_mean")
        z = float(ndtri(0.5 + self.level / 2))
        rows = []
        for name, c in self.curves.items():
            mean, se = c.area(until)
            rows.append({"group": name, "until": until, "mean": mean, "se": se, "low": mean - z * se,
                         "high": mean + z * se})  # fmt: skip
        return pandas.DataFrame(rows)

    def summary(self) -> str:
        """Return medians in words, with the names of the methods."""
        lines = [f"Kaplan–Meier, {100 * self.level:g} % intervals by Greenwood, {self.interval}"]
        for row in self.median().itertuples(index=False):
            unit = f" {self.unit}" if self.unit else ""
            time = "not reached" if math.isnan(row.time) else f"{row.time:.4g}{unit}"
            ends = ["not reached" if math.isnan(v) else f"{v:.4g}" for v in (row.low, row.high)]
            lines.append(f"{row.group}: {row.events} events in {row.patients} patients, median {time} "
                         f"({ends[0]} to {ends[1]})")  # fmt: skip
        return "\n".join(lines)

    __str__ = __repr__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.median().to_html(index=False)}"


@checked
def kaplan_meier(
    times: Any,
    *,
    by: str | None = None,
    interval: str = "log-log",
    level: float = 0.95,
    unit: str = "days",
    columns: Mapping[str, str] | None = None,
) -> KaplanMeier:
    r"""Return Kaplan–Meier curves with Greenwood's standard errors.

    :math:`S(t) = \prod_{t_i \le t} (1 - d_i/n_i)` with :math:`d_i` events among :math:`n_i` at risk.

    Parameters
    ----------
    times : DataFrame, path, mapping of column to values, Study, or Dataset
        One row per patient: ``duration``, ``event`` (True: it happened; in ADTTE that is CNSR 0), and the column of the
        groups.
    by : str, optional
        Column that makes groups.
    interval : {"log-log", "log", "plain"}
        Scale on which the intervals are symmetric. SAS uses log-log, R's `survfit` log.
    level : float
        Coverage.
    unit : str
        Unit of the durations, for pictures and texts.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    KaplanMeier
        Curves; its methods give medians, numbers at times, restricted means.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    References
    ----------
    Kaplan EL, Meier P. J Am Stat Assoc 1958;53:457-481. Kalbfleisch JD, Prentice RL. Statistical Analysis of Failure
    Time Data, 2nd ed. 2002, section 1.4.
    """
    problems = []
    if interval not in INTERVALS:
        problems.append(f"unknown interval {shown(interval)}; {nearest(interval, INTERVALS)}")
    if not 0 < level < 1:
        problems.append(f"level is {shown(level)}; expected a number between 0 and 1")
    if problems:
        raise InputError(problems, "kaplan_meier")
    table = read_times(times, [], columns, [by])
    names, group = groups_of(table, by, "times")
    duration, event = table["duration"].to_numpy(float), table["event"].to_numpy(float)
    curves = {name: curve_of(duration[group == name], event[group == name], interval, level) for name in names}
    return KaplanMeier(curves, by or "", interval, level, unit, provenance(times))
