"""Parameters: round trips, bounds, units, errors."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pkpd.errors import InputError, PkpdError
from pkpd.parameters import Parameter, Parameters, Scale
from tests.examples import budget

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


@pytest.mark.parametrize("call", [
    pytest.param(lambda: PK.with_values(CL=inf), id="infinite value"),
])  # fmt: skip
def test_checked_at_the_door(call: object) -> None:
    with pytest.raises(InputError):
        call()  # type: ignore[operator]


BOUNDS = [(-inf, inf), (0.0, inf), (1.5, inf), (-inf, 4.0), (-1.0, 3.0)]


@pytest.mark.parametrize(("lower", "upper"), BOUNDS)
def test_scales_and_their_derivatives(lower: float, upper: float) -> None:
    """Back and forth, slope by complex step of what `back` says, curvature by complex step of the slope."""
    scale = Scale(lower, upper)
    x = np.array([-3.0, -0.2, 0.0, 1.7])
    values = scale.back(x)
    np.testing.assert_allclose(scale.to(values), x, rtol=1e-12, atol=1e-14)

    def back(z: Any) -> Any:
        if lower > -inf and upper < inf:
            return lower + (upper - lower) / (1 + np.exp(-z))
        return z if lower == -inf and upper == inf else lower + np.exp(z) if lower > -inf else upper - np.exp(-z)

    h = 1e-30
    np.testing.assert_allclose(scale.slope(values), back(x + 1j * h).imag / h, rtol=1e-13)
    steep = (scale.slope(back(x + 1e-4)) - scale.slope(back(x - 1e-4))) / 2e-4
    np.testing.assert_allclose(scale.curvature(values), steep, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(scale.moved(values, 0.3), scale.back(x + 0.3), rtol=1e-13)


def test_scales_of_many_parameters_at_once() -> None:
    """Subjects × parameters, each column on its own scale, as one by one."""
    low, high = np.transpose(BOUNDS)
    scale, x = Scale(low, high), np.random.default_rng(0).normal(size=(7, len(BOUNDS)))
    values = scale.back(x)
    for name in ("to", "slope", "curvature"):
        together = getattr(scale, name)(values)
        for k, bounds in enumerate(BOUNDS):
            np.testing.assert_array_equal(together[:, k], getattr(Scale(*bounds), name)(values[:, k]))


def test_a_value_on_its_bound_stays_there_on_the_log_scale() -> None:
    np.testing.assert_array_equal(Scale(0.0).moved([0.0, -0.0], 2.0), [0.0, 0.0])
    np.testing.assert_array_equal(Scale(0.0).to(0.0), -inf)
