"""Units: parsing, kinds, conversion, and that a bad one always raises UnitError."""

from __future__ import annotations

import functools
import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd import units
from pkpd.common_units import _NAMES, common
from pkpd.errors import InputError, UnitError
from pkpd.units import parsed


@pytest.mark.parametrize(
    ("source", "target", "ratio"),
    [
        ("mg", "ug", 1000.0),
        ("ug/kg", "ng/kg", 1000.0),
        ("day", "h", 24.0),
        ("min", "h", 1 / 60),
        ("ug/L", "ng/mL", 1.0),
        ("mcg/mL", "mg/L", 1.0),
        ("µg/mL", "ng/mL", 1000.0),
        ("L/h", "mL/min", 1000 / 60),
        ("10^9/L", "cells/uL", 1000.0),
    ],
)
def test_factor(source: str, target: str, ratio: float) -> None:
    assert units.factor(source, target) == pytest.approx(ratio, rel=1e-14)
    assert units.factor(source, target) * units.factor(target, source) == pytest.approx(1, rel=1e-14)


def test_powers_of_ten_are_exact() -> None:
    assert units.factor("mg", "ng") == 1e6
    assert units.factor("ng/mL", "pg/mL") == 1e3


@pytest.mark.parametrize(
    ("source", "target", "word"),
    [
        ("mg", "h", "dimensions differ"),
        ("mg/kg", "mg", "per kg of body weight"),
        ("mg/L", "mol/L", "molar mass"),
        ("kg", "g", "per kg of body weight"),
    ],
)
def test_dimensions_that_differ(source: str, target: str, word: str) -> None:
    with pytest.raises(UnitError, match=word):
        units.factor(source, target)


@pytest.mark.parametrize(
    ("unit", "kind", "answer"),
    [
        ("h", "time", True),
        ("ug/kg", "amount per kg", True),
        ("ug/kg", "amount", False),
        ("mg", "amount", True),
        ("nmol", "amount", True),
        ("IU", "amount", True),
        ("kg", "body weight", True),
        ("kg", "amount", False),
        ("ng/mL", "concentration", True),
        ("nmol/L", "concentration", True),
        ("10^9/L", "concentration", False),
        ("mL", "volume", True),
    ],
)
def test_kinds(unit: str, kind: str, answer: bool) -> None:
    assert units.is_kind(unit, kind) is answer


def test_require_names_what_and_what_was_expected() -> None:
    assert units.require("h", "time", what="the clock") == "h"
    with pytest.raises(UnitError, match=r"unit of the dose is 'h'.*amount \(such as 'mg'\)"):
        units.require("h", "amount", what="the dose")


def test_quantity() -> None:
    assert units.quantity("30 ug/kg") == (30.0, "ug/kg")
    assert units.quantity(" .5mg ") == (0.5, "mg")
    assert units.quantity("1e-3 h") == (1e-3, "h")


@pytest.mark.parametrize("text", ["30", "ug", "", "30 zork", "3 0 mg", "mg 30"])
def test_quantity_rejects(text: str) -> None:
    with pytest.raises(UnitError, match="unit"):
        units.quantity(text)


@pytest.mark.parametrize(
    ("unit", "shown"),
    [("h*ng/mL", "h·ng/mL"), ("mL/h/kg", "mL/h/kg"), ("10^9/L", "10^9/L"), ("mcg/mL", "ug/mL"), ("1/h", "1/h")],
)
def test_show(unit: str, shown: str) -> None:
    assert units.show(unit) == shown
    assert units.factor(shown, unit) == 1.0


def test_resolve_and_coherent() -> None:
    base = {"time": "h", "volume": "mL/kg", "amount": "ng/kg"}
    assert units.resolve("volume/time", base) == "mL/h/kg"
    assert units.resolve("volume/time", {"time": "h"}) == "volume/(h)"
    amount, volume, ratio = units.coherent("ug/kg", "ng/mL")
    assert (amount, volume, ratio) == ("ng/kg", "mL/kg", 1000.0)
    assert units.coherent("mg", "mg/L") == ("mg", "L", 1.0)


@given(st.text(alphabet="abghkmLnu/().% -+", max_size=12))
def test_any_text_is_a_unit_or_a_unit_error(text: str) -> None:
    try:
        shown = units.show(text)
    except UnitError:
        return
    assert isinstance(shown, str)


def test_unit_errors_are_input_errors() -> None:
    with pytest.raises(InputError) as caught:
        units.show("zork")
    assert len(caught.value.problems) == 1
    assert "'zork' is not a unit" in caught.value.problems[0]


@given(
    st.sampled_from(["mg", "ug", "ng", "mmol", "h", "day", "min", "ng/mL", "mg/L"]),
    st.sampled_from(["mg", "ug", "ng", "mmol", "h", "day", "min", "ng/mL", "mg/L"]),
    st.sampled_from(["mg", "ug", "ng", "mmol", "h", "day", "min", "ng/mL", "mg/L"]),
)
def test_conversions_compose(a: str, b: str, c: str) -> None:
    try:
        whole = units.factor(a, c)
        parts = units.factor(a, b) * units.factor(b, c)
    except UnitError:
        return
    assert whole == pytest.approx(parts, rel=1e-13)


