"""`chatdaddy-pulumi login` in the terminal and in pipes."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.cli.conftest import SCREENS, Team
from tests.support import qr
from tests.support.command import Command, Ran, Terminal
from tests.support.screens import Screens

pytestmark = pytest.mark.slow

FAST = ("--every", "0.1")


@pytest.fixture
def command(own_team: Team, tmp_path: Path) -> Command:
    return Command.against(own_team.sandbox, tmp_path)


@pytest.fixture
def screens(own_team: Team) -> Callable[[str, Ran], None]:
    def check(name: str, ran: Ran) -> None:
        shown = qr.without_codes(ran.screen).replace(" --every 0.1", "")
        Screens(SCREENS, list(own_team.ids.values())).check(name, shown)

    return check


class Watched:
    """A running login, and its output."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.text = ""
        self._alarm = threading.Timer(60, process.kill)
        self._alarm.start()

    def line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"ended:\n{self.text}"
        self.text += line
        return line

    def wait_for(self, text: str) -> None:
        while text not in self.text:
            self.line()

    def wait_for_code(self) -> str:
        """The next complete code, as a phone reads it."""
        before = len(list(qr.blocks(self.text)))
        while True:
            line = self.line()
            bottom = not line.strip("█\n") and len(line) > 20
            if bottom and len(found := list(qr.blocks(self.text))) > before and len(found[-1]) > 20:
                return qr.read_text(found[-1], dark_ink=False)

    def end(self, *arguments: str) -> Ran:
        rest, _ = self.process.communicate(timeout=60)
        self._alarm.cancel()
        return Ran(arguments, self.process.returncode, self.text + rest)


@pytest.fixture
def login(command: Command) -> Iterator[Callable[..., Watched]]:
    """Start `login`, and end it after the test if it still runs."""
    started: list[Watched] = []

    def start(*arguments: str) -> Watched:
        started.append(Watched(command.start("login", *arguments, *FAST)))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.end()


def code_of(team: Team, name: str) -> str:
    """The code that the API shows now."""
    return str(team.shown(name)["stateInfo"]["qr"])  # type: ignore[index]


def test_a_code_is_shown_renewed_and_scanned(
    own_team: Team, login: Callable[..., Watched], screens: Callable[[str, Ran], None]
) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    running = login("Acorn Bakery")
    first = running.wait_for_code()
    assert first == code_of(own_team, "acorn")

    own_team.sandbox.advance(20)
    second = running.wait_for_code()
    assert second == code_of(own_team, "acorn")
    assert second != first

    own_team.scan("acorn", "85261234567")
    screens("login-one", running.end("login", "Acorn Bakery"))


def test_a_new_code_is_requested_after_one_expired(
    own_team: Team, login: Callable[..., Watched]
) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    running = login("Acorn Bakery")
    running.wait_for_code()
    time.sleep(5)  # a connection is not opened more often
    own_team.sandbox.advance(301)
    assert running.wait_for_code() == code_of(own_team, "acorn")
    own_team.scan("acorn", "85261234567")
    assert running.end().exit_code == 0
    assert own_team.sandbox.totals()["POST /im/accounts/{id}/open"] == 2


def test_several_one_after_the_other(
    own_team: Team, login: Callable[..., Watched], screens: Callable[[str, Ran], None]
) -> None:
    own_team.buy("birch", "Birch & Sons", tier="limited")
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    running = login("Birch & Sons", own_team.ids["acorn"])
    for name, phone in (("birch", "85261000001"), ("acorn", "85261000002")):
        assert running.wait_for_code() == code_of(own_team, name)
        own_team.scan(name, phone)
    ran = running.end("login", "Birch & Sons", own_team.ids["acorn"])
    screens("login-several", ran)
    assert own_team.sandbox.writes() == {
        "POST /im/accounts": 2,
        "POST /im/accounts/{id}/open": 2,
    }


def test_all_takes_the_accounts_that_need_a_login(
    own_team: Team, login: Callable[..., Watched]
) -> None:
    for name in ("open", "connecting", "close", "insta", "old", "gone"):
        kind = {"type": "instagram"} if name == "insta" else {}
        own_team.buy(name, name.title(), tier="limited", **kind)
    own_team.scan("open", "85261000000")
    own_team.open("connecting")
    own_team.sandbox.call("POST", f"/im/accounts/{own_team.ids['old']}/archive")
    own_team.sandbox.call("DELETE", f"/im/accounts/{own_team.ids['gone']}")
    running = login("--all")
    for name in ("close", "connecting"):
        assert running.wait_for_code() == code_of(own_team, name)
        own_team.scan(name, "85261000001")
    assert running.end().exit_code == 0
    again = login("--all").end()
    assert (again.exit_code, again.out) == (0, "every account is logged in\n")


