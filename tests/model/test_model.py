"""Models: the whitelist, text there and back, composition, renaming, units, pickles, and what they look like."""

from __future__ import annotations

import copy
import math
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from pkpd import library
from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model, schedule
from pkpd.errors import InputError, ModelError
from pkpd.model import Model, define
from pkpd.model.expressions import FUNCTIONS, names, parse, rename, symbol, text_of
from pkpd.model.show import flows, latex
from pkpd.parameters import Parameter, Parameters
from tests.examples import budget

IL21 = (
    library.two_compartment()
    + library.activation()
    + library.turnover("sCD25", by="A", unit="ng/mL")
    + library.stimulated_loss("ALC", by="A", unit="10^9/L")
)

# ---- the whitelist ------------------------------------------------------------------------------------------------

ATTACKS = [
    "__import__('os').system('true')", "x.__class__", "().__class__.__bases__", "(lambda: 1)()", "[x for x in y]",
    "{x}", "x[0]", "x, y", "f'{x}'", "'text'", "b'bytes'", "...", "None", "True", "1j", "x := 1", "x = 1", "x; y",
    "not x", "~x", "x @ y", "x // y", "x % y", "x << 2", "x and y", "x < y", "x == y", "*x", "exp(*x)", "exp(x=1)",
    "exp()", "exp(x, y)", "max(x)", "sin", "eval(x)", "open(x)", "exec('1')", "globals()", "print(x)", "await x",
    "yield", "lambda", "import os", "x if y is 1 else z", "x if y else z", "x if not y else z", "", "   ", "x +",
    "(", ")", "x y", "1 2", "x\0", "\\", "x\n+", "#", "$x", "x?", "x!", "`x`", "getattr(x, y)", "x.real",
]  # fmt: skip


@pytest.mark.parametrize("text", [t for t in ATTACKS if t != "sin"])
def test_only_the_whitelist_is_let_through(text: str) -> None:
    for function in (names, parse):
        with pytest.raises(ModelError):
            function(text)


@given(text=st.text(max_size=40))
@budget(max_examples=200)
def test_any_text_is_an_equation_or_a_model_error(text: str) -> None:
    try:
        found = names(text)
    except ModelError:
        return
    assert all(n.isidentifier() for n in found)


@given(text=st.text(alphabet="xyt0123456789.+-*/^()<> ,ifelseandorexplogmin", max_size=30))
@budget(max_examples=200)
def test_nearly_equations_too(text: str) -> None:
    try:
        names(text)
    except ModelError:
        return
    assert text.strip()


@pytest.mark.parametrize("text", ["9**999", "9**9**9", "x**101", "x**-101", "2**(1e9)", "x**(2*300)", "9^9^9"])
def test_large_exponents_are_refused(text: str) -> None:
    with pytest.raises(ModelError, match="exponent"):
        names(text)


@pytest.mark.parametrize("text", ["9**(99*99*99*99*99)", "((((9**99)**99)**99)**99)**99", "2**(90 + 90 + 90)"])
def test_large_exponents_in_disguise_are_refused(text: str) -> None:
    with pytest.raises(ModelError):
        names(text)


@pytest.mark.parametrize("text", ["(" * 300 + "x" + ")" * 300, "-" * 9000 + "x", "1" * 5000, "x" * 10_001])
def test_absurd_lengths_are_model_errors(text: str) -> None:
    with pytest.raises(ModelError):
        names(text)


@pytest.mark.parametrize("text", ["x+" * 2000 + "x", "-" * 2000 + "x"])
def test_deep_nesting_is_a_model_error_or_works(text: str) -> None:
    try:
        found = names(text)
    except ModelError:
        return
    assert found == {"x"}


