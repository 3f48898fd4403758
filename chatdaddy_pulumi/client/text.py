"""Text that others wrote, fit to be shown: nothing in it acts on a terminal, and nothing hides."""

from __future__ import annotations

import re
import unicodedata

#: Characters of no width that Unicode counts among the letters.
_BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0"
#: Make one sign of two, or keep letters apart.
_JOINERS = "\u200c\u200d"
#: What can be told apart quickly: nothing but printable ASCII.
_PLAIN = re.compile(r"[ -~]*")
_SPACES = re.compile(r"\s+")


def visible(text: str) -> str:
    r"""The text with escapes such as ``\x1b`` or ``\u202e`` for what is not to be seen.

    Those are control characters (C0 with line ends, C1), which terminals obey; marks that turn the
    direction of writing or have no width; line and paragraph separators; and halves of characters.
    Joiners stay between characters that need them, as in emoji and in Persian.
    """
    if _PLAIN.fullmatch(text):
        return text
    return "".join(
        character if _joins(text, place) else _shown(character)
        for place, character in enumerate(text)
    )


def visible_lines(text: str) -> str:
    """The same, line by line."""
    return "\n".join(map(visible, text.split("\n")))


def one_line(text: str) -> str:
    """The same in one line, with one blank for all white space in a row."""
    return visible(_SPACES.sub(" ", text).strip())


def _joins(text: str, place: int) -> bool:
    if text[place] not in _JOINERS:
        return False
    around = text[place - 1 : place] + text[place + 1 : place + 2]
    return len(around) == 2 and all(one > "\x7f" and one.isprintable() for one in around)


def _shown(character: str) -> str:
    if character == " " or (character.isprintable() and character not in _BLANK_LETTERS):
        return character
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
