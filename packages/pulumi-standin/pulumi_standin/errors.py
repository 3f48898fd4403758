"""What the stand-in engine raises."""

from __future__ import annotations


class EngineError(Exception):
    """Something a person can mend; the message is one line for them."""


class Failed(Exception):
    """A step or the program failed, and why has been shown already."""