def test_nothing_is_evaluated() -> None:
    """In a fresh process: no attack leaves a trace, and SymPy is not even imported to look at names."""
    code = (
        "import sys\n"
        "from pkpd.model.expressions import names\n"
        "from pkpd.errors import ModelError\n"
        f"for text in {ATTACKS!r}:\n"
        "    try: names(text)\n"
        "    except ModelError: pass\n"
        "assert 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_what_is_allowed() -> None:
    assert names("-CL/V1*A1 + exp(-ka*t)^2") == {"CL", "V1", "A1", "ka", "t"}
    assert parse("x^2") == parse("x**2") == symbol("x") ** 2
    assert parse("a if x < 2 <= y and z > 1 else b").free_symbols == {symbol(n) for n in "abxyz"}
    for f in FUNCTIONS:
        assert parse(f"{f}(x, y)" if f in ("min", "max", "mod") else f"{f}(x)").free_symbols
    assert parse("+x") == symbol("x")
    assert all(s.is_real for s in parse("x*y").free_symbols)


def test_division_by_a_literal_zero() -> None:
    for text in ("1/0", "x/(1 - 1)", "x/0.0"):
        with pytest.raises(ModelError, match="zero"):
            parse(text)


def test_names_in_other_scripts() -> None:
    """Greek letters may be names; what Python's grammar folds together is the same name."""
    model = define({"x": "-λ*x"}, {"λ": 0.5}, outputs={"x": "x"}, initial={"x": "1"})
    assert compile_model(model).system.inputs == ("λ",)


def test_the_micro_sign_is_a_mu() -> None:
    """Python folds it to the Greek letter inside an equation, so a name must be written with that one."""
    with pytest.raises(ModelError, match="look alike"):
        define({"x": "-\u00b5*x"}, ["\u00b5"])
    assert define({"x": "-\u00b5*x"}, ["\u03bc"]).needs == ()


# ---- text there and back ------------------------------------------------------------------------------------------

leaf = st.one_of(
    st.sampled_from(["x", "y", "z", "t"]),
    st.floats(0.01, 50).map(repr),
    st.integers(0, 9).map(str),
)


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.builds(lambda p, op: f"({p[0]}) {op} ({p[1]})", pair, st.sampled_from("+-*")),
        pair.map(lambda p: f"({p[0]})/(2 + abs({p[1]}))"),
        inner.map(lambda e: f"-({e})"),
        st.builds(lambda e, n: f"({e})^{n}", inner, st.integers(1, 4)),
        inner.map(lambda e: f"(1 + abs({e}))**0.3"),
        inner.map(lambda e: f"exp(-abs({e}))"),
        inner.map(lambda e: f"log(1 + abs({e}))"),
        st.builds(lambda f, e: f"{f}({e})", st.sampled_from(["sin", "cos", "tanh", "abs"]), inner),
        st.builds(lambda f, p: f"{f}({p[0]}, {p[1]})", st.sampled_from(["min", "max"]), pair),
        st.builds(lambda p, r, op, j: f"({p[0]} if {r[0]} {op} {r[1]} {j} x < 1 else {p[1]})",
                  pair, st.tuples(leaf, leaf), st.sampled_from(["<", "<=", ">", ">="]), st.sampled_from(["and", "or"])),
    )  # fmt: skip


tree = st.recursive(leaf, grow, max_leaves=8)


def value(expression: sympy.Expr, point: dict[str, float]) -> complex:
    return complex(expression.xreplace({symbol(n): sympy.Float(v, 30) for n, v in point.items()}).evalf(15))


def python_value(text: str, point: dict[str, float]) -> float:
    """Return what Python itself makes of a text (a test may evaluate what it wrote)."""
    space = {f: getattr(math, f) for f in FUNCTIONS if hasattr(math, f)} | {"abs": abs, "min": min, "max": max}
    return float(eval(text.replace("^", "**"), {"__builtins__": {}}, {**space, **point}))


