"""What of a linear block is not zero by structure, and where its numbers of all lanes stand in one memory.

With dx/dt = Kx + b, K is a sum of flows: from state a to state b, or to nowhere ("gone"), at the rate k·x_a. The
exponential E = exp(Kτ) has an entry (i, j) only where something flows from j to i. Its derivatives are taken in
*directions*: a direction is a flow (then E's derivative by a parameter is that by its rate constants times theirs by
the parameter), or a parameter where there are fewer of these. The derivative in the direction of a flow from a to b is
∫E(τ − s)(e_b − e_a)e_aᵀE(s)ds, so it has entries in the columns from which a is reached and the rows that a or b
reaches.

The input b + rates is one more column, and its derivatives are columns behind it; what is gone is one more row.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement, permutations

from pkpd.engine.symbolic.structure import Structure

Flow = tuple[int, int]
"""From a state to another; one behind the last state means "gone"."""
Label = tuple[int, ...]
"""Directions, or parameters, in which something is differentiated, sorted; empty: the thing itself."""
Key = tuple[Label, int, int]
"""An entry of the exponential or of a derivative: its directions, row and column."""

TAU, AGAIN, MOVES, SCALE = range(4)
"""First numbers of a lane: the interval whose exponential is held; 1 if it starts from the last requested time and not
from the segment's start; 1 if time passes at all; what the source's columns are to be multiplied with."""
HEAD = 4
MOST_ENTRIES = 150
"""Of the exponential and its derivatives; beyond them code without loops would be too long."""


@dataclass(frozen=True)
class Shape:
    """What of the block is not zero by structure.

    Attributes
    ----------
    states, parameters : int
        How many.
    order : int
        Highest derivative.
    places : frozenset of int
        Places of the block's formula (`Formulas.block`) that are not zero.
    moved : tuple of (parameters, state)
        Derivatives of states that are not zero, by one parameter or two, in the order of the vector of a lane.
    dosed : tuple of parameters
        By which doses, and so infusion rates, may have derivatives, by one parameter or two.
    """

    states: int
    parameters: int
    order: int
    places: frozenset[int]
    moved: tuple[tuple[Label, int], ...]
    dosed: tuple[Label, ...]


def shape_of(structure: Structure) -> Shape:
    """Return the shape of a model's block, without derivatives where no parameter moves it."""
    place, number = ({k: i for i, k in enumerate(every)} for every in (structure.linear, structure.varied))
    once: list[tuple[Label, int]] = [((number[j],), place[i]) for i, j in structure.moved if i in place]
    twice = [((number[j], number[k]), place[i]) for i, j, k in structure.moved2 if i in place]
    dosed = *((number[j],) for j in structure.dosed), *((number[j], number[k]) for j, k in structure.dosed2)
    return Shape(len(place), len(number), structure.order if number else 0, frozenset(structure.block),
                 (*once, *twice), dosed)  # fmt: skip


def labels(parameters: int, order: int) -> list[Label]:
    """Return what is differentiated by: nothing, every parameter, every pair of them."""
    return [pair for k in range(order + 1) for pair in combinations_with_replacement(range(parameters), k)]


