"""Linear compartments: one and two, with bolus, infusion and first-order absorption."""

from __future__ import annotations

from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_CL = Parameter("CL", unit="volume/time", meaning="clearance")
_KA = Parameter("ka", 1.0, "1/time", meaning="absorption rate constant")
_IV = {"bolus": "central", "infusion": "central"}


def one_compartment(*, absorption: bool = False) -> Model:
    r"""One compartment: :math:`dA/dt = -(CL/V)A`, with `absorption` from a depot at rate :math:`k_a`.

    Parameters
    ----------
    absorption : bool
        Add a depot that oral doses enter; CL and V are then apparent (CL/F, V/F).

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 1.
    """
    volume = Parameter("V", unit="volume", meaning="volume of distribution")
    equations = {"central": "-CL/V*central"}
    return _compartments("one compartment", equations, (_CL, volume), "central/V", absorption)


def two_compartment(*, absorption: bool = False) -> Model:
    r"""Two compartments: central (CL, V1) exchanging with peripheral (Q, V2).

    .. math:: dA_1/dt = -(CL + Q)A_1/V_1 + Q A_2/V_2, \quad dA_2/dt = Q A_1/V_1 - Q A_2/V_2

    Parameters
    ----------
    absorption : bool
        Add a depot that oral doses enter at rate :math:`k_a`.

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 2.
    """
    parameters = (
        _CL,
        Parameter("V1", unit="volume", meaning="central volume"),
        Parameter("Q", unit="volume/time", meaning="distribution clearance"),
        Parameter("V2", unit="volume", meaning="peripheral volume"),
    )
    equations = {
        "central": "-CL/V1*central - Q/V1*central + Q/V2*peripheral",
        "peripheral": "Q/V1*central - Q/V2*peripheral",
    }
    return _compartments("two compartments", equations, parameters, "central/V1", absorption)


def _compartments(
    name: str, equations: dict[str, str], parameters: tuple[Parameter, ...], concentration: str, absorption: bool
) -> Model:
    if absorption:
        equations = {"depot": "-ka*depot", **equations, "central": "ka*depot + " + equations["central"]}
        parameters = (_KA, *parameters)
    return Model(
        name=f"{name}, first-order absorption" if absorption else name,
        equations=equations,
        parameters=Parameters(parameters),
        outputs={"C": concentration},
        doses={**_IV, "oral": "depot"} if absorption else _IV,
        units={"C": "amount/volume", **dict.fromkeys(equations, "amount")},
        reference="Gibaldi & Perrier, Pharmacokinetics, 2nd ed. 1982",
    )
