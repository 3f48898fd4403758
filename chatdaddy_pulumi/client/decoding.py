"""Decompresses the bodies of answers, and refuses those that are too large to be parsed."""

from __future__ import annotations

import zlib

#: The only compression that is requested and understood.
ACCEPT_ENCODING = "gzip"

#: JSON with more values than this is not parsed. An account has about 40. (The parser itself limits
#: nesting and the digits of a number.)
MOST_VALUES = 1_000_000

_STEP = 64 * 1024


class BadBody(ValueError):
    """The body can't be read; says why."""


class TooLong(BadBody):
    """The body is longer than what was allowed."""


class Body:
    """Collects a body of up to `most` bytes, decompressed."""

    def __init__(self, encoding: str | None, most: int) -> None:
        """`encoding` is the answer's ``Content-Encoding``; raises `BadBody` for an odd one."""
        self.content = bytearray()
        self._most = most
        self._unpack = None
        codings = [name for part in (encoding or "").split(",") if (name := part.strip().lower())]
        codings = [name for name in codings if name != "identity"]
        if codings in (["gzip"], ["x-gzip"]):
            self._unpack = zlib.decompressobj(wbits=31)
        elif codings:
            raise BadBody(f"its Content-Encoding {', '.join(codings)[:60]!r} was not asked for")

    def add(self, piece: bytes) -> None:
        """Raises `TooLong` if it becomes too long; `content` has the part that is allowed."""
        if self._unpack is None:
            self._append(piece)
            return
        while piece:
            if self._unpack.eof:
                raise BadBody("something follows its gzip data")
            try:
                unpacked = self._unpack.decompress(piece, _STEP)
            except zlib.error as error:
                raise BadBody("its gzip data is broken") from error
            piece = self._unpack.unconsumed_tail or self._unpack.unused_data
            self._append(unpacked)

    def end(self) -> None:
        """End the body. Raises `BadBody` if something is missing."""
        if self._unpack is not None and not self._unpack.eof:
            raise BadBody("its gzip data ends too early")

    def _append(self, piece: bytes) -> None:
        room = self._most - len(self.content)
        self.content += piece[:room]
        if len(piece) > room:
            raise TooLong(f"it is longer than {self._most:,} bytes")


def check_size(json: bytes) -> None:
    """Raises `BadBody` if parsing it would take too much memory or time."""
    if json.count(b",") + json.count(b"[") + json.count(b"{") > MOST_VALUES:
        raise BadBody(f"it has more than {MOST_VALUES:,} values")