@given(text=tree, point=st.lists(st.floats(-2, 2), min_size=4, max_size=4))
@budget(max_examples=120)
def test_text_there_and_back(text: str, point: list[float]) -> None:
    """parse → text_of → parse gives the same numbers, and both give those of Python's own arithmetic."""
    at = dict(zip("xyzt", point, strict=True))
    first = parse(text)
    if first.has(sympy.E):  # exp of a constant: see the defect below
        return
    second = parse(text_of(first))
    a, b = value(first, at), value(second, at)
    assert b == pytest.approx(a, rel=1e-12, abs=1e-12)
    assert names(text_of(first)) <= names(text)
    try:
        expected = python_value(text, at)
    except (OverflowError, ZeroDivisionError):
        return
    if not _close(a, expected):  # a jump at the very point may fall to either side after rounding
        around = [python_value(text, {n: v + s * 1e-9 for n, v in at.items()}) for s in (-1, 1)]
        assert any(_close(a, e) for e in around) or abs(around[0] - around[1]) > 1e-6


def _close(a: complex, b: float) -> bool:
    return abs(a - b) <= 1e-8 * (1 + abs(b))


@given(number=st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_all_their_digits(number: float) -> None:
    assert float(parse(text_of(number))) == number
    assert float(parse(text_of(sympy.Float(number)))) == number


@pytest.mark.parametrize("text", ["exp(1)*x", "x*exp(1 - 0)"])
def test_the_number_e_survives(text: str) -> None:
    assert parse(text_of(parse(text))) == parse(text)


@pytest.mark.parametrize("number", [np.float64(0.5), sympy.pi, sympy.Symbol("x") ** sympy.Rational(1, 1000)], ids=str)
def test_numbers_that_people_use(number: object) -> None:
    define({"y": number, "x": "0"}, {"k": 1.0}, initial={"y": number if not isinstance(number, sympy.Pow) else "1"})


@given(text=tree)
@budget(max_examples=60)
def test_renaming_is_simultaneous(text: str) -> None:
    """Names change places without meeting: twice x ↔ y is where it began."""
    swap = {"x": "y", "y": "x"}
    once = rename(text, swap)
    assert names(once) == {swap.get(n, n) for n in names(text)}
    assert parse(rename(once, swap)) == parse(text)
    assert parse(once) == parse(text).xreplace({symbol("x"): symbol("y"), symbol("y"): symbol("x")})


# ---- models -------------------------------------------------------------------------------------------------------


def outputs(model: Model, values: dict[str, float]) -> np.ndarray:
    code = compile_model(model)
    plan = schedule([(Dose(0, 100.0),)], [np.linspace(0, 20, 9)], [np.zeros(9, bool)], code.entries, len(code.states))
    return code.run(np.array([[values[n] for n in code.system.inputs]]), plan).outputs


PK_VALUES = {"CL": 2.0, "V1": 10.0, "Q": 3.0, "V2": 20.0}


def test_sympy_and_strings_are_the_same_model() -> None:
    a, cl, v, kin, r, top = sympy.symbols("A CL V kin R top")
    c = a / v
    parts = {"outputs": {"C": c, "R": r}, "initial": {"R": 1}, "doses": {"bolus": "A"}}
    sign = sympy.Piecewise((kin * (1 + top * c / (1 + c)), c > 0.5), (kin, True))
    mine = define({"A": -cl / v * a, "R": sign - kin * r}, ["CL", "V", "kin", "top"], **parts)
    text = define(
        {"A": "-CL/V*A", "R": "(kin*(1 + top*C/(1 + C)) if C > 0.5 else kin) - kin*R"}, ["CL", "V", "kin", "top"],
        outputs={"C": "A/V", "R": "R"}, initial={"R": "1"}, doses={"bolus": "A"},
    )  # fmt: skip
    values = {"CL": 2.0, "V": 10.0, "kin": 0.3, "top": 2.0}
    np.testing.assert_allclose(outputs(mine, values), outputs(text, values), rtol=1e-6)


def test_every_problem_of_a_model_at_once() -> None:
    with pytest.raises(ModelError) as caught:
        Model("bad", {"x": "-k*x +", "t": "1", "exp": "2", "k": "3"}, Parameters((Parameter("k"),)),
              outputs={"o": "x..y"}, initial={"z": "1"}, doses={"nasal": "x", "oral": "w"})  # fmt: skip
    text = str(caught.value)
    for part in (
        "equations['x']",
        "'t' is both",
        "'exp' cannot be",
        "'k' is both",
        "outputs['o']",
        "'z'",
        "'nasal'",
        "'w'",
    ):
        assert part in text, part
    assert len(caught.value.problems) >= 8


def test_what_is_not_defined() -> None:
    with pytest.raises(ModelError, match="did you mean 'Vol'"):
        define({"x": "-CL/Vl*x"}, ["CL", "Vol"])
    response = library.turnover("R", by="A")
    assert response.needs == ("A",)
    assert (library.one_compartment() + response).needs == ("A",)
    assert (library.activation() + response).needs == ("C",)
    assert IL21.needs == ()
    with pytest.raises(ModelError, match="'A'"):
        compile_model(library.one_compartment() + response)
    with pytest.raises(ModelError, match="circle"):
        compile_model(define({}, {"k": 1.0}, outputs={"a": "b + k", "b": "a"}))


def test_composition_errors() -> None:
    with pytest.raises(ModelError) as caught:
        library.one_compartment() + library.two_compartment()
    assert "state of both" in str(caught.value)
    assert "output of both" in str(caught.value)
    with pytest.raises(InputError, match="rename"):
        library.one_compartment() + define({"x": "-CL*x"}, {"CL": "1 mL/min"})
    a = library.one_compartment().in_units(time="h", amount="mg", volume="L")
    b = library.activation().in_units(time="day", amount="mg", volume="L")
    with pytest.raises(ModelError, match="units differ"):
        a + b


def test_composition_is_associative_and_order_is_free() -> None:
    a, b, c = library.two_compartment(), library.activation(), library.turnover("R", by="A")
    values = {**PK_VALUES, "EC50": 1.0, "kA": 0.1, "kout_R": 0.2, "R_0": 3.0, "S_R": 2.0}
    assert ((a + b) + c).key == (a + (b + c)).key
    left, right = outputs(a + b + c, values), outputs(c + b + a, values)
    np.testing.assert_allclose(left, right[:, ::-1], rtol=1e-6)


def test_renamed() -> None:
    model = IL21.renamed(kout_sCD25="kR", C="IL21", central="A1", ALC="L")
    assert "kR" in model.parameters
    assert "IL21" in model.outputs
    assert model.doses["bolus"] == "A1"
    assert model.initial["L"] == "ALC_0"
    assert model.needs == ()
    values = {p.name: 2.0 for p in IL21.parameters}
    renamed = {("kR" if n == "kout_sCD25" else n): v for n, v in values.items()}
    np.testing.assert_allclose(outputs(model, renamed), outputs(IL21, values), rtol=1e-9)
    swapped = library.two_compartment().renamed(V1="V2", V2="V1")
    np.testing.assert_array_equal(
        outputs(swapped, {**PK_VALUES, "V1": 20.0, "V2": 10.0}), outputs(library.two_compartment(), PK_VALUES)
    )
    with pytest.raises(InputError, match="did you mean 'CL'"):
        IL21.renamed(CLL="x")
    for new in ("central", "t", "exp", "a b", "lambda"):
        with pytest.raises(InputError):
            IL21.renamed(CL=new)
    with pytest.raises(InputError):
        IL21.renamed(CL="Q")


def test_renaming_a_state_to_another() -> None:
    with pytest.raises(InputError):
        library.two_compartment().renamed(central="peripheral")


def test_units_are_chosen_once() -> None:
    model = IL21.in_units(time="day", amount="ug", volume="L")
    get = model.parameters.get
    assert get("kA").value == pytest.approx(24 * math.log(2) / 12, rel=1e-14)
    assert get("CL").unit == "L/day"
    assert model.units["C"] == "ug/L"
    assert model.units["ALC"] == "10^9/L"
    assert model.in_units(time="day", amount="ug", volume="L") == model
    with pytest.raises(ModelError, match="before"):
        model.in_units(time="h", amount="ug", volume="L")
    with pytest.raises(InputError):
        IL21.in_units(time="mg", amount="h", volume="L")


def test_bounds_are_converted_with_the_value() -> None:
    p = Parameters((Parameter("k", 0.05, "1/time", lower=0.01, upper=0.1),))
    new = Model("m", {"x": "-k*x"}, p).in_units(time="day", amount="mg", volume="L").parameters.get("k")
    assert (new.lower, new.value, new.upper) == pytest.approx((0.24, 1.2, 2.4))


def test_results_do_not_depend_on_the_unit_of_time() -> None:
    model = library.one_compartment() + library.indirect_response("III", "R", by="C")
    hours = model.in_units(time="h", amount="mg", volume="L").with_values(CL="2 L/h", V="10 L", R_0=3.0)
    days = model.in_units(time="day", amount="mg", volume="L").with_values(CL="2 L/h", V="10 L", R_0=3.0)
    found = []
    for m, unit in ((hours, 1.0), (days, 24.0)):
        code = compile_model(m)
        when = np.array([1.0, 6.0, 24.0]) / unit
        plan = schedule([(Dose(0, 100.0),)], [when], [np.zeros(3, bool)], code.entries, len(code.states))
        found.append(code.run(m.parameters.values[None], plan, Settings(rtol=1e-11, atol=1e-11)).outputs)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-7)


