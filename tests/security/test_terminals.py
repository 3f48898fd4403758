"""Control characters in nicknames and messages have no effect on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.engine import ENGINES, Stack, write_project
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running

#: Characters that a terminal interprets or does not show: C0 without newline, C1, marks of
#: direction, and characters of no width.
ACTS = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]"
)
HOSTILE = {
    "osc": "a\x1b]0;owned\x07b",
    "csi": "a\x1b[2J\x1b[1;1Hb",
    "c1": "a\x9b2Jb\x9d0;owned\x9cb",
    "direction": "a\u202egpj.exe\u2066b",
    "width": "a\u200bb\u2060c\ufeffd",
    "lines": "a\r\nerror: all is well\u2028b",
    "back": "a\x08\x08\x08b",
}
#: Nicknames that a program may use, because people write them.
ALLOWED = ("direction", "width")

PROGRAM = f"""\
import os
import pulumi
from chatdaddy_pulumi import Account, AccountFleet

again = os.environ["STAGE"]
HOSTILE = {HOSTILE!r}
for name in HOSTILE:
    Account(name, nickname=f"one-{{name}}{{again}}")
for name in {ALLOWED!r}:
    Account(f"own-{{name}}", nickname=f"own-{{HOSTILE[name]}}{{again}}")
fleet = AccountFleet("fleet", {{
    **{{name: {{"nickname": f"two-{{name}}{{again}}"}} for name in HOSTILE}},
    **{{
        HOSTILE[name]: {{"nickname": f"key-{{name}}{{again}}"}}
        for name in os.environ["KEYS"].split()
    }},
}})
"""


@pytest.fixture
def server() -> Iterator[Sandbox]:
    with running() as own:
        yield own


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_no_output_of_an_engine_controls_the_terminal(
    server: Sandbox, tmp_path: Path, engine: str
) -> None:
    stack = Stack(
        write_project(tmp_path / "project", PROGRAM, "terminals"),
        engine=engine,  # type: ignore[arg-type]
        workdir=tmp_path / "work",
        config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": server.url},
        secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
        # The real engine prints the names of properties, and so keys, unchanged.
        env={"STAGE": "", "KEYS": " ".join(ALLOWED) if engine == "stand-in" else ""},
    )
    said = {"up": stack.up("--diff").ok().output}
    for account in server.accounts():
        name = account["nickname"].partition("-")[2]
        seen = f"{account['nickname']} {HOSTILE.get(name, '')}"
        server.call(
            "PATCH", f"/im/accounts/{account['accountId']}", json={"nickname": seen}
        ).raise_for_status()
    said["preview --refresh"] = stack.preview("--refresh", "--diff").output
    said["refresh"] = stack.refresh("--diff").ok().output
    said["preview"] = stack.preview("--diff").output
    for text in HOSTILE.values():
        server.fault("PATCH", "/im/accounts/*", "status", times=2, status=400, message=text)
    stack.env["STAGE"] = "-again"
    said["failed"] = stack.up("--skip-preview", "--diff").output
    server.clear_faults()
    said["changed"] = stack.up("--diff").output
    for account in server.accounts():
        server.call("DELETE", f"/im/accounts/{account['accountId']}").raise_for_status()
    said["gone"] = stack.refresh("--diff").output
    assert "was renamed to" in said["refresh"]
    assert "refused" in said["failed"]
    found = [
        f"{title}: {line!r}"
        for title, text in said.items()
        for line in text.split("\n")
        if ACTS.search(line) or line.strip(" +-~").startswith("error: all is well")
    ]
    assert found == [], "\n".join(found)
