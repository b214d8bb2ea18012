"""The model of one subject: texts, values against the text, exact slopes through occasions, covariates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas
import pytest

import pkpd
from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.errors import InputError
from pkpd.model import Model, define, derivative_text, evaluate_text
from pkpd.model.individual import individual_model, individual_text, over_occasions
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Omega, Population, block

inf = float("inf")
FINE = Settings(rtol=1e-12, atol=1e-13, max_steps=50_000)
DOSES = [Dose(0.0, 100.0, "oral"), Dose(12.0, 100.0, "oral"), Dose(24.0, 100.0, "oral"), Dose(36.0, 80.0, "oral")]
TIMES = np.array([1.0, 5.0, 11.0, 13.0, 20.0, 25.0, 30.0, 37.0, 47.0])
BEGINS = (12.0, 36.0)
"""Three occasions: doses of one are still there in the next."""


def pk() -> tuple[Model, Parameters]:
    """One compartment with absorption, a lag, a bounded bioavailability and a turnover whose baseline varies."""
    parameters = Parameters(
        (
            Parameter("CL", 3.0), Parameter("V", 30.0), Parameter("ka", 0.8, "", 0.05),
            Parameter("F", 0.7, "", 0.0, 1.0),
            Parameter("lag", 0.4), Parameter("slope", 0.1, "", -inf), Parameter("kout", 0.2), Parameter("R0", 5.0),
        )
    )  # fmt: skip
    model = define(
        {"gut": "-ka*gut", "A": "ka*gut - CL/V*A", "R": "kout*R0*(1 + slope*C) - kout*R"}, parameters,
        outputs={"C": "A/V", "R": "R"}, initial={"R": "R0"}, doses={"oral": "gut"}, lag={"gut": "lag"},
        bioavailability={"gut": "F"},
    )  # fmt: skip
    return model, parameters


def people(michaelis: bool = False) -> Population:
    """Everything varies between subjects and most between occasions; one random effect acts on two parameters."""
    model, parameters = pk()
    if michaelis:  # nonlinear: nothing has a closed form
        equations = dict(model.equations) | {"A": "ka*gut - CL*A/V/(1 + A/V/2)"}
        model = define(
            equations, parameters, outputs=model.outputs, initial=model.initial, doses=model.doses, lag=model.lag,
            bioavailability=model.bioavailability,
        )  # fmt: skip
    omega = (
        Omega.independent(scale=0.2)
        + block("CL", "V", omega=[[0.09, 0.02], [0.02, 0.04]])
        + Omega.independent(ka=0.3, F=0.5, lag=0.2, slope=0.05, R0=0.2)
        + Omega.independent(CL=0.2, ka=0.4, F=0.3, lag=0.1, slope=0.02).at_occasion()
    )
    shared = {"CL": "eta_scale + eta_CL + kappa_CL", "V": "0.5*eta_scale + eta_V"}
    return Population(
        model, Parameters((*parameters.items, Parameter("f_female", -0.2, "", -1.0))), omega, exponents=shared,
        relations={"CL": "CL*(weight/70)**0.75*(1 + f_female*female)", "V": "V*weight/70"},
    )  # fmt: skip


def solved(model: Model, effects: dict[str, float], names: Sequence[str] = ()) -> tuple[np.ndarray, np.ndarray]:
    """Outputs and slopes of one subject of 55 kg, female, in three occasions."""
    code = compile_model(model, tuple(names))
    values = model.parameters.as_dict() | effects | {"weight": 55.0, "female": 1.0}
    rows = []
    for k in range(3):
        marks = {f"occasion_{j}": float(j == k + 1) for j in (1, 2, 3)}
        rows.append([(values | marks)[n] for n in code.inputs])
    table = np.array(rows)
    plan = code.schedule(table, [DOSES], [TIMES], [np.zeros(TIMES.size, dtype=bool)], [BEGINS])
    result = code.run(table, plan, FINE)
    assert not result.status.any()
    return result.outputs, result.slopes


@pytest.mark.parametrize("michaelis", [False, True])
def test_slopes_by_every_random_effect(michaelis: bool) -> None:
    """Against sixth-order differences, 1e-9 of the largest slope; what accumulates carries into the next occasion."""
    population = people(michaelis)
    model = population.individual_model(3)
    names = population.omega.names(3)
    rng = np.random.default_rng(4)
    effects = {n: float(v) for n, v in zip(names, 0.1 * rng.standard_normal(len(names)), strict=True)}
    _, slopes = solved(model, effects, names)
    step = 0.02
    weights = {1: 3 / 4, 2: -3 / 20, 3: 1 / 60}
    for k, name in enumerate(names):
        total = sum(
            w * (solved(model, effects | {name: effects[name] + n * step})[0]
                 - solved(model, effects | {name: effects[name] - n * step})[0])
            for n, w in weights.items()
        ) / step  # fmt: skip
        half = sum(
            w * (solved(model, effects | {name: effects[name] + n * step / 2})[0]
                 - solved(model, effects | {name: effects[name] - n * step / 2})[0])
            for n, w in weights.items()
        ) / (step / 2)  # fmt: skip
        best = half + (half - total) / 63  # Richardson: the error of sixth order goes
        np.testing.assert_allclose(
            slopes[:, :, k], best, rtol=0, atol=1e-9 * max(1.0, np.abs(best).max()), err_msg=name
        )
    first = BEGINS[0] > TIMES
    assert not slopes[first][:, :, [names.index("kappa_CL_2"), names.index("kappa_CL_3")]].any()
    assert np.abs(slopes[BEGINS[1] < TIMES][:, 0, names.index("kappa_CL_1")]).min() > 1e-6  # carried over


def test_values_equal_the_text() -> None:
    """Rows of individual values through the typical model, against the individual model: 1e-13 of the values."""
    population = people()
    rng = np.random.default_rng(7)
    eta = rng.standard_normal((6, len(population.omega.effects()))) * 0.3
    kappa = rng.standard_normal((6, 3, len(population.omega.effects("occasion")))) * 0.2
    occasion = np.array([0, 1, 2, 2, 1, 0])
    covariates = {"weight": rng.uniform(50, 90, 6), "female": np.array([0, 1, 0, 1, 1, 0])}
    values = population.individual_values(eta, kappa, occasion, covariates)
    model = population.individual_model(3)
    shown = define({"x": "0*x"}, model.parameters, outputs=_texts(population), covariates=model.covariates)
    code = compile_model(shown)
    for k in range(6):
        effects = dict(zip(population.omega.names(3), [*eta[k], *kappa[k].ravel()], strict=True))
        marks = {f"occasion_{j}": float(j == occasion[k] + 1) for j in (1, 2, 3)}
        row = model.parameters.as_dict() | effects | marks | {n: c[k] for n, c in covariates.items()}
        table = np.array([[row[n] for n in code.inputs]])
        plan = code.schedule(table, [()], [np.array([0.0])], [np.array([False])])
        outputs = dict(zip(code.outputs, code.run(table, plan).outputs[0], strict=True))
        for name, column in values.items():
            assert outputs[f"{name}_i"] == pytest.approx(column[k], rel=1e-13, abs=1e-15), name
    same = population.individual_values(eta, kappa[np.arange(6), occasion], covariates=covariates)
    assert all(np.array_equal(same[n], values[n]) for n in values)


def _texts(population: Population) -> dict[str, str]:
    kappas = population.omega.effects("occasion")
    return {f"{n}_i": over_occasions(text, kappas, 3) for n, text in population.texts.items()}


def test_everything_follows() -> None:
    """Equations, outputs, initial values, lag, bioavailability, rate and length of infusions, what is conserved."""
    model = Model(
        "all of it", {"A": "-k*A", "B": "k*A - q*B"}, Parameters(tuple(Parameter(n, 1.0) for n in "kqabcdefg")),
        outputs={"y": "a*A"}, initial={"A": "b"}, doses={"infusion": "A"}, conserved=("A + B*c",), lag={"A": "d"},
        bioavailability={"A": "e"}, infusion_rate={"A": "f"}, infusion_duration={"A": "g"},
    )  # fmt: skip
    population = Population(model, model.parameters, Omega.independent(**dict.fromkeys("kqabcdefg", 0.1)))
    whole = population.individual_model()
    assert whole.equations["B"] == "k * exp(eta_k) * A - q * exp(eta_q) * B"
    texts = [whole.outputs["y"], whole.initial["A"], *whole.conserved, whole.lag["A"], whole.bioavailability["A"],
             whole.infusion_rate["A"], whole.infusion_duration["A"]]  # fmt: skip
    for text, name in zip(texts, "abcdefg", strict=True):
        assert f"{name} * exp(eta_{name})" in text
    assert whole.parameters.names == (*model.parameters.names, *(f"eta_{n}" for n in "kqabcdefg"))
    assert whole.parameters["eta_k"] == 0.0
    assert model.equations["B"] == "k*A - q*B"  # the model itself stays


def test_occasions_are_written_out() -> None:
    population = Population(
        library.one_compartment(), library.one_compartment().parameters,
        Omega.independent(CL=0.3) + Omega.independent(CL=0.1).at_occasion(),
    )  # fmt: skip
    model = population.individual_model(2)
    assert "CL * exp(eta_CL + (kappa_CL_1 * occasion_1 + kappa_CL_2 * occasion_2))" in " ".join(
        model.equations.values()
    )
    assert model.covariates == ("occasion_1", "occasion_2")
    assert population.by_occasion == ("CL",)


def test_texts_by_scale() -> None:
    assert individual_text(Parameter("CL"), "eta_CL") == "CL * exp(eta_CL)"
    assert individual_text(Parameter("b", 2.0, "", 0.5), "x") == "0.5 + (b - 0.5) * exp(x)"
    assert individual_text(Parameter("F", 0.5, "", 0.0, 1.0), "x") == "F / (F + (1 - F) * exp(-x))"
    assert individual_text(Parameter("e", 0.5, "", -inf), "a - b", "e*w") == "e * w + (a - b)"
    assert individual_text(Parameter("u", 0.5, "", -inf, 3.0), "x") == "3.0 - (3.0 - u) * exp(-x)"
    assert individual_text(Parameter("CL"), "", "CL*w/70") == "CL*w/70"
    with pytest.raises(InputError, match="did you mean 'natural'"):
        individual_text(Parameter("CL"), "x", scale="naturel")


def test_a_covariate_that_changes_in_time_needs_nothing_more() -> None:
    """The individual model's covariates are rows of values: growing from 55 to 80 kg at 12 h changes CL there."""
    population = Population(
        library.one_compartment().in_units(time="h", amount="mg", volume="L"),
        library.one_compartment().in_units(time="h", amount="mg", volume="L").parameters.with_values(CL=2.0, V=10.0),
        Omega(), relations={"CL": "CL*(weight/70)**0.75"},
    )  # fmt: skip
    code = compile_model(population.individual_model())
    rows = [[({"CL": 2.0, "V": 10.0, "weight": w})[n] for n in code.inputs] for w in (55.0, 80.0)]
    plan = code.schedule(
        np.array(rows), [[Dose(0.0, 100.0)]], [np.array([12.0, 24.0])], [np.array([False, False])], [[12.0]]
    )
    outputs = code.run(np.array(rows), plan).outputs[:, 0]
    rates = [0.2 * (w / 70) ** 0.75 for w in (55.0, 80.0)]
    np.testing.assert_allclose(outputs, 10 * np.exp([-12 * rates[0], -12 * sum(rates)]), rtol=1e-10)


