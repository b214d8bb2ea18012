"""A model: equations, initial values, outputs and where doses enter; plain text inside, SymPy when asked."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from types import MappingProxyType
from typing import Any

from pkpd import units
from pkpd.arguments import NAMED, checked, checked_fields
from pkpd.dosing import ROUTES
from pkpd.errors import InputError, ModelError, UnitError, nearest, unknown_names
from pkpd.files import Saved
from pkpd.model import expressions
from pkpd.model.consistency import consistent
from pkpd.model.meanings import equality_problems, undefined_name
from pkpd.parameters import Parameter, Parameters

WORDS = MappingProxyType({"time": "time", "amount": "amount", "volume": "volume"})
_MAPPINGS = (
    "equations", "outputs", "initial", "doses", "units", "base", "lag", "bioavailability", "infusion_rate",
    "infusion_duration",
)  # fmt: skip
DOSING = ("lag", "bioavailability", "infusion_rate", "infusion_duration")
"""What a model may say of the doses that enter a state."""


@dataclass(frozen=True, eq=False)
class Model(Saved):
    """Equations of a model, written once; what runs them, draws them or prints them is derived.

    Parameters
    ----------
    name : str
        What it is, in a few words.
    equations : mapping
        State → its time derivative, as text or SymPy. States, parameters, outputs, time ``t`` and time after the last
        dose ``tad`` may stand in it. Where a condition compares time with parameters (``k1 if t < T else k2``) the
        time line is cut, so that it is exact.
    parameters : Parameters
        The parameters with units, bounds, meaning and, where one is known, a default value.
    outputs : mapping
        Name → what is observed, e.g. ``{"C": "A1/V1"}``. A state may be an output of its own.
    initial : mapping
        State → its value at the start; 0 when not named.
    doses : mapping
        Route → state that the dose enters.
    units : mapping
        Units of states and outputs; may contain the words ``time``, ``amount``, ``volume``.
    base : mapping
        The units that these words stand for, once they are chosen (`in_units`).
    conserved : tuple of str
        Expressions that the equations keep constant between doses, e.g. ``"blood + tissue"``.
    covariates : tuple of str
        Names in the equations whose values come with each subject.
    lag, bioavailability : mapping
        State → the time by which doses into it are late, and the part of them that arrives, in terms of parameters
        and covariates; 0 and 1 when not named. An infusion given by its rate lasts longer or shorter in
        proportion to the bioavailability; one given by its length is faster or slower.
    infusion_rate, infusion_duration : mapping
        State → rate or length of infusions into it whose dose says that it is modelled.
    reference : str
        Where the equations come from.

    Raises
    ------
    ModelError
        Listing every problem: text that is not an equation, a name with two meanings, an unknown route.
    """

    name: str
    equations: Mapping[str, str]
    parameters: Parameters = field(default_factory=Parameters)
    outputs: Mapping[str, str] = field(default_factory=dict)
    initial: Mapping[str, str] = field(default_factory=dict)
    doses: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    base: Mapping[str, str] = field(default_factory=lambda: WORDS)
    conserved: tuple[str, ...] = ()
    covariates: tuple[str, ...] = ()
    reference: str = ""
    lag: Mapping[str, str] = field(default_factory=dict)
    bioavailability: Mapping[str, str] = field(default_factory=dict)
    infusion_rate: Mapping[str, str] = field(default_factory=dict)
    infusion_duration: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        texts = dict.fromkeys(("equations", "outputs", "initial", *DOSING), NAMED)
        checked_fields(self, "model", **texts)
        problems = []
        own = {*self.equations, *self.parameters.names, *self.outputs, *self.covariates}
        for kind in ("equations", "outputs", "initial", *DOSING):
            read = {}
            for key, value in getattr(self, kind).items():
                try:
                    text = expressions.with_numbers(expressions.text_of(value), own)
                    expressions.names(text)
                    read[key] = text
                except InputError as error:
                    problems += [f"{kind}[{key!r}]: {p}" for p in error.problems]
            object.__setattr__(self, kind, MappingProxyType(read))
        for kind in ("doses", "units", "base"):
            object.__setattr__(self, kind, MappingProxyType(dict(getattr(self, kind))))
        problems += self._name_problems()
        if problems:
            raise ModelError(problems, f"model {self.name!r}")

    def _name_problems(self) -> list[str]:
        problems = []
        taken: dict[str, str] = {expressions.TIME: "time", expressions.TAD: "time after dose"}
        groups = {"a state": self.equations, "a parameter": self.parameters.names, "a covariate": self.covariates,
                  "an output": [o for o in self.outputs if o not in self.equations]}  # fmt: skip
        for what, names in groups.items():
            for name in names:
                if not expressions.is_name(name):
                    problems.append(f"{name!r} cannot be the name of {what}; {expressions.name_advice(name)}")
                if name in taken:
                    problems.append(f"{name!r} is both {taken[name]} and {what}")
                taken[name] = what
        moving = {expressions.TIME, expressions.TAD, *self.equations, *self.outputs} - set(self.parameters.names)
        for kind in ("initial", *DOSING):
            what = "the initial value" if kind == "initial" else kind.replace("_", " ")
            problems += unknown_names(getattr(self, kind), self.equations, f"state with {what}")
            for state, text in getattr(self, kind).items():
                problems += [
                    f"{what} of {state!r} uses {name!r}; expected parameters and covariates only"
                    for name in sorted(expressions.names(text) & moving)
                ]
        kinds = {expressions.TIME: "time", expressions.TAD: "time after dose"}
        kinds |= dict.fromkeys(self.parameters.names, "a parameter") | dict.fromkeys(self.outputs, "an output")
        kinds |= dict.fromkeys(self.equations, "a state")
        for kind in ("equations", "outputs", "initial", *DOSING):
            for key, text in getattr(self, kind).items():
                problems += equality_problems(f"{kind}[{key!r}]", text, kinds)
        problems += [f"unknown route {r!r}; {nearest(r, ROUTES)}" for r in self.doses if r not in ROUTES]
        problems += unknown_names(self.doses.values(), self.equations, "state that a dose enters")
        return problems

    def __getstate__(self) -> dict[str, Any]:
        return {k: dict(v) if k in _MAPPINGS else v for k, v in self.__dict__.items() if k != "key"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            object.__setattr__(self, key, MappingProxyType(value) if key in _MAPPINGS else value)

    @property
    def states(self) -> tuple[str, ...]:
        """Names of the states, in order."""
        return tuple(self.equations)

    @property
    def by_amount(self) -> bool:
        """Whether what is said of doses depends on their amount, by the name ``dose``."""
        own = {*self.parameters.names, *self.covariates, *self.equations, *self.outputs}
        texts = (text for kind in DOSING for text in getattr(self, kind).values())
        return expressions.DOSE not in own and any(expressions.DOSE in expressions.names(text) for text in texts)

    @property
    def needs(self) -> tuple[str, ...]:
        """Names that the equations use and nothing defines yet: what another model must bring with ``+``."""
        known = {expressions.TIME, expressions.TAD, *self.states, *self.parameters.names, *self.outputs}
        known.update(self.covariates)
        texts = [*self.equations.values(), *self.outputs.values(), *self.initial.values()]
        of_doses = [text for kind in DOSING for text in getattr(self, kind).values()]
        used = {name for text in texts for name in expressions.names(text)}
        used |= {name for text in of_doses for name in expressions.names(text)} - {expressions.DOSE}
        return tuple(sorted(used - known))

    @cached_property
    def key(self) -> str:
        """Digest of everything that is computed with (not of names, meanings or default values)."""
        parts = [list(self.equations.items()), list(self.outputs.items()), sorted(self.initial.items()),
                 sorted(self.doses.items()), self.parameters.names, self.covariates,
                 [sorted(getattr(self, kind).items()) for kind in DOSING]]  # fmt: skip
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Model):
            return NotImplemented
        shown = ("name", "units", "base", "conserved", "reference")
        same = all(getattr(self, part) == getattr(other, part) for part in shown)
        return same and self.key == other.key and self.parameters.same_as(other.parameters)

    def __hash__(self) -> int:
        return hash(self.key)

    def __add__(self, other: Model) -> Model:
        """Compose two models: what one needs (say ``C``), the other may define.

        Raises
        ------
        ModelError
            If a state or an output stands in both.
        """
        problems = [f"{name!r} is a state of both" for name in self.equations if name in other.equations]
        problems += [f"{name!r} is an output of both" for name in self.outputs if name in other.outputs]
        problems += [
            f"route {r!r} enters both" for r in self.doses if r in other.doses and self.doses[r] != other.doses[r]
        ]
        base = self.base if other.base == WORDS or self.base == other.base else other.base
        if WORDS not in (self.base, other.base) and self.base != other.base:
            problems.append(f"their units differ: {dict(self.base)} and {dict(other.base)}")
        if problems:
            raise ModelError(problems, f"{self.name} + {other.name}")
        a, b = (m if m.base == base else m.in_units(**base) for m in (self, other))
        return Model(
            name=f"{a.name} + {b.name}",
            equations={**a.equations, **b.equations},
            parameters=a.parameters + b.parameters,
            outputs={**a.outputs, **b.outputs},
            initial={**a.initial, **b.initial},
            doses={**a.doses, **b.doses},
            units={**a.units, **b.units},
            base=base,
            conserved=a.conserved + b.conserved,
            covariates=tuple(dict.fromkeys(a.covariates + b.covariates)),
            reference="; ".join(dict.fromkeys(r for r in (a.reference, b.reference) if r)),
            **{kind: {**getattr(a, kind), **getattr(b, kind)} for kind in DOSING},
        )

    @checked
    def in_units(self, *, time: str, amount: str, volume: str) -> Model:
        """Return the model with units chosen for the words time, amount and volume.

        Parameters
        ----------
        time, amount, volume : str
            E.g. ``time="h", amount="ng/kg", volume="mL/kg"``: concentrations are then in ng/mL. Default values
            of a library model are stated for hours and are converted.

        Raises
        ------
        ModelError
            If other units were chosen before.
        """
        base = {"time": time, "amount": amount, "volume": volume}
        if self.base not in (WORDS, base):
            raise ModelError(f"units were chosen before: {dict(self.base)}", f"model {self.name!r}")
        items = []
        for p in self.parameters:
            if not units.is_open(p.unit):
                items.append(_in_base(p, base, self.units.values()))
                continue
            unit, in_hours = units.resolve(p.unit, base), units.resolve(p.unit, {**base, "time": "h"})
            ratio = units.factor(in_hours, unit) if unit else 1.0
            scaled = {part: getattr(p, part) * ratio for part in ("value", "lower", "upper")}
            items.append(replace(p, unit=unit, **scaled))
        named = {name: units.resolve(unit, base) for name, unit in self.units.items()}
        return consistent(replace(self, parameters=Parameters(tuple(items)), units=named, base=base), self)

    @checked
    def with_values(self, **values: float | str) -> Model:
        """Return the model with new default values of its parameters."""
        return replace(self, parameters=self.parameters.with_values(values))

    @checked
    def renamed(self, **new: str) -> Model:
        """Return the model with parameters, states or outputs renamed, e.g. ``renamed(kout="kR")``.

        Raises
        ------
        InputError
            If a name is not in the model.
        """
        known = [*self.states, *self.parameters.names, *self.outputs]
        problems = unknown_names(new, known, "name")
        after = [new.get(n, n) for n in dict.fromkeys([*known, *self.covariates])]
        problems += [f"two things would be named {n!r}" for n in sorted({n for n in after if after.count(n) > 1})]
        if problems:
            raise InputError(problems)

        def name(old: str) -> str:
            return new.get(old, old)

        def text(old: str) -> str:
            return expressions.rename(old, new)

        dosing: Any = {kind: {name(s): text(e) for s, e in getattr(self, kind).items()} for kind in DOSING}
        return replace(
            self,
            equations={name(s): text(e) for s, e in self.equations.items()},
            parameters=Parameters(tuple(replace(p, name=name(p.name)) for p in self.parameters)),
            outputs={name(s): text(e) for s, e in self.outputs.items()},
            initial={name(s): text(e) for s, e in self.initial.items()},
            doses={route: name(s) for route, s in self.doses.items()},
            units={name(s): u for s, u in self.units.items()},
            conserved=tuple(text(c) for c in self.conserved),
            **dosing,
        )

    @checked
    def expression(self, name: str) -> Any:
        """Return the SymPy expression of a state's derivative or of an output."""
        expressions_by_name = {**self.outputs, **self.equations}
        if name not in expressions_by_name:
            raise InputError(f"the model has no state or output {name!r}; {nearest(name, expressions_by_name)}")
        return expressions.parse(expressions_by_name[name])

    def __repr__(self) -> str:
        from pkpd.model.show import diagram

        return diagram(self)

    def _repr_html_(self) -> str:
        from pkpd.model.show import as_html

        return as_html(self)

    def _repr_latex_(self) -> str:
        from pkpd.model.show import latex

        return f"$\\displaystyle {latex(self)}$"


