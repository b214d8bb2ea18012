"""The outputs of a model at every record of an event table (floor 5)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from pkpd.dosing import Dose
from pkpd.engine import Settings, compile_model
from pkpd.errors import DataWarning, InputError, nearest
from pkpd.model import Model
from pkpd.records import Records

if TYPE_CHECKING:
    import pandas


def predict(
    model: Model,
    records: Records,
    compartments: Mapping[int, str] | None = None,
    settings: Settings | None = None,
    *,
    linear: str = "closed form",
) -> pandas.DataFrame:
    """Return the outputs of a model at every record, for its default values and the records' covariates.

    Parameters
    ----------
    model : Model
        Its covariates are columns of the records (upper and lower case do not matter).
    records : Records
        What `pkpd.io.read_nonmem` returned; its amounts and times are in the model's units.
    compartments : mapping of int to str, optional
        Number of a compartment → state; by default the states in the model's order. A dose without a compartment
        enters by the model's routes ``bolus`` and ``infusion``.
    settings : Settings, optional
        Tolerances of what is integrated.
    linear : {"closed form", "ode"}
        How states that are linear are solved; the answers are the same to the tolerances.

    Returns
    -------
    pandas.DataFrame
        The records with one column per output; NaN for a subject that could not be solved.

    Raises
    ------
    InputError
        If a covariate is missing, a compartment does not exist, or a parameter has no value.

    Warns
    -----
    DataWarning
        If subjects could not be solved, with the reason of the first.
    """
    code = compile_model(model, linear=linear)
    states = dict(compartments or dict(enumerate(model.states, start=1)))
    folded = {name.casefold(): name for name in records.covariates}
    problems = [
        f"covariate {name!r} is no column of the records; {nearest(name, records.covariates)}"
        for name in model.covariates
        if name.casefold() not in folded
    ]
    used = {dose.into for given in records.doses for dose in given if dose.into}
    problems += [f"compartment {number} is no state; the model has {states}"
                 for number in sorted(used) if states.get(int(number)) not in model.states]  # fmt: skip
    values = {p.name: p.value for p in model.parameters}
    problems += [f"parameter {name!r} has no value" for name, value in values.items() if not np.isfinite(value)]
    if problems:
        raise InputError(problems, "predict")
    table = np.column_stack(
        [np.full(records.rows, values[n]) if n in values else records.covariates[folded[n.casefold()]]
         for n in code.system.inputs]
    )  # fmt: skip

    def placed(dose: Dose) -> Dose:
        return replace(dose, into=states[int(dose.into)]) if dose.into else dose

    doses = [tuple(placed(dose) for dose in given) for given in records.doses]
    plan = code.schedule(
        table, doses, records.times, records.after, records.changes, records.dose_rows, records.time_rows
    )
    found = code.run(table, plan, settings)
    failed = np.flatnonzero(found.status)
    if failed.size:
        warnings.warn(
            f"{failed.size} of {len(doses)} subjects could not be solved and are NaN; subject "
            f"{records.subjects[int(failed[0])]!r}: {found.advice(int(failed[0]))}", DataWarning, stacklevel=2,
        )  # fmt: skip
    result = records.table.copy()
    for k, name in enumerate(code.outputs):
        result[name] = found.outputs[:, k]
    return result