def test_a_pin(
    own_team: Team, login: Callable[..., Watched], screens: Callable[[str, Ran], None]
) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    arguments = ("Acorn Bakery", "--pair-code", "+852 6123-4567")
    running = login(*arguments)
    running.wait_for("on the phone")
    pin = str(own_team.shown("acorn")["stateInfo"]["pin"])  # type: ignore[index]
    assert f"type {pin[:4]}-{pin[4:]} on the phone" in running.text
    own_team.sandbox.scan(own_team.ids["acorn"])
    ran = running.end("login", *arguments)
    assert "logged in as +85261234567" in ran.out
    assert ran.exit_code == 0


def test_a_code_after_a_pin(own_team: Team, login: Callable[..., Watched]) -> None:
    """The person may switch back to the code."""
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    first = login("Acorn Bakery", "--pair-code", "85261234567", "--timeout", "1")
    assert first.end().exit_code == 1
    running = login("Acorn Bakery")
    assert running.wait_for_code() == code_of(own_team, "acorn")
    own_team.scan("acorn", "85261234567")
    assert running.end().exit_code == 0


def test_timeout(own_team: Team, command: Command, screens: Callable[[str, Ran], None]) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    ran = command.run("login", "Acorn Bakery", "--timeout", "1", *FAST)
    screens("login-timeout", ran)


def test_accounts_that_can_not_be_logged_in_are_reported_at_once(
    own_team: Team, command: Command, screens: Callable[[str, Ran], None]
) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    own_team.buy("birch", "Birch & Sons", tier="limited")
    own_team.buy("birch-2", "Birch & Sons", tier="limited")
    own_team.buy("insta", "Insta", tier="limited", type="instagram")
    own_team.buy("gone", "Gone Shop", tier="limited")
    own_team.sandbox.call("DELETE", f"/im/accounts/{own_team.ids['gone']}")
    for name, arguments in {
        "login-unknown": ("Acorn Bakry", own_team.ids["gone"], "Insta"),
        "login-several-fit": ("Birch & Sons",),
        "login-nothing-said": (),
        "login-all-and-one": ("--all", "Acorn Bakery"),
        "login-pin-for-all": ("--all", "--pair-code", "85261234567"),
        "login-no-number": ("Acorn Bakery", "--pair-code", "call me"),
    }.items():
        screens(name, command.run("login", *arguments))
    assert own_team.sandbox.writes() == {
        "POST /im/accounts": 5,
        "DELETE /im/accounts/{id}": 1,
    }


def test_an_account_that_disappears_during_a_login(
    own_team: Team, login: Callable[..., Watched]
) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    running = login("Acorn Bakery")
    running.wait_for_code()
    own_team.sandbox.call("DELETE", f"/im/accounts/{own_team.ids['acorn']}")
    ran = running.end()
    assert ran.exit_code == 1
    assert "is deleted" in ran.out


def test_a_service_that_is_down_for_a_while(own_team: Team, login: Callable[..., Watched]) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    running = login("Acorn Bakery")
    running.wait_for_code()
    own_team.sandbox.fault("GET", "/im/accounts", "status", times=5, status=503)
    running.wait_for("not available")
    own_team.sandbox.clear_faults()
    own_team.scan("acorn", "85261234567")
    assert running.end().exit_code == 0


def test_ctrl_c(own_team: Team, login: Callable[..., Watched]) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    running = login("Acorn Bakery")
    running.wait_for_code()
    running.process.send_signal(signal.SIGINT)
    ran = running.end()
    assert ran.exit_code == 130
    assert "Traceback" not in ran.out


