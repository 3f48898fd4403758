"""Makes text that others wrote safe to show: no character steers a terminal or is invisible."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

#: Characters of no width that Unicode counts among the letters.
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
#: Joiners combine two characters into one sign, or keep letters apart.
_JOINERS = "\u200c\u200d"
#: Most texts are printable ASCII, which needs no look at each character.
_PLAIN = re.compile(r"[ -~]*")


def _escape(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def escaped(text: str, escape: Callable[[str], str] = _escape) -> str:
    r"""The text with its unsafe characters as escapes such as ``\x1b`` or ``\u202e``.

    Unsafe are control characters (C0 with line ends, C1), which terminals obey; characters that
    change the direction of writing or have no width; line and paragraph separators; surrogates.
    Joiners stay between characters that need them, as in emoji and in Persian.

    Args:
        text: What others wrote.
        escape: How an unsafe character is written.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(
        character if _is_safe(text, place) else escape(character)
        for place, character in enumerate(text)
    )


def visible(text: str) -> str:
    """Like `escaped`, with a blank in place of each other kind of space."""
    if _PLAIN.fullmatch(text):
        return text
    return "".join(" " if _is_space(character) else character for character in escaped(text))


def visible_lines(text: str) -> str:
    """`visible` for each line."""
    return "\n".join(map(visible, text.split("\n")))


def _is_safe(text: str, place: int) -> bool:
    character = text[place]
    if character in _JOINERS:
        around = text[place - 1 : place] + text[place + 1 : place + 2]
        return len(around) == 2 and all(one > "\x7f" and one.isprintable() for one in around)
    if character in _BLANK_LETTERS:
        return False
    return character.isprintable() or _is_space(character)


def _is_space(character: str) -> bool:
    return unicodedata.category(character) == "Zs"