def test_pickles_copies_and_equality() -> None:
    again = pickle.loads(pickle.dumps(IL21))
    assert again == IL21 == copy.deepcopy(IL21)
    assert hash(again) == hash(IL21)
    assert again.key == IL21.key
    with pytest.raises(TypeError):
        again.equations["central"] = "0"  # type: ignore[index]
    with pytest.raises(AttributeError):
        again.name = "x"  # type: ignore[misc]
    values = {p.name: 2.0 for p in IL21.parameters}
    assert np.array_equal(outputs(again, values), outputs(IL21, values))
    assert IL21.with_values(CL=3.0) != IL21
    assert IL21 != "a model"


def test_models_of_different_values_are_different() -> None:
    model = library.one_compartment()
    assert model.with_values(CL=1.0000001) != model.with_values(CL=1.0)


@pytest.mark.parametrize("own", [{"A": "A/V"}, {"C": "A/V", "A": "A*1000"}])
def test_an_output_named_like_a_state_does_not_change_the_equations(own: dict[str, str]) -> None:
    """Either refused, or the output is what it says and the state follows its own equation."""
    try:
        model = define({"A": "-k*A"}, {"k": 0.5, "V": 4.0}, outputs=own, doses={"bolus": "A"})
    except ModelError:
        return
    found = outputs(model, {"k": 0.5, "V": 4.0})[1:, list(model.outputs).index("A")]
    amount = 100 * np.exp(-0.5 * np.linspace(0, 20, 9)[1:])
    np.testing.assert_allclose(found, amount / 4 if len(own) == 1 else amount * 1000, rtol=1e-9)


