"""Antibodies against the drug: a clearance that changes when they appear, when a trial sees them, what they change."""
