"""Responses to a concentration or a signal: direct effect, turnover, stimulated loss, indirect response I-IV."""

from __future__ import annotations

from pkpd.errors import InputError
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_JUSKO = "Dayneka, Garg & Jusko 1993"


def _baseline(name: str, unit: str) -> Parameter:
    return Parameter(f"{name}_0", unit=unit, meaning=f"baseline of {name}")


def _kout(name: str) -> Parameter:
    return Parameter(f"kout_{name}", 0.1, "1/time", meaning=f"rate of loss of {name}")


def _response(
    name: str, unit: str, equation: str, extra: tuple[Parameter, ...], what: str, source: str = _JUSKO
) -> Model:
    """A turnover response that starts at its baseline."""
    return Model(
        name=f"{what} of {name}",
        equations={name: equation},
        parameters=Parameters((_kout(name), _baseline(name, unit), *extra)),
        outputs={name: name},
        initial={name: f"{name}_0"},
        units={name: unit},
        reference=source,
    )


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
    """
    slope = Parameter(f"S_{name}", 1.0, meaning=f"stimulation of the production of {name} per unit of {by}")
    equation = f"kout_{name}*{name}_0*(1 + S_{name}*({by})) - kout_{name}*{name}"
    return _response(name, unit, equation, (slope,), "stimulated production")


def stimulated_loss(name: str, *, by: str, unit: str = "") -> Model:
    r"""Turnover whose loss is stimulated in proportion to a signal: cells leave the blood.

    .. math:: dR/dt = k_{out}R_0 - k_{out}(1 + S\,A)R

    The parameters are those of `turnover`.
    """
    slope = Parameter(f"S_{name}", 1.0, meaning=f"stimulation of the loss of {name} per unit of {by}")
    equation = f"kout_{name}*{name}_0 - kout_{name}*(1 + S_{name}*({by}))*{name}"
    return _response(name, unit, equation, (slope,), "stimulated loss")


_KINDS = {
    "I": ("kout_{n}*{n}_0*(1 - Imax_{n}*{c}/(IC50_{n} + {c})) - kout_{n}*{n}", "inhibited production"),
    "II": ("kout_{n}*{n}_0 - kout_{n}*(1 - Imax_{n}*{c}/(IC50_{n} + {c}))*{n}", "inhibited loss"),
    "III": ("kout_{n}*{n}_0*(1 + Smax_{n}*{c}/(SC50_{n} + {c})) - kout_{n}*{n}", "stimulated production"),
    "IV": ("kout_{n}*{n}_0 - kout_{n}*(1 + Smax_{n}*{c}/(SC50_{n} + {c}))*{n}", "stimulated loss"),
}


def indirect_response(kind: str, name: str = "R", *, by: str = "C", unit: str = "") -> Model:
    r"""Indirect response model I, II, III or IV with a saturable drive.

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
        raise InputError(f"unknown indirect response {kind!r}; known: {', '.join(_KINDS)}")
    equation, what = _KINDS[kind]
    inhibits = kind in ("I", "II")
    size = (
        Parameter(f"Imax_{name}", 0.9, upper=1.0, meaning="maximal inhibition")
        if inhibits
        else Parameter(f"Smax_{name}", 5.0, meaning="maximal stimulation")
    )
    half = Parameter(
        f"{'I' if inhibits else 'S'}C50_{name}", 1.0, "amount/volume", meaning="concentration of half effect"
    )
    return _response(
        name, unit, equation.format(n=name, c=f"({by})"), (size, half), f"indirect response {kind} ({what})"
    )


def direct_effect(name: str = "E", *, by: str = "C", unit: str = "", inhibits: bool = False) -> Model:
    r"""Direct sigmoid effect without delay: :math:`E = E_0(1 \pm E_{max}\,C^h/(EC_{50}^h + C^h))`.

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the effect, and what drives it.
    inhibits : bool
        Subtract the effect instead of adding it; Emax is then at most 1.

    References
    ----------
    Holford NHG, Sheiner LB. Clin Pharmacokinet 1981;6:429-453.
    """
    sign, top = ("-", 1.0) if inhibits else ("+", float("inf"))
    hill = f"({by})**h_{name}/(EC50_{name}**h_{name} + ({by})**h_{name})"
    return Model(
        name=f"direct effect on {name}",
        equations={},
        parameters=Parameters(
            (
                _baseline(name, unit),
                Parameter(f"Emax_{name}", 0.9, upper=top, meaning="maximal relative effect"),
                Parameter(f"EC50_{name}", 1.0, "amount/volume", meaning="concentration of half effect"),
                Parameter(f"h_{name}", 1.0, fixed=True, meaning="Hill exponent"),
            )
        ),
        outputs={name: f"{name}_0*(1 {sign} Emax_{name}*{hill})"},
        units={name: unit},
        reference="Holford & Sheiner 1981",
    )
