"""A ``#`` in the text of a model begins a comment that ends with its line, wherever such a text is read."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pkpd.dosing import Dose
from pkpd.engine import compile_model
from pkpd.errors import ModelError
from pkpd.model import Model, define, derivative_text, evaluate_text
from pkpd.model.expressions import names, one_line, parse, rename, substitute_names, text_of
from pkpd.population.constraints import Constraint
from tests.examples import budget

_WORDS = [
    "-",
    "(",
    "k",
    "*",
    "A",
    "+",
    "R0",
    ")",
    "/",
    "2",
    "if",
    "t",
    "<",
    "T1",
    "else",
    "max",
    "(",
    "R0",
    ",",
    "A",
    "**",
    "2",
    ")",
    "-",
    "1.5e-3",
]
_NOTES = st.text(st.characters(exclude_categories=("Cs", "Zl", "Zp", "Cc")), max_size=20)


def test_the_rest_of_an_equation_is_not_eaten() -> None:
    """A' = −kA + R0 at equilibrium stays there: R0 stands behind a comment."""
    text = "-k*A  # elimination\n + R0"
    values = {"k": 0.5, "R0": 3.0}
    model = define({"A": text}, values, outputs={"C": "A  # in mg\n"}, initial={"A": "R0 # made\n /k # lost"})
    assert model.equations["A"] == "-k*A + R0"
    code = compile_model(model)
    table = np.array([[0.5, 3.0]])
    found = code.run(table, code.schedule(table, [()], [np.array([7.0])], [np.zeros(1, bool)]))
    assert found.outputs[0, 0] == pytest.approx(6.0, rel=1e-14)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r", "\n\n", "\u2028"])
def test_every_kind_of_line_ends_a_comment(ending: str) -> None:
    assert text_of(f"a # one{ending}+ b # two{ending}# three{ending}- c") == "a + b - c"


@budget(40)
@given(st.lists(st.none() | _NOTES, min_size=len(_WORDS), max_size=len(_WORDS)))
def test_comments_between_words_change_nothing(notes: list[str | None]) -> None:
    text = "".join(word + (" " if note is None else f" # {note}\n") for word, note in zip(_WORDS, notes, strict=True))
    plain = " ".join(_WORDS)
    assert parse(text) == parse(plain)
    assert names(text) == names(plain)
    assert one_line(text) == plain
    assert rename(text, {"k": "q"}) == rename(plain, {"k": "q"})


def test_dosing_and_its_derivatives() -> None:
    text = "TLAG # h\n + 1"
    model = define({"G": "-ka*G"}, {"ka": 1.0, "TLAG": 0.5, "F": 0.5}, doses={"oral": "G"}, lag={"G": text},
                   bioavailability={"G": "F # part\n *1"}, outputs={"X": "G"})  # fmt: skip
    code = compile_model(model, ["F"])
    table = np.array([[1.0, 0.5, 0.5]])
    found = code.run(table, code.schedule(table, [[Dose(0, 8.0, "oral")]], [np.array([1.0, 2.5])], [np.zeros(2, bool)]))
    np.testing.assert_allclose(found.outputs[:, 0], [0.0, 4 * np.exp(-1)], rtol=1e-12)
    np.testing.assert_allclose(found.slopes[:, 0, 0], [0.0, 8 * np.exp(-1)], rtol=1e-12)


def test_texts_of_a_population() -> None:
    assert evaluate_text("CL # L/h\n *(WT/70)**0.75", {"CL": 2.0, "WT": 70.0}) == 2.0
    assert evaluate_text(derivative_text("CL # L/h\n *WT", "CL"), {"CL": 2.0, "WT": 70.0}) == 70.0
    assert substitute_names("theta # typical\n *exp(x)", {"x": "eta # random\n + kappa"}) == "theta * exp(eta + kappa)"
    constraint = Constraint("ka # absorption\n > CL/V # elimination")
    assert constraint.value({"ka": 3.0, "CL": 2.0, "V": 1.0}) == 1.0


@pytest.mark.parametrize("text", ["# nothing", "  # a\n # b", "#"])
def test_a_comment_alone_is_no_equation(text: str) -> None:
    with pytest.raises(ModelError, match="a comment only"):
        define({"A": text}, {"k": 1.0})


@pytest.mark.parametrize("text", ["-k*A + # the rest\n", "-k*(A # open\n", "-k*A # one\n R0"])
def test_what_a_comment_leaves_must_be_an_equation(text: str) -> None:
    with pytest.raises(ModelError, match="cannot be read"):
        define({"A": text}, {"k": 1.0, "R0": 1.0})


def test_a_model_with_comments_is_the_model_without() -> None:
    plain = define({"A": "-k*A + R0"}, {"k": 1.0, "R0": 1.0})
    noted: Model = define({"A": "-k*A # lost\n + R0 # made"}, {"k": 1.0, "R0": 1.0})
    assert plain == noted
    assert plain.key == noted.key
