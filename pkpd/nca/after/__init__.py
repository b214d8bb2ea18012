"""What is made of results: summaries, comparisons, dose proportionality, predicted regimens, explanations."""
