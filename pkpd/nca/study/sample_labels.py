"""The samples of a result: as the rules left them, what took no part and why, and the value at the beginning."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt

from pkpd.arrays import Integers
from pkpd.nca.kernel.compute import Computed
from pkpd.nca.kernel.predose import predose_sample
from pkpd.nca.kernel.prepare import FATES
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.study.base import Base
from pkpd.periods import in_one_period
from pkpd.study import Study

BEGINNINGS = ("", "observed", "C0", "interpolated", "put in")
"""Where the value at the beginning of a profile comes from; "": there is none."""
_WRITTEN = 500  # an attribute of a file has little room


def samples(found: Computed, base: Base) -> dict[str, Any]:
    """Return the samples as the rules left them, one row per profile, padded."""
    ready, dims = found.prepared, ("profile", "sample")
    times, values = (_padded(flat, ready.counts, np.nan) for flat in (ready.times, ready.values))
    quantified, imputed = (_padded(flat, ready.counts, False) for flat in (ready.quantified, ready.imputed))
    return {
        "sample_time": (dims, times, {"units": base.words["time"], "long_name": "time after the dose"}),
        "sample_value": (dims, values, {"units": base.own, "long_name": "value that was used"}),
        "sample_quantified": (dims, quantified, {"long_name": "not below the limit of quantification"}),
        "sample_imputed": (dims, imputed, {"long_name": "a value in place of a BLQ sample"}),
    }


def around(found: Computed, profiles: Profiles, base: Base) -> dict[str, Any]:
    """Return the value from which areas begin, and the samples that took no part, as coordinates."""
    ready, start = found.prepared, found.prepared.start
    known = ~np.isnan(start.entry)
    between = known & ~profiles.at_dose & ~np.isnan(ready.outside[:, 0])
    how = np.select([start.observed, known & start.extrapolated, between, known], [1, 2, 3, 4], 0)
    lost = np.flatnonzero((ready.fate > 0) & (ready.fate != FATES.index("outside the interval")))
    counts = np.bincount(profiles.owner[lost], minlength=len(profiles))
    words = np.array(FATES, dtype=object)[ready.fate[lost].astype(np.intp)]
    aside, time = ("profile", "aside"), base.words["time"]
    return {
        "aside_time": (
            aside, _padded(profiles.times[lost], counts, np.nan),
            {"units": time, "long_name": "time of a sample that took no part"},
        ),
        "aside_why": (aside, _padded(words, counts, ""), {"long_name": "why it took no part"}),
        "start_value": (
            "profile", start.entry, {"units": base.own, "long_name": "value from which the areas begin"},
        ),
        "start_how": (
            "profile", np.array(BEGINNINGS, dtype=object)[how], {"long_name": "where that value comes from"},
        ),
        "after_time": (
            "profile", ready.outside[:, 2], {"units": time, "long_name": "first sample after an interval set by hand"},
        ),
        "after_counts": ("profile", ready.goes_on, {"long_name": "whether Tlast lies after an interval set by hand"}),
    }  # fmt: skip


def taken_off(measured: Profiles, analysed: Profiles, base: Base) -> dict[str, Any]:
    """Return what was there before the dose and taken off all samples of a profile; nothing if it was nowhere."""
    with np.errstate(invalid="ignore"):
        changed = np.isfinite(measured.values) & (measured.values != analysed.values)
    less = np.bincount(measured.owner[changed], minlength=len(measured)) > 0
    if not less.any():
        return {}
    level = np.where(less, predose_sample(measured).value, 0.0)
    return {"taken_off": ("profile", level, {"units": base.own, "long_name": "what was there before the dose"})}


def excluded(study: Study, analyte: str) -> str:
    """Return the samples of an analyte that the study excludes as JSON: subject, time on its clock, reason, period."""
    table = in_one_period(study.observations)
    table = table[table["excluded"] & (table["analyte"] == analyte)]
    columns = (table[name] for name in ("subject", "clock", "reason", "period"))
    rows = [
        [str(who), float(when), why if isinstance(why, str) else "", int(period)]
        for who, when, why, period in zip(*columns, strict=True)
    ]
    return json.dumps(rows[:_WRITTEN])


def _padded(flat: npt.NDArray[Any], counts: Integers, blank: Any) -> npt.NDArray[Any]:
    """Return flat values as rows, one per profile."""
    real = np.arange(int(counts.max()) if len(counts) else 0) < counts[:, None]
    table = np.full(real.shape, blank, dtype=flat.dtype)
    table[real] = flat
    return table
