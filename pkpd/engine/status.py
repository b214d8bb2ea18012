"""Why a subject could not be solved: numbers for compiled code, sentences for people."""

from __future__ import annotations

OK, UNDERFLOW, TOO_MANY, NOT_FINITE, STIFF, STILL_TOO_MANY, GROWS = 0, 1, 2, 3, 4, 5, 6
NO_STEADY_STATE, TOO_LATE, NOT_PERIODIC = 9, 12, 13
SLIDES, UNSEARCHABLE = 10, 11
ADVICE = {
    OK: "",
    UNDERFLOW: "the step size fell to rounding error: the solution blows up or jumps; check signs and units",
    TOO_MANY: "the step limit was reached: the equations are stiff for these values; try method='stiff'",
    NOT_FINITE: "the equations give a value that is not a number: look for a logarithm, a root or a broken"
    " power of what may be negative, or a division by zero",
    STIFF: "the equations are stiff for these values: the explicit method was stopped; try method='stiff'",
    STILL_TOO_MANY: "the stiff method reached the step limit: loosen the tolerances, raise max_steps, or look for"
    " equations that jump",
    GROWS: "amounts grow beyond every number: look for a volume, a clearance or a rate that is negative",
    SLIDES: "a condition on a state turns back at once whenever it is met, so that the state would stay at its limit:"
    " say what holds there, or replace the jump by a steep smooth function",
    UNSEARCHABLE: "the moments at which a condition on time is met could not all be found: write it in simpler terms",
    NO_STEADY_STATE: "repeated doses come to no steady state: something that is dosed is never lost, or more is"
    " given than can be lost; give the doses one by one, or look at the largest rate of elimination",
    TOO_LATE: "the lag is longer than the interval of the steady state, so that its record stands before anything has"
    " arrived, where amounts would be negative: give the doses one by one, with a lag each",
    NOT_PERIODIC: "the equations change with time, and not by the interval of the steady state (or a whole part of"
    " it): repeated doses come to no steady state; give the doses one by one",
}
