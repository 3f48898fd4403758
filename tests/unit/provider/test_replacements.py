"""Replaced accounts: their removal failed, the program goes back or protects them, or others have
them."""

from __future__ import annotations

from typing import Any

import pytest

from chatdaddy_pulumi.client import BadRequest, Unknown
from tests.support import provider as support
from tests.support.provider import Program, Refused, Stack, account, fleet, in_memory
from tests.support.team import Team

OLD = {"type": "instagram", "login_type": "facebook"}
OTHER = pytest.mark.parametrize(
    ("other", "key"),
    [
        ({"type": "tiktok"}, "k"),
        ({"type": "instagram", "login_type": "instagram"}, "k"),
        ({"type": "tiktok", "aliases": ["k"], "nickname": "k"}, "k2"),
    ],
    ids=["type", "login type", "type and key"],
)


def entries(key: str = "k", **arguments: Any) -> dict[str, Any]:
    return {"o": {}, key: arguments}


def replace_in_part(team: Team, stack: Stack, new: dict[str, Any]) -> str:
    """Buy the new account. The removal of the old one, whose ID is returned, fails."""

    def refuse(account_id: str) -> None:
        raise BadRequest("not today", call="DELETE /im/accounts/{id}")

    stack.up({"a": fleet(entries(**OLD))})
    old = stack.ids("a")["k"]
    team.on_delete = refuse
    stack.up({"a": fleet(new)})
    assert stack.failed("a")
    team.on_delete = lambda account_id: None
    assert {old, *stack.ids("a").values()} == team.live()
    return old


@OTHER
@pytest.mark.parametrize("adopts", [False, True])
def test_an_entry_takes_its_old_account_back(
    team: Team, stack: Stack, other: dict[str, Any], key: str, adopts: bool
) -> None:
    old = replace_in_part(team, stack, entries(key, **other))
    new = stack.ids("a")[key]
    back: Program = {"a": fleet(entries(**OLD, **({"adopt": old} if adopts else {})))}
    stack.preview(back)
    how = "taken over" if adopts else "kept"
    gone = f"- {key} (deleted, 24 h to undo)"
    assert stack.lines.kept == [f"→ k ({old}) ({how}, nothing bought); {gone}"]
    stack.up(back)
    assert stack.failed("a") == {}
    assert stack.ids("a")["k"] == old
    assert team.live() == stack.all_ids()
    assert new not in team.live()
    assert team.purchases == 3
    assert stack.preview(back) == set()


def test_an_entry_with_another_key_takes_its_old_account_back(team: Team, stack: Stack) -> None:
    old = replace_in_part(team, stack, entries(type="tiktok"))
    stack.up({"a": fleet(entries("k2", aliases=["k"], nickname="k", **OLD))})
    assert stack.failed("a") == {}
    assert stack.ids("a")["k2"] == old
    assert team.live() == stack.all_ids()
    assert team.purchases == 3


def test_an_old_account_that_is_deleted_is_not_taken_back(team: Team, stack: Stack) -> None:
    """Its removal was done, and only the answer was lost."""
    stack.up({"a": fleet(entries(**OLD))})

    async def lose(account_id: str, **options: Any) -> None:
        await Team.delete(team, account_id, **options)
        raise Unknown("no answer", call="DELETE /im/accounts/{id}")

    with pytest.MonkeyPatch.context() as lost:
        lost.setattr(team, "delete", lose)
        stack.up({"a": fleet(entries(type="tiktok"))})
    stack.up({"a": fleet(entries(**OLD))})
    assert stack.failed("a") == {}
    assert team.live() == stack.all_ids()
    assert team.purchases == 4


def test_a_protected_fleet_keeps_an_old_account(team: Team, stack: Stack) -> None:
    """And the first remedy in the message works."""
    new = entries(type="tiktok")
    old = replace_in_part(team, stack, new)
    with pytest.raises(Refused, match=rf"not removed: k \({old}, 'k'\)\. Nothing") as refused:
        stack.up({"a": fleet(new, protect=True)})
    assert f"add an entry with adopt='{old}'" in str(refused.value)
    kept: Program = {"a": fleet({**new, "old": {**OLD, "adopt": old}}, protect=True)}
    stack.up(kept)
    assert stack.failed("a") == {}
    assert stack.ids("a")["old"] == old
    assert team.live() == stack.all_ids()
    assert stack.preview(kept) == set()


