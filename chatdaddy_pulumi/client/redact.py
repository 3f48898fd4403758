"""Keeps tokens and phone numbers out of everything that is shown to people.

Every secret that this process handles is remembered here, so that it is masked wherever it turns
up: also where a server or a library repeats it.
"""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import quote

MASK = "[hidden]"

#: Shorter ones would mask ordinary words.
_SHORTEST = 6

_secrets: set[str] = set()

_JWT = re.compile(r"\beyJ[\w-]{10,}(?:\.[\w-]*)*")
_BEARER = re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]{6,}")
# Not inside a word, so that account and team IDs stay readable; nor a date.
_PHONE = re.compile(r"(?<![\w.:/-])(?!\d{4}-\d\d-\d\d)\+?\(?\d(?:[ ().-]{0,2}\d){7,14}(?![\w-])")
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def hide(secret: str | None) -> None:
    """Mask this text from now on, wherever it would be shown."""
    if secret and len(secret) >= _SHORTEST:
        _secrets.update({secret, quote(secret, safe="")})


def redact(text: str) -> str:
    """The text without known secrets, what looks like a token, and phone numbers."""
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    text = _JWT.sub(MASK, text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    return _PHONE.sub(MASK, text)


def redact_data(value: Any) -> Any:
    """JSON-like data with every text in it redacted, keys included."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact(str(key)): redact_data(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_data(item) for item in value]
    return value


def one_line(text: str, longest: int = 400) -> str:
    """What a server said, fit to stand in one line: redacted, without control characters, cut."""
    line = _BLANKS.sub(" ", redact(text)).strip()
    return line if len(line) <= longest else line[: longest - 1] + "…"


class RedactingFilter(logging.Filter):
    """For the loggers of libraries that log addresses, since an address may hold a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        shown = record.getMessage()
        if (safe := redact(shown)) != shown:
            record.msg, record.args = safe, ()
        return True
