r"""Random effects of residual errors: the SD of an output is multiplied with exp of a sum of random effects.

.. math:: h(y) = h(f) + g(f)\,e^{\tau}\varepsilon, \qquad \tau = \sum_k c_k\eta_k

so that some people (or occasions) are measured, or predicted, worse than others. τ is one more number that the rows of
a subject depend on, beside their prediction; predictions do not know it. A row adds :math:`l(f, \tau)`, and its
curvature by both is

.. math:: l_{ff} f'f'^T + l_f f'' + l_{f\tau}(f'u^T + uf'^T) + l_{\tau\tau}uu^T

with u the unit vector of τ. FOCE with interaction takes the expectations
:math:`2m_f^2/g^2 + 4g_f^2/g^2`, :math:`4g_f/g` and 4 in place of the three second derivatives.

References
----------
Karlsson MO, Jonsson EN, Wiltse CG, Wade JR. Assumption testing in population pharmacokinetic models: illustrated with
an analysis of moxonidine data from congestive heart failure patients. J Pharmacokinet Biopharm 1998;26:207-246.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.engine import sd_function
from pkpd.errors import InputError, ModelError
from pkpd.model import derivative_text, evaluate_text, expressions
from pkpd.observed import Observed
from pkpd.population import Population, ResidualError

_SAME = 1e-10  # relative difference of SDs that are the same


@dataclass(frozen=True, eq=False)
class Spreads:
    """How random effects make up the factors of residual SDs.

    Attributes
    ----------
    effects : array, shape (spreads, random effects)
        What each spread's τ is made of.
    places : mapping
        Output → its spread, or one for each occasion.
    """

    effects: Array
    places: Mapping[str, tuple[int, ...]]

    def __bool__(self) -> bool:
        """Whether there is any."""
        return bool(self.places)

    def of_rows(self, data: Observed) -> Integers:
        """Return the spread of every row, -1 where its SD is the same in everybody, shape (rows,)."""
        found = np.full(data.output.shape, -1, dtype=np.int64)
        for output, places in self.places.items():
            mine = data.of(output)
            occasion = np.maximum(data.occasion[mine], 0) if len(places) > 1 else 0
            found[mine] = np.asarray(places)[occasion]
        return found


NO_SPREADS = Spreads(np.zeros((0, 0)), {})
"""All residual SDs are the same in everybody."""


def spreads_of(population: Population, occasions: int, places: Mapping[str, int], known: tuple[str, ...]) -> Spreads:
    """Return the spreads of a population.

    Parameters
    ----------
    population : Population
        Its `error_exponents` say which SDs have random effects.
    occasions : int
        Most occasions of a subject.
    places : mapping
        Random effect with a variance, by its whole name such as ``kappa_add_C_2`` → its place among these.
    known : tuple of str
        Random effects as they stand in exponents.

    Raises
    ------
    InputError
        Where an exponent is no sum of random effects, or does not multiply the whole SD.
    """
    given, found, problems = population.error_exponents, {}, []
    rows: list[Array] = []
    for error in population.errors:
        own = {n: given[n] for n in error.names if n in given}
        if not own:
            continue
        text = next(iter(own.values()))
        factors = linear_in_effects(text, known)
        if factors is None:
            problems.append(f"the exponent of {next(iter(own))} is {text!r}; expected a sum of random effects")
        elif len(set(own.values())) > 1 or not _multiplies(error, tuple(own)):
            problems.append(_advice(error, own, text))
        else:
            kappas = any(name.startswith("kappa_") for name in factors)
            marks = [f"_{k}" for k in range(1, occasions + 1)] if kappas else [""]
            found[error.output] = tuple(range(len(rows), len(rows) + len(marks)))
            for mark in marks:
                row = np.zeros(len(places))
                for name, factor in factors.items():
                    whole = f"{name}{mark}" if name.startswith("kappa_") else name
                    if whole in places:
                        row[places[whole]] = factor
                rows.append(row)
    if problems:
        raise InputError(problems, "population")
    return Spreads(np.array(rows).reshape(len(rows), len(places)), found)


def _multiplies(error: ResidualError, own: tuple[str, ...]) -> bool:
    """Whether the SD is multiplied with a factor when these of its parameters are."""
    function, f = sd_function(error), np.array([0.3, 1.0, 7.0])
    values = np.linspace(0.4, 0.9, len(error.names))
    mine = np.array([n in own for n in error.names])
    reading = np.column_stack([f, f])
    plain, more = function(reading, values)[:, 0], function(reading, np.where(mine, 1.5 * values, values))[:, 0]
    return bool((np.abs(more - 1.5 * plain) <= _SAME * plain).all())


def _advice(error: ResidualError, own: Mapping[str, str], text: str) -> str:
    whole = [n for k in range(1, 2 ** len(error.names)) if _multiplies(
        error, w := tuple(n for i, n in enumerate(error.names) if k >> i & 1)) for n in w]  # fmt: skip
    pairs = ", ".join(f"{n!r}: {text!r}" for n in dict.fromkeys(whole))
    return (
        f"a random effect multiplies the whole SD of {error.output}, which {', '.join(own)} alone does not with the "
        f"same exponent; give exponents={{{pairs}}}"
    )


def linear_in_effects(text: str, effects: tuple[str, ...]) -> dict[str, float] | None:
    """Return effect → factor where an exponent is a sum of random effects with numbers for factors; else None."""
    names = expressions.names(text)
    if names - set(effects):
        return None
    factors = {}
    for name in sorted(names, key=effects.index):
        try:
            slope = derivative_text(text, name)
        except ModelError:
            return None
        if expressions.names(slope):
            return None
        factors[name] = float(evaluate_text(slope, {}))
    rest = float(evaluate_text(text, dict.fromkeys(names, 0.0)))
    return factors if rest == 0.0 else None
