"""Dose escalation: 3+3, BOIN, CRM and BLRM; their decisions, the replay of a trial, their operating characteristics."""
