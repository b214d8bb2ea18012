"""Absorption that is not first-order alone: zero-order, sequential, mixed, Weibull, through transit compartments."""

from __future__ import annotations

from itertools import pairwise

from pkpd.arguments import checked
from pkpd.library.common import whole
from pkpd.library.disposition import IV, KA, Way, drug
from pkpd.model import Model
from pkpd.parameters import Parameter

_TK0 = Parameter("Tk0", 2.0, "time", meaning="duration of zero-order absorption")
_HOLFORD = "Holford, Ambros & Stoeckel 1992"


@checked
def zero_order_absorption(compartments: int = 1, *, elimination: str = "linear") -> Model:
    r"""Absorption at a constant rate over the time Tk0.

    .. math:: dA/dt = \frac{D}{T_{k0}}\,[t - t_D < T_{k0}] - \frac{CL}{V}A

    A dose that is absorbed is an infusion whose length the model gives: ``Dose(0, 100, "infusion",
    modelled="duration")``. Bolus doses and infusions of a given length are intravenous.

    Parameters
    ----------
    compartments : int
        1 to 3.
    elimination : {"linear", "saturable", "parallel"}
        Clearance, Michaelis–Menten, or both.

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 1.
    """
    way = Way("zero-order absorption", parameters=(_TK0,), parts={"doses": IV, "infusion_duration": {"central": "Tk0"}})
    return drug(compartments, way, elimination=elimination)


@checked
def sequential_absorption(compartments: int = 1, *, elimination: str = "linear") -> Model:
    r"""Release into a depot at a constant rate over the time Tk0, then first-order absorption at rate ka.

    .. math:: dG/dt = \frac{D}{T_{k0}}\,[t - t_D < T_{k0}] - k_aG, \quad dA/dt = k_aG - \frac{CL}{V}A

    An absorbed dose is ``Dose(0, 100, "infusion", modelled="duration", into="depot")``; an oral dose enters the
    depot at once, bolus doses and other infusions are intravenous. The parameters are those of
    `zero_order_absorption`.

    References
    ----------
    Holford NHG, Ambros RJ, Stoeckel K. J Pharmacokinet Biopharm 1992;20:421-442.
    """
    way = Way(
        "sequential zero- and first-order absorption", {"depot": "-ka*depot"}, "ka*depot", (_TK0, KA),
        {"doses": {**IV, "oral": "depot"}, "infusion_duration": {"depot": "Tk0"}}, _HOLFORD,
    )  # fmt: skip
    return drug(compartments, way, elimination=elimination)


@checked
def mixed_absorption(compartments: int = 1, *, elimination: str = "linear") -> Model:
    r"""A fraction Fz is absorbed at a constant rate over the time Tk0 while the rest is absorbed at rate ka.

    .. math:: dG/dt = -k_aG,\; G(t_D^+) = (1 - F_z)D, \quad
        dA/dt = \frac{F_zD}{T_{k0}}\,[t - t_D < T_{k0}] + k_aG - \frac{CL}{V}A

    Every dose is given twice, each time whole: ``Dose(0, 100, "oral")`` and ``Dose(0, 100, "infusion",
    modelled="duration")``; the model takes its part of each. It knows no intravenous doses. The parameters are those
    of `zero_order_absorption`.

    References
    ----------
    Holford NHG, Ambros RJ, Stoeckel K. J Pharmacokinet Biopharm 1992;20:421-442.
    """
    share = Parameter("Fz", 0.4, upper=1.0, meaning="fraction absorbed at a constant rate")
    parts = {
        "doses": {"oral": "depot", "infusion": "central"},
        "infusion_duration": {"central": "Tk0"},
        "bioavailability": {"depot": "1 - Fz", "central": "Fz"},
    }
    way = Way("mixed absorption", {"depot": "-ka*depot"}, "ka*depot", (share, _TK0, KA), parts, _HOLFORD)
    return drug(compartments, way, elimination=elimination)


@checked
def weibull_absorption(compartments: int = 1, *, elimination: str = "linear") -> Model:
    r"""Absorption whose rate rises or falls with the time since the dose, so that a Weibull share has been absorbed.

    .. math:: dG/dt = -\frac{\beta}{t_d}\Bigl(\frac{tad}{t_d}\Bigr)^{\beta - 1} G, \quad
        G(tad) = D\,e^{-(tad/t_d)^\beta}

    With β = 1 it is first-order absorption at 1/td; β > 1 is sigmoid, β < 1 begins fast. A new dose starts the clock
    again for what is left of earlier ones. For β < 1 the rate is infinite at the dose itself: it is held at its value
    after 1e-12 of td, so that at most :math:`10^{-12\beta}` of the dose is late.

    Parameters
    ----------
    compartments : int
        1 to 3.
    elimination : {"linear", "saturable", "parallel"}
        Clearance, Michaelis–Menten, or both.

    References
    ----------
    Piotrovskii VK. J Pharmacokinet Biopharm 1987;15:681-686.
    """
    rate = "beta/td*max(tad/td, 1e-12)**(beta - 1)*depot"
    shape = Parameter("beta", 1.5, meaning="shape of the absorption: above 1 sigmoid, below 1 fast at first")
    scale = Parameter("td", 2.0, "time", meaning="time in which 63 % of a dose is absorbed")
    doses = {"doses": {**IV, "oral": "depot"}}
    way = Way("Weibull absorption", {"depot": f"-{rate}"}, rate, (shape, scale), doses, "Piotrovskii 1987")
    return drug(compartments, way, elimination=elimination)


@checked
def transit_absorption(compartments: int = 1, *, transits: int = 3, elimination: str = "linear") -> Model:
    r"""Absorption through a chain of transit compartments: a smooth delay of mean MTT before the absorption at ka.

    .. math:: dG_0/dt = -k_{tr}G_0, \quad dG_i/dt = k_{tr}(G_{i-1} - G_i), \quad dG_a/dt = k_{tr}G_n - k_aG_a,
        \quad k_{tr} = (n + 1)/MTT

    The compartments are explicit, so repeated doses that overlap are exact.

    Parameters
    ----------
    compartments : int
        1 to 3.
    transits : int
        Number n of transit compartments between the one that doses enter and the absorption compartment, 1 to 20.
    elimination : {"linear", "saturable", "parallel"}
        Clearance, Michaelis–Menten, or both.

    References
    ----------
    Savic RM, Jonker DM, Kerbusch T, Karlsson MO. J Pharmacokinet Pharmacodyn 2007;34:711-726.
    """
    count = whole(transits, "transits", 20)
    chain = ["depot", *(f"transit{k}" for k in range(1, count + 1))]
    rate = f"{count + 1}/MTT"
    equations = {"depot": f"-{rate}*depot"}
    equations |= {b: f"{rate}*{a} - {rate}*{b}" for a, b in pairwise(chain)}
    equations["absorption"] = f"{rate}*{chain[-1]} - ka*absorption"
    mean = Parameter("MTT", 1.0, "time", meaning="mean transit time to the absorption compartment")
    doses = {"doses": {**IV, "oral": "depot"}}
    way = Way("transit absorption", equations, "ka*absorption", (mean, KA), doses, "Savic et al. 2007")
    return drug(compartments, way, elimination=elimination)
