"""Bodies of answers: unpacked, and refused before they are parsed if there is too much in them."""

from __future__ import annotations

import zlib

#: What is asked for, and so the only packing that is understood.
ACCEPT_ENCODING = "gzip"

#: JSON with more values than this is not parsed. An account has some 40 of them. (The parser itself
#: bounds how deep they are nested and how many digits a number has.)
MOST_VALUES = 1_000_000

_STEP = 64 * 1024


class BadBody(ValueError):
    """The body can't be read; says why."""


class TooLong(BadBody):
    """The body is longer than what was allowed."""


class Body:
    """Gathers a body of up to `most` bytes, unpacked."""

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
        """Raises `TooLong` once there is too much of it; `content` holds what is allowed."""
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
        """All was received; raises `BadBody` if something is missing."""
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