@pytest.mark.parametrize(
    ("text", "number", "unit"),
    [
        ("0.2 1/h", 0.2, "1/h"),
        ("1.5 10^9/L", 1.5, "10^9/L"),
        ("2 1/h", 2.0, "1/h"),
        ("0.2/h", 0.2, "1/h"),
        ("2e-1 1/h", 0.2, "1/h"),
        ("1.5 x10^9/L", 1.5, "x10^9/L"),
        ("30ug/kg", 30.0, "ug/kg"),
    ],
)
def test_units_that_begin_with_a_number(text: str, number: float, unit: str) -> None:
    """A newcomer's find: "0.2 1/h" was read as 0 of ".2 1/h"."""
    assert units.quantity(text) == (number, unit)


@pytest.mark.parametrize("unit", ["ng/mL", "ug/kg", "mL/h/kg", "1/h", "10^9/L", "h·ng/mL", "h^2·ng/mL", "L", "%"])
def test_what_is_shown_reads_back(unit: str) -> None:
    for number in (0.2, 1.5, 30.0, 2e-5):
        assert units.quantity(f"{number} {units.show(unit)}") == (number, units.show(unit))


@pytest.mark.parametrize(
    ("source", "target", "ratio", "power"),
    [("ug/kg", "ng/kg", 1000.0, 0), ("mg", "ug", 1000.0, 0), ("mg/kg", "ug", 1000.0, 1), ("mg", "ug/kg", 1000.0, -1)],
)
def test_doses_per_kg_and_absolute_ones(source: str, target: str, ratio: float, power: int) -> None:
    assert units.by_weight(source, target) == (ratio, power)


def test_by_weight_refuses_other_dimensions() -> None:
    with pytest.raises(UnitError):
        units.by_weight("mg/kg", "h")


WORDS = sorted(_NAMES)
MADE = [
    *WORDS, *(f"{a}/{b}" for a in WORDS for b in ("L", "kg", "h", "day", "mL", "week")),
    "mL/h/kg", "10^9/L", "1/h", "10**6/mL", "(mL/kg)/(h)", "(ng/mL)*h", "mg·h/L", "1e6/mL", "2.5 * mg", "1/(h*ng/mL)",
    "(ng/mL)^2", "h^-1", "h**-2", "mg*mg/L", "L/L", "1000*cells/mL", "mg/(kg*h)", "10^-3*g",
]  # fmt: skip


@functools.cache
def by_pint(text: str) -> Any:
    """The same text read by pint."""
    registry = parsed.registry()
    return registry.parse_expression(re.sub(r"\bkg\b", "body_kg", text.replace("·", "*"))) * registry.Quantity(1)


@pytest.mark.parametrize("text", MADE)
def test_common_units_are_read_without_pint_as_pint_reads_them(text: str) -> None:
    ours, theirs = parsed.parsed(text), by_pint(text)
    assert common(re.sub(r"\bkg\b", "body_kg", text.replace("·", "*"))) is not None
    assert ours.magnitude == theirs.magnitude
    assert dict(ours.units) == dict(theirs.unit_items())
    assert dict(ours.dimension) == {str(name): power for name, power in theirs.dimensionality.items()}


def test_factors_of_common_units_are_those_of_pint_to_its_rounding() -> None:
    """Ours is correctly rounded; pint multiplies up to eight rounded numbers, each within half an ulp."""
    found = 0
    alike: dict[Any, list[str]] = {}
    for text in MADE:
        alike.setdefault(by_pint(text).dimensionality, []).append(text)
    for texts in alike.values():
        for b in (text for text in MADE[::7] if text in texts):
            for a in texts:
                found += 1
                theirs = (by_pint(a) / by_pint(b)).to("dimensionless").magnitude
                assert units.factor(a, b) == pytest.approx(theirs, rel=2e-15)
    assert found > 500


@given(st.text(alphabet="mgLhk/*^() 0123456789.e-%", max_size=12))
def test_what_is_read_without_pint_is_what_pint_reads(text: str) -> None:
    read = common(text)
    if read is not None:
        theirs = by_pint(text)
        assert read.magnitude == pytest.approx(theirs.magnitude, rel=1e-15)
        assert dict(read.units) == dict(theirs.unit_items())


def test_everyday_units_do_not_load_pint() -> None:
    code = "import sys; from pkpd import units; units.coherent('ug/kg', 'ng/mL'); assert 'pint' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("unit", "written"),
    [("copies/ug", "copies/ug"), ("vg/kg", "vg/kg"), ("DPM", "DPM"), ("{foo bar}/mL", "{foo bar}/mL"),
     ("10^6 CFU/mL", "10^6·CFU/mL"), ("{log10 copies/mL}", "{log10 copies/mL}")],
)  # fmt: skip
def test_units_of_ones_own_are_carried(unit: str, written: str) -> None:
    """What is counted converts to nothing else, and is written as it came; prefixes of the rest still convert."""
    assert units.show(unit) == written
    assert units.show(units.show(unit)) == written
    with pytest.raises(UnitError, match="the dimensions differ"):
        units.factor(unit, "ng/mL")


def test_own_units_count_as_amounts() -> None:
    assert units.is_kind("vg/kg", "amount per kg")
    assert units.is_kind("{foo}/mL", "concentration")
    assert not units.is_kind("h*{foo}/mL", "concentration")
    assert not units.is_kind("copies/ug", "concentration")
    assert units.factor("copies/ug", "copies/ng") == 1e-3
    assert units.by_weight("vg/kg", "vg") == (1.0, 1)
    with pytest.raises(UnitError, match="dimensions differ"):
        units.factor("copies", "vg")
    for wrong in ("mg{", "{}/mL", "zork"):
        with pytest.raises(UnitError, match="is not a unit"):
            units.show(wrong)
