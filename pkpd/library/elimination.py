"""Elimination beyond a clearance: saturable, to a metabolite, and by bile back to the gut."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION, require_choice
from pkpd.library.disposition import CL, IV, KA, drug, way_in
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_EMPTYING = {
    "continuous": "kge",
    "periodic": "kge*exp(sharpness*(cos(6.283185307179586*(t - tmeal)/Tmeal) - 1))",
}
_MEALS = (
    Parameter("Tmeal", 8.0, "time", fixed=True, meaning="time between meals"),
    Parameter("tmeal", 4.0, "time", fixed=True, meaning="time of the first meal"),
    Parameter("sharpness", 10.0, fixed=True, meaning="how sharply emptying is bound to meals"),
)


@checked
def michaelis_menten(compartments: int = 1, *, absorption: bool = False, linear: bool = False) -> Model:
    r"""Saturable (Michaelis–Menten) elimination, alone or parallel to a linear clearance.

    .. math:: dA/dt = -\frac{V_{max}C}{K_m + C} \;[-\, CL\,C], \quad C = A/V

    Far below Km it is linear with the clearance Vmax/Km.

    Parameters
    ----------
    compartments : int
        1 to 3.
    absorption : bool
        Add a depot that oral doses enter.
    linear : bool
        Add a linear clearance CL.

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 7.
    """
    return drug(compartments, way_in(absorption), elimination="parallel" if linear else "saturable")


@checked
def metabolite(name: str = "M", *, by: str = "CL*C") -> Model:
    r"""A metabolite formed from a fraction fm of the parent's elimination; compose it with the parent.

    .. math:: dA_M/dt = f_m\,CL\,C - \frac{CL_M}{V_M}A_M, \quad C_M = A_M/V_M

    Amounts count the same thing on both sides: moles, or mass with the ratio of the molar masses in fm.

    Parameters
    ----------
    name : str
        Name of the metabolite; its concentration is the output ``C_<name>``, its parameters ``fm_<name>``,
        ``CL_<name>``, ``V_<name>``.
    by : str
        The parent's rate of elimination (amount per time), e.g. ``"Vmax*C/(Km + C)"``.

    References
    ----------
    Houston JB. Pharmacol Ther 1981;15:521-552.
    """
    state, clearance, volume = f"metabolite_{name}", f"CL_{name}", f"V_{name}"
    return Model(
        name=f"metabolite {name}",
        equations={state: f"fm_{name}*({by}) - {clearance}/{volume}*{state}"},
        parameters=Parameters(
            (
                Parameter(f"fm_{name}", 0.5, upper=1.0, meaning="fraction of the elimination that forms it"),
                Parameter(clearance, unit="volume/time", meaning=f"clearance of {name}"),
                Parameter(volume, unit="volume", meaning=f"volume of {name}"),
            )
        ),
        outputs={f"C_{name}": f"{state}/{volume}"},
        units={state: "amount", f"C_{name}": CONCENTRATION},
        reference="Houston 1981",
    )


@checked
def enterohepatic(emptying: str = "periodic") -> Model:
    r"""Enterohepatic recirculation: drug goes with bile to the gallbladder, to the gut, and is absorbed again.

    .. math:: dA/dt = k_aG - \frac{CL + CL_b}{V}A, \quad dB/dt = \frac{CL_b}{V}A - k(t)B,
        \quad dG/dt = k(t)B - k_aG

    The gallbladder empties at :math:`k = k_{ge}`, or smoothly around meals at
    :math:`k_{ge}\exp(s[\cos(2\pi(t - t_{meal})/T_{meal}) - 1])`: at the full rate at ``tmeal`` and every ``Tmeal`` on
    the clock of the study (not after the dose), hardly in between.

    Parameters
    ----------
    emptying : {"periodic", "continuous"}
        When the gallbladder empties.

    References
    ----------
    Roberts MS, Magnusson BM, Burczynski FJ, Weiss M. Clin Pharmacokinet 2002;41:751-790.
    """
    require_choice(emptying, _EMPTYING, "emptying")
    flow = f"{_EMPTYING[emptying]}*gallbladder"
    parameters = [
        KA,
        CL,
        Parameter("CLb", unit="volume/time", meaning="biliary clearance"),
        Parameter("V", unit="volume", meaning="volume of distribution"),
        Parameter("kge", 1.0, "1/time", meaning="rate of gallbladder emptying (at a meal)"),
    ]
    if emptying == "periodic":
        parameters += _MEALS
    return Model(
        name=f"enterohepatic recirculation, {emptying} emptying",
        equations={
            "depot": f"-ka*depot + {flow}",
            "central": "ka*depot - CL/V*central - CLb/V*central",
            "gallbladder": f"CLb/V*central - {flow}",
        },
        parameters=Parameters(tuple(parameters)),
        outputs={"C": "central/V"},
        doses={**IV, "oral": "depot"},
        units={"C": CONCENTRATION, "depot": "amount", "central": "amount", "gallbladder": "amount"},
        reference="Roberts et al. 2002",
    )
