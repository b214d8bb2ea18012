"""Whether the times of a study can be those of a model that uses the time itself."""

from __future__ import annotations

import numpy as np

from pkpd.errors import InputError
from pkpd.model import Model, expressions
from pkpd.periods import own_clock
from pkpd.study import Study


def anew_problem(model: Model, study: Study) -> str:
    """Return what is wrong if a model uses the time and the study's clock starts anew; "" if nothing is.

    The model is solved on a clock that never falls within a subject: where a period begins anew, it would stand at
    another time of day (or after another start) than the table says.
    """
    texts = [*model.equations.values(), *model.outputs.values()]
    if not any(expressions.TIME in expressions.names(text) for text in texts):
        return ""
    table = study.records if study.in_order else study._observations
    anew = np.flatnonzero((own_clock(table) != table["time"]).to_numpy(bool))
    if not len(anew):
        return ""
    column = "TIME" if study.in_order else "time"
    return (
        f"row {table['row'].iloc[anew[0]]}, column {column}: time starts anew, and the model uses "
        f"{expressions.TIME!r}; expected times that never fall within a subject"
    )


def require_one_clock(model: Model, study: Study) -> None:
    """Refuse a model that uses the time where the study's clock starts anew.

    Raises
    ------
    InputError
        With the first row after such a start.
    """
    if problem := anew_problem(model, study):
        raise InputError(problem, "study")
