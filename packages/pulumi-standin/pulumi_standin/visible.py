"""Makes text safe to print: no character controls a terminal or is invisible."""

from __future__ import annotations

import json
import unicodedata

#: Unicode categories of control and format characters, surrogates and line separators.
_UNSHOWN = ("Cc", "Cf", "Cs", "Zl", "Zp")
#: Joiners combine two characters into one, as in emoji. They stay between such characters.
_JOINERS = "\u200c\u200d"


def visible(text: str) -> str:
    """The text with its unsafe characters escaped. Line ends and tabs stay."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(text, place) for place in range(len(text)))


def visible_json(text: str) -> str:
    """The same for JSON, which keeps its exact values."""
    return "".join(
        json.dumps(letter)[1:-1]
        if letter != "\n" and unicodedata.category(letter) in _UNSHOWN
        else letter
        for letter in text
    )


def _shown(text: str, place: int) -> str:
    letter = text[place]
    if letter in "\n\t" or unicodedata.category(letter) not in _UNSHOWN:
        return letter
    if letter in _JOINERS:
        around = text[place - 1 : place] + text[place + 1 : place + 2]
        if len(around) == 2 and all(one > "\x7f" and one.isprintable() for one in around):
            return letter
    return letter.encode("unicode_escape").decode()
