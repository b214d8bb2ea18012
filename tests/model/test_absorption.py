"""Which rates of a model may change places: absorption and elimination, read from the equations."""

import pkpd
from pkpd.model.absorption import absorption_steps

LIBRARY = pkpd.library


def test_library_models_say_which_rate_brings_the_drug_in() -> None:
    assert absorption_steps(LIBRARY.one_compartment(absorption=True)) == (("ka", "CL/V"),)
    assert absorption_steps(LIBRARY.two_compartment(absorption=True)) == (("ka", "CL/V1"),)
    assert absorption_steps(LIBRARY.three_compartment(absorption=True)) == (("ka", "CL/V1"),)


def test_without_absorption_or_without_linear_elimination_there_is_no_such_step() -> None:
    assert absorption_steps(LIBRARY.one_compartment()) == ()
    assert absorption_steps(LIBRARY.two_compartment()) == ()
    assert absorption_steps(LIBRARY.michaelis_menten(absorption=True)) == ()


def test_every_step_of_a_chain_counts_and_an_effect_does_not() -> None:
    model = pkpd.define(
        {
            "depot": "-ktr*depot", "gut": "ktr*depot - ka*gut", "centre": "ka*gut - CL/V*centre",
            "effect": "kin*(1 - C/(IC50 + C)) - kout*effect",
        },
        {"ktr": 1.0, "ka": 1.0, "CL": 1.0, "V": 10.0, "kin": 1.0, "kout": 0.1, "IC50": 1.0},
        outputs={"C": "centre/V"}, initial={"effect": "kin/kout"}, doses={"oral": "depot"},
    )  # fmt: skip
    assert absorption_steps(model) == (("ktr", "CL/V"), ("ka", "CL/V"))


def test_a_peripheral_compartment_with_rate_constants_is_no_absorption() -> None:
    model = pkpd.define(
        {"depot": "-ka*depot", "one": "ka*depot - (k10 + k12)*one + k21*two", "two": "k12*one - k21*two"},
        {"ka": 1.0, "k10": 0.1, "k12": 0.2, "k21": 0.3, "V": 10.0}, outputs={"C": "one/V"}, doses={"oral": "depot"},
    )  # fmt: skip
    assert absorption_steps(model) == (("ka", "k10"),)
