"""Dose reductions and interruptions that toxicity causes: the rule, its steps, its part in an adaptive simulation."""