def test_relations_in_simulations() -> None:
    """CL follows the drawn weight exactly; under a study it is the subject's own."""
    base = library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=2.0, V=10.0)
    table = pandas.DataFrame({"weight": [50.0, 70.0, 90.0]})
    population = Population(
        base, base.parameters, Omega.independent(V=0.2), covariates=table, relations={"CL": "CL*(weight/70)**0.75"},
    )  # fmt: skip
    result = pkpd.simulate(population, pkpd.bolus("100 mg"), subjects=50, times=[1.0])
    weight = result["weight"].values
    np.testing.assert_allclose(result["CL"].values, 2.0 * (weight / 70) ** 0.75, rtol=1e-14)
    assert set(np.unique(weight)) == {50.0, 70.0, 90.0}
    rows = [(s, t, "C", 1.0) for s in ("a", "b") for t in (1.0, 2.0)]
    samples = pandas.DataFrame(rows, columns=["subject", "time", "analyte", "value"])
    subjects = pandas.DataFrame({"subject": ["a", "b"], "weight": [50.0, 90.0]})
    units = {"time": "h", "C": "mg/L", "dose": "mg", "weight": "kg"}
    study = pkpd.read_study(samples, pkpd.bolus("100 mg"), subjects, units=units)
    known = Population(base, base.parameters, Omega(), relations={"CL": "CL*(weight/70)**0.75"})
    exact = pkpd.simulate(known, study, replicates=2)["value"].values
    cl = 2.0 * (np.array([50.0, 50.0, 90.0, 90.0]) / 70) ** 0.75
    np.testing.assert_allclose(exact, np.tile(10 * np.exp(-cl / 10 * [1, 2, 1, 2]), (2, 1)), rtol=1e-10)
    missing = pkpd.read_study(samples, pkpd.bolus("100 mg"), subjects.assign(weight=[50.0, np.nan]), units=units)
    with pytest.raises(InputError, match="covariate 'weight' of subject 'b' is missing"):
        pkpd.simulate(known, missing)
    wrong = Population(base, base.parameters, Omega(), relations={"CL": "CL*(wieght/70)**0.75"})
    with pytest.raises(InputError, match="unknown covariate 'wieght'; did you mean 'weight'"):
        pkpd.simulate(wrong, study)
    with pytest.raises(InputError, match="'wieght' has no value"):
        pkpd.simulate(wrong, pkpd.bolus("100 mg"), times=[1.0])


