"""Has steady state been reached? Tests of observed troughs: Helmert contrasts, trend by steps, the last three."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import stdtr, stdtrit

from pkpd.arguments import checked
from pkpd.arrays import Array, Integers
from pkpd.errors import InputError, shown, warn
from pkpd.nca.given import PROFILES
from pkpd.trial.interaction.random_intercept import random_intercept
from pkpd.trial.recist.scans import SUBJECT, provenance
from pkpd.trial.tables import Column, read_table

if TYPE_CHECKING:
    import pandas

_COLUMNS = (
    SUBJECT,
    Column("time", "number", "time of the trough", also=("day", "visit", "dose_number", "ady", "nominal_time")),
    Column("value", "number", "trough concentration; empty: none", filled=False, low=0,
           also=("trough", "ctrough", "concentration", "conc", "aval")),
)  # fmt: skip
_HEADS = (
    "method", "time", "compared_with", "subjects", "values", "ratio", "low", "high", "level", "freedom", "p", "reason",
)  # fmt: skip
HELMERT, TREND = "Helmert contrast", "linear trend"


@dataclass(frozen=True, eq=False)
class SteadyStateAttainment:
    """What `steady_state_attainment` found.

    Attributes
    ----------
    tests : DataFrame
        A row per method and time: ``method, time, compared_with`` (the later times), ``subjects, values`` (that are
        used), ``ratio`` with ``low, high, level`` (Helmert: geometric mean trough at this time by that of the later
        ones; trend: what the line rises to from this time to the last, as a factor), ``freedom, p`` (of a ratio of 1)
        and ``reason``.
    attained : dict
        Method → first time that is not significantly different from what follows; NaN where there is none.
    alpha : float
        Below which p is significant.
    last_three : tuple of float
        Factor from the third-last to the last trough by the line through the last three times, and its interval.
    notes : tuple of str
        What was done and assumed, in words.
    attrs : dict
        What the data say of where they came from.
    """

    tests: pandas.DataFrame
    attained: dict[str, float]
    alpha: float
    last_three: tuple[float, float, float]
    notes: tuple[str, ...]
    attrs: dict[str, Any]

    def table(self) -> pandas.DataFrame:
        """Return a row per method and time."""
        return self.tests.copy()

    def summary(self) -> str:
        """Return the verdicts in words."""
        lines = []
        for method, time in self.attained.items():
            said = f"from time {time:g} on" if np.isfinite(time) else "not shown"
            lines.append(f"steady state by {method}: {said} (first time without p < {self.alpha:g})")
        ratio, low, high = self.last_three
        level = 100.0 * float(self.tests["level"].iloc[0])
        if np.isfinite(low):
            lines.append(f"last three troughs: factor {ratio:.3g}, {level:g} % interval {low:.3g} to {high:.3g}")
        return "\n".join([*lines, *self.notes])

    __repr__ = __str__ = summary

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(self.summary())}</pre>{self.tests.to_html(index=False)}"


@checked
def steady_state_attainment(
    troughs: Any, *, alpha: float = 0.05, level: float = 0.9, columns: Mapping[str, str] | None = None
) -> SteadyStateAttainment:
    r"""Return from which time on troughs no longer change, by Helmert contrasts and by a linear trend in steps.

    Logarithms of troughs in a linear model with a random intercept per subject, by restricted likelihood. Helmert: the
    mean at each time, from the first on, against the mean of all later times,
    :math:`\mu_k - (\mu_{k+1} + … + \mu_K)/(K - k)`. Trend: the slope over times from the k-th on, dropping the first
    time until it is not significant. Steady state is attained at the first time that is not significant.

    Parameters
    ----------
    troughs : DataFrame, path, mapping, or Dataset
        ``subject, time, value``, pre-dose samples in an order of their times; or a result of `pkpd.nca` of several
        dosing intervals, whose ``ctrough`` is taken at the ends of its intervals.
    alpha : float
        Two-sided, of every test; not corrected for their number.
    level : float
        Of the intervals.
    columns : mapping, optional
        Our name → its heading in the table.

    Returns
    -------
    SteadyStateAttainment

    Raises
    ------
    InputError
        Listing all that cannot be used; if there are fewer than three times.

    Warns
    -----
    DataWarning
        Counting troughs that lack or are zero.

    References
    ----------
    Maganti L, Panebianco DL, Maes AL. AAPS J 2008;10:141-147 (both methods). Tukey JW, Ciminera JL, Heyse JF.
    Biometrics 1985;41:295-301 (trend in steps).
    """
    import pandas

    problems = [f"{name} is {shown(value)}; expected a number between 0 and 1"
                for name, value in (("alpha", alpha), ("level", level)) if not 0 < value < 1]  # fmt: skip
    if problems:
        raise InputError(problems, "steady_state_attainment")
    table = read_table(_of_result(troughs), _COLUMNS, "troughs", named=columns, unique=("subject", "time"))
    unusable = ~(table["value"] > 0).to_numpy()
    if unusable.any():
        zero, lost = int((table["value"] == 0).sum()), int(unusable.sum())
        warn(f"{lost} of {len(table)} troughs are left out: {lost - zero} missing, {zero} "
             "zero; troughs below the limit early on make the approach to steady state look shorter")  # fmt: skip
    table = table[~unusable]
    times = np.unique(table["time"].to_numpy(float))
    if len(times) < 3:
        raise InputError(f"troughs above zero at {len(times)} times; expected three", "steady_state_attainment")
    at: Integers = np.searchsorted(times, table["time"].to_numpy(float))
    who: Integers = np.unique(table["subject"].astype(str), return_inverse=True)[1]
    y = np.log(table["value"].to_numpy(float))
    rows = [_helmert(y, at, who, times, k, level) for k in range(len(times) - 1)]
    rows += [_trend(y, at, who, times, k, level) for k in range(len(times) - 2)]
    tests = pandas.DataFrame(rows, columns=list(_HEADS))
    attained, notes = {}, []
    for method in (HELMERT, TREND):
        own = tests[tests["method"] == method]
        settled = own["p"] >= alpha
        attained[method] = float(own.loc[settled, "time"].iloc[0]) if settled.any() else float("nan")
        later = own[(own["time"] > attained[method]) & (own["p"] < alpha)]
        if len(later):
            notes.append(f"{method}: p is below {alpha:g} again at time {', '.join(f'{t:g}' for t in later['time'])}")
    notes.append(
        "a test that is not significant does not prove steady state: its interval says what change is possible"
    )
    last = tests[tests["method"] == TREND].iloc[-1]
    return SteadyStateAttainment(tests, attained, alpha, (last["ratio"], last["low"], last["high"]), tuple(notes),
                                 provenance(troughs))  # fmt: skip


def _of_result(data: Any) -> Any:
    """Troughs of a result of NCA as a table; anything else as it is."""
    import pandas
    import xarray

    if not isinstance(data, xarray.Dataset | xarray.DataTree):
        return data
    if not PROFILES.accepts(data):
        raise InputError(PROFILES.refusal("troughs", data), "steady_state_attainment")
    if lacking := [name for name in ("subject", "ctrough", "interval_end") if name not in data.variables]:
        raise InputError(f"the result does not hold {', '.join(lacking)}; expected what pkpd.nca returned for several "
                         "dosing intervals", "steady_state_attainment")  # fmt: skip
    time = data["interval_end"].to_numpy().astype(float)
    begin = data["dose_time"].to_numpy().astype(float) if "dose_time" in data.variables else 0.0
    table = pandas.DataFrame({"subject": data["subject"].to_numpy(), "time": begin + time,
                              "value": data["ctrough"].to_numpy().astype(float)})  # fmt: skip
    table.attrs.update(provenance(data))
    return table[np.isfinite(time)]  # after a last dose there is no next one, and so no trough


def _helmert(y: Array, at: Integers, who: Integers, times: Array, k: int, level: float) -> tuple[Any, ...]:
    """The mean at one time against that of all later ones."""
    x = np.eye(len(times))[at]
    contrast = np.zeros(len(times))
    contrast[k], contrast[k + 1 :] = 1.0, -1.0 / (len(times) - k - 1)
    later = f"mean of {times[k + 1]:g} … {times[-1]:g}" if k + 2 < len(times) else f"{times[-1]:g}"
    return (HELMERT, times[k], later, *_tested(y, x, who, contrast, level))


def _trend(y: Array, at: Integers, who: Integers, times: Array, k: int, level: float) -> tuple[Any, ...]:
    """The line from one time to the last."""
    part = at >= k
    span = times[-1] - times[k]
    t = (times[at[part]] - times[k]) / span
    codes: Integers = np.unique(who[part], return_inverse=True)[1]
    found = _tested(y[part], np.column_stack([np.ones(len(t)), t]), codes, np.array([0.0, 1.0]), level)
    return (TREND, times[k], f"line to {times[-1]:g}", *found)


def _tested(y: Array, x: Array, who: Integers, contrast: Array, level: float) -> tuple[Any, ...]:
    """A combination of effects, all of which vary within subjects: as a factor with interval, freedom and p."""
    people = int(who.max()) + 1
    freedom = len(y) - people - (x.shape[1] - 1)
    head = (people, len(y))
    if freedom < 1 or np.linalg.matrix_rank(x) < x.shape[1]:
        return (*head, np.nan, np.nan, np.nan, level, float(max(freedom, 0)), np.nan,
                "too few troughs for as many times")  # fmt: skip
    dummies = np.eye(people)[who]
    rest = y - (full := np.column_stack([x, dummies])) @ np.linalg.lstsq(full, y, rcond=None)[0]
    if float(rest @ rest) <= 1e-20 * max(1.0, float(y @ y)):
        return (
            *head,
            np.nan,
            np.nan,
            np.nan,
            level,
            float(freedom),
            np.nan,
            "troughs do not scatter within subjects",
        )
    fit = random_intercept(y, x, who)
    effect, se = float(contrast @ fit.beta), float(np.sqrt(contrast @ fit.covariance @ contrast))
    reach = float(stdtrit(freedom, 0.5 + level / 2.0)) * se
    p = 2.0 * float(stdtr(freedom, -abs(effect) / se))
    with np.errstate(over="ignore"):
        ratio, low, high = (float(np.exp(v)) for v in (effect, effect - reach, effect + reach))
    return (*head, ratio, low, high, level, float(freedom), p, "")
