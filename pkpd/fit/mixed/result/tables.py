"""The tables of a population fit: estimates, random effects, secondary parameters."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pkpd.errors import InputError
from pkpd.fit.mixed.result.quantities import (
    Quantity,
    omega_quantities,
    parameter_quantities,
    secondary_quantities,
    spread_quantities,
)
from pkpd.model.dimensions import inferred_units

if TYPE_CHECKING:
    import pandas

    from pkpd.fit.mixed.result.reported import Reported


_NO_SIZE = 10.0  # standard error over estimate of a variance that is at 0: on the log scale its interval has no ends


def require_level(level: float) -> None:
    """Raise if a confidence level is none."""
    if not 0 < level < 1:
        raise InputError(f"level is {level}; expected a number between 0 and 1")


def quantities(fit: Reported) -> tuple[Quantity, ...]:
    """Return everything that a fit reports with an uncertainty."""
    spread = [q for level in ("subject", "occasion") for q in spread_quantities(fit.people, level).values()]
    # A CV between occasions has the name of the one between subjects, which stands first.
    names: dict[str, Quantity] = {}
    for q in (
        *parameter_quantities(fit.people, inferred_units(fit.people.model)), *omega_quantities(fit.people), *spread,
        *secondary_quantities(fit.people, fit.secondary),
    ):  # fmt: skip
        names.setdefault(q.name, q)
    return tuple(names.values())


def _numbers(fit: Reported, q: Quantity, level: float) -> tuple[float, float, float, float, float]:
    """Estimate, SE, RSE % and interval."""
    error = q.standard_error(fit.covariance)
    relative = 100 * error / abs(q.value) if q.value else math.nan
    return (q.value, error, relative, *q.interval(fit.covariance, level))


def _titles(level: float) -> list[str]:
    percent = f"{100 * level:g} %"
    return ["SE", "RSE %", f"{percent} low", f"{percent} high"]


def parameter_table(fit: Reported, level: float) -> pandas.DataFrame:
    """Return one row per parameter of a population.

    Columns: ``estimate``, ``unit`` (stated or inferred), ``SE``, ``RSE %``, interval, ``IIV CV %`` (log-normal
    parameters: √(e^ω² − 1)) or ``IIV SD`` (on the parameter's scale otherwise), ``IOV …`` likewise, ``shrinkage %`` (SD
    form; η of parameters, ε of an output's residual errors), ``note``, ``meaning``.
    """
    import pandas

    require_level(level)
    people = fit.people
    columns = {
        title: found
        for label, where in (("IIV", "subject"), ("IOV", "occasion"))
        for title, found in _spreads(fit, label, where).items()
    }
    shrunk = _shrinkage(fit)
    rows = []
    given = set() if people.table is None else set(map(str, people.table.columns))
    for q in parameter_quantities(people, inferred_units(people.model)):
        estimate, *rest = _numbers(fit, q, level)
        spread = [found.get(q.name, math.nan) for found in columns.values()]
        note = "given by subject: the median" if q.name in given else "fixed" if q.fixed else ""
        rows.append((q.name, estimate, q.unit, *rest, *spread, shrunk.get(q.name, math.nan), note, q.meaning))
    titles = ["parameter", "estimate", "unit", *_titles(level), *columns, "shrinkage %", "note", "meaning"]
    return pandas.DataFrame(rows, columns=titles).set_index("parameter")


def _spreads(fit: Reported, label: str, level: str) -> dict[str, dict[str, float]]:
    """Title of a column → parameter → variability; only columns that hold something."""
    found: dict[str, dict[str, float]] = {}
    for name, q in spread_quantities(fit.people, level).items():
        found.setdefault(f"{label} {'CV %' if q.kind == 'CV %' else 'SD'}", {})[name] = q.value
    return dict(sorted(found.items()))


def _shrinkage(fit: Reported) -> dict[str, float]:
    """η-shrinkage by parameter, where a parameter has a random effect of its own; ε-shrinkage by residual error."""
    own, noise = fit.shrinkage["shrinkage SD %"], fit.residual_shrinkage["shrinkage SD %"]
    found = {}
    for name, text in {**fit.people._exponents, **fit.people.error_exponents}.items():
        if f"eta_{name}" in own.index and f"eta_{name}" in text:
            found[name] = float(own[f"eta_{name}"])
    for error in fit.people.errors:
        if error.output in noise.index:
            found |= dict.fromkeys(error.names, float(noise[error.output]))
    return found


def omega_table(fit: Reported, level: float) -> pandas.DataFrame:
    """Return one row per variance, covariance, SD, correlation and CV, without structural zeros.

    A variance that ran to 0 has no standard error or interval; its note says so.
    """
    import pandas

    require_level(level)
    shrunk = fit.shrinkage
    rows = []
    spread = [
        (q, "between subjects" if where == "subject" else "between occasions")
        for where in ("subject", "occasion")
        for q in spread_quantities(fit.people, where).values()
        if q.kind == "CV %"
    ]
    for q, where in [*((q, "") for q in omega_quantities(fit.people)), *spread]:
        effect = q.name[4:-1] if q.kind == "variance" else ""
        own = shrunk["shrinkage SD %"].get(effect, math.nan), shrunk["shrinkage variance %"].get(effect, math.nan)
        numbers, gone = _numbers(fit, q, level), ""
        if q.kind in ("variance", "SD", "CV %") and numbers[1] > _NO_SIZE * abs(numbers[0]):
            numbers, gone = (q.value, math.nan, math.nan, math.nan, math.nan), "at 0, without an interval"
        note = "; ".join(part for part in (where, gone, "fixed" if q.fixed else "") if part)
        rows.append((q.name, q.kind, *numbers, *own, note))
    titles = ["element", "kind", "estimate", *_titles(level), "shrinkage SD %", "shrinkage variance %", "note"]
    return pandas.DataFrame(rows, columns=titles).set_index("element")


def secondary_table(fit: Reported, level: float) -> pandas.DataFrame:
    """Return one row per secondary parameter."""
    import pandas

    require_level(level)
    rows = [(q.name, *_numbers(fit, q, level), q.meaning) for q in secondary_quantities(fit.people, fit.secondary)]
    titles = ["parameter", "estimate", *_titles(level), "equation"]
    return pandas.DataFrame(rows, columns=titles).set_index("parameter")
