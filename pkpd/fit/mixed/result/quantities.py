r"""Everything that a population fit reports as a number with an uncertainty: value and slope by the fit's vector.

A quantity q has the standard error :math:`\sqrt{g^T C g}` with g its slope and C the covariance of the vector (delta
method). Its interval is symmetric on a scale on which q has no bounds, and taken back: the scale of estimation for a
parameter, the log for variances, standard deviations and coefficients of variation, Fisher's z for correlations.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from pkpd.arrays import Array
from pkpd.errors import InputError, unknown_names
from pkpd.fit.mixed.problem.shifts import linear_in_effects
from pkpd.model import derivative_text, evaluate_text, expressions
from pkpd.parameters import Scale
from pkpd.parameters.scale import LOG, NATURAL
from pkpd.population import Omega, Population
from pkpd.population.blocks import PREFIX, OmegaBlock

_CORRELATION = Scale(-1.0, 1.0)
_NOTHING = 100.0  # half a width on a scale without bounds, from which on nothing is known but the bounds
_HUGE = 600.0  # a variance from which on e^ω² is no number that anything can be computed with


@dataclass(frozen=True, eq=False)
class Quantity:
    """A reported number.

    Attributes
    ----------
    name : str
        Such as ``"CL"``, ``"var(eta_CL)"``, ``"corr(eta_CL, eta_V)"``, ``"CV(CL)"``, ``"half_life"``.
    value : float
        In `unit`.
    slope : array, shape (free,)
        Derivative by the fit's vector; all 0 for what is fixed.
    scale : Scale
        Where its interval is symmetric.
    kind : str
        ``"typical value"``, ``"coefficient"``, ``"residual error"``, ``"variance"``, ``"covariance"``, ``"SD"``,
        ``"correlation"``, ``"CV %"`` or ``"secondary"``.
    unit, meaning : str
        In words.
    fixed : bool
        Whether it was not estimated.
    """

    name: str
    value: float
    slope: Array
    scale: Scale
    kind: str
    unit: str = ""
    meaning: str = ""
    fixed: bool = False

    def standard_error(self, covariance: Array) -> float:
        """Return the standard error for a covariance of the vector; NaN for what is fixed."""
        if self.fixed:
            return math.nan
        if not np.isfinite(covariance).all():
            return math.nan
        return math.sqrt(max(float(self.slope @ covariance @ self.slope), 0.0))

    def interval(self, covariance: Array, level: float) -> tuple[float, float]:
        """Return the confidence interval for a covariance of the vector."""
        error = self.standard_error(covariance)
        steep = float(self.scale.slope(self.value))
        if not math.isfinite(error) or steep == 0.0:
            return math.nan, math.nan
        reach = float(ndtri(0.5 + level / 2)) * error / abs(steep)
        if reach > _NOTHING:
            return self.scale.lower, self.scale.upper
        x = float(self.scale.to(self.value))
        low, high = (float(self.scale.back(x + sign * reach)) for sign in (-1.0, 1.0))
        return low, high


def parameter_quantities(population: Population, units: Mapping[str, str] | None = None) -> tuple[Quantity, ...]:
    """Return the population's parameters: typical values, coefficients, residual errors, in its order.

    Parameters
    ----------
    population : Population
        At the estimates.
    units : mapping, optional
        Parameter → unit, where it states none itself.
    """
    parameters, free = population.parameters, population.parameters.free
    size = len(free) + len(population.omega.free)
    slopes = dict(zip(free, parameters.slopes(), strict=True))
    noise = {name for error in population.errors for name in error.names}
    noise |= {correlation.name for correlation in population.correlations}
    found = []
    for p in parameters:
        slope = np.zeros(size)
        if p.name in slopes:
            slope[free.index(p.name)] = slopes[p.name]
        kind = "typical value" if p.name in population.model.parameters else "coefficient"
        kind = "residual error" if p.name in noise else kind
        unit = p.unit or (units or {}).get(p.name, "")
        found.append(
            Quantity(p.name, p.value, slope, Scale(p.lower, p.upper), kind, unit, p.meaning, p.name not in slopes)
        )
    return tuple(found)


def omega_quantities(population: Population) -> tuple[Quantity, ...]:
    """Return the elements of Ω: variances and covariances, then SDs and correlations; structural zeros are left out."""
    omega = population.omega
    change = _by_vector(population)
    matrix, names = omega.matrix(), omega.names()
    raw, derived = [], []
    for block, where in _blocks(omega):
        for i, name in enumerate(block.names):
            own = f"{PREFIX[block.level]}_{name}"
            for j in range(i + 1):
                k, m = where[i], where[j]
                value, slope, fixed = float(matrix[k, m]), change[k, m], bool(block.fixed[i, j])
                if i == j:
                    raw.append(Quantity(f"var({own})", value, slope, LOG, "variance", fixed=fixed))
                    if value > 0:
                        sd = math.sqrt(value)
                        derived.append(Quantity(f"sd({own})", sd, slope / (2 * sd), LOG, "SD", fixed=fixed))
                    continue
                other = f"{PREFIX[block.level]}_{block.names[j]}"
                if fixed and value == 0.0:
                    continue
                pair = f"({other}, {own})"
                raw.append(Quantity(f"cov{pair}", value, slope, NATURAL, "covariance", fixed=fixed))
                if matrix[k, k] > 0 and matrix[m, m] > 0:
                    derived.append(_correlation(f"corr{pair}", matrix, change, (k, m)))
    assert len(names) == len(matrix)
    return (*raw, *derived)


def _correlation(name: str, matrix: Array, change: Array, place: tuple[int, int]) -> Quantity:
    k, m = place
    size = math.sqrt(matrix[k, k] * matrix[m, m])
    value = float(matrix[k, m]) / size
    slope = change[k, m] / size - 0.5 * value * (change[k, k] / matrix[k, k] + change[m, m] / matrix[m, m])
    return Quantity(name, value, slope, _CORRELATION, "correlation", fixed=not slope.any())


def _by_vector(population: Population) -> Array:
    """dΩ/dvector of one occasion, shape (effects, effects, free parameters + free elements)."""
    own = population.omega.derivative()
    wide = np.zeros((*own.shape[:2], len(population.parameters.free) + own.shape[2]))
    wide[:, :, len(population.parameters.free) :] = own
    return wide


def _blocks(omega: Omega) -> Iterator[tuple[OmegaBlock, list[int]]]:
    """Every block with the places of its random effects (not of its copies) among `Omega.names`."""
    names = omega.names()
    for block in omega.blocks:
        tail = "_1" if block.level == "occasion" else ""
        yield block, [names.index(f"{PREFIX[block.level]}_{n}{tail}") for n in block.names]


def spread_quantities(population: Population, level: str = "subject") -> dict[str, Quantity]:
    r"""Return how much each parameter varies, by its name.

    A log-normal parameter has the coefficient of variation :math:`100\sqrt{e^{\omega^2} - 1}` %, where :math:`\omega^2`
    is the variance of everything random in its exponent. A normal or logit-normal one has its SD on its scale. A
    parameter whose exponent is not a sum of random effects has neither.

    Parameters
    ----------
    population : Population
        At the estimates.
    level : {"subject", "occasion"}
        Between subjects, or between occasions of a subject.
    """
    omega, change = population.omega, _by_vector(population)
    matrix, names = omega.matrix(), omega.names()
    places = {n.removesuffix("_1") if n.startswith("kappa_") else n: k for k, n in enumerate(names)}
    mine = {n: k for n, k in places.items() if n.startswith(PREFIX[level] + "_")}
    found = {}
    for name, text in {**population._exponents, **population.error_exponents}.items():
        factors = linear_in_effects(text, tuple(places))
        if factors is None or not set(factors) & set(mine):
            continue
        weights = np.zeros(len(names))
        for effect, factor in factors.items():
            if effect in mine:
                weights[mine[effect]] = factor
        variance, slope = float(weights @ matrix @ weights), np.einsum("i,ijk,j->k", weights, change, weights)
        found[name] = _spread(population, name, variance, slope)
    return found


def _spread(population: Population, name: str, variance: float, slope: Array) -> Quantity:
    item = population.parameters.get(name)
    scale = population.scales.get(name, "") or item.scale
    fixed = not slope.any()
    sd = math.sqrt(variance)
    if scale == "log" and item.lower in (0.0, -math.inf):
        cv = 100 * math.sqrt(math.expm1(variance)) if variance < _HUGE else math.inf
        steep = 5e3 * math.exp(variance) / cv if 0.0 < cv < math.inf else 0.0  # dCV/dω² = 100² e^ω² / (2 CV)
        return Quantity(f"CV({name})", cv, steep * slope, LOG, "CV %", "%", f"variability of {name}", fixed)
    where = f"on the {scale} scale" if scale != "natural" else ""
    unit = item.unit if scale == "natural" else ""
    steep = 0.5 / sd if sd else 0.0
    return Quantity(f"SD({name})", sd, steep * slope, LOG, "SD", unit, f"variability of {name} {where}".strip(), fixed)


def secondary_quantities(population: Population, texts: Mapping[str, str]) -> tuple[Quantity, ...]:
    """Return what is made of the typical values, e.g. ``{"half_life": "log(2)*V/CL"}``.

    A positive value has its interval on the log scale, another one on its own.

    Parameters
    ----------
    population : Population
        At the estimates.
    texts : mapping
        Name → equation in the population's parameters.

    Raises
    ------
    InputError
        Listing every unknown name, and every name that is taken.
    """
    parameters, values = population.parameters, population.parameters.as_dict()
    problems = [f"secondary parameter {n!r} is a parameter already; give another name" for n in texts if n in values]
    for name, text in texts.items():
        problems += unknown_names(sorted(expressions.names(text)), parameters.names, f"name in {name} = {text!r}")
    if problems:
        raise InputError(problems, "secondary parameters")
    slopes = dict(zip(parameters.free, parameters.slopes(), strict=True))
    size, found = len(parameters.free) + len(population.omega.free), []
    for name, text in texts.items():
        value, slope = float(evaluate_text(text, values)), np.zeros(size)
        for used in sorted(expressions.names(text) & set(slopes)):
            by_own = float(evaluate_text(derivative_text(text, used), values))
            slope[parameters.free.index(used)] = by_own * slopes[used]
        scale = LOG if value > 0 else NATURAL
        found.append(Quantity(name, value, slope, scale, "secondary", "", text, not slope.any()))
    return tuple(found)


def standard_secondary(population: Population) -> dict[str, str]:
    """Return the secondary parameters that a linear model of the library has: half-lives, volume at steady state."""
    from pkpd.library.disposition import drug, way_in  # the library is read when it is asked for

    central = population.model.equations.get("central")
    known = {drug(n, way_in(oral)).equations["central"]: (n, oral) for n in (1, 2, 3) for oral in (False, True)}
    found = known.get(str(central))
    if found is None:
        return {}
    compartments, oral = found
    absorbed = {"half_life_absorption": "log(2)/ka"} if oral else {}
    if compartments == 1:
        return {"half_life": "log(2)*V/CL", **absorbed}
    if compartments == 3:
        return {"Vss": "V1 + V2 + V3", **absorbed}
    total = "(CL/V1 + Q/V1 + Q/V2)"
    root = f"sqrt({total}**2 - 4*CL/V1*Q/V2)"
    return {
        "half_life_alpha": f"2*log(2)/({total} + {root})",
        "half_life_beta": f"log(2)*({total} + {root})/(2*CL*Q/(V1*V2))",  # without the difference of like numbers
        "Vss": "V1 + V2",
        **absorbed,
    }
