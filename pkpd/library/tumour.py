"""Tumour growth under treatment: Simeoni in xenografts, Claret in patients."""

from __future__ import annotations

from itertools import pairwise

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters


@checked
def simeoni(name: str = "w", *, by: str = "C", unit: str = "g", exposure_unit: str = CONCENTRATION) -> Model:
    r"""Tumour growth in xenografts: exponential, then linear; damaged cells die through a chain of transits.

    .. math:: dx_1/dt = \frac{\lambda_0x_1}{[1 + (\lambda_0w/\lambda_1)^\psi]^{1/\psi}} - k_2C\,x_1, \quad
        dx_2/dt = k_2C\,x_1 - k_1x_2, \quad dx_i/dt = k_1(x_{i-1} - x_i)\;(i = 3, 4), \quad w = \textstyle\sum x_i

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the tumour weight, and what damages cells.
    exposure_unit : str
        Unit of what damages cells: by default a concentration, "" for a signal without one.

    References
    ----------
    Simeoni M, Magni P, Cammia C, et al. Cancer Res 2004;64:1094-1101.
    """
    x = [f"{name}_cycling", *(f"{name}_damaged{k}" for k in (1, 2, 3))]
    limit = f"(1 + (lambda0_{name}/lambda1_{name}*{name})**psi_{name})**(1/psi_{name})"
    kill = f"k2_{name}*({by})*{x[0]}"
    equations = {x[0]: f"lambda0_{name}*{x[0]}/{limit} - {kill}", x[1]: f"{kill} - k1_{name}*{x[1]}"}
    equations |= {b: f"k1_{name}*{a} - k1_{name}*{b}" for a, b in pairwise(x[1:])}
    return Model(
        name=f"tumour growth of {name} (Simeoni)",
        equations=equations,
        parameters=Parameters(
            (
                Parameter(f"lambda0_{name}", 0.01, "1/time", meaning="rate of exponential growth"),
                Parameter(f"lambda1_{name}", 0.03, f"{unit or '1'}/time", meaning="rate of linear growth"),
                Parameter(f"psi_{name}", 20.0, fixed=True, meaning="sharpness of the change between them"),
                Parameter(f"k1_{name}", 0.04, "1/time", meaning="rate of the steps to death"),
                Parameter(f"k2_{name}", 0.01, _per(exposure_unit), meaning=f"damage per unit of {by}"),
                Parameter(f"{name}_0", unit=unit, meaning=f"{name} at the start"),
            )
        ),
        outputs={name: " + ".join(x)},
        initial={x[0]: f"{name}_0"},
        units=dict.fromkeys((*x, name), unit),
        reference="Simeoni et al. 2004",
    )


@checked
def claret(name: str = "SLD", *, by: str = "C", unit: str = "mm", exposure_unit: str = CONCENTRATION) -> Model:
    r"""Tumour size in patients: exponential growth, a kill in proportion to exposure, and resistance to it.

    .. math:: dy/dt = K_Ly - K_De^{-\lambda t}\,C\,y

    Resistance runs on the clock of the study: time 0 is the start of treatment.

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the tumour size (the sum of longest diameters), and the exposure that kills.
    exposure_unit : str
        Unit of the exposure that kills: by default that of a concentration, "" for a signal without one.

    References
    ----------
    Claret L, Girard P, Hoff PM, et al. J Clin Oncol 2009;27:4103-4108.
    """
    return Model(
        name=f"tumour size {name} (Claret)",
        equations={name: f"KL_{name}*{name} - KD_{name}*exp(-lambda_{name}*t)*({by})*{name}"},
        parameters=Parameters(
            (
                Parameter(f"KL_{name}", 1.2e-4, "1/time", meaning="rate of growth"),
                Parameter(f"KD_{name}", 3e-4, _per(exposure_unit), meaning=f"kill per unit of {by}"),
                Parameter(f"lambda_{name}", 3e-4, "1/time", meaning="rate at which resistance appears"),
                Parameter(f"{name}_0", unit=unit, meaning=f"{name} at the start of treatment"),
            )
        ),
        outputs={name: name},
        initial={name: f"{name}_0"},
        units={name: unit},
        reference="Claret et al. 2009",
    )


def _per(exposure_unit: str) -> str:
    """Unit of a rate per unit of exposure."""
    if exposure_unit == CONCENTRATION:
        return "volume/amount/time"
    return f"1/({exposure_unit})/time" if exposure_unit else "1/time"
