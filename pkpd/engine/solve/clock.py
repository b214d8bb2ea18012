"""Which interval a steady state is of, where equations change with time: one after which they are what they were."""

from __future__ import annotations

import math

from pkpd.engine.solve.integrated import IntegrationJob
from pkpd.engine.solve.steady_interval import SteadyInterval
from pkpd.engine.status import NOT_PERIODIC
from pkpd.engine.timeline.deliveries import Train
from pkpd.model import evaluate_text

_MOST = 100  # intervals that may pass until everything comes back
_SAME = 1e-5  # of a period: 3.14159 for π


def interval_of(job: IntegrationJob, train: Train, value: int, record: float) -> SteadyInterval | int:
    """Return the interval of a train, or the status that says why there is none.

    Parameters
    ----------
    job : IntegrationJob
        The run.
    train, value, record
        The dose repeated for ever, the row of values that holds, and the time of the record.
    """
    layout = job.integrated.structure
    plain = SteadyInterval.of(train, value, record)
    if not layout.clock:
        return plain
    given = dict(zip(layout.inputs, job.values[value].tolist(), strict=True))
    rates = [abs(float(evaluate_text(text, given))) for text in layout.frequencies]
    periods = [2 * math.pi / rate for rate in rates if rate > 0]
    if not layout.periodic or not all(map(math.isfinite, rates)):
        return NOT_PERIODIC
    each = (max(periods) if periods else plain.each) if train.constant else plain.each
    for repeats in range(1, _MOST + 1):
        turns = [repeats * each / period for period in periods]
        if all(abs(turn - round(turn)) <= _SAME * max(turn, 1.0) and round(turn) for turn in turns):
            return SteadyInterval.of(train, value, record, repeats, each)
    return NOT_PERIODIC
