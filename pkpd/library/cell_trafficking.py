"""Trafficking of cells: redistribution between blood and tissue, with and without their turnover."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters


@checked
def redistribution(name: str, *, by: str, unit: str = "") -> Model:
    r"""Cells leave the blood under a signal and come back; none are made or lost, so blood + tissue is constant.

    .. math:: dB/dt = k_{ret}T - k_{ret}(1 + S\,A)B, \quad dT/dt = -dB/dt, \quad T(0) = B(0)

    At rest half of the cells are in either pool. Seen only in blood this is `stimulated_loss` with ``kout`` = 2 kret
    and half the slope: counts in blood cannot tell the two apart.

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the cells in blood, and what drives them out.
    """
    tissue = f"{name}_tissue"
    out, back = f"kret_{name}*(1 + S_{name}*({by}))*{name}", f"kret_{name}*{tissue}"
    return Model(
        name=f"redistribution of {name}",
        equations={name: f"{back} - {out}", tissue: f"{out} - {back}"},
        parameters=Parameters(
            (
                Parameter(f"kret_{name}", 0.05, "1/time", meaning="rate of return from tissue"),
                Parameter(f"{name}_0", unit=unit, meaning=f"baseline of {name}"),
                Parameter(f"S_{name}", 1.0, meaning=f"stimulation of the way out of blood per unit of {by}"),
            )
        ),
        outputs={name: name},
        initial={name: f"{name}_0", tissue: f"{name}_0"},
        units={name: unit, tissue: unit},
        conserved=(f"{name} + {tissue}",),
    )


@checked
def trafficking(name: str, *, by: str, unit: str = "") -> Model:
    r"""Cells are made and lost in blood, and a signal moves them to tissue, from where they come back.

    .. math:: dB/dt = k_{out}(B_0 - B) - S\,A\,B + k_{ret}T, \quad dT/dt = S\,A\,B - k_{ret}T

    When the signal ends the cells return on top of those that were made meanwhile: the count rebounds.

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the cells in blood, and what drives them out.
    """
    tissue = f"{name}_tissue"
    out, back = f"S_{name}*({by})*{name}", f"kret_{name}*{tissue}"
    return Model(
        name=f"trafficking of {name}",
        equations={name: f"kout_{name}*({name}_0 - {name}) - {out} + {back}", tissue: f"{out} - {back}"},
        parameters=Parameters(
            (
                Parameter(f"kout_{name}", 0.05, "1/time", meaning=f"rate of loss of {name}"),
                Parameter(f"kret_{name}", 0.05, "1/time", meaning="rate of return from tissue"),
                Parameter(f"{name}_0", unit=unit, meaning=f"baseline of {name}"),
                Parameter(f"S_{name}", 0.5, "1/time", meaning=f"rate of the way out of blood per unit of {by}"),
            )
        ),
        outputs={name: name},
        initial={name: f"{name}_0"},
        units={name: unit, tissue: unit},
    )
