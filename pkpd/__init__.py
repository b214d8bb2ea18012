"""pkpd: from sparse samples to a simulated trial."""

__version__ = "0.1.0"
