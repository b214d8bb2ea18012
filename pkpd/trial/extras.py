"""Libraries of the extra ``[trial]``, which a bare installation lacks."""

from __future__ import annotations

from pkpd.errors import InputError


def need_statsmodels(verb: str) -> None:
    """Say how to come by statsmodels where it is missing.

    Parameters
    ----------
    verb : str
        What was called.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        import statsmodels  # noqa: F401
    except ImportError:
        raise InputError(
            'this needs statsmodels, which is not installed: pip install "pkpd-toolkit[trial]"', verb
        ) from None
