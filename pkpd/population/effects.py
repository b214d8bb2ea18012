"""How random effects and covariates enter each parameter: texts from exponents, relations and scales."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pkpd.arrays import Array
from pkpd.errors import InputError, nearest, unknown_names
from pkpd.model import Model, evaluate_text, expressions
from pkpd.model.individual import individual_text
from pkpd.parameters import Parameters
from pkpd.population.omega import Omega


def exponents_of(
    omega: Omega, given: Mapping[str, str], model: Model, parameters: Parameters, errors: tuple[str, ...] = ()
) -> dict[str, str]:
    """Return what is added to every parameter on its scale: what is given, else the random effects of its name.

    Parameters
    ----------
    omega : Omega
        The random effects.
    given : mapping
        Parameter → text in random effects, e.g. ``"eta_scale + eta_CL"``.
    model : Model
        Its parameters can have random effects.
    parameters : Parameters
        Those that are not the model's may stand in the texts as coefficients.
    errors : tuple of str
        Parameters of residual errors, which can have random effects, too.

    Raises
    ------
    InputError
        Listing unknown names, and random effects that act on nothing.
    """
    known = [f"eta_{n}" for n in omega.effects()] + [f"kappa_{n}" for n in omega.effects("occasion")]
    names = (*model.parameters.names, *errors)
    problems = unknown_names(given, names, "parameter with an exponent")
    exponents = {}
    for name in names:
        if name in given:
            exponents[name] = given[name]
        elif own := [e for e in (f"eta_{name}", f"kappa_{name}") if e in known]:
            exponents[name] = " + ".join(own)
    used: set[str] = set()
    allowed = [*known, *(n for n in parameters.names if n not in model.parameters)]
    for name, text in exponents.items():
        try:
            used |= expressions.names(text)
        except InputError as error:
            problems += [f"exponent of {name}: {p}" for p in error.problems]
    problems += [
        f"{effect!r} in the exponent of {name} is unknown; {nearest(effect, allowed)}"
        for name, text in exponents.items()
        if not problems
        for effect in sorted(expressions.names(text) - set(allowed))
    ]
    for effect in known:
        if effect not in used:
            parameter = effect.partition("_")[2]
            what = f"write it into the exponent of {parameter}" if parameter in names else nearest(parameter, names)
            problems.append(f"random effect {effect!r} acts on no parameter; {what}")
    if problems:
        raise InputError(problems, "population")
    return exponents


def individual_texts(
    parameters: Parameters, exponents: Mapping[str, str], relations: Mapping[str, str], scales: Mapping[str, str]
) -> dict[str, str]:
    """Return the text of every parameter that differs between subjects; ``kappa_CL`` is that of the occasion.

    Raises
    ------
    InputError
        Listing scales that do not exist or do not fit the bounds.
    """
    problems = unknown_names(scales, parameters.names, "parameter with a scale")
    texts = {}
    for name in dict.fromkeys([*exponents, *relations]):
        try:
            texts[name] = individual_text(
                parameters.get(name), exponents.get(name, ""), relations.get(name, ""), scales.get(name, "")
            )
        except InputError as error:
            problems += error.problems
    if problems:
        raise InputError(problems, "population")
    return texts


def differs_by_occasion(text: str, names: tuple[str, ...]) -> bool:
    """Say whether a text differs between occasions, whose random effects are those of `names`."""
    return bool(expressions.names(text) & {f"kappa_{n}" for n in names})


def own_errors(exponents: Mapping[str, str], parameters: Parameters, omega: Omega, eta: Array) -> dict[str, Array]:
    """Return the residual errors' parameters that differ between subjects, shape (subjects,) each.

    Parameters
    ----------
    exponents : mapping
        Parameter of a residual error → text in random effects.
    parameters, omega : Parameters, Omega
        Typical values, and the names of the effects.
    eta : array, shape (subjects, etas)
        Random effects between subjects.
    """
    effects = {f"eta_{n}": eta[:, k] for k, n in enumerate(omega.effects())}
    values = {**parameters.as_dict(), **effects}
    return {n: parameters[n] * np.exp(evaluate_text(text, values)) for n, text in exponents.items()}
