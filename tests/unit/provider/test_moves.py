"""Entries that move: nothing is bought or removed, and the preview says so."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest
from chatdaddy_pulumi.client.models import ArchiveProgress
from chatdaddy_pulumi.provider.account import AccountProvider
from tests.support.provider import (
    Declaration,
    Failed,
    Killed,
    Late,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    in_memory,
    killed,
    late_fleet,
    through_engine,
)
from tests.support.team import Team


def test_the_preview_of_a_move_removes_nothing(team: Team, stack: Stack) -> None:
    stack.up({"a": fleet({"k0": {}, "k1": {}}), "b": fleet({"k2": {}})})
    stack.preview({"b": fleet({"k2": {}, "k0": {}}), "a": fleet({"k1": {}})})
    (k0,) = team.named("k0")
    assert stack.lines.kept == [
        f"→ k0 ({k0} from a/k0) (carried over, nothing bought)",
        f"→ k0 ({k0} to b/k0) (not removed)",
    ]


@pytest.mark.parametrize("to", ["fleet", "account"])
def test_an_entry_moves_to_a_resource_that_depends_on_its_fleet(
    team: Team, stack: Stack, to: str
) -> None:
    """The fleet is updated before the other resource exists, and lists the account until then."""
    stack.up({"a": fleet({"k0": {}, "k1": {}})})
    (k0,) = team.named("k0")
    other = fleet({"k0": {}}) if to == "fleet" else account(nickname="k0")
    moved: Program = {"a": fleet({"k1": {}}), "b": other}
    began = team.clock
    stack.up(moved)
    assert team.clock - began < 10
    assert stack.failed("a") == {}
    assert "k0" not in stack.held("a")
    assert (stack.ids("b")["k0"] if to == "fleet" else stack.of("b").id) == k0
    assert stack.preview(moved) == {"a"}
    assert stack.lines.kept == []
    stack.up(moved)
    assert stack.preview(moved) == set()
    assert team.live() == stack.all_ids()
    assert team.purchases == 2


def test_an_interrupted_move_is_finished(team: Team, stack: Stack) -> None:
    stack.up({"a": fleet({"k0": {}, "k1": {}})})
    moved: Program = {"a": fleet({"k1": {}}), "b": account(nickname="k0")}
    stack.up(moved, only="a")
    stack.up(moved)
    assert stack.of("b").id in team.named("k0")
    assert team.live() == stack.all_ids()
    assert team.purchases == 2


def test_an_interrupted_move_is_reverted(team: Team, stack: Stack) -> None:
    before: Program = {"a": fleet({"k0": {}, "k1": {}})}
    stack.up(before)
    stack.up({"a": fleet({"k1": {}}), "b": account(nickname="k0")}, only="a")
    stack.up(before)
    assert stack.preview(before) == set()
    assert team.live() == stack.all_ids()
    assert team.purchases == 2


def test_a_moved_account_is_removed_by_its_new_resources_on_delete(
    team: Team, stack: Stack
) -> None:
    """The fleet that still lists the account does not decide about it."""
    stack.up({"a": fleet({"k0": {}, "k1": {}})})
    stack.up({"a": fleet({"k1": {}}), "b": account(nickname="k0", on_delete="retain")})
    stack.up({"a": fleet({"k1": {}})})
    assert team.named("k0")
    assert set(stack.held("a")) == {"k1"}


def test_an_ambiguous_move_is_reported_before_the_limit_of_removals(
    team: Team, stack: Stack
) -> None:
    """And the remedy in the message works."""
    alike = {"nickname": "x", "existing": "allow"}
    stack.up({"a": fleet({"k0": alike, "k1": alike, "k2": {}}), "b": fleet({"k3": {}})})
    moved = {"m0": dict(alike), "m1": dict(alike)}
    with pytest.raises(Refused, match="can't be told") as refused:
        stack.preview({"a": fleet({"k2": {}}), "b": fleet({"k3": {}, **moved})})
    assert "max_removals" not in str(refused.value)
    adopt = re.search(r"adopt='(\w+)'", str(refused.value))
    assert adopt is not None
    moved["m0"] |= {"adopt": adopt[1]}
    stack.up({"a": fleet({"k2": {}}), "b": fleet({"k3": {}, **moved})})
    assert set(stack.ids("b").values()) > team.named("x")
    assert team.purchases == 4


def test_a_removal_refused_because_the_account_is_deleted_succeeds(
    team: Team, stack: Stack
) -> None:
    stack.up({"a": fleet({"k0": {"on_delete": "archive"}, "k1": {}})})
    (k0,) = team.named("k0")
    team.change(k0, deleted_at="2027-01-15T08:00:00.000Z")

    def refuse(account_id: str) -> None:
        raise BadRequest("it is deleted", call="POST /im/accounts/{id}/archive")

    team.on_delete = refuse
    stack.refresh()
    stack.up({"a": fleet({"k1": {}})})
    assert stack.failed("a") == {}
    assert "removed already" in "\n".join(stack.lines.kept)


def test_a_removal_refused_for_another_reason_fails(team: Team, stack: Stack) -> None:
    stack.up({"a": fleet({"k0": {"on_delete": "archive"}, "k1": {}})})

    def refuse(account_id: str) -> None:
        raise BadRequest("not today", call="POST /im/accounts/{id}/archive")

    team.on_delete = refuse
    stack.up({"a": fleet({"k1": {}})})
    assert set(stack.failed("a")) == {"k0"}


INSTAGRAM = {"type": "instagram", "login_type": "facebook"}
OTHER_KINDS = pytest.mark.parametrize(
    "kind", [{"type": "tiktok"}, {"type": "instagram", "login_type": "instagram"}]
)


@OTHER_KINDS
@pytest.mark.parametrize("more", [{}, {"nickname": "k"}, {"nickname": "z"}])
def test_a_renamed_entry_of_another_kind_is_replaced(
    team: Team, stack: Stack, kind: dict[str, Any], more: dict[str, Any]
) -> None:
    stack.up({"a": fleet({"k": INSTAGRAM, "o": {}})})
    (old,) = team.named("k")
    replaced: Program = {"a": fleet({"k2": {"aliases": ["k"], **kind, **more}, "o": {}})}
    stack.preview(replaced)
    assert stack.lines.kept == ["+ k2 (1 bought, 1.00 USD now); - k2 (deleted, 24 h to undo)"]
    stack.up(replaced)
    assert stack.failed("a") == {}
    assert team.live() == stack.all_ids() == {*stack.ids("a").values()}
    assert old not in team.live()
    assert team.purchases == 3


@OTHER_KINDS
def test_a_renamed_entry_of_another_kind_takes_no_account_of_others(
    team: Team, stack: Stack, kind: dict[str, Any]
) -> None:
    stack.up({"a": fleet({"k": INSTAGRAM, "o": {}})})
    theirs = team.buy("k2", **kind).account_id
    with pytest.raises(Refused, match=f"already has an account named 'k2': {theirs}"):
        stack.preview({"a": fleet({"k2": {"aliases": ["k"], **kind}, "o": {}})})


def test_a_renamed_entry_of_another_type_counts_as_removed(team: Team, stack: Stack) -> None:
    before = {f"k{number}": {} for number in range(3)}
    stack.up({"a": fleet(before, protect=True)})
    one = {"n0": {"type": "tiktok", "aliases": ["k0"]}}
    two = {**one, "n1": {"type": "tiktok", "aliases": ["k1"]}}
    with pytest.raises(Refused, match="is protected, so its accounts are not removed: n0"):
        stack.preview({"a": fleet({**one, "k1": {}, "k2": {}}, protect=True)})
    with pytest.raises(Refused, match="would remove 2 accounts"):
        stack.preview({"a": fleet({**two, "k2": {}})})
    assert team.purchases == 3


@pytest.mark.parametrize("what", ["patch", "open"])
def test_an_account_bought_in_place_of_a_missing_one_is_saved_if_a_later_call_fails(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    program: Program = {"alice": account(existing="allow", assignees=["u1"], connect=True)}
    stack.up(program)
    team.hidden.add(stack.of("alice").id)
    team.access_is_told = False
    stack.refresh()

    async def refuse(*_: object) -> None:
        raise BadRequest("not today", call="a call after the purchase")

    with monkeypatch.context() as patched:
        patched.setattr(team, what, refuse)
        stack.up(program)
    bought = stack.of("alice").outputs["account_id"]
    assert any(bought in line and "not today" in line for line in stack.lines.warnings)
    stack.move_to_another_machine()
    assert "alice" in stack.up(program)
    assert stack.of("alice").outputs["account_id"] == bought
    assert team.all[bought].assignees == ["u1"]
    assert team.all[bought].state == "connecting"
    assert team.purchases == 2


def test_an_account_that_is_still_missing_in_the_next_run_is_bought_again(
    team: Team, stack: Stack
) -> None:
    program: Program = {"alice": account()}
    stack.up(program)
    old = stack.of("alice").id
    team.hidden.add(old)
    team.access_is_told = False
    stack.refresh()
    stack.preview(program)
    assert any("alice (1 bought" in line for line in stack.lines.kept)
    stack.up(program)
    assert stack.of("alice").outputs["account_id"] != old
    assert team.purchases == 2


MISSED = {
    "another fleet": {"f": fleet({"o": {}}), "g": fleet({"k": {"nickname": "a"}})},
    "an account": {"f": fleet({"o": {}}), "b": account(nickname="a")},
    "an account that comes first": {"b": account(nickname="a"), "f": fleet({"o": {}})},
    "only an account": {"b": account(nickname="a")},
}


@pytest.mark.parametrize("new", MISSED.values(), ids=MISSED)
def test_a_missing_account_that_moves_is_bought_again_and_not_removed(
    team: Team, stack: Stack, new: Program
) -> None:
    stays: Program = {"f": fleet({"k": {"nickname": "a"}, "o": {}}), "x": account(nickname="x")}
    only = "f" not in new
    stack.up({"x": account(nickname="a")} if only else stays)
    (missing,) = team.named("a")
    team.hidden.add(missing)
    team.access_is_told = False
    stack.refresh()
    new = new if only else {**new, "x": stays["x"]}
    stack.preview(new)
    assert any("1 bought" in line for line in stack.lines.kept)
    for _ in range(2):
        stack.up(new)
        assert only or not stack.failed("f")
    assert not stack.preview(new)
    assert len(team.named("a") & stack.all_ids()) == 1
    assert ("DELETE", missing) not in team.calls
    assert missing in team.live()


def test_a_missing_account_that_appears_again_moves(team: Team, stack: Stack) -> None:
    stack.up({"x": account(nickname="a")})
    (missing,) = team.live()
    team.hidden.add(missing)
    team.access_is_told = False
    stack.refresh()
    team.hidden.clear()
    stack.up({"b": account(nickname="a")})
    assert stack.all_ids() == team.live() == {missing}
    assert team.purchases == 1


@pytest.mark.parametrize("state", ["paused", None])
def test_an_account_of_an_unknown_archive_state_moves(
    team: Team, stack: Stack, state: str | None
) -> None:
    """The state does not prove that it is gone, so a refresh keeps it."""
    stack.up({"f": fleet({"k": {"nickname": "a"}, "o": {}})})
    (moved,) = team.named("a")
    team.change(moved, archive_state=ArchiveProgress(type=state))
    stack.refresh()
    stack.up({"b": account(nickname="a"), "f": fleet({"o": {}})})
    assert stack.of("b").id == moved
    assert team.purchases == 2


def of_us(**given: Any) -> Declaration:
    return replace(account(**given), provider="us")


@pytest.mark.parametrize("existing", ["fail", "adopt"])
@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_nickname_that_another_provider_of_the_team_has_is_taken(
    team: Team, stack: Stack, kind: str, existing: str
) -> None:
    theirs = account(nickname="n") if kind == "account" else fleet({"n": {}})
    before: Program = {"a": theirs, "rest": of_us()}
    stack.up(before)
    program: Program = {**before, "b": of_us(nickname="n", existing=existing)}
    with pytest.raises(Refused, match=r"a(/n)? of this program has the nickname 'n' too"):
        stack.preview(program)
    with pytest.raises(Failed, match="has the nickname 'n' too"):
        stack.up(program)
    assert team.purchases == 2


@pytest.mark.parametrize(
    ("other", "own"),
    [
        (account(nickname="n"), of_us(nickname="n", existing="allow")),
        (account(nickname="n"), of_us(nickname="n", type="mock")),
        (account(nickname="was n"), of_us(nickname="n")),
    ],
    ids=["allowed", "another type", "the other is renamed"],
)
def test_a_nickname_that_another_provider_has_is_not_taken(
    team: Team, stack: Stack, other: Declaration, own: Declaration
) -> None:
    stack.up({"a": account(nickname="n"), "rest": of_us()})
    stack.up({"a": other, "rest": of_us(), "b": own})
    assert team.purchases == 3


def test_a_refresh_names_the_account_that_replaced_a_missing_one(team: Team, stack: Stack) -> None:
    """The update that bought it did not change the ID of the resource."""
    program: Program = {"alice": account()}
    stack.up(program)
    team.hidden.add(stack.of("alice").id)
    team.access_is_told = False
    stack.refresh()
    stack.up(program)
    alice, host = stack.of("alice"), stack.host(None)
    stack.call(host, AccountProvider(host).read(alice.id, through_engine(alice.outputs)))
    assert list(host.refreshed) == [alice.outputs["account_id"]] != [alice.id]


@pytest.mark.parametrize("option", [False, True])
def test_an_account_retained_in_a_replacement_is_not_taken_back(
    team: Team, stack: Stack, option: bool
) -> None:
    """Another stack may have it by now."""
    said: dict[str, Any] = {"retain": True} if option else {"on_delete": "retain"}
    stack.up({"alice": account(**said)})
    old = stack.of("alice").id
    stack.up({"alice": account(type="mock", **said)})
    in_memory(team).up({"theirs": account(nickname="alice", adopt=old)})
    with pytest.raises(Refused, match=f"already has an account named 'alice': {old}"):
        stack.preview({"alice": account(**said)})
    with pytest.raises(Failed, match=old):
        stack.up({"alice": account(**said)})
    assert stack.of("alice").id != old


# --- a fleet that is dropped while its accounts move


def numbered(*numbers: int) -> dict[str, Any]:
    return {f"k{number}": {} for number in numbers}


CUT_OFF: dict[str, Program] = {
    "renamed": {"b": fleet(numbered(0, 1))},
    "split": {"b": fleet(numbered(0, 1, 2)), "c": fleet(numbered(3))},
    "to an account": {"k0": account()},
    "adopted": {"b": fleet({"new": {"adopt": "accteam0000"}})},
}
COMES_LATE: dict[str, Program] = {
    "entries": {"b": late_fleet(numbered(0, 1))},
    "nickname": {"b": fleet({"k0": {"nickname": Late("k0")}})},
    "declaration": {"other": account(), "b": replace(fleet(numbered(0, 1)), late=True)},
}


@pytest.mark.parametrize("moved", CUT_OFF.values(), ids=CUT_OFF)
def test_a_dropped_fleet_whose_accounts_move_loses_no_more_than_its_limit(
    team: Team, stack: Stack, moved: Program
) -> None:
    """As with another name and a file that is cut off."""
    stack.up({"a": fleet(numbered(*range(10)))})
    for run in (stack.preview, stack.up):
        with pytest.raises(Refused, match=r"k9 \(accteam0009, 'k9'\)\) of a's 10; .* drops it"):
            run(moved)
    assert len(team.live()) == team.purchases == 10


@pytest.mark.parametrize("moved", COMES_LATE.values(), ids=COMES_LATE)
def test_its_limit_counts_if_the_update_finds_the_moves(
    team: Team, stack: Stack, moved: Program
) -> None:
    there: Program = {"other": account()} if "other" in moved else {}
    stack.up({"a": fleet(numbered(*range(10))), **there})
    stack.preview(moved)
    for _ in range(2):
        with pytest.raises((Failed, Refused), match=r"k9 \(accteam0009, 'k9'\)\) of a's 10"):
            stack.up(moved)
    assert team.live() == stack.all_ids()
    assert len(team.live()) == team.purchases == 10 + len(there)


def test_a_dropped_fleet_whose_accounts_move_has_its_own_limit(team: Team, stack: Stack) -> None:
    stack.up({"a": fleet(numbered(*range(10)), limits={"max_removals": 8})})
    stack.up({"b": fleet(numbered(0, 1))})
    assert team.live() == stack.all_ids() == {*stack.ids("b").values()}
    assert len(team.live()) == 2


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_fleet_is_dropped_after_the_run_in_which_accounts_of_it_moved(
    team: Team, stack: Stack, order: str
) -> None:
    """The remedy in the message."""
    stack.up({"a": fleet(numbered(*range(10)))})
    moved: Program = {"a": fleet(numbered(*range(2, 10))), "b": fleet(numbered(0, 1))}
    stack.up({name: moved[name] for name in order})
    stack.up({"b": moved["b"]})
    assert team.live() == stack.all_ids() == {*stack.ids("b").values()}
    assert team.purchases == 10


def test_a_fleet_that_is_declared_late_is_not_taken_for_dropped(team: Team, stack: Stack) -> None:
    declared = replace(fleet(numbered(0, 1, 2)), late=True)
    stack.up({"other": account(), "a": declared})
    moved: Program = {"k0": account(), "a": replace(fleet(numbered(1, 2)), late=True)}
    stack.preview({"other": account(), **moved})
    stack.up({"other": account(), **moved})
    assert stack.failed("a") == {}
    assert team.live() == stack.all_ids()
    assert team.purchases == 4


def test_an_entry_that_has_an_account_adopts_no_other(team: Team, stack: Stack) -> None:
    """A list of IDs is corrected. Nothing is removed until the program is clear."""
    ids = [team.buy(name).account_id for name in ("a", "b")]
    for kind in (fleet, None):
        entries = {"a": {"adopt": ids[0]}, "b": {"adopt": ids[1]}}
        wrong = {"a": {"adopt": ids[1]}}

        def program(given: dict[str, Any], kind: Any = kind) -> Program:
            if kind is None:
                return {name: account(**one) for name, one in given.items()}
            return {"f": fleet(given, limits={"max_removals": "100%"})}

        stack.up(program(entries))
        for run in (stack.preview, stack.up):
            with pytest.raises((Refused, Failed), match=r"Drop adopt from (f/)?a\. To give it"):
                run(program(wrong))
            assert team.live() == stack.all_ids() == set(ids)
        stack.up(program({"a": {"nickname": "a"}, "b": {"on_delete": "retain"}}))
        stack.up(program({"a": {"on_delete": "retain"}}))
        stack.up(program({}) if kind is None else {})
        assert team.live() == set(ids)


@pytest.mark.parametrize("existing", ["fail", "adopt"])
@pytest.mark.parametrize("first", [False, True])
def test_an_entry_of_another_provider_adopts_an_account_of_the_nickname(
    team: Team, stack: Stack, existing: str, first: bool
) -> None:
    """Whichever comes first, the preview and the update refuse the other one."""
    theirs = team.buy("k", by="a colleague").account_id
    adopter: Program = {
        "f": replace(fleet({"x": {"nickname": "k", "adopt": theirs}}), provider="us")
    }
    other: Program = {"k": account(existing=existing)}
    program = {**adopter, **other} if first else {**other, **adopter}
    for run in (stack.preview, stack.up):
        with pytest.raises((Refused, Failed), match="f/x of this program has the nickname 'k' too"):
            run(program)
    assert team.purchases == 0


@pytest.mark.parametrize("existing", ["fail", "adopt"])
@pytest.mark.parametrize("first", [False, True])
def test_an_interrupted_purchase_of_another_provider_takes_the_nickname(
    team: Team, stack: Stack, existing: str, first: bool
) -> None:
    own: Program = {"f": replace(fleet({"k": {}}), provider="us")}
    with killed(team), pytest.raises(Killed):
        stack.up(own)
    (paid,) = team.named("k")
    other: Program = {"k": account(existing=existing)}
    for _ in range(2):
        with suppress(Refused, Failed):
            stack.up({**own, **other} if first else {**other, **own})
        team.clock += 3600
    assert team.purchases == 1
    assert stack.all_ids() == {paid} or not first


@pytest.mark.parametrize("only", ["", "a"], ids=["left", "not updated"])
def test_an_account_comes_back_under_a_new_key(team: Team, stack: Stack, only: str) -> None:
    """The fleet that it comes back to still lists it, with or without knowing that it was left."""
    stack.up({"f": fleet({"k": {}, "z": {}})})
    (k,) = team.named("k")
    stack.up({"f": fleet({"z": {}}), "a": account(nickname="k")}, only=only)
    assert stack.of("a").id == k
    stack.up({"f": fleet({"k2": {"aliases": ["k"]}, "z": {}})})
    assert stack.ids("f")["k2"] == k
    assert (team.purchases, k in team.live()) == (2, True)


def test_a_shifted_list_is_named_in_the_preview(team: Team, stack: Stack) -> None:
    """The second of four customers leaves, and a fifth comes. The keys are numbers."""

    def listed(*names: str) -> Program:
        return {"f": fleet({str(number): {"nickname": one} for number, one in enumerate(names)})}

    stack.up(listed("a", "b", "c", "d"))
    stack.preview(listed("a", "c", "d", "e"))
    assert any("1, 2 get the nicknames that 2, 3 have" in line for line in stack.lines.kept)
    stack.preview(listed("a", "c", "x", "d"))
    assert not any("get the nicknames" in line for line in stack.lines.kept)
    assert team.purchases == 4


#: The program before, and after. In it, one entry takes the account M over.
MOVES: dict[str, tuple[dict[str, Declaration], dict[str, Declaration]]] = {
    "alias": (
        {"a": fleet({"k": {"nickname": "M"}})},
        {"a": fleet({"l": {"nickname": "M", "aliases": ["k"]}})},
    ),
    "adopt": ({"x": account(nickname="M")}, {"a": account(nickname="M", adopt="accteam0000")}),
}


@pytest.mark.parametrize("how", MOVES)
@pytest.mark.parametrize("is_first", [True, False])
def test_an_account_that_moves_in_another_provider_is_not_bought_again(
    team: Team, stack: Stack, how: str, is_first: bool
) -> None:
    before, after = MOVES[how]
    stack.up(before)
    new = replace(account(nickname="M"), provider="us")
    program: Program = {**after, "b": new} if is_first else {"b": new, **after}
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(program)
    assert team.purchases == 1
    assert len(team.named("M")) == 1


def test_a_retyped_entry_asks_for_what_a_renamed_resource_of_another_provider_keeps(
    team: Team, stack: Stack
) -> None:
    """Without the rename, it is refused, as it should be."""
    mine = replace(fleet({"k": {"nickname": "N", "type": "mock"}}), provider="us")
    stack.up({"a": fleet({"k": {"nickname": "N"}, "y": {}}), "b": mine})
    live = team.live()
    retyped = fleet({"k": {"nickname": "N", "type": "mock"}, "y": {}})
    with suppress(Failed, Refused):
        stack.up({"a": retyped, "b": mine})
    assert (team.live(), team.purchases) == (live, 3)
    with suppress(Failed, Refused):
        stack.up({"a": retyped, "c": mine})
    assert (team.live(), team.purchases) == (live, 3)


@pytest.mark.parametrize("provider", ["", "us"])
@pytest.mark.parametrize("first", ["a", "b"])
def test_what_an_entry_adopts_by_id_is_not_taken_by_another(
    team: Team, stack: Stack, first: str, provider: str
) -> None:
    theirs = team.buy("N").account_id
    parts: Program = {
        "a": account(nickname="P", adopt=theirs),
        "b": replace(account(nickname="N", existing="adopt"), provider=provider),
    }
    program = {name: parts[name] for name in sorted(parts, reverse=first == "b")}
    shown = ""
    with suppress(Refused):
        stack.preview(program)
        shown = "\n".join(stack.lines.kept)
    assert shown.count(theirs) <= 1
    for _ in range(3):
        with suppress(Failed, Refused):
            stack.up(program)
    if first == "a":
        assert stack.of("a").id == theirs
    else:  # it is refused, and the engine ends the run
        assert (stack.all_ids(), team.purchases) == (set(), 0)


@pytest.mark.parametrize("provider", ["", "us"])
@pytest.mark.parametrize("par", [False, True])
def test_what_a_fleet_adopts_by_id_is_not_taken_by_another(
    team: Team, stack: Stack, provider: str, par: bool
) -> None:
    stack.delays = {} if par else None
    theirs = team.buy("N").account_id
    program: Program = {
        "b": replace(fleet({"n": {"nickname": "N", "existing": "adopt"}}), provider=provider),
        "a": fleet({"p": {"nickname": "P", "adopt": theirs}}),
    }
    for _ in range(3):
        stack.up(program)
    assert stack.ids("a") == {"p": theirs}


@pytest.mark.parametrize("provider", ["", "us"])
@pytest.mark.parametrize("how", ["alias", "adopt", "stays"])
def test_a_nickname_that_a_late_entry_gives_up_is_free_after_it_has_come(
    team: Team, stack: Stack, how: str, provider: str
) -> None:
    before: Program = {"x": account(nickname="N")}
    after: Program = {"a": account(nickname=Late("P"), adopt="accteam0000")}
    if how == "alias":
        before = {"a": fleet({"k": {"nickname": "N"}})}
        after = {"a": fleet({"l": {"nickname": Late("P"), "aliases": ["k"]}})}
    elif how == "stays":
        before, after = {"a": account(nickname="N")}, {"a": account(nickname=Late("P"))}
    stack.up(before)
    new: Program = {"b": replace(account(nickname="N"), provider=provider)}
    stack.preview({**new, **after})
    with pytest.raises(Failed, match="gives this one up, let this resource come later"):
        stack.up({**new, **after})
    assert team.purchases == 1
    stack.up({**after, **new})
    assert (len(team.named("N")), len(team.named("P"))) == (1, 1)


def test_an_entry_that_is_renamed_does_not_ask_for_the_nickname_of_another_that_leaves(
    team: Team, stack: Stack
) -> None:
    """Both accounts fit the entry: one by its alias, the other by its nickname."""
    stack.up({"a": fleet({"k1": {}, "x": {}}), "b": fleet({"k1": {"nickname": "ida"}, "y": {}})})
    live = team.live()
    moved = fleet({"m": {"nickname": "ida", "aliases": ["k1"]}, "x": {}})
    for program in ({"a": moved, "b": fleet({"y": {}})}, {"b": fleet({"y": {}}), "a": moved}):
        with pytest.raises(Refused, match="leave out what names another account"):
            stack.preview(program)
        with suppress(Failed, Refused):
            stack.up(program)
        assert (team.live(), team.calls) == (live, [])


def test_what_the_program_gives_to_two_entries_is_not_bought_for_a_third(
    team: Team, stack: Stack
) -> None:
    """An alias names one account, and the nickname another, so the fleet refuses. The nickname of
    the first stays taken, also if another resource comes before the fleet."""
    before: Program = {"a": fleet({"k1": {}, "x": {}}), "b": fleet({"k1": {"nickname": "ida"}})}
    stack.up(before)
    live = team.live()
    moved = fleet({"m": {"nickname": "ida", "aliases": ["k1"]}, "x": {}})
    with pytest.raises(Failed, match="Leave out of its aliases what names another account"):
        stack.up({"new": account(nickname="k1"), "a": moved, "b": fleet({})})
    assert team.live() == live


@pytest.mark.parametrize("order", ["ab", "ba"])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("b", ["entry", "account"])
def test_an_alias_may_name_an_entry_of_another_type_or_one_of_another_resource(
    team: Team, stack: Stack, b: str, late: bool, order: str
) -> None:
    """Two accounts change places, and both had the same key. By the alias alone, each would be
    replaced by one of the other type."""
    sms: dict[str, Any] = {"type": "sms"}
    was = fleet({"k": sms}) if b == "entry" else account(**sms, nickname="k")
    stack.up({"a": fleet({"k": {}, "x": {}}), "k" if b == "account" else "b": was})
    live = team.live()
    name: Any = Late("k") if late else "k"
    now: Program = {"a": fleet({"m": {**sms, "nickname": name, "aliases": ["k"]}, "x": {}})}
    if b == "entry":
        now["b"] = fleet({"n": {"nickname": name, "aliases": ["k"]}})
    program = dict(sorted(now.items(), reverse=order == "ba"))
    for _ in range(2):
        with suppress(Failed, Refused):
            stack.up(program)
        assert team.live() == live
        assert all(call[0] == "PATCH" for call in team.calls)


def test_many_accounts_that_move_are_told_in_one_line(team: Team, stack: Stack) -> None:
    names = [f"k{number}" for number in range(9)]
    stack.up({"f": fleet({name: {} for name in names}), "g": fleet({})})
    others = {"k7": {}, "x8": {"nickname": "k8"}}
    stack.up({"f": fleet({name: {} for name in names[:7]}), "g": fleet(others)})
    own = {next(iter(team.named(name))) for name in ("k7", "k8")}
    left, right = sorted(own)
    assert f"2 left to g: k7 ({left}), k8 ({right}, as x8)" in stack.lines.kept
