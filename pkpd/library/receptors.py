"""Receptors: how many are occupied, and how those of activated cells are shed."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION, baseline, drive, kout
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters


@checked
def receptor_occupancy(name: str = "RO", *, by: str = "C", kinetic: bool = False) -> Model:
    r"""Share of receptors that the drug occupies, in equilibrium or with the kinetics of binding.

    .. math:: RO = \frac{C}{K_D + C} \quad\text{or}\quad
        dRO/dt = k_{off}\left(\frac{C}{K_D}(1 - RO) - RO\right)

    The receptors take no drug away; where they do, see `tmdd`.

    Parameters
    ----------
    name : str
        Name of the share.
    by : str
        What binds (a concentration).
    kinetic : bool
        Let binding take time: ``koff_<name>``, with kon = koff/KD.

    References
    ----------
    Mager DE, Wyska E, Jusko WJ. Drug Metab Dispos 2003;31:510-518.
    """
    kd, koff = f"KD_{name}", f"koff_{name}"
    parameters = [Parameter(kd, 1.0, CONCENTRATION, meaning="dissociation constant")]
    if kinetic:
        parameters.append(Parameter(koff, 0.1, "1/time", meaning="rate of dissociation"))
    return Model(
        name="receptor occupancy" + (", slow binding" if kinetic else ""),
        equations={name: f"{koff}*(({by})/{kd}*(1 - {name}) - {name})"} if kinetic else {},
        parameters=Parameters(tuple(parameters)),
        outputs={name: name if kinetic else f"({by})/({kd} + ({by}))"},
        units={name: ""},
        reference="Mager, Wyska & Jusko 2003",
    )


@checked
def receptor_shedding(name: str = "sCD25", *, by: str = "C", unit: str = "") -> Model:
    r"""Soluble receptor (sCD25) shed from cells that a cytokine activates.

    .. math:: dM/dt = k_m\left(1 + \frac{S_{max}C}{SC_{50} + C} - M\right), \quad M(0) = 1, \quad
        dR/dt = k_{out}(R_0M - R)

    M is the receptor on the cells relative to its baseline: the cytokine stimulates its expression, shedding is in
    proportion to it, so the soluble receptor rises after a delay and outlasts the cytokine.

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the soluble receptor, and what stimulates its expression on the cells (a concentration).

    References
    ----------
    Rubin LA, Nelson DL. Ann Intern Med 1990;113:619-627 (the biology). Sun YN, Jusko WJ. J Pharm Sci
    1998;87:732-737 (turnover in series).
    """
    surface = f"{name}_membrane"
    factor, extra = drive(False, name, by)
    rate = Parameter(f"km_{name}", 0.06, "1/time", meaning="rate of turnover of the receptor on the cells")
    return Model(
        name=f"shedding of {name}",
        equations={
            surface: f"km_{name}*{factor} - km_{name}*{surface}",
            name: f"kout_{name}*{name}_0*{surface} - kout_{name}*{name}",
        },
        parameters=Parameters((rate, kout(name), baseline(name, unit), *extra)),
        outputs={name: name},
        initial={surface: "1", name: f"{name}_0"},
        units={surface: "", name: unit},
        reference="Rubin & Nelson 1990; Sun & Jusko 1998",
    )
