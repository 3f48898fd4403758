"""The stand-in engine only uses servers on this machine, and refuses others with a one-line
error.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from chatdaddy_pulumi.cli.engine import is_ours
from chatdaddy_pulumi.cli.local_only import check_urls
from chatdaddy_pulumi.client.addresses import is_local
from pulumi_standin.errors import EngineError
from tests.support.engine import Stack, copy_project, write_project

TOYS = Path(__file__).parents[3] / "packages/pulumi-standin/tests/project"
LOCAL = "http://127.0.0.1:8080"
REAL = "https://api.chatdaddy.tech"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        (LOCAL, True),
        ("http://localhost:8080/x", True),
        ("http://[::1]:8080", True),
        ("http://127.9.9.9", True),
        (REAL, False),
        ("http://127.0.0.1.example.com", False),
        ("http://localhost@example.com", False),
        ("http://10.0.0.1", False),
        ("http://0.0.0.0", False),
        ("127.0.0.1:8080", False),
        ("http://[", False),
        ("", False),
    ],
)
def test_local_addresses_are_recognised(url: str, local: bool) -> None:
    assert is_local(url) is local


@pytest.mark.parametrize(
    ("config", "env"),
    [
        ({"chatdaddy:baseUrl": LOCAL}, {}),
        ({}, {"CHATDADDY_BASE_URL": LOCAL}),
        ({"chatdaddy:baseUrl": LOCAL, "chatdaddy:imUrl": LOCAL}, {"CHATDADDY_BASE_URL": REAL}),
        ({"baseUrl": LOCAL}, {}),
        ({f"chatdaddy:{name}Url": LOCAL for name in ("auth", "im", "payments", "events")}, {}),
    ],
)
def test_accepts_servers_of_this_machine(config: dict[str, str], env: dict[str, str]) -> None:
    check_urls(config, env, "stack dev")


@pytest.mark.parametrize(
    ("config", "env"),
    [
        ({}, {}),
        ({"chatdaddy:baseUrl": REAL}, {"CHATDADDY_BASE_URL": LOCAL}),
        ({}, {"CHATDADDY_BASE_URL": REAL}),
        ({"chatdaddy:baseUrl": LOCAL, "chatdaddy:eventsUrl": REAL}, {}),
        ({"chatdaddy:imUrl": LOCAL, "chatdaddy:authUrl": LOCAL}, {}),
        ({"authUrl": REAL}, {"CHATDADDY_BASE_URL": LOCAL}),
        ({"chatdaddy:baseUrl": LOCAL}, {"CHATDADDY_IM_URL": REAL}),
        ({"baseUrl": LOCAL}, {"CHATDADDY_AUTH_URL": REAL}),
    ],
)
def test_refuses_servers_of_other_machines(config: dict[str, str], env: dict[str, str]) -> None:
    with pytest.raises(EngineError, match="`pulumi up`") as refused:
        check_urls(config, env, "stack dev")
    assert "\n" not in str(refused.value)


@pytest.mark.slow
def test_the_command_refuses_in_one_line(tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", "raise SystemExit('it ran')")
    stack = Stack(project, "stand-in", tmp_path / "work", {"chatdaddy:baseUrl": REAL})
    run = stack.up()
    assert run.exit_code == 1
    assert run.output.startswith("error: stack dev has a chatdaddy:baseUrl that is not on")
    assert run.output.count("\n") == 1
    assert "`pulumi up`" in run.output
    assert stack.state() == {}


@pytest.mark.slow
def test_an_explicit_provider_is_refused_too(tmp_path: Path) -> None:
    program = f"""
import pulumi
pulumi.ProviderResource("pulumi-python", "team-b", {{"baseUrl": "{REAL}"}})
"""
    project = write_project(tmp_path / "project", program)
    stack = Stack(project, "stand-in", tmp_path / "work", {"chatdaddy:baseUrl": LOCAL})
    run = stack.up()
    assert run.exit_code == 1
    assert "error: provider team-b has a baseUrl that is not on this machine" in run.output
    assert "Updating" not in run.output


@pytest.mark.slow
def test_a_provider_in_the_state_is_refused_too(tmp_path: Path) -> None:
    """A state of real accounts may be copied to this machine. Its providers' configuration
    applies.
    """
    project = copy_project(TOYS, tmp_path / "project")
    log = {"TOYS_LOG": str(tmp_path / "log")}
    stack = Stack(
        project,
        "stand-in",
        tmp_path / "work",
        {"toys:program": "slow", "toys:seconds": "0"},
        env={**log, "CHATDADDY_BASE_URL": LOCAL},
    )
    stack.up("--skip-preview").ok()
    stack.env = log
    stack.set_config("chatdaddy:baseUrl", LOCAL)
    (tmp_path / "log").write_text("")
    run = stack.destroy("--skip-preview")
    assert run.exit_code == 1
    assert "provider default has no chatdaddy:baseUrl" in run.output
    assert (tmp_path / "log").read_text() == ""
    assert len(stack.resources("pulumi-python:dynamic/toys:Toy")) == 3


@pytest.mark.parametrize("name", ["_account", "_baseline", "_fleet", "_intent"])
def test_our_providers_are_loaded_from_a_state(name: str) -> None:
    assert is_ours(f"chatdaddy_pulumi.{name}")


@pytest.mark.parametrize(
    "name",
    [
        None,
        "",
        "os.system",
        "chatdaddy_pulumi",
        "chatdaddy_pulumi.__builtins__",
        "chatdaddy_pulumi._account.__reduce__",
        "chatdaddy_pulumi.cli.main",
        "chatdaddy_pulumi_evil._account",
        "chatdaddy_pulumi._account\n",
    ],
)
def test_no_other_provider_is_loaded_from_a_state(name: str | None) -> None:
    assert not is_ours(name)
