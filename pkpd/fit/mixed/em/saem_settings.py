"""How SAEM goes about it: chains, iterations, moves, and when enough is enough."""

from __future__ import annotations

from dataclasses import dataclass, field

from pkpd.arguments import checked_fields
from pkpd.errors import InputError
from pkpd.fit.mixed.em.saem_chains import Moves


@dataclass(frozen=True)
class SaemSettings:
    r"""How SAEM goes about it.

    Attributes
    ----------
    chains : int, optional
        Chains of every subject; by default so many that there are at least `subject_chains` in all.
    subject_chains : int, optional
        See `chains`; 120 for a model with a closed form, whose runs cost little, and 60 for others.
    burn_in : int
        Iterations that leave Ω and the residual errors alone.
    exploration, smoothing : tuple of int
        Least and most iterations of each phase; `stop` decides between.
    annealing : float
        Variances of random effects and SDs of residual errors do not fall below this share of what they are in an
        iteration of exploration.
    moves : Moves
        Moves of the chains in an iteration.
    freedom : int
        Degrees of freedom of the t proposals about the modes; even.
    power : float
        a: smoothing steps are :math:`\gamma_k = k^{-a}`. Below 1 the estimates are the mean of the iterations (Polyak
        & Juditsky, SIAM J Control Optim 1992;30:838-855), which forgets where exploration ended even where the data
        say little; 1 is the classical choice, whose last iterate is the estimate.
    rest : float
        Monte-Carlo error, in standard errors that known random effects would give, at which smoothing ends.
    samples : tuple of int
        Least and most iterations at the end, with the parameters at rest, of which the least are kept; without a most,
        1500 for a model with a closed form and 200 for others.
    noise : float
        Monte-Carlo error of the objective's distance from the maximum, at which drawing ends.
    rounds : int
        Most steps of Newton's method at the end.
    gain : float
        −2 log L that such a step must promise beyond its noise to be made.
    stop : bool
        Whether phases end when nothing moves any more, or only at their most.
    """

    chains: int | None = None
    subject_chains: int | None = None
    burn_in: int = 5
    exploration: tuple[int, int] = (50, 150)
    smoothing: tuple[int, int] = (40, 100)
    annealing: float = 0.95
    moves: Moves = field(default_factory=Moves)
    freedom: int = 8
    power: float = 0.7
    rest: float = 0.1
    samples: tuple[int, int | None] = (30, None)
    noise: float = 0.015
    rounds: int = 6
    gain: float = 0.01
    stop: bool = True

    def __post_init__(self) -> None:
        checked_fields(self, "SAEM")
        problems = []
        if self.chains is not None and self.chains < 1:
            problems.append(f"chains is {self.chains}; expected at least 1")
        if self.freedom < 2 or self.freedom % 2:
            problems.append(f"freedom is {self.freedom}; expected an even number from 2 on")
        if not 0 <= self.annealing <= 1:
            problems.append(f"annealing is {self.annealing}; expected a number between 0 and 1")
        for name in ("exploration", "smoothing", "samples"):
            low, high = getattr(self, name)
            if not 1 <= low <= (low if high is None else high):
                problems.append(f"{name} is {(low, high)}; expected the least and the most, from 1 on")
        if self.burn_in < 0 or self.rounds < 0:
            problems.append(f"burn_in is {self.burn_in} and rounds is {self.rounds}; expected from 0 on")
        if problems:
            raise InputError(problems, "SAEM")
