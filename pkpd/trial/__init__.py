"""The trial layer: toxicity grades and exact proportions; more to come."""

from pkpd.trial.proportions import clopper_pearson
from pkpd.trial.toxicity import GRADES, grade, worst_grade

__all__ = ["GRADES", "clopper_pearson", "grade", "worst_grade"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
