"""Purchases whose outcome is not known, in the runs that follow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import pytest

from chatdaddy_pulumi.client import PaymentRequired, Unknown
from chatdaddy_pulumi.lifecycle.urns import type_of
from chatdaddy_pulumi.provider.state import INTENT_TYPE
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
    other_team,
)
from tests.support.sandbox import UNLIMITED
from tests.support.team import Team

MINUTE = 60.0


@contextmanager
def no_money(team: Team) -> Iterator[None]:
    def refuse(is_done: bool) -> None:
        raise PaymentRequired("no money", call="POST /im/accounts")

    team.on_purchase = refuse
    try:
        yield
    finally:
        team.on_purchase = lambda _done: None


@contextmanager
def lost_answers(team: Team, *, done: bool = True, after: str = "") -> Iterator[None]:
    """Lose the answers to purchases that are done, or that are not; with `after`, only once the
    team has an account of that nickname."""

    def lose(is_done: bool) -> None:
        if is_done is done and (not after or team.named(after)):
            raise Unknown("no answer", call="POST /im/accounts")

    team.on_purchase = lose
    try:
        yield
    finally:
        team.on_purchase = lambda _done: None


def killed_up(team: Team, stack: Stack, program: Program, *, done: bool = True) -> None:
    with killed(team, done=done), pytest.raises(Killed):
        stack.up(program)


def allow(entries: Mapping[str, Any]) -> Program:
    return {"customers": fleet(entries, existing="allow")}


def bought_and_omitted(team: Team, stack: Stack, *, is_told: bool = False) -> str:
    """An account that a killed run has bought for `a`, and that no listing shows.

    `is_told`: whether ChatDaddy says by its ID that it is there.
    """
    with killed(team, after=1), pytest.raises(Killed):
        stack.up(allow({"a": {}, "b": {}}))
    (account_id,) = team.named("a")
    team.hidden.add(account_id)
    team.access_is_told = is_told
    return account_id


ALICE: Program = {"alice": account(existing="allow")}


# --- refused purchases


def test_another_machine_asks_whose_account_it_is_after_a_refusal(team: Team, stack: Stack) -> None:
    """The state does not show whether the purchase was refused."""
    with no_money(team), pytest.raises(Failed, match="no money"):
        stack.up(ALICE)
    by_hand = team.buy("alice", by="us").account_id
    for later in (1 * MINUTE, 40 * MINUTE):
        stack.move_to_another_machine()
        team.clock += later
        with pytest.raises(Refused, match=f"adopt='{by_hand}'"):
            stack.preview(ALICE)
        with pytest.raises(Failed, match=f"adopt='{by_hand}'"):
            stack.up(ALICE)
    stack.move_to_another_machine()
    team.change(by_hand, nickname="theirs")
    stack.up(ALICE)
    assert team.purchases == 1
    assert by_hand not in stack.all_ids()


def test_the_same_machine_knows_of_a_refusal(team: Team, stack: Stack) -> None:
    with no_money(team), pytest.raises(Failed, match="no money"):
        stack.up(ALICE)
    by_hand = team.buy("alice", by="us").account_id
    stack.up(ALICE)
    assert team.purchases == 1
    assert by_hand not in stack.all_ids()


def test_a_fleets_refused_purchase_is_in_its_state(team: Team, stack: Stack) -> None:
    """Any machine knows from it that nothing was bought, and does not wait."""
    wanted = allow({"a": {}})
    with no_money(team):
        stack.up(wanted)
    stack.move_to_another_machine()
    by_hand = team.buy("a", by="us").account_id
    stack.up(wanted)
    assert team.purchases == 1
    assert by_hand not in stack.all_ids()


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("program", [allow({"a": {}}), ALICE], ids=["entry", "account"])
def test_a_purchase_that_ends_with_an_unexpected_error_is_looked_for(
    team: Team, stack: Stack, program: Program, done: bool
) -> None:
    """As with a full disk, when the run's file can't be written."""

    def fail(is_done: bool) -> None:
        if is_done is done:
            raise OSError(28, "No space left on device")

    team.on_purchase = fail
    stack.up(program)
    team.on_purchase = lambda _done: None
    stack.up(program)
    assert team.purchases == 1
    assert stack.all_ids() == team.live()


# --- accounts that people rename


@pytest.mark.parametrize("minutes", [1, 20, 120])
@pytest.mark.parametrize("then", ["same machine", "another machine", "dropped", "destroy"])
@pytest.mark.parametrize("kind", ["entry", "account"])
def test_what_a_person_has_renamed_is_named_before_another_is_bought(
    team: Team, stack: Stack, kind: str, then: str, minutes: float
) -> None:
    """The killed run has bought it. A person has given it the customer's name in the web app."""
    rest: Program = {"o": account()}
    k = account(existing="allow") if kind == "account" else fleet({"k": {}}, existing="allow")
    stack.up(rest)
    killed_up(team, stack, {**rest, "k": k})
    (lost,) = team.named("k")
    team.change(lost, nickname="Customer K")
    team.clock += minutes * MINUTE
    if then == "another machine":
        stack.move_to_another_machine()
    if then == "destroy":
        stack.destroy()
    else:
        with suppress(Failed):
            stack.up(rest if then == "dropped" else {**rest, "k": k})
    (named,) = [line for line in stack.lines.warnings if lost in line]
    assert "'k'" in named
    assert f"adopt='{lost}'" in named
    assert lost in team.live()


