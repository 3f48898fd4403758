"""QR codes as text for terminals, and as pictures for a page."""

from __future__ import annotations

import io

import segno
from rich.text import Text

#: The margin of light modules around the code.
_BORDER = 2

#: A character for two modules, by whether the upper and the lower one are dark.
_DARK_INK = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}
_LIGHT_INK = {(not upper, not lower): ink for (upper, lower), ink in _DARK_INK.items()}

#: Black on white, whatever the terminal's own colours.
_PAPER = "#000000 on #ffffff"


def _made(text: str) -> segno.QRCode:
    """As small as possible: a screen needs no error correction for damage."""
    return segno.make_qr(text, error="l", boost_error=False)


def lines(text: str, *, dark_ink: bool) -> list[str]:
    """The code's lines, two modules a character.

    Args:
        text: The content of the code.
        dark_ink: Characters are dark on a light background; otherwise light on a dark one.
    """
    rows = [[bool(module) for module in row] for row in _made(text).matrix_iter(border=_BORDER)]
    rows += [[False] * len(rows[0])] * (len(rows) % 2)
    ink = _DARK_INK if dark_ink else _LIGHT_INK
    return [
        "".join(ink[pair] for pair in zip(upper, lower, strict=True))
        for upper, lower in zip(rows[::2], rows[1::2], strict=True)
    ]


def coloured(text: str) -> Text:
    """The code for a terminal with colours."""
    return Text("\n").join(Text(line, _PAPER) for line in lines(text, dark_ink=True))


def svg(text: str) -> bytes:
    """The code as a picture that scales."""
    picture = io.BytesIO()
    _made(text).save(picture, kind="svg", border=4, light="#fff", omitsize=True)
    return picture.getvalue()
