"""Properties that hold for every profile: scaling, order, padding, signs, reasons, speed."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose
from pkpd.nca import NAMES, PARAMETERS, Profiles, Rules, compute, nca
from pkpd.nca.kernel.compute import Computed
from pkpd.nca.kernel.profiles import Marked
from tests.examples import budget
from tests.nca.nca_studies import make_study

DOSES = (
    None, Dose(0, 100, "bolus"), Dose(0, 100, "oral"), Dose(0, 100, "infusion", 2.0), Dose(0, 0, "bolus"),
    Dose(0, 1e300, "bolus"), Dose(0, 1e-300, "infusion", 1e5),
)  # fmt: skip


@st.composite
def profiles(draw: Any) -> tuple[np.ndarray, np.ndarray, Dose]:
    # Gaps much smaller than the first time would extrapolate C0 beyond the largest number.
    gaps = draw(st.lists(st.floats(0.5, 10), min_size=3, max_size=12))
    values = draw(st.lists(st.floats(0.01, 1000), min_size=len(gaps), max_size=len(gaps)))
    return np.cumsum(gaps), np.array(values), draw(st.sampled_from([d for d in DOSES[1:4] if d]))


def run(times: np.ndarray, values: np.ndarray, dose: Dose | None, **rules: Any) -> Computed:
    return compute(Profiles.from_arrays(times, values, dose=[dose]), Rules.phoenix(**rules))


@budget(max_examples=100)
@given(profiles(), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_scaling_of_time_concentration_and_dose(
    profile: tuple[np.ndarray, np.ndarray, Dose], in_time: float, in_value: float, in_dose: float
) -> None:
    times, values, dose = profile
    one = run(times, values, dose, lambda_z_tolerance=0.0)
    scaled = Dose(0, dose.amount * in_dose, dose.route, dose.duration * in_time)
    other = run(times * in_time, values * in_value, scaled, lambda_z_tolerance=0.0)
    same = one.of("lambda_z_points") == other.of("lambda_z_points")
    if not (same | np.isnan(one.of("lambda_z_points"))).all():
        return  # two windows equally good to the last digit: either is right
    powers = {
        "time": (1, 0, 0), "1/time": (-1, 0, 0), "amount/volume": (0, 1, 0), "1/volume": (0, 1, -1),
        "time/volume": (1, 1, -1), "time*amount/volume": (1, 1, 0), "time^2*amount/volume": (2, 1, 0),
        "time^2/volume": (2, 1, -1),
        "volume": (0, -1, 1), "volume/time": (-1, -1, 1), "1": (0, 0, 0), "%": (0, 0, 0),
    }  # fmt: skip
    for name, row in PARAMETERS.items():
        if row.unit == "log":
            continue
        a, b, c = powers[row.unit]
        expected = one.of(name) * in_time**a * in_value**b * in_dose**c
        # Nearly flat or nearly rising tails lose digits to cancellation, in proportion to their correlation.
        loss = max(1.0, 1 / abs(one.of("lambda_z_correlation")[0])) if np.isfinite(one.of("lambda_z")[0]) else 1.0
        if np.isfinite(expected).all() and loss < 100:
            np.testing.assert_allclose(other.of(name), expected, rtol=1e-9, atol=1e-9 * (row.unit == "%"), err_msg=name)


@budget(max_examples=50)
@given(profiles(), st.integers(0, 2**32 - 1))
def test_order_of_samples_does_not_matter(profile: tuple[np.ndarray, np.ndarray, Dose], seed: int) -> None:
    times, values, dose = profile
    order = np.random.default_rng(seed).permutation(len(times))
    np.testing.assert_array_equal(run(times, values, dose).values, run(times[order], values[order], dose).values)


@budget(max_examples=50)
@given(profiles())
def test_areas_grow_with_the_concentrations(profile: tuple[np.ndarray, np.ndarray, Dose]) -> None:
    times, values, dose = profile
    for rule in ("linear", "linear-up/log-down"):
        found = run(times, values, dose, auc=rule)
        assert found.of("auc_last")[0] <= found.of("auc_all")[0] * (1 + 1e-15)
        low = run(times, values, dose, auc="linear-up/log-down").of("auc_last")[0]
        assert low <= run(times, values, dose, auc="linear").of("auc_last")[0] * (1 + 1e-14)


def test_splitting_a_study_by_subject_changes_nothing() -> None:
    rng = np.random.default_rng(8)
    rows = [
        {"subject": s, "time": float(t), "value": float(v), "blq": bool(v < 0.1), "lloq": 0.1}
        for s in range(12)
        for t, v in zip(np.sort(rng.uniform(0.1, 30, 5 + s)), rng.lognormal(0, 2, 5 + s), strict=True)
    ]
    doses = [{"subject": s, "time": d, "amount": 5.0 + s, "route": "oral"} for s in range(12) for d in (0.0, 12.0)]
    study = make_study(rows, doses, units={"time": "h", "dose": "mg", "C": "mg/L"})
    whole = nca(study, "C")
    for subject in range(12):
        alone = nca(study.select(subjects=[subject]), "C")
        mine = np.flatnonzero(whole["subject"].values == subject)
        for name in NAMES:
            np.testing.assert_array_equal(alone[name], whole[name].values[mine])


def odd_profile(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A profile that somebody will hand in one day."""
    n, kind = int(rng.integers(0, 13)), int(rng.integers(0, 14))
    t, v, blq = np.sort(rng.uniform(0, 48, n)), 10.0 ** rng.uniform(-3, 3, n), rng.random(n) < 0.2
    some = rng.random(n) < 0.35
    odd: dict[int, Any] = {
        0: lambda: (t, 0 * v, blq), 1: lambda: (t, v, blq | True), 2: lambda: (np.round(t / 8) * 8, v, blq),
        3: lambda: (t, 10.0 ** rng.uniform(-300, 300, n), blq), 4: lambda: (t, 0 * v + 7.3, blq),
        5: lambda: (t, np.where(some, 0, v), blq), 7: lambda: (t, np.where(some, -v, v), blq),
        6: lambda: (np.where(some, np.inf, t), np.where(~some, np.nan, v), blq),
        8: lambda: (t - 10, v, blq), 9: lambda: (t, 1e-300 * np.exp(-t), blq),
        10: lambda: (t, 1e300 * np.exp(-0.1 * t), blq), 11: lambda: (0 * t, v, blq),
        12: lambda: (t * 10.0 ** rng.uniform(-300, 300), v, blq), 13: lambda: (t, np.where(some, np.inf, v), blq),
    }  # fmt: skip
    found: tuple[np.ndarray, np.ndarray, np.ndarray] = odd[kind]()
    return found


