"""Tolerance: feedback through a moderator, and an antagonist that builds up under the drug."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION, baseline, drive, kout
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters


@checked
def feedback(name: str = "R", *, by: str = "C", unit: str = "", inhibits: bool = False) -> Model:
    r"""Turnover with a moderator that follows the response and holds its production back: tolerance and rebound.

    .. math:: dR/dt = \frac{k_{out}R_0H}{M} - k_{out}R, \quad dM/dt = k_{tol}(R/R_0 - M), \quad M(0) = 1

    Under a constant drive the response settles at :math:`R_0\sqrt H` instead of :math:`R_0H`.

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the response, and what drives it (a concentration).
    inhibits : bool
        Inhibit the production (Imax, IC50) instead of stimulating it (Smax, SC50).

    References
    ----------
    Gabrielsson J, Peletier LA. AAPS J 2008;10:70-83.
    """
    moderator = f"{name}_moderator"
    factor, extra = drive(inhibits, name, by)
    rate = Parameter(f"ktol_{name}", 0.02, "1/time", meaning="rate of the moderator")
    return Model(
        name=f"turnover of {name} with a moderator",
        equations={
            name: f"kout_{name}*{name}_0*{factor}/{moderator} - kout_{name}*{name}",
            moderator: f"ktol_{name}*({name}/{name}_0 - {moderator})",
        },
        parameters=Parameters((kout(name), rate, baseline(name, unit), *extra)),
        outputs={name: name},
        initial={name: f"{name}_0", moderator: "1"},
        units={name: unit, moderator: ""},
        reference="Gabrielsson & Peletier 2008",
    )


@checked
def antagonist_tolerance(name: str = "E", *, by: str = "C", unit: str = "") -> Model:
    r"""Direct effect with tolerance: a hypothetical antagonist follows the drug and weakens its effect.

    .. math:: dC_m/dt = k_{tol}(C - C_m), \quad E = E_0 + \frac{S\,C}{1 + C_m/T_{50}}

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the effect, and what drives it (a concentration).

    References
    ----------
    Porchet HC, Benowitz NL, Sheiner LB. J Pharmacol Exp Ther 1988;244:231-236.
    """
    state = f"{name}_antagonist"
    slope_unit = f"{unit or '1'}/({CONCENTRATION})"
    return Model(
        name=f"direct effect on {name} with tolerance",
        equations={state: f"ktol_{name}*(({by}) - {state})"},
        parameters=Parameters(
            (
                baseline(name, unit),
                Parameter(f"S_{name}", 1.0, slope_unit, meaning=f"effect per unit of {by} without tolerance"),
                Parameter(f"ktol_{name}", 0.5, "1/time", meaning="rate at which tolerance comes and goes"),
                Parameter(f"T50_{name}", 1.0, CONCENTRATION, meaning="antagonist that halves the effect"),
            )
        ),
        outputs={name: f"{name}_0 + S_{name}*({by})/(1 + {state}/T50_{name})"},
        units={name: unit, state: CONCENTRATION},
        reference="Porchet, Benowitz & Sheiner 1988",
    )
