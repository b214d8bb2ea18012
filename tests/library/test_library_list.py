"""What the library lists and finds, typical values, and arguments that it refuses."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from pkpd import library
from pkpd.errors import InputError
from pkpd.library import catalogue
from pkpd.model import define
from tests.library.library_runs import ENTRIES, composed


def test_the_catalogue_is_the_library() -> None:
    made = {e.function.__name__ for e in ENTRIES.values()}
    assert made == set(library.__all__) - {"list", "typical"}
    assert all(getattr(library, name) is e.function for e in ENTRIES.values() for name in [e.function.__name__])


def test_what_is_listed() -> None:
    table = library.list()
    assert tuple(table.columns) == ("name", "kind", "what", "states", "parameters", "reference")
    assert len(table) == len(ENTRIES)
    assert table["name"].is_unique
    row = table.set_index("name").loc["tmdd()"]
    assert "target" in row["states"].split(", ")
    assert "kon" in row["parameters"].split(", ")
    assert "2001" in row["reference"]
    assert (table["what"].str.len() > 15).all()
    assert not table["what"].str.contains("math").any()


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("Claret", ["claret()"]),
        ("2009 TUMOUR", ["claret()"]),
        ("jusko 1998", ["transit_delay()", "precursor_response()", "precursor_response(inhibits=True)",
                        'precursor_turnover("R", by="A")', "receptor_shedding()"]),
        ("cortisol", ["circadian_turnover()"]),
        ("tmdd quasi", ["tmdd_quasi_steady_state()"]),
        ("friberg simeoni", []),
    ],
)  # fmt: skip
def test_searching_by_words(words: str, names: list[str]) -> None:
    assert list(library.list(words)["name"]) == names


def test_a_misspelt_word_suggests_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean 'tumour'") as caught:
        library.list("tumuor simeony")
    assert "did you mean 'simeoni'" in str(caught.value)
    with pytest.raises(InputError, match="shows everything"):
        library.list("qqqqqq")


def test_typical_values() -> None:
    """They fill what is missing, keep what is known, and refuse what they cannot know."""
    model = library.typical(library.one_compartment().in_units(time="day", amount="ug", volume="mL"))
    assert model.parameters["CL"] == pytest.approx(5e3 * 24)
    assert library.typical(model.with_values(V=7.0)).parameters["V"] == 7.0
    with pytest.raises(InputError, match="per kg") as caught:
        library.typical(library.one_compartment().in_units(time="h", amount="mg/kg", volume="L/kg"))
    assert len(caught.value.problems) == 2
    with pytest.raises(InputError, match="'own'"):
        library.typical(define({"x": "-own*x"}, ["own"]))


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: library.transit_absorption(4), "compartments"),
        (lambda: library.transit_absorption(transits=0), "transits"),
        (lambda: library.transit_absorption(transits=2.5), "transits"),
        (lambda: library.zero_order_absorption(elimination="paralel"), "did you mean 'parallel'"),
        (lambda: library.one_compartment(lag=True), "absorption=True"),
        (lambda: library.enterohepatic("periodical"), "did you mean 'periodic'"),
        (lambda: library.myelosuppression(effect="Emx"), "did you mean 'emax'"),
        (lambda: library.tmdd(0), "compartments"),
        (lambda: library.metabolite("a b"), "cannot be"),
    ],
)
def test_arguments_are_checked(call: object, says: str) -> None:
    with pytest.raises(InputError, match=says):
        call()  # type: ignore[operator]


def test_a_driver_may_be_an_expression() -> None:
    """`by` stands in parentheses wherever it is put: at a point, ``C - D`` gives what its value gives."""
    from pkpd.model.expressions import parse, symbol

    rng = np.random.default_rng(5)
    tried = 0
    for entry in ENTRIES.values():
        if "by" not in inspect.signature(entry.function).parameters:
            continue
        whole, named = composed(entry, by="C - D"), composed(entry, by="X")
        texts = [(whole.equations[s], e) for s, e in named.equations.items()]
        texts += [(whole.outputs[s], e) for s, e in named.outputs.items()]
        for text, plain in texts:
            a, b = parse(text), parse(plain).subs(symbol("X"), symbol("C") - symbol("D"))
            at = {s: rng.uniform(0.5, 2) for s in (a.free_symbols | b.free_symbols) - {symbol("C"), symbol("D")}}
            at |= {symbol("C"): 3.1, symbol("D"): 1.3}
            assert float(a.subs(at)) == pytest.approx(float(b.subs(at)), rel=1e-12)
            tried += 1
    assert tried > 40


def test_every_kind_has_models() -> None:
    assert set(catalogue.KINDS) == {e.kind for e in ENTRIES.values()}