ANY_NAME = [
    "x0",
    "x1",
    "x2",
    "S",
    "N",
    "Q",
    "E",
    "I",
    "pi",
    "gamma",
    "beta",
    "less",
    "array",
    "nan",
    "numpy",
    "sign",
    "None_",
    "self",
    "y",
    "print",
]


@pytest.mark.parametrize("name", [*ANY_NAME, "select"])
def test_a_parameter_may_have_any_name(name: str) -> None:
    """Names that SymPy, NumPy or generated code use for themselves change nothing."""

    def model(p: str) -> Model:
        rate = f"(k + {p})**2/(1 + k + {p}) + (1 if k + {p} > 1 else 2)"
        return define({"s": f"-({rate})*s/(1 + (k + {p})*s)"}, {"k": 0.3, p: 0.4}, initial={"s": f"{p}*5"},
                      outputs={"s": "s", "o": f"{rate} + sqrt(k + {p})", "q": p})  # fmt: skip

    found = [
        compile_model(model(p)).run(
            np.array([[0.3, 0.4]]), schedule([()], [[0.0, 1.0, 3.0]], [[0, 0, 0]], {}, 1)
        ).outputs
        for p in ("plain", name)
    ]  # fmt: skip
    assert np.array_equal(found[0], found[1])


@pytest.mark.parametrize("name", ["_s_0_0", "_rate_0", "_scale_k"])
def test_names_of_the_engine_are_refused_or_harmless(name: str) -> None:
    """Slopes with respect to a parameter do not depend on what it is called."""

    def slopes(p: str) -> np.ndarray:
        model = define({"y": f"-k*y*y*(1 + {p})"}, {"k": 1.0, p: 0.5}, initial={"y": "1"}, outputs={"y": "y"},
                       doses={"bolus": "y"})  # fmt: skip
        code = compile_model(model, ("k", p))
        return code.run(np.array([[1.0, 0.5]]), schedule([()], [[1.0]], [[0]], code.entries, 1)).slopes

    try:
        found = slopes(name)
    except ModelError:
        return
    np.testing.assert_allclose(found, slopes("plain"), rtol=1e-9)


