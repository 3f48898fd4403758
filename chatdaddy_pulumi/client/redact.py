"""Keeps tokens and phone numbers out of everything that is shown to people.

Every secret that this process handles is remembered here, so that it is masked wherever it turns
up: also if a server or a library repeats it. That is the one thing that all clients of a process
share; it decides only what is masked.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from typing import Any
from urllib.parse import quote, quote_plus

from chatdaddy_pulumi.client import text as texts

MASK = "[hidden]"

#: Shorter ones would mask ordinary words.
_SHORTEST = 6
#: As much of a text is looked at.
_LONGEST = 64 * 1024

_adding = threading.Lock()
#: The longest first, since one may be a part of another. Replaced as a whole when one is added, so
#: that other threads can go on reading.
_secrets: tuple[str, ...] = ()

_JWT = re.compile(r"\beyJ[\w-]{10,}(?:\.[\w-]*)*")
_BEARER = re.compile(r"(?i)\b(bearer\s+|authorization\W{1,4}basic\s+)[\w.~+/=-]{6,}")
_LOGIN = re.compile(r"(?<=://)[^\s/?#@\"']+@")
# Not inside a word, so that account and team IDs stay readable; nor a date or an IP address.
_PHONE = re.compile(
    r"(?<![\w.:/-])(?!\d{4}-\d\d-\d\d)(?!\d{1,3}(?:\.\d{1,3}){3}(?![\w.]))"
    r"\+?\(?\d(?:[ ().-]{0,2}\d){7,14}(?![\w-])"
)
# Digits alone may also be in an address or after a name: `user:85298765432`.
_COMPACT_PHONE = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w-])")


def hide(secret: str | None) -> None:
    """Mask this text from now on, wherever it would be shown, also as JSON and URLs write it."""
    global _secrets
    if not secret or len(secret) < _SHORTEST:
        return
    forms = {secret, *written(secret)}
    with _adding:
        if not forms <= set(_secrets):
            _secrets = tuple(sorted({*_secrets, *forms}, key=lambda one: (-len(one), one)))


def written(text: str) -> set[str]:
    """The text as JSON and URLs write it."""
    return {write(text) for write in _WRITTEN}


_WRITTEN = (
    lambda secret: quote(secret, safe=""),
    lambda secret: quote(secret, safe="").lower(),
    quote,
    quote_plus,
    lambda secret: json.dumps(secret)[1:-1],
    lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    lambda secret: json.dumps(secret)[1:-1].replace("/", "\\/"),
)


def redact(text: str) -> str:
    """The text without known secrets, what looks like a token or a login, and phone numbers."""
    if len(text) > _LONGEST:
        # A secret that is cut would not be known: leave its word out.
        text = text[:_LONGEST].rpartition(" ")[0]
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, MASK)
    text = _JWT.sub(MASK, text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _LOGIN.sub(f"{MASK}@", text)
    return _COMPACT_PHONE.sub(MASK, _PHONE.sub(MASK, text))


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
    """A server's words on one line: redacted, printable and cut."""
    line = texts.one_line(redact(text))
    return line if len(line) <= longest else line[: longest - 1] + "…"


class RedactingFilter(logging.Filter):
    """For the loggers of libraries that log addresses and headers, which may hold a token."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        shown = record.getMessage()
        if (safe := redact(shown)) != shown:
            record.msg, record.args = safe, ()
        if record.exc_info and not record.exc_text:
            record.exc_text = redact(self._formatter.formatException(record.exc_info))
        return True


#: Those of HTTP libraries, which a transport that is given to the client may use.
_LOGGERS = (
    *("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.http2"),
    *("httpcore.proxy", "httpcore.socks", "aiohttp", "aiohttp.client", "aiohttp.internal"),
    *("asyncio", "h11", "hpack"),
)


def filter_logs() -> None:
    """Redact what those libraries log; doing it again changes nothing."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(one, RedactingFilter) for one in logger.filters):
            logger.addFilter(RedactingFilter())
