"""The library's models: states at rest, steady states in closed form, and what they conserve."""

from __future__ import annotations

import inspect
import math
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model, schedule
from pkpd.errors import InputError
from pkpd.library.catalogue import entries
from pkpd.model import Model, define
from pkpd.model.expressions import parse, symbol
from tests.examples import budget

FINE = Settings(rtol=1e-10, atol=1e-10)
DRIVE = define({"x": "0*c"}, {"c": 1.0}, initial={"x": "c"}, outputs={"C": "x"})  # C = c for ever
RESPONSES: dict[str, Model] = {
    "turnover": library.turnover("R", by="C"),
    "stimulated_loss": library.stimulated_loss("R", by="C"),
    **{f"indirect {k}": library.indirect_response(k, "R", by="C") for k in ("I", "II", "III", "IV")},
    "precursor": library.precursor_turnover("R", by="C"),
    "redistribution": library.redistribution("R", by="C"),
}


def values_of(model: Model, **changed: float) -> dict[str, float]:
    """Defaults where the model has them, else a number of order one."""
    values = {p.name: 2.0 if math.isnan(p.value) else p.value for p in model.parameters}
    return {**values, **{k: v for k, v in changed.items() if k in values}}


def solve(
    model: Model, values: dict[str, float], times: Any, doses: tuple[Dose, ...] = (), settings: Any = FINE
) -> Any:
    code = compile_model(model)
    clock = np.asarray(times, dtype=float)
    plan = schedule([doses], [clock], [np.zeros(clock.size, dtype=bool)], code.entries, len(code.states))
    found = code.run(np.array([[values[n] for n in code.system.inputs]]), plan, settings)
    assert not found.status.any()
    return found


def every_library_model() -> dict[str, Model]:
    """Every entry of the catalogue, driven by C where it can be driven."""
    made = {}
    for entry in entries():
        known = inspect.signature(entry.function).parameters
        driven = {"by": "C"} if "by" in known and entry.function is not library.metabolite else {}
        made[entry.call] = entry.function(**{**entry.arguments, **driven})
    return made


@pytest.mark.parametrize("kind", list(RESPONSES))
def test_a_response_rests_at_its_baseline(kind: str) -> None:
    """Without a drive every response stays at its baseline: dR/dt = 0 there (to the solver's 1e-10)."""
    model = DRIVE + RESPONSES[kind]
    found = solve(model, values_of(model, c=0.0, R_0=3.0), [0.0, 10.0, 1e4])
    np.testing.assert_allclose(found.outputs[:, model_output(model)], 3.0, rtol=1e-9)


def model_output(model: Model) -> int:
    return compile_model(model).outputs.index("R")


STEADY = {
    "turnover": lambda p: p["R_0"] * (1 + p["S_R"] * p["c"]),
    "stimulated_loss": lambda p: p["R_0"] / (1 + p["S_R"] * p["c"]),
    "indirect I": lambda p: p["R_0"] * (1 - p["Imax_R"] * p["c"] / (p["IC50_R"] + p["c"])),
    "indirect II": lambda p: p["R_0"] / (1 - p["Imax_R"] * p["c"] / (p["IC50_R"] + p["c"])),
    "indirect III": lambda p: p["R_0"] * (1 + p["Smax_R"] * p["c"] / (p["SC50_R"] + p["c"])),
    "indirect IV": lambda p: p["R_0"] / (1 + p["Smax_R"] * p["c"] / (p["SC50_R"] + p["c"])),
    "precursor": lambda p: p["R_0"],
    "redistribution": lambda p: 2 * p["R_0"] / (2 + p["S_R"] * p["c"]),
}


@pytest.mark.parametrize("kind", list(RESPONSES))
@pytest.mark.parametrize("drive", [0.3, 4.0])
def test_steady_state_under_a_constant_drive(kind: str, drive: float) -> None:
    model = DRIVE + RESPONSES[kind]
    values = values_of(model, c=drive, R_0=3.0)
    found = solve(model, values, [2e4]).outputs[0, model_output(model)]
    assert found == pytest.approx(STEADY[kind](values), rel=1e-8)


@pytest.mark.parametrize("kind", ["turnover", "stimulated_loss", "indirect I", "indirect II", "indirect IV"])
def test_approach_to_the_steady_state_is_exponential(kind: str) -> None:
    """A constant drive makes these equations linear: R∞ + (R0 − R∞)·exp(−λt), λ = kout or kout × what stimulates it."""
    model = DRIVE + RESPONSES[kind]
    p = values_of(model, c=0.7, R_0=3.0)
    rest, times = STEADY[kind](p), np.array([0.5, 3.0, 10.0, 40.0])
    speed = p["kout_R"] * (1.0 if kind in ("turnover", "indirect I") else p["R_0"] / rest)
    expected = rest + (3.0 - rest) * np.exp(-speed * times)
    np.testing.assert_allclose(solve(model, p, times).outputs[:, model_output(model)], expected, rtol=1e-9)


def test_activation_relaxes_to_its_stimulus() -> None:
    model = DRIVE + library.activation()
    p = values_of(model, c=3.0)
    times = np.array([1.0, 12.0, 48.0])
    expected = 3 / (p["EC50"] + 3) * -np.expm1(-p["kA"] * times)
    np.testing.assert_allclose(solve(model, p, times).outputs[:, 1], expected, rtol=1e-9)


def test_the_precursor_rebounds_after_release() -> None:
    """What the signal held back comes later: below the baseline first, above it after the drug has gone."""
    model = library.one_compartment() + library.precursor_turnover("R", by="C")
    values = values_of(model, CL=1.0, V=10.0, S_R=5.0, R_0=3.0)
    found = solve(model, values, np.arange(0, 300, 0.5), (Dose(0, 100.0),)).outputs[:, 1]
    low, high = int(found.argmin()), int(found.argmax())
    assert found[low] < 2.9
    assert found[high] > 3.1
    assert low < high


