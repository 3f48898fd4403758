"""The database file after kills, and with many concurrent clients."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from chatdaddy_sandbox.store import Store, StoreError
from tests.support.sandbox import Sandbox, running, start

pytestmark = pytest.mark.slow  # each test starts processes


def test_a_killed_server_keeps_everything(tmp_path: Path) -> None:
    file = tmp_path / "sandbox.db"
    first = start("--db", str(file))
    account_id = first.buy("kept", tier="unlimited")
    first.scan(account_id)
    made = first.call("POST", "/auth/api-token", json={"reason": "r", "scopes": []}).json()
    bearer = {"Authorization": f"Bearer {first.token()}"}
    first.advance(86_400)
    ledger = first.ledger()
    first.kill()
    assert oct(os.stat(file).st_mode & 0o777) == "0o600"

    with running("--db", str(file)) as again:
        account = again.account(account_id)
        assert account is not None
        assert (account["nickname"], account["state"]) == ("kept", "open")
        assert again.ledger() == ledger
        assert again.http.get("/auth/api-token", headers=bearer).status_code == 401, "a day later"
        assert made in again.call("GET", "/auth/api-token").json()["tokens"]
        second = subprocess.run(
            [
                *(sys.executable, "-m", "chatdaddy_pulumi.cli", "sandbox", "serve"),
                *("--port", "0", "--db", str(file)),
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert second.returncode == 1
        assert "in use by another sandbox" in second.stderr
        assert "Traceback" not in second.stderr


def test_64_connections_lose_no_update(shared: Sandbox) -> None:
    account_id = shared.buy()
    bearer = {"Authorization": f"Bearer {shared.token()}"}
    keys = [f"key{n}" for n in range(64)]

    async def patch_all() -> None:
        limits = httpx.Limits(max_connections=64)
        async with httpx.AsyncClient(
            base_url=shared.url, headers=bearer, limits=limits, timeout=30, trust_env=False
        ) as client:
            path = f"/im/accounts/{account_id}"
            answers = await asyncio.gather(
                *(client.patch(path, json={"settings": {key: True}}) for key in keys)
            )
            assert {answer.status_code for answer in answers} == {200}
            sent = await asyncio.gather(
                *(
                    client.post(f"/_sandbox/accounts/{account_id}/messages", json={"count": 10})
                    for _ in range(64)
                )
            )
            assert max(answer.json()["used"] for answer in sent) == 640

    asyncio.run(patch_all())
    account = shared.call("GET", "/im/accounts", params={"q": account_id}).json()["accounts"][0]
    assert account["settings"] == dict.fromkeys(keys, True)


def test_another_programs_file_is_not_changed(tmp_path: Path) -> None:
    text, database = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database, but longer than SQLite's header is " * 9)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("CREATE TABLE other (x)")
    for file, reason in ((text, "not a database"), (database, "another program's")):
        file.chmod(0o644)
        before = file.read_bytes()
        with pytest.raises(StoreError, match=reason):
            Store(file)
        assert file.read_bytes() == before
        assert file.stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--db", "/nowhere/at/all.db"), "there is no folder /nowhere/at; make it"),
        (("--port", "{taken}"), "give another --port"),
    ],
)
def test_a_server_that_can_not_start_has_a_one_line_error(
    shared: Sandbox, flags: tuple[str, str], message: str
) -> None:
    taken = shared.url.rpartition(":")[2]
    given = [flag.format(taken=taken) for flag in flags]
    command = [sys.executable, "-m", "chatdaddy_pulumi.cli", "sandbox", "serve", *given]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
