import pytest

from chatdaddy_pulumi.enums import Tier


def test_a_tier_is_read_from_its_short_name_or_the_apis_word() -> None:
    assert Tier.parse("limited") is Tier.LIMITED
    assert Tier.parse("unlimited_msg_chat_history") is Tier.UNLIMITED
    with pytest.raises(ValueError, match="'limitd' is not a tier; use 'limited' or 'unlimited'"):
        Tier.parse("limitd")