class _Aliased(dict[str, Any]):
    """The engine finds a renamed resource by its alias."""

    def __init__(self, saved: dict[str, Any], new: str, old: str) -> None:
        super().__init__(saved)
        self.new, self.old = new, old

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(self.old if key == self.new and key not in self else key, default)

    def __setitem__(self, key: str, value: Any) -> None:
        super().__setitem__(key, value)
        if key == self.new:
            self.pop(self.old, None)


@pytest.mark.parametrize("kind", ["account", "fleet"])
def test_a_renamed_resource_of_another_login_type_is_replaced(
    team: Team, stack: Stack, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    def made(login_type: str) -> Any:
        said = {"nickname": "N", "type": "instagram", "login_type": login_type}
        return account(**said) if kind == "account" else fleet({"k": said, "o": {}})

    stack.up({"r": made("facebook")})
    new, real = made("instagram"), support.Declared
    old_urn, new_urn = new.urn("r"), new.urn("s")
    monkeypatch.setattr(
        support,
        "Declared",
        lambda **given: real(**given, aliases=(old_urn,) if given["urn"] == new_urn else ()),
    )
    stack.saved = _Aliased(stack.saved, new_urn, old_urn)
    stack.preview({"s": new})
    stack.up({"s": new})


# --- what an `Account` has replaced, and others have brought back

MOCK = account(nickname="N", type="mock")


def replace_account(team: Team, stack: Stack) -> str:
    """Replace an `Account` by one of another type; return the ID of the old one, which is
    deleted."""
    stack.up({"one": account(nickname="N")})
    old = stack.of("one").id
    stack.up({"one": MOCK})
    assert team.calls == [("DELETE", old)]
    return old


@pytest.mark.parametrize("by", ["another stack", "hand"])
@pytest.mark.parametrize("hours", [1, 30])
def test_what_others_have_brought_back_is_not_taken_back(
    team: Team, stack: Stack, by: str, hours: int
) -> None:
    old = replace_account(team, stack)
    if by == "hand":
        team.change(old, deleted_at=None, nickname="Theirs")
    else:
        in_memory(team).up({"two": account(nickname="Theirs", adopt=old)})
    team.clock += hours * 3600
    team.calls.clear()
    stack.up({"one": account(nickname="N")})
    assert old not in [account_id for _, account_id in team.calls]
    assert old not in stack.all_ids()
    assert team.named("Theirs") == {old}


def test_a_type_goes_back_after_another_entry_has_adopted_the_old_account(
    team: Team, stack: Stack
) -> None:
    old = replace_account(team, stack)
    kept = account(nickname="Theirs", adopt=old)
    stack.up({"one": MOCK, "two": kept})
    back: Program = {"one": account(nickname="N"), "two": kept}
    stack.preview(back)
    stack.up(back)
    assert stack.of("two").id == old
    assert stack.of("one").id in team.named("N")
    assert team.purchases == 3
    tier = {"tier": "unlimited"}
    stack.up({**back, "two": account(nickname="Theirs", adopt=old, **tier)})  # not shared
    assert ("PATCH", old) in team.calls


@pytest.mark.parametrize("existing", ["fail", "adopt"])
@pytest.mark.parametrize("hours", [1, 30])
def test_a_new_entry_asks_for_what_was_replaced_before(
    team: Team, stack: Stack, existing: str, hours: int
) -> None:
    """A person has brought it back. For 24 hours the engine may still be about to remove it."""
    old = replace_account(team, stack)
    team.change(old, deleted_at=None)
    team.clock += hours * 3600
    after: Program = {"one": MOCK, "two": account(nickname="N", existing=existing)}
    if hours == 1 or existing == "fail":
        told = "may not have removed it" if hours == 1 else "already has an account"
        with pytest.raises(Refused, match=f"{told}.*adopt='{old}'"):
            stack.preview(after)
        after = {"one": MOCK, "two": account(nickname="N", adopt=old)}
    stack.up(after)
    assert stack.of("two").id == old
    assert old in team.live()
    assert team.purchases == 2
