"""The run file, through which a program and its hosts share a run, and its use by later runs."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from chatdaddy_pulumi.lifecycle.errors import NotDone
from chatdaddy_pulumi.lifecycle.facts import Claim, Claims
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.recovery import Note, Sent
from chatdaddy_pulumi.lifecycle.urns import root_of
from chatdaddy_pulumi.provider import find_runs
from chatdaddy_pulumi.provider.declared import Declared
from chatdaddy_pulumi.provider.find_runs import begun_for, find_run, past_run, still_runs
from chatdaddy_pulumi.provider.machine_files import MissedFile, RemovalsFile
from chatdaddy_pulumi.provider.run_file import RunFile
from chatdaddy_pulumi.spec.identity import Identity
from tests.support.claims import MemoryClaims

ALICE, BOB = Ref("urn::alice"), Ref("urn::fleet", "bob")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(find_runs, "_FILE_S", 0.0)


def begun_in(number: str) -> Mapping[Ref, Sent] | None:
    """What an earlier run has sent; None if that is not known."""
    run = past_run(number, INTENT)
    return None if run is None or run.sent is None else run.sent.by_entry


ENGINE, STACK = "127.0.0.1:1", "o/p/s"


def a_run(engine: str = ENGINE, stack: str = STACK) -> RunFile:
    return RunFile.create(engine, stack, preview=False, saved={}, declared=[])


def found(root: str) -> str | None:
    """The number of the run that a host finds without a hidden input."""
    run = find_run(None, ENGINE, lambda: root)
    return None if run is None else run.number


def sent(run: RunFile) -> set[Ref]:
    found = begun_in(run.number)
    assert found is not None
    return set(found)


def test_a_later_run_knows_which_purchases_an_earlier_one_sent() -> None:
    run = a_run()
    assert begun_in(run.number) == {}
    run.sends(ALICE)
    run.sends(BOB)
    assert sent(run) == {ALICE, BOB}
    run.give_up("team", Identity("alice", "wa"), ALICE)
    assert sent(run) == {BOB}
    run.sends(ALICE)
    assert sent(run) == {ALICE, BOB}


def test_the_hosts_of_a_run_share_what_they_reserve_and_buy() -> None:
    """Also if the program declares the other host's first resource only later."""
    one, other = (RunFile(path) for path in [a_run().path] * 2)
    one.run()
    desk = Identity("desk", "wa")
    assert one.reserve("team", desk, ALICE) is None
    assert other.reserve("team", desk, BOB) == ALICE
    assert other.reserve("another team", desk, BOB) is None
    assert one.bought("acc1", ALICE) is None
    assert other.acquired(ALICE) == "acc1"
    assert other.bought("acc1", BOB) == ALICE
    other.give_up("team", desk, BOB)
    assert other.reserved("team", desk) == ALICE
    one.give_up("team", desk, ALICE)
    assert other.reserve("team", desk, BOB) is None


def test_the_hosts_of_a_run_share_what_they_learn() -> None:
    one, other = (RunFile(path) for path in [a_run().path] * 2)
    one.complete("first")
    other.complete("second")
    assert one.completed(0) == other.completed(0) == ["first", "second"]
    assert other.completed(1) == ["second"]
    assert one.completed(2) == []