def test_screened_subjects_are_other_people() -> None:
    """Limits with covariates that are drawn: who is redrawn brings another weight, and the value still follows it."""
    base = library.one_compartment().in_units(time="h", amount="mg", volume="L").with_values(CL=2.0, V=10.0)
    population = Population(
        base, base.parameters, Omega.independent(CL=0.2), relations={"CL": "CL*(weight/70)**0.75"},
        covariates=lambda rng, n: pandas.DataFrame({"weight": rng.uniform(40, 100, n)}), limits={"CL": (2.0, inf)},
    )  # fmt: skip
    values = population.draw(5000, np.random.default_rng(1))
    assert values["CL"].min() >= 2.0
    assert values["weight"].mean() > 75
    eta = np.log(values["CL"] / 2 / (values["weight"] / 70) ** 0.75)
    assert 0.1 < eta.std() < 0.2


@pytest.mark.parametrize(("options", "words"), [
    ({"relations": {"cl": "CL*2"}}, "did you mean 'CL'"),
    ({"relations": {"CL": "2*weight"}}, "does not name CL itself"),
    ({"relations": {"CL": "CL*V*weight"}}, "'V', another parameter"),
    ({"relations": {"CL": "CL*C"}}, "uses 'C' of the model"),
    ({"relations": {"CL": "CL*t"}}, "uses 't' of the model"),
    ({"relations": {"CL": "CL*open('x')"}}, "calls 'open'"),
    ({"relations": {"CL": "CL*(1 + f_female*x)"}}, "coefficient 'f_female' in the relation of CL has no value"),
    ({"exponents": {"CL": "eta_cl"}}, "'eta_cl' in the exponent of CL is unknown; did you mean 'eta_CL'"),
    ({"exponents": {"CL": "0*eta_CL"}, "omega": Omega.independent(CL=0.1, shared=0.1)}, "acts on no parameter"),
    ({"exponents": {"CL": "eta_CL"}, "omega": Omega.independent(CL=0.1) + Omega.independent(CL=0.1).at_occasion()},
     "'kappa_CL' acts on no parameter; write it into the exponent of CL"),
    ({"omega": Omega.independent(cl=0.1)}, "'eta_cl' acts on no parameter; did you mean 'CL'"),
    ({"scales": {"cL": "log"}}, "unknown parameter with a scale"),
    ({"covariates": pandas.DataFrame({"subject": [3], "weight": [np.nan]}), "relations": {"CL": "CL*weight"}},
     "missing for subject 3"),
    ({"covariates": pandas.DataFrame({"weight": ["a"]}), "relations": {"CL": "CL*weight"}}, "holds text"),
    ({"constraints": ("CL > k",)}, "unknown parameter in 'CL > k'"),
    ({"omega": [[0.1]]}, "expected Omega"),
])  # fmt: skip
def test_mistakes_get_a_sentence(options: dict[str, object], words: str) -> None:
    base = library.one_compartment()
    values = Parameters((*base.parameters.items, Parameter("f_female", lower=-1.0)))
    with pytest.raises(InputError, match=words.replace("'x'", ".x.").replace("(", r"\(")):
        Population(base, values, **{"omega": Omega.independent(CL=0.1), **options})  # type: ignore[arg-type]


