"""Turnover of a response in proportion to a signal: production, loss, loss for good, and from a precursor."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.library.common import baseline, kout
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_JUSKO = "Dayneka, Garg & Jusko 1993"


def _response(
    name: str, unit: str, equation: str, extra: tuple[Parameter, ...], what: str, source: str = _JUSKO
) -> Model:
    """A turnover response that starts at its baseline."""
    return Model(
        name=f"{what} of {name}",
        equations={name: equation},
        parameters=Parameters((kout(name), baseline(name, unit), *extra)),
        outputs={name: name},
        initial={name: f"{name}_0"},
        units={name: unit},
        reference=source,
    )


@checked
def turnover(name: str, *, by: str, unit: str = "") -> Model:
    r"""Turnover whose production is stimulated in proportion to a signal.

    .. math:: dR/dt = k_{out}R_0(1 + S\,A) - k_{out}R

    Parameters
    ----------
    name : str
        Name of the response; its parameters are ``kout_<name>``, ``<name>_0`` and ``S_<name>``.
    by : str
        What drives it.
    unit : str
        Unit of the response.

    References
    ----------
    Dayneka NL, Garg V, Jusko WJ. J Pharmacokinet Biopharm 1993;21:457-478.
    """
    slope = Parameter(f"S_{name}", 1.0, meaning=f"stimulation of the production of {name} per unit of {by}")
    equation = f"kout_{name}*{name}_0*(1 + S_{name}*({by})) - kout_{name}*{name}"
    return _response(name, unit, equation, (slope,), "stimulated production")


@checked
def stimulated_loss(name: str, *, by: str, unit: str = "") -> Model:
    r"""Turnover whose loss is stimulated in proportion to a signal: cells leave the blood.

    .. math:: dR/dt = k_{out}R_0 - k_{out}(1 + S\,A)R

    The parameters are those of `turnover`.

    References
    ----------
    Dayneka NL, Garg V, Jusko WJ. J Pharmacokinet Biopharm 1993;21:457-478.
    """
    slope = Parameter(f"S_{name}", 1.0, meaning=f"stimulation of the loss of {name} per unit of {by}")
    equation = f"kout_{name}*{name}_0 - kout_{name}*(1 + S_{name}*({by}))*{name}"
    return _response(name, unit, equation, (slope,), "stimulated loss")


@checked
def irreversible_effect(name: str = "R", *, by: str = "C", unit: str = "") -> Model:
    r"""Turnover of something that a drug inactivates or kills for good, at a rate proportional to both.

    .. math:: dR/dt = k_{out}R_0 - k_{out}R - k\,C\,R

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the response (an enzyme, cells), and what inactivates it (a concentration).

    References
    ----------
    Mager DE, Wyska E, Jusko WJ. Drug Metab Dispos 2003;31:510-518.
    """
    rate = Parameter(f"k_{name}", 0.05, "volume/amount/time", meaning=f"rate of inactivation per unit of {by}")
    equation = f"kout_{name}*{name}_0 - kout_{name}*{name} - k_{name}*({by})*{name}"
    return _response(name, unit, equation, (rate,), "irreversible loss", "Mager, Wyska & Jusko 2003")


@checked
def precursor_turnover(name: str, *, by: str, unit: str = "") -> Model:
    r"""Turnover from a precursor pool that a signal holds back: after release the response rebounds.

    .. math:: dP/dt = k_{out}R_0 - \frac{k_p}{1 + S\,A}P, \quad dR/dt = \frac{k_p}{1 + S\,A}P - k_{out}R

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the response, and what inhibits the step from precursor to response.

    References
    ----------
    Sharma A, Ebling WF, Jusko WJ. J Pharm Sci 1998;87:1577-1584.
    """
    pool = f"{name}_precursor"
    step = f"kp_{name}/(1 + S_{name}*({by}))*{pool}"
    return Model(
        name=f"turnover of {name} from a precursor",
        equations={pool: f"kout_{name}*{name}_0 - {step}", name: f"{step} - kout_{name}*{name}"},
        parameters=Parameters(
            (
                Parameter(f"kp_{name}", 0.02, "1/time", meaning="rate from precursor to response"),
                Parameter(f"kout_{name}", 0.1, "1/time", meaning=f"rate of loss of {name}"),
                Parameter(f"{name}_0", unit=unit, meaning=f"baseline of {name}"),
                Parameter(f"S_{name}", 1.0, meaning=f"inhibition of the step per unit of {by}"),
            )
        ),
        outputs={name: name},
        initial={pool: f"kout_{name}*{name}_0/kp_{name}", name: f"{name}_0"},
        units={name: unit, pool: unit},
        reference="Sharma, Ebling & Jusko 1998",
    )
