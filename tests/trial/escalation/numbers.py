"""Numbers to meet: published ones, and ones recomputed by other programs."""

from __future__ import annotations

# Liu S, Yuan Y. J R Stat Soc C 2015;64:507-523, target 0.30, default φ₁, φ₂, n = 1 … 30: their formula, computed apart
# from this package (figures/trial/numbers.json).
BOIN_LAMBDA = (0.2364907, 0.3585195)
BOIN_UP = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5, 5, 5, 5, 6, 6, 6, 6, 7]
BOIN_DOWN = [1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 6, 6, 6, 7, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 11, 11, 11]
BOIN_OUT = [None, None, 3, 3, 4, 4, 5, 5, 5, 6, 6, 7, 7, 8, 8, 8, 9, 9, 9, 10, 10, 11, 11, 11, 12, 12, 12, 13, 13, 14]

# The cohorts of Bhatia et al. 2014 (evaluable patients 6, 3, 4, 3 are inferred, consistent with 3+3).
REPLAYED = {"10": (1, 6), "30": (0, 3), "40": (0, 3), "50": (2, 4)}
REPLAYED_ISOTONIC = (0.0298, 0.0298, 0.0298, 0.5)

# Example of R's dfcrm (empiric model, its default prior variance).
CRM_PRIOR = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7)
CRM_LEVELS = [3, 4, 4, 3, 3, 4, 3, 2, 2, 2]
CRM_TOXICITY = [0, 0, 1, 0, 0, 1, 1, 0, 0, 0]
CRM_BETA = (-0.2122, 0.1576)
CRM_P = (0.0887, 0.1553, 0.2721, 0.4278, 0.5708, 0.7494)

# (1 − p)³ + 3p(1 − p)⁵, il21.md section 7.
ESCALATES = {0.05: 0.97344, 0.1: 0.9061, 0.2: 0.70861, 0.3: 0.4943, 0.4: 0.30931, 0.6: 0.08243}