@pytest.mark.parametrize(
    "other", [{"by": "them"}, {"type": "tiktok"}, {"tier": UNLIMITED}, {"ago": 5}], ids=str
)
def test_what_a_killed_run_can_not_have_bought_is_not_named(
    team: Team, stack: Stack, other: dict[str, Any]
) -> None:
    hand = {"by": "us", **other}
    ago = hand.pop("ago", 0) * MINUTE
    if ago:
        team.buy("theirs", **hand)
        team.clock += ago
    killed_up(team, stack, allow({"k": {}}), done=False)
    if not ago:
        team.buy("theirs", **hand)
    team.clock += 1 * MINUTE
    stack.up(allow({"k": {}}))
    assert stack.lines.warnings == []


def test_what_appears_under_its_nickname_explains_the_order(team: Team, stack: Stack) -> None:
    killed_up(team, stack, allow({"k": {}}))
    team.buy("theirs", by="us")
    team.clock += 1 * MINUTE
    stack.up(allow({"k": {}}))
    assert stack.lines.warnings == []
    assert team.purchases == 1


# --- purchases that may be in progress


def test_a_killed_purchase_may_be_in_progress_for_minutes(team: Team, stack: Stack) -> None:
    wanted = allow({"a": {}})
    killed_up(team, stack, wanted, done=False)
    for _ in range(2):
        team.clock += 5 * MINUTE
        with pytest.raises(Refused, match="may still appear within"):
            stack.preview(wanted)
        stack.up(wanted)
        assert "may still appear within" in stack.failed()["a"]
    late = team.buy("a", by="us").account_id
    stack.preview(wanted)
    assert any("bought by an interrupted run, nothing bought" in one for one in stack.lines.kept)
    stack.up(wanted)
    assert stack.ids() == {"a": late}
    assert team.purchases == 0


def test_a_purchase_that_never_appeared_is_made_again(team: Team, stack: Stack) -> None:
    wanted = allow({"a": {}})
    killed_up(team, stack, wanted, done=False)
    team.clock += 16 * MINUTE
    stack.up(wanted)
    assert team.purchases == 1
    assert stack.preview(wanted) == set()


def test_a_long_run_of_another_machine_lived_until_its_last_purchase(
    team: Team, stack: Stack
) -> None:
    wanted = allow({"a": {}, "b": {}})
    killed_up(team, stack, wanted, done=False)
    stack.move_to_another_machine()
    team.clock += 20 * MINUTE
    first = team.buy("a", by="us").account_id
    team.clock += 5 * MINUTE
    with pytest.raises(Refused, match="may still appear within 10 min"):
        stack.preview(wanted)
    stack.up(wanted)
    assert stack.ids() == {"a": first}
    assert "may still appear within" in stack.failed()["b"]
    team.clock += 11 * MINUTE
    stack.up(wanted)
    assert team.purchases == 1


def test_a_late_account_is_named_if_another_was_bought(team: Team, stack: Stack) -> None:
    wanted = allow({"a": {}})
    killed_up(team, stack, wanted, done=False)
    team.clock += 16 * MINUTE
    stack.up(wanted)
    late = team.buy("a", by="us").account_id
    for _ in range(2):
        stack.up(wanted)
        assert any(one.startswith(f"{late} ('a') may have been") for one in stack.lines.warnings)
        team.clock += 40 * MINUTE
    assert late not in stack.all_ids()


