"""Whether one drug, or one formulation, changes what another does: ratios, bioequivalence, what could be excluded."""
