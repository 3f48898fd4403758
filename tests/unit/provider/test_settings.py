"""Messages name settings as the people who set them know them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import chatdaddy_pulumi
from chatdaddy_pulumi.provider.settings import variable_of, with_keys


@pytest.mark.parametrize(
    ("words", "with_the_key"),
    [
        (
            "check the team ID (CHATDADDY_TEAM_ID)",
            "check the team ID (chatdaddy:teamId or CHATDADDY_TEAM_ID)",
        ),
        (
            "and CHATDADDY_IM_URL if that is set",
            "and chatdaddy:imUrl or CHATDADDY_IM_URL if that is set",
        ),
        ("set chatdaddy:teamId or CHATDADDY_TEAM_ID", "set chatdaddy:teamId or CHATDADDY_TEAM_ID"),
        ("nothing to name", "nothing to name"),
    ],
)
def test_messages_of_the_client_get_the_stacks_keys(words: str, with_the_key: str) -> None:
    assert with_keys(words) == with_the_key


@pytest.mark.parametrize("key", ["teamId", "refreshToken", "apiToken", "baseUrl", "concurrency"])
def test_a_key_and_its_variable_belong_together(key: str) -> None:
    assert with_keys(variable_of(key)) == f"chatdaddy:{key} or {variable_of(key)}"


def test_messages_of_the_client_do_not_mention_a_stack() -> None:
    """The provider adds Pulumi's terms."""
    found = [
        f"{path.name}: {line.strip()}"
        for path in (Path(chatdaddy_pulumi.__file__).parent / "client").rglob("*.py")
        for line in path.read_text().splitlines()
        if re.search(r"chatdaddy:[a-z]|\bstacks?\b|\bpreview\b|`pulumi\b", line)
    ]
    assert found == []
