"""Expected information of population designs: the published example of design software, and what must hold."""

from dataclasses import replace
from functools import reduce
from operator import add

import numpy as np
import pytest
from scipy.linalg import inv

import pkpd
from pkpd import InputError, Omega, Population
from pkpd.population import residual_error
from pkpd.trial import population_information

TIMES = [0.5, 1, 2, 6, 24, 36, 72, 120]


def warfarin(kind: str = "proportional", **own: float) -> Population:
    """Nyberg et al. 2015: CL 0.15 L/h, V 8 L, ka 1/h, ω² 0.07, 0.02 and 0.6, 70 mg."""
    model = pkpd.library.one_compartment(absorption=True).in_units(time="h", amount="mg", volume="L")
    values = model.parameters.with_values({"CL": 0.15, "V": 8.0, "ka": 1.0})
    omega = Omega.independent(CL=0.07**0.5, V=0.02**0.5, ka=0.6**0.5)
    errors = (residual_error("C", kind),)
    noise = pkpd.Parameters(tuple(pkpd.Parameter(name, value) for name, value in own.items()))
    return Population(model, values + noise, omega, errors)


def of_variances(found: object) -> tuple[np.ndarray, np.ndarray]:
    """Relative errors and matrix where residual errors are variances s², not s: dM is divided by 2s for each."""
    names, values = found.names, found.values.copy()  # type: ignore[attr-defined]
    scale = np.array([1 / (2 * v) if n.endswith("_C") else 1.0 for n, v in zip(names, values, strict=True)])
    matrix = found.matrix * scale[:, None] * scale[None, :]  # type: ignore[attr-defined]
    values = np.array([v**2 if n.endswith("_C") else v for n, v in zip(names, values, strict=True)])
    return 100 * np.sqrt(np.diag(inv(matrix))) / values, matrix


def test_the_example_of_design_software() -> None:
    """numbers.json, population_design_warfarin (Nyberg et al. 2015, recomputed): order ka, CL, V here."""
    plan = pkpd.oral("70 mg")
    reduced = population_information(warfarin(prop_C=0.1), plan, TIMES, subjects=32)
    rse, matrix = of_variances(reduced)
    theirs = [13.925829, 4.738266, 2.756206, 25.627205, 30.344316, 25.777327, 11.170784]
    assert reduced.names[:4] == ("ka", "CL", "V", "var(eta_CL)")
    np.testing.assert_allclose(rse, theirs, rtol=2e-6)
    assert np.linalg.slogdet(matrix)[1] == pytest.approx(52.44799, abs=2e-5)
    table = reduced.table().set_index("parameter")
    assert table.loc["CL", "rse"] == pytest.approx(4.738266, rel=2e-6)
    assert table.loc["prop_C", "rse"] == pytest.approx(11.170784 / 2, rel=2e-6)
    full = population_information(warfarin(prop_C=0.1), plan, TIMES, subjects=32, full=True)
    rse, matrix = of_variances(full)
    assert np.linalg.slogdet(matrix)[1] == pytest.approx(55.4612, abs=2e-5)
    assert rse[0] == pytest.approx(4.81, abs=0.005)
    both = population_information(warfarin("combined", prop_C=0.1, add_C=0.5), plan, TIMES, subjects=32)
    rse, matrix = of_variances(both)
    named = ("CL", "V", "ka", "var(eta_CL)", "var(eta_V)", "var(eta_ka)", "prop_C", "add_C")
    order = [both.names.index(name) for name in named]
    np.testing.assert_allclose(rse[order], [5.096, 3.031, 14.26, 29.76, 36.68, 26.75, 32.01, 25.64], rtol=4e-4)
    assert np.linalg.slogdet(matrix)[1] == pytest.approx(55.39645, abs=2e-5)


def test_groups_add_and_subjects_multiply() -> None:
    people, plan = warfarin(prop_C=0.1), pkpd.oral("70 mg")
    one = population_information(people, plan, TIMES, subjects=10)
    two = population_information(people, plan, TIMES[::-1], subjects=22)
    whole = population_information(people, plan, TIMES, subjects=32)
    np.testing.assert_allclose((one + two).matrix, whole.matrix, rtol=1e-9)
    assert whole.log_determinant == pytest.approx(one.log_determinant + 7 * np.log(3.2))
    more = population_information(people, plan, [*TIMES, 168.0], subjects=32)
    assert (np.linalg.eigvalsh(more.matrix - whole.matrix) > -1e-9 * np.abs(whole.matrix).max()).all()


def test_il21_one_dose_level_does_not_tell_ec50() -> None:
    """il21.md section 5 (at CL 155, SL 7): EC50 trades against SR and SL, more dose levels help, fixing it more.

    What else was estimated there is not said; here the baselines and both errors are, and the kinetics and Ω are known.
    """
    truth = pkpd.il21.truth()
    effects = ("EC50", "kA", "SR", "kR", "SL", "kout")
    times = {"ALC": 24.0 * (np.array(pkpd.il21.LAB_DAYS) - 1), "sCD25": 24.0 * (np.array(pkpd.il21.SCD25_DAYS) - 1)}

    def rse(free: set[str], groups: dict[int, int]) -> tuple[list[float], float]:
        values = truth.parameters.with_values(CL=155.0, SL=7.0)
        values = values.fix(*(n for n in values.names if n not in free)).release(*free)
        people = replace(truth, parameters=values, omega=truth.omega.fix(*truth.omega.effects()), limits={})
        every = [
            population_information(people, pkpd.il21.regimen(f"{dose} ug/kg"), times, subjects=n)
            for dose, n in groups.items()
        ]
        whole = reduce(add, every)
        table = whole.table().set_index("parameter")["rse"]
        return [table[n] for n in effects if n in table], whole.condition_number

    known = {"R0", "L0", "sd_sCD25", "sd_ALC"}
    one, condition = rse({*effects, *known}, {30: 33})
    np.testing.assert_allclose(one, [515, 27, 148, 64, 155, 74], rtol=0.06)
    levels, better = rse({*effects, *known}, {30: 37, 10: 8, 50: 4, 40: 3})
    np.testing.assert_allclose(levels, [149, 13, 45, 26, 48, 27], rtol=0.06)
    fixed, best = rse({*effects, *known} - {"EC50", "kA"}, {30: 33})
    np.testing.assert_allclose(fixed, [8, 6, 15, 7], rtol=0.1)
    assert condition > better > 100 * best


def test_what_a_design_cannot_tell_is_said() -> None:
    people = warfarin(prop_C=0.1)
    table = population_information(people, pkpd.oral("70 mg"), [24.0], subjects=30).table()
    assert table["se"].isna().all()
    assert "does not tell" in table.attrs["reason"]
    with pytest.raises(InputError) as caught:
        population_information(people, pkpd.oral("70 mg"), {"C": [np.nan], "D": [1.0]})
    assert [word for word in ("'D'", "times of C") if word not in str(caught.value)] == []
