"""Readers of other people's tables; each returns a checked `pkpd.study.Study`."""

from __future__ import annotations

from pkpd.io.tables import read_study

__all__ = ["read_study"]
