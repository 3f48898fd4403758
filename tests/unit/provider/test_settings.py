"""Messages name settings as the people who set them know them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import chatdaddy_pulumi
from chatdaddy_pulumi.client import ClientOptions
from chatdaddy_pulumi.provider.settings import Settings, variable_of, with_keys


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


def test_all_problems_of_the_settings_are_told_at_once() -> None:
    """Each names the setting, what was given and what is allowed."""
    given = {
        "chatdaddy:teamid": "team-1",
        "chatdaddy:base_url": "http://127.0.0.1:1",
        "chatdaddy:imUrl": "nowhere",
        "chatdaddy:prices": '{"gold": {"purchase": 1}}',
        "chatdaddy:client": '{"retries": "x", "lookup_s": -5, "ca_file": 3, "retrys": 1}',
        "chatdaddy:concurrency": "many",
        "chatdaddy:verify": "now",
        "chatdaddy:of-our-own": "any",
    }
    told = [str(error) for error in Settings(given, {}).problems()]
    expected = [
        "chatdaddy:teamid is no setting; did you mean 'chatdaddy:teamId'?",
        "chatdaddy:base_url is no setting; did you mean 'chatdaddy:baseUrl'?",
        "chatdaddy:teamId is not set",
        "chatdaddy:refreshToken is not set",
        "chatdaddy:imUrl 'nowhere' is not a URL",
        "chatdaddy:prices must be JSON such as",
        "chatdaddy:verify is 'now', but must be one of",
        "chatdaddy:client gives retries, which must be a whole number of at least 0, not 'x'",
        "chatdaddy:client gives lookup_s, which must be a number of at least 0, not -5",
        "chatdaddy:client gives ca_file, which must be a text, not 3",
        "chatdaddy:client gives retrys, which is no option; did you mean 'retries'?",
        "chatdaddy:concurrency must be a whole number of at least 1, not 'many'",
    ]
    assert len(told) == len(expected)
    assert [
        one for one, start in zip(told, expected, strict=True) if not one.startswith(start)
    ] == []


@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ("gold", "not 'gold'"),
        ('{"gold": {"purchase": 1}}', "not by 'gold'"),
        ('{"unlimited": {"purchase": -1}}', "unlimited.purchase is -1"),
        ('{"unlimited": 3}', "unlimited is 3"),
    ],
)
def test_wrong_prices_are_shown(prices: str, words: str) -> None:
    (problem,) = Settings({"teamId": "t", "apiToken": "a", "prices": prices}, {}).problems()
    assert words in str(problem)


def test_numbers_may_be_given_as_text() -> None:
    """A stack's configuration has only texts, and the engine only floats."""
    given = {"client": '{"retries": "5", "page_size": 50.0}', "concurrency": "8"}
    expected = ClientOptions(retries=5, page_size=50, concurrency=8)
    assert Settings(given, {}).options() == expected
