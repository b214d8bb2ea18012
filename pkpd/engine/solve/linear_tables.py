"""What the compiled functions of a linear block with n states and p parameters read and write, by name."""

from __future__ import annotations

from typing import Any, NamedTuple

from pkpd.engine.machine.jit import inner_jit
from pkpd.engine.solve.matrix_exponential import Block
from pkpd.engine.timeline.schedule import Lines


class BlockSystem(NamedTuple):
    """By row of values: K (value rows × n × n), what each state loses to nowhere, the constant input b and the initial
    values (value rows × n each). And their derivatives (value rows × p × n × n, value rows × p × n each)."""

    matrix: Any
    loss: Any
    constant: Any
    x0: Any
    dmatrix: Any
    dloss: Any
    dconstant: Any
    dx0: Any


@inner_jit
def block_of(system, row):  # type: ignore[no-untyped-def]
    """Return the block of one row of values."""
    return Block(
        system.matrix[row], system.loss[row], system.constant[row], system.dmatrix[row], system.dloss[row],
        system.dconstant[row],
    )  # fmt: skip


class Doses(NamedTuple):
    """Of every segment, by state of the model: what is added, the infusion rates, what is multiplied with (segments ×
    states); derivatives of the first two (segments × sensitivities × states) and of the start (segments ×
    sensitivities), without sensitivities where doses depend on none; the time of the last dose (segments,). And
    whether there are any rates (1,)."""

    jumps: Any
    rates: Any
    scale: Any
    djumps: Any
    drates: Any
    dstart: Any
    dosed: Any
    rated: Any


class Marks(NamedTuple):
    """What a segment begins with and its row of values (segments,); each subject's first row of values, and its first
    place in what is kept of segments (subjects + 1,); row of values of every output (rows,), or empty; place of every
    row in the result (rows,); whether a train adds its steady state (trains,); the steady states (places × n) and their
    derivatives (places × p × n)."""

    begins: Any
    segment_row: Any
    first_row: Any
    first_place: Any
    observed: Any
    order: Any
    adds: Any
    steady: Any
    dsteady: Any


class BlockTables(NamedTuple):
    """All that is read: the time lines, what doses do, how segments begin, and the values (value rows × inputs)."""

    lines: Lines
    doses: Doses
    marks: Marks
    values: Any


class Machine(NamedTuple):
    """Addresses of the block's formula, of the outputs (0: none are wanted), of the exponential and of what applies it
    (2 each: without and with a source)."""

    block: int
    outputs: int
    exponential: Any
    apply: Any


class Places(NamedTuple):
    """Where things stand in a lane's memory, in entries (`BlockLayout`): the block, how many of its entries
    belong to one derivative, rates, the vectors. Then states of the block among the model's (n,), its parameters among
    the sensitivities (p,); of every derivative in the vector which one it is (0 would be the states themselves, 1 … p
    are those by a parameter, then pairs) and its state (moved,); how many of these are first derivatives; of every
    parameter and pair the place among all derivatives of doses (p + pairs,); whether the block has an input of its own,
    and whether outputs read the time of the last dose."""

    block: int
    width: int
    rates: int
    start: int
    dosed: int
    reached: int
    where: Any
    varied: Any
    label: Any
    state: Any
    once: int
    column: Any
    fed: int
    tad: int


class BlockSpace(NamedTuple):
    """Where the loop works: memory of the lanes (entries · lanes,), values for the block and for the outputs (inputs ·
    lanes,), times (lanes,), outputs with their derivatives (numbers · lanes,), whole numbers (13 × lanes) and times (3
    × lanes) of the lanes."""

    memory: Any
    q: Any
    seen: Any
    clock: Any
    result: Any
    here: Any
    times: Any


class Found(NamedTuple):
    """What is written; arrays without rows are not wanted. In the order asked for: outputs (rows × outputs), slopes
    (rows × outputs × sensitivities), second derivatives (rows × outputs × sensitivities × sensitivities), the model's
    states (rows × states). Sorted: the block's states (rows × n), their derivatives (rows × p × n) and second ones
    (rows × pairs × n). The same at the start of every segment (places instead of rows). Per subject: the status
    (subjects,)."""

    outputs: Any
    slopes: Any
    second: Any
    states: Any
    out: Any
    dout: Any
    d2out: Any
    starts: Any
    dstarts: Any
    d2starts: Any
    status: Any