@pytest.mark.parametrize("inhibits", [False, True])
def test_direct_effect_is_algebra(inhibits: bool) -> None:
    """No state of its own: the Hill equation of the closed-form concentration, at 0 too."""
    model = library.one_compartment() + library.direct_effect("E", inhibits=inhibits)
    p = values_of(model, CL=1.0, V=10.0, E_0=4.0, Emax_E=0.8, EC50_E=2.0, h_E=1.7)
    times = np.array([0.0, 1.0, 5.0, 30.0])
    found = solve(model, p, times, (Dose(0.5, 100.0),)).outputs
    c = np.where(times > 0.5, 10 * np.exp(-0.1 * (times - 0.5)), 0.0)
    effect = 4 * (1 + (-1 if inhibits else 1) * 0.8 * c**1.7 / (2**1.7 + c**1.7))
    np.testing.assert_allclose(found, np.column_stack([c, effect]), rtol=1e-12)


@pytest.mark.parametrize("steps", [1, 4, 20])
def test_mean_delay_of_the_transit_chain(steps: int) -> None:
    """The chain keeps the area, and the mean time of what leaves is later by tau: ∫tD/∫D − ∫tC/∫C = τ."""
    model = library.one_compartment() + library.transit_delay("D", steps=steps)
    values = values_of(model, CL=5.0, V=10.0, tau_D=6.0)
    times = np.linspace(0, 200, 20_001)
    found = solve(model, values, times, (Dose(0, 100.0),)).outputs
    found[0] = (10.0, 0.0)  # after the dose
    area, moment = np.trapezoid(found, times, axis=0), np.trapezoid(found * times[:, None], times, axis=0)
    np.testing.assert_allclose(area, 20.0, rtol=1e-5)  # trapezoids of 0.01 h
    assert np.diff(moment / area)[0] == pytest.approx(6.0, rel=1e-4)


CONSERVING = {k: m for k, m in every_library_model().items() if m.conserved}


def test_some_model_conserves() -> None:
    assert CONSERVING


@pytest.mark.parametrize("kind", list(CONSERVING))
@given(data=st.data())
@budget(max_examples=15)
def test_what_is_conserved_is_constant(kind: str, data: st.DataObject) -> None:
    """`Model.conserved` keeps its value to 1e-9 relative while a drug comes and goes, for random parameters."""
    model = library.one_compartment() + CONSERVING[kind]
    number = st.floats(-1, 1).map(lambda x: 10.0**x)
    values = {name: data.draw(number) for name in model.parameters.names}
    found = solve(model, values, np.linspace(0, 200, 41), (Dose(1, 100.0), Dose(30, 20.0, "infusion", 10.0)))
    for text in model.conserved:
        columns = {symbol(s): found.states[:, k] for k, s in enumerate(model.states)}
        expression = parse(text)
        names = sorted(expression.free_symbols, key=str)
        import sympy

        total = sympy.lambdify(names, expression)(*(columns[n] for n in names))
        np.testing.assert_allclose(total, total[0], rtol=1e-9)
    assert np.ptp(found.states[:, -1]) > 1e-6 * found.states[0, -1]  # something moved


@pytest.mark.parametrize("kind", list(CONSERVING))
def test_what_is_conserved_has_no_derivative(kind: str) -> None:
    """In symbols: Σ ∂(conserved)/∂state · dstate/dt = 0, identically."""
    import sympy

    model = CONSERVING[kind]
    for text in model.conserved:
        expression = parse(text)
        change = sum(expression.diff(symbol(s)) * parse(e) for s, e in model.equations.items())
        assert sympy.simplify(change) == 0


@pytest.mark.parametrize("kind", list(every_library_model()))
def test_every_model_runs_with_its_compartment(kind: str) -> None:
    """Composed with a drug, every library model is complete, solves, and stays finite and not negative."""
    own = every_library_model()[kind]
    model = own if "C" in own.outputs else library.one_compartment() + own
    assert model.needs == ()
    first = "bolus" if "bolus" in model.doses else "oral"
    doses = (Dose(0, 50.0, first), Dose(5, 50.0, "infusion", 3.0))
    found = solve(model, values_of(model), np.linspace(0, 100, 50), doses)
    assert np.isfinite(found.outputs).all()
    assert found.outputs.min() >= -1e-8  # what is integrated may miss zero by its tolerance
    assert np.ptp(found.outputs, axis=0).max() > 0


def test_arguments_are_checked() -> None:
    with pytest.raises(InputError, match="indirect response"):
        library.indirect_response("V", by="C")
    for steps in (0, 21):
        with pytest.raises(InputError, match="steps"):
            library.transit_delay(steps=steps)
    with pytest.raises(InputError):
        library.turnover("a b", by="C")


@pytest.mark.parametrize("call", [
    pytest.param(lambda: library.transit_delay(steps=2.5), id="steps 2.5"),  # type: ignore[arg-type]
])  # fmt: skip
def test_arguments_are_checked_for_kind(call: Any) -> None:
    with pytest.raises(InputError):
        call()


def test_a_driver_may_be_an_expression() -> None:
    """`by` stands in parentheses wherever it is put into an equation."""
    for made in (library.turnover, library.stimulated_loss, library.redistribution, library.precursor_turnover):
        whole, named = made("R", by="C - D"), made("R", by="X")
        for state, text in named.equations.items():
            difference = parse(whole.equations[state]) - parse(text).subs(symbol("X"), parse("C - D"))
            assert sympy.expand(difference) == 0
