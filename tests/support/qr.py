"""Reads QR codes from text and from pictures, with an independent library."""

from __future__ import annotations

import io
from collections.abc import Iterator

import zxingcpp
from PIL import Image, ImageOps

#: By character: whether its upper and its lower half are dark.
_INK = {" ": (False, False), "▀": (True, False), "▄": (False, True), "█": (True, True)}

_SCALE = 4
_QUIET = 4


def blocks(text: str) -> Iterator[list[str]]:
    """The codes in a text: lines of half blocks, cut to the width of the code."""
    found: list[str] = []
    for line in [*text.split("\n"), ""]:
        if set(line) <= _INK.keys() and len(line) - line.count(" ") >= 8:
            found.append(line)
            continue
        if len(found) >= 10:
            left = min(len(one) - len(one.lstrip()) for one in found)
            right = max(len(one.rstrip()) for one in found)
            yield [one[left:right].ljust(right - left) for one in found]
        found = []


def _read(picture: Image.Image) -> list[str]:
    """The contents of the QR codes in a picture. Other kinds of codes are ignored."""
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return [code.text for code in found]


def read_text(lines: list[str], *, dark_ink: bool) -> str:
    """The content of a code of half blocks."""
    rows = [half for line in lines for half in zip(*(_INK[letter] for letter in line), strict=True)]
    picture = Image.new("L", (len(rows[0]), len(rows)))
    picture.putdata([0 if inked == dark_ink else 255 for row in rows for inked in row])
    size = (picture.width * _SCALE, picture.height * _SCALE)
    paper = ImageOps.expand(picture.resize(size), border=_QUIET * _SCALE, fill=255)
    (found,) = _read(paper)
    return found


def read_pictures(png: bytes) -> list[str]:
    """The contents of all codes in a picture."""
    picture = Image.open(io.BytesIO(png)).convert("L")
    return _read(picture)


def without_codes(text: str) -> str:
    """The text with each code replaced by a placeholder."""
    for block in blocks(text):
        text = text.replace("\n".join(block), "[QR code]", 1)
    return text
