"""Indirect responses with a saturable drive: models I to IV, and those of a precursor pool."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.errors import InputError, nearest
from pkpd.library.common import baseline, drive, kout
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_KINDS = {
    "I": (True, "{k}*{n}_0*{d} - {k}*{n}", "inhibited production"),
    "II": (True, "{k}*{n}_0 - {k}*{d}*{n}", "inhibited loss"),
    "III": (False, "{k}*{n}_0*{d} - {k}*{n}", "stimulated production"),
    "IV": (False, "{k}*{n}_0 - {k}*{d}*{n}", "stimulated loss"),
}


@checked
def indirect_response(kind: str, name: str = "R", *, by: str = "C", unit: str = "") -> Model:
    r"""Indirect response model I, II, III or IV with a saturable drive.

    .. math:: dR/dt = k_{in}H_1 - k_{out}H_2R, \quad H = 1 - \frac{I_{max}C}{IC_{50} + C}
        \;\text{or}\; 1 + \frac{S_{max}C}{SC_{50} + C}

    I inhibits production, II inhibits loss, III stimulates production, IV stimulates loss;
    :math:`k_{in} = k_{out}R_0`.

    Parameters
    ----------
    kind : {"I", "II", "III", "IV"}
        Which of the four.
    name, by, unit : str
        Name and unit of the response, and what drives it (a concentration).

    Raises
    ------
    InputError
        If `kind` is none of the four.

    References
    ----------
    Dayneka NL, Garg V, Jusko WJ. J Pharmacokinet Biopharm 1993;21:457-478.
    """
    if kind not in _KINDS:
        raise InputError(f"unknown indirect response {kind!r}; {nearest(kind, _KINDS)}")
    inhibits, equation, what = _KINDS[kind]
    factor, extra = drive(inhibits, name, by)
    return Model(
        name=f"indirect response {kind} ({what}) of {name}",
        equations={name: equation.format(k=f"kout_{name}", n=name, d=factor)},
        parameters=Parameters((kout(name), baseline(name, unit), *extra)),
        outputs={name: name},
        initial={name: f"{name}_0"},
        units={name: unit},
        reference="Dayneka, Garg & Jusko 1993",
    )


@checked
def precursor_response(name: str = "R", *, by: str = "C", unit: str = "", inhibits: bool = False) -> Model:
    r"""Indirect response from a precursor pool: the saturable drive acts on the step to the response.

    .. math:: dP/dt = k_0 - k_pH\,P, \quad dR/dt = k_pH\,P - k_{out}R, \quad k_0 = k_{out}R_0

    A drug that lasts empties (or fills) the pool, so the response returns to its baseline while the drug is still
    there (tolerance) and overshoots when it goes (rebound).

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the response, and what drives it (a concentration).
    inhibits : bool
        Inhibit the step (Imax, IC50) instead of stimulating it (Smax, SC50).

    References
    ----------
    Sharma A, Ebling WF, Jusko WJ. J Pharm Sci 1998;87:1577-1584.
    """
    pool = f"{name}_precursor"
    factor, extra = drive(inhibits, name, by)
    step = f"kp_{name}*{factor}*{pool}"
    rate = Parameter(f"kp_{name}", 0.02, "1/time", meaning="rate from precursor to response")
    return Model(
        name=f"{'inhibited' if inhibits else 'stimulated'} release of {name} from a precursor",
        equations={pool: f"kout_{name}*{name}_0 - {step}", name: f"{step} - kout_{name}*{name}"},
        parameters=Parameters((rate, kout(name), baseline(name, unit), *extra)),
        outputs={name: name},
        initial={pool: f"kout_{name}*{name}_0/kp_{name}", name: f"{name}_0"},
        units={name: unit, pool: unit},
        reference="Sharma, Ebling & Jusko 1998",
    )
