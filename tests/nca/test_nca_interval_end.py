"""Nothing after the end of a dosing interval changes a number of the interval."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose
from pkpd.nca import Marked, Profiles, Rules, compute, nca
from tests.examples import budget
from tests.nca.nca_studies import make_study

OF_INTERVAL = (
    "auc_tau", "aumc_tau", "mrt_tau", "cl_tau", "vss_tau", "kel_tau", "half_life_effective_tau", "cavg", "ctau",
    "ctrough", "cmin", "tmin", "cstart", "c0", "fluctuation", "fluctuation_tau", "swing", "swing_tau", "peak_trough",
    "auc_tau_extrapolated", "auc_tau_dose", "cavg_dose", "c0_dose", "cmin_dose",
)  # fmt: skip
UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
TAU = 24.0


@st.composite
def rules(draw: Any) -> Rules:
    one = lambda *choices: draw(st.sampled_from(choices))  # noqa: E731
    blq = ("zero", "lloq/2", "lloq", "drop", 0.3)
    return Rules(
        auc=one("linear-up/log-down", "linear", "linear/log after Cmax"),
        partial=one("line", "last", "all", "obs", "pred"), tmax=one("first", "last"), zero_is_blq=one(True, False),
        blq_before=one("by route", *blq), blq_between=one(*blq), blq_after=one(*blq),
        blq_around=one("quantifiable", "Cmax"), blq_imputed=one("areas", "areas and lambda_z"),
        blq_run=one(None, 1, 2), c0=one(("observed", "log back-extrapolation", "first observed"), "smallest", "zero"),
        time_zero=one("by route", "predose", "smallest", "zero", ("predose", "smallest")),
        time_zero_counts=one(True, False), lambda_z_method=one("regression", "regression", "tobit"),
    )  # fmt: skip


@st.composite
def samples(draw: Any, begin: float, end: float, at_end: bool) -> tuple[list[float], list[float], list[bool]]:
    times = sorted(draw(st.sets(st.integers(int(4 * begin) + 1, int(4 * end) - 1), min_size=3, max_size=7)))
    times = [0.25 * t for t in times] + ([end] if at_end else [])
    values = draw(st.lists(st.sampled_from([0.0, 0.02, 0.4, 1.2, 3.0, 5.5, 7.0, 40.0, float("nan")]),
                           min_size=len(times), max_size=len(times)))  # fmt: skip
    if at_end and not values[-1] >= 0:
        values[-1] = 1.0
    return times, values, [v < 0.1 for v in values]


DOSES = [Dose(0, 100, "oral"), Dose(0, 100, "bolus"), Dose(0, 100, "infusion", 2.0)]


@budget(max_examples=40)
@given(st.data(), rules(), st.sampled_from(DOSES), st.booleans(), st.booleans())
def test_samples_after_the_interval_change_none_of_its_numbers(
    data: Any, chosen: Rules, dose: Dose, first: bool, at_end: bool
) -> None:
    inside = data.draw(samples(0, TAU, at_end))
    if not at_end:  # the curve is drawn to the first sample after the end, and to no other
        value = data.draw(st.sampled_from([0.0, 0.3, 9.0]))
        inside = [*inside[0], 27.0], [*inside[1], value], [*inside[2], value < 0.1]
    after = data.draw(samples(30, 90, False))
    found = []
    for times, values, blq in (inside, tuple(a + b for a, b in zip(inside, after, strict=True))):
        one = Profiles.from_arrays(times, Marked(values, blq), dose=[dose], lloq=0.1, tau=TAU).with_predose(-0.5, 0.7)
        found.append(compute(replace(one, first=np.array([first])), chosen))
    for name in OF_INTERVAL:
        np.testing.assert_array_equal(found[0].of(name), found[1].of(name), err_msg=name)


LATE = [(168, 0.3), (216, 0.02)]


def study(samples: list[tuple[float, float]], route: str = "oral", last: float = 120.0) -> Any:
    doses = [{"subject": 1, "time": t, "amount": 100.0, "route": route, "duration": 2.0 * (route == "infusion")}
             for t in np.arange(0, last + 1, 24)]  # fmt: skip
    return make_study([{"subject": 1, "time": t, "value": c} for t, c in samples], doses, units=UNITS)


SAMPLES = list(zip([120.5, 121, 122, 124, 128, 132, 144], [4.0, 6, 7, 6, 4, 3, 1.2], strict=True))


@pytest.mark.parametrize("route", ["oral", "infusion"])
@pytest.mark.parametrize("way", ["by route", "smallest"])
def test_the_value_at_the_dose_is_the_smallest_of_the_interval(route: str, way: str) -> None:
    """From 1.2 at the dose, its smallest value to 24 h: up by the linear rule, down by the logarithmic one."""
    t, c = [0, 0.5, 1, 2, 4, 8, 12, 24], [1.2, 4, 6, 7, 6, 4, 3, 1.2]
    up = sum((t[k + 1] - t[k]) * (c[k] + c[k + 1]) / 2 for k in range(3))
    down = sum((t[k + 1] - t[k]) * (c[k] - c[k + 1]) / np.log(c[k] / c[k + 1]) for k in range(3, 7))
    for more in ([], LATE):
        result = nca(study(SAMPLES + more, route), time_zero=way, time_zero_counts=True)
        np.testing.assert_allclose(result["auc_tau"].item(), up + down, rtol=1e-14)
        assert result["cmin"].item() == result["cstart"].item() == 1.2
        np.testing.assert_allclose(result["swing"].item(), 100 * (7 - 1.2) / 1.2, rtol=1e-14)


def test_c0_is_not_drawn_through_a_sample_after_the_interval() -> None:
    """One sample of a bolus, at the end of its interval: the wash-out is no second point of C0."""
    result = nca(study([(144, 2.0), (150, 1.0), (156, 0.5)], "bolus"))
    assert np.isnan(result["c0"].item())
    assert np.isnan(result["auc_tau"].item())
    before = nca(study([(132, 8.0), (144, 2.0), (150, 1.0), (156, 0.5)], "bolus"))
    np.testing.assert_allclose(before["c0"].item(), 32.0, rtol=1e-14)


@pytest.mark.parametrize("by_hand", [False, True])
def test_a_blq_trough_stays_what_it_is_whatever_follows(by_hand: bool) -> None:
    rows = [{"subject": 1, "time": t, "value": c} for t, c in [(120, 2.0), (122, 7.0), (128, 4.0), (132, 3.0)]]
    rows.append({"subject": 1, "time": 144.0, "value": np.nan, "blq": True, "lloq": 0.5})
    doses = [{"subject": 1, "time": t, "amount": 100.0, "route": "oral"} for t in (96.0, 120.0)]
    found = []
    for more in ([], [{"subject": 1, "time": 156.0, "value": 0.6}]):
        whole = make_study(rows + more, doses, units=UNITS)
        found.append(nca(whole, intervals=[(120, 144)] if by_hand else None, partial="obs", blq_after="zero"))
    assert found[0]["ctrough"].values[-1] == found[1]["ctrough"].values[-1] == 0
    for name in ("auc_tau", "cavg", "swing", "cl_tau", "auc_tau_extrapolated"):
        np.testing.assert_array_equal(found[0][name].values[-1], found[1][name].values[-1], err_msg=name)


@budget(max_examples=15)
@given(st.data(), rules(), st.sampled_from(["oral", "bolus", "infusion"]), st.booleans(), st.booleans())
def test_a_dosing_interval_by_hand(data: Any, chosen: Rules, route: str, at_end: bool, usual: bool) -> None:
    """With a sample at its end it is the dosing interval; without one, nothing changes it but the first sample after.

    `usual`: its length is that of the interval before, else it is given.
    """
    inside = data.draw(samples(0, TAU, at_end))
    if not at_end:
        value = data.draw(st.sampled_from([0.0, 0.3, 9.0]))
        inside = [*inside[0], 27.0], [*inside[1], value], [*inside[2], value < 0.1]
    after = data.draw(samples(30, 90, False))
    doses = [{"subject": 1, "time": t, "amount": 100.0, "route": route, "duration": 2.0 * (route == "infusion")}
             for t in ((0.0, 24.0) if usual else (24.0,))]  # fmt: skip
    options, found = {"rules": chosen, "tau": None if usual else TAU}, []
    for part in (inside, tuple(a + b for a, b in zip(inside, after, strict=True))):
        rows = [{"subject": 1, "time": 24.0 + t, "value": np.nan if b else v, "blq": b, "lloq": 0.1}
                for t, v, b in zip(*part, strict=True)]  # fmt: skip
        whole = make_study(rows, doses, units=UNITS)
        found.append(nca(whole, intervals=[(24, 48)], **options))
    other = nca(whole, **options) if at_end else found[0]
    for name in ("auc_tau", "aumc_tau", "ctau", "ctrough", "cmin", "c0", "cstart", "cavg", "swing", "fluctuation"):
        np.testing.assert_allclose(found[1][name][0], other[name][-1], rtol=1e-12, atol=1e-300, err_msg=name)


@pytest.mark.parametrize(("end", "later"), [(20, True), (30, True), (24, False)])
def test_a_blq_sample_at_the_end_of_another_interval_lies_where_it_lies_in_a_window(end: int, later: bool) -> None:
    """Up to 20 or 30 h it is followed by a measured one, so dropped; at 24 h, the end of the dosing interval, last."""
    rows = [{"subject": 1, "time": t, "value": c} for t, c in [(0, 2.0), (2, 7.0), (8, 4.0)] if t < end]
    rows.append({"subject": 1, "time": float(end), "value": np.nan, "blq": True, "lloq": 0.5})
    rows.append({"subject": 1, "time": 36.0, "value": 0.6})
    whole = make_study(rows, [{"subject": 1, "time": 0, "amount": 1.0, "route": "oral"}], units=UNITS)
    options = {"tau": 24.0, "auc": "linear", "blq_between": "drop", "blq_after": "zero"}
    part = nca(whole, intervals=[(0, end)], **options)["auc_tau"].item()
    at_end = 4 - 3.4 * (end - 8) / 28 if later else 0.0
    np.testing.assert_allclose(part, 9 + 33 + (end - 8) * (4 + at_end) / 2, rtol=1e-12)
    window = nca(whole, windows=[(0, end)], **options)["auc_window"].sel(extrapolation="line").item()
    assert not later or window == pytest.approx(part, rel=1e-12)


def test_nothing_is_put_in_where_nothing_is_quantifiable() -> None:
    """A BLQ interval of a bolus has no C0, whether or not something is measured after it."""
    for more in ([], [30.0]):
        values = Marked([np.nan, np.nan, *(1.0 for _ in more)], [True, True, *(False for _ in more)])
        found = compute(Profiles.from_arrays([4, 24, *more], values, dose=Dose(0, 1), tau=24), Rules(c0="zero"))
        assert np.isnan(found.of("c0")[0])
        assert np.isnan(found.of("auc_tau")[0])


def test_cmax_after_the_interval_does_not_decide_its_trapezoids() -> None:
    """With the logarithm after Cmax: the interval's own Cmax, not a larger value in the wash-out."""
    times, values = [0, 2, 8, 12, 24], [1.0, 7, 4, 3, 1]
    areas = [
        compute(Profiles.from_arrays(t, v, dose=Dose(0, 1, "oral"), tau=24), Rules(auc="linear/log after Cmax"))
        for t, v in ((times, values), ([*times, 36, 48], [*values, 9, 2]))
    ]
    expected = 8 + 6 * 3 / np.log(7 / 4) + 4 / np.log(4 / 3) + 12 * 2 / np.log(3)
    for found in areas:
        np.testing.assert_allclose(found.of("auc_tau")[0], expected, rtol=1e-14)
