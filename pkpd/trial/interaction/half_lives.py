"""How long until steady state, from a half-life alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from pkpd.arguments import checked
from pkpd.errors import InputError, shown

if TYPE_CHECKING:
    import pandas


@checked
def steady_state_from_half_life(
    half_life: float | Sequence[float], *, tau: float | None = None, fraction: float = 0.9
) -> pandas.DataFrame:
    r"""Return when a fraction of steady state is reached, for one exponential: in 3.32 half-lives 90 %.

    .. math:: t_f = -\frac{\ln(1 - f)}{\lambda}, \qquad n = \lceil t_f/\tau \rceil, \qquad
       R_{ac} = \frac{1}{1 - e^{-\lambda\tau}}, \qquad \lambda = \frac{\ln 2}{t_{1/2}}

    Where the decline has several exponentials with positive coefficients (a bolus or infusion into compartments), the
    terminal half-life gives the latest time: what lacks of steady state is a weighted mean of the exponentials, and
    none falls more slowly. With slow absorption this need not hold; `pkpd.nca.time_to_steady_state` takes the
    whole curve.

    Parameters
    ----------
    half_life : float or sequence of float
        Terminal half-lives.
    tau : float, optional
        Dosing interval, in the same unit.
    fraction : float
        Of steady state, between 0 and 1.

    Returns
    -------
    DataFrame
        A row per half-life: ``half_life, fraction, time`` and, with `tau`, ``doses`` (after the interval of which the
        trough has reached the fraction), ``reached`` (``1 − exp(−λ·n·τ)``) and ``accumulation``. What is assumed stands
        in ``attrs["method"]``.

    Raises
    ------
    InputError
        Listing all that cannot be used.

    References
    ----------
    Rowland & Tozer, Clinical Pharmacokinetics and Pharmacodynamics, 4th ed. (2011), chapter on multiple dosing.
    """
    import pandas

    given = np.atleast_1d(np.asarray(half_life, dtype=float))
    problems = [f"half_life is {shown(float(one))}; expected a number > 0" for one in given if not 0 < one < np.inf]
    problems += [] if len(given) else ["half_life is empty; expected at least one number"]
    if tau is not None and not 0 < tau < np.inf:
        problems.append(f"tau is {shown(tau)}; expected a number > 0")
    if not 0 < fraction < 1:
        problems.append(f"fraction is {shown(fraction)}; expected a number between 0 and 1")
    if problems:
        raise InputError(problems, "steady_state_from_half_life")
    time = -np.log1p(-fraction) / np.log(2.0) * given
    table = pandas.DataFrame({"half_life": given, "fraction": fraction, "time": time})
    if tau is not None:
        table["doses"] = np.maximum(np.ceil(time / tau * (1.0 - 1e-12)), 1.0)
        table["reached"] = -np.expm1(-np.log(2.0) / given * table["doses"].to_numpy() * tau)
        table["accumulation"] = -1.0 / np.expm1(-np.log(2.0) / given * tau)
    table.attrs["method"] = (
        "one exponential with the terminal half-life; an upper bound for several with coefficients > 0"
    )
    return table
