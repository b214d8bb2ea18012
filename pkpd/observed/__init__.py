"""A study as arrays in the units of a model, made once for every fit and every simulation of a study."""

from pkpd.observed.matching import in_study_units, match_outputs
from pkpd.observed.rows import ABOVE, BELOW, INTERVAL, MEASURED, NO_LIMIT, Observed, observe

__all__ = [
    "ABOVE",
    "BELOW",
    "INTERVAL",
    "MEASURED",
    "NO_LIMIT",
    "Observed",
    "in_study_units",
    "match_outputs",
    "observe",
]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