class BlockLayout:
    """Where everything stands, in entries of one number per lane.

    Parameters
    ----------
    shape : Shape
        Of the block.
    source : bool
        Whether there is an input, constant or infused.
    """

    def __init__(self, shape: Shape, source: bool) -> None:
        self.shape, self.source, self.n = shape, source, shape.states
        self.gone, self.column = self.n, self.n + 1  # the row of what is gone, the column of the source
        self.width = self.n * (self.n + 3)  # entries of the formula for the values and for every derivative
        self.labels = labels(shape.parameters, shape.order)
        self.vector = self.n + len(shape.moved)
        self.block = HEAD
        self.rates = self.block + len(self.labels) * self.width  # of infusions, and their derivatives
        self.start = self.rates + len(self.labels) * self.n  # the vector at the start of the segment
        self.dosed = self.start + self.vector  # the time of the last dose: what outputs read before the vector
        self.reached = self.dosed + 1  # the vector at the last requested time
        self.exponential = self.reached + self.vector
        keys = [key for which in self.matrices for key in self._keys_of(which)]
        self.entries = {key: self.exponential + k for k, key in enumerate(keys)}
        self.size = self.exponential + len(keys)

    # --- the block's formula ---

    def _entry(self, label: Label, place: int) -> int | None:
        """Entry of the formula's result for the values or a derivative; None if it is zero by structure."""
        at = self.labels.index(label) * self.width + place
        return self.block + at if at in self.shape.places else None

    def flow(self, flow: Flow, label: Label = ()) -> int | None:
        """Return the entry of a flow's rate constant or of its derivative; None if it is zero by structure."""
        a, b = flow
        return self._entry(label, self.n * self.n + a if b == self.gone else b * self.n + a)

    def diagonal(self, j: int) -> int | None:
        """Return the entry of K's diagonal, None if it is zero by structure."""
        return self._entry((), j * self.n + j)

    def constant(self, i: int, label: Label = ()) -> int | None:
        """Return the entry of a state's constant input or of its derivative; None if it is zero by structure."""
        return self._entry(label, self.n * self.n + self.n + i)

    def initial(self, i: int, label: Label = ()) -> int | None:
        """Return the entry of a state's initial value or of its derivative; None if it is zero by structure."""
        return self._entry(label, self.n * self.n + 2 * self.n + i)

    def rate(self, i: int, label: Label = ()) -> int:
        """Return the entry of an infusion rate or of its derivative."""
        return self.rates + self.labels.index(label) * self.n + i

    # --- flows and directions ---

    @cached_property
    def flows(self) -> list[Flow]:
        """Every flow that is not zero by structure."""
        ends = (*range(self.n), self.gone)
        return [(a, b) for a in range(self.n) for b in ends if a != b and self.flow((a, b)) is not None]

    @cached_property
    def varied(self) -> list[Flow]:
        """The flows whose rate constants depend on a parameter."""
        return [f for f in self.flows if any(self.flow(f, label) is not None for label in self.labels if label)]

    @cached_property
    def by_flow(self) -> bool:
        """Whether directions are flows."""
        return len(self.varied) <= self.shape.parameters

    @cached_property
    def directions(self) -> int:
        """How many directions there are."""
        return len(self.varied) if self.by_flow else self.shape.parameters

    def change(self, which: Label) -> list[tuple[Flow, int | None]]:
        """Return how K changes in one direction, or in two at once: flows, and entries of rates (None: 1)."""
        if self.by_flow:
            return [(self.varied[which[0]], None)] if len(which) == 1 else []
        found = [(f, self.flow(f, which)) for f in self.varied]
        return [(f, entry) for f, entry in found if entry is not None]

    @cached_property
    def reach(self) -> list[set[int]]:
        """What can be reached from every state, itself and "gone" too; last, from "gone"."""
        reach = [{j} for j in range(self.n)] + [{self.gone}]
        grown = True
        while grown:
            grown = False
            for a, b in self.flows:
                if not reach[b] <= reach[a]:
                    reach[a] |= reach[b]
                    grown = True
        return reach

    # --- entries of the exponential ---

    @cached_property
    def matrices(self) -> list[Label]:
        """The exponential, then its derivatives in every direction and pair of directions."""
        return labels(self.directions, self.shape.order)

    @cached_property
    def sources(self) -> list[Label]:
        """The source, then its derivatives by parameters that may not be zero."""
        if not self.source:
            return []
        first: set[Label] = set(self.shape.dosed)
        for label in self.labels:
            if any(self.constant(i, label) is not None for i in range(self.n)):
                first.add(label)
        return [label for label in self.labels if not label or label in first]

    def rows(self, which: Label, j: int) -> list[int]:
        """Return the rows of a column that are not zero by structure."""
        from_source = j >= self.column
        if from_source and len(which) + len(self.sources[j - self.column]) > self.shape.order > 0:
            return []
        start = set(range(self.n)) if from_source else self.reach[j]
        rows: set[int] = set()
        for parts in _ways(which):
            reached = start
            for part in parts:
                ends = [end for (a, b), _ in self.change(part) if a in reached for end in (a, b)]
                reached = set().union(*(self.reach[end] for end in ends))
            rows |= reached
        return sorted(rows - {self.gone} if from_source else rows)

    def _keys_of(self, which: Label) -> list[Key]:
        columns = (*range(self.n), *(self.column + k for k in range(len(self.sources))))
        return [(which, i, j) for j in columns for i in self.rows(which, j)]

    def columns(self, which: Label) -> list[int]:
        """Return the columns of a matrix that hold anything, those of the source too."""
        return sorted({j for m, _, j in self.entries if m == which})

    def squared(self, key: Key) -> list[tuple[Key, Key]]:
        """Return the products whose sum is an entry of the square of the exponential, or of its derivative."""
        which, i, j = key
        found = []
        for chosen in range(2 ** len(which)):
            left = tuple(d for k, d in enumerate(which) if chosen >> k & 1)
            right = tuple(d for k, d in enumerate(which) if not chosen >> k & 1)
            pairs = [((left, i, k), (right, k, j)) for k in range(self.n)]
            found += [(a, b) for a, b in pairs if a in self.entries and b in self.entries]
        return found

    def stays(self, key: Key) -> bool:
        """Whether squaring adds an entry to itself: what is gone stays gone, and the source goes on."""
        return key[1] == self.gone or key[2] >= self.column

    @cached_property
    def rounds(self) -> list[list[int]]:
        """Columns that are squared together, in an order in which none of an earlier round is needed later.

        A column is needed for all those from which its state is reached; states that reach each other go together.
        """
        groups: dict[frozenset[int], list[int]] = {}
        for j in range(self.n):
            same = frozenset(k for k in self.reach[j] if k != self.gone and j in self.reach[k])
            groups.setdefault(same, []).append(j)
        upstream = sorted(groups.values(), key=lambda group: -len(self.reach[group[0]]))
        return [*([self.column + k] for k in range(len(self.sources))), *upstream]

    @cached_property
    def terms(self) -> int:
        """How many terms the series needs at a norm of one half: 0.5^15/15! = 2e-17.

        An entry that is reached in k flows begins with the k-th term, so the longest way is added from three on.
        """
        return max(14, 12 + max((_farthest(self.flows, a) for a in range(self.n)), default=0))

    @cached_property
    def large(self) -> bool:
        """Whether code without loops would be too long."""
        return len(self.entries) > MOST_ENTRIES

    @cached_property
    def memory(self) -> int:
        """Entries of the memory, with what loops over tables need besides (`linear_large`)."""
        if not self.large:
            return self.size
        changes = sum(len(self.change(which)) for which in self.matrices)
        parts = 4 + 2 * (len(self.flows) + self.n + changes) + self.n * len(self.sources) + len(self.entries)
        fits = sum(len(which) + len(label) <= self.shape.order for which in self.matrices for label in self.labels)
        factors = (self.directions**2 + 1) * len(self.labels)
        return self.size + max(parts, 1 + 2 * self.vector + self.n * fits + factors)

    def chain(self, label: Label) -> list[tuple[list[tuple[int, ...]], Label, Label]]:
        """Return how the exponential's derivatives make those of a vector, by the chain rule.

        Each part is a factor (a sum of products of entries; empty: 1), the directions of the derivative of the
        exponential, and the parameters of the derivative of the vector before, with which it is multiplied.
        """
        if not label:
            return []
        if not self.by_flow:
            return [([], part, rest) for part, rest in parts_of(label)]

        def rate(direction: int, by: Label) -> int | None:
            return self.flow(self.varied[direction], by)

        whole = [(d, rate(d, label)) for d in range(self.directions)]
        found: list[tuple[list[tuple[int, ...]], Label, Label]] = [
            ([(r,)], (d,), ()) for d, r in whole if r is not None
        ]
        if len(label) == 1:
            return found
        one, other = (label[0],), (label[1],)
        for d in range(self.directions):
            for left, right in ((one, other), (other, one)):
                first = rate(d, left)
                if first is not None:
                    found.append(([(first,)], (d,), right))
            for e in range(d, self.directions):
                ways = [(d, e), (e, d)] if d != e else [(d, d)]
                pairs = [(rate(x, one), rate(y, other)) for x, y in ways]
                products = [(x, y) for x, y in pairs if x is not None and y is not None]
                if products:
                    found.append(([*products], (d, e), ()))
        return found


def parts_of(which: Label) -> list[tuple[Label, Label]]:
    """The ways to take some of the directions, at least one: these, and the others."""
    found = []
    for chosen in range(1, 2 ** len(which)):
        taken = tuple(d for k, d in enumerate(which) if chosen >> k & 1)
        found.append((taken, tuple(d for k, d in enumerate(which) if not chosen >> k & 1)))
    return found


def _ways(which: Label) -> Iterable[list[Label]]:
    """The ways of differentiating in some directions: one after the other in every order, or two at once."""
    if not which:
        return [[]]
    single: list[list[Label]] = [[(d,) for d in order] for order in sorted(set(permutations(which)))]
    return [*single, [which]] if len(which) > 1 else single


def _farthest(flows: list[Flow], start: int) -> int:
    """Return the number of flows to the state that is farthest from a start."""
    seen, border, steps = {start}, {start}, -1
    while border:
        steps += 1
        border = {b for a, b in flows if a in border} - seen
        seen |= border
    return steps
