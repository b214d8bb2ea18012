"""Designs of single-arm trials: how many patients, one or two stages, and assurance from a fitted model."""
