"""The exceptions of the stand-in engine."""

from __future__ import annotations


class EngineError(Exception):
    """An error that a person can correct. The message is one line."""


class Failed(Exception):
    """A step or the program failed, and the reason was shown."""
