"""Target-mediated drug disposition: the full model, its quasi-steady state, and the Michaelis–Menten limit."""

from __future__ import annotations

from dataclasses import dataclass

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION
from pkpd.library.disposition import CL, INTRAVENOUS, Way, exchange, first_order
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_KINT = Parameter("kint", 0.04, "1/time", meaning="rate of internalisation of the complex")
_KDEG = Parameter("kdeg", 0.1, "1/time", meaning="rate of degradation of free target")
_R0 = Parameter("R0", 1.0, CONCENTRATION, meaning="target at baseline (ksyn = kdeg R0)")
_GIBIANSKY = "Gibiansky, Gibiansky, Kakkar & Ma 2008"


@checked
def tmdd(compartments: int = 2, *, absorption: bool = False) -> Model:
    r"""Target-mediated drug disposition: drug binds its target, and the complex is internalised.

    .. math:: dC/dt = \ldots - \frac{CL}{V_1}C - k_{on}C\,R + k_{off}P, \quad
        dR/dt = k_{deg}(R_0 - R) - k_{on}C\,R + k_{off}P, \quad dP/dt = k_{on}C\,R - (k_{off} + k_{int})P

    Amounts of drug and target count the same thing: moles, or mass of binding sites.

    Parameters
    ----------
    compartments : int
        1 to 3.
    absorption : bool
        Add a depot that oral (subcutaneous) doses enter.

    References
    ----------
    Mager DE, Jusko WJ. J Pharmacokinet Pharmacodyn 2001;28:507-532.
    """
    kon = Parameter("kon", 1.0, "volume/amount/time", meaning="rate of binding")
    koff = Parameter("koff", 0.1, "1/time", meaning="rate of dissociation")
    states = {
        "target": "kdeg*R0 - kdeg*target - kon*C*target + koff*complex",
        "complex": "kon*C*target - koff*complex - kint*complex",
    }
    outputs = {"C": "central/{v}", "target": "target", "complex": "complex", "RO": "complex/(target + complex)"}
    target = _Target(
        "target-mediated disposition", "kon*C*target*{v} + koff*complex*{v}", states, outputs,
        (kon, koff, _KINT, _KDEG, _R0), {"target": "R0"}, "Mager & Jusko 2001",
    )  # fmt: skip
    return _bound(target, compartments, absorption)


@checked
def tmdd_quasi_steady_state(compartments: int = 2, *, absorption: bool = False) -> Model:
    r"""Target-mediated disposition in quasi-steady state: total drug and total target, free drug by algebra.

    .. math:: C = \tfrac12\left[(C_t - R_t - K_{SS}) + \sqrt{(C_t - R_t - K_{SS})^2 + 4K_{SS}C_t}\right], \quad
        P = \frac{R_tC}{K_{SS} + C}

    .. math:: dC_t/dt = \ldots - \frac{CL}{V_1}C - k_{int}P, \quad dR_t/dt = k_{deg}(R_0 - R_t) - (k_{int} - k_{deg})P

    :math:`K_{SS} = (k_{off} + k_{int})/k_{on}`. The state ``central`` holds total drug; C is free. The parameters are
    those of `tmdd`.

    References
    ----------
    Gibiansky L, Gibiansky E, Kakkar T, Ma P. J Pharmacokinet Pharmacodyn 2008;35:573-591.
    """
    kss = Parameter("KSS", 0.1, CONCENTRATION, meaning="quasi-steady-state constant (koff + kint)/kon")
    gap = "(central/{v} - target_total - KSS)"
    outputs = {
        "C": f"({gap} + sqrt({gap}**2 + 4*KSS*central/{{v}}))/2",
        "Ctot": "central/{v}",
        "complex": "target_total*C/(KSS + C)",
        "target": "target_total*KSS/(KSS + C)",
        "RO": "C/(KSS + C)",
    }
    states = {"target_total": "kdeg*R0 - kdeg*target - kint*complex"}
    target = _Target(
        "target-mediated disposition, quasi-steady state", "kint*complex*{v}", states, outputs,
        (kss, _KINT, _KDEG, _R0), {"target_total": "R0"}, _GIBIANSKY,
    )  # fmt: skip
    return _bound(target, compartments, absorption)


@checked
def tmdd_michaelis_menten(compartments: int = 2, *, absorption: bool = False) -> Model:
    r"""Michaelis–Menten limit of target-mediated disposition: total target constant and far below the drug.

    .. math:: dC/dt = \ldots - \frac{CL}{V_1}C - \frac{k_{int}R_0\,C}{K_M + C}

    The parameters are those of `tmdd`. kint and R0 appear only as a product: fix one, or use
    ``michaelis_menten(linear=True)``, which is the same curve with Vmax = kint R0 V.

    References
    ----------
    Gibiansky L, Gibiansky E, Kakkar T, Ma P. J Pharmacokinet Pharmacodyn 2008;35:573-591.
    """
    km = Parameter("KM", 0.1, CONCENTRATION, meaning="concentration of half-maximal binding")
    outputs = {"C": "central/{v}", "RO": "C/(KM + C)"}
    target = _Target(
        "target-mediated disposition, Michaelis-Menten limit", "kint*R0*{v}*C/(KM + C)", {}, outputs,
        (km, _KINT, _R0), {}, _GIBIANSKY,
    )  # fmt: skip
    return _bound(target, compartments, absorption)


@dataclass(frozen=True)
class _Target:
    """What a kind of target-mediated disposition adds to compartments; ``{v}`` stands for the central volume."""

    name: str
    loss: str
    states: dict[str, str]
    outputs: dict[str, str]
    parameters: tuple[Parameter, ...]
    initial: dict[str, str]
    reference: str


def _bound(target: _Target, compartments: int, absorption: bool) -> Model:
    way: Way = first_order() if absorption else INTRAVENOUS
    terms, tissues, sizes = exchange(compartments, "C")
    v = sizes[0].name
    arriving = f"{way.rate} - " if way.rate else "-"
    amounts = {**way.equations, "central": f"{arriving}CL*C - {target.loss.format(v=v)}{terms}", **tissues}
    concentrations = dict.fromkeys([*target.states, *target.outputs], CONCENTRATION)
    return Model(
        name=target.name,
        equations={**amounts, **target.states},
        parameters=Parameters((*way.parameters, CL, *sizes, *target.parameters)),
        outputs={name: text.format(v=v) for name, text in target.outputs.items()},
        initial=target.initial,
        units={**dict.fromkeys(amounts, "amount"), **concentrations, "RO": ""},
        reference=target.reference,
        **way.parts,
    )
