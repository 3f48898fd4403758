"""The accounts of a team are exported to code: nothing is bought or written."""

from __future__ import annotations

import json
import random
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.between import between
from tests.support.command import Command
from tests.support.engine import ENGINES, PASSPHRASE, Engine, Stack
from tests.support.sandbox import LIMITED, UNLIMITED, Sandbox, running
from tests.support.shell import paste

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.slow

SIZE = 300

#: Nicknames that a file format or an engine could read as another type.
ODD = [
    *("🎉 Party 👩‍👩‍👧", 'It\'s "quoted"', "back\\slash", "a: b", "# no comment", "- item"),
    *("{x: 1}", "[1, 2]", "&anchor", "*alias", "!tag", "%directive", "@at", "`tick`", "> fold"),
    *("null", "~", "yes", "No", "true", "123", "1e3", "0x1F", "2026-01-01", "12:30:45", "<<"),
    *("=SUM(A1)", "+852 6123 4567", "comma, semicolon; tab", "'", '"', "''", '""'),
    *(
        " leading",
        "trailing ",
        "  both  ",
        "two  inside",
        "no\u00a0break",
        "ideographic\u3000space",
    ),
    *(
        "東京支店",
        "مرحبا",
        "שלום",
        "हिन्दी",
        "Café",
        "Cafe\u0301",
        "ﬁne ligature",
        "ŁÓDŹ",
        "İstanbul",
    ),
    *("accounts", "$schema", "key", "__hidden__", "late", "__late", "{}", "[secret]", "${alice}"),
    *("x" * 128, "👍" * 60, ".", "/", "..", "a/b", "a.b", "a[0]", "a::b", "urn:pulumi:dev::x"),
]

#: Accounts that can't be taken over unchanged.
REFUSED = [
    "x" * 129,
    "tab\tinside",
    "new\nline",
    "bell\x07",
    "escape\x1b[31m",
    "\x85next",
    "\u2028",
]

SETTINGS: list[dict[str, Any]] = [
    {},
    {"geoLocation": "HK", "enableHistorySync": False},
    {"maxMessageSync": 0, "notifyUsers": ["u1", "u2"], "keepDeletedMessages": {"fromMe": True}},
    {"commentsSilence": {"category": "all"}, "someFutureSetting": "007", "another": 3},
]

CHANNELS: list[dict[str, Any]] = [
    *[{"type": "wa"}] * 6,
    {"type": "instagram", "loginType": "facebook"},
    {"type": "instagram", "loginType": "instagram"},
    {"type": "wa-business-api"},
    {"type": "tiktok-shop"},
]


@dataclass
class Team:
    """A team of 300, and the accounts among them that can't be taken over unchanged."""

    sandbox: Sandbox
    #: The address for the command and the engine: the proxy in front of the emulator.
    url: str
    refused: set[str]

    @property
    def env(self) -> dict[str, str]:
        return {
            "CHATDADDY_BASE_URL": self.url,
            "CHATDADDY_TEAM_ID": self.sandbox.team_id,
            "CHATDADDY_REFRESH_TOKEN": self.sandbox.refresh_token,
        }


