"""Where a course turns or crosses a limit: the verb, the course with its time derivative, its roots, their summary."""

from pkpd.simulate.locate.verb import locate

__all__ = ["locate"]
