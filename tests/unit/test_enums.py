from chatdaddy_pulumi.enums import Tier


def test_only_the_unlimited_tier_keeps_history() -> None:
    assert [tier.short for tier in Tier if tier.has_history] == ["unlimited"]
