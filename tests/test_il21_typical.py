"""The typical subject of the IL-21 case: every printed digit of its table, the nadir and the maximum of each week.

Source: il21.md section 3 (LSODA and Radau at 1e-11 agree on these digits).
"""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest

from pkpd import il21
from pkpd.engine import Settings, compile_model, schedule

# t (h), C (ng/mL), A, sCD25 (ng/mL), ALC (10^9/L), as printed; at 24, 96 and 336 h the value is before the dose.
TABLE = """
0.083333 325.092 0.004790 2.50086 1.49987
1 26.1950 0.055203 2.61804 1.48150
4 7.26072 0.193290 4.08315 1.26308
8 1.66129 0.310835 7.46567 0.86369
12 0.380112 0.337151 10.87396 0.59556
24 0.00455313 0.198081 13.85492 0.47978
96 0.00455379 0.263090 20.98766 0.37481
120 0.00455379 0.263863 21.09926 0.37403
168 9.3749e-11 0.016544 4.65164 1.09007
336 <1e-30 0.000001 2.50015 1.49969
456 0.00455379 0.263863 21.09926 0.37403
1032 <1e-30 0.000000 2.50000 1.50000
"""
ROWS = [line.split() for line in TABLE.split("\n") if line]
OUTPUTS = ("C", "A", "sCD25", "ALC")
FINE = Settings(rtol=1e-10, atol=1e-10)


def typical(times: np.ndarray, settings: Settings | None = None) -> np.ndarray:
    """Return the outputs of the typical subject at 30 ug/kg."""
    truth, code = il21.truth(), compile_model(il21.model())
    assert code.outputs == OUTPUTS
    values = truth.parameters.subset(code.system.inputs).values[None]
    doses = il21.regimen().in_units("ng/kg").doses
    plan = schedule([doses], [times], [np.zeros(times.size, dtype=bool)], code.entries, len(code.states))
    return code.run(values, plan, settings).outputs


@pytest.fixture(scope="module")
def at_table_times() -> np.ndarray:
    return typical(np.array([5 / 60 if row[0] == "0.083333" else float(row[0]) for row in ROWS]))


@pytest.mark.parametrize("output", OUTPUTS)
def test_table(at_table_times: np.ndarray, output: str) -> None:
    """With the default tolerances, every cell to the last digit printed (half a unit of it)."""
    column = OUTPUTS.index(output)
    for row, found in zip(ROWS, at_table_times[:, column], strict=True):
        text = row[column + 1]
        if text.startswith("<"):
            assert 0 <= found < float(text[1:]), row[0]
        else:
            unit = 10.0 ** int(Decimal(text).as_tuple().exponent)
            assert abs(found - float(text)) <= 0.5001 * unit, row[0]


@pytest.mark.parametrize(("week", "output", "sign", "value", "when"), [
    (0.0, "ALC", -1, 0.295182, 109.16), (336.0, "ALC", -1, 0.295182, 445.16),
    (0.0, "sCD25", 1, 23.5654, 111.10), (336.0, "sCD25", 1, 23.5654, 447.10),
])  # fmt: skip
def test_extreme_of_each_week(week: float, output: str, sign: int, value: float, when: float) -> None:
    """The extreme over the whole week, on a grid of 0.01 h, to the printed digits; its time within 0.05 h."""
    times = week + np.arange(0, 168.001, 0.01)
    found = typical(times, FINE)[:, OUTPUTS.index(output)]
    k = int(np.argmax(sign * found))
    assert abs(found[k] - value) <= 0.5001 * 10.0 ** int(Decimal(str(value)).as_tuple().exponent)
    assert abs(times[k] - when) <= 0.05


def test_concentrations_never_negative_and_signals_within_tolerance() -> None:
    """All along the course: C ≥ 0 exactly (closed form); A in [0, 1] to the tolerance of what is integrated."""
    times = np.arange(0, 1176.01, 0.05)
    found = typical(times)
    assert np.isfinite(found).all()
    assert (found[:, 0] >= 0).all()
    assert (found[1:, 0] > 0).all()
    assert found[:, 1].min() > -1e-8
    assert found[:, 1].max() < 1
    assert found[:, 2].min() > 2.5 - 1e-6
    assert found[:, 3].min() > 0
    assert found[:, 3].max() < 1.5 + 1e-6


def test_both_dosing_weeks_are_alike() -> None:
    """Two weeks of rest forget: C repeats to rounding, ALC and sCD25 to what is left of A after 10 days."""
    times = np.arange(0.5, 167, 0.5)
    first, second = typical(times, FINE), typical(times + 336, FINE)
    np.testing.assert_allclose(second[:, 0], first[:, 0], rtol=1e-9)
    np.testing.assert_allclose(second[:, 2], first[:, 2], rtol=1e-4)
    np.testing.assert_allclose(second[:, 3], first[:, 3], rtol=1e-3)


def test_pharmacokinetic_constants() -> None:
    """C0 464.396 ng/mL, α 4.62356 and β 0.36872 per h, AUC∞ 179.6407 h·ng/mL (il21.md, section 3)."""
    p = dict(il21.truth().parameters.as_dict())
    k10, k12, k21 = p["CL"] / p["V1"], p["Q"] / p["V1"], p["Q"] / p["V2"]
    alpha, beta = np.sort(np.roots([1, k10 + k12 + k21, k10 * k21]))
    assert (round(-alpha, 5), round(-beta, 5)) == (4.62356, 0.36872)
    assert round(30_000 / p["V1"], 3) == 464.396
    assert round(30_000 / p["CL"], 4) == 179.6407
    late = typical(np.array([12.0, 20.0]))[:, 0]
    assert np.log(late[0] / late[1]) / 8 == pytest.approx(-beta, rel=1e-9)
