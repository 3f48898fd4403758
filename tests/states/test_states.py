"""The current code refreshes, updates and destroys every state that a released version wrote."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import chatdaddy_pulumi
from tests.states.programs import CHANGED, NICKNAMES
from tests.support.engine import BEST_ENGINE, Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

STATES = sorted(Path(__file__).parent.glob("*/*.json"))


def test_every_provider_named_in_a_state_exists() -> None:
    """The exact strings in old states, which may never change."""
    import base64
    import pickle

    named = {
        (resource["type"], resource["inputs"]["__provider"])
        for state in STATES
        for resource in json.loads(state.read_text())["resources"]
        if "__provider" in resource.get("inputs", {})
    }
    expected = {
        (
            "pulumi-python:dynamic/chatdaddy:Account",
            "gASVIQAAAAAAAACMEGNoYXRkYWRkeV9wdWx1bWmUjAhfYWNjb3VudJSTlC4=",
        ),
        (
            "pulumi-python:dynamic/chatdaddy:AccountIntent",
            "gASVIgAAAAAAAACMEGNoYXRkYWRkeV9wdWx1bWmUjAlfYmFzZWxpbmWUk5Qu",
        ),
        (
            "pulumi-python:dynamic/chatdaddy:AccountFleet",
            "gASVHwAAAAAAAACMEGNoYXRkYWRkeV9wdWx1bWmUjAZfZmxlZXSUk5Qu",
        ),
        (
            "pulumi-python:dynamic/chatdaddy:FleetIntent",
            "gASVIAAAAAAAAACMEGNoYXRkYWRkeV9wdWx1bWmUjAdfaW50ZW50lJOULg==",
        ),
    }
    assert expected <= named
    for _, provider in named:
        assert len(provider) < 64
        loaded = pickle.loads(base64.b64decode(provider))
        assert loaded is getattr(chatdaddy_pulumi, loaded.__reduce__())


@pytest.mark.slow
@pytest.mark.parametrize("engine", BEST_ENGINE)
@pytest.mark.parametrize("state", STATES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_old_state_is_refreshed_updated_and_destroyed(
    state: Path, engine: str, sandbox: Sandbox, tmp_path: Path
) -> None:
    text = state.read_text().replace("@BASE_URL@", sandbox.url)
    bought = []
    for number, nickname in enumerate(NICKNAMES[state.stem]):
        order = {
            "type": "wa",
            "tier": "limited_msg_no_chat_history",
            "nickname": nickname,
            "settings": {"geoLocation": "HK"},
        }
        account = sandbox.call("POST", "/im/accounts", json=order).json()
        bought.append(account["accountId"])
        text = text.replace(f"@ACCOUNT_ID_{number}@", account["accountId"])
    stack = Stack(
        write_project(tmp_path / "project", CHANGED[state.stem], "states"),
        engine=engine,
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": sandbox.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
        workdir=tmp_path,
    )
    stack.import_state(json.loads(text))
    sandbox.forget_requests()

    stack.refresh().ok()
    assert sandbox.writes() == {}
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {"PATCH /im/accounts/{id}": len(bought)}
    stack.destroy().ok()
    assert all(sandbox.account(account) is None for account in bought)
