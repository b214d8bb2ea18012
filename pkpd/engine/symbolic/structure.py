"""What numbers must know of a model's formulas: plain names and positions, which survive on disk beside the code."""

from __future__ import annotations

from dataclasses import dataclass

Pair = tuple[int, int]
Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Structure:
    """Names and positions; no symbols.

    Attributes
    ----------
    states, inputs, outputs, sensitivities : tuple of str
        In the order of the model; inputs are parameters, then covariates.
    linear, integrated : tuple of int
        Which states the closed form solves and which are integrated.
    seen : tuple of int
        Inputs on which the block depends.
    varied : tuple of int
        Sensitivities on which the block depends.
    driving : tuple of int
        Positions in the block of the states that the integrated ones see.
    upstream : tuple of int
        Positions in the block of these and of whatever flows into them.
    driven : tuple of pairs
        Derivatives that the closed form provides for the integrated states: which driving state (its position in the
        block), which sensitivity.
    components : int
        Length of the integrated vector: states, then sensitivities.
    where : tuple of (state, sensitivity, place)
        Where each sensitivity of an integrated state stands in that vector.
    rate_sensitivities : tuple of pairs
        Integrated states and sensitivities on which rates of infusions depend.
    moved : tuple of pairs
        States and sensitivities that are not independent by structure.
    dosing : tuple of (kind, state)
        What the model says of doses.
    from_dose : tuple of bool
        For each event time of the model, whether it counts from a dose; whether it is past stands in the last inputs.
    tad : bool
        Whether the time after dose stands in the equations or the outputs.
    all_linear : bool
        Whether every state could be solved in closed form, however it is solved.
    kept : tuple of bool
        Which integrated states cannot become negative if nothing that they see is negative.
    relied : tuple of int
        Inputs that must not be negative for that.
    guarded : bool
        Whether bases of powers are kept from falling below zero.
    multiply : tuple of bool
        Which integrated states grow by a multiple of themselves.
    gathers : tuple of bool
        Which states (in the order of the model) nothing reads: they gather and have no steady state.
    clock : bool
        Whether the integrated equations change with time itself.
    periodic : bool
        Whether they do so in sines and cosines alone.
    frequencies : tuple of str
        By how much the arguments of these grow in a unit of time, as texts of the inputs.
    analytic : bool
        Whether the integrated equations have a Taylor series along the solution.
    operations : int
        Operations of the right-hand side: what its code costs.
    block : tuple of int
        Places of the block's formula that are not zero by structure.
    dosed : tuple of int
        Sensitivities of the block on which doses into it depend.
    at_zero : tuple of bool
        For each switch whether a gap that rests at zero counts as positive.
    rests : tuple of int
        For each switch the integrated state that comes to zero there and may not become negative; -1: none.
    timed : int
        How many of the switches, the first ones, see time alone.
    waves : int
        How many functions of time alone are searched for narrow peaks.
    order : int
        Of the highest derivatives.
    pairs : tuple of pairs
        Sensitivities, the first not behind the second, of all second derivatives; empty where they are not asked for.
    moving : tuple of int
        Sensitivities on which times depend; second derivatives with respect to them obey no equations.
    curved : tuple of triples
        Second derivatives that the closed form provides for the integrated states: driving state, sensitivities.
    where2 : tuple of (state, sensitivity, sensitivity, place)
        Where each second derivative of an integrated state stands in the integrated vector.
    rate_curvatures : tuple of triples
        Integrated states for which infusion rates have which second derivatives.
    moved2 : tuple of triples
        States and the two sensitivities of second derivatives that are not zero by structure.
    dosed2 : tuple of pairs
        Sensitivities by which what arrives of doses into the block has second derivatives.
    """

    states: tuple[str, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sensitivities: tuple[str, ...]
    linear: tuple[int, ...]
    integrated: tuple[int, ...]
    seen: tuple[int, ...]
    varied: tuple[int, ...]
    driving: tuple[int, ...]
    upstream: tuple[int, ...]
    driven: tuple[Pair, ...]
    components: int
    where: tuple[tuple[int, int, int], ...]
    rate_sensitivities: tuple[Pair, ...]
    moved: tuple[Pair, ...]
    dosing: tuple[tuple[str, str], ...]
    from_dose: tuple[bool, ...]
    tad: bool
    all_linear: bool
    kept: tuple[bool, ...]
    relied: tuple[int, ...]
    guarded: bool
    multiply: tuple[bool, ...]
    gathers: tuple[bool, ...]
    clock: bool
    periodic: bool
    frequencies: tuple[str, ...]
    analytic: bool
    operations: int
    block: tuple[int, ...]
    dosed: tuple[int, ...]
    at_zero: tuple[bool, ...]
    rests: tuple[int, ...]
    timed: int
    waves: int
    order: int
    pairs: tuple[Pair, ...]
    moving: tuple[int, ...]
    curved: tuple[Triple, ...]
    where2: tuple[tuple[int, int, int, int], ...]
    rate_curvatures: tuple[Triple, ...]
    moved2: tuple[Triple, ...]
    dosed2: tuple[Pair, ...]

    @property
    def event_count(self) -> int:
        """How many event times the model has."""
        return len(self.from_dose)

    @property
    def arguments(self) -> int:
        """How many numbers the right-hand side reads; the last ones are the sides of the switches."""
        return self.slots + self.closed_numbers + len(self.at_zero)

    @property
    def quantities(self) -> tuple[Pair, ...]:
        """What the closed form provides within a segment: driving states (with -1), then their derivatives."""
        return (*((d, -1) for d in self.driving), *self.driven)

    @property
    def closed_numbers(self) -> int:
        """How many numbers of the closed form the right-hand side reads."""
        modes, drivers = len(self.upstream), len(self.driving)
        derivatives = len(self.driven) * (1 + 2 * modes) + len(self.curved) * (1 + 3 * modes)
        return 1 + modes + drivers * (1 + modes) + derivatives if drivers else 0

    @property
    def owners(self) -> tuple[int, ...]:
        """The integrated state to which each component of the integrated vector belongs."""
        owner = {k: i for i, _, k in self.where} | {k: i for i, _, _, k in self.where2}
        return tuple(owner.get(c, c) for c in range(self.components))

    @property
    def slots(self) -> int:
        """Where the closed form's numbers begin in what the right-hand side reads."""
        rates = len(self.integrated) + len(self.rate_sensitivities) + len(self.rate_curvatures)
        return len(self.inputs) + len(self.sensitivities) + 2 + rates
