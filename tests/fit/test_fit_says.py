"""What a fit takes over, assumes and doubts: residual errors, units of own models, loose estimates, no value at all."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas
import pytest

import pkpd
from pkpd.errors import DataWarning, InputError, PkpdError
from pkpd.fit import Fit, fit_individuals, fit_pooled, initial_estimates
from pkpd.fit.cautions import cautions
from pkpd.model import Model, define
from pkpd.model.dimensions import inferred_units
from pkpd.model.drug import measures_drug
from pkpd.model.model import WORDS
from pkpd.parameters import Parameter, Parameters
from tests.fit.fit_cases import line_model, line_study
from tests.library.library_runs import ENTRIES

TIMES = np.array([0.5, 1, 2, 4, 8, 12, 24.0])
BOLUS = pkpd.library.one_compartment()
OWN = define({"A": "-CL/V*A"}, {"CL": 1.8, "V": 20.0}, outputs={"C": "A/V"}, doses={"bolus": "A"})


def study_of(unit: str = "mg/L", factor: float = 1.0, values: Any = None, subjects: int = 4, analyte: str = "C") -> Any:
    """Boluses of 100 mg, CL 1.8 L/h, V 20 L, in closed form with a little noise that is the same each time."""
    noise = np.random.default_rng(11).standard_normal((subjects, TIMES.size))
    exact = 5 * np.exp(-0.09 * TIMES) * np.exp(0.1 * noise) * factor
    given = exact if values is None else np.broadcast_to(np.array(values, dtype=object), exact.shape)
    rows = [(s + 1, t, v) for s in range(subjects) for t, v in zip(TIMES, given[s], strict=True)]
    table = pandas.DataFrame(rows, columns=["subject", "time", analyte])
    return pkpd.read_study(table, pkpd.bolus("100 mg"), units={"time": "h", analyte: unit})


def silently(call: Any, *inputs: Any, **named: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return call(*inputs, **named)


# Residual errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", list(ENTRIES))
def test_units_do_not_choose_the_default_error(call: str) -> None:
    """The library's equations, written down by a user without units, measure the drug as the library's do."""
    model = ENTRIES[call].make()
    bare = Parameters(tuple(Parameter(p.name, 1.0) for p in model.parameters))
    own = Model("own", model.equations, bare, outputs=model.outputs, initial=model.initial, doses=model.doses,
                covariates=model.covariates)  # fmt: skip
    for output in model.outputs:
        assert measures_drug(own, output) == measures_drug(model, output)


@pytest.mark.parametrize(
    ("text", "is_drug"),
    [("A/V", True), ("1000*A/V", True), ("(A + P)/V", True), ("max(A, 0)/V", True), ("E0 + S*A/V", False),
     ("A/V/(KD + A/V)", False), ("log(A/V)", False), ("R", False), ("E0*(1 - A/(V*KD + A))", False), ("t*V", False)],
)  # fmt: skip
def test_what_measures_the_drug(text: str, is_drug: bool) -> None:
    names = ["CL", "V", "E0", "S", "KD", "k", "R0"]
    equations = {"A": "-CL/V*A", "P": "CL/V*A - k*P", "R": "k*(R0 - R)"}
    model = define(equations, dict.fromkeys(names, 1.0), outputs={"y": text}, initial={"R": "R0"}, doses={"bolus": "A"})
    assert measures_drug(model, "y") is is_drug


def test_the_same_equations_are_the_same_fit() -> None:
    """The own model had an error on the log scale, the library's a proportional one."""
    start = BOLUS.parameters.with_values(CL=2.0, V=18.0)
    library = fit_pooled(BOLUS, study_of(), start)
    own = fit_pooled(OWN, study_of(), OWN.parameters)
    assert [type(e) for e in own.errors] == [type(e) for e in library.errors]
    assert own.minus2ll == pytest.approx(library.minus2ll, abs=1e-6)
    assert own.parameters["CL"] == pytest.approx(library.parameters["CL"], rel=1e-5)


@pytest.mark.parametrize("kind", ["additive", "log", "combined"])
def test_what_is_given_brings_its_error(kind: str) -> None:
    start = BOLUS.parameters.with_values(CL=2.0, V=18.0)
    pooled = silently(fit_pooled, BOLUS, study_of(), start, error={"C": kind})
    again = silently(fit_pooled, BOLUS, study_of(), start, given=pooled)
    assert [e.kind for e in again.errors] == [kind]
    assert again.minus2ll == pytest.approx(pooled.minus2ll, abs=1e-4)  # all else is fixed where it was best
    told = silently(fit_pooled, BOLUS, study_of(), start, given=pooled, error={"C": "proportional"})
    assert [e.kind for e in told.errors] == ["proportional"]


