"""The arguments of one account, as one value."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.enums import AccountType, LoginType, OnDelete, Tier
from chatdaddy_pulumi.spec.account import AccountSpec, Arguments

SAID = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(AccountType),
        "tier": st.sampled_from(Tier),
        "settings": st.none() | st.dictionaries(st.text(), st.booleans() | st.text()),
        "login_type": st.none() | st.sampled_from(LoginType),
        "assignees": st.none() | st.lists(st.text(), max_size=3),
        "connect": st.booleans(),
        "on_delete": st.sampled_from(OnDelete),
    },
)


@given(said=SAID)
def test_arguments_are_the_same_from_their_text(said: dict[str, Any]) -> None:
    made = Arguments.of(**said)
    assert Arguments.read(made.text) is Arguments.of(**said)
    for name, value in said.items():
        assert getattr(made, name) == (value or None if name == "settings" else value)
        assert type(getattr(made, name)) is type(value) or name == "settings"


@given(said=SAID, changes=SAID)
def test_arguments_that_differ(said: dict[str, Any], changes: dict[str, Any]) -> None:
    assert Arguments.of(**said).but(**changes) == Arguments.of(**{**said, **changes})


def test_the_text_in_states() -> None:
    """States contain the text. If it changes for the same arguments, every account has a diff."""
    assert Arguments.of().text == (
        '{"on_delete": "delete", "tier": "limited_msg_no_chat_history", "type": "wa"}'
    )
    everything = Arguments.of(
        type="instagram",
        tier=Tier.UNLIMITED,
        settings={"geoLocation": "Zürich"},
        login_type="facebook",
        assignees=("u2", "u1"),
        connect=True,
        on_delete="archive",
    )
    assert everything.text == (
        '{"assignees": ["u2", "u1"], "connect": true, "login_type": "facebook", '
        '"on_delete": "archive", "settings": {"geoLocation": "Zürich"}, '
        '"tier": "unlimited_msg_chat_history", "type": "instagram"}'
    )


def test_values_that_the_api_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match="limited"):
        Arguments.of(tier="limited")


def test_the_identity_of_an_account() -> None:
    assert AccountSpec(" Jose\u0301", Arguments.of(type="sms")).identity == ("Jos\u00e9", "sms")