@pytest.fixture(scope="module")
def odd() -> list[tuple[tuple[np.ndarray, np.ndarray, np.ndarray], Dose | None]]:
    rng = np.random.default_rng(77)
    return [(odd_profile(rng), DOSES[rng.integers(len(DOSES))]) for _ in range(2000)]


def batch(odd: list[Any]) -> Profiles:
    offsets = np.concatenate([[0], np.cumsum([len(t) for (t, _, _), _ in odd])])
    t, v, blq = (np.concatenate([p[i] for p, _ in odd]) for i in range(3))
    return Profiles.from_arrays(t, Marked(v, blq), dose=[d for _, d in odd], offsets=offsets)


@pytest.mark.parametrize("blq", ["zero", "lloq/2", "drop"])
@pytest.mark.parametrize("auc", ["linear", "linear-up/log-down"])
def test_odd_profiles_give_no_exception_no_wrong_sign_and_no_unexplained_nan(
    odd: list[Any], auc: str, blq: str
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = compute(batch(odd), Rules.phoenix(auc=auc, blq_between=blq, blq_after=blq))
    np.testing.assert_array_equal(found.codes == 0, np.isfinite(found.values))
    assert not np.isinf(found.values).any()
    for name in NAMES:
        x = found.of(name)[np.isfinite(found.of(name))]
        if name == "lambda_z_correlation":
            assert ((x <= 0) & (x >= -1)).all()
        elif name not in ("lambda_z_intercept", "lambda_z_r2_adjusted"):
            assert (x >= 0).all(), name
        if PARAMETERS[name].unit == "%" and not name.startswith(("swing", "fluctuation")):
            assert (x <= 100 * (1 + 1e-12)).all(), name
    # The fuzz must reach most of what it is meant to reach.
    assert set(np.unique(found.codes)) >= {0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 16}


def test_a_profile_alone_equals_itself_among_others(odd: list[Any]) -> None:
    whole = compute(batch(odd), Rules())
    for i in range(0, len(odd), 5):
        alone = compute(batch(odd[i : i + 1]), Rules())
        np.testing.assert_array_equal(alone.values[0], whole.values[i])
        np.testing.assert_array_equal(alone.codes[0], whole.codes[i])


def test_ten_thousand_ragged_profiles_take_less_than_three_tenths_of_a_second() -> None:
    rng = np.random.default_rng(1)
    sizes = rng.integers(8, 15, 10_000)
    t = np.concatenate([np.sort(rng.uniform(0, 24, n)) for n in sizes])
    v = 10 * (np.exp(-0.2 * t) - np.exp(-1.5 * t)) * np.exp(rng.normal(0, 0.15, len(t)))
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    taken = []
    for _ in range(3):
        begin = time.process_time()
        found = compute(Profiles.from_arrays(t, v, dose=Dose(0, 100, "oral"), offsets=offsets, lloq=0.2), Rules())
        taken.append(time.process_time() - begin)
    assert (found.of("n_blq") > 0).any()
    assert min(taken) <= 0.3
