"""Random texts: from the system, or from a seed that repeats them."""

from __future__ import annotations

import base64
import random

#: The system's source, which nobody can predict.
SYSTEM = random.SystemRandom()


def token_hex(source: random.Random, size: int) -> str:
    """A random text of so many bytes, in hexadecimal."""
    return source.randbytes(size).hex()


def token_urlsafe(source: random.Random, size: int) -> str:
    """A random text of so many bytes, in letters that a URL may hold."""
    return base64.urlsafe_b64encode(source.randbytes(size)).decode().rstrip("=")
