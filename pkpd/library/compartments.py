"""Linear compartments: one, two and three, with bolus, infusion and first-order absorption."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.library.disposition import drug, way_in
from pkpd.model import Model


@checked
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
    return drug(1, way_in(absorption, lag, bioavailability))


@checked
def two_compartment(*, absorption: bool = False, lag: bool = False, bioavailability: bool = False) -> Model:
    r"""Two compartments: a central one (CL, V1) that exchanges with a peripheral one (Q, V2).

    .. math:: dA_1/dt = -(CL + Q)A_1/V_1 + Q A_2/V_2, \quad dA_2/dt = Q A_1/V_1 - Q A_2/V_2

    The parameters are those of `one_compartment`.

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 2.
    """
    return drug(2, way_in(absorption, lag, bioavailability))


@checked
def three_compartment(*, absorption: bool = False, lag: bool = False, bioavailability: bool = False) -> Model:
    r"""Three compartments: a central one (CL, V1), a peripheral one (Q2, V2) and a deep one (Q3, V3).

    .. math:: dA_1/dt = -(CL + Q_2 + Q_3)A_1/V_1 + Q_2A_2/V_2 + Q_3A_3/V_3, \quad dA_i/dt = Q_i(A_1/V_1 - A_i/V_i)

    The parameters are those of `one_compartment`.

    References
    ----------
    Gibaldi M, Perrier D. Pharmacokinetics, 2nd ed. Marcel Dekker 1982, chapter 2.
    """
    return drug(3, way_in(absorption, lag, bioavailability))