def test_an_account_bought_meanwhile_and_adopted_elsewhere_settles_nothing(
    team: Team, stack: Stack
) -> None:
    """The entry got it for another nickname, so the interrupted purchase may still appear."""
    killed_up(team, stack, allow({"a": {}}), done=False)
    for nickname in ("other", "a"):
        stack.move_to_another_machine()
        stack.up(allow({"a": {"nickname": nickname}}))
    bought = stack.ids()["a"]
    stack.move_to_another_machine()
    adopted: Program = {"alice": account(nickname="a", adopt=bought), **allow({"z": {}})}
    stack.up(adopted)
    late = team.buy("a", by="us").account_id
    stack.move_to_another_machine()
    stack.up(adopted)
    assert any(late in one for one in stack.lines.kept)


def test_a_purchase_that_listings_omit_is_not_made_again(team: Team, stack: Stack) -> None:
    """The machine has recorded the answer. The run that first misses the account does not buy."""
    wanted = allow({"a": {}})
    first = bought_and_omitted(team, stack)
    team.clock += 10 * MINUTE
    with pytest.raises(Refused, match=r"no listing shows .* Run it again in 25 min"):
        stack.preview(wanted)
    team.clock += 40 * MINUTE
    stack.preview(wanted)  # only an update saves that it is missing
    stack.up(wanted)
    assert "The next run buys another if it is still missing" in stack.failed()["a"]
    team.hidden.clear()
    stack.up(wanted)
    assert stack.ids() == {"a": first}


def test_a_purchase_that_listings_omit_again_and_again_is_made_again(
    team: Team, stack: Stack
) -> None:
    wanted = allow({"a": {}})
    first = bought_and_omitted(team, stack)
    team.clock += 40 * MINUTE
    stack.up(wanted)
    assert "The next run buys another if it is still missing" in stack.failed()["a"]
    stack.preview(wanted)
    stack.up(wanted)
    assert set(stack.ids()) == {"a"}
    assert first not in stack.all_ids()


def test_a_purchase_that_listings_omit_and_chatdaddy_knows_by_its_id_is_not_made_again(
    team: Team, stack: Stack
) -> None:
    wanted = allow({"a": {}})
    first = bought_and_omitted(team, stack, is_told=True)
    for _ in range(4):
        team.clock += 40 * MINUTE
        with pytest.raises(Refused, match="Run it again when it is listed"):
            stack.preview(wanted)
        stack.up(wanted)
        assert "Run it again when it is listed" in stack.failed()["a"]
    team.hidden.clear()
    stack.up(wanted)
    assert stack.ids() == {"a": first}
    assert team.purchases == 2


# --- orders whose entry changes


def test_an_entry_that_wants_another_type_does_not_get_it(team: Team, stack: Stack) -> None:
    killed_up(team, stack, allow({"a": {}}))
    (old,) = team.live()
    for _ in range(2):
        team.clock += 40 * MINUTE
        stack.up(allow({"a": {"type": "mock"}}))
        assert any(one.startswith(f"{old} ('a') may have been") for one in stack.lines.warnings)
    assert team.purchases == 2
    assert old not in stack.all_ids()


def test_of_two_accounts_of_a_nickname_the_unwanted_one_is_named(team: Team, stack: Stack) -> None:
    """In each run, until a person adopts it."""
    both = {"a": {"nickname": "x"}, "b": {"nickname": "x"}, "c": {}}
    with killed(team, after=2), pytest.raises(Killed):
        stack.up(allow(both))
    left = {key: entry for key, entry in both.items() if key != "a"}
    for _ in range(3):
        team.clock += 40 * MINUTE
        stack.up(allow(left))
        (nobodys,) = team.live() - stack.all_ids()
        (told,) = stack.lines.warnings
        assert told.startswith(f"{nobodys} ('x') may have been bought by an interrupted run")
    stack.up(allow({**left, "d": {"nickname": "x", "adopt": nobodys}}))
    assert stack.lines.warnings == []
    assert team.live() == stack.all_ids()
    assert team.purchases == 3


# --- other users, and wrong answers


def test_another_user_of_the_team_finds_what_a_killed_run_bought(team: Team, stack: Stack) -> None:
    wanted = allow({"a": {}})
    killed_up(team, stack, wanted, done=True)
    (bought,) = team.live()
    team.user = "a colleague"
    stack.move_to_another_machine()
    stack.up(wanted)
    assert stack.ids() == {"a": bought}
    assert team.purchases == 1


