"""Accounts that move to entries whose nicknames are known only in the update."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.support.provider import (
    INTENT,
    INTENT_TYPE,
    Declaration,
    Failed,
    Killed,
    Late,
    Program,
    Refused,
    Stack,
    account,
    fleet,
    late_fleet,
)
from tests.support.team import Team
from tests.unit.provider.test_late_names import lose_answers, told
from tests.unit.provider.test_orders import MINUTE, killed_up

#: Each moves in every direction: many histories.
pytestmark = pytest.mark.slow

OLD = {
    "fleet": {"old": fleet({"k": {"nickname": "a"}})},
    "late fleet": {"old": fleet({"k": {"nickname": Late("a")}})},
    "account": {"o": account(nickname="a")},
    "late account": {"o": account(nickname=Late("a"))},
}


NEW = {
    "entry": {"customers": fleet({"k2": {"nickname": Late("a")}})},
    "account": {"b": account(nickname=Late("a"))},
    "mapping": {"customers": late_fleet({"k2": {"nickname": "a"}})},
}


@pytest.mark.parametrize("new", ["entry", "account"])
@pytest.mark.parametrize("old", ["fleet", "account", "late account", "the same fleet"])
def test_what_may_move_to_a_late_entry_is_verified(
    team: Team, stack: Stack, old: str, new: str
) -> None:
    before: Program = {"customers": fleet({"k": {"nickname": Late("a")}})}
    stack.up(OLD.get(old, before))
    (own,) = team.live()
    team.change(own, nickname="ida")
    with pytest.raises((Refused, Failed), match="was renamed to 'ida' by hand"):
        stack.up(NEW[new])
    stack.refresh()
    stack.up(NEW[new])
    assert team.live() == team.named("a") == {own}
    assert team.purchases == 1


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("new", NEW)
@pytest.mark.parametrize("old", OLD)
def test_a_dropped_resource_keeps_its_account(
    team: Team, stack: Stack, old: str, new: str, known: bool
) -> None:
    stack.up(OLD[old])
    (bought,) = team.live()
    if known:
        stack.preview(NEW[new])
        assert any("not removed if the nickname is that of" in one for one in stack.lines.kept)
    stack.up(NEW[new])
    assert stack.all_ids() == set(team.live()) == {bought}
    assert team.purchases == 1
    assert not stack.up(NEW[new])


@pytest.mark.parametrize("aliases", [[], ["k"]])
@pytest.mark.parametrize("whole", [False, True])
def test_a_renamed_key_keeps_its_account(
    team: Team, stack: Stack, whole: bool, aliases: list[str]
) -> None:
    def keyed(key: str, **more: Any) -> Program:
        entries = {key: {"nickname": "a" if whole else Late("a"), **more}}
        return {"customers": late_fleet(entries) if whole else fleet(entries)}

    stack.up(keyed("k"))
    (bought,) = team.live()
    stack.up(keyed("k2", aliases=aliases))
    assert stack.ids() == {"k2": bought}
    assert (set(team.live()), team.purchases) == ({bought}, 1)


@pytest.mark.parametrize("nickname", ["a", "other"])
def test_a_fleet_that_stays_leaves_what_a_late_entry_may_take_over(
    team: Team, stack: Stack, nickname: str
) -> None:
    rest: Any = {"stays": {}}
    stack.up({"customers": fleet({"k": {"nickname": "a"}, **rest})})
    moving = stack.ids()["k"]
    program = {"customers": fleet(rest), "b": account(nickname=Late(nickname))}
    stack.up(program)
    assert moving in team.live()
    stack.up(program)
    assert (moving in team.live()) == (nickname == "a")
    assert stack.all_ids() == set(team.live())
    assert team.purchases == (2 if nickname == "a" else 3)
    assert not stack.up(program)


def test_late_entries_do_not_raise_the_limit_of_removals(team: Team, stack: Stack) -> None:
    """One late entry must not excuse a truncated file. The refusal says how to move them."""
    before = {"a": {}, "b": {}, "stays": {}}
    stack.up({"customers": fleet(before)})
    late = {"z": account(nickname=Late("a")), "y": account(nickname=Late("b"))}
    for run in (stack.preview, stack.up):
        with pytest.raises(Refused, match="or to move some to y, z, whose nickname is not known"):
            run({"customers": fleet({"stays": {}}), **late})
    allowed = fleet({"stays": {}}, limits={"max_removals": 2})
    for _ in range(2):  # the second `up` forgets what is left to the others
        stack.up({"customers": allowed, **late})
        assert stack.all_ids() == set(team.live())
    assert team.purchases == 3
    assert not stack.up({"customers": allowed, **late})


def test_a_fleet_after_the_late_entry_removes_at_once(team: Team, stack: Stack) -> None:
    rest: Any = {"stays": {}}
    stack.up({"customers": fleet({"k": {"nickname": "a"}, **rest})})
    moving = stack.ids()["k"]
    stack.up({"b": account(nickname=Late("other")), "customers": fleet(rest)})
    assert moving not in team.live()
    assert stack.all_ids() == set(team.live())


def test_two_late_entries_do_not_share_an_account(team: Team, stack: Stack) -> None:
    stack.up({"o": account(nickname="a", existing="allow")})
    (bought,) = team.live()
    new = {name: account(nickname=Late("a"), existing="allow") for name in ("b", "c")}
    with pytest.raises(Failed, match="which account belongs to which"):
        stack.up(new)
    stack.up(new)
    assert bought in stack.all_ids()
    assert stack.all_ids() == set(team.live())
    assert team.purchases == 2


@pytest.mark.parametrize("way", ["delete", "delete_now", "archive"])
@pytest.mark.parametrize("to", ["account", "entry"])
def test_what_a_late_adopt_takes_over_is_not_removed(
    team: Team, stack: Stack, way: str, to: str
) -> None:
    stack.up({"customers": fleet({"o": {}, "k": {}}, on_delete=way)})
    own = stack.ids()["k"]
    taker = {"nickname": "Kay", "adopt": Late(own)}
    new = {"b": account(**taker)} if to == "account" else {"others": fleet({"b": taker})}
    for _ in range(2):
        told(stack, {"customers": fleet({"o": {}}, on_delete=way), **new})
    assert [call for call in team.calls if call[0] != "PATCH"] == []
    assert own in stack.all_ids()


@pytest.mark.parametrize("kind", ["fleet", "accounts"])
def test_shifted_late_nicknames_are_refused(team: Team, stack: Stack, kind: str) -> None:
    """The first of a numbered list is dropped: with plain nicknames, this is refused."""

    def numbered(*nicknames: str) -> Program:
        named_ = {str(at): {"nickname": Late(one)} for at, one in enumerate(nicknames)}
        if kind == "fleet":
            return {"customers": fleet(named_)}
        return {key: account(**one) for key, one in named_.items()}

    stack.up(numbered("a", "b", "c"))
    (last,) = team.named("c")
    told(stack, numbered("b", "c"))
    assert ("DELETE", last) not in team.calls
    assert all(account_.live for account_ in team.all.values())


def test_a_fleet_renames_nothing_if_one_nickname_is_refused(team: Team, stack: Stack) -> None:
    """Its last entry asks for the nickname of an `Account` that leaves."""

    def numbered(*nicknames: str) -> Program:
        entries = {str(at): {"nickname": Late(one)} for at, one in enumerate(nicknames)}
        return {"customers": fleet(entries)}

    stack.up({**numbered("a", "b"), "x": account(nickname="c")})
    for _ in range(2):
        assert "x (accteam0002) leaves" in told(stack, numbered("b", "c"))
    assert not any(call[0] in ("PATCH", "DELETE") for call in team.calls)


def renamed(kind: str, nickname: str) -> Declaration:
    """A resource with one account, and this nickname."""
    if kind == "account":
        return account(nickname=nickname)
    if kind == "late account":
        return account(nickname=Late(nickname))
    if kind == "late fleet":
        return late_fleet({"x": {"nickname": nickname}})
    return fleet({"x": {"nickname": nickname}})


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("order", ["a b", "b a"])
@pytest.mark.parametrize("kind", ["account", "late account", "fleet", "late fleet"])
@pytest.mark.parametrize("leaving", ["fleet", "late fleet"])
def test_no_account_gets_the_nickname_of_one_that_leaves(
    team: Team, stack: Stack, leaving: str, kind: str, order: str, shown: bool
) -> None:
    """If the refusal came after the rename, the next run would not know of it, and remove."""

    def program(nickname: str, entries: dict[str, Any]) -> Program:
        made = late_fleet(entries) if leaving == "late fleet" else fleet(entries)
        both = {"a": renamed(kind, nickname), "b": made}
        return {name: both[name] for name in order.split()}

    stack.up(program("n1", {"k": {"nickname": "n2"}, "z": {}}))
    (own,), (other,) = team.named("n1"), team.named("n2")
    for _ in range(2):
        with suppress(Refused, Failed):
            if shown:
                stack.preview(program("n2", {"z": {}}))
            stack.up(program("n2", {"z": {}}))
        if (kind, order) == ("late account", "b a"):
            break  # an entry that has an account is waited for in one run only
    assert ("DELETE", other) not in team.calls
    assert {team.all[one].nickname for one in (own, other)} == {"n1", "n2"}
    assert team.all[own].nickname == "n1"


@pytest.mark.parametrize("late", ["settings", "another held entry"])
@pytest.mark.parametrize("done", [False, True])
def test_an_unnoted_plain_entry_of_a_learned_fleet_is_forgotten_elsewhere(
    team: Team, stack: Stack, done: bool, late: str
) -> None:
    """The intent does not note `A/p`, since it is to be carried over from `F/k`. The late adopt of
    `b` takes that account. `A/p` is bought all the same, since `A` was learned."""
    more = {"settings": {"x": Late("v")}} if late == "settings" else {}
    rest: Any = {} if late == "settings" else {"q": {"nickname": Late("qq")}}
    first = {"F": fleet({"k": {"nickname": "a"}, "o": {}})}
    if rest:
        first["A"] = fleet(rest, existing="allow")
    stack.up(first)
    own = stack.ids("F")["k"]
    program = {
        "b": account(nickname="bb", adopt=Late(own)),
        "A": fleet({"p": {"nickname": "a", **more}, **rest}, existing="allow"),
        "F": fleet({"o": {}}),
    }
    killed_up(team, stack, program, done=done)
    bought = team.purchases
    stack.move_to_another_machine()
    team.clock += (20 if done else 5) * MINUTE
    said = told(stack, program)
    assert team.purchases == bought  # it waits, or asks
    for lost in team.live() - stack.all_ids():
        assert lost in said or any(lost in one for one in stack.lines.warnings)


@pytest.mark.parametrize("way", ["delete", "delete_now", "archive"])
@pytest.mark.parametrize("by", ["plain nickname", "late nickname", "late adopt"])
def test_what_a_late_entry_of_another_provider_takes_over_is_not_removed(
    team: Team, stack: Stack, way: str, by: str
) -> None:
    """With a plain nickname it is left to the other entry (this one is green)."""
    us = replace(account(), provider="us")
    rest: Any = {"stays": {}}
    stack.up({"zz": us, "F": fleet({"k": {"nickname": "a"}, **rest}, on_delete=way)})
    own = stack.ids("F")["k"]
    more: Any = {"adopt": Late(own)} if by == "late adopt" else {}
    nickname = {"plain nickname": "a", "late nickname": Late("a")}.get(by, "Kay")
    b = replace(account(nickname=nickname, **more), provider="us")
    told(stack, {"zz": us, "F": fleet(rest, on_delete=way), "b": b})
    assert [call for call in team.calls if call[0] in ("DELETE", "ARCHIVE")] == []


@pytest.mark.parametrize("delay", [None, 0, 0.5, 2])
@pytest.mark.parametrize("existing", ["fail", "adopt", "allow"])
@pytest.mark.parametrize("nickname", ["plain", "late"])
@pytest.mark.parametrize("to", ["account", "entry"])
def test_what_leaves_a_whole_late_fleet_is_not_bought_again(
    team: Team, stack: Stack, to: str, nickname: str, existing: str, delay: float | None
) -> None:
    """The taker is registered first, as in each program in which the fleet waits for something.
    With a delay, the run works on both at the same time."""
    stack.up({"L": late_fleet({"k": {"nickname": "a"}, "o": {}}, existing=existing)})
    own = stack.ids("L")["k"]
    name: Any = Late("a") if nickname == "late" else "a"
    if to == "account":
        new = {"b": account(nickname=name, existing=existing)}
    else:
        new = {"B": fleet({"b": {"nickname": name}}, existing=existing)}
    program = {**new, "L": late_fleet({"o": {}}, existing=existing)}
    stack.delays = None if delay is None else {"L": delay}
    for _ in range(2):
        told(stack, program)
    assert own in team.live()
    assert team.purchases == 2


@pytest.mark.parametrize("nickname", ["a", Late("a")])
def test_a_taker_that_comes_after_a_whole_late_fleet(
    team: Team, stack: Stack, nickname: Any
) -> None:
    """With `depends_on`, as the error of one that comes before the fleet says."""
    old = {"L": late_fleet({"k": {"nickname": "a"}, "o": {}})}
    stack.up(old)
    own = stack.ids("L")["k"]
    new = {"b": account(nickname=nickname)}
    assert "depends_on" in told(stack, {**new, **old})
    stack.up({"L": late_fleet({"o": {}}), **new})
    assert stack.of("b").id == own


@pytest.mark.parametrize("delay", [None, 0, 2, 5])
@pytest.mark.parametrize("nickname", ["a", "bb"])
def test_what_a_late_adopt_takes_over_from_a_whole_late_fleet_is_not_removed(
    team: Team, stack: Stack, nickname: str, delay: float | None
) -> None:
    stack.up({"L": late_fleet({"k": {"nickname": "a"}, "o": {}}, on_delete="delete_now")})
    own = stack.ids("L")["k"]
    stack.delays = None if delay is None else {"L": delay}
    taker = fleet({"b": {"nickname": nickname, "adopt": Late(own)}})
    program = {"B": taker, "L": late_fleet({"o": {}}, on_delete="delete_now")}
    for _ in range(3):
        told(stack, program)
        team.clock += MINUTE
    assert team.live() == stack.all_ids()
    assert own in team.live()
    assert team.purchases == 2


@pytest.mark.parametrize("by", ["nickname", "adopt"])
@pytest.mark.parametrize("first", ["eu", "us"])
@pytest.mark.parametrize("delay", [None, 0, 1])
def test_an_entry_moves_between_two_whole_late_fleets(
    team: Team, stack: Stack, delay: float | None, first: str, by: str
) -> None:
    """The entries of both come from one output, such as that of another stack."""

    def program(eu: Any, us: Any) -> Program:
        both = {"eu": late_fleet(eu), "us": late_fleet(us)}
        return {name: both[name] for name in sorted(both, reverse=first == "us")}

    stack.up(program({"a": {}, "o": {}}, {"p": {}}))
    own = stack.ids("eu")["a"]
    stack.delays = None if delay is None else {"us" if first == "eu" else "eu": delay}
    moved = program({"o": {}}, {"p": {}, "a": {"adopt": own} if by == "adopt" else {}})
    for _ in range(2):
        told(stack, moved)
        team.clock += MINUTE
    assert team.live() == stack.all_ids()
    assert own in team.live()
    assert team.purchases == 3


TAKERS = {
    # Each would be safe with a plain value (the case "plain" of each is green).
    "replaced, adopts": {"nickname": "n", "type": "tiktok", "adopt": True},
    "replaced, nickname": {"nickname": "a", "type": "tiktok"},
    "renamed": {"nickname": "a"},
    "adopts": {"nickname": "n", "adopt": True},
    "new, adopts, type forgotten": {"nickname": "n", "adopt": True},
}


@pytest.mark.parametrize("late", [False, True], ids=["plain", "late"])
@pytest.mark.parametrize("what", TAKERS)
def test_a_late_taker_that_holds_another_account(
    team: Team, stack: Stack, what: str, late: bool
) -> None:
    type_ = "wa" if what in ("renamed", "adopts") else "tiktok"
    fleet_of: Any = {"k": {"nickname": "a", "type": type_}, "stays": {}}
    before = {} if what.startswith("new") else {"b": account(nickname="n")}
    stack.up({"F": fleet(fleet_of, on_delete="delete_now"), **before})
    own = stack.ids("F")["k"]
    given: dict[str, Any] = dict(TAKERS[what])
    if "adopt" in given:
        given["adopt"] = Late(own) if late else own
    elif late:
        given["nickname"] = Late(given["nickname"])
    del fleet_of["k"]
    told(stack, {"F": fleet(fleet_of, on_delete="delete_now"), "b": account(**given)})
    assert own in team.live()


def test_a_settled_whole_late_fleet_does_not_stop_removals_for_ever(
    team: Team, stack: Stack
) -> None:
    """Each `up` waits 3 seconds, leaves `k` to `others`, and shows a change."""
    others = late_fleet({"x": {}})
    stack.up({"customers": fleet({"k": {}, "o": {}}), "others": others})
    leaving = stack.ids()["k"]
    program = {"customers": fleet({"o": {}}), "others": others}
    for _ in range(5):
        stack.up(program)
        team.clock += 10 * MINUTE
    assert leaving not in team.live()
    assert "customers" not in stack.up(program)


def test_the_preview_says_that_it_may_be_left(team: Team, stack: Stack) -> None:
    stack.up({"customers": fleet({"k": {}, "o": {}})})
    program = {"customers": fleet({"o": {}}), "b": account(nickname=Late("bb"))}
    stack.preview(program)
    said = " ".join(stack.lines.kept)
    stack.up(program)
    assert any("left to b" in one for one in stack.lines.kept)
    assert "not removed if" in said  # as for a dropped resource


@pytest.mark.parametrize("late", [False, True])
def test_what_was_left_and_taken_over_has_not_drifted(team: Team, stack: Stack, late: bool) -> None:
    stack.up({"customers": fleet({"k": {}, "o": {}})})
    own = stack.ids()["k"]
    adopt: Any = Late(own) if late else own
    b = account(nickname="bb", tier="unlimited", adopt=adopt)
    stack.up({"customers": fleet({"o": {}}), "b": b})
    stack.refresh()
    assert stack.lines.warnings == []


def test_an_entry_that_is_late_as_a_whole_passes_the_preview(team: Team, stack: Stack) -> None:
    stack.up({"customers": fleet({"k": {"nickname": "a"}})})
    stack.preview({"customers": fleet({"k": Late({"nickname": "a"})})})


def test_an_entry_whose_account_goes_to_a_late_adopt_is_told_why(team: Team, stack: Stack) -> None:
    """Nobody has used --target."""
    stack.up({"F": fleet({"k": {"nickname": "a"}, "o": {}})})
    own = stack.ids("F")["k"]
    program = {
        "b": account(nickname="bb", adopt=Late(own)),
        "A": fleet({"p": {"nickname": "a"}}),
        "F": fleet({"o": {}}),
    }
    assert "--target" not in told(stack, program)


def _us(one: Declaration) -> Declaration:
    return replace(one, provider="us")


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("way", ["default to us", "us to default"])
@pytest.mark.parametrize("nickname", ["plain", "late"])
def test_from_a_whole_late_fleet_to_another_provider(
    team: Team, stack: Stack, way: str, nickname: str, at_once: bool
) -> None:
    here, there = ("", "us") if way == "default to us" else ("us", "")
    rest = {"zz": _us(account()), "yy": account()}

    def old(*keys: str) -> Program:
        return {"L": replace(late_fleet({k: {"nickname": k} for k in keys}), provider=here)}

    stack.up({**rest, **old("a", "o")})
    own, bought = stack.ids("L")["a"], team.purchases
    stack.delays = {} if at_once else None
    name: Any = "a" if nickname == "plain" else Late("a")
    program = {**rest, **old("o"), "b": replace(account(nickname=name), provider=there)}
    texts = [told(stack, program) for _ in range(3)]
    assert team.purchases == bought
    assert own in team.live()
    assert texts[-1] == ""
    assert not stack.up(program)


@pytest.mark.parametrize("delay", [None, 0.5])
def test_secret_keys_that_another_host_learns_are_masked(
    team: Team, stack: Stack, delay: float | None
) -> None:
    stack.up({"zz": _us(account()), "F": fleet({"k": {"nickname": "a"}, "o": {}})})
    own = stack.ids("F")["k"]
    stack.delays = None if delay is None else {"U": delay}
    new = replace(late_fleet({"hush-hush": {"nickname": "a"}}), secrets=("accounts",))
    program = {"zz": _us(account()), "F": fleet({"o": {}}), "U": _us(new)}
    for _ in range(2):
        stack.up(program)
        assert "hush" not in f"{stack.lines}"
    assert stack.ids("U") == {"hush-hush": own}


LATE = {
    "account": account(nickname=Late("x")),
    "entry": fleet({"x": {"nickname": Late("x")}}),
    "fleet": late_fleet({"x": {}}),
    "defaults": fleet({"x": {}}, defaults={"type": Late("wa")}),
}


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("what", ["account", "fleet"])
@pytest.mark.parametrize("late", LATE)
def test_a_resource_of_an_explicit_provider_is_dropped(
    team: Team, stack: Stack, late: str, what: str, last: bool
) -> None:
    """If it is the last one, the host of that provider checks nothing in this run."""
    rest = {"L": LATE[late], **({} if last else {"zz": _us(account())})}
    stack.up({**rest, "u": _us(account() if what == "account" else fleet({"u": {}}))})
    stack.up(rest)
    assert not team.named("u")


MOVE = {
    "A": fleet({"p": {"nickname": "a"}}),
    "F": fleet({"o": {}}),
    "zz": account(nickname=Late("zz")),
}


def test_a_move_is_not_shown_as_a_purchase(team: Team, stack: Stack) -> None:
    """`zz`, of the same type, has nothing to do with it."""
    stack.up({"F": fleet({"k": {"nickname": "a"}, "o": {}})})
    told(stack, MOVE)
    assert team.purchases == 3
    (intent,) = (v for u, v in stack.saved.items() if INTENT_TYPE in u)
    assert "A/p" not in str(intent.inputs.get("buys"))


def test_a_move_that_was_killed_is_no_purchase_at_a_destroy(team: Team, stack: Stack) -> None:
    first = {"F": fleet({"k": {"nickname": "a"}, "o": {}})}
    stack.up(first)
    with pytest.raises(Killed):
        stack.up(MOVE, killed_after=INTENT)
    stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    stack.up(first)
    stack.destroy()
    assert not any("A/p" in one for one in stack.lines.warnings)


def test_target_of_one_account_without_any_late_value(team: Team, stack: Stack) -> None:
    """It does not rename: afterwards the next run would remove the other account."""
    stack.up({"F": fleet({"k": {"nickname": "a"}, "o": {}}), "b": account(nickname="n")})
    with pytest.raises(Failed, match=r"nothing is removed: F/k .* leaves, and b, which has"):
        stack.up({"F": fleet({"o": {}}), "b": account(nickname="a")}, only="b")
    assert team.calls == []


def test_a_late_adopt_does_not_take_an_account_whose_key_changed(team: Team, stack: Stack) -> None:
    rest: Any = {"o": {}}
    stack.up({"F": fleet({"k": {"nickname": "a"}, **rest})})
    own = stack.ids("F")["k"]
    renamed = fleet({"k2": {"nickname": "a"}, **rest})
    assert own in told(stack, {"F": renamed, "b": account(nickname="bb", adopt=Late(own))})
    assert stack.ids("F")["k2"] == own
    assert "b" not in {urn.rpartition("::")[2] for urn in stack.saved}


def test_a_fleet_with_a_new_late_entry_changes_its_provider(team: Team, stack: Stack) -> None:
    zz = _us(account())
    stack.up({"zz": zz, "U": fleet({"o": {}}, existing="allow")})
    more = fleet({"o": {}, "k": {"nickname": Late("a")}}, existing="allow")
    killed_up(team, stack, {"zz": zz, "U": more}, done=False)
    bought = team.purchases
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    told(stack, {"zz": zz, "U": _us(more)})
    assert team.purchases == bought


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("existing", ["fail", "allow", "adopt"])
@pytest.mark.parametrize("nickname", ["late", "plain"])
@pytest.mark.parametrize("rest", ["late", "plain"])
def test_a_killed_late_entry_leaves_a_fleet_that_has_others(
    team: Team, stack: Stack, rest: str, nickname: str, existing: str, done: bool
) -> None:
    o = {"o": {"nickname": Late("o") if rest == "late" else "o"}}
    stack.up({"G": fleet(o, existing=existing)})
    team.clock += 60 * MINUTE
    more = {**o, "k": {"nickname": Late("a")}}
    killed_up(team, stack, {"G": fleet(more, existing=existing)}, done=done)
    bought = team.purchases
    stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    name: Any = Late("a") if nickname == "late" else "a"
    k = account(nickname=name, existing=existing)
    told(stack, {"G": fleet(o, existing=existing), "k": k})
    assert team.purchases == bought


@pytest.mark.parametrize("minutes", [5, 75])
@pytest.mark.parametrize("waits", [False, True])
@pytest.mark.parametrize("first", ["account", "fleet"])
def test_a_killed_late_entry_becomes_an_account_and_another_comes(
    team: Team, stack: Stack, first: str, waits: bool, minutes: int
) -> None:
    killed_up(team, stack, {"G": fleet({"k": {"nickname": Late("a")}}, existing="allow")})
    stack.move_to_another_machine()
    b = {"b": account(nickname=Late("a"), existing="allow")}
    if waits:
        team.clock += 15 * MINUTE
        assert "interrupted run may have bought" in told(stack, b)
    team.clock += minutes * MINUTE
    other = {"G": fleet({"k2": {"nickname": Late("c")}}, existing="allow")}
    told(stack, {**b, **other} if first == "account" else {**other, **b})
    assert len(team.named("a")) == 1


@pytest.mark.parametrize("nickname", ["late", "plain"])
@pytest.mark.parametrize("how", ["killed", "killed, elsewhere", "no answer"])
@pytest.mark.parametrize("kind", ["entry", "account"])
def test_an_interrupted_entry_moves_to_another_provider(
    team: Team, stack: Stack, kind: str, how: str, nickname: str
) -> None:
    rest = {"zz": _us(account()), "yy": account()}
    stack.up(rest)
    first = {**rest, "G": _us(fleet({"k": {"nickname": "a"}}, existing="allow"))}
    if how == "no answer":
        lose_answers(team)
        told(stack, first)
        team.on_purchase = lambda _done: None
        team.clock += 1
        lost = team.buy("a", by="us").account_id
    else:
        killed_up(team, stack, first)
        (lost,) = team.named("a")
    if how == "killed, elsewhere":
        stack.move_to_another_machine()
    team.clock += 1 * MINUTE
    name: Any = Late("a") if nickname == "late" else "a"
    if kind == "entry":
        new = {"F": fleet({"k": {"nickname": name}}, existing="allow")}
    else:
        new = {"b": account(nickname=name, existing="allow")}
    said = told(stack, {**rest, **new})
    assert team.named("a") == {lost}
    assert lost in stack.all_ids() or lost in said


@pytest.mark.parametrize("then", ["preview", "up", "destroy"])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("to", ["account", "entry"])
def test_another_machine_does_not_ask_about_a_finished_move(
    team: Team, stack: Stack, to: str, whole: bool, then: str
) -> None:
    make = late_fleet if whole else fleet
    stack.up({"L": make({"k": {"nickname": "a"}, "o": {}})})
    b = account(nickname="a") if to == "account" else fleet({"b": {"nickname": "a"}})
    program = {"b": b, "L": make({"o": {}})}
    stack.delays = {"b": 1}
    assert told(stack, program) == ""
    assert team.purchases == 2
    stack.move_to_another_machine()
    team.clock += 5 * MINUTE
    if then == "preview":
        assert INTENT not in stack.preview(program)
    elif then == "up":
        stack.up(program)
    else:
        stack.destroy()
    assert stack.lines.warnings == []


def test_an_entry_of_a_fleet_whose_check_fails_is_not_removed_elsewhere(
    team: Team, stack: Stack
) -> None:
    """Both work at the same time, without a preview. Two late nicknames turn out to be the same."""
    stack.up({"a": fleet({"k": {"nickname": Late("k")}, "stays": {}})})
    before = set(team.live())
    stack.delays = {"a": 0.0, "b": 1.0}
    late = {"k": {"nickname": Late("k")}, "m": {"nickname": Late("k")}}
    with pytest.raises((Failed, Refused), match="'k' is the one of 'k' already"):
        stack.up({"a": fleet({"stays": {}}), "b": fleet(late)})
    assert set(team.live()) == before


@pytest.mark.parametrize("is_late", [True, False])
def test_an_entry_is_dropped_since_its_account_was_deleted_by_hand(
    team: Team, stack: Stack, is_late: bool
) -> None:
    name = Late("L") if is_late else "L"
    stack.up({"a": fleet({"k": {"nickname": "N"}, "l": {"nickname": name}})})
    (n,) = team.named("N")
    del team.all[n]
    stack.up({"a": fleet({"l": {"nickname": name}})})
    assert set(stack.ids("a")) == {"l"}


#: A resource with an entry, of which the program knows sooner or later which type it asks for.
RETYPED = {
    "plain": lambda type_: fleet({"k": {"nickname": "N", "type": type_}, "y": {}}),
    "late type": lambda type_: fleet({"k": {"nickname": "N", "type": Late(type_)}, "y": {}}),
    "whole late": lambda type_: late_fleet({"k": {"nickname": "N", "type": type_}, "y": {}}),
    "late account": lambda type_: account(nickname="N", type=Late(type_)),
}


@pytest.mark.parametrize("first", ["a", "b"])
@pytest.mark.parametrize("other", ["fleet", "account"])
@pytest.mark.parametrize("how", RETYPED)
def test_an_account_that_is_replaced_late_is_not_removed_beside_an_entry_that_asks_for_it(
    team: Team, stack: Stack, how: str, other: str, first: str
) -> None:
    """Rule 10. The nickname of the other entry is plain, so the documented limit does not fit."""
    stack.up({"a": RETYPED[how]("wa")})
    (own,) = team.named("N")
    before = team.purchases
    new = fleet({"z": {"nickname": "N"}}) if other == "fleet" else account(nickname="N")
    parts = {"a": RETYPED[how]("mock"), "b": new}
    program: Program = {name: parts[name] for name in sorted(parts, reverse=first == "b")}
    for _ in range(3):
        with suppress(Failed, Refused):
            stack.preview(program)
            stack.up(program)
    assert team.calls == []
    assert own in team.live()
    assert [one for one in team.all.values() if one.type == "wa" and one.nickname == "N"] == [
        team.all[own]
    ]
    assert team.purchases <= before + 1


@pytest.mark.parametrize("other", ["fleet", "account", "late fleet"])
@pytest.mark.parametrize("how", RETYPED)
def test_an_account_that_is_replaced_late_is_not_removed_after_a_late_entry_asked_for_it(
    team: Team, stack: Stack, how: str, other: str
) -> None:
    stack.up({"a": RETYPED[how]("wa")})
    (own,) = team.named("N")
    new = {
        "fleet": fleet({"z": {"nickname": Late("N")}}),
        "account": account(nickname=Late("N")),
        "late fleet": late_fleet({"z": {"nickname": "N"}}),
    }
    program: Program = {"b": new[other], "a": RETYPED[how]("mock")}
    for _ in range(3):
        with suppress(Failed, Refused):
            stack.preview(program)
            stack.up(program)
    assert team.calls == []
    assert own in team.live()
