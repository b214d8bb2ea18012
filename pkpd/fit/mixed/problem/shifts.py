r"""What predictions depend on, as few numbers a subject as possible: shifts of its parameters on their scales.

The individual parameter of a subject is :math:`T(\mu(\theta, x) + s)`, where T is the scale (exp, logit …) and the
shift s a sum of random effects. Predictions know the random effects and most of the fixed effects only through s:

.. math:: \frac{\partial f}{\partial\eta} = \frac{\partial f}{\partial s} E, \qquad
          \frac{\partial f}{\partial\theta} = \frac{\partial f}{\partial s} Z,
          \qquad Z = \frac{\partial\mu}{\partial\theta}

so that the engine differentiates by the shifts alone (mu-referencing, found in the texts and not declared). A
coefficient of a covariate that changes within a subject, and whatever an exponent holds beside a plain sum of random
effects, is differentiated by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from pkpd.arrays import Array, Integers
from pkpd.errors import ModelError
from pkpd.fit.mixed.problem.spreads import NO_SPREADS, Spreads, linear_in_effects, spreads_of
from pkpd.model import Model, derivative_text, evaluate_text, expressions, individual_model
from pkpd.model.individual import individual_text, over_occasions
from pkpd.observed import Observed
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Population
from pkpd.population.effects import individual_texts

PREFIX = "shift_"
_STEADY = 1e-9  # relative difference within a subject that does not count as a change


@dataclass(frozen=True, eq=False)
class Shifts:
    """The model of one subject, differentiated by its shifts.

    Attributes
    ----------
    model : Model
        The individual model; shifts are parameters of value 0, ``occasion_1`` … covariates.
    names : tuple of str
        What the engine differentiates by: shifts, then parameters and random effects that stand for themselves.
    effects : array, shape (differentiated + spreads, random effects)
        :math:`E`: how the random effects (those with a variance, in the order of `Omega.names`) make up `names`.
    active : array of int, shape (random effects,)
        Places of these random effects among all of `Omega.names`.
    free : tuple of str
        Fixed effects that are estimated: parameters of the model and coefficients, in the order of the population.
    shared : tuple of (int, int)
        (place in `names`, place in `free`) where Z is the derivative of the scale of estimation alone, wherever a
        parameter is shifted on the scale on which it is estimated: Z is 1 there.
    by_text : tuple of (int, int, str, str)
        (place in `names`, place in `free`, dT/dθ, dT/ds) where it is a ratio of two texts, per row of covariates.
    alone : tuple of (int, int)
        (place in `names`, place in `free`) of parameters that stand for themselves: Z is dθ/dv.
    spreads : Spreads
        Random effects of residual SDs: their shifts come after `names`, and predictions do not know them.
    """

    model: Model
    names: tuple[str, ...]
    effects: Array
    active: Integers
    free: tuple[str, ...]
    shared: tuple[tuple[int, int], ...]
    by_text: tuple[tuple[int, int, str, str], ...]
    alone: tuple[tuple[int, int], ...]
    spreads: Spreads = NO_SPREADS

    @cached_property
    def plain(self) -> bool:
        """Whether Z is the same for all subjects and all values."""
        return not self.by_text and not self.alone

    def links(self, parameters: Parameters, covariates: Mapping[str, Array]) -> Array:
        """Return Z = d(differentiated)/d(vector of free fixed effects), shape (1 or subjects, differentiated, free).

        Parameters
        ----------
        parameters : Parameters
            Present values.
        covariates : mapping
            Covariate → value of every subject's first row, shape (subjects,).
        """
        count = len(next(iter(covariates.values()))) if self.by_text and covariates else 1
        whole = np.zeros((count, len(self.effects), len(self.free)))
        for place, k in self.shared:
            whole[:, place, k] = 1.0
        if self.by_text or self.alone:
            slopes = dict(zip(parameters.free, parameters.slopes(), strict=True))
            for place, k in self.alone:
                whole[:, place, k] = slopes[self.free[k]]
            for place, k, above, below in self.by_text:
                whole[:, place, k] = _ratio(above, below, parameters, covariates) * slopes[self.free[k]]
        return whole


def _ratio(above: str, below: str, parameters: Parameters, covariates: Mapping[str, Array]) -> Array:
    values = {**parameters.as_dict(), **covariates, "s": 0.0}
    with np.errstate(all="ignore"):  # a covariate of 0, say: the problem says so where it is used
        ratio: Array = evaluate_text(above, values) / evaluate_text(below, values)
    return ratio


def shifts_of(population: Population, data: Observed, occasions: int) -> Shifts:
    """Return the individual model of a population, differentiated by shifts.

    Parameters
    ----------
    population : Population
        What is fitted; its model has the units of the data.
    data : Observed
        Its covariates say which coefficients a shift can stand for.
    occasions : int
        Most occasions of a subject.
    """
    return _Maker(population, data, occasions).made()


class _Maker:
    """Collects, parameter by parameter, what is differentiated and how it is put together."""

    def __init__(self, population: Population, data: Observed, occasions: int) -> None:
        self.population, self.data, self.occasions = population, data, occasions
        parameters = population.parameters
        self.free = tuple(
            n for n in parameters.free if n in population.model.parameters or n in population.coefficients
        )
        self.kappas = population.omega.effects("occasion")
        every = population.omega.names(occasions)
        variances = np.diag(population.omega.matrix(occasions))
        self.active = np.flatnonzero(variances > 0).astype(np.int64)
        self.effect_place = {every[k]: place for place, k in enumerate(self.active)}
        self.names: list[str] = []
        self.effects: dict[tuple[int, int], float] = {}
        self.shared: list[tuple[int, int]] = []
        self.by_text: list[tuple[int, int, str, str]] = []
        self.alone: list[tuple[int, int]] = []

    def made(self) -> Shifts:
        population = self.population
        exponents = dict(population._exponents)
        plain = {}
        for name in population.model.parameters.names:
            text = exponents.get(name, "")
            sum_of = linear_in_effects(text, self._known()) if text else {}
            related = set(expressions.names(population.relations[name])) if name in population.relations else set()
            if sum_of is None:
                continue  # its exponent stays as it is
            if text or name in self.free or related & set(self.free):
                plain[name] = sum_of
        texts = individual_texts(
            population.parameters, {n: t for n, t in exponents.items() if n not in plain},
            {n: t for n, t in population.relations.items() if n not in plain},
            {n: s for n, s in population.scales.items() if n not in plain},
        )  # fmt: skip
        own: set[str] = set()  # what stands for itself
        for text in texts.values():
            own |= expressions.names(text)
        for name, sum_of in plain.items():
            texts[name] = self._shifted(name, sum_of, own)
        for effect in self.effect_place:
            plainly = effect.rsplit("_", 1)[0] if effect.startswith("kappa_") else effect
            if plainly in own or effect in own:
                self.effects[self._place(effect), self.effect_place[effect]] = 1.0
        for k, name in enumerate(self.free):
            if name in own:
                self.alone.append((self._place(name), k))
        return self._built(texts)

    def _known(self) -> tuple[str, ...]:
        omega = self.population.omega
        return (*(f"eta_{n}" for n in omega.effects()), *(f"kappa_{n}" for n in self.kappas))

    def _place(self, name: str) -> int:
        if name not in self.names:
            self.names.append(name)
        return self.names.index(name)

    def _shifted(self, name: str, sum_of: Mapping[str, float], own: set[str]) -> str:
        """Return the text of a parameter with a shift for its random effects; note what makes the shift up."""
        population = self.population
        parameter = population.parameters.get(name)
        centre, scale = population.relations.get(name, ""), population.scales.get(name, "")
        by_occasion = any(effect.startswith("kappa_") for effect in sum_of)
        label = f"{PREFIX}{name}"
        shifts = [f"{label}_{k}" for k in range(1, self.occasions + 1)] if by_occasion else [label]
        exponent = " + ".join(f"{s}*occasion_{k}" for k, s in enumerate(shifts, 1)) if by_occasion else label
        for k, shift in enumerate(shifts, 1):
            place = self._place(shift)
            for effect, factor in sum_of.items():
                whole = f"{effect}_{k}" if effect.startswith("kappa_") else effect
                if whole in self.effect_place:
                    self.effects[place, self.effect_place[whole]] = factor
        used = sorted(expressions.names(centre)) if centre else [name]
        plain = not centre and (scale or parameter.scale) == parameter.scale
        for theta in used:
            if theta not in self.free:
                continue
            k = self.free.index(theta)
            places = [self.names.index(s) for s in shifts]
            if plain:
                self.shared += [(place, k) for place in places]
                continue
            text = individual_text(parameter, "s", centre, scale)
            pair = self._constant_ratio(text, theta)
            if pair is None:
                own.add(theta)
            else:
                self.by_text += [(place, k, *pair) for place in places]
        return individual_text(parameter, exponent, centre, scale)

    def _constant_ratio(self, text: str, theta: str) -> tuple[str, str] | None:
        """Return dT/dθ and dT/ds, if their ratio does not change within any subject; None if it does."""
        try:
            above, below = derivative_text(text, theta), derivative_text(text, "s")
        except ModelError:
            return None  # a condition, say, whose derivative cannot be written
        parameters, columns = self.population.parameters, self.covariates()
        owner = self.data.value_subject
        first = np.searchsorted(owner, np.arange(len(self.data.subjects)))
        for factor in (1.0, 1.37):  # at two places, so that a chance cannot decide
            moved = parameters.with_values({theta: parameters[theta] * factor}) if _inside(
                parameters.get(theta), parameters[theta] * factor) else parameters  # fmt: skip
            ratio = np.broadcast_to(_ratio(above, below, moved, columns), owner.shape)
            away = np.abs(ratio - ratio[first[owner]])
            if not (away <= _STEADY * np.maximum(np.abs(ratio), 1e-300)).all():
                return None
        return above, below

    def covariates(self) -> dict[str, Array]:
        """Covariates of the relations, shape (value rows,) each."""
        names = list(self.data.model.covariates)
        return {n: self.data.covariates[:, names.index(n)] for n in self.population.covariate_names}

    def _built(self, texts: Mapping[str, str]) -> Shifts:
        population = self.population
        written = {n: over_occasions(t, self.kappas, self.occasions) for n, t in texts.items()}
        coefficients = population.parameters.subset(population.coefficients).items
        found = dict.fromkeys(name for text in written.values() for name in sorted(expressions.names(text)))
        added = [n for n in found if n.startswith((PREFIX, "eta_", "kappa_")) and n not in population.parameters]
        shifts = tuple(Parameter(n, 0.0, "", -np.inf, np.inf, meaning=f"shift {n}") for n in added)
        marks = tuple(f"occasion_{k}" for k in range(1, self.occasions + 1)) if self.kappas else ()
        typical = replace(population.model, parameters=population.parameters.subset(population.model.parameters.names))
        model = individual_model(typical, written, Parameters((*coefficients, *shifts)),
                                 (*population.covariate_names, *marks))  # fmt: skip
        effects = np.zeros((len(self.names), len(self.active)))
        for (place, effect), factor in self.effects.items():
            effects[place, effect] = factor
        spreads = spreads_of(population, self.occasions, self.effect_place, self._known())
        return Shifts(
            model, tuple(self.names), np.vstack([effects, spreads.effects]), self.active, self.free,
            tuple(self.shared), tuple(self.by_text), tuple(self.alone), spreads,
        )  # fmt: skip


def _inside(item: Parameter, value: float) -> bool:
    return item.lower < value < item.upper


__all__ = ["Shifts", "linear_in_effects", "shifts_of"]
