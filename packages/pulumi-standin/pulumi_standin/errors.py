"""What the stand-in engine raises."""

from __future__ import annotations


class EngineError(Exception):
    """Something that a person can correct; the message is one line for them."""


class Failed(Exception):
    """A step or the program failed, and the reason has been shown."""
