"""The study: observations, doses and subjects, checked once and then trusted; several as one, and one resampled."""

from pkpd.study.resampling import resample
from pkpd.study.study import CARRIED, OBSERVATION_COLUMNS, Study, combine

__all__ = ["CARRIED", "OBSERVATION_COLUMNS", "Study", "combine", "resample"]


def __dir__() -> list[str]:
    """Return what Tab shows: what one calls, not the files it stands in."""
    return [*__all__]
