"""Profiles of zeros, areas without a length, and zeros beside an interval set by hand."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pkpd.dosing import Dose
from pkpd.nca import PRESETS, Asked, Profiles, Rules, area, compute, nca, why
from pkpd.nca.kernel.profiles import Marked
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
AREAS = ("auc_last", "auc_all", "auc_inf_obs", "auc_inf_pred", "auc_tau", "aumc_last", "aumc_all", "aumc_inf_obs",
         "auc_last_dose")  # fmt: skip


@pytest.mark.parametrize("preset", ["phoenix", "pknca"])
@pytest.mark.parametrize("dose", [Dose(0, 100, "oral"), Dose(0, 100), Dose(0, 100, "infusion", 1.0), None])
@pytest.mark.parametrize("times", [(0, 1, 2, 3), (1, 2, 4), (0.5, 24)])
def test_areas_of_zeros_are_zero(preset: str, dose: Dose | None, times: tuple[float, ...]) -> None:
    """PKNCA: ``pk.calc.auc`` and ``pk.calc.aucint`` of zeros at 0 to 3 h are 0, to 2.5 and to 4 h; ``tmax`` is NA."""
    profile = Profiles.from_arrays(times, np.zeros(len(times)), dose=dose, tau=30.0)
    found = compute(profile, PRESETS[preset], Asked(((0, 2.5), (0, 40)), (1.0,)))
    for name in (*AREAS, "cmax", "cmin", "cavg", "ctau"):
        if name != "auc_last_dose" or dose is not None:
            assert found.of(name)[0] == 0.0, name
    for name in ("tmax", "clast", "tlast", "tfirst", "lambda_z", "half_life", "cl_obs", "mrt_last", "fluctuation",
                 "auc_extrapolated_obs", "tlag"):  # fmt: skip
        assert np.isnan(found.of(name)[0]), name
        assert found.why(name)[0] != 0
    assert (found.extra.area == 0).all()
    assert (found.extra.time_above == 0).all()


def test_what_a_zero_says_in_a_study() -> None:
    rows = [{"subject": s, "time": t, "value": 0.0 if s == 1 else np.nan, "blq": s > 1, "lloq": 0.5}
            for s in (1, 2, 3) for t in (0.0, 1.0, 4.0)]  # fmt: skip
    doses = [{"subject": s, "time": 0, "amount": 0.0 if s == 1 else 5.0, "route": "bolus" if s == 3 else "oral"}
             for s in (1, 2, 3)]  # fmt: skip
    result = nca(make_study(rows, doses, units=UNITS), "C")
    np.testing.assert_array_equal(result["auc_last"], [0.0, 0.0, np.nan])
    np.testing.assert_array_equal(result["cmax"], [0.0, 0.0, np.nan])
    assert "every concentration is zero" in why(result, "tmax", 0)
    assert "no quantifiable sample" in why(result, "tmax", 1)
    assert "BLQ samples count as 0 at 0, 1, 4 h" in why(result, "auc_last", 1)
    assert "no quantifiable sample" in why(result, "auc_last", 2)  # after a bolus BLQ samples are dropped
    assert area([0, 1, 2], [0, 0, 0], 0, 2).auc == 0.0


@pytest.mark.parametrize(("times", "values", "all_"), [
    ((0,), (5.0,), np.nan), ((0, 1, 2), (5.0, 0.0, 0.0), 2.5), ((0, 2), (3.0, 0.0), 3.0), ((0,), (0.0,), np.nan),
])  # fmt: skip
@pytest.mark.parametrize("preset", ["phoenix", "pknca"])
@pytest.mark.parametrize("route", ["oral", "bolus"])
def test_an_area_without_a_length_is_none(times: Any, values: Any, all_: float, preset: str, route: str) -> None:
    found = compute(Profiles.from_arrays(times, values, dose=Dose(0, 100, route)), PRESETS[preset])
    assert np.isnan(found.of("auc_last")[0])
    assert np.isnan(found.of("cl_last")[0])
    np.testing.assert_array_equal(found.of("auc_all")[0], all_)


def test_a_value_put_in_before_zeros_is_no_area_to_the_last_positive_sample() -> None:
    profile = Profiles.from_arrays([1, 2], Marked([0.0, 0.0]), dose=Dose(0, 1, "oral")).with_predose(-0.01, 4.0)
    found = compute(profile, Rules(time_zero="predose"))
    assert np.isnan(found.of("auc_last")[0])
    assert found.of("auc_all")[0] == 2.0  # from 4 at the dose to 0 at 1 h


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, Any, Rules, tuple[float, float]]:
    """A study of one subject, the rules, and a stretch of its profile."""
    times = sorted(draw(st.sets(st.integers(0, 20), min_size=3, max_size=9)))
    values = [draw(st.sampled_from([0.0, 0.0, 1.0, 2.5, 4.0, 8.0])) for _ in times]
    below = [draw(st.integers(0, 3)) == 0 for _ in times]
    route = draw(st.sampled_from(["oral", "bolus", "infusion"]))
    mark = draw(st.sampled_from(["", "post"]))
    rows = [{"subject": 1, "time": t, "value": np.nan if b else c, "blq": b, "lloq": 0.5, "mark": mark * (t == 0)}
            for t, c, b in zip(times, values, below, strict=True)]  # fmt: skip
    doses = [{"subject": 1, "time": t, "amount": 10.0, "route": route, "duration": float(route == "infusion")}
             for t in ((0, 20) if draw(st.booleans()) else (0,))]  # fmt: skip
    rule = draw(st.sampled_from(["zero", "drop", "lloq/2", 0.3]))
    between, after = (draw(st.sampled_from(["zero", "drop", "lloq/2"])) for _ in range(2))
    rules = Rules(
        partial=draw(st.sampled_from(["line", "last", "all", "obs"])), zero_is_blq=draw(st.booleans()),
        auc=draw(st.sampled_from(["linear", "linear-up/log-down"])),
        blq_before=draw(st.sampled_from(["by route", rule])), blq_between=between, blq_after=after,
        blq_imputed=draw(st.sampled_from(["areas", "areas and lambda_z"])), blq_run=draw(st.sampled_from([None, 2])),
    )  # fmt: skip
    begin = draw(st.sampled_from([0.0, 0.0, float(times[0]), times[0] + 1.5]))
    return rows, doses, rules, (begin, begin + draw(st.floats(0.5, 18.0 - min(begin, 17.0))))


@given(cases())
@settings(max_examples=15, deadline=None, derandomize=True)
def test_an_area_is_one_number_as_a_window_and_as_an_interval(case: Any) -> None:
    """Zeros and BLQ samples outside mean the same; the interval's own regression is no part of the claim."""
    rows, doses, rules, (begin, end) = case
    study = make_study(rows, doses, units=UNITS)
    whole = nca(study, "C", rules=rules, windows=[(begin, end)])
    part = nca(study, "C", rules=rules, intervals=[(begin, end)])
    if not (whole.sizes["profile"] and part.sizes["profile"]):
        return
    window = float(whole["auc_window"].sel(extrapolation=rules.partial)[0, 0])
    interval = float(part["auc_tau"][0])
    used = part["sample_time"].values[0]
    no_sample = np.isnan(used).all()  # all of them BLQ and dropped
    own_line = begin > 0 and rules.partial != "all" and end > np.nan_to_num(float(whole["tlast"][0]))
    late = begin > 0 and np.isnan(interval)  # nothing before its first sample, and no dose
    if not (no_sample or own_line or late):
        np.testing.assert_allclose(interval, window, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("outside", [{"value": 0.0}, {"value": np.nan, "blq": True, "lloq": 0.5}])
@pytest.mark.parametrize("stretch", [(0, 10), (5, 10), (2, 9)])
def test_a_zero_after_the_interval_by_hand(outside: Any, stretch: Any) -> None:
    """0, 10 and 5 at 0, 1 and 4 h, 2.5 at 8 h, nothing at 12 h: linear, so 1.25 at 10 h."""
    values = [(0.0, 0.0), (1.0, 10.0), (4.0, 5.0), (8.0, 2.5)]
    rows = [{"subject": 1, "time": t, "value": c} for t, c in values] + [{"subject": 1, "time": 12.0, **outside}]
    study = make_study(rows, [{"subject": 1, "time": 0, "amount": 1.0, "route": "oral"}], units=UNITS)
    begin, end = stretch

    def at(t: float) -> float:
        return float(np.interp(t, [0, 1, 4, 8, 12], [0, 10, 5, 2.5, 0]))

    knots = sorted({begin, end, *(t for t in (1.0, 4.0, 8.0) if begin < t < end)})
    right = sum((b - a) * (at(a) + at(b)) / 2 for a, b in pairwise(knots))
    found = nca(study, "C", auc="linear", intervals=[stretch])
    assert float(found["auc_tau"][0]) == pytest.approx(right, rel=1e-12)
    window = nca(study, "C", auc="linear", windows=[stretch])
    assert float(window["auc_window"].sel(extrapolation="line")[0, 0]) == pytest.approx(right, rel=1e-12)
