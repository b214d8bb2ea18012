"""Results on disk: the store and its log of finished pieces, its lock, and the call by which it knows itself again."""

from pkpd.simulate.store.store import open_simulation

__all__ = ["open_simulation"]