def test_a_full_disk_does_not_lose_what_was_bought(monkeypatch: pytest.MonkeyPatch) -> None:
    run = a_run()
    run.sends(ALICE)

    def fail(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.write", fail)
    assert run.bought("acc1", ALICE) is None
    run.give_up("team", Identity("bob", "wa"), BOB)
    with pytest.raises(OSError, match="No space"):
        run.sends(BOB)
    run._database.execute("drop table claims")
    assert run.bought("acc2", BOB) is None


def test_nothing_is_done_if_the_other_hosts_cannot_be_told() -> None:
    run = a_run()
    run._database.execute("pragma query_only = 1")
    for refused in (
        lambda: run.claim("acc1", ALICE),
        lambda: run.reserve("team", Identity("alice", "wa"), ALICE),
        lambda: run.take_part(INTENT, {}),
        lambda: run.complete("all of it"),
    ):
        with pytest.raises(NotDone, match="can't be written"):
            refused()
    run.fulfil("acc1", ALICE)
    run.fail()
    assert run.failed


@pytest.mark.parametrize("one_host", [True, False])
def test_an_account_that_another_entry_has_claimed_is_not_taken(one_host: bool) -> None:
    run = MemoryClaims() if one_host else a_run()
    run.claim("acc1", ALICE)
    run.fulfil("acc1", BOB)
    assert run.claimed("acc1") == Claim(ALICE, False)


def test_a_later_run_knows_what_was_asked_for() -> None:
    run = a_run()
    wanted = Note(Identity("alice", "wa"), "a tier", 5.0, ("acc0",), 6.0, "us", ("nickname",))
    run.sends(ALICE, wanted)
    found = begun_in(run.number)
    assert found is not None
    assert found[ALICE][1:] == ("", wanted)
    run.bought("acc1", ALICE)
    found = begun_in(run.number)
    assert found is not None
    assert found[ALICE][1:] == ("acc1", wanted)


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


INTENT = "urn:pulumi:s::p::type::chatdaddy-intent"


def a_run_with(intent: str = INTENT, seen: Sequence[RunFile] = (), stack: str = STACK) -> RunFile:
    """A run in which the intent takes part. The state names these runs."""
    run = a_run(stack=stack)
    run.take_part(intent, {one.number: one.run().at for one in seen})
    return run


def open_since(run: RunFile) -> list[dict[Ref, str]] | None:
    """What a destroy finds: the answers by entry, for the run and those after it."""
    found = begun_for(INTENT).sent_since(run.run().at)
    return found and [{ref: one.account_id for ref, one in sent.items()} for sent in found]


def test_a_destroy_finds_what_the_runs_of_its_stack_sent() -> None:
    first = a_run_with()
    a_run_with(stack="o/p/other", seen=[first]).sends(BOB)
    second = a_run_with(seen=[first])
    first.sends(ALICE)
    second.bought("acc1", BOB)
    assert open_since(first) == [{ALICE: ""}, {BOB: "acc1"}]
    assert open_since(second) == [{BOB: "acc1"}]
    assert begun_for("").sent_since(first.run().at) is None
    assert begun_for(INTENT).answers == {"acc1": BOB}


#: A line that is cut off, and one of another version of the package.
DAMAGED = ('["+", "urn', '["+", "urn", "", 1.0, ["alice", "wa", "a tier"]]\n', '["+", 1]\n', "1\n")


@pytest.mark.parametrize("line", DAMAGED)
@pytest.mark.parametrize("damaged", [0, 1])
def test_a_destroy_does_not_trust_a_damaged_file(damaged: int, line: str) -> None:
    first = a_run_with()
    second = a_run_with(seen=[first])
    (first, second)[damaged]._begun_path.write_text(line)
    assert open_since(first) is None


def test_a_run_that_ends_well_settles_what_it_and_earlier_ones_sent() -> None:
    first = a_run_with()
    first.sends(ALICE)
    second = a_run_with(seen=[first])
    second.sends(BOB)
    second.end()
    assert open_since(first) == []


def test_a_run_with_a_failed_step_settles_nothing() -> None:
    """As if a provider host was killed, and the program went on with `--continue-on-error`."""
    run = a_run_with()
    run.sends(ALICE)
    run.fail()
    run.end()
    assert open_since(run) == [{ALICE: ""}]


def test_a_run_without_the_intent_settles_nothing() -> None:
    first = a_run_with()
    first.sends(ALICE)
    a_run_with("urn:pulumi:s::p::type::chatdaddy-intent-other", seen=[first]).end()
    assert open_since(first) == [{ALICE: ""}, {}]


def test_a_run_of_another_state_with_the_same_names_settles_nothing() -> None:
    """As in another backend on this machine. What it sent is not taken for this state's."""
    first = a_run_with()
    first.sends(ALICE)
    other = a_run_with()
    other.bought("acc2", ALICE)
    assert open_since(first) == [{ALICE: ""}]
    other.end()
    a_run_with(seen=[other]).end()
    assert open_since(first) == [{ALICE: ""}]


def test_runs_are_ordered_by_the_state_and_not_by_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock is set back between a run that ended and one that was killed."""
    first = a_run_with()
    first.end()
    monkeypatch.setattr(time, "time", lambda: first.run().at - 3600)
    second = a_run_with(seen=[first])
    second.sends(ALICE)
    assert open_since(second) == [{ALICE: ""}]
    assert open_since(first) == [{ALICE: ""}]


def test_a_run_after_one_of_another_machine_may_be_of_the_same_state() -> None:
    first = a_run_with()
    after = a_run()
    after.take_part(INTENT, {"of another machine": first.run().at + 1})
    after.sends(ALICE)
    assert open_since(first) == [{}, {ALICE: ""}]
    before = a_run()
    before.take_part(INTENT, {"of another machine": first.run().at - 1})
    before.sends(BOB)
    assert open_since(first) == [{}, {ALICE: ""}]


def test_a_nickname_that_is_reserved_is_not_sent_yet() -> None:
    run = a_run()
    run.reserve("team", Identity("alice", "wa"), ALICE)
    assert sent(run) == set()


def test_a_host_waits_for_the_file_until_it_has_the_declarations(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The engine may delete something while the program still reads the state."""
    waits: list[float] = []
    declared = [Declared("urn::alice", kind="account", given={})]
    ready: list[RunFile] = []

    def program_goes_on(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 1:
            with monkeypatch.context() as unready:
                unready.setattr(RunFile, "_note", lambda _self, _fact: None)
                ready.append(
                    RunFile.create(ENGINE, STACK, preview=False, saved={}, declared=declared)
                )
        else:
            ready[0]._note("ready")

    monkeypatch.setattr(find_runs, "_FILE_S", 60.0)
    monkeypatch.setattr(time, "sleep", program_goes_on)
    run = find_run(None, ENGINE, lambda: root_of(STACK))
    assert run is not None
    assert [one.urn for one in run.declared] == ["urn::alice"]
    assert len(waits) == 2


@pytest.mark.parametrize("line", DAMAGED)
@pytest.mark.parametrize("sent_after", [0, 1])
def test_a_damaged_file_is_ignored(sent_after: int, line: str) -> None:
    """A full disk cuts a line off, and the next line follows it."""
    run = a_run()
    run.sends(ALICE)
    (path,) = run.path.parent.glob("*-begun")
    path.write_text(path.read_text() + line)
    for _ in range(sent_after):
        run.sends(BOB)
    assert begun_in(run.number) is None


def test_a_missing_file_is_ignored() -> None:
    run = a_run()
    (path,) = run.path.parent.glob("*-begun")
    path.unlink()
    assert begun_in(run.number) is None


@pytest.mark.parametrize("number", ["0123456789abcdef", "None", "*"])
def test_a_run_of_another_machine_is_not_known(number: str) -> None:
    a_run()
    assert begun_in(number) is None


@pytest.mark.parametrize("one_host", [True, False])
def test_a_purchase_of_another_entry_is_recognised(one_host: bool) -> None:
    """From the reservation of its nickname on."""
    run = a_run()
    if one_host:
        run.run()  # there is one provider, so this process makes all purchases
    alice = Identity("alice", "wa")
    assert run.reserved("team", alice) is None
    assert run.claimed("acc1") is None
    run.reserve("team", alice, ALICE)
    run.bought("acc1", ALICE)
    assert run.reserved("team", alice) == ALICE
    assert run.claimed("acc1") == Claim(ALICE, True)


def test_accounts_that_a_refresh_first_missed_are_known_to_other_hosts() -> None:
    MissedFile("127.0.0.1:1").add("acc1")
    assert "acc1" in MissedFile("127.0.0.1:1")
    assert "acc2" not in MissedFile("127.0.0.1:1")
    assert "acc1" not in MissedFile("127.0.0.1:2")
    assert "acc1" not in MissedFile("other:1"), "ports recur"


def test_other_processes_know_the_removals_that_were_sent() -> None:
    now = [7_200.0]
    one, other = (RemovalsFile(lambda: now[0]) for _ in range(2))
    assert one.sent() == {}
    one.sends("acc1", now[0])
    one.sends("acc2", now[0])
    assert other.sent() == {"acc1": 7_200, "acc2": 7_200}
    other.stays("acc1")
    assert one.sent() == {"acc2": 7_200}
    now[0] += 3_600  # another file, and the last one counts
    assert one.sent() == {"acc2": 7_200}
    one.sends("acc2", now[0])
    assert other.sent() == {"acc2": 10_800}
    now[0] += 7_200
    assert other.sent() == {}


def test_the_newest_run_of_an_engine_that_runs_a_program_is_found() -> None:
    a_run()
    newer = a_run()
    newer.declare(0, Declared("urn::name", kind="account"))
    assert found(root_of(STACK)) == newer.number


def test_an_engine_without_a_program_has_no_run() -> None:
    """As in a destroy: the file is of an earlier engine with the same address."""
    a_run()
    assert found("") is None


def test_a_run_of_another_stack_or_address_is_not_found() -> None:
    """Without its file, a host would take the run for a destroy."""
    a_run(stack="o/p/other")
    a_run(stack="o/other/s")
    a_run(engine="elsewhere:1")
    with pytest.raises(NotDone, match="nothing was removed: a program of this package runs"):
        found(root_of(STACK))


def test_a_folder_that_cannot_be_read_is_no_destroy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(NotDone, match="must have the same TMPDIR"):
        found(root_of(STACK))


def claims_of(kind: str) -> Claims:
    if kind == "in memory":
        return MemoryClaims()
    run = a_run()
    if kind == "file of one host":
        run.run()
    return run


@pytest.mark.parametrize("kind", ["in memory", "file", "file of one host"])
def test_an_abandoned_purchase_reserves_nothing(kind: str) -> None:
    claims, alice = claims_of(kind), Identity("alice", "wa")
    assert claims.reserve("team", alice, ALICE) is None
    claims.sends(ALICE)
    claims.give_up("team", alice, BOB)
    assert claims.reserve("team", alice, BOB) == ALICE, "another's reservation stays"
    claims.give_up("team", alice, ALICE)
    assert claims.reserved("team", alice) is None
    assert claims.reserve("team", alice, BOB) is None


@pytest.mark.parametrize("kind", ["in memory", "file", "file of one host", "another host"])
def test_an_account_is_bought_by_one_entry(kind: str) -> None:
    claims = claims_of("file" if kind == "another host" else kind)
    assert claims.bought("acc1", ALICE) is None
    other = (
        RunFile(claims.path) if kind == "another host" and isinstance(claims, RunFile) else claims
    )
    assert other.bought("acc1", BOB) == ALICE
    assert other.acquired(BOB) is None
    assert other.acquired(ALICE) == "acc1"


def test_a_run_is_known_to_live_until_its_hosts_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find_runs, "_HOSTS_S", 0.0)
    run = a_run()
    assert not still_runs(run.number)
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from chatdaddy_pulumi.provider.run_file import RunFile\n"
        f"RunFile(Path({str(run.path)!r})).take_part('an intent', {{}})\n"
        "print('takes part', flush=True)\n"
        "sys.stdin.read()"
    )
    host = subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with host:
        assert host.stdout is not None
        assert host.stdout.readline() == "takes part\n"
        assert still_runs(run.number)
        assert not still_runs("another")
        host.kill()
    assert not still_runs(run.number)