def test_a_name_with_two_meanings_is_refused() -> None:
    model = define({"A": "-k*A"}, {"k": 1.0, "eta_k": 2.0}, outputs={"y": "A*eta_k"}, doses={"bolus": "A"})
    with pytest.raises(InputError, match="stand twice: eta_k"):
        Population(model, model.parameters, Omega.independent(k=0.1)).individual_model()
    with pytest.raises(InputError, match="'eta_kk' in the text of k is unknown; did you mean 'eta_k'"):
        individual_model(model, {"k": "k*exp(eta_kk)"}, Parameters())


def test_evaluation_of_text() -> None:
    """Everything that the whitelist allows, in arrays; and derivatives as text."""
    values = {"x": np.array([0.5, -2.0]), "a": 3.0}
    text = "exp(x) + log(a) - sqrt(a)*abs(x)/2 + min(x, a, 1) + max(x, 0) + sin(x)*cos(x) - tanh(-x)^2 + a**-1"
    x, a = values["x"], 3.0
    expected = (
        np.exp(x) + np.log(a) - np.sqrt(a) * np.abs(x) / 2 + np.minimum(x, 1) + np.maximum(x, 0)
        + np.sin(x) * np.cos(x) - np.tanh(-x) ** 2 + 1 / a
    )  # fmt: skip
    np.testing.assert_allclose(evaluate_text(text, values), expected, rtol=1e-15)
    np.testing.assert_array_equal(evaluate_text("a if 0 < x <= 1 or x < -5 else x", values), [3.0, -2.0])
    assert np.isnan(evaluate_text("log(x)", {"x": -1.0}))
    np.testing.assert_allclose(
        evaluate_text(derivative_text("a**2*exp(x*a)", "a"), values), (2 * a + a**2 * x) * np.exp(x * a)
    )
    with pytest.raises(InputError, match="'aa' in 'aa' has no value; did you mean 'a'"):
        evaluate_text("aa", values)
    with pytest.raises(InputError, match="allowed are"):
        evaluate_text("x.real", values)