# ---- what they look like ------------------------------------------------------------------------------------------

SHOWN = [IL21, library.two_compartment(absorption=True), library.direct_effect("E"), library.transit_delay(),
         library.redistribution("T", by="C"), library.precursor_turnover("R", by="C"),
         define({"x": "-k*x if x > 1 else min(x, 0.5)^2"}, {"k": 1.0}, name="own")]  # fmt: skip


@pytest.mark.parametrize("model", SHOWN, ids=lambda m: m.name)
def test_latex(model: Model) -> None:
    """Braces, environments and delimiters balance; every state and parameter is shown; no double subscripts."""
    text = latex(model)
    depth = 0
    for mark in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if mark == "{" else -1
        assert depth >= 0
    assert depth == 0
    assert re.findall(r"\\begin\{(\w+)\}", text).count("aligned") == 1
    assert sorted(re.findall(r"\\begin\{(\w+)\}", text)) == sorted(re.findall(r"\\end\{(\w+)\}", text))
    assert text.count(r"\left") == text.count(r"\right")
    plain = re.sub(r"\\mathrm|[{}_\\ ,]", "", text)
    for name in (*model.states, *model.parameters.names, *model.outputs):
        assert name.replace("_", "") in plain, name
    assert text.count("&=") == len(model.equations) + len(model.initial) + sum(o != e for o, e in model.outputs.items())
    assert model._repr_latex_().startswith("$") and model._repr_latex_().endswith("$")  # noqa: PT018


@pytest.mark.parametrize(("name", "shown"), [
    ("V1", "V_{1}"), ("CL", r"\mathrm{CL}"), ("sCD25", r"\mathrm{sCD25}"), ("alpha_SLD", r"\alpha_{\mathrm{SLD}}"),
    ("lambda0_w", r"\lambda_{0, \mathrm{w}}"), ("ka", r"k_{\mathrm{a}}"), ("ke0", r"k_{\mathrm{e0}}"),
    ("kout_ALC", r"k_{\mathrm{out}, \mathrm{ALC}}"), ("kill_SLD", r"\mathrm{kill}_{\mathrm{SLD}}"),
    ("Vmax", r"V_{\mathrm{max}}"), ("EC50_E", r"\mathrm{EC}_{50, \mathrm{E}}"), ("central", r"\mathrm{central}"),
])  # fmt: skip
def test_latex_of_a_name_is_as_the_field_writes_it(name: str, shown: str) -> None:
    assert latex(define({"x": f"-{name}*x"}, [name])).endswith(rf"&= - {shown} \cdot x\end{{aligned}}") or (
        rf"- x \cdot {shown}" in latex(define({"x": f"-{name}*x"}, [name]))
    )