def test_an_answer_with_another_entrys_account_is_no_purchase(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack.up(allow({"a": {}}))
    (first,) = team.live()
    wanted = allow({"a": {}, "b": {}})
    buying = team.purchase

    async def repeated(*args: Any, **more: Any) -> Any:
        await buying(*args, **more)
        return team.all[first]

    monkeypatch.setattr(team, "purchase", repeated)
    stack.up(wanted)
    assert stack.ids() == {"a": first}
    monkeypatch.undo()
    stack.up(wanted)
    assert set(stack.ids().values()) == team.live()
    assert team.purchases == 2


# --- another team


@pytest.mark.parametrize(
    ("kind", "elsewhere"), [("account", False), ("fleet", False), ("fleet", True)]
)
def test_another_team_is_refused_while_a_purchase_is_open(
    team: Team, stack: Stack, kind: str, elsewhere: bool
) -> None:
    """The stack holds nothing, so only the intent knows its team."""
    wanted = ALICE if kind == "account" else allow({"alice": {}})
    killed_up(team, stack, wanted)
    if elsewhere:
        stack.move_to_another_machine()
    stack.settings["teamId"] = "others"
    for later in (1 * MINUTE, 60 * MINUTE):
        team.clock += later
        for run in (stack.preview, stack.up):
            with pytest.raises(Refused, match="in the team 'team', but 'others' is configured"):
                run(wanted)
    with pytest.raises(Failed, match="in the team 'team', but 'others' is configured"):
        stack.destroy()
    stack.settings["teamId"] = "team"
    stack.up(wanted)
    assert team.purchases == 1
    assert stack.all_ids() == team.live()


@pytest.mark.parametrize("adopts", [True, False])
def test_an_account_does_not_move_to_another_team(adopts: bool) -> None:
    team = Team(team_id="team-1-of-the-tests-01")
    stack = in_memory(team)
    stack.settings["teamId"], stack.teams["others"] = team.team_id, "team-2-of-the-tests-02"
    stack.up({"a": account(nickname="n")})
    (own,) = team.all
    new = account(nickname="n", **({"adopt": own} if adopts else {}))
    with pytest.raises(Refused, match="An account can't move between teams") as refused:
        stack.preview({"b": replace(new, provider="others")})
    assert refused.value.failures.keys() == {"adopt" if adopts else "nickname"}
    assert team.live() == {own}


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("is_late", [True, False])
def test_an_entry_gets_a_provider_of_another_team_while_its_purchase_is_open(
    team: Team, stack: Stack, kind: str, is_late: bool
) -> None:
    nickname = Late("n") if is_late else "n"
    one = fleet({"k": {"nickname": nickname}}) if kind == "fleet" else account(nickname=nickname)
    program = {"a": account(), "b": one}

    stack.up({"a": account()})
    with lost_answers(team, after="n"), suppress(Failed):
        stack.up(program)
    assert team.purchases == 2
    stack.teams["others"] = "others"
    moved = {"a": account(), "b": replace(one, provider="others")}
    for later in (1 * MINUTE, 60 * MINUTE):
        team.clock += later
        with pytest.raises(Refused, match="in the team 'team', but 'others' is configured"):
            stack.up(moved)
    stack.up(program)
    assert team.purchases == 2
    assert stack.all_ids() == team.live()


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_another_provider_asks_for_what_a_renamed_entry_may_have_bought(
    team: Team, stack: Stack, kind: str
) -> None:
    stack.teams["us"] = "team"

    def theirs(nickname: str) -> Declaration:
        return replace(fleet({"k": {"nickname": nickname}}), provider="us")

    def appears(_is_done: bool) -> None:
        if team.named("other") and not team.named("n"):
            team.buy("n", by=team.user)

    killed_up(team, stack, {"a": theirs("n")}, done=False)
    one = fleet({"k": {"nickname": "n"}}) if kind == "fleet" else account(nickname="n")
    team.on_purchase = appears
    stack.up({"a": theirs("other"), "b": one})
    assert len(team.named("n")) == 1
    assert team.live() == stack.all_ids()


@pytest.mark.parametrize("kind", ["account", "fleet", "secret fleet"])
def test_an_entry_that_another_team_had_before_gets_its_provider_while_a_purchase_is_open(
    team: Team, stack: Stack, kind: str
) -> None:
    """As test_an_entry_gets_a_provider_of_another_team_while_its_purchase_is_open, but the entry
    was of that team before, bought and removed there, all in runs that succeeded."""
    others = other_team(stack)
    one = account(nickname=Late("n"))
    if kind != "account":
        one = fleet({"k": {"nickname": Late("n")}})
        one = replace(one, secrets=("accounts",) if kind == "secret fleet" else ())
    theirs = replace(one, provider="others")
    rest: Program = {"a": account(), "z": replace(account(), provider="others")}
    for program in ({**rest, "b": theirs}, rest):
        stack.up(program)
        team.clock += 60 * MINUTE
        others.clock += 60 * MINUTE

    with lost_answers(team, after="n"), suppress(Failed):
        stack.up({**rest, "b": one})
    (paid,) = team.named("n")
    assert others.named("n") == set()
    team.clock += 60 * MINUTE
    others.clock += 60 * MINUTE
    for _ in range(2):
        with pytest.raises(Refused, match="in the team 'team', but 'others' is configured"):
            stack.up({**rest, "b": theirs})
    assert others.named("n") == set()
    stack.up({**rest, "b": one})
    assert stack.of("b").id == paid if kind == "account" else stack.ids("b") == {"k": paid}


def test_an_entry_changes_its_team_after_a_removal_that_the_intent_has_not_seen(
    team: Team, stack: Stack
) -> None:
    """As `up --target b` removes it. Another machine can't tell that no purchase is open; it says
    how to go on."""
    stack.teams["others"] = "others"
    rest: Program = {"a": account()}
    moved = {**rest, "b": account()}
    stack.up({**rest, "b": replace(account(), provider="others")})
    urn = account().urn("b")
    stack.run(stack.remove(stack.host(None, "others"), urn, stack.saved.pop(urn)))
    stack.move_to_another_machine()
    team.clock += 60 * MINUTE
    with pytest.raises(Refused, match="drop b in one `pulumi up`, and add it in the next"):
        stack.up(moved)
    stack.up(rest)
    stack.up(moved)
    assert stack.all_ids() == team.live()
    assert team.purchases == 3


def test_a_stack_that_has_bought_nothing_may_change_its_team(team: Team, stack: Stack) -> None:
    with pytest.raises(Killed):
        stack.up(ALICE, killed_after="chatdaddy-intent")
    stack.settings["teamId"] = "others"
    stack.up(ALICE)
    assert team.purchases == 1


def test_a_stack_whose_state_does_not_have_the_team_is_not_refused(
    team: Team, stack: Stack
) -> None:
    killed_up(team, stack, ALICE)
    for one in stack.saved.values():
        one.outputs.pop("__team")
    stack.settings["teamId"] = "others"
    stack.up(ALICE)
    assert stack.all_ids() == team.live()


# --- what nothing else names


@pytest.mark.parametrize("kind", ["fleet", "account"])
def test_a_destroy_names_a_killed_purchase_beside_an_older_open_order(
    team: Team, stack: Stack, kind: str
) -> None:
    program = {"a": fleet({"k": {}}) if kind == "fleet" else account(nickname="k")}

    with lost_answers(team, done=False), suppress(Failed):
        stack.up(program)
    team.clock += 60 * MINUTE
    with killed(team), pytest.raises(Killed):
        stack.up(program)
    (paid,) = team.live()
    team.clock += MINUTE
    stack.destroy()
    assert any(paid in line for line in stack.lines.kept)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_destroy_names_a_purchase_that_no_listing_shows(
    team: Team, stack: Stack, is_told: bool
) -> None:
    with killed(team, done=False, after=1), pytest.raises(Killed):
        stack.up({"a": fleet({"a": {}, "b": {}})})
    (paid,) = team.live()
    team.hidden.add(paid)
    team.access_is_told = is_told
    team.clock += 10
    stack.destroy()
    assert any(line.startswith(f"{paid} ('a') was bought") for line in stack.lines.warnings)


def test_a_destroy_after_a_purchase_that_is_gone_by_then(team: Team, stack: Stack) -> None:
    with killed(team, done=False, after=1), pytest.raises(Killed):
        stack.up({"a": fleet({"k": {}, "l": {}})})
    (paid,) = team.live()
    del team.all[paid]
    team.clock += 60 * MINUTE
    stack.destroy()
    assert stack.saved == {}


def test_a_purchase_that_no_listing_shows_is_named_until_its_order_ends(
    team: Team, stack: Stack
) -> None:
    paid = bought_and_omitted(team, stack)
    named = []
    for _ in range(4):
        team.clock += 20 * MINUTE
        stack.up(allow({"b": {}}))
        named.append(any(line.startswith(f"{paid} ('a') was") for line in stack.lines.warnings))
    assert named == [True, True, False, False]


@pytest.mark.parametrize("is_late_first", [True, False])
def test_a_purchase_that_is_known_is_not_forgotten_for_a_later_run_of_another_machine(
    team: Team, stack: Stack, is_late_first: bool
) -> None:
    def program(*keys: str, is_late: bool) -> Program:
        return allow({key: {"nickname": Late(key) if is_late else key} for key in keys})

    with killed(team, done=False, after=1), pytest.raises(Killed):
        stack.up(program("k", "j", is_late=is_late_first))
    (paid,) = team.named("k")
    team.clock += 20 * MINUTE
    with killed(team, done=False), pytest.raises(Killed):
        stack.up(program("k", "j", "i", is_late=True))
    stack.move_to_another_machine()
    for _ in range(3):
        team.clock += 20 * MINUTE
        with suppress(Refused, Failed):
            stack.up(program("k", "j", is_late=True))
    assert team.named("k") == {paid}
    assert paid in stack.ids().values()


# --- a run that still lives


def test_nothing_is_bought_while_the_last_run_lives(team: Team, stack: Stack) -> None:
    """As after `pulumi cancel`, which ends no process. A preview may be beside an update."""
    stack.up(ALICE)
    both = {**ALICE, "bob": account()}
    stack.live_runs.add("run-1")
    stack.preview(both)
    with pytest.raises(Refused, match="still runs on this machine"):
        stack.up(both)
    assert team.purchases == 1
    stack.live_runs.clear()
    stack.up(both)
    assert stack.all_ids() == team.live()
    assert team.purchases == 2


@pytest.mark.parametrize("program", [ALICE, {"customers": fleet({"k": {}})}])
def test_a_destroy_forgets_nothing_while_the_last_run_lives(
    team: Team, stack: Stack, program: Program
) -> None:
    """What that run buys later would have no name in any state."""
    stack.up(program)
    stack.live_runs.add("run-1")
    with pytest.raises(Failed, match="still runs on this machine"):
        stack.destroy()
    assert list(map(type_of, stack.saved)) == [INTENT_TYPE]
    stack.live_runs = {"run-2"}  # of another stack
    stack.destroy()
    assert not stack.saved
    assert not team.live()


# --- what is taken out of the state


@pytest.mark.parametrize("existing", ["fail", "adopt"])
def test_what_leaves_the_state_after_a_run_that_ended_is_not_an_interrupted_purchase(
    team: Team, stack: Stack, existing: str
) -> None:
    """As with `pulumi state move`: another stack has the account now."""
    program = {"alice": account(existing=existing), "a": fleet({"k": {}}, existing=existing)}
    stack.up(program)
    moved = stack.all_ids()
    team.clock += 2 * MINUTE
    for name in program:
        del stack.saved[program[name].urn(name)]
    stack.preview({"other": account(existing="allow")})
    assert not any("interrupted" in line for line in stack.lines.kept)
    if existing == "fail":
        with pytest.raises(Refused, match="the team already has an account named"):
            stack.preview(program)
        with pytest.raises((Failed, Refused), match="the team already has an account named"):
            stack.up(program)
        assert not stack.all_ids() & moved
    else:
        stack.up(program)
        assert stack.all_ids() == moved
    assert team.purchases == 2
    assert team.live() == moved


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_run_that_began_with_an_older_state_takes_over_what_another_has_bought(
    team: Team, stack: Stack, kind: str
) -> None:
    """As after `pulumi cancel`: the engine has read the state before the first run ended well."""
    program = ALICE if kind == "account" else allow({"alice": {}})
    stack.up(program)
    (name,) = program
    del stack.saved[program[name].urn(name)]
    stack.up(program)
    assert team.purchases == 1
    assert stack.all_ids() == team.live()


# --- orders whose entry gets another account


def buy_and_lose(team: Team, stack: Stack, program: Program, trouble: str) -> str:
    """Return the account that was bought, and that no state has."""
    if trouble == "killed":
        with killed(team), pytest.raises(Killed):
            stack.up(program)
    else:
        with lost_answers(team), suppress(Failed):
            stack.up(program)
    (paid,) = team.named("N")
    team.clock += 3600
    return paid


def told_in_two_runs(stack: Stack, program: Program) -> str:
    told = []
    for _ in range(2):
        stack.up(program)
        told += [one for one in stack.lines.kept if "take it over in this run" not in one]
    return "\n".join(told)


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("trouble", ["lost", "killed"])
@pytest.mark.parametrize("is_late", [True, False])
def test_what_was_bought_is_named_if_its_entry_adopts_another(
    team: Team, stack: Stack, kind: str, trouble: str, is_late: bool
) -> None:
    other = team.buy("other").account_id

    def asking(**given: Any) -> Program:
        one = {"nickname": "N", **given}
        return {"b": fleet({"k": one}) if kind == "fleet" else account(**one)}

    paid = buy_and_lose(team, stack, asking(), trouble)
    told = told_in_two_runs(stack, asking(adopt=Late(other) if is_late else other))
    assert paid in stack.all_ids() or paid in told


@pytest.mark.parametrize("trouble", ["lost", "killed"])
@pytest.mark.parametrize("is_late", [True, False])
def test_what_was_bought_is_named_if_its_entry_takes_another_over(
    team: Team, stack: Stack, trouble: str, is_late: bool
) -> None:
    stack.up({"b": fleet({"x": {"nickname": "X"}})})
    before: Program = {"b": fleet({"x": {"nickname": "X"}, "k": {"nickname": "N"}})}
    paid = buy_and_lose(team, stack, before, trouble)
    nickname = Late("N") if is_late else "N"
    after: Program = {"b": fleet({"k": {"nickname": nickname, "aliases": ["x"]}})}
    told = told_in_two_runs(stack, after)
    assert paid in stack.all_ids() or paid in told


@pytest.mark.parametrize("kind", ["fleet", "account"])
def test_a_destroy_names_the_result_of_an_order_that_only_its_resource_has(
    team: Team, stack: Stack, kind: str
) -> None:
    """Its nickname came late, and no listing showed it. No run was killed."""
    late = account(nickname=Late("N"))
    late = late if kind == "account" else fleet({"n": {"nickname": Late("N")}})
    stack.up({"a": fleet({"k": {}})})
    team.hidden.add("accteam0001")
    with lost_answers(team, after="N"), suppress(Failed):
        stack.up({"a": fleet({"k": {}}), "b": late})
    (own,) = team.named("N")
    assert own in team.hidden
    assert own not in stack.all_ids()
    team.hidden.clear()
    stack.move_to_another_machine()
    team.clock += 60
    stack.destroy()
    assert own in "\n".join(stack.lines.kept)


#: Two entries of one nickname. The first may adopt an account, and does not.
ALLOW = {"nickname": "N", "existing": "allow"}
TWO: dict[str, Program] = {
    "accounts": {"k1": account(**ALLOW, adopt=Late(None)), "k2": account(**ALLOW)},
    "fleets": {"k1": fleet({"x": {**ALLOW, "adopt": Late(None)}}), "k2": fleet({"x": ALLOW})},
}


@pytest.mark.parametrize(
    ("kind", "machine"), [("accounts", "same"), ("fleets", "same"), ("fleets", "other")]
)
def test_an_order_in_flight_is_not_bought_again(
    team: Team, stack: Stack, kind: str, machine: str
) -> None:
    program = TWO[kind]
    with killed(team, done=False, after=1), pytest.raises(Killed):
        stack.up(program)  # k1 is bought and saved; the purchase for k2 is in flight
    if machine == "other":
        stack.move_to_another_machine()
    team.clock += 60
    with suppress(Failed):
        stack.up(program)
    assert team.purchases == 1
    late = team.buy("N", by="us").account_id
    with suppress(Failed):
        stack.up(program)
    assert late in stack.all_ids() or any(late in line for line in stack.lines.kept)


def test_a_purchase_without_an_answer_is_named(team: Team, stack: Stack) -> None:
    program: Program = {"f": fleet({"k1": {**ALLOW, "adopt": Late(None)}, "k2": ALLOW})}

    with lost_answers(team, done=False, after="N"):
        stack.up(program)
    team.clock += 60
    stack.up(program)
    late = team.buy("N", by="us").account_id
    stack.up(program)
    assert any(late in line for line in stack.lines.kept)


def test_what_a_killed_run_bought_is_not_bought_again_while_listings_lag(
    team: Team, stack: Stack
) -> None:
    with killed(team, after=1), pytest.raises(Killed):
        stack.up(TWO["accounts"])
    paid = max(team.live())
    team.hidden.add(paid)
    team.clock += 60
    with suppress(Failed):
        stack.up(TWO["accounts"])
    team.hidden.clear()
    team.clock += 60
    stack.up(TWO["accounts"])
    assert (team.purchases, stack.all_ids()) == (2, team.live())


def test_an_order_of_a_dropped_entry_in_flight_is_named(team: Team, stack: Stack) -> None:
    with killed(team, done=False, after=1), pytest.raises(Killed):
        stack.up({"k": account(), "m": account(nickname="N")})
    for _ in range(2):
        team.clock += 60
        stack.up({"k": account(nickname="N", adopt=Late(None))})
    late = team.buy("N", by="us").account_id
    team.clock += 60
    stack.up({"k": account(nickname="N", adopt=Late(None))})
    assert any(late in line for line in stack.lines.kept)


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("kind", [account, fleet])
def test_an_order_in_flight_is_named_after_another_account_is_adopted(
    team: Team, stack: Stack, kind: Any, late: bool
) -> None:
    def program(**given: Any) -> Program:
        return {"k": account(**given) if kind is account else fleet({"k": given})}

    with killed(team, done=False), pytest.raises(Killed):
        stack.up(program(adopt=Late(None)) if late else program())
    other = team.buy("other", by="them").account_id
    adopts = program(adopt=Late(other) if late else other)
    for _ in range(2):
        team.clock += 30
        stack.up(adopts)
    paid = team.buy("k", by="us").account_id
    team.clock += 30
    stack.up(adopts)
    assert any(paid in line for line in stack.lines.kept)


def test_a_purchase_that_a_limit_refused_is_looked_for_before_it_is_made_again(
    team: Team, stack: Stack
) -> None:
    """ChatDaddy buys the account, and then says that the limit is reached."""
    stack.up({"f": fleet({"a": {}, "z": {}})})

    def refuse(is_done: bool) -> None:
        if is_done and team.purchases == 3:
            raise PaymentRequired("the limit is reached", call="POST /im/accounts")

    team.on_purchase = refuse
    stack.up({"f": fleet({"a": {}, "b": {}})})
    (bought,) = team.named("b")
    assert bought in stack.failed("f")["b"]


def test_purchases_end_if_the_first_account_is_another_teams(team: Team, stack: Stack) -> None:
    team.team_id = "t" * 21
    stack.settings["teamId"] = "u" * 21
    stack.up({"f": fleet({f"k{number}": {} for number in range(100)}, concurrency=1)})
    assert team.purchases == 1
    assert stack.all_ids() == team.live()
    assert "belongs to another team" in stack.failed("f")["k0"]
    assert "an account belongs to another team" in stack.failed("f")["k1"]


def killed_at_the_patch(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, program: Program
) -> None:
    """A run that is killed after the answer to a purchase, before the state has it."""

    async def die(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(team, "patch", die)
        with pytest.raises(Killed):
            stack.up(program)


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("later_s", [0, 3600, 200_000])
@pytest.mark.parametrize("way", ["adopt", "elsewhere", "delete"])
def test_what_was_bought_and_renamed_since_is_not_bought_again(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, way: str, kind: str, later_s: int
) -> None:
    """A person gave it another nickname before the next run. Each way on that the message says can
    be gone."""

    def program(**more: Any) -> Program:
        entry = {"nickname": "alice", "assignees": ["user-1"], **more}
        return {"f": fleet({"k": entry})} if kind == "fleet" else {"f": account(**entry)}

    killed_at_the_patch(team, stack, monkeypatch, program())
    (bought,) = team.named("alice")
    team.change(bought, nickname="for Bob")
    team.clock += later_s
    with pytest.raises(Refused, match=f"bought {bought} for it, which has the nickname 'for Bob'"):
        stack.preview(program())
    with suppress(Failed):
        stack.up(program())
    assert team.purchases == 1
    bob: Program = {}
    if way == "delete":
        del team.all[bought]
    elif way == "elsewhere":
        bob = {"bob": account(nickname="for Bob", adopt=bought)}
        with suppress(Failed, Refused):
            stack.up({**bob, **program()})
    then = {**bob, **program(**({"adopt": bought} if way == "adopt" else {}))}
    stack.up(then)
    team.clock += 3600
    stack.lines.kept.clear()
    stack.up(then)
    assert stack.lines.kept == []
    assert team.purchases == (1 if way == "adopt" else 2)
    assert len(team.named("alice")) == 1


@pytest.mark.parametrize("to", ["account", "provider", "provider's fleet", "late fleet"])
@pytest.mark.parametrize("is_first", [True, False])
def test_what_was_bought_and_renamed_since_is_not_bought_where_its_entry_moves(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, to: str, is_first: bool
) -> None:
    """Each run refuses, and not only the first one."""
    alice = {"nickname": "alice", "assignees": ["user-1"]}
    others: Program = {} if is_first else {"x": account(nickname="X")}
    new = {
        "account": account(**alice),
        "provider": replace(account(**alice), provider="us"),
        "provider's fleet": replace(fleet({"k": alice}), provider="us"),
        "late fleet": late_fleet({"k": alice}),
    }[to]

    if others:
        stack.up(others)
    killed_at_the_patch(team, stack, monkeypatch, {**others, "f": account(**alice)})
    (bought,) = team.named("alice")
    team.change(bought, nickname="for Bob")
    purchases = team.purchases
    for _ in range(3):
        team.clock += 30
        with suppress(Failed, Refused):
            stack.up({**others, "g": new})
        assert team.purchases == purchases
