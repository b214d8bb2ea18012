"""Biophase and signal transduction, between a concentration and a response: effect compartment, activation, delay."""

from __future__ import annotations

import math
from itertools import pairwise

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION, whole
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters


@checked
def effect_compartment(name: str = "Ce", *, by: str = "C") -> Model:
    r"""Effect compartment: a concentration at the site of action that follows the one in plasma with delay.

    .. math:: dC_e/dt = k_{e0}(C - C_e)

    Drive a direct effect with it: ``emax_effect(by="Ce")``.

    Parameters
    ----------
    name : str
        Name of the concentration at the site of action.
    by : str
        The concentration that it follows.

    References
    ----------
    Sheiner LB, Stanski DR, Vozeh S, Miller RD, Ham J. Clin Pharmacol Ther 1979;25:358-371.
    """
    return Model(
        name="effect compartment",
        equations={name: f"ke0*(({by}) - {name})"},
        parameters=Parameters((Parameter("ke0", 0.5, "1/time", meaning="rate of the effect compartment"),)),
        outputs={name: name},
        units={name: CONCENTRATION},
        reference="Sheiner et al. 1979",
    )


@checked
def activation(name: str = "A", *, by: str = "C") -> Model:
    r"""Activation of immune cells that follows a saturable stimulus with delay: 0 at rest, at most 1.

    .. math:: dA/dt = k_A\left(\frac{C}{EC_{50} + C} - A\right)

    EC50 and kA are fixed by default: one dose level fixes the time course of A, and EC50 trades against the slopes
    of whatever A drives.

    Parameters
    ----------
    name : str
        Name of the signal.
    by : str
        What drives it.
    """
    return Model(
        name="activation signal",
        equations={name: f"kA*(({by})/(EC50 + {by}) - {name})"},
        parameters=Parameters(
            (
                Parameter("EC50", 1.0, "amount/volume", fixed=True, meaning="concentration of half-maximal activation"),
                Parameter("kA", math.log(2) / 12, "1/time", fixed=True, meaning="rate of the activation signal"),
            )
        ),
        outputs={name: name},
        units={name: ""},
    )


@checked
def transit_delay(name: str = "D", *, by: str = "C", steps: int = 3, unit: str = "amount/volume") -> Model:
    r"""Delay through a chain of equal transit compartments, of mean tau.

    .. math:: dD_1/dt = (n/\tau)(C - D_1), \quad dD_i/dt = (n/\tau)(D_{i-1} - D_i)

    Parameters
    ----------
    name : str
        Name of the delayed quantity (the output).
    by : str
        What is delayed.
    steps : int
        Number of transit compartments, 1 to 20.
    unit : str
        Unit of what is delayed.

    References
    ----------
    Sun YN, Jusko WJ. J Pharm Sci 1998;87:732-737.
    """
    count = whole(steps, "steps", 20)
    chain = [f"({by})", *(f"{name}{i}" for i in range(1, count + 1))]
    return Model(
        name=f"transit delay of {by}",
        equations={b: f"{count}/tau_{name}*({a} - {b})" for a, b in pairwise(chain)},
        parameters=Parameters((Parameter(f"tau_{name}", 12.0, "time", meaning=f"mean delay of {by}"),)),
        outputs={name: chain[-1]},
        units={name: unit, **dict.fromkeys(chain[1:], unit)},
        reference="Sun & Jusko 1998",
    )
