"""Toxicity: grades of laboratory values, tables, durations, dose-limiting toxicity."""
