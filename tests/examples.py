"""How many examples hypothesis draws: a sixth in the suite, all of them by ``--hypothesis-profile=long``."""

from __future__ import annotations

from typing import Any

from hypothesis import settings


def budget(max_examples: int, **more: Any) -> settings:
    """Return settings with this many examples in the long run (tests/long/test_properties.py), here a sixth."""
    everything = settings.get_current_profile_name() == "long"
    return settings(max_examples=max_examples if everything else max(max_examples // 6, 5), **more)
