"""What is fitted and what is simulated: how subjects and measurements vary (floor 3, below the engine)."""

from pkpd.population.residual import KINDS, ErrorKind, ErrorParameter, ResidualError, residual_error

__all__ = ["KINDS", "ErrorKind", "ErrorParameter", "ResidualError", "residual_error"]
