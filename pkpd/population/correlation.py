r"""Correlation of the residual errors of two outputs that were measured in one sample.

:math:`\mathrm{corr}(\varepsilon_1, \varepsilon_2) = \rho`: parent and metabolite of one assay, say.
"""

from __future__ import annotations

from dataclasses import dataclass

from pkpd.arguments import checked
from pkpd.errors import InputError
from pkpd.files import Part
from pkpd.parameters import Parameter, Parameters


@dataclass(frozen=True)
class ErrorCorrelation(Part):
    """Correlated residual errors of two outputs; make one with `correlated`.

    Attributes
    ----------
    outputs : tuple of two str
        Names of the outputs.
    """

    outputs: tuple[str, str]

    @property
    def name(self) -> str:
        """Name of its parameter, e.g. ``"corr_C_M"``."""
        return f"corr_{self.outputs[0]}_{self.outputs[1]}"

    def start(self, value: float = 0.0) -> Parameters:
        """Return its parameter with a value between -1 and 1."""
        meaning = f"correlation of the residual errors of {self.outputs[0]} and {self.outputs[1]}"
        return Parameters((Parameter(self.name, value, "", -1.0, 1.0, meaning=meaning),))


@checked
def correlated(first: str, second: str) -> ErrorCorrelation:
    """Return correlated residual errors of two outputs, which act where both were measured in one sample.

    Parameters
    ----------
    first, second : str
        Names of the outputs.

    Raises
    ------
    InputError
        If they are the same.
    """
    if first == second:
        raise InputError(f"{first!r} cannot be correlated with itself; expected two outputs")
    return ErrorCorrelation((first, second))


def correlation_problems(
    correlations: tuple[ErrorCorrelation, ...], measured: tuple[str, ...], parameters: Parameters
) -> list[str]:
    """Return what does not fit: outputs without an error, an output in two correlations, a missing parameter."""
    problems, seen = [], set()
    for each in correlations:
        for output in each.outputs:
            if output not in measured:
                problems.append(f"{each.name}: {output!r} has no residual error; expected one of {list(measured)}")
            if output in seen:
                problems.append(f"{each.name}: {output!r} stands in two correlations; one is what can be computed")
            seen.add(output)
        if each.name not in parameters:
            problems.append(f"parameter {each.name!r} is missing; add correlated(…).start() to the parameters")
    return problems
