"""From a study to responses: the samples of every subject and window, their baseline, and the curve through them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas

from pkpd.arrays import Array, Flags
from pkpd.decimals import difference
from pkpd.errors import InputError, warn
from pkpd.nca.response.curve import Curves, value_at
from pkpd.nca.response.rules import ResponseRules
from pkpd.nca.study.dose_events import as_text
from pkpd.nca.study.one_per_time import one_per_time
from pkpd.study import Study

WHOLE = ((0.0, float("inf")),)
_NO_BASELINE = "no sample before the dose from which a baseline could be taken"
_NO_SAMPLES = "no sample after the beginning"


class Samples(NamedTuple):
    """Samples of one subject in order of time; times count from its first dose."""

    time: Array
    value: Array
    blq: Flags
    before: Flags  # drawn before the dose at whose time it stands
    planned: Array  # planned time as the table gives it, else the time itself
    occasion: npt.NDArray[Any]

    def part(self, begin: int, end: int) -> Samples:
        """Return the samples from one place on and before another."""
        k = slice(begin, end)
        return Samples(self.time[k], self.value[k], self.blq[k], self.before[k], self.planned[k], self.occasion[k])


@dataclass(eq=False)
class Course:
    """The response of one subject in one window.

    Attributes
    ----------
    subject : object
        Whose.
    window : int
        Number of the window, from 1.
    origin : float
        Time of the first dose on the study's clock; 0 without a dose.
    baseline : float
        NaN where there is none; then `no_baseline` says why.
    samples : Samples
        Every usable sample of the subject.
    inside : (samples,) of bool
        Those of the window, the one at its beginning included.
    after : (samples,) of bool
        Those after its beginning.
    times, values : (points,)
        The curve: the samples inside, and what was put in at the ends.
    reason : str
        Why there is no curve.
    start : str
        Where the value at the beginning comes from.
    """

    subject: Any
    window: int
    origin: float
    samples: Samples
    inside: Flags
    after: Flags
    baseline: float = float("nan")
    no_baseline: str = ""
    times: Array = field(default_factory=lambda: np.zeros(0))
    values: Array = field(default_factory=lambda: np.zeros(0))
    reason: str = ""
    start: str = ""


def courses_of(
    study: Study, analyte: str, rules: ResponseRules, windows: Sequence[tuple[float, float]] = WHOLE
) -> list[Course]:
    """Return the response of every subject in every window.

    Parameters
    ----------
    study : Study
        Observations and doses, one period per subject.
    analyte : str
        What was measured.
    rules : ResponseRules
        The choices.
    windows : sequence of (begin, end)
        Times after the first dose.

    Raises
    ------
    InputError
        If the analyte was collected over a time.

    Warns
    -----
    DataWarning
        With the count of samples without a usable value, of BLQ samples that are dropped, and of those above the
        upper limit, for which the limit stands.
    """
    table = study.used(analyte)
    if table["until"].notna().any():
        raise InputError(f"{analyte!r} was collected over a time; a response has samples at points in time", "response")
    table = _counted(one_per_time(table), analyte, rules)
    return [
        _course(subject, k, origin, samples, pair, rules)
        for subject, origin, samples in _by_subject(study, table)
        for k, pair in enumerate(windows, start=1)
    ]


def first_doses(study: Study) -> dict[Any, float]:
    """Return the time of every dosed subject's first dose, on the study's clock."""
    doses, _ = study.given_doses()
    return {name: float(when) for name, when in doses.groupby("subject", sort=False)["time"].min().items()}


def _counted(table: pandas.DataFrame, analyte: str, rules: ResponseRules) -> pandas.DataFrame:
    """The samples that have a value, BLQ ones as the rules have it; the rest is counted in warnings."""
    value = table["value"].to_numpy(dtype=float, na_value=np.nan)
    blq, alq = table["blq"].to_numpy(bool), table["alq"].to_numpy(bool)
    lloq = table["lloq"].to_numpy(dtype=float, na_value=np.nan)
    uloq = table["uloq"].to_numpy(dtype=float, na_value=np.nan)
    put = {"lloq/2": 0.5 * lloq, "lloq": lloq, "zero": np.zeros(len(lloq)), "drop": np.full(len(lloq), np.nan)}
    value = np.where(blq, put[rules.blq], np.where(alq, uloq, value))
    usable = np.isfinite(value) & np.isfinite(table["time"].to_numpy(dtype=float))
    if (lost := int((blq & ~usable).sum())) > 0:
        why = "" if rules.blq == "drop" else ", since no limit is known"
        warn(f"{lost} BLQ samples of {analyte} are dropped from the response{why}")
    if (lost := int((~blq & ~usable).sum())) > 0:
        warn(f"{lost} samples of {analyte} have no usable time and value and take no part in the response")
    if (high := int((alq & usable).sum())) > 0:
        warn(f"{high} samples of {analyte} are above the upper limit of quantification, which stands for them: peaks "
             "and areas above are lower bounds")  # fmt: skip
    return table.assign(value=value)[usable]


def _by_subject(study: Study, table: pandas.DataFrame) -> Iterator[tuple[Any, float, Samples]]:
    """Yield every subject that has samples, its first dose and its samples, times after that dose.

    A sample drawn before a dose stands before one drawn after it at the same time.
    """
    ids, first = study.subject_ids, first_doses(study)
    origin = np.array([first.get(name, 0.0) for name in ids], dtype=float)
    place = pandas.Index(ids).get_indexer(pandas.Index(table["subject"])).astype(np.intp)
    time = difference(table["time"].to_numpy(float), origin[place])
    before = (table["mark"] != "post").to_numpy()
    planned = table["nominal_time"].to_numpy(dtype=float, na_value=np.nan)
    planned = np.where(np.isnan(planned), time, planned)
    value, blq = table["value"].to_numpy(float), table["blq"].to_numpy(bool)
    order = np.lexsort((~before, time, place))
    every = Samples(
        time[order], value[order], blq[order], before[order], planned[order], as_text(table["occasion"])[order]
    )
    ends = np.searchsorted(place[order], np.arange(len(ids) + 1))
    for k, (begin, end) in enumerate(pairwise(ends.tolist())):
        if end > begin:
            yield ids[k], float(origin[k]), every.part(begin, end)


def _course(
    subject: Any, number: int, origin: float, samples: Samples, window: tuple[float, float], rules: ResponseRules
) -> Course:
    """The response of one subject in one window."""
    begin, end = window
    time = samples.time
    before = (time < begin) | ((time == begin) & samples.before)
    inside = (time >= begin) & (time <= end)
    found = Course(subject, number, origin, samples, inside, inside & ~before)
    found.baseline, found.no_baseline = _baseline(samples, begin, rules)
    if not found.after.any():
        found.reason = _NO_SAMPLES
        return found
    if np.isfinite(end) and time[-1] < end:
        found.reason = "sampling stops before the end of the window"
        return found
    times, values = time[inside], samples.value[inside]
    logarithmic = rules.curve != "linear"
    begins_anew = begin == 0 or rules.baseline_of == "window"
    if times[0] == begin and before[inside][0]:
        found.start = "observed"
    elif not begins_anew and before.any():
        times, values = np.append(begin, times), np.append(value_at(time, samples.value, begin, logarithmic), values)
        found.start = "interpolated"
    elif begins_anew and rules.start == "baseline" and np.isfinite(found.baseline):
        times, values = np.append(begin, times), np.append(found.baseline, values)
        found.start = "baseline put in"
    else:
        found.start = "first sample"
    if np.isfinite(end) and times[-1] < end:
        times, values = np.append(times, end), np.append(values, value_at(time, samples.value, end, logarithmic))
    found.times, found.values = times, values
    return found


def _baseline(samples: Samples, begin: float, rules: ResponseRules) -> tuple[float, str]:
    """The baseline, and why there is none."""
    if not isinstance(rules.baseline, str):
        return float(rules.baseline), ""
    zero = begin if rules.baseline_of == "window" else 0.0
    before = (samples.time < zero) | ((samples.time == zero) & samples.before)
    if not before.any():
        return float("nan"), _NO_BASELINE
    values = samples.value[before]
    return float({"last": values[-1], "first": values[0], "mean": values.mean()}[rules.baseline]), ""


def curves_of(courses: Sequence[Course], rules: ResponseRules) -> Curves:
    """Return the curves of courses in flat arrays."""
    counts = [len(one.times) for one in courses]
    owner = np.repeat(np.arange(len(courses)), counts).astype(np.intp)
    times = np.concatenate([np.zeros(0), *(one.times for one in courses)])
    values = np.concatenate([np.zeros(0), *(one.values for one in courses)])
    return Curves(times, values, owner, len(courses), rules.curve != "linear")
