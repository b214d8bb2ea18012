"""Linear compartments: one, two and three, with bolus, infusion and first-order absorption."""

from __future__ import annotations

from pkpd.errors import InputError
from pkpd.library.disposition import INTRAVENOUS, Way, drug, first_order
from pkpd.model import Model


def one_compartment(*, absorption: bool = False, lag: bool = False, bioavailability: bool = False) -> Model:
    r"""One compartment with linear elimination.

    .. math:: dA/dt = -(CL/V)A, \quad C = A/V

    Parameters
    ----------
    absorption : bool
        Add a depot that oral doses enter, at rate :math:`k_a`; CL and V are then apparent (CL/F, V/F) unless
        `bioavailability` says otherwise.
    lag, bioavailability : bool
        Give the depot a lag time ``Tlag``, a bioavailability ``F`` (estimable only next to intravenous doses).

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 1.
    """
    return drug(1, _way(absorption, lag, bioavailability))


def two_compartment(*, absorption: bool = False, lag: bool = False, bioavailability: bool = False) -> Model:
    r"""Two compartments: a central one (CL, V1) that exchanges with a peripheral one (Q, V2).

    .. math:: dA_1/dt = -(CL + Q)A_1/V_1 + Q A_2/V_2, \quad dA_2/dt = Q A_1/V_1 - Q A_2/V_2

    The parameters are those of `one_compartment`.

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 2.
    """
    return drug(2, _way(absorption, lag, bioavailability))


def three_compartment(*, absorption: bool = False, lag: bool = False, bioavailability: bool = False) -> Model:
    r"""Three compartments: a central one (CL, V1), a peripheral one (Q2, V2) and a deep one (Q3, V3).

    .. math:: dA_1/dt = -(CL + Q_2 + Q_3)A_1/V_1 + Q_2A_2/V_2 + Q_3A_3/V_3, \quad dA_i/dt = Q_i(A_1/V_1 - A_i/V_i)

    The parameters are those of `one_compartment`.

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 2.
    """
    return drug(3, _way(absorption, lag, bioavailability))


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
    return drug(compartments, _way(absorption), elimination="parallel" if linear else "saturable")


def _way(absorption: bool, lag: bool = False, bioavailability: bool = False) -> Way:
    if (lag or bioavailability) and not absorption:
        raise InputError("lag and bioavailability belong to a depot; expected absorption=True with them")
    return first_order(lag=lag, bioavailability=bioavailability) if absorption else INTRAVENOUS
