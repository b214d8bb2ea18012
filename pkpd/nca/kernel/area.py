"""The area under one curve given as arrays, with everything else given too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from pkpd.arguments import checked
from pkpd.dosing import Dose
from pkpd.errors import InputError
from pkpd.nca import reasons
from pkpd.nca.kernel.analysis import BlockAnalysis
from pkpd.nca.kernel.block import ProfileBlock
from pkpd.nca.kernel.extrapolation import Extrapolation
from pkpd.nca.kernel.partial import KINDS, stretch
from pkpd.nca.kernel.prepare import apply_rules
from pkpd.nca.kernel.profiles import Profiles
from pkpd.nca.keywords import warn_older
from pkpd.nca.rules import preset


class Area(NamedTuple):
    """An area, its first moment about time zero, the value at its end, and the reason if there is none."""

    auc: float
    aumc: float
    end: float
    reason: str


@checked
def area(
    times: npt.ArrayLike | Profiles,
    values: npt.ArrayLike | None = None,
    begin: float = 0.0,
    end: float = np.inf,
    *,
    tail: str | Extrapolation = "last",
    dose: Dose | None = None,
    rules: str = "phoenix",
    **changes: Any,
) -> Area:
    """Return the area under a curve between two times, with a terminal rate constant that is given.

    Samples, BLQ values, the value at time zero and the trapezoidal rule are treated by the rules; after the last
    quantifiable sample the curve goes on as `tail` says (see `Rules.partial`), with the given λz and Clast.

    Parameters
    ----------
    times : (m,), or Profiles
        Times of the samples of one profile; or the one profile itself, with its dose and its limit of quantification.
    values : (m,), optional
        Its values; NaN is no sample.
    begin, end : float
        The stretch; the end may be infinite.
    tail : {"last", "all", "obs", "pred", "line"} or Extrapolation
        What follows the last sample, with the rate and, for "obs" and "pred", the concentration at Tlast from which to
        extrapolate; by default the observed one.
    dose : Dose, optional
        Its route decides how the curve starts; times count from it.
    rules : str
        Name of a preset.
    **changes
        Single rules that differ. (`lambda_z`, `clast` and `lloq` are taken as well and warn.)

    Raises
    ------
    InputError
        If the arrays do not fit, or a rule or tail does not exist.
    """
    older: dict[str, Any] = {name: changes.pop(name) for name in ("lambda_z", "clast") if name in changes}
    given = Extrapolation.given(tail, older, KINDS, "area")
    lloq = {name: changes.pop(name) for name in ("lloq",) if name in changes}
    warn_older(lloq, {"lloq": "area(Profiles.from_arrays(times, values, lloq=…))"}, "area")
    chosen = preset(rules).changed(**changes)
    profiles = times if isinstance(times, Profiles) else _profile(times, values, dose, lloq.get("lloq", np.nan))
    if len(profiles) != 1:
        raise InputError(f"times and values hold {len(profiles)} profiles; expected one", "area")
    ready = apply_rules(profiles, chosen)
    sentences = reasons.sentences(chosen.lambda_z_points)
    zero = bool(len(ready.values)) and not ready.values.any()
    if not ready.quantified.any() and not zero:
        code = reasons.NO_QUANTIFIABLE if ready.n_samples[0] else reasons.NO_SAMPLES
        return Area(np.nan, np.nan, np.nan, str(sentences[code]))
    with np.errstate(all="ignore"):
        block = ProfileBlock.of(ready, profiles, chosen, np.zeros(1, dtype=np.intp))
        curve, follow = BlockAnalysis(block).followed
        level = follow.observed
        if given.clast is not None:
            level = np.ldexp(np.array([float(given.clast)]), -block.scale)
        rate = np.ldexp(np.array([float(given.lambda_z)]), block.time_scale)
        known = np.where(rate > 0, reasons.COMPUTED, reasons.SLOPE_NOT_NEGATIVE).astype(np.int8)
        if not zero or given.clast:
            follow = replace(follow, rate=rate, observed=level, predicted=level, code=known)
        ends = (block.scaled_time(np.array([float(begin)])), block.scaled_time(np.array([float(end)])))
        kind = "obs" if given.kind == "line" and np.isinf(end) else given.kind
        found = stretch(curve, follow, ends[0], ends[1], kind)
        scales = (int(block.time_scale[0]), int(block.scale[0]))
        auc = float(np.ldexp(found.area, scales[0] + scales[1])[0])
        aumc = float(np.ldexp(found.moment, 2 * scales[0] + scales[1])[0])
        value = float(np.ldexp(found.end, scales[1])[0])
    if found.code[0] != reasons.COMPUTED:
        return Area(np.nan, np.nan, np.nan, str(sentences[found.code[0]]))
    return Area(auc, aumc, value if found.end_code[0] == reasons.COMPUTED else np.nan, "")


def _profile(times: npt.ArrayLike, values: npt.ArrayLike | None, dose: Dose | None, lloq: float) -> Profiles:
    if values is None:
        raise InputError("no values; expected them beside the times, or Profiles in place of the times", "area")
    return Profiles.from_arrays(times, values, dose=dose, lloq=lloq)