def test_an_error_that_was_fixed_stays_fixed_and_individual_fits_bring_theirs() -> None:
    start = BOLUS.parameters.with_values(CL=2.0, V=18.0)
    floor = start + Parameters((Parameter("add_C", 0.5, "mg/L", fixed=True),))
    pooled = fit_pooled(BOLUS, study_of(), floor, error={"C": "additive"})
    again = fit_pooled(BOLUS, study_of(), start, given=pooled)
    assert again.parameters.get("add_C").fixed
    assert again.parameters["add_C"] == 0.5
    fits = fit_individuals(BOLUS, study_of(), start, error={"C": "log"}, progress=False)
    assert [e.kind for e in silently(fit_pooled, BOLUS, study_of(), start, given=fits).errors] == ["log"]


# Units of own models -------------------------------------------------------------------------------------------------


def test_a_number_without_a_unit_is_shown_in_one() -> None:
    """It said "1818" with a blank, for 1.8 L/h; people think in L, whatever dose over concentration would give."""
    with pytest.warns(DataWarning, match=r"CL \(L/h\), V \(L\) state no unit.*ug, L.*doses were given in mg"):
        fit = fit_pooled(OWN, study_of("ng/mL", 1000.0), OWN.parameters.with_values(CL=2, V=18))
    assert fit.table()["unit"].to_dict() == {"CL": "L/h", "V": "L", "prop_C": ""}
    assert fit.parameters["CL"] == pytest.approx(1.8, rel=0.1)
    assert any("CL (L/h)" in note for note in fit.notes)


@pytest.mark.parametrize(("unit", "factor"), [("ng/mL", 1e3), ("mg/L", 1.0), ("ug/dL", 1e2), ("pg/mL", 1e6)])
def test_units_that_were_chosen_hold_whatever_was_measured(unit: str, factor: float) -> None:
    """An output without a unit was compared to numbers in the study's: 1.8 L/h became 0.0018 L/h."""
    chosen = OWN.in_units(time="h", amount="mg", volume="L")
    fit = fit_pooled(chosen, study_of(unit, factor), chosen.parameters)
    plain = fit_pooled(BOLUS, study_of(), BOLUS.parameters.with_values(CL=2.0, V=18.0))
    assert fit.parameters["CL"] == pytest.approx(plain.parameters["CL"], rel=1e-6)
    fits = fit_individuals(chosen, study_of(unit, factor), chosen.parameters, progress=False)
    assert fits[1].parameters["CL"] == pytest.approx(1.8, rel=0.2)


def test_a_number_in_the_equation_of_an_output_is_asked_about() -> None:
    parts: dict[str, Any] = {"outputs": {"C": "1000*A/V"}, "doses": {"bolus": "A"}}
    base = {"time": "h", "amount": "mg", "volume": "L"}
    model = define({"A": "-CL/V*A"}, {"CL": 1.8, "V": 20.0}, **parts).in_units(**base)
    with pytest.raises(InputError, match=r"'C' states no unit.*mg/L.*ng/mL.*units="):
        fit_pooled(model, study_of("ng/mL", 1000.0), model.parameters)
    told = define({"A": "-CL/V*A"}, {"CL": 1.8, "V": 20.0}, **parts, units={"C": "ng/mL"}).in_units(**base)
    assert fit_pooled(told, study_of("ng/mL", 1000.0), told.parameters).parameters["CL"] == pytest.approx(1.8, rel=0.1)


@pytest.mark.parametrize("call", list(ENTRIES))
def test_units_that_the_equations_tell_are_those_of_the_library(call: str) -> None:
    """Parameters stripped of their units: what is inferred is what the library states, or nothing."""
    model = ENTRIES[call].make()
    whole = BOLUS + model if "C" in model.needs else model
    if whole.base == WORDS:  # a published model has its own
        whole = whole.in_units(time="h", amount="ng", volume="mL")
    stripped = Parameters(tuple(Parameter(p.name, 1.0) for p in whole.parameters))
    found = inferred_units(Model("bare", whole.equations, stripped, outputs=whole.outputs, initial=whole.initial,
                                 doses=whole.doses, units=whole.units, base=whole.base))  # fmt: skip
    assert found == {name: unit for name in found if (unit := whole.parameters.get(name).unit)}
    if "CL" in whole.parameters and "C" in whole.outputs:
        assert found["CL"] == f"{whole.base['volume']}/h"


# Doubts --------------------------------------------------------------------------------------------------------------


def emax_fit(doses: tuple[float, ...], noise: float) -> Fit:
    """Effect S·D/(SC50 + D) at some levels, as a function of time for brevity: the levels stand in for t."""
    model = define({}, {"S": 10.0, "SC50": 5.0}, outputs={"y": "S*t/(SC50 + t)"})
    levels = np.array(doses)
    wobble = 1 + noise * np.cos(5 * np.arange(levels.size))
    study = line_study(levels, 10 * levels / (5 + levels) * wobble)
    return silently(fit_pooled, model, study, model.parameters, error={"y": "additive"})  # type: ignore[no-any-return]


