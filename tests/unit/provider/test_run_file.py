"""The file through which a program and its hosts share a run, and what is left of it later."""

from __future__ import annotations

from pathlib import Path

import pytest

from chatdaddy_pulumi.lifecycle.ownership import Ref
from chatdaddy_pulumi.provider.run_file import RunFile, begun_in
from chatdaddy_pulumi.spec.identity import Identity

ALICE, BOB = Ref("urn::alice"), Ref("urn::fleet", "bob")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))


def a_run() -> RunFile:
    return RunFile.create("127.0.0.1:1", "o/p/s", preview=False, saved={}, declared=[])


def test_a_later_run_knows_for_what_an_earlier_one_may_have_bought() -> None:
    run = a_run()
    assert begun_in(run.number) == frozenset()
    run.reserve(Identity("alice", "wa"), ALICE)
    run.reserve(Identity("bob", "wa"), BOB)
    assert begun_in(run.number) == {ALICE, BOB}
    run.give_up(ALICE)
    assert begun_in(run.number) == {BOB}


def test_a_host_that_makes_all_purchases_tells_it_too() -> None:
    """It need not ask the file who has reserved a nickname; the file is told all the same."""
    host = a_run()
    host.run()
    host.reserve(Identity("alice", "wa"), ALICE)
    assert begun_in(host.number) == {ALICE}


def test_what_cannot_be_read_is_not_known() -> None:
    run = a_run()
    run.reserve(Identity("alice", "wa"), ALICE)
    (path,) = run.path.parent.glob("*-begun")
    path.write_text(path.read_text() + '["+", "urn')
    assert begun_in(run.number) is None
    path.unlink()
    assert begun_in(run.number) is None


def test_both_of_one_nickname_are_known() -> None:
    """With `existing="allow"` the second one buys, too."""
    run = a_run()
    twin = Identity("twin", "wa")
    assert run.reserve(twin, ALICE) is None
    assert run.reserve(twin, BOB) == ALICE
    assert begun_in(run.number) == {ALICE, BOB}


@pytest.mark.parametrize("number", ["0123456789abcdef", "None", "*"])
def test_a_run_of_another_machine_is_not_known(number: str) -> None:
    a_run()
    assert begun_in(number) is None
