"""Each rule on a profile small enough to compute by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pkpd.dosing import Dose
from pkpd.errors import InputError
from pkpd.nca import PRESETS, Profiles, Rules, compute, reasons
from pkpd.nca.kernel.compute import Computed
from pkpd.nca.kernel.parameters import NAMES

BOLUS, ORAL = Dose(0, 10, "bolus"), Dose(0, 10, "oral")


def run(
    times: list[float], values: list[float], dose: Dose | None = ORAL, rules: Rules | None = None, **more
) -> Computed:  # type: ignore[no-untyped-def]
    return compute(Profiles.from_arrays(times, values, dose=[dose], **more), rules or Rules())


def code(found: Computed, name: str) -> int:
    return int(found.codes[0, NAMES.index(name)])


def test_extravascular_profile_starts_at_zero() -> None:
    found = run([1, 2], [4, 4], rules=Rules.phoenix(auc="linear"))
    assert found.of("auc_last")[0] == 2 + 4
    assert found.of("tlag")[0] == 0
    found = run([1, 2], [4, 4], rules=Rules.phoenix(auc="linear", time_zero="none"))
    assert code(found, "auc_last") == reasons.NO_TIME_ZERO


def test_sample_at_the_time_of_the_dose_is_kept() -> None:
    assert run([0, 1, 2], [1, 4, 4], rules=Rules.phoenix(auc="linear")).of("auc_last")[0] == 2.5 + 4


def test_linear_up_log_down_switches_per_segment() -> None:
    found = run([0, 1, 2, 3, 4], [0, 4, 2, 3, 3])
    expected = 2 + 2 / np.log(2) + 2.5 + 3
    np.testing.assert_allclose(found.of("auc_last")[0], expected, rtol=1e-15)


def test_a_fall_to_zero_is_linear() -> None:
    found = run([0, 1, 2, 3], [0, 4, 0, 4])
    assert found.of("auc_last")[0] == 2 + 2 + 2


@pytest.mark.parametrize(
    ("values", "c0"),
    [
        ([8.0, 4.0, 2.0], 16.0),
        ([4.0, 8.0, 2.0], 4.0),
        ([8.0, 8.0, 2.0], 8.0),
        ([8.0, 0.0, 2.0], 8.0),
        ([0.0, 8.0, 2.0], 0.0),
    ],
)
def test_c0_is_back_extrapolated_or_the_first_observed(values: list[float], c0: float) -> None:
    found = run([1, 2, 3], values, BOLUS)
    np.testing.assert_allclose(found.of("c0")[0], c0, rtol=1e-15)
    assert run([1, 2, 3], values, BOLUS, Rules.phoenix(c0="first observed")).of("c0")[0] == values[0]


def test_c0_observed_at_the_time_of_the_bolus() -> None:
    found = run([0, 1, 2], [8, 4, 2], BOLUS)
    assert found.of("c0")[0] == 8
    assert found.of("auc_back_extrapolated_obs")[0] == 0
    assert found.of("cmax")[0] == 8


def test_a_zero_at_the_time_of_a_bolus_was_drawn_before_it() -> None:
    found = run([0, 1, 2], [0, 4, 2], BOLUS)
    np.testing.assert_allclose(found.of("c0")[0], 8, rtol=1e-15)
    np.testing.assert_allclose(found.of("auc_last")[0], 6 / np.log(2), rtol=1e-15)


def test_one_sample_after_a_bolus_gives_no_c0_and_no_area() -> None:
    found = run([1], [4], BOLUS)
    assert code(found, "c0") == code(found, "auc_last") == reasons.NO_C0
    assert found.of("cmax")[0] == 4


def test_blq_by_position() -> None:
    times, values = [0.0, 1, 2, 3, 4, 5, 6, 7], [0.1, 0.1, 8, 0.1, 4, 2, 0.1, 0.1]
    found = run(times, values, rules=Rules.phoenix(auc="linear"), lloq=1.0)
    assert found.of("n_blq")[0] == 5
    assert found.of("tlag")[0] == 1
    assert found.of("auc_last")[0] == 0 + 4 + 12 + 3  # zero before, dropped between
    assert found.of("auc_all")[0] == 19 + 1  # down to zero after the last
    assert found.of("tlast")[0] == 5
    dropped = run(times, values, rules=Rules.phoenix(auc="linear", blq_after="drop"), lloq=1.0)
    assert dropped.of("auc_all")[0] == 19
    zero = run(times, values, rules=Rules.phoenix(auc="linear", blq_between="zero"), lloq=1.0)
    assert zero.of("auc_last")[0] == 4 + 4 + 2 + 3
    half = run(times, values, rules=Rules.phoenix(auc="linear", blq_between="lloq/2"), lloq=1.0)
    assert half.of("auc_last")[0] == 4 + 4.25 + 2.25 + 3
    assert half.of("lambda_z_points")[0] != 4  # a value put in for BLQ is no point of the regression


@pytest.mark.parametrize(("run_of", "tlast", "after_end"), [(1, 3.0, 5), (2, 5.0, 2), (3, 8.0, 0), (None, 8.0, 0)])
def test_a_run_of_blq_samples_ends_the_profile(run_of: int | None, tlast: float, after_end: int) -> None:
    """BLQ at 0 and 1 h (before the first quantifiable sample: no run), at 4 h (one) and at 6 and 7 h (two)."""
    values = [0.1, 0.1, 8.0, 4.0, 0.1, 4.0, 0.1, 0.1, 2.0, 0.1]
    found = run([float(t) for t in range(10)], values, rules=Rules.phoenix(blq_run=run_of), lloq=1.0)
    assert (found.of("tlast")[0], found.of("n_after_end")[0]) == (tlast, after_end)


def test_blq_flags_beat_values() -> None:
    values = [0.0, 8, 4, 2, 1]
    flagged = run([0, 1, 2, 3, 4], values, blq=[True, False, False, False, True])
    assert flagged.of("tlast")[0] == 3
    assert flagged.of("n_blq")[0] == 2
    other = run([0, 1, 2, 3, 4], [5.0, 8, 4, 2, 99], blq=[True, False, False, False, True])
    np.testing.assert_array_equal(flagged.values, other.values)


def test_cmax_takes_part_after_a_bolus_only() -> None:
    times, values = [1.0, 2, 3, 4], [16.0, 8, 4, 2]
    assert run(times, values, BOLUS).of("lambda_z_points")[0] == 4
    assert run(times, values, ORAL).of("lambda_z_points")[0] == 3
    assert run(times, values, ORAL, Rules.phoenix(lambda_z_cmax=True)).of("lambda_z_points")[0] == 4
    assert code(run(times[1:], values[1:], ORAL), "half_life") == reasons.FEW_AFTER_CMAX
    assert code(run(times[2:], values[2:], BOLUS), "half_life") == reasons.FEW_FROM_CMAX


def test_points_before_the_end_of_an_infusion_take_no_part() -> None:
    times, values = [1.0, 2, 3, 4, 5, 6], [32.0, 16, 8, 4, 2, 1]
    found = run(times, values, Dose(0, 10, "infusion", 3.5))
    assert found.of("lambda_z_start")[0] == 4
    assert code(run(times, values, Dose(0, 10, "infusion", 4.5)), "half_life") == reasons.FEW_AFTER_INFUSION


def test_more_points_win_within_the_tolerance() -> None:
    t = np.arange(1.0, 7)
    c = np.exp(-0.3 * t)
    c[1] *= 1.004  # window from the second sample: adjusted R² just below 1
    assert run(list(t), list(c), rules=Rules()).of("lambda_z_points")[0] == 5
    assert run(list(t), list(c), rules=Rules(lambda_z_tolerance=1e-9)).of("lambda_z_points")[0] == 4


@pytest.mark.parametrize("values", [[9.0, 2, 2, 2], [9.0, 1, 2, 3]])
def test_a_tail_that_does_not_fall_has_no_half_life(values: list[float]) -> None:
    found = run([1, 2, 3, 4], values)
    for name in ("lambda_z", "half_life", "auc_inf_obs", "cl_pred", "mrt_inf_obs"):
        assert code(found, name) == reasons.SLOPE_NOT_NEGATIVE
    assert np.isfinite(found.of("auc_last")[0])


def test_reasons_of_doses() -> None:
    values = [8.0, 4, 2, 1]
    assert code(run([0, 1, 2, 3], values, None), "cl_obs") == reasons.NO_DOSE
    assert code(run([1, 2, 3, 4], values, None), "auc_last") == reasons.NO_TIME_ZERO
    assert code(run([0, 1, 2, 3], values, Dose(0, 0)), "cmax_dose") == reasons.ZERO_DOSE
    assert code(run([0, 1, 2, 3], values, ORAL), "vss_obs") == reasons.INTRAVENOUS_ONLY
    assert code(run([0, 1, 2, 3], values, ORAL), "c0") == reasons.BOLUS_ONLY
    assert code(run([0, 1, 2, 3], values, BOLUS), "tlag") == reasons.EXTRAVASCULAR_ONLY
    assert code(run([], []), "cmax") == reasons.NO_SAMPLES
    assert code(run([1], [0.0]), "tmax") == reasons.ALL_ZERO  # Cmax is the zero that was measured


def test_unusable_samples_are_counted_and_set_aside() -> None:
    bad = run([0, 1, np.nan, 2, 3, 4, 5], [0, 8, 5, np.inf, -1, 4, 2])
    good = run([0, 1, 4, 5], [0, 8, 4, 2])
    assert bad.of("n_unusable")[0] == 3
    assert bad.of("n_samples")[0] == 4
    for name in ("auc_last", "cmax", "tlast"):
        assert bad.of(name)[0] == good.of(name)[0]


def test_rules_refuse_what_does_not_exist() -> None:
    with pytest.raises(InputError, match="did you mean 'linear'"):
        Rules(auc="linaer")
    with pytest.raises(InputError, match="did you mean 'blq_after'"):
        Rules.phoenix(blq_aftr="zero")
    with pytest.raises(InputError) as caught:
        Rules(auc="x", c0="y", lambda_z_points=2)
    assert len(caught.value.problems) == 3


def test_rules_survive_json() -> None:
    rules = Rules.phoenix(auc="linear", lambda_z_cmax=True)
    assert Rules.from_json(rules.to_json()) == rules
    assert rules.name == "phoenix, changed"
    assert PRESETS["phoenix"] == Rules()


def test_arrays_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError):
        Profiles.from_arrays([1.0, 2], [[1.0, 2, 3]])
    with pytest.raises(InputError):
        Profiles.from_arrays([1.0, 2], [1.0, 2], offsets=[0, 3])
    with pytest.raises(InputError):
        Profiles.from_arrays([1.0, 2], [[1.0, 2]], dose=[BOLUS, BOLUS])
