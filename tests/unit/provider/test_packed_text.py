"""Large texts of the state are compressed, and read again whether they are or not."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.provider.packed_text import MOST_AS_IT_IS, pack, unpack


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), st.booleans())
def test_a_text_is_read_as_it_was_given(part: str, is_long: bool) -> None:
    text = '{"a":' + part * (MOST_AS_IT_IS // len(part) if is_long else 1)
    stored = pack(text)
    assert unpack(stored) == text
    assert (len(stored) < len(text) // 10) == (len(text) > MOST_AS_IT_IS)


def test_a_text_that_is_not_long_stays_readable() -> None:
    text = "x" * MOST_AS_IT_IS
    assert pack(text) == text
    assert pack(text + "x") != text + "x"


def test_no_text_is_none() -> None:
    assert unpack(None) == unpack("") == ""