_PLAIN = ("time", "1/time", "volume", "volume/time", "amount", "amount/time")


def _in_base(parameter: Parameter, base: Mapping[str, str], own: Iterable[str]) -> Parameter:
    """Return a parameter that is a time, a rate, a volume, a clearance or an amount in the units of the model.

    Others keep theirs: a concentration may belong to a response that has a scale of its own, an amount to a state or an
    output that is stated in its unit (a tumour in g beside doses in mg).
    """
    time = base.get("time", "time")
    if parameter.unit in [kept for unit in own for kept in (unit, f"{unit}/{time}", f"{unit}/time")]:
        return parameter
    for words in _PLAIN:
        unit = units.resolve(words, base)
        try:
            ratio = units.factor(parameter.unit, unit) if parameter.unit else 1.0
        except UnitError:
            continue
        if ratio != 1.0:
            scaled = {part: getattr(parameter, part) * ratio for part in ("value", "lower", "upper")}
            return replace(parameter, unit=unit, **scaled)
        return parameter
    return parameter


@checked
def define(
    equations: Mapping[str, Any],
    parameters: Iterable[str] | Mapping[str, float | str] | Parameters,
    *,
    name: str = "own model",
    needs: Iterable[str] = (),
    **parts: Any,
) -> Model:
    """Return a user's own model from equations in strings or SymPy.

    Parameters
    ----------
    equations : mapping
        State → its time derivative.
    parameters : iterable of str, mapping or Parameters
        Names, or names with default values (a text such as ``"5 L/h"`` brings its unit; times, rates, volumes,
        clearances and amounts are converted to the units of `base`, as they are by `Model.in_units`).
    name : str
        What the model is.
    needs : iterable of str
        Names that another model will bring with ``+``, e.g. ``["C"]``.
    **parts
        ``outputs``, ``initial``, ``doses``, ``units``, ``base``, ``conserved``, ``covariates``, ``reference``,
        ``lag``, ``bioavailability``, ``infusion_rate``, ``infusion_duration``, as in `Model`.

    Raises
    ------
    ModelError
        Listing every problem.

    Examples
    --------
    >>> pk = define({"A": "-CL/V*A"}, {"CL": "5 L/h", "V": "50 L"}, outputs={"C": "A/V"}, doses={"bolus": "A"})
    >>> pk.states
    ('A',)
    """
    if not isinstance(parameters, Parameters):
        values = dict(parameters) if isinstance(parameters, Mapping) else dict.fromkeys(parameters, float("nan"))
        items = []
        for key, value in values.items():
            number, unit = units.quantity(value) if isinstance(value, str) else (float(value), "")
            items.append(Parameter(key, number, unit))
        parameters = Parameters(tuple(items))
    known_parts = [f.name for f in fields(Model) if f.name not in ("name", "equations", "parameters")]
    if problems := unknown_names(parts, known_parts, "part"):
        raise ModelError(problems, f"model {name!r}")
    base = parts.get("base", WORDS)
    if isinstance(base, Mapping) and dict(base) not in ({}, dict(WORDS)):
        own = parts["units"].values() if isinstance(parts.get("units"), Mapping) else ()
        parameters = Parameters(tuple(_in_base(p, base, own) for p in parameters))
    model = Model(name, equations, parameters, **parts)
    if undefined := sorted(set(model.needs) - set(needs)):
        known = [*model.states, *model.parameters.names, *model.outputs]
        raise ModelError([undefined_name(n, known) for n in undefined], f"model {name!r}")
    return consistent(model)
