"""The example script, run as a person runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

ROOT = Path(__file__).resolve().parents[3]


def accounts(server: Sandbox, *words: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "examples" / "api_client" / "accounts.py"), *words],
        env={
            **{key: value for key, value in os.environ.items() if "CHATDADDY" not in key},
            "CHATDADDY_BASE_URL": server.url,
            "CHATDADDY_TEAM_ID": TEAM_ID,
            "CHATDADDY_REFRESH_TOKEN": REFRESH_TOKEN,
            **settings,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.slow
def test_the_guides_steps(server: Sandbox, nickname: str) -> None:
    bought = accounts(server, "buy", nickname)
    assert bought.returncode == 0, bought.stderr
    account_id = bought.stdout.split()[1]
    assert account_id.startswith("acc")
    assert "is there already" in accounts(server, "buy", nickname).stderr
    assert accounts(server, "upgrade", account_id).stdout.startswith("upgraded")
    server.scan(account_id)
    server.messages(account_id, 7)
    assert accounts(server, "usage", account_id).stdout.startswith("7 messages")
    assert f"{account_id}  unlimited_msg_chat_history    open" in accounts(server, "list").stdout
    assert accounts(server, "remove", account_id).stdout == "removed\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "settings", "says"),
    [
        (["list"], {"CHATDADDY_TEAM_ID": ""}, "error: the team ID"),
        (["list"], {"CHATDADDY_REFRESH_TOKEN": "wrong-refresh-token"}, "check the refresh token"),
        (["sell", "x"], {}, "buy NICKNAME"),
    ],
)
def test_a_failure_is_a_one_line_error(
    server: Sandbox, words: list[str], settings: dict[str, str], says: str
) -> None:
    done = accounts(server, *words, **settings)
    assert done.returncode == 1
    assert says in done.stderr
    assert "Traceback" not in done.stderr
