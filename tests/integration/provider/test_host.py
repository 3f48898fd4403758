"""The providers in the real provider host, which finds its run in the run file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from chatdaddy_pulumi.lifecycle.urns import root_of
from chatdaddy_pulumi.provider.declared import Declared
from chatdaddy_pulumi.provider.run_file import RunFile
from tests.support.host import UNKNOWN, Failure, Host, hosted
from tests.support.sandbox import REFRESH_TOKEN, TEAM_ID, Sandbox

pytestmark = pytest.mark.slow  # each test starts processes

ROOT = "urn:pulumi:dev::tests::"
LEAF = "pulumi-python:dynamic/chatdaddy:Account::alice"
URN = ROOT + LEAF
INTENT_URN = f"{ROOT}pulumi-python:dynamic/chatdaddy:Intent::chatdaddy-intent"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the run files."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@contextmanager
def a_host(server: Sandbox, runs: Path) -> Iterator[Host]:
    """A provider host with its own engine."""
    config = {
        "chatdaddy:teamId": TEAM_ID,
        "chatdaddy:refreshToken": REFRESH_TOKEN,
        "chatdaddy:baseUrl": server.url,
    }
    with hosted("_account", config, {"TMPDIR": str(runs)}) as running_host:
        yield running_host


@pytest.fixture
def host(server: Sandbox, runs: Path) -> Iterator[Host]:
    with a_host(server, runs) as running_host:
        yield running_host


STACK = "organization/tests/dev"


def begin(
    *, preview: bool = False, saved: dict[str, Any] | None = None, engine: str = ""
) -> dict[str, Any]:
    """A run whose program declares one account. Returns the hidden input that names the run."""
    declared = [Declared(URN, kind="account", given={"nickname": "alice"})]
    made = RunFile.create(engine, STACK, preview=preview, saved=saved or {}, declared=declared)
    return made.hidden("")


def intended(host: Host, hidden: dict[str, Any]) -> Any:
    """The intent's note of the run."""
    intent = host.also("_intents")
    news = {"__run": hidden, "__urn": INTENT_URN}
    inputs, failures = intent.check(news)
    assert failures == {}
    return intent.create(inputs)[1]["__notes"]


def test_an_account_is_bought_in_a_run_that_the_intent_has_noted(
    host: Host, server: Sandbox
) -> None:
    hidden = begin()
    notes = intended(host, hidden)
    news = {"nickname": "alice", "__run": hidden, "__urn": URN, "__intent": notes}
    inputs, failures = host.check(news)
    assert failures == {}
    assert "__run" not in inputs
    assert "__intent" not in inputs
    account_id, outputs = host.create(inputs)
    assert server.writes() == {"POST /im/accounts": 1}
    assert outputs["account_id"] == account_id
    assert host.diff(account_id, outputs, inputs).changes == 1, "no difference"
    assert host.read(account_id, outputs)[0] == account_id


def test_without_a_run_nothing_is_bought(host: Host, server: Sandbox) -> None:
    """As with `ignore_changes=["*"]`, which drops the hidden inputs."""
    inputs, failures = host.check({"nickname": "alice", "__urn": URN})
    assert failures == {}
    with pytest.raises(
        Failure, match=r"^ChatDaddy: nothing was done: the resource was not checked"
    ):
        host.create(inputs)
    assert server.writes() == {}


def test_a_run_without_its_intent_buys_nothing(host: Host, server: Sandbox) -> None:
    """As with `--target`, which excludes the intent."""
    inputs, _ = host.check({"nickname": "alice", "__run": begin(), "__urn": URN})
    with pytest.raises(Failure, match=r"^ChatDaddy: 'alice' was not bought: the intent"):
        host.create(inputs)
    assert server.writes() == {}


def test_unknown_values_in_a_preview(host: Host, server: Sandbox) -> None:
    hidden = begin(preview=True)
    given = {"nickname": UNKNOWN, "__run": hidden, "__urn": URN}
    inputs, failures = host.check({**given, "tier": "unlimited"})
    assert failures == {}
    assert inputs["nickname"] == UNKNOWN
    assert inputs["tier"] == "unlimited_msg_chat_history"
    _, failures = host.check({**given, "tier": "x"})
    assert set(failures) == {"tier"}


def test_an_expected_failure_is_a_one_line_error(host: Host, server: Sandbox) -> None:
    hidden = begin()
    notes = intended(host, hidden)
    server.fault("POST", "/im/accounts", "status", status=402, message="Card declined")
    news = {"nickname": "alice", "__run": hidden, "__urn": URN, "__intent": notes}
    with pytest.raises(Failure) as failed:
        host.create(host.check(news)[0])
    line = str(failed.value).strip()
    assert line.startswith("ChatDaddy: 'alice' was not bought: ")
    assert "Card declined" in line
    assert "\n" not in line


def test_a_run_file_elsewhere_is_not_read(host: Host, tmp_path: Path) -> None:
    """The hidden input is not trusted: only files in the folder of runs are read."""
    hidden = begin()
    elsewhere = tmp_path / "elsewhere.db"
    Path(hidden["path"]).rename(elsewhere)
    with pytest.raises(Failure, match="nothing was done: the file of this run"):
        host.check({"nickname": "alice", "__run": {**hidden, "path": str(elsewhere)}, "__urn": URN})


@pytest.mark.parametrize("run", ["destroy", "destroy with the program", "update"])
def test_a_removal_uses_the_run_of_its_own_engine(
    host: Host, server: Sandbox, runs: Path, run: str
) -> None:
    """A destroy runs no program. What an earlier engine with the same address declared does not
    keep an
    account. If the destroy runs the program, it checks no resource, and is refused. In an update,
    the
    resource is created again and keeps its account.
    """
    hidden = begin()
    notes = intended(host, hidden)
    news = {"nickname": "alice", "__run": hidden, "__urn": URN, "__intent": notes}
    account_id, outputs = host.create(host.check(news)[0])
    with a_host(server, runs) as second:
        hidden = begin(saved={URN: outputs}, engine=second.engine.address)
        second.engine.root = "" if run == "destroy" else root_of(STACK)
        if run == "update":
            host.check({**news, "__run": hidden})
        if run == "destroy with the program":
            with pytest.raises(Failure, match=f"^ChatDaddy: {account_id} was not removed: .*alice"):
                second.delete(account_id, outputs)
        else:
            second.delete(account_id, outputs)
    deleted = server.totals().get("DELETE /im/accounts/{id}", 0)
    assert deleted == (1 if run == "destroy" else 0)


def test_without_an_answer_of_the_engine_nothing_is_removed(host: Host, server: Sandbox) -> None:
    host.engine.root = None
    with pytest.raises(Failure, match=r"^ChatDaddy: nothing was removed: Pulumi's engine can't"):
        host.delete("acc1", {"account_id": "acc1", "__declared": {"__urn": URN}})
    assert server.writes() == {}
