"""What samples do not support is flagged, explained and left out of summaries; its number stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pkpd import why
from pkpd.dosing import Dose, oral
from pkpd.errors import InputError
from pkpd.nca import (
    NAMES,
    PRESETS,
    Profiles,
    Rules,
    compute,
    dose_proportionality,
    nca,
    relative_by,
    rerun,
    summarise,
    superpose_study,
)
from pkpd.nca.kernel.rests_on import ALL, LAST, LINE, TAU, rests_on
from tests.nca.nca_studies import make_study

UNITS = {"time": "h", "dose": "mg", "C": "mg/L"}
BLQ = {"value": np.nan, "blq": True, "lloq": 1.0}
OFF = dict.fromkeys(
    ("accept_half_life", "accept_measured", "accept_unsupported", "accept_above_infinity", "accept_back_extrapolated",
     "accept_predose", "accept_alq", "accept_lost_collections"),
)  # fmt: skip


def study(samples: dict[Any, list[tuple[float, Any]]], doses: list[float], route: str = "oral") -> Any:
    rows = [{"subject": s, "time": t, **(c if isinstance(c, dict) else {"value": c})}
            for s, own in samples.items() for t, c in own]  # fmt: skip
    given = [{"subject": s, "time": t, "amount": 100.0, "route": route, "duration": 1.0 * (route == "infusion")}
             for s in samples for t in doses]  # fmt: skip
    return make_study(rows, given, units=UNITS)


def doubt(result: Any, name: str, profile: int = 0) -> str:
    return str(result["doubt"].sel(parameter=name).values[profile])


@pytest.mark.parametrize("trough", [BLQ, 0.0])
@pytest.mark.parametrize("route", ["bolus", "oral", "infusion"])
def test_a_trough_below_the_limit_days_later(trough: Any, route: str) -> None:
    """The triangle from 17 at 8 h to zero at 240 h is 232·17/2 = 1972 of AUCtau; AUCinf and CL stand."""
    result = nca(study({1: [(0.083, 140.0), (2, 60.0), (5, 30.0), (8, 17.0), (240, trough)]}, [0, 240], route))
    assert not result["accepted"].item()
    assert "from 8 to 240 h" in result["flags"].item()
    assert "AUCtau" in result["flags"].item()
    for name in ("auc_tau", "cl_tau", "cavg", "auc_all", "fluctuation", "mrt_tau", "vss_ss_obs", "auc_tau_dose"):
        assert "8 to 240 h" in doubt(result, name), name
        if not result["reason"].sel(parameter=name).item():
            assert "8 to 240 h" in why(result, name)
    for name in ("auc_inf_obs", "cl_obs", "cmax", "tmax", "half_life", "auc_last", "ctrough"):
        assert doubt(result, name) == "", name
    assert "> AUCinf" in doubt(result, "auc_tau")
    assert "240" not in why(result, "cl_obs")
    np.testing.assert_allclose(result["auc_tau"].item() - result["auc_last"].item(), 1972, rtol=1e-12)


def test_a_measured_trough_days_later_is_bridged() -> None:
    """From 17 at 8 h straight to 0.05 at 240 h, by the logarithm: (17 − 0.05)·232/ln(340) = 675 of AUCtau."""
    result = nca(study({1: [(0.083, 140.0), (2, 60.0), (8, 17.0), (240, 0.05)]}, [0, 240], "bolus"))
    share = 100 * (17 - 0.05) * 232 / np.log(17 / 0.05) / result["auc_tau"].item()
    assert f"{share:.3g} % not supported" in doubt(result, "cl_tau")
    assert "bridged from 8 to 240 h" in doubt(result, "auc_last")
    assert doubt(result, "cmax") == ""
    usual = [(0, 0.0), (1, 5.0), (2, 8.0), (4, 6.0), (8, 3.0), (24, 0.5)]  # 8 to 24 h of 24 is what studies do
    assert nca(study({1: usual}, [0, 24]))["accepted"].item()


def test_one_trough_is_no_profile() -> None:
    result = nca(study({1: [(72, 1.0)]}, [0, 24, 48]))
    assert result["auc_tau"].item() == 24  # the number of the preset stays
    for name in ("auc_tau", "auc_last", "cl_tau", "cl_last", "cavg", "cmax", "swing", "tmax"):
        assert "measured samples from 0 to 24 h 1 < 3" in doubt(result, name), name
    for name in ("ctrough", "clast", "n_samples"):
        assert doubt(result, name) == ""
    two = nca(study({1: [(48, 0.8), (72, 1.0)]}, [0, 24, 48]))
    assert "measured samples from 0 to 24 h 2 < 3" in doubt(two, "cl_tau", -1)


def test_samples_after_the_interval_do_not_help_it() -> None:
    after = [(t, 0.8 * np.exp(-0.1 * (t - 72))) for t in (80, 90, 100, 120)]
    result = nca(study({1: [(72, 1.0), *after]}, [0, 24, 48]))
    assert "from 0 to 24 h 1 < 3" in doubt(result, "auc_tau")


def test_a_value_put_in_at_a_later_dose_counts_with_its_stretch() -> None:
    """First sample 16 h after the dose: the value put in there, 2, and the line to it make 2/3 of AUCtau."""
    result = nca(study({1: [(64, 2.0), (68, 2.0), (72, 2.0)]}, [0, 24, 48]))
    assert "66.7 % not supported" in doubt(result, "auc_tau")
    assert "put in from 0 to 16 h" in doubt(result, "auc_tau")
    early = nca(study({1: [(50, 2.0), (60, 2.0), (72, 2.0)]}, [0, 24, 48]))
    assert early["accepted"].item()


def test_a_blq_between_replaced_by_a_number() -> None:
    own = [(0, 0.0), (1, 8.0), (4, BLQ), (12, 3.0), (24, 1.0)]
    kept = nca(study({1: own}, [0]), blq_between="lloq")
    assert "put in from 4 to 12 h" in doubt(kept, "auc_last")
    assert nca(study({1: own}, [0]), blq_between="drop")["accepted"].item()


def test_a_line_over_doses_is_bridged() -> None:
    """Troughs only: between 24 and 48 h lies a whole dosing interval that nobody sampled."""
    dense = [(t, 8 * np.exp(-0.2 * t)) for t in (1, 2, 4, 8, 12, 24)]
    troughs = [(48, 0.1), (72, 0.1), (96, 0.1), (120, 0.1)]
    bare = nca(study({1: [(24, 5.0), (48, 5.0), (72, 5.0), (96, 5.0), (120, 5.0)]}, [0, 24, 48, 72, 96], "bolus"),
               intervals=[(24, 120)])  # fmt: skip
    assert "75 % not supported" in doubt(bare, "auc_tau")  # the last 24 h of 96 pass over no dose
    assert "bridged" in doubt(bare, "auc_tau")
    small = nca(study({1: dense + troughs}, [0, 24, 48, 72, 96], "bolus"), intervals=[(0, 120)])
    assert doubt(small, "auc_tau") == ""  # 10 of 57: less than 20 %
    every = [(d + t, 8 * np.exp(-0.2 * t)) for d in (0, 24, 48) for t in (1, 2, 4, 8, 12, 24)]
    assert doubt(nca(study({1: every}, [0, 24, 48], "bolus"), intervals=[(0, 72)]), "auc_tau") == ""


def test_a_tail_that_hardly_falls() -> None:
    own = [(0, 0.0), (1, 5.0), (2, 8.0), (4, 3.0), (8, 3 - 1e-8), (12, 3 - 3e-8)]
    result = nca(study({1: own}, [0]))
    assert "half-life 5.5" in result["flags"].item()
    for name in ("half_life", "lambda_z", "auc_inf_obs", "cl_obs", "vz_pred", "mrt_inf_obs"):
        assert "half-life" in doubt(result, name), name
    assert doubt(result, "auc_last") == doubt(result, "cmax") == ""
    slow = [(0, 0.0), (1, 5.0), *[(t, 8 * 2 ** (-t / 16)) for t in (2, 4, 8, 12)]]
    assert doubt(nca(study({1: slow}, [0])), "half_life") == ""  # 16 h from a line over 8 h: at the limit
    assert doubt(nca(study({1: slow}, [0]), accept_half_life=1.9), "half_life")


def test_c0_that_makes_much_of_the_area() -> None:
    late = [(3.0, 5.0), (5, 2.5), (8, 1.0), (12, 0.3)]
    result = nca(study({1: late}, [0], "bolus"))
    c0 = 5 * 2**1.5
    share = 100 * (c0 - 5) * 3 / np.log(c0 / 5) / result["auc_inf_obs"].item()
    assert f"{share:.4g} % of AUC back-extrapolated" in doubt(result, "cl_obs")
    assert doubt(result, "c0")
    assert doubt(result, "half_life") == ""
    assert nca(study({1: [(0.5, 9.0), *late]}, [0], "bolus"))["accepted"].item()


def test_summaries_and_ratios_take_accepted_numbers() -> None:
    good = [(48.0, 1.0), *[(48 + t, c) for t, c in ((1, 4.0), (2, 6.0), (4, 4.0), (8, 2.5), (24, 1.0))]]
    whole = study({1: good, 2: [(72, 1.0)], 3: good}, [0, 24, 48])
    result = nca(whole)
    result = result.isel(profile=np.flatnonzero(result["interval"].values == 3))
    table = summarise(result).set_index("parameter")
    true = result["cl_tau"].values[0]
    row = table.loc["cl_tau"]
    assert (row["N"], row["n"], row["missing"], row["not_accepted"]) == (3, 2, 0, 1)
    np.testing.assert_allclose(row["geometric_mean"], true, rtol=1e-12)
    assert table.loc["ctrough", ["n", "not_accepted"]].tolist() == [3, 0]
    every = summarise(result, only_accepted=False).set_index("parameter").loc["cl_tau"]
    np.testing.assert_allclose(every["geometric_mean"], (true**2 * 100 / 24) ** (1 / 3), rtol=1e-12)
    assert every["not_accepted"] == 0
    assert "left out" in summarise(result).attrs["rules"]["not_accepted"]
    sides = result.assign_coords(arm=("profile", ["a", "a", "b"]))
    found = relative_by(sides, "arm", "a", "b", parameters=["cl_tau"])
    assert found.summary["n_test"].tolist() == [1, 1]
    assert found.subjects["reason"].str.contains("not accepted: measured samples").sum() == 1
    assert relative_by(sides, "arm", "a", "b", parameters=["cl_tau"], only_accepted=False).summary["n_test"][0] == 2
    power = dose_proportionality(result, ["cl_tau"])["cl_tau"]
    assert (power.n, power.dropped) == (2, 1)


def test_the_limits_are_rules_that_change_no_number() -> None:
    plain, default = Rules.phoenix(**OFF), Rules()
    assert set(plain.differences(default)) == set(OFF)
    for name in ("phoenix", "pknca"):
        assert all(getattr(PRESETS[name], field) is not None for field in OFF)
    case = study({1: [(0.083, 140.0), (2, 60.0), (8, 17.0), (240, BLQ)], 2: [(240, 3.0)]}, [0, 240], "bolus")
    one = nca(case)
    other = rerun(case, one, **OFF)
    assert other["accepted"].all()
    assert (other["doubt"] == "").all()
    for name in NAMES:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    with pytest.raises(InputError, match="bridge_longest"):
        Rules(bridge_longest=0)
    with pytest.raises(InputError, match="accept_unsupported"):
        Rules(accept_unsupported="much")  # type: ignore[arg-type]


def test_a_dose_with_only_its_trough_is_counted() -> None:
    own = [(t, 5.0 / (1 + t)) for t in (1, 2, 4, 8)]
    troughs = {s: [*own, (24.0, 0.2), (48.0 - 0.5 * (s == 2), 0.3)] for s in (1, 2)}
    with pytest.warns(UserWarning, match=r"2 doses of 2 subjects .* give no profile \(subject 1 at 48, 2 at 48\)"):
        nca(study(troughs, [0, 24, 48]))


def test_what_every_parameter_rests_on() -> None:
    """By its numbers: without a terminal line what rests on it is missing; with another area it is another number."""
    t = [0, 1, 2, 4, 6, 8, 12, 24, 30, 36]
    base = [1.0, 6, 9, 7, 5, 4, 2.5, 1, 0.6, 0.4]
    found = {}
    for key, values in {"base": base, "area": [1, 5, *base[2:]], "rising": [*base[:-3], 3, 5, 7]}.items():
        dose = Dose(0, 100, "infusion", 0.5)
        found[key] = compute(Profiles.from_arrays(t, values, dose=dose, tau=24), Rules(vss="any route"))
    for name in NAMES:
        a, b, c = (found[key].of(name)[0] for key in ("base", "area", "rising"))
        if np.isfinite(a) and np.isnan(c):
            assert LINE in rests_on(name), name
        if np.isfinite(a) and a != b:
            assert {LAST, ALL, TAU} & rests_on(name), name
        if LINE in rests_on(name):
            assert not np.isfinite(c), name


def test_a_superposition_hands_on_what_speaks_against_its_profile() -> None:
    flat = [(0, 0.0), (1, 5.0), (2, 8.0), (4, 3.0), (8, 3 - 1e-8), (12, 3 - 3e-8)]
    good = [(0, 0.0), (1, 5.0), *[(t, 8 * 2 ** (-t / 4)) for t in (2, 4, 8, 12)]]
    found = superpose_study(nca(study({1: flat, 2: good}, [0])), oral("100 mg", at=[0, 12, 24]))
    assert ["half-life" in text for text in found["doubt"].values] == [True, False]
    row = summarise(found).set_index("parameter").loc["cavg_ss"]
    assert (row["N"], row["n"], row["not_accepted"]) == (2, 1, 1)