class TestKeys:
    """Names for accounts in the folder of a project."""

    def test_keys_of_a_fleet_file(
        self, own_team: Team, command: Command, login: Callable[..., Watched]
    ) -> None:
        own_team.buy("acorn", "Acorn Bakery", tier="limited")
        own_team.buy("birch", "Birch", tier="limited")
        own_team.buy("birch-2", "Birch", tier="limited")
        (command.folder / "fleet.yaml").write_text(
            "accounts:\n  shop-1:\n    nickname: Acorn Bakery\n"
            f"  shop-2:\n    adopt: {own_team.ids['birch-2']}\n"
        )
        running = login("shop-2", "shop-1")
        for name in ("birch-2", "acorn"):
            assert running.wait_for_code() == code_of(own_team, name)
            own_team.scan(name, "85261000001")
        assert running.end().exit_code == 0

    def test_names_and_keys_of_a_stack(
        self, own_team: Team, command: Command, login: Callable[..., Watched]
    ) -> None:
        (command.folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
        (command.folder / "__main__.py").write_text(
            "from chatdaddy_pulumi import Account, AccountFleet\n"
            "Account('alice', nickname='Alice in the state')\n"
            "AccountFleet('shops', {'shop-1': {'nickname': 'Shop in the state'}})\n"
        )
        command.env["PULUMI_CONFIG_PASSPHRASE"] = ""
        command.run("sandbox", "up", "--yes", "--skip-preview").ok()
        names = {one["nickname"]: one["accountId"] for one in own_team.sandbox.accounts()}
        own_team.ids.update(
            {"alice": names["Alice in the state"], "shop-1": names["Shop in the state"]}
        )
        running = login("alice", "shop-1")
        for name in ("alice", "shop-1"):
            assert running.wait_for_code() == code_of(own_team, name)
            own_team.scan(name, "85261000001")
        assert running.end().exit_code == 0

    def test_a_broken_file_is_ignored_with_a_note(self, own_team: Team, command: Command) -> None:
        own_team.buy("acorn", "Acorn Bakery", tier="limited")
        (command.folder / "fleet.yaml").write_text("accounts: [")
        ran = command.run("login", "shop-1")
        assert ran.exit_code == 1
        assert "note: the keys of fleet.yaml are left out" in ran.err
        assert "'shop-1' is no key, nickname or ID" in ran.err

    def test_completion_knows_the_keys(self, command: Command) -> None:
        (command.folder / "fleet.yaml").write_text("accounts:\n  acorn:\n  birch:\n")
        command.env |= {
            "_CHATDADDY_PULUMI_COMPLETE": "complete_bash",
            "COMP_WORDS": "chatdaddy-pulumi login a",
            "COMP_CWORD": "2",
        }
        assert command.run().out.split() == ["acorn"]


class TestTerminal:
    """In a terminal: one code, drawn again in the same place."""

    def code_on(self, terminal: Terminal) -> str:
        """The code on the screen, when it is complete."""
        while True:
            whole_lines = terminal.text.rpartition("\n")[0]
            found = list(qr.blocks(whole_lines))
            # A code is a square, and each line shows two of its rows.
            if found and len(found[-1]) == (len(found[-1][0]) + 1) // 2:
                return qr.read_text(found[-1], dark_ink=True)
            assert terminal.read(20), terminal.text

    def test_a_code_and_the_next_by_enter(self, own_team: Team, command: Command) -> None:
        own_team.buy("acorn", "Acorn Bakery", tier="limited")
        own_team.buy("birch", "Birch & Sons", tier="limited")
        with command.in_terminal("login", "--all", *FAST) as terminal:
            terminal.wait_for("1 of 2   Acorn Bakery")
            assert self.code_on(terminal) == code_of(own_team, "acorn")
            assert "\x1b[38;5;16;48;5;231m" in terminal.raw, "black on white"

            terminal.type("\n")
            terminal.wait_for("1 of 2   Birch & Sons")
            own_team.scan("birch", "85261000001")
            terminal.wait_for("2 of 2   Acorn Bakery")
            own_team.scan("acorn", "85261000002")
            assert terminal.end() == 0
            assert "logged in as +85261000001" in terminal.text

    def test_a_terminal_that_is_too_small(self, own_team: Team, command: Command) -> None:
        own_team.buy("acorn", "Acorn Bakery", tier="limited")
        with command.in_terminal("login", "--all", *FAST, rows=20, columns=80) as terminal:
            terminal.wait_for("or use --page")
            terminal.type("\x03")
            assert terminal.end() == 130
            assert "Traceback" not in terminal.text
            assert "\x1b[?25h" in terminal.raw, "the cursor is shown again"


def test_json_of_accounts_shows_the_login(own_team: Team, command: Command) -> None:
    own_team.buy("acorn", "Acorn Bakery", tier="limited")
    own_team.scan("acorn", "85261234567")
    told = json.loads(command.run("accounts", "--json").out)["accounts"]
    assert [one["state"] for one in told] == ["open"]
