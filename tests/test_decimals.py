"""Arithmetic on written numbers against that of `decimal` and `fractions`, and every limit that it serves."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pandas
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pkpd
from pkpd.decimals import difference, product, total, written
from pkpd.dosing import Dose, Regimen, bolus
from pkpd.io import read_study
from pkpd.nca import nca_sparse

pytestmark = pytest.mark.filterwarnings("ignore::pkpd.errors.DataWarning")
DECIMALS = st.tuples(st.integers(-999_999, 999_999), st.integers(0, 7)).map(lambda d: Decimal(d[0]).scaleb(-d[1]))


@given(st.lists(st.tuples(DECIMALS, DECIMALS, st.integers(-99, 99)), min_size=1, max_size=40))
def test_as_decimals_say(rows: list[tuple[Decimal, Decimal, int]]) -> None:
    a, b, n = (np.array([float(row[k]) for row in rows]) for k in range(3))
    assert product(a, b).tolist() == [float(x * y) + 0.0 for x, y, _ in rows]
    assert total(a, n, b).tolist() == [float(x + k * y) + 0.0 for x, y, k in rows]
    assert difference(a, b).tolist() == [float(x - y) + 0.0 for x, y, _ in rows]


@given(DECIMALS, DECIMALS, DECIMALS)
def test_comparison_of_a_product_with_a_limit(a: Decimal, b: Decimal, c: Decimal) -> None:
    left = float(product(float(a), float(b)))
    assert (left <= float(c)) == (a * b <= c)
    assert left == float(a * b)  # on the limit itself


@given(DECIMALS.filter(lambda d: d > 0), st.sampled_from([2, 7, 12, 24, 60, 1000, 3600]))
def test_a_part_divides(a: Decimal, parts: int) -> None:
    assert float(product(float(a), 1.0 / parts)) == float(Fraction(a) / parts)


def test_what_is_no_decimal_is_left_to_floats() -> None:
    a = np.array([1 / 3, np.pi, 1e300, np.nan, np.inf, 5e-324])
    np.testing.assert_array_equal(product(a, 0.1), a * 0.1)
    np.testing.assert_array_equal(total(a, 3, 0.1), a + 3 * 0.1)
    assert not written(np.array([1 / 3, np.pi, np.nan]))[2].any()


def test_known_traps() -> None:
    assert 3 * 0.7 != 2.1
    assert float(product(3, 0.7)) == 2.1
    assert 0.3 - 0.1 != 0.2
    assert float(difference(0.3, 0.1)) == 0.2
    assert 0.1 + 2 * 0.1 != 0.3
    assert float(total(0.1, 2, 0.1)) == 0.3


@pytest.mark.parametrize(("value", "limit"), [(9.0, 0.009), (112.0, 0.112), (57.0, 0.057), (1.1, 0.0011)])
def test_lloq_after_a_conversion(value: float, limit: float) -> None:
    """A value in pg/mL on a limit in ng/mL is quantified, one below by its last digit is not; declared or in a column.

    The declared limit in pg/mL is that in ng/mL, too.
    """
    below = float(Decimal(repr(value)) - Decimal("0.01"))
    table = pandas.DataFrame({"subject": 1, "time": [1.0, 2.0], "value": [value, below], "analyte": "X",
                              "unit": "pg/mL"})  # fmt: skip
    units = {"time": "h", "X": "ng/mL"}
    for study in (
        read_study(table, units=units, lloq={"X": limit}),
        read_study(table, units=units, lloq={"X": f"{value!r} pg/mL"}),
        read_study(table.assign(lloq=value), units=units),
        read_study(
            table.assign(unit="ng/mL", value=[limit, limit * 0.99]), units=units, lloq={"X": f"{value!r} pg/mL"}
        ),
    ):
        assert study.observations["blq"].tolist() == [False, True]
        assert study.observations["value"].iloc[0] == study.observations["lloq"].iloc[0] == limit


def test_uloq_after_a_conversion() -> None:
    rows = {"subject": 1, "time": [1.0, 2.0], "X": [0.009, 0.00901]}
    study = read_study(pandas.DataFrame(rows), units={"time": "h", "X": "ng/mL"}, uloq={"X": "9 pg/mL"})
    assert study.observations["alq"].tolist() == [False, True]


def shifted(by: str) -> Any:
    """A study of two dosing intervals of 0.2 h on a clock that begins at a decimal; 7.2 is the dose at 7.0 + 0.2."""

    def at(text: str) -> float:
        return float(Decimal(text) + Decimal(by))

    rows = [(1, at(t), v, m) for t, v, m in (("0", 9.0, "post"), ("0.1", 6.0, ""), ("0.2", 4.0, ""), ("0.3", 7.0, ""),
                                             ("0.4", 5.0, ""))]  # fmt: skip
    table = pandas.DataFrame(rows, columns=["subject", "time", "C", "mark"])
    doses = pandas.DataFrame({"subject": 1, "time": [at("0")], "amount": 10.0, "additional": 1, "interval": 0.2})
    study = read_study(table, doses, units={"time": "h", "dose": "mg", "C": "mg/L"})
    return pkpd.nca(study, windows=[(0, 0.2), (0.1, 0.2)])


@settings(max_examples=5)
@given(st.integers(-500, 5000).map(lambda k: str(Decimal(k) / 10)))
def test_an_analysis_does_not_depend_on_where_the_clock_begins(by: str) -> None:
    """Troughs meet doses, windows meet samples and tau is 0.2, whatever decimal the study begins at."""
    found, expected = shifted(by), shifted("0")
    for name, variable in expected.data_vars.items():
        if variable.dtype.kind == "f":
            np.testing.assert_array_equal(found[name].values, variable.values, err_msg=str(name))
    assert found["tau"].values.tolist() == [0.2, 0.2]


def test_planned_times_after_decimal_doses_are_pooled() -> None:
    """Doses at 0.1 and at 0, planned samples 0.2 later: one pooled time, with four values."""
    rows = [(1, 0.2, 6.0), (2, 0.3, 7.0), (3, 0.2, 8.0), (4, 0.3, 9.0)]
    table = pandas.DataFrame(rows, columns=["subject", "time", "C"])
    doses = pandas.DataFrame({"subject": [1, 2, 3, 4], "time": [0.0, 0.1, 0.0, 0.1], "amount": 1.0})
    found = nca_sparse(read_study(table, doses, units={"time": "h", "dose": "mg", "C": "mg/L"}), "C")
    assert found.sizes["point"] == 1
    assert found["tmax"].item() == 0.2
    assert found["cmax"].item() == 7.5


def test_the_interval_of_decimal_dose_times() -> None:
    assert pkpd.nca.find_tau([0.1, 0.3, 0.5]) == 0.2
    assert pkpd.nca.find_tau([0.1, 0.3, 0.8, 1.0]) == 0.7


def test_times_of_plans() -> None:
    plan = Regimen((Dose(0.1, 1.0, additional=2, interval=0.1),), "mg", "h")
    assert plan.times == (0.1, 0.2, 0.3)
    assert [d.time for d in plan.written_out()] == [0.1, 0.2, 0.3]
    assert bolus("1 mg", at=[0.1]).repeated(3, "0.1 h").times == (0.1, 0.2, 0.3)
    assert bolus("1 mg", at=[0.1]).delayed("12 min").times == (0.3,)
    assert bolus("1 mg", at="12 min").times == (0.2,)
