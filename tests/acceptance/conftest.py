"""A stack whose program a test rewrites like a user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from tests.support.engine import BEST_ENGINE, ENGINES, HOST, Stack, processes_in
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox, running


@pytest.fixture
def server() -> Iterator[Sandbox]:
    """A new server for each test, because purchases of a killed run may arrive after its test."""
    with running() as sandbox:
        yield sandbox


class Case:
    """One stack on one engine. The test rewrites its program like a user."""

    def __init__(self, engine: str, server: Sandbox, folder: Path) -> None:
        self.server = server
        self.folder = folder / "project"
        self.folder.mkdir()
        (self.folder / "Pulumi.yaml").write_text("name: acceptance\nruntime: python\n")
        self.stack = Stack(
            self.folder,
            engine=engine,
            config={"chatdaddy:teamId": TEAM_ID, "chatdaddy:baseUrl": server.url},
            secrets={"chatdaddy:refreshToken": REFRESH_TOKEN},
            workdir=folder,
        )

    def program(self, *resources: str) -> None:
        lines = ["import pulumi", "from chatdaddy_pulumi import Account, AccountFleet", *resources]
        (self.folder / "__main__.py").write_text(dedent("\n".join(lines)) + "\n")

    def up(self, *resources: str, fails: bool = False) -> str:
        if resources:
            self.program(*resources)
        self.server.forget_requests()
        run = self.stack.up("--skip-preview")
        assert (run.exit_code != 0) is fails, run.output
        return str(run.output)

    def preview(self, *resources: str, fails: bool = False) -> str:
        self.program(*resources)
        self.server.forget_requests()
        run = self.stack.preview("--diff")
        assert (run.exit_code != 0) is fails, run.output
        return str(run.output)

    def hosts(self) -> list[bytes]:
        """The provider hosts that run for this project."""
        commands = processes_in(self.folder).values()
        return [command for command in commands if HOST.search(command)]

    def account(self) -> dict[str, object]:
        """The only live account of the team."""
        (found,) = [a for a in self.server.accounts() if not a.get("deletedAt")]
        return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Tests of an engine's end run on each engine. The others run on the real engine if it is
    there:
    other tests check that both engines behave alike.
    """
    if "case" in metafunc.fixturenames:
        each = metafunc.definition.get_closest_marker("on_each_engine")
        metafunc.parametrize("case", ENGINES if each else BEST_ENGINE, indirect=True)


@pytest.fixture
def case(request: pytest.FixtureRequest, server: Sandbox, tmp_path: Path) -> Case:
    return Case(request.param, server, tmp_path)
