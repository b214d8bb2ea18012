"""A virtual trial: dose escalation, expansion, courses of treatment and what is seen of them, repeated many times."""


def __dir__() -> list[str]:
    """Return what Tab shows: the verbs are in `pkpd.trial`."""
    return []
