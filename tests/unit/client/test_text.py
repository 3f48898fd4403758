from __future__ import annotations

import sys
import unicodedata

import pytest

from chatdaddy_pulumi.client.text import escaped, visible


@pytest.mark.parametrize(
    "text",
    ["", "Alice & Bob", "Zoë", "陳大文", "محمد", "🙂", "a\u0301", "$ 100 %", "'quoted' \\x1b"],
)
def test_visible_characters_are_kept(text: str) -> None:
    assert visible(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc", r"a\x0d\x0ab\x09c"),
        ("\x00\x7f", r"\x00\x7f"),
        ("abc\u202edef", r"abc\u202edef"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("ali\u200bce", r"ali\u200bce"),
        ("\ufeffalice\u00ad", r"\ufeffalice\xad"),
        ("a\u2028b", r"a\u2028b"),
        ("\U000e0041", r"\U000e0041"),
        ("\ud800", r"\ud800"),
        ("\u3164", r"\u3164"),
        ("a\u00a0b\u3000c", "a b c"),
    ],
)
def test_control_and_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize("text", ["Café", "東京", "👩‍👩‍👧", "a\u3000b", "a\u00a0b", "हिन्दी", "❤️"])
def test_other_spaces_are_kept_except_in_messages(text: str) -> None:
    assert escaped(text) == text


@pytest.mark.slow
def test_no_unsafe_character_is_left() -> None:
    unassigned = range(0x40000, 0xE0000)
    characters = [chr(n) for n in range(sys.maxunicode + 1) if n not in unassigned]
    assert visible("".join(characters)).isprintable()
    for character in characters:
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert visible(character).startswith("\\")