def fill(sandbox: Sandbox, nicknames: list[str]) -> list[str]:
    """Create accounts with various channels, tiers, settings and states. Return their IDs."""
    headers = {"Authorization": f"Bearer {sandbox.token()}"}
    chosen = random.Random(7)

    def call(method: str, path: str, body: Any = None) -> Any:
        answer = sandbox.http.request(method, f"/im/accounts{path}", headers=headers, json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    ids = []
    for nickname in nicknames:
        order = {**chosen.choice(CHANNELS), "nickname": nickname}
        order |= {"tier": chosen.choice([LIMITED, UNLIMITED]), "settings": chosen.choice(SETTINGS)}
        ids.append(call("POST", "", order)["accountId"])
        if order["type"] == "wa":
            fate = chosen.random()
            if fate < 0.5:
                sandbox.scan(ids[-1])
            elif fate < 0.7:
                call("POST", f"/{ids[-1]}/open")
        if chosen.random() < 0.3:
            call("PATCH", f"/{ids[-1]}", {"assignees": ["u2", "u1"]})
    return ids


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    with running() as sandbox:
        plain = [f"Shop {number:03}" for number in range(SIZE - len(ODD) - len(REFUSED) - 40)]
        equal = ["Alice"] * 12 + ["Alice "] * 2 + ["Café"] * 3 + ["🎉"] * 5
        rest = [f"Last {number}" for number in range(40 - len(equal))]
        nicknames = [*plain, *ODD, *equal, *rest]
        random.Random(3).shuffle(nicknames)
        ids = fill(sandbox, [*nicknames, *REFUSED])
        assert len(ids) == SIZE
        refused = set(ids[len(nicknames) :])
        headers = {"Authorization": f"Bearer {sandbox.token()}"}
        of_one_s_own = [one for one in ids if one not in refused][:9]
        for number, account_id in enumerate(of_one_s_own):
            refused.add(account_id)
            path = f"/im/accounts/{account_id}"
            if number < 3:
                answer = sandbox.http.delete(path, headers=headers)
            elif number < 6:
                answer = sandbox.http.post(f"{path}/archive", headers=headers)
            else:
                continue
            answer.raise_for_status()
        without_tier, without_name, without_either = of_one_s_own[6:]

        def leave_out(listing: dict[str, Any]) -> dict[str, Any]:
            for account in listing["accounts"]:
                if account["accountId"] in (without_tier, without_either):
                    account.pop("tier", None)
                if account["accountId"] in (without_name, without_either):
                    account["nickname"] = None
            return listing

        with between(sandbox.url) as server:
            server.listing = leave_out
            yield Team(sandbox, server.url, refused)


@pytest.mark.parametrize("engine", ENGINES)
def test_taken_over_as_they_are(team: Team, tmp_path: Path, engine: Engine) -> None:
    take_over(team, tmp_path, engine, "yaml")


@pytest.mark.parametrize(
    ("format", "flags"),
    [pytest.param("csv", (), marks=pytest.mark.stories), ("json", ("--with-settings",))],
)
def test_in_other_formats(team: Team, tmp_path: Path, format: str, flags: tuple[str, ...]) -> None:
    take_over(team, tmp_path, "stand-in", format, *flags)


def take_over(team: Team, tmp_path: Path, engine: Engine, format: str, *flags: str) -> None:
    """Export, then `up` writes nothing. Change a row, then `up` makes one write. Then nothing
    again.
    """
    sandbox = team.sandbox
    purchases = sandbox.ledger()["purchases"]
    sandbox.forget_requests()
    command = Command(tmp_path, dict(team.env), timeout=120)
    folder = tmp_path / "project"
    ran = command.run("fleet", "export", "-o", str(folder), "--format", format, *flags).ok()
    fleet = folder / f"fleet.{format}"
    expected = SIZE - len(team.refused)
    assert f"{expected} accounts" in ran.out
    assert f"not exported: {len(team.refused)} accounts" in ran.err
    assert all(account_id in ran.err for account_id in team.refused)
    assert "\x1b" not in ran.screen

    stack = Stack(folder, engine=engine, workdir=tmp_path / "work", env=team.env)
    stack.preview().ok()
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {}
    assert sandbox.ledger()["purchases"] == purchases
    held = stack.outputs()["account_ids"]
    assert len(held) == expected
    assert set(held.values()) == {a["accountId"] for a in sandbox.accounts()} - team.refused

    # Change one row: one write.
    _, account_id = next(item for item in held.items() if item[0].startswith("shop-"))
    before = next(a["nickname"] for a in sandbox.accounts() if a["accountId"] == account_id)
    assert before in fleet.read_text()
    after = sandbox.unique("Renamed")
    fleet.write_text(re.sub(rf"\b{before}\b", after, fleet.read_text()))
    stack.up("--skip-preview").ok()
    assert sandbox.writes() == {"PATCH /im/accounts/{id}": 1}
    assert sandbox.account(account_id)["nickname"] == after  # type: ignore[index]

    stack.preview("--expect-no-changes").ok()
    found = json.loads(command.run("fleet", "diff", str(fleet), "--json").out)
    assert not any(found[name] for name in ("buy", "bring_back", "change", "refused"))

    # Removals here do not delete: the accounts stay.
    stack.destroy().ok()
    assert sandbox.writes() == {"PATCH /im/accounts/{id}": 1}
    headers = {"Authorization": f"Bearer {sandbox.token()}"}
    sandbox.http.patch(
        f"/im/accounts/{account_id}", headers=headers, json={"nickname": before}
    ).raise_for_status()


def readme_commands() -> list[str]:
    """The three commands in the README."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## With a team that has accounts")[2]
    block = re.search(r"```sh\n(.*?)```", section, re.DOTALL)
    assert block is not None
    return [line.partition("#")[0].strip() for line in block[1].strip().splitlines()]


def test_a_new_user_with_a_team_of_thirty(sandbox: Sandbox, tmp_path: Path) -> None:
    """Start from nothing and run the README's three commands."""
    ids = fill(sandbox, [f"Shop {number}" for number in range(30)])
    commands = readme_commands()
    assert len(commands) == 3
    guide = (ROOT / "docs" / "adopt-existing.md").read_text()
    assert all(command in guide for command in commands)
    user = Command.against(sandbox, tmp_path, PULUMI_CONFIG_PASSPHRASE=PASSPHRASE)
    user.run("doctor")  # as in the guide; automatic charging is off here
    sandbox.forget_requests()
    # Without a person, and on the stand-in engine.
    up = "pulumi up --yes --non-interactive"
    if shutil.which("pulumi") is None:
        commands[1] = commands[1].partition("&&")[0]
        up = "chatdaddy-pulumi sandbox up --yes"
    script = "\n".join(["set -e", *commands]).replace("pulumi up", up)
    printed = paste(script, tmp_path, {**user.environment(), "NO_COLOR": "1"})
    assert sandbox.writes() == {}
    folder = tmp_path / "accounts"
    accounts = yaml.safe_load((folder / "fleet.yaml").read_text())["accounts"]
    assert sorted(said["adopt"] for said in accounts.values()) == sorted(ids)
    assert "30 taken over" in printed
    assert user.run("fleet", "diff", str(folder / "fleet.yaml")).exit_code == 0
    secret = sandbox.refresh_token.encode()
    kept = [path for path in folder.rglob("*") if path.is_file()]
    assert not [path for path in kept if secret in path.read_bytes()], "no token in the repository"
