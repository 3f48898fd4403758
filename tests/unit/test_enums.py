import pytest

from chatdaddy_pulumi.enums import Tier


def test_only_the_unlimited_tier_keeps_history() -> None:
    assert [tier.short for tier in Tier if tier.has_history] == ["unlimited"]


def test_a_tier_has_a_short_name() -> None:
    assert Tier("limited") is Tier.LIMITED
    assert Tier("unlimited_msg_chat_history") is Tier.UNLIMITED
    with pytest.raises(ValueError, match="'limitd' is not a valid Tier"):
        Tier("limitd")
