"""Haematological toxicity: blood cells that mature in the marrow, with feedback (myelosuppression)."""

from __future__ import annotations

from itertools import pairwise

from pkpd.arguments import checked
from pkpd.library.common import half, require_choice
from pkpd.model import Model
from pkpd.parameters import Parameter, Parameters

_EFFECTS = ("linear", "emax")


@checked
def myelosuppression(name: str = "ANC", *, by: str = "C", unit: str = "10^9/L", effect: str = "linear") -> Model:
    r"""Chemotherapy-induced myelosuppression: proliferating cells mature in three steps and feed back.

    .. math:: dP/dt = k_{tr}P\left[(1 - E)\left(\frac{N_0}{N}\right)^{\gamma} - 1\right], \quad
        dT_1/dt = k_{tr}(P - T_1), \ldots, \quad dN/dt = k_{tr}(T_3 - N), \quad k_{tr} = 4/MTT

    Parameters
    ----------
    name, by, unit : str
        Name and unit of the circulating cells, and what acts on the proliferating ones (a concentration).
    effect : {"linear", "emax"}
        E = slope·C, or Emax·C/(EC50 + C).

    References
    ----------
    Friberg LE, Henningsson A, Maas H, Nguyen L, Karlsson MO. J Clin Oncol 2002;20:4713-4721.
    """
    require_choice(effect, _EFFECTS, "effect")
    if effect == "linear":
        drug = f"slope_{name}*({by})"
        extra = [Parameter(f"slope_{name}", 1.0, "volume/amount", meaning="inhibition per unit of concentration")]
    else:
        drug = f"Emax_{name}*({by})/(EC50_{name} + ({by}))"
        extra = [Parameter(f"Emax_{name}", 2.0, meaning="maximal effect; above 1 cells die"), half(f"EC50_{name}")]
    chain = [f"{name}_{part}" for part in ("prol", "transit1", "transit2", "transit3")] + [name]
    first, rate = chain[0], f"4/MTT_{name}"
    equations = {first: f"{rate}*{first}*(1 - {drug})*({name}_0/{name})**gamma_{name} - {rate}*{first}"}
    equations |= {b: f"{rate}*{a} - {rate}*{b}" for a, b in pairwise(chain)}
    return Model(
        name=f"myelosuppression ({name})",
        equations=equations,
        parameters=Parameters(
            (
                Parameter(f"MTT_{name}", 100.0, "time", meaning="mean maturation time"),
                Parameter(f"{name}_0", 5.0 if unit == "10^9/L" else float("nan"), unit, meaning=f"baseline of {name}"),
                Parameter(f"gamma_{name}", 0.17, meaning="exponent of the feedback"),
                *extra,
            )
        ),
        outputs={name: name},
        initial=dict.fromkeys(chain, f"{name}_0"),
        units=dict.fromkeys(chain, unit),
        reference="Friberg et al. 2002",
    )
