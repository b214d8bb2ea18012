"""The studies that are alive in this process, found again by the hash of their data."""

from __future__ import annotations

from typing import Any
from weakref import WeakSet

_STUDIES: WeakSet[Any] = WeakSet()


def remember(study: Any) -> None:
    """Let a study be found again as long as somebody holds it; nothing is kept alive by this."""
    _STUDIES.add(study)


def study_of(data_hash: str) -> Any:
    """Return a living study whose data have this hash; None if there is none.

    Parameters
    ----------
    data_hash : str
        `pkpd.Study.data_hash`. The hashes of living studies are computed only now.
    """
    return next((study for study in list(_STUDIES) if study.data_hash == data_hash), None)
