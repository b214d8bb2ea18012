"""Effects that follow a concentration without delay: linear, log-linear, Emax, sigmoid Emax, Imax."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.library.common import CONCENTRATION, baseline, half
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_HOLFORD = "Holford & Sheiner 1981"


def _effect(name: str, unit: str, text: str, extra: tuple[Parameter, ...], what: str, source: str = _HOLFORD) -> Model:
    return Model(
        name=f"{what} on {name}",
        equations={},
        parameters=Parameters((baseline(name, unit), *extra)),
        outputs={name: text},
        units={name: unit},
        reference=source,
    )


@checked
def direct_effect(name: str = "E", *, by: str = "C", unit: str = "", inhibits: bool = False) -> Model:
    r"""Direct sigmoid effect relative to the baseline.

    .. math:: E = E_0\left(1 \pm \frac{E_{max}C^h}{EC_{50}^h + C^h}\right)

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
    c = _power(name, by)
    hill = f"{c}/(EC50_{name}**h_{name} + {c})"
    extra = (
        Parameter(f"Emax_{name}", 0.9, upper=top, meaning="maximal relative effect"),
        half(f"EC50_{name}"),
        Parameter(f"h_{name}", 1.0, fixed=True, meaning="Hill exponent"),
    )
    return _effect(name, unit, f"{name}_0*(1 {sign} Emax_{name}*{hill})", extra, "direct effect")


@checked
def linear_effect(name: str = "E", *, by: str = "C", unit: str = "") -> Model:
    r"""Direct effect in proportion to the concentration.

    .. math:: E = E_0 + S\,C

    The parameters are those of `emax_effect`.

    References
    ----------
    Holford NHG, Sheiner LB. Clin Pharmacokinet 1981;6:429-453.
    """
    slope = Parameter(f"S_{name}", 1.0, f"{unit or '1'}/({CONCENTRATION})", meaning=f"effect per unit of {by}")
    return _effect(name, unit, f"{name}_0 + S_{name}*({by})", (slope,), "linear effect")


@checked
def log_linear_effect(name: str = "E", *, by: str = "C", unit: str = "") -> Model:
    r"""Direct effect in proportion to the logarithm of the concentration, and the baseline without drug.

    .. math:: E = E_0 + m\ln(1 + C/C_0)

    Far above C0 the effect rises by m ln 10 for every tenfold concentration, as in the classical
    :math:`E = m\ln C + e`, which has no value at C = 0. The parameters are those of `emax_effect`.

    References
    ----------
    Holford NHG, Sheiner LB. Clin Pharmacokinet 1981;6:429-453.
    """
    extra = (
        Parameter(f"m_{name}", 1.0, unit, meaning="slope of the effect against ln C"),
        Parameter(f"C0_{name}", 1.0, CONCENTRATION, meaning="concentration from which the effect is logarithmic"),
    )
    return _effect(name, unit, f"{name}_0 + m_{name}*log(1 + ({by})/C0_{name})", extra, "log-linear effect")


@checked
def emax_effect(name: str = "E", *, by: str = "C", unit: str = "") -> Model:
    r"""Direct Emax effect added to the baseline.

    .. math:: E = E_0 + \frac{E_{max}C}{EC_{50} + C}

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the effect, and what drives it (a concentration).

    References
    ----------
    Holford NHG, Sheiner LB. Clin Pharmacokinet 1981;6:429-453.
    """
    text = f"{name}_0 + Emax_{name}*({by})/(EC50_{name} + ({by}))"
    return _effect(name, unit, text, (_emax(name, unit), half(f"EC50_{name}")), "Emax effect")


@checked
def sigmoid_emax_effect(name: str = "E", *, by: str = "C", unit: str = "") -> Model:
    r"""Direct sigmoid Emax effect (Hill equation) added to the baseline.

    .. math:: E = E_0 + \frac{E_{max}C^h}{EC_{50}^h + C^h}

    The parameters are those of `emax_effect`.

    References
    ----------
    Holford NHG, Sheiner LB. Clin Pharmacokinet 1981;6:429-453.
    """
    c = _power(name, by)
    extra = (_emax(name, unit), half(f"EC50_{name}"), Parameter(f"h_{name}", 2.0, meaning="Hill exponent"))
    text = f"{name}_0 + Emax_{name}*{c}/(EC50_{name}**h_{name} + {c})"
    return _effect(name, unit, text, extra, "sigmoid Emax effect")


@checked
def imax_effect(name: str = "E", *, by: str = "C", unit: str = "") -> Model:
    r"""Direct inhibition of the baseline.

    .. math:: E = E_0\left(1 - \frac{I_{max}C}{IC_{50} + C}\right)

    The parameters are those of `emax_effect`.

    References
    ----------
    Holford NHG, Sheiner LB. Clin Pharmacokinet 1981;6:429-453.
    """
    extra = (Parameter(f"Imax_{name}", 0.9, upper=1.0, meaning="maximal inhibition"), half(f"IC50_{name}"))
    return _effect(name, unit, f"{name}_0*(1 - Imax_{name}*({by})/(IC50_{name} + ({by})))", extra, "inhibition")


def _power(name: str, by: str) -> str:
    """A concentration to the power h; an integrated one may miss zero by its tolerance, which has no real root."""
    return f"max({by}, 0)**h_{name}"


def _emax(name: str, unit: str) -> Parameter:
    return Parameter(f"Emax_{name}", 10.0, unit, meaning="maximal effect above the baseline")
