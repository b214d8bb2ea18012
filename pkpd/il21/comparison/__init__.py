"""The paper's numbers beside computed ones, row by row."""
