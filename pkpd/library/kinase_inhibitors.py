"""Sorafenib by mouth: transit chain, enterohepatic recirculation through a gallbladder that empties late."""

from __future__ import annotations

from itertools import pairwise

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION, require_choice
from pkpd.library.disposition import IV
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

# Rates at which drug leaves the central compartment for the gallbladder, and for good.
_READINGS = {
    "returned": ("Fbile*CL/V*central", "(1 - Fbile)*CL/V*central"),
    "eliminated": ("Fbile/(1 - Fbile)*CL/V*central", "CL/V*central"),
}
_SWITCHES = {
    "smooth": "kge*(tad/Tge)**40/(1 + (tad/Tge)**40)",
    "exact": "(kge if tad >= Tge else 0)",
}
_ENTRIES = ("transit4", "central")
_CHAIN = ("depot", "transit1", "transit2", "transit3", "transit4")
_PARAMETERS = (
    Parameter("CL", 8.13, "volume/time", meaning="apparent clearance CL/F"),
    Parameter("V", 213.0, "volume", meaning="apparent volume of distribution V/F, of 80 kg"),
    Parameter("MTT", 1.98, "time", meaning="mean absorption transit time"),
    Parameter("Fbile", 0.498, upper=1.0, meaning="fraction of what leaves the central compartment that goes into bile"),
    Parameter("kge", 0.857, "1/time", meaning="rate of gallbladder emptying"),
    Parameter("Tge", 6.13, "time", meaning="time after the last dose at which the gallbladder begins to empty"),
)


@checked
def sorafenib(recirculation: str = "returned", *, emptying: str = "smooth", bile_into: str = "transit4") -> Model:
    r"""Sorafenib by mouth: a transit chain, and bile that returns late after a dose; its published values.

    .. math:: dG_0/dt = -k_aG_0, \quad dG_i/dt = k_a(G_{i-1} - G_i), \quad dG_4/dt = k_a(G_3 - G_4) + k(tad)B,

    .. math:: dA/dt = k_aG_4 - (r_b + r_e)A, \quad dB/dt = r_bA - k(tad)B, \quad k_a = 5/MTT

    The gallbladder empties once ``Tge`` has passed since the last dose,
    :math:`k = k_{ge}\,tad^{40}/(tad^{40} + T_{ge}^{40})`. The paper can be read in two ways, which differ twofold in
    exposure; its data decide for neither:

    * ``"returned"``: CL is all that leaves the central compartment, :math:`r_b = F_b\,CL/V,\; r_e = (1 - F_b)\,CL/V`.
      This is what is printed. At steady state 400 mg twice daily has an AUC0–12 of :math:`D/((1 - F_b)CL)` = 98 mg·h/L.
    * ``"eliminated"``: CL is what leaves for good, :math:`r_b = F_b/(1 - F_b)\,CL/V,\; r_e = CL/V`; the AUC is D/CL =
      49 mg·h/L.

    Parameters
    ----------
    recirculation : {"returned", "eliminated"}
        What the published clearance is.
    emptying : {"smooth", "exact"}
        The published smooth switch, or one that opens at ``Tge`` (where the time line is then cut).
    bile_into : {"transit4", "central"}
        Where the gallbladder empties to: the last transit compartment, as printed, or at once into the blood. The ratio
        of the steady AUC0–12 to the first is then 5.96 and 5.92 (``"returned"``), 3.39 and 3.35 (``"eliminated"``).

    Returns
    -------
    Model
        Output ``C`` (mg/L); states ``depot``, ``transit1`` to ``transit4``, ``central``, ``gallbladder``.

    Raises
    ------
    InputError
        If a choice does not exist.

    Notes
    -----
    The volume is that of 80 kg and in proportion to body weight. Observed AUC0–12 at 400 mg twice daily: median 52.8
    mg·h/L, range 11.8–199.6. Clearance changes over the first months, which the model does not know.

    References
    ----------
    Jain L, Woo S, Gardner ER, et al. Br J Clin Pharmacol 2011;72:294-305, Table 3 (111 patients).
    """
    require_choice(bile_into, _ENTRIES, "bile_into")
    require_choice(recirculation, _READINGS, "recirculation")
    require_choice(emptying, _SWITCHES, "emptying")
    into_bile, for_good = _READINGS[recirculation]
    returning = f"{_SWITCHES[emptying]}*gallbladder"
    equations = {"depot": "-5/MTT*depot"}
    equations |= {b: f"5/MTT*{a} - 5/MTT*{b}" for a, b in pairwise(_CHAIN)}
    equations["central"] = f"5/MTT*transit4 - {into_bile} - {for_good}"
    equations["gallbladder"] = f"{into_bile} - {returning}"
    equations[bile_into] += f" + {returning}"
    clearance = "all that leaves" if recirculation == "returned" else "elimination"
    model = Model(
        name=f"sorafenib, {emptying} emptying, clearance as {clearance}, bile into {bile_into}",
        equations=equations,
        parameters=Parameters(_PARAMETERS),
        outputs={"C": "central/V"},
        doses={**IV, "oral": "depot"},
        units={"C": CONCENTRATION, **dict.fromkeys(equations, "amount")},
        reference="Jain et al. 2011",
    )
    return model.in_units(time="h", amount="mg", volume="L")
