"""Circadian rhythm: a baseline that follows the clock, and turnover whose production does."""

from __future__ import annotations

from pkpd.arguments import checked
from pkpd.library.common import baseline, drive, kout
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_TURN = "6.283185307179586"


def _rhythm(name: str) -> tuple[Parameter, ...]:
    return (
        Parameter(f"amp_{name}", 0.3, upper=1.0, meaning="amplitude relative to the mean"),
        Parameter(f"peak_{name}", 8.0, "time", lower=float("-inf"), meaning="time of the peak"),
        Parameter(f"period_{name}", 24.0, "time", fixed=True, meaning="period"),
    )


@checked
def circadian_baseline(name: str = "B", *, unit: str = "") -> Model:
    r"""A baseline that follows the clock as a cosine; time 0 of the study is 0 h of the clock.

    .. math:: B = B_0\left[1 + a\cos\left(2\pi(t - t_{peak})/T\right)\right]

    Parameters
    ----------
    name, unit : str
        Name and unit of what oscillates; another model may use it by its name.

    References
    ----------
    Krzyzanski W, Chakraborty A, Jusko WJ. Chronobiol Int 2000;17:77-93.
    """
    wave = f"cos({_TURN}*(t - peak_{name})/period_{name})"
    return Model(
        name=f"circadian baseline of {name}",
        equations={},
        parameters=Parameters((baseline(name, unit), *_rhythm(name))),
        outputs={name: f"{name}_0*(1 + amp_{name}*{wave})"},
        units={name: unit},
        reference="Krzyzanski, Chakraborty & Jusko 2000",
    )


@checked
def circadian_turnover(name: str = "R", *, by: str = "C", unit: str = "") -> Model:
    r"""Turnover whose production follows the clock and is inhibited by a drug (cortisol under a steroid).

    .. math:: dR/dt = k_{out}R_0\left[1 + a\cos\left(\omega(t - t_{peak})\right)\right]
        \left(1 - \frac{I_{max}C}{IC_{50} + C}\right) - k_{out}R, \quad \omega = 2\pi/T

    It starts on its own cycle, :math:`R(0) = R_0[1 + a\,k_{out}(k_{out}\cos\omega t_{peak} -
    \omega\sin\omega t_{peak})/(k_{out}^2 + \omega^2)]`, so that without drug every day is like the first. The peak
    is that of production; the response follows :math:`\arctan(\omega/k_{out})/\omega` later.

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the response, and what inhibits its production (a concentration).

    References
    ----------
    Chakraborty A, Krzyzanski W, Jusko WJ. J Pharmacokinet Biopharm 1999;27:23-43.
    """
    factor, extra = drive(True, name, by)
    k, speed = f"kout_{name}", f"({_TURN}/period_{name})"
    wave = f"cos({speed}*(t - peak_{name}))"
    turn = f"{speed}*peak_{name}"
    start = f"{k}*({k}*cos({turn}) - {speed}*sin({turn}))/({k}**2 + {speed}**2)"
    return Model(
        name=f"circadian turnover of {name}",
        equations={name: f"{k}*{name}_0*(1 + amp_{name}*{wave})*{factor} - {k}*{name}"},
        parameters=Parameters((kout(name), baseline(name, unit), *_rhythm(name), *extra)),
        outputs={name: name},
        initial={name: f"{name}_0*(1 + amp_{name}*{start})"},
        units={name: unit},
        reference="Chakraborty, Krzyzanski & Jusko 1999",
    )
