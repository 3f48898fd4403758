"""Only the ID of an account is certain to be in an answer. What an answer lacks is not known."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from chatdaddy_pulumi.client import BadRequest, ObservedAccount
from tests.support.provider import Failed, Program, Refused, account, fleet, in_memory
from tests.support.sandbox import LIMITED, UNLIMITED
from tests.support.team import Team
from tests.support.wire import Wire, stack_on, told, without


def program_of(kind: str, **entry: Any) -> Program:
    """One account, alone or in a fleet."""
    return {"a": account(**entry)} if kind == "account" else {"f": fleet({"a": entry})}


class WithoutAssignees(Team):
    """A team whose accounts lack assignees as long as they have none."""

    def buy(self, nickname: str, by: str = "them", **attributes: Any) -> ObservedAccount:
        one = super().buy(nickname, by, **attributes)
        self.change(one.account_id, assignees=None)
        return self.all[one.account_id]


@pytest.mark.parametrize("how", ["bought", "adopted"])
@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_assignees_are_sent_if_the_answer_lacks_them(how: str, kind: str) -> None:
    """A purchase can't set them."""
    team = WithoutAssignees()
    entry: dict[str, Any] = {"assignees": ["user-1"]}
    if how == "adopted":
        entry["adopt"] = team.buy("a").account_id
    stack = in_memory(team)
    stack.up(program_of(kind, **entry))
    assert [one.assignees for one in team.all.values()] == [["user-1"]]


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_what_a_purchase_has_sent_is_not_sent_again_if_its_answer_lacks_it(kind: str) -> None:
    wire = Wire()

    def only_the_id(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        said = answer.json()
        return httpx.Response(200, json={"accountId": said["accountId"]}) if is_bought else answer

    is_bought = False

    def before(request: httpx.Request) -> None:
        nonlocal is_bought
        is_bought = request.method == "POST" and request.url.path == "/im/accounts"

    wire.before, wire.after = before, only_the_id
    entry = {"nickname": "Alice", "tier": "unlimited", "settings": {"geoLocation": "HK"}}
    stack_on(wire).up(program_of(kind, **entry))
    assert wire.bodies == []


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("fact", ["tier", "nickname"])
def test_facts_that_the_listing_lacks_are_sent_to_an_adopted_account(fact: str, kind: str) -> None:
    wire = Wire()
    adopted = wire.buy("old", settings={"geoLocation": "US"})
    wire.after = without(fact)
    entry = {"adopt": adopted["accountId"], "tier": "unlimited", "settings": {"geoLocation": "HK"}}
    stack = stack_on(wire)
    stack.up(program_of(kind, nickname="new", **entry))
    now = wire.all[adopted["accountId"]]
    assert (now["nickname"], now["tier"]) == ("new", UNLIMITED)
    assert now["settings"] == {"geoLocation": "HK"}
    stack.up(program_of(kind, nickname="new", **entry))
    assert len(wire.bodies) == 1


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("fact", ["tier", "nickname", "assignees"])
def test_facts_that_could_not_be_sent_stay_unknown(fact: str, kind: str) -> None:
    """The patch fails. The next run sends it, also after a refresh."""
    wire = Wire()
    adopted = wire.buy("old")
    wire.after = without(fact)

    def refuse(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(403, json={"message": "no"}) if request.method == "PATCH" else None

    wire.before = refuse
    stack = stack_on(wire)
    entry = {"nickname": "new", "tier": "unlimited", "assignees": ["user-1"]}
    program = program_of(kind, adopt=adopted["accountId"], **entry)
    assert "not changed" in told(stack, program)
    stack.refresh()
    assert f"may have other {fact} than asked for" in "\n".join(stack.lines.kept)
    wire.before = lambda _request: None
    told(stack, program)
    now = wire.all[adopted["accountId"]]
    assert (now["nickname"], now["tier"], now["assignees"]) == ("new", UNLIMITED, ["user-1"])
    assert stack.failed("f") == {} if kind == "fleet" else True


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_what_the_state_knows_is_not_sent_to_an_account_that_is_brought_back(kind: str) -> None:
    wire = Wire()
    stack = stack_on(wire)
    program = program_of(kind, nickname="Alice", tier="unlimited", settings={"geoLocation": "HK"})
    stack.up(program)
    account_id = wire.named("Alice")
    wire.all[account_id]["deletedAt"] = wire.iso(wire.clock)
    stack.refresh()

    def only_the_id(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        is_back = request.url.path.endswith("/recreate")
        return httpx.Response(200, json={"accountId": account_id}) if is_back else answer

    wire.after = only_the_id
    stack.up(program)
    assert "deletedAt" not in wire.all[account_id]
    assert wire.bodies == []


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("how", ["held", "adopted"])
def test_settings_that_an_answer_lacks_are_not_replaced(how: str, kind: str) -> None:
    """Somebody has set some by hand, and the patch may replace all of them. The message says the
    way on, and it can be followed."""
    wire = Wire()
    stack = stack_on(wire)
    entry: dict[str, Any] = {"nickname": "Alice"}
    if how == "held":
        stack.up(program_of(kind, **entry))
    else:
        entry["adopt"] = wire.buy("Alice")["accountId"]
    one = wire.all[wire.named("Alice")]
    one["settings"] = {"keepDeletedMessages": {"fromMe": True}}
    wire.after = without("settings")
    said = told(stack, program_of(kind, **entry, settings={"geoLocation": "HK"}))
    assert one["settings"] == {"keepDeletedMessages": {"fromMe": True}}
    assert "leave `settings` out of the program, and set them in ChatDaddy" in said
    stack.up(program_of(kind, **entry))
    assert one["settings"] == {"keepDeletedMessages": {"fromMe": True}}
    assert stack.failed("f") == {} if kind == "fleet" else True


def test_settings_of_an_account_that_was_just_bought_are_known() -> None:
    """The answer to the purchase shows them otherwise, and no search shows the account yet."""
    wire = Wire()

    def ignore(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if request.method == "POST" and request.url.path == "/im/accounts":
            said = answer.json()
            wire.all[said["accountId"]]["settings"] = {}
            return httpx.Response(200, json={**said, "settings": {}})
        return without("settings")(request, answer)

    wire.after = ignore
    stack_on(wire).up({"a": account(settings={"geoLocation": "HK"})})
    assert wire.bodies == [{"settings": {"geoLocation": "HK"}}]


def test_internal_settings_are_not_sent() -> None:
    """The current settings are sent along with a new one."""
    wire = Wire()
    stack = stack_on(wire)
    stack.up({"a": account()})
    wire.all[wire.named("a")]["settings"] = {
        "coexistenceContactsSynced": True,
        "enableStories": True,
    }
    stack.up({"a": account(settings={"geoLocation": "HK"})})
    assert wire.bodies == [{"settings": {"enableStories": True, "geoLocation": "HK"}}]


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("how", ["adopted by its ID", "adopted by its nickname"])
def test_what_is_said_of_a_tier_that_no_answer_says_can_be_followed(how: str, kind: str) -> None:
    """The default tier may delete chats."""
    wire = Wire()
    one = wire.buy("Alice", tier=UNLIMITED)
    wire.after = without("tier")
    entry: dict[str, Any] = {"nickname": "Alice", "existing": "adopt"}
    if how == "adopted by its ID":
        entry = {"nickname": "Alice", "adopt": one["accountId"]}
    stack = stack_on(wire)
    with pytest.raises((Failed, Refused)) as refused:
        stack.preview(program_of(kind, **entry))
    for said in (str(refused.value), told(stack, program_of(kind, **entry))):
        assert "do not say its tier" in said
        assert "'not known'" not in said
        assert "set tier='unlimited'" in said
    assert wire.bodies == []
    stack.up(program_of(kind, **entry, tier="unlimited"))
    assert one["tier"] == UNLIMITED


def test_no_type_is_advised_that_no_answer_says() -> None:
    wire = Wire()
    adopted = wire.buy("a")["accountId"]
    wire.after = without("type")
    said = told(stack_on(wire), {"a": account(adopt=adopted)})
    assert f"ChatDaddy's answer lacks the type of {adopted}" in said
    assert "None" not in said
    for existing in ("fail", "adopt"):
        said = told(stack_on(wire), {"a": account(existing=existing)})
        assert "None" not in said
        assert ", of another type" not in said
    assert len(wire.all) == 1


def with_its_tier(request: httpx.Request, wire: Wire) -> bool:
    """Whether it is a patch to the tier that the account has."""
    if request.method != "PATCH":
        return False
    tier = json.loads(request.content).get("tier")
    return bool(tier == wire.all[request.url.path.split("/")[-1]]["tier"])


def refuse_its_tier(wire: Wire, words: str) -> None:
    """Answer 400 to patches to the tier that an account has. Listings lack the tiers."""

    def refuse(request: httpx.Request) -> httpx.Response | None:
        is_refused = with_its_tier(request, wire)
        return httpx.Response(400, json={"message": words}) if is_refused else None

    wire.before, wire.after = refuse, without("tier")


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("words", ["it has this tier already", "the account is at the same tier"])
def test_a_tier_that_is_set_already_is_no_lasting_refusal(words: str, kind: str) -> None:
    """As after a run that was killed. The rest of the patch is sent without the tier."""
    wire = Wire()
    stack = stack_on(wire)
    stack.up(program_of(kind, nickname="Alice"))
    one = wire.all[wire.named("Alice")]
    one["tier"] = UNLIMITED
    refuse_its_tier(wire, words)
    stack.up(program_of(kind, nickname="Bob", tier="unlimited"))
    assert wire.bodies == [{"nickname": "Bob"}]
    stack.up(program_of(kind, nickname="Bob", tier="unlimited"))
    assert stack.failed("f") == {} if kind == "fleet" else True


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("tier", ["limited", "unlimited"])
def test_an_adopted_account_may_have_the_tier_already(tier: str, kind: str) -> None:
    """The advice for it can be followed."""
    wire = Wire()
    one = wire.buy("Alice", tier=UNLIMITED if tier == "unlimited" else LIMITED)
    refuse_its_tier(wire, "it is already on this tier")
    entry = {"nickname": "Alice", "adopt": one["accountId"], "tier": tier}
    program = program_of(kind, **entry, allow_history_loss=tier == "limited" or None)
    stack = stack_on(wire)
    stack.up(program)
    assert stack.failed("f") == {} if kind == "fleet" else True
    assert wire.bodies == []


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("words", ["no", "the nickname is already in use"])
def test_another_refusal_does_not_count_as_a_tier_that_is_set(words: str, kind: str) -> None:
    """The way on that the message says can be followed: nothing is sent."""
    wire = Wire()
    stack = stack_on(wire)
    stack.up(program_of(kind, nickname="Alice"))
    wire.all[wire.named("Alice")]["tier"] = UNLIMITED
    refuse_its_tier(wire, words)
    said = told(stack, program_of(kind, nickname="Alice", tier="unlimited"))
    assert words in said
    assert "put `tier: limited` back into the entry" in said
    stack.up(program_of(kind, nickname="Alice"))
    assert stack.failed("f") == {} if kind == "fleet" else True
    assert wire.bodies == []


def test_an_adopted_account_whose_tier_stays_unknown_can_be_let_go() -> None:
    wire = Wire()
    one = wire.buy("Alice", tier=UNLIMITED)
    refuse_its_tier(wire, "no")
    stack = stack_on(wire)
    entries: dict[str, Any] = {key: {} for key in "vwxyz"}
    entry = {"nickname": "Alice", "adopt": one["accountId"], "tier": "unlimited"}
    said = told(stack, {"f": fleet({**entries, "a": entry})})
    assert "set retain_on_delete on the fleet, and drop the entry with it" in said
    stack.up({"f": fleet(entries, retain=True)})
    assert stack.failed("f") == {}
    assert "deletedAt" not in one
    assert one["accountId"] not in stack.all_ids()
    said = told(stack, {"a": account(**entry)})
    assert "`pulumi state delete`" in said


def refuse_patches(request: httpx.Request) -> httpx.Response | None:
    return httpx.Response(403, json={"message": "no"}) if request.method == "PATCH" else None


@pytest.mark.parametrize("before", ["fleet", "account"])
@pytest.mark.parametrize("fact", ["tier", "assignees"])
def test_a_change_that_failed_while_the_account_moved_is_made_by_the_next_run(
    fact: str, before: str
) -> None:
    """The listing lacks the fact, as in `test_facts_that_could_not_be_sent_stay_unknown`."""
    wire = Wire()
    stack = stack_on(wire)
    rest: dict[str, Any] = {"y": {}, "z": {}}
    old: Program = {"old": account(nickname="N")}
    if before == "fleet":
        old = {"old": fleet({"a": {"nickname": "N"}, **rest})}
    stack.up(old)
    one = wire.all[wire.named("N")]
    change = {"tier": "unlimited"} if fact == "tier" else {"assignees": ["user-1"]}
    new: Program = {"new": account(nickname="N", **change)}
    if before == "fleet":
        new["old"] = fleet(rest)
    wire.after, wire.before = without(fact), refuse_patches
    assert f"{fact} not changed" in told(stack, new)
    wire.before = lambda _request: None
    told(stack, new)
    stack.refresh()
    told(stack, new)
    assert one[fact] == (UNLIMITED if fact == "tier" else ["user-1"])


@pytest.mark.parametrize("way", ["account", "fleet whose settings the listing lacked at first"])
def test_a_setting_to_false_that_could_not_be_sent_is_sent_by_the_next_run(way: str) -> None:
    """The listing does not say the setting, so it may be true by default."""
    wire = Wire()
    stack = stack_on(wire)
    adopted = wire.buy("N")["accountId"]
    entry: dict[str, Any] = {"nickname": "N", "adopt": adopted}
    entry["settings"] = {"enableStories": False}
    program: Program = {"new": account(**entry)}
    if way != "account":
        program = {"new": fleet({"a": entry})}
        wire.after = without("settings")
    wire.before = refuse_patches
    assert "not changed" in told(stack, program)
    wire.before, wire.after = lambda _request: None, lambda _request, answer: answer
    stack.refresh()
    told(stack, program)
    assert wire.all[adopted]["settings"] == {"enableStories": False}


def test_drift_that_a_later_answer_does_not_say_stays_drift() -> None:
    """Of an `Account` and of a fleet."""
    for program in (
        {"a": account(nickname="N", assignees=["user-1"])},
        {"a": fleet({"n": {"nickname": "N", "assignees": ["user-1"]}})},
    ):
        wire = Wire()
        stack = stack_on(wire)
        stack.up(program)
        one = wire.all[wire.named("N")]
        one["assignees"] = []
        stack.refresh()
        wire.after = without("assignees")
        stack.refresh()
        stack.up(program)
        assert one["assignees"] == ["user-1"], program


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize("refreshed", [True, False])
def test_a_setting_that_no_answer_says_is_sent_again(kind: str, refreshed: bool) -> None:
    """ChatDaddy has it on by default. The patch of the run that moves the account fails."""
    wire = Wire()
    stack = stack_on(wire)
    stack.up({"old": account(nickname="N", settings={"geoLocation": "HK"})})
    one = wire.all[wire.named("N")]
    one["settings"]["enableStories"] = True

    def without_stories(request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        if not answer.content:
            return answer
        return httpx.Response(
            answer.status_code,
            json=json.loads(
                answer.content,
                object_hook=lambda said: {
                    name: value for name, value in said.items() if name != "enableStories"
                },
            ),
        )

    wire.before, wire.after = refuse_patches, without_stories
    entry = {"nickname": "N", "settings": {"geoLocation": "HK", "enableStories": False}}
    program = program_of(kind, **entry)
    assert "not changed" in told(stack, program)
    wire.before = lambda _request: None
    if refreshed:
        stack.refresh()
    told(stack, program)
    assert one["settings"]["enableStories"] is False


@pytest.mark.parametrize("kind", ["account", "fleet"])
@pytest.mark.parametrize(
    ("fact", "asked"), [("tier", "unlimited"), ("assignees", ["user-1"]), ("nickname", "N2")]
)
def test_a_fact_that_an_answer_says_again_was_not_changed_by_hand(
    kind: str, fact: str, asked: Any
) -> None:
    wire = Wire()
    stack = stack_on(wire)
    stack.up({"old": account(nickname="N")})
    account_id = wire.named("N")
    program = program_of(kind, **{"nickname": "N", "adopt": account_id, fact: asked})
    wire.before, wire.after = refuse_patches, without(fact)
    assert f"{fact} not changed" in told(stack, program)
    wire.before, wire.after = lambda _request: None, lambda _request, answer: answer
    told(stack, program)
    assert wire.all[account_id][fact] == (UNLIMITED if fact == "tier" else asked)


def test_what_was_changed_before_a_failure_is_as_it_was_asked_for() -> None:
    """The tier was changed. Only the connection could not be opened."""

    class Closed(Team):
        async def open(self, account_id: str) -> None:
            raise BadRequest("not today", call="POST /im/accounts/{id}/open")

    team = Closed()
    stack = in_memory(team)
    own = team.buy("N").account_id
    stack.up({"a": account(nickname="N", adopt=own, tier="unlimited", connect=True)})
    assert team.all[own].tier == UNLIMITED
    stack.up({"a": account(nickname="N", adopt=own, tier="limited", allow_history_loss=True)})
    assert team.all[own].tier == LIMITED
