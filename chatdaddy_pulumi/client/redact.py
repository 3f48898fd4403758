"""Keeps tokens and phone numbers out of everything that is shown to people.

Every secret that this process handles is remembered here, so that it is masked wherever it turns
up: also if a server or a library repeats it. That is the one thing that all clients of a process
share; it decides only what is masked.
"""

from __future__ import annotations

import json
import logging
import re
import string
import threading
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus

from chatdaddy_pulumi.client import text as texts

MASK = "[hidden]"

#: Shorter ones would mask ordinary words.
_SHORTEST = 6
#: As much of a text is looked at.
_LONGEST = 64 * 1024

_adding = threading.Lock()
#: The longest first, since one may be a part of another; each with what finds it. Replaced as a
#: whole when one is added, so that other threads can go on reading.
_secrets: Mapping[str, re.Pattern[str]] = MappingProxyType({})

_JWT = re.compile(r"\beyJ[\w-]{10,}(?:\.[\w-]*)*")
_BEARER = re.compile(r"(?i)\b(bearer\s+|authorization\W{1,4}basic\s+)[\w.~+/=-]{6,}")
_LOGIN = re.compile(r"(?<=://)[^\s/?#@\"']+@")
#: What people write between a phone number's digits, and what comes along if they copy one.
_BETWEEN = r"[ \t\u00a0\u2000-\u200f\u202a-\u202f\u2060\u3000().\u2010-\u2015\u2212-]"
# Not inside a word, so that account and team IDs stay readable; nor a date or an IP address.
_PHONE = re.compile(
    r"(?<![\w.:/-])(?!\d{4}-\d\d-\d\d)(?!\d{1,3}(?:\.\d{1,3}){3}(?![\w.]))"
    rf"\+?\(?\d(?:{_BETWEEN}{{0,2}}\d){{7,14}}(?![\w-])"
)
# Digits alone may also be in an address or after a name: `user:85298765432`.
_COMPACT_PHONE = re.compile(r"(?<![\w.-])\+?\d{9,15}(?![\w-])")


def hide(secret: str | None) -> None:
    """Mask this text from now on, wherever it would be shown, also as JSON and URLs write it."""
    global _secrets
    if not secret or len(secret) < _SHORTEST:
        return
    with _adding:
        if secret not in _secrets:
            found = {**_secrets, secret: re.compile("".join(map(_in_any_form, secret)))}
            _secrets = {one: found[one] for one in sorted(found, key=lambda one: (-len(one), one))}


#: What neither JSON nor URLs ever escape.
_UNRESERVED = frozenset(string.ascii_letters + string.digits + "-._~")


def _in_any_form(character: str) -> str:
    """A pattern of the character as it is and as JSON and URLs may write it: encoders differ in
    what they escape."""
    if character in _UNRESERVED:
        return re.escape(character)
    escaped = quote(character, safe="")
    forms = {
        *(character, escaped, quote(escaped, safe=""), json.dumps(character)[1:-1]),
        # JSON escapes halves of what is beyond 16 bits.
        "".join(f"\\u{high:02x}{low:02x}" for high, low in _pairs(character.encode("utf-16-be"))),
        *({"/": ["\\/"], " ": ["+"]}.get(character, [])),
    }
    longest_first = sorted(forms, key=lambda one: (-len(one), one))
    return f"(?i:{'|'.join(map(re.escape, longest_first))})"


def _pairs(data: bytes) -> Iterator[tuple[int, int]]:
    return zip(data[::2], data[1::2], strict=True)


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
    for pattern in _secrets.values():
        text = pattern.sub(MASK, text)
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
    # On one line first: else a phone number may come together only then.
    line = texts.visible(redact(" ".join(text.split())))
    return line if len(line) <= longest else line[: longest - 1] + "…"


class RedactingFilter(logging.Filter):
    """For the loggers of libraries that log addresses and headers, which may hold a token."""

    _formatter = logging.Formatter()

    def filter(self, record: logging.LogRecord) -> bool:
        shown = record.getMessage()
        if (safe := redact(shown)) != shown:
            record.msg, record.args = safe, ()
        if record.exc_info:
            told = record.exc_text or self._formatter.formatException(record.exc_info)
            record.exc_text = redact(told)
            if record.exc_text != told:
                # Some formatters would write the exception anew.
                record.exc_info = None
        return True


#: HTTP libraries, which a transport that is given to the client may use.
_LIBRARIES = (
    *("httpx", "httpcore", "aiohttp", "requests", "urllib3"),
    *("asyncio", "anyio", "h11", "h2", "hpack", "hyperframe"),
)
#: Loggers of theirs that may be made only later.
_LOGGERS = (
    *("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"),
    *("httpcore.socks", "aiohttp.client", "aiohttp.internal", "aiohttp.websocket"),
    *("hpack.hpack", "hpack.table", "urllib3.connectionpool"),
)


def filter_logs() -> None:
    """Redact what those libraries log; doing it again changes nothing.

    A logger's filters do not see what its children log, so each of them gets one.
    """
    known = list(logging.root.manager.loggerDict)
    own = {name for name in known if name.partition(".")[0] in _LIBRARIES}
    for name in own.union(_LIBRARIES, _LOGGERS):
        logger = logging.getLogger(name)
        if not any(isinstance(one, RedactingFilter) for one in logger.filters):
            logger.addFilter(RedactingFilter())
