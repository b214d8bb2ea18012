"""Trials whose doses a rule decides on the way: the verb, the trial while it goes on, the rule and what it is shown."""

from pkpd.simulate.adaptive.rule import Situation
from pkpd.simulate.adaptive.verb import simulate_adaptive

__all__ = ["Situation", "simulate_adaptive"]