@pytest.mark.parametrize("model", SHOWN, ids=lambda m: m.name)
def test_latex_is_set_by_matplotlib(model: Model) -> None:
    """Every line is mathematics that a typesetter takes, and products have their dot."""
    from matplotlib.mathtext import MathTextParser

    body = latex(model).removeprefix("\\begin{aligned}").removesuffix("\\end{aligned}")
    for line in body.split(r" \\ "):
        if "cases" not in line:  # which matplotlib does not know
            MathTextParser("path").parse(f"${line.replace('&', '')}$")
        assert not re.search(r"[A-Za-z}] +(?:[A-Za-z]|\\mathrm)", line.replace(r"\cdot ", "*").replace(", ", ","))


def test_latex_of_long_names() -> None:
    text = latex(define({"x": "-a_b_c_d*x"}, ["a_b_c_d"]))
    assert not re.search(r"_\w_", text.replace("\\_", ""))


def test_diagram() -> None:
    text = repr(library.two_compartment(absorption=True))
    assert "oral ══▶ [depot]" in text
    assert "[depot] ── ka ──▶ [central]" in re.sub(" +", " ", text)
    assert "[central] ── CL/V1 ──▶ ·" in re.sub(" +", " ", text)
    assert "C = central/V1" in text
    assert "needs: C" in repr(library.activation())
    arrows = flows(library.two_compartment())
    pairs = sorted((a, b) for a, b, _ in arrows)
    assert pairs == [("central", ""), ("central", "peripheral"), ("peripheral", "central")]


@pytest.mark.parametrize("model", SHOWN, ids=lambda m: m.name)
def test_flows_add_up_to_the_equations(model: Model) -> None:
    """Put together again, the arrows of the diagram are the equations."""
    total = {s: sympy.Integer(0) for s in model.states}
    for source, target, rate in flows(model):
        amount = rate.endswith(" (amount)")
        flow = parse(rate.removesuffix(" (amount)"))
        if source and not amount:
            flow = flow * symbol(source)
        if source:
            total[source] -= flow
        if target:
            total[target] += flow
    rng = np.random.default_rng(1)
    for state, equation in model.equations.items():
        expected = parse(equation)
        for _ in range(3):
            at = {s: sympy.Float(rng.uniform(0.2, 3)) for s in (expected + total[state]).free_symbols}
            assert float(total[state].xreplace(at)) == pytest.approx(float(expected.xreplace(at)), rel=1e-9, abs=1e-12)


def test_html_is_escaped() -> None:
    model = define({"x": "-k*x"}, {"k": 1.0}, name="<script>alert(1)</script>", reference="<b>x</b>")
    page = model._repr_html_()
    assert "<script>" not in page
    assert "<b>x</b>" not in page


def test_own_parameters_come_in_the_units_of_the_model() -> None:
    """5 mL/min and 2 L are k = 0.15 per h, whether the units are chosen at once or later."""
    base = {"time": "h", "amount": "mg", "volume": "L"}
    parts = {"outputs": {"C": "A/V"}, "doses": {"bolus": "A"}}
    equations, values = {"A": "-CL/V*A"}, {"CL": "5 mL/min", "V": "2000 mL", "EC50": "3 ng/mL"}
    for model in (define(equations, values, base=base, **parts), define(equations, values, **parts).in_units(**base)):
        assert model.parameters["CL"] == pytest.approx(0.3, rel=1e-12)
        assert model.parameters["V"] == pytest.approx(2.0, rel=1e-12)
        assert model.parameters.get("V").unit == "L"
        assert (model.parameters["EC50"], model.parameters.get("EC50").unit) == (3.0, "ng/mL")  # its own scale
