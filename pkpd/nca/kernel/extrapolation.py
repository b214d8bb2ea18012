"""How a curve goes on after its last sample: the way, the rate, the concentration it starts from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from pkpd.errors import InputError, nearest, warn


@dataclass(frozen=True)
class Extrapolation:
    """How a curve goes on after its last sample.

    Attributes
    ----------
    kind : str
        The way: a word that the function it is handed to knows.
    lambda_z : float
        Terminal rate constant, in 1/time; NaN is not known.
    clast : float or None
        Concentration from which an exponential starts; None: the last positive sample.
    """

    kind: str
    lambda_z: float = np.nan
    clast: float | None = None

    @classmethod
    def given(
        cls, tail: str | Extrapolation, older: Mapping[str, Any], kinds: Sequence[str], where: str
    ) -> Extrapolation:
        """Return the extrapolation that a function was asked for by a word or as a value.

        Parameters
        ----------
        tail : str or Extrapolation
            What was given.
        older : mapping
            `lambda_z` and `clast` as keywords of their own, which warn.
        kinds : sequence of str
            The ways that the function knows.
        where : str
            Name of the function.

        Raises
        ------
        InputError
            If there is no such way; the nearest one is suggested.
        """
        whole = tail if isinstance(tail, Extrapolation) else cls(tail)
        if older:
            said = ", ".join(f"{name}=…" for name in older)
            warn(
                f"{where}: {said} belong to the extrapolation now, tail=Extrapolation({whole.kind!r}, {said})",
                FutureWarning,
            )
            whole = replace(whole, **older)
        if whole.kind not in kinds:
            raise InputError(f"unknown tail {whole.kind!r}; {nearest(whole.kind, kinds)}", where)
        return whole
