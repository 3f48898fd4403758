"""Random strings: from the system, or from a seed, which makes them repeatable."""

from __future__ import annotations

import base64
import random

#: The system's source, which is not predictable.
SYSTEM = random.SystemRandom()


def token_hex(source: random.Random, size: int) -> str:
    """A random string of so many bytes, in hexadecimal."""
    return source.randbytes(size).hex()


def token_urlsafe(source: random.Random, size: int) -> str:
    """A random string of so many bytes, in base64url."""
    return base64.urlsafe_b64encode(source.randbytes(size)).decode().rstrip("=")
