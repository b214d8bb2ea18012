"""Parameters: round trips, bounds, units, errors; variability: what draws look like."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import settings as budget
from hypothesis import strategies as st

from pkpd.errors import InputError, PkpdError
from pkpd.parameters import Parameter, Parameters, Variability, block

PK = Parameters(
    (Parameter("CL", 5.0, "L/h", meaning="clearance"), Parameter("V", 50.0, "L"), Parameter("F", 0.5, upper=1.0))
)
inf = math.inf
SCALES = [(0.0, inf), (-inf, inf), (0.0, 1.0), (-3.0, 7.0), (2.0, inf), (-inf, 5.0), (1e-9, 1e9)]


@pytest.mark.parametrize(("lower", "upper"), SCALES)
@given(x=st.floats(-12, 12))
@budget(max_examples=40)
def test_vector_round_trip(lower: float, upper: float, x: float) -> None:
    """Unbounded number → value → number; values stay inside, and a larger number is a larger value."""
    p = Parameters((Parameter("p", lower=lower, upper=upper),))
    value = p.from_vector([x])["p"]
    assert lower <= value <= upper
    assume(value not in (lower, upper))
    back = p.from_vector([x]).to_vector()[0]
    # A bound costs digits: the distance to it is a difference of doubles.
    room = min(abs(value - b) for b in (lower, upper, inf) if math.isfinite(b) or b == inf)
    assert back == pytest.approx(x, abs=1e-9 + 1e-15 * abs(value) / max(room, 1e-300))
    assert p.from_vector([x + 0.5])["p"] > value


@pytest.mark.parametrize(("lower", "upper", "scale"), [
    (0.0, inf, "log"), (-inf, inf, "natural"), (0.0, 1.0, "logit"), (2.0, inf, "log"), (-inf, 5.0, "log"),
])  # fmt: skip
def test_scales(lower: float, upper: float, scale: str) -> None:
    assert Parameter("p", lower=lower, upper=upper).scale == scale


@pytest.mark.parametrize(("lower", "upper"), SCALES)
@given(x=st.floats(-5, 5))
@budget(max_examples=25)
def test_slopes_are_derivatives_of_the_transform(lower: float, upper: float, x: float) -> None:
    """Central differences of 1e-5: error 1e-10 of the third derivative."""
    p = Parameters((Parameter("p", lower=lower, upper=upper),))
    h = 1e-5
    difference = (p.from_vector([x + h])["p"] - p.from_vector([x - h])["p"]) / (2 * h)
    assert p.from_vector([x]).slopes()[0] == pytest.approx(
        difference, rel=1e-6, abs=1e-9 * abs(p.from_vector([x])["p"])
    )


@given(x=st.floats(-1e4, 1e4), lower=st.floats(-1e3, 1e3), width=st.floats(1e-3, 1e3))
@budget(max_examples=100)
def test_far_away_numbers_never_leave_the_bounds(x: float, lower: float, width: float) -> None:
    """An optimiser may go anywhere: no exception, no value outside, no infinity."""
    for low, high in ((lower, lower + width), (lower, inf), (-inf, lower)):
        value = Parameters((Parameter("p", lower=low, upper=high),)).from_vector([x])["p"]
        assert low <= value <= high
        assert math.isfinite(value)


def test_log_scale_is_the_logarithm() -> None:
    np.testing.assert_allclose(PK.to_vector(), [math.log(5), math.log(50), 0.0], rtol=1e-15)
    again = PK.from_vector(PK.to_vector())
    np.testing.assert_allclose(again.values, PK.values, rtol=1e-15)


def test_fixed_parameters_are_left_out() -> None:
    fixed = PK.fix("V")
    assert fixed.free == ("CL", "F")
    assert fixed.to_vector().shape == fixed.slopes().shape == (2,)
    assert fixed.from_vector([0.0, 0.0]).as_dict() == {"CL": 1.0, "V": 50.0, "F": 0.5}
    assert fixed.release("V").free == PK.names
    assert PK.free == PK.names  # the original is as it was


@pytest.mark.parametrize("vector", [[0.0], [0.0, 0.0, 0.0, 0.0]])
def test_vectors_of_the_wrong_length(vector: list[float]) -> None:
    with pytest.raises(InputError):
        PK.from_vector(vector)


def test_start_values_are_checked_all_at_once() -> None:
    p = Parameters((Parameter("a"), Parameter("b", 0.0), Parameter("c", 1.0, upper=1.0), Parameter("d", 2.0)))
    with pytest.raises(InputError) as caught:
        p.to_vector()
    assert len(caught.value.problems) == 3
    assert all(repr(n) in str(caught.value) for n in "abc")
    assert p.missing == ("a",)


@pytest.mark.parametrize(("text", "value"), [
    ("60 mL/min", 3.6), ("5 L/h", 5.0), ("120 L/day", 5.0), ("5000 mL/h", 5.0), ("0 L/h", 0.0),
])  # fmt: skip
def test_units_are_converted(text: str, value: float) -> None:
    assert PK.with_values(CL=text)["CL"] == pytest.approx(value, rel=1e-14)
    assert PK.with_values({"CL": text}, V=3)["V"] == 3.0


def test_problems_with_values_are_listed_together() -> None:
    with pytest.raises(InputError) as caught:
        PK.with_values(CL="-1 L/h", V="3 h", F="0.5 L", CLL=3)
    text = str(caught.value)
    assert len(caught.value.problems) == 4
    assert "did you mean 'CL'?" in text
    assert "outside its bounds" in text
    assert "dimensions differ" in text
    assert "has no unit" in text


@pytest.mark.parametrize("bad", [None, [1, 2], "five", object(), "1 L/h extra", 2.0])
def test_values_that_cannot_be(bad: object) -> None:
    with pytest.raises(PkpdError):
        PK.with_values(F=bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", [
    lambda: PK["CLX"], lambda: PK.fix("CLX"), lambda: PK.subset(["CLX"]), lambda: PK.bound("CLX", 0, 1),
    lambda: PK.change(["CLX"], fixed=True),
])  # fmt: skip
def test_unknown_names_suggest(change: object) -> None:
    with pytest.raises(InputError, match="'CL'"):
        change()  # type: ignore[operator]


def test_bounds() -> None:
    assert PK.bound("CL", 1, 10).get("CL").scale == "logit"
    with pytest.raises(InputError, match="outside"):
        PK.bound("CL", 6, 10)
    for low, high in ((1.0, 1.0), (2.0, 1.0), (math.nan, 1.0)):
        with pytest.raises(InputError, match="lower < upper"):
            Parameter("p", lower=low, upper=high)
    with pytest.raises(InputError, match="twice"):
        Parameters((Parameter("a"), Parameter("a")))


def test_joining() -> None:
    more = Parameters((Parameter("CL", unit="L/h"), Parameter("ka", 1.0, "1/h")))
    assert (PK + more).as_dict() == {"CL": 5.0, "V": 50.0, "F": 0.5, "ka": 1.0}
    assert (more + PK)["CL"] == 5.0
    with pytest.raises(InputError, match="rename"):
        PK + Parameters((Parameter("CL", 6.0, "L/h"), Parameter("V", 50.0, "mL")))
    assert "CL" in PK
    assert len(PK) == 3
    assert pickle.loads(pickle.dumps(PK)) == PK


def test_shown() -> None:
    assert "clearance" in repr(PK)
    assert "5 L/h" in repr(PK)
    page = Parameters((Parameter("a", meaning="<script>alert(1)</script>"),))._repr_html_()
    assert "<script>" not in page


# ---- variability --------------------------------------------------------------------------------------------------


def _covariance_error(drawn: dict[str, np.ndarray], typical: dict[str, float], omega: np.ndarray) -> float:
    """Return the largest deviation of the sample covariance of η in standard errors."""
    eta = np.column_stack([np.log(drawn[n] / typical[n]) for n in drawn])
    sample, n = eta.T @ eta / len(eta), len(eta)
    se = np.sqrt((np.outer(np.diag(omega), np.diag(omega)) + omega**2) / n)
    return float(np.max(np.abs(sample - omega) / np.maximum(se, 1e-12)))


OMEGAS = {
    "full": [[0.09, 0.03, 0.01], [0.03, 0.16, -0.02], [0.01, -0.02, 0.04]],
    "singular": [[0.09, 0.06, 0.03], [0.06, 0.04, 0.02], [0.03, 0.02, 0.01]],
    "with a zero": [[0.09, 0.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.04]],
}


@pytest.mark.parametrize("kind", list(OMEGAS))
def test_a_block_is_the_covariance_given(kind: str) -> None:
    omega, typical = np.array(OMEGAS[kind]), {"CL": 5.0, "V": 50.0, "ka": 1.0}
    v = block("CL", "V", "ka", omega=omega)
    np.testing.assert_allclose(v.omega, omega, atol=1e-15)
    drawn = v.draw(typical, 40_000, np.random.default_rng(1))
    assert _covariance_error(drawn, typical, omega) < 4.5  # nine numbers, fixed seed
    if kind == "singular":  # one factor: every parameter is a power of the first
        np.testing.assert_allclose(np.log(drawn["V"] / 50), 2 / 3 * np.log(drawn["CL"] / 5), atol=1e-9)


@given(data=st.data(), n=st.integers(1, 5), rank=st.integers(1, 5))
@budget(max_examples=40)
def test_any_semi_definite_block(data: st.DataObject, n: int, rank: int) -> None:
    rng = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    root = rng.standard_normal((n, rank)) * 10.0 ** rng.uniform(-3, 1, (n, 1))
    omega = root @ root.T
    found = block(*"abcde"[:n], omega=omega).omega
    np.testing.assert_allclose(found, omega, rtol=0, atol=1e-12 * np.max(omega))


@pytest.mark.parametrize("omega", [
    [[0.1, 0.2], [0.2, 0.1]], [[0.1, 0.05], [0.04, 0.1]], [[0.1]], [[-0.1, 0], [0, 0.1]], [[math.nan, 0], [0, 1]],
    [[1, 2], [3]],
])  # fmt: skip
def test_blocks_that_cannot_be(omega: list[list[float]]) -> None:
    with pytest.raises(InputError):
        block("CL", "V", omega=omega)


def test_factors_and_sums() -> None:
    v = Variability.from_factors([{"CL": 0.29, "V": 0.29}, {"CL": 0.135}]) + Variability.independent(ka=0.4)
    assert v.names == ("CL", "V", "ka")
    shared = 0.29**2
    np.testing.assert_allclose(v.omega, [[shared + 0.135**2, shared, 0], [shared, shared, 0], [0, 0, 0.16]], atol=1e-15)
    with pytest.raises(InputError, match="twice"):
        v + Variability.independent(CL=0.1)
    with pytest.raises(InputError, match="finite"):
        Variability.independent(CL=math.nan)
    with pytest.raises(InputError, match="limits"):
        Variability.independent({"V": (0, 1)}, CL=0.1)
    with pytest.raises(ValueError, match="read-only"):
        v.loadings[0, 0] = 1.0


def test_typical_is_the_geometric_mean_and_zero_spread_is_exact() -> None:
    drawn = Variability.independent(CL=0.3).draw({"CL": 5.0}, 40_000, np.random.default_rng(3))["CL"]
    assert np.mean(np.log(drawn / 5)) == pytest.approx(0, abs=4 * 0.3 / 200)
    same = Variability.independent(CL=0.0).draw({"CL": 5.0}, 10, np.random.default_rng(3))["CL"]
    assert np.array_equal(same, np.full(10, 5.0))


def test_limits_screen_and_leave_the_rest_alone() -> None:
    """Truncated log-normal: inside the limits, with the share of redrawn subjects spread as the density says."""
    from scipy.stats import norm

    v = Variability.independent({"L0": (1.0, 2.0)}, L0=0.5, CL=0.3)
    drawn = v.draw({"L0": 1.5, "CL": 5.0}, 40_000, np.random.default_rng(9))
    assert drawn["L0"].min() >= 1.0
    assert drawn["L0"].max() <= 2.0
    low, high = np.log([1 / 1.5, 2 / 1.5]) / 0.5
    mean = 0.5 * (norm.pdf(low) - norm.pdf(high)) / (norm.cdf(high) - norm.cdf(low))
    assert np.mean(np.log(drawn["L0"] / 1.5)) == pytest.approx(mean, abs=0.005)  # four standard errors
    assert np.std(np.log(drawn["CL"] / 5.0)) == pytest.approx(0.3, abs=0.005)
    with pytest.raises(InputError, match="exclude"):
        Variability.independent({"L0": (1e9, inf)}, L0=0.1).draw({"L0": 1.0}, 2, np.random.default_rng(1))


def test_draws_follow_the_seed() -> None:
    v, typical = block("CL", "V", omega=[[0.1, 0.02], [0.02, 0.1]]), {"CL": 5.0, "V": 50.0}
    a, b, c = (v.draw(typical, 20, np.random.default_rng(s)) for s in (1, 1, 2))
    assert all(np.array_equal(a[n], b[n]) for n in v.names)
    assert not np.array_equal(a["CL"], c["CL"])


@pytest.mark.parametrize("call", [
    pytest.param(lambda: Variability.independent({"CL": (5.0, 1.0)}, CL=0.3), id="limits reversed"),
    pytest.param(lambda: Variability.independent(CL=0.3).draw({}, 3, np.random.default_rng(1)), id="no typical value"),
    pytest.param(lambda: PK.with_values(CL=inf), id="infinite value"),
])  # fmt: skip
def test_checked_at_the_door(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]
