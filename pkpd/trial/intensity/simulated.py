"""The doses that an adaptive simulation gave, as a table of doses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pkpd import units
from pkpd.decimals import product, total
from pkpd.errors import InputError

if TYPE_CHECKING:
    import pandas

_NEEDED = ("dose_subject", "dose_time", "dose_amount", "dose_replicate")
_MOST = 5_000_000


def is_simulation(doses: Any) -> bool:
    """Say whether it is a dataset of a simulation."""
    return hasattr(doses, "data_vars")


def simulated_doses(found: Any, unit: str) -> tuple[pandas.DataFrame, list[Any]]:
    """The doses of an adaptive simulation as a table, and its patients."""
    import pandas

    if lacking := [name for name in _NEEDED if name not in found]:
        raise InputError(
            f"the simulation has no {', '.join(lacking)}; expected what simulate_adaptive returned", "dose_intensity"
        )
    try:
        amount = units.factor(str(found["dose_amount"].attrs.get("units", unit)), unit)
        days = units.factor(str(found["dose_time"].attrs.get("units", "h")), "day")
    except InputError as error:
        raise InputError(error.problems, "dose_intensity") from None
    several = found.sizes.get("replicate", 1) > 1

    def named(replicate: Any, subject: Any) -> Any:
        return f"{replicate}-{subject}" if several else subject

    number, interval = (
        found[name].to_numpy() if name in found else np.zeros(found.sizes["dose"], dtype=int)
        for name in ("dose_additional", "dose_interval")
    )
    if (doses := int(number.astype(object).sum()) + number.size) > _MOST:
        raise InputError(f"the simulation has {doses} doses; expected at most {_MOST}", "dose_intensity")
    row = np.repeat(np.arange(number.size), number.astype(np.int64) + 1)
    first = np.flatnonzero(np.diff(row, prepend=-1))
    nth = np.arange(row.size) - first[row] if row.size else row  # 0 for a dose itself, then those that repeat it
    columns = (found[name].to_numpy()[row].tolist() for name in ("dose_replicate", "dose_subject"))
    hours = total(found["dose_time"].to_numpy()[row], nth, interval[row])
    table = pandas.DataFrame({
        "subject": [named(r, s) for r, s in zip(*columns, strict=True)],
        "day": np.asarray(product(hours, days)) + 1.0,
        "dose": np.asarray(product(found["dose_amount"].to_numpy().astype(float), amount))[row],
    })  # fmt: skip
    people = [named(r, s) for r in found["replicate"].to_numpy().tolist() for s in found["subject"].to_numpy().tolist()]
    return table, people