def test_a_loose_half_effect_has_a_caution() -> None:
    """Levels far below SC50 determine S/SC50 alone: RSE and correlation are said beside "converged"."""
    loose = emax_fit((0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0), 0.15)
    assert loose.status == "converged"
    assert any("SC50 is uncertain (RSE" in text for text in loose.cautions)
    assert any("S and SC50 are hardly told apart" in text for text in loose.cautions)
    assert "caution: " in loose.summary()
    good = emax_fit((0.5, 1, 2, 4, 8, 16, 32, 64, 128, 256), 0.05)
    assert (good.status, good.cautions) == ("converged", ())
    assert "caution" not in repr(good)


def test_cautions_by_hand() -> None:
    """RSE is SD on the log scale; correlation is covariance over SDs; a bound is near within 1 % of the width."""
    values = Parameters((Parameter("a", 2.0), Parameter("b", 3.0), Parameter("c", 0.995, upper=1.0)))
    slope = 0.995 * 0.005  # of the logit scale
    sd = np.array([0.51, 0.1, 0.001 / slope])
    matrix = np.outer(sd, sd) * np.array([[1, 0.96, 0], [0.96, 1, 0], [0, 0, 1]])
    found = cautions(values, matrix, 30.0)
    assert found == (
        "a is uncertain (RSE 51 %)",
        "a and b are hardly told apart (correlation 0.960)",
        "c = 0.995 is near its bound 1",
    )
    assert cautions(values.with_values(c=0.5), np.diag([0.49, 0.1, 0.01]) ** 2, 30.0) == ()
    assert "condition number 150" in cautions(values.with_values(c=0.5), np.eye(3) * 0.01, 150.0)[0]
    assert cautions(values, np.full((3, 3), np.nan), np.inf) == ()


# Nothing measured ----------------------------------------------------------------------------------------------------


def test_data_below_the_limit_say_so_first() -> None:
    study = study_of(values="<1", subjects=2)
    for source in (pkpd.nca(study, "C"), study):
        with pytest.raises(InputError) as caught:
            initial_estimates(BOLUS, source)
        assert caught.value.problems[0] == "every sample of C is below LLOQ (14 samples)"
    for start in (BOLUS.parameters.with_values(CL=2.0, V=18.0), BOLUS.parameters):
        for kind in ("additive", "proportional", "log", "combined"):
            with pytest.raises(InputError, match=r"every sample of C is below LLOQ \(14 samples of 2 subjects\)"):
                fit_pooled(BOLUS, study, start, error={"C": kind})
    with pytest.raises(InputError, match=r"subject 2: nothing was measured: every sample of C is below LLOQ \(7 "):
        fit_individuals(BOLUS, study, BOLUS.parameters.with_values(CL=2.0, V=18.0), progress=False)


def test_above_the_limit_and_both_sides() -> None:
    with pytest.raises(InputError, match=r"every sample of C is above ULOQ \(7 samples of 1 subject\)"):
        fit_pooled(BOLUS, study_of(values=">9", subjects=1), OWN.parameters)
    mixed = study_of(values=[">9"] * 2 + ["<1"] * 5, subjects=1)
    with pytest.raises(InputError, match=r"below LLOQ \(5\) or above ULOQ \(2\)"):
        fit_pooled(BOLUS, mixed, BOLUS.parameters.with_values(CL=2.0, V=18.0))


def test_one_output_of_two_without_a_value() -> None:
    parameters = Parameters(tuple(Parameter(n, 1.0, lower=-np.inf) for n in ("a", "b", "c")))
    model = define({}, parameters, outputs={"y": "a + b*t", "z": "c*t"})
    t = np.arange(1.0, 8.0)
    frame = pandas.DataFrame({"subject": 1, "time": t, "y": (2 + t + 0.2 * np.sin(9 * t)).astype(str), "z": "<1"})
    study = pkpd.read_study(frame, units={"time": "h", "y": "ng/mL", "z": "ng/mL"})
    fit = silently(fit_pooled, model, study, parameters, error={"y": "additive", "z": "additive"})
    assert not fit.converged
    assert fit.message.startswith("every sample of z is below LLOQ (7 samples of 1 subject)")


def test_with_everything_fixed_the_likelihood_of_blq_is_still_computed() -> None:
    """Φ of a standard normal distribution: the prediction is 0, the limit 1, the SD 1."""
    model = line_model()
    fixed = model.parameters.with_values(a=0.0, b=0.0) + Parameters((Parameter("add_y", 1.0),))
    table = pandas.DataFrame({"subject": 1, "time": [1.0, 2.0], "analyte": "y", "value": ["<1", "<1"]})
    study = pkpd.read_study(table, units={"time": "h", "y": "ng/mL"})
    fit = fit_pooled(model, study, fixed.fix(*fixed.names), error={"y": "additive"})
    assert fit.minus2ll == pytest.approx(-4 * np.log(0.8413447460685429), rel=1e-12)
    with pytest.raises(PkpdError, match="every sample"):
        fit_pooled(model, study, model.parameters, error={"y": "additive"})
