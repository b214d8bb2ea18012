"""A parameter that is another one while a patient has antibodies against the drug."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from pkpd.arguments import checked
from pkpd.errors import InputError, few, shown, unknown_names
from pkpd.model import Model, expressions
from pkpd.model.model import DOSING
from pkpd.parameters import Parameter, Parameters
from pkpd.population import Population

NEVER = 1e9
"""Onset (in the model's unit of time) of a patient who never has antibodies: after every time that is asked for."""
ONSET, END, RATIO = "onset_ADA", "end_ADA", "ratio_ADA"


@overload
def with_antibodies(source: Model, on: str | Sequence[str] = "CL", *, transient: bool = False) -> Model: ...


@overload
def with_antibodies(source: Population, on: str | Sequence[str] = "CL", *, transient: bool = False) -> Population: ...


@checked
def with_antibodies(
    source: Model | Population, on: str | Sequence[str] = "CL", *, transient: bool = False
) -> Model | Population:
    r"""Return a model, or a population, in which a parameter changes when antibodies against the drug appear.

    .. math:: CL(t) = \begin{cases} CL & t < t_{onset} \\ r\,CL & t \ge t_{onset} \end{cases}

    The time line of each patient is cut at the patient's own onset, so the solution has no error from the jump, and
    linear models keep their closed form.

    Parameters
    ----------
    source : Model or Population
        Any model that has the parameter; a population keeps its variability, which acts on CL before the ratio does.
    on : str or sequence of str
        The parameter that changes, or several.
    transient : bool
        Whether antibodies may go away again: adds ``end_ADA``, from which on the parameter is what it was.

    Returns
    -------
    Model or Population
        With the parameters ``onset_ADA`` (time; 1e9, which is never, until another value is given) and ``ratio_ADA``
        (the parameter with antibodies over that without; 1 until another value is given). With several parameters
        each has its own ratio, ``ratio_ADA_CL``. Times are fixed: a fit does not search for them.

    Raises
    ------
    InputError
        If a parameter does not exist, stands in an initial value or in what the model says of doses (which cannot
        change with time), or if the model has antibodies already.

    Notes
    -----
    That all of the change comes at once is an assumption. So is its size: nothing published says what antibodies
    against IL-21 do to its clearance.
    """
    model = source.model if isinstance(source, Population) else source
    alone = isinstance(on, str)
    changed = _changed(model, (on,) if isinstance(on, str) else tuple(dict.fromkeys(on)), alone, transient)
    if not isinstance(source, Population):
        return changed
    added = tuple(p for p in changed.parameters if p.name not in model.parameters)
    twice = [p.name for p in added if p.name in source.parameters]
    if twice:
        raise InputError(f"the population has a parameter {few(twice)} already", "with_antibodies")
    return replace(source, model=changed, parameters=Parameters((*source.parameters.items, *added)))


def _changed(model: Model, on: tuple[str, ...], alone: bool, transient: bool) -> Model:
    """Write the change into the equations and outputs of a model."""
    problems = unknown_names(on, model.parameters.names, "parameter of the model")
    if not on:
        problems.append(f"on is {shown(on)}; expected the name of a parameter, such as 'CL'")
    names = {name: RATIO if alone else f"{RATIO}_{name}" for name in on}
    added = [Parameter(ONSET, NEVER, _time(model), fixed=True, meaning="time from which there are antibodies")]
    if transient:
        added.append(Parameter(END, NEVER, _time(model), fixed=True, meaning="time from which there are none any more"))
    added += [Parameter(ratio, 1.0, meaning=f"{name} with antibodies over {name} without")
              for name, ratio in names.items()]  # fmt: skip
    known = {*model.parameters.names, *model.states, *model.outputs, *model.covariates}
    problems += [f"the model has {p.name!r} already: antibodies act in it" for p in added if p.name in known]
    for kind in ("initial", *DOSING):
        what = "the initial value" if kind == "initial" else kind.replace("_", " ")
        for state, text in getattr(model, kind).items():
            there = [name for name in on if name in expressions.names(text)]
            problems += [f"{name} stands in {what} of {state!r}, which cannot change with time" for name in there]
    used = {n for text in (*model.equations.values(), *model.outputs.values()) for n in expressions.names(text)}
    problems += [f"{name} stands in no equation" for name in on if name in model.parameters and name not in used]
    if problems:
        raise InputError(problems, f"antibodies in {model.name!r}")
    without = f"t < {ONSET} or t >= {END}" if transient else f"t < {ONSET}"
    texts = {name: f"{name} if {without} else {ratio}*{name}" for name, ratio in names.items()}

    def written(text: str) -> str:
        return expressions.substitute_names(text, texts) if expressions.names(text) & set(on) else text

    return replace(
        model,
        name=f"{model.name}, antibodies act on {', '.join(on)}",
        equations={state: written(text) for state, text in model.equations.items()},
        outputs={output: written(text) for output, text in model.outputs.items()},
        parameters=Parameters((*model.parameters.items, *added)),
    )


def _time(model: Model) -> str:
    """The model's unit of time, or the word for it."""
    return str(model.base.get("time", "time")) or "time"
