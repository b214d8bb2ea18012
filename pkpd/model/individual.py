r"""A model of one subject from the model of a typical one: random effects and covariates are written into its text.

.. math:: CL_i = CL\,e^{\eta_{CL} + \kappa_{CL,k}}

becomes ``CL*exp(eta_CL + kappa_CL_1*occasion_1 + kappa_CL_2*occasion_2)`` wherever ``CL`` stands. ``occasion_1`` … are
covariates that are 0 or 1 and change in time, so that derivatives with respect to every random effect follow the
subject from one occasion into the next, exactly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from pkpd.errors import InputError, ModelError, nearest
from pkpd.model import expressions
from pkpd.model.model import DOSING, Model
from pkpd.parameters import Parameter, Parameters

SCALES = ("log", "logit", "natural")
"""Scales on which a random effect is added: log-normal, logit-normal and normal parameters."""


def individual_text(parameter: Parameter, exponent: str, centre: str = "", scale: str = "") -> str:
    r"""Return the text of a parameter of one subject.

    ===========  ===========================================================================================
    log          :math:`l + (\theta - l)\,e^x`; with an upper bound alone :math:`u - (u - \theta)\,e^{-x}`
    logit        :math:`l + (u - l)\,/\,(1 + e^{-x}\,(u - \theta)/(\theta - l))`, which stays inside the bounds
    natural      :math:`\theta + x`
    ===========  ===========================================================================================

    Parameters
    ----------
    parameter : Parameter
        The typical parameter :math:`\theta`, with its bounds l and u.
    exponent : str
        :math:`x`: what is added on the scale, such as ``"eta_scale + eta_CL"``; empty for nothing.
    centre : str
        What stands in the place of :math:`\theta`, such as ``"CL*(weight/70)**0.75"``; by default its name.
    scale : {"log", "logit", "natural"}
        By default that of the parameter (`Parameter.scale`).

    Raises
    ------
    InputError
        If the scale is unknown, or a logit is asked for without two finite bounds.
    """
    scale = scale or parameter.scale
    lower, upper = parameter.lower, parameter.upper
    bounded = abs(lower) < float("inf"), abs(upper) < float("inf")
    if scale not in SCALES:
        raise InputError(f"unknown scale {scale!r} of {parameter.name!r}; {nearest(scale, SCALES)}")
    if scale == "logit" and not all(bounded):
        raise InputError(f"parameter {parameter.name!r} has bounds {lower} to {upper}; a logit needs two finite ones")
    base = centre or parameter.name
    if not exponent:
        return base
    parts: dict[str, Any] = {"theta": base, "x": exponent, "low": repr(lower), "high": repr(upper)}
    if scale == "natural":
        form = "theta + x"
    elif scale == "logit":
        # exp(-x) alone: an infinite one gives the lower bound, and 0 the upper one, never NaN
        unit = lower == 0.0 and upper == 1.0
        form = "theta/(theta + (1 - theta)*exp(-(x)))" if unit else (
            "low + (high - low)*((theta - low)/(theta - low + (high - theta)*exp(-(x))))"
        )  # fmt: skip
    elif bounded[0] or not bounded[1]:
        form = "theta*exp(x)" if lower == 0.0 or not bounded[0] else "low + (theta - low)*exp(x)"
    else:
        form = "high - (high - theta)*exp(-(x))"
    return expressions.substitute_names(form, parts)


def over_occasions(text: str, effects: Iterable[str], occasions: int) -> str:
    """Return a text in which ``kappa_CL`` is written out: ``kappa_CL_1*occasion_1 + kappa_CL_2*occasion_2`` …

    Parameters
    ----------
    text : str
        Such as ``"eta_CL + kappa_CL"``.
    effects : iterable of str
        What the random effects between occasions belong to.
    occasions : int
        How many there are.
    """
    sums = {
        f"kappa_{name}": " + ".join(f"kappa_{name}_{k}*occasion_{k}" for k in range(1, occasions + 1)) or "0"
        for name in effects
    }
    return expressions.substitute_names(text, sums)


def individual_model(
    model: Model, texts: Mapping[str, str], added: Parameters, covariates: Iterable[str] = ()
) -> Model:
    """Return the model of one subject: texts in the place of parameters, wherever they stand.

    Parameters
    ----------
    model : Model
        The model of the typical subject.
    texts : mapping
        Parameter → its text in one subject (`individual_text`).
    added : Parameters
        Further parameters of these texts: random effects (value 0, without bounds), coefficients of covariates.
    covariates : iterable of str
        Names in the texts whose values come with each subject, and may change in time.

    Raises
    ------
    ModelError
        Listing every name of a text that nothing defines, and every name that would have two meanings.
    """
    columns = dict.fromkeys([*model.covariates, *covariates])
    known = [*model.parameters.names, *added.names, *columns]
    problems = [
        f"{name!r} has a text, but is no parameter of the model; {nearest(name, model.parameters.names)}"
        for name in texts
        if name not in model.parameters
    ]
    for parameter, text in texts.items():
        problems += [
            f"{name!r} in the text of {parameter} is unknown; {nearest(name, known)}"
            for name in sorted(expressions.names(text) - set(known))
        ]
    if problems:
        raise ModelError(problems, f"individual model of {model.name!r}")

    def written(text: str) -> str:
        return expressions.substitute_names(text, texts) if expressions.names(text) & set(texts) else text

    dosing: Any = {kind: {s: written(e) for s, e in getattr(model, kind).items()} for kind in DOSING}
    return replace(
        model,
        equations={s: written(e) for s, e in model.equations.items()},
        parameters=Parameters((*model.parameters.items, *added.items)),
        outputs={s: written(e) for s, e in model.outputs.items()},
        initial={s: written(e) for s, e in model.initial.items()},
        conserved=tuple(written(c) for c in model.conserved),
        covariates=tuple(columns),
        **dosing,
    )
