"""`chatdaddy-pulumi login --page`: access control, and the page in a real browser."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.integration.cli.conftest import Team
from tests.support.browser import CHROMIUM, browser
from tests.support.command import Command
from tests.support.qr import read_pictures

pytestmark = pytest.mark.slow


class Served:
    """A running page server."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout is not None
        self.told = process.stdout.readline()
        self.address = self.told.removeprefix("page: ").strip()

    def end(self) -> tuple[int, str]:
        rest, _ = self.process.communicate(timeout=60)
        return self.process.returncode, rest


@pytest.fixture
def command(own_team: Team, tmp_path: Path) -> Command:
    own_team.buy("acorn", "Acorn <b>Bakery</b>", tier="limited")
    own_team.buy("birch", "Birch & Sons", tier="limited")
    return Command.against(own_team.sandbox, tmp_path)


@pytest.fixture
def served(command: Command) -> Iterator[Served]:
    found = Served(command.start("login", "--all", "--page", "--every", "0.1"))
    yield found
    if found.process.poll() is None:
        found.process.kill()
    found.process.communicate()


def codes(team: Team) -> set[str]:
    return {one["stateInfo"]["qr"] for one in team.sandbox.accounts() if "qr" in one["stateInfo"]}


def test_the_page_needs_its_secret_address(served: Served) -> None:
    address = httpx.URL(served.address)
    assert address.host == "127.0.0.1"
    assert len(address.path.strip("/")) >= 32, "it can't be guessed"
    with httpx.Client(trust_env=False) as http:
        for path in ("/", "/state", "/page.js", f"{address.path[:-2]}x/", f"{address.path}../../"):
            assert http.get(address.copy_with(path=path)).status_code == 404, path
        assert http.post(address).status_code == 405
        assert http.get(address, headers={"Host": "evil.example"}).status_code == 403
        page = http.get(address)
        assert page.status_code == 200
        assert page.headers["Cache-Control"] == "no-store"
        assert page.headers["Referrer-Policy"] == "no-referrer"
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "script-src 'self'" in page.headers["Content-Security-Policy"]
        assert http.get(address, headers={"X": "y" * 10_000}).status_code == 400


def test_the_page_shows_only_names(own_team: Team, served: Served) -> None:
    with httpx.Client(trust_env=False) as http:
        state = http.get(f"{served.address}state")
        while any(one["phase"] == "waiting" for one in state.json()["accounts"]):
            state = http.get(f"{served.address}state")
        first, second = state.json()["accounts"]
        assert first.keys() == {"name", "phase", "picture", "pin"}
        assert (first["name"], second["name"]) == ("Acorn <b>Bakery</b>", "Birch & Sons")
        picture = http.get(f"{served.address}{first['picture']}")
        assert picture.headers["Content-Type"] == "image/svg+xml"
        assert http.get(f"{served.address}code-{'0' * 24}.svg").status_code == 404
        for name, phone in (("acorn", "85261000001"), ("birch", "85261000002")):
            own_team.scan(name, phone)
        while not state.json()["finished"]:
            state = http.get(f"{served.address}state")
        assert "8526" not in state.text
    code, rest = served.end()
    assert code == 0
    assert "Birch & Sons" in rest


def test_serving_on_another_host_shows_a_warning(command: Command) -> None:
    process = command.start("login", "--all", "--page", "--host", "0.0.0.0", "--timeout", "1")
    out, _ = process.communicate(timeout=60)
    assert "not encrypted" in out
    assert process.returncode == 1


def test_a_port_that_is_taken(own_team: Team, command: Command) -> None:
    port = own_team.sandbox.url.rpartition(":")[2]
    ran = command.run("login", "--all", "--page", "--port", port)
    assert ran.exit_code == 1
    assert ran.err.startswith(f"error: can't serve on 127.0.0.1 port {port}: ")


def test_a_page_for_a_pin(command: Command) -> None:
    arguments = ("Birch & Sons", "--page", "--pair-code", "85261234567", "--every", "0.1")
    served = Served(command.start("login", *arguments))
    with httpx.Client(trust_env=False) as http:
        pin = None
        while pin is None:
            (account,) = http.get(f"{served.address}state").json()["accounts"]
            pin = account["pin"]
    assert account["phase"] == "pin"
    assert len(pin) == 9
    assert account["picture"] is None
    served.process.terminate()
    served.end()


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_in_a_real_browser(own_team: Team, served: Served) -> None:
    with browser() as page:
        page.go(served.address)
        shown = "document.querySelectorAll('section[data-phase=code] img').length"
        page.wait_until(f"{shown} === 2")
        loaded = "[...document.images].every((image) => image.complete && image.naturalWidth > 0)"
        page.wait_until(loaded)
        titles = page.evaluate("[...document.querySelectorAll('h2')].map((h) => h.textContent)")
        assert titles == ["Acorn <b>Bakery</b>", "Birch & Sons"], "names are text, not markup"
        first = set(read_pictures(page.screenshot()))
        assert first == codes(own_team)
        assert len(first) == 2

        # The page updates itself when the codes change.
        sources = page.evaluate("[...document.images].map((image) => image.src).join()")
        own_team.sandbox.advance(20)
        changed = f"[...document.images].every((image) => !{sources!r}.includes(image.src))"
        page.wait_until(changed)
        page.wait_until(loaded)
        second = set(read_pictures(page.screenshot()))
        assert second == codes(own_team)
        assert not first & second

        own_team.scan("birch", "85261000002")
        page.wait_until("document.querySelectorAll('section[data-phase=done]').length === 1")
        text = page.evaluate("document.querySelector('section[data-phase=done]').innerText")
        assert text.split("\n")[0] == "Birch & Sons"
        assert "Logged in" in text
        assert len(read_pictures(page.screenshot())) == 1

        own_team.scan("acorn", "85261000001")
        page.wait_until("document.querySelectorAll('section[data-phase=done]').length === 2")
        code, _ = served.end()
        assert code == 0
