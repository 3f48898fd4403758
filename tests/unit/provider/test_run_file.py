"""The file through which a program and its hosts share a run, and what is left of it later."""

from __future__ import annotations

import time
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


def sent(run: RunFile) -> set[Ref]:
    found = begun_in(run.number)
    assert found is not None
    return set(found)


def test_a_later_run_knows_for_what_an_earlier_one_may_have_bought() -> None:
    run = a_run()
    assert begun_in(run.number) == {}
    run.sends(ALICE)
    run.sends(BOB)
    assert sent(run) == {ALICE, BOB}
    run.give_up(ALICE)
    assert sent(run) == {BOB}
    run.sends(ALICE)
    assert sent(run) == {ALICE, BOB}


def test_a_later_run_knows_when_it_was_sent() -> None:
    run, before = a_run(), time.time()
    run.sends(ALICE)
    found = begun_in(run.number)
    assert found is not None
    assert before <= found[ALICE].at <= time.time()
    assert found[ALICE].account_id == ""
    run.bought("acc1", ALICE)
    found = begun_in(run.number)
    assert found is not None
    assert found[ALICE].account_id == "acc1"


def test_a_nickname_that_is_reserved_is_not_sent_yet() -> None:
    run = a_run()
    run.reserve(Identity("alice", "wa"), ALICE)
    assert sent(run) == set()


def test_what_cannot_be_read_is_not_known() -> None:
    run = a_run()
    run.sends(ALICE)
    (path,) = run.path.parent.glob("*-begun")
    path.write_text(path.read_text() + '["+", "urn')
    assert begun_in(run.number) is None
    path.unlink()
    assert begun_in(run.number) is None


@pytest.mark.parametrize("number", ["0123456789abcdef", "None", "*"])
def test_a_run_of_another_machine_is_not_known(number: str) -> None:
    a_run()
    assert begun_in(number) is None
