"""A typical team: some accounts are logged in, some are gone, some have unusual names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.command import Command
from tests.support.sandbox import Sandbox, running
from tests.support.screens import Screens

SCREENS = Path(__file__).parent / "screens"


@dataclass
class Team:
    """The emulator, and the IDs of its accounts by the names that the tests use."""

    sandbox: Sandbox
    ids: dict[str, str] = field(default_factory=dict)

    def buy(self, name: str, nickname: str, **order: object) -> str:
        self.ids[name] = self.sandbox.buy(nickname, **order)  # type: ignore[arg-type]
        return self.ids[name]

    def scan(self, name: str, phone: str) -> None:
        """A phone scans the QR code of an account."""
        path = f"/_sandbox/accounts/{self.ids[name]}/scan"
        self.sandbox.http.post(path, json={"phone": phone}).raise_for_status()

    def open(self, name: str) -> None:
        answer = self.sandbox.call("POST", f"/im/accounts/{self.ids[name]}/open")
        answer.raise_for_status()

    def shown(self, name: str) -> dict[str, object]:
        """The account as the API shows it."""
        found = self.sandbox.account(self.ids[name])
        assert found is not None
        return found


def fill(team: Team) -> None:
    """Create accounts of every kind, named after what is special about each."""
    team.buy("acorn", "Acorn Bakery", tier="unlimited", settings={"geoLocation": "HK"})
    team.buy("birch", "Birch & Sons", tier="limited")
    team.buy("birch-2", "Birch & Sons", tier="unlimited")
    team.buy("zurich", "Café Zürich 🎉", tier="limited")
    team.buy("evil", "Evil\x1b[31m\u202eName", tier="limited")
    team.buy("insta", "Insta", tier="limited", type="instagram", loginType="facebook")
    team.buy("no-tier", "No Tier")
    team.buy("no-name", "", tier="limited")
    team.buy("old", "Old Shop", tier="limited")
    team.buy("gone", "Gone Shop", tier="limited")
    team.scan("acorn", "85261234567")
    team.open("zurich")
    for method, path in (("POST", f"{team.ids['old']}/archive"), ("DELETE", team.ids["gone"])):
        team.sandbox.call(method, f"/im/accounts/{path}").raise_for_status()


@pytest.fixture(scope="module")
def team() -> Iterator[Team]:
    """A team for tests that change nothing."""
    with running() as server:
        found = Team(server)
        fill(found)
        yield found


@pytest.fixture
def own_team() -> Iterator[Team]:
    """An empty team for one test."""
    with running() as server:
        yield Team(server)


@pytest.fixture
def command(team: Team, tmp_path: Path) -> Command:
    """The command in an empty folder, with the team's credentials in the environment."""
    return Command.against(team.sandbox, tmp_path)


@pytest.fixture
def screens(team: Team, tmp_path: Path) -> Screens:
    return Screens(SCREENS, list(team.ids.values()), {str(tmp_path): "DIR"})
