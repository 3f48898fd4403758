"""Who holds an account, who takes it over, and which accounts are removed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref, SavedHolder
from chatdaddy_pulumi.lifecycle.ownership import Ownership
from chatdaddy_pulumi.spec.account import Arguments
from chatdaddy_pulumi.spec.identity import DeclaredIdentity, Identity


@dataclass(frozen=True)
class _Declared:
    """A resource that a program declares."""

    urn: str
    aliases: tuple[str, ...]
    provider: str
    entries: Mapping[str, DeclaredIdentity] | None
    protect: bool = False
    retain: bool = False


ROOT = "urn:pulumi:dev::tests::"
ACCOUNT, FLEET = "chatdaddy:Account", "chatdaddy:AccountFleet"


def urn(name: str, type_: str = FLEET) -> str:
    return f"{ROOT}{type_}::{name}"


def account(id_: str, nickname: str, type_: str = "wa", seen: str | None = None) -> HeldAccount:
    """An account in the saved state; `seen` is another nickname that it was given by hand."""
    drift = None if seen is None else {"nickname": seen}
    return HeldAccount(id_, nickname, Arguments.of(type=type_), drift=drift)


def saved(name: str, accounts: Mapping[str, str], nickname: str | None = None) -> SavedHolder:
    """A resource and its accounts by key. By default, the nicknames are the keys."""
    held = {key: account(id_, nickname or key) for key, id_ in accounts.items()}
    return SavedHolder(urn(name), held)


def declared(
    name: str,
    entries: Mapping[str, DeclaredIdentity | str] | None,
    *,
    provider: str = "",
    alias: str = "",
) -> _Declared:
    """A resource and its entries by key. A string is the nickname."""
    return _Declared(
        urn=urn(name),
        aliases=(urn(alias),) if alias else (),
        provider=provider,
        entries=None
        if entries is None
        else {
            key: DeclaredIdentity(one, "wa") if isinstance(one, str) else one
            for key, one in entries.items()
        },
    )


def test_an_entry_that_stays_holds_its_account() -> None:
    found = Ownership([saved("f", {"a": "acc1"})], [declared("f", {"a": "a"})])
    assert found.holder_of("acc1", but=Ref(urn("g"), "a")) == Ref(urn("f"), "a")
    assert found.holder_of("acc1", but=Ref(urn("f"), "a")) is None
    assert found.leaving == []
    assert found.moved == {}


def test_a_removed_entry_retains_its_account() -> None:
    found = Ownership([saved("f", {"a": "acc1", "b": "acc2"})], [declared("f", {"a": "a"})])
    assert [one.account_id for one in found.leaving] == ["acc2"]
    assert found.holder_of("acc2", but=Ref("x")) is None


def test_accounts_of_unknown_entries_stay() -> None:
    found = Ownership([saved("f", {"a": "acc1"})], [declared("f", None)])
    assert found.leaving == []
    assert found.holder_of("acc1", but=Ref("x"))


def test_all_accounts_of_an_undeclared_resource_leave() -> None:
    found = Ownership([saved("f", {"a": "acc1", "b": "acc2"})], [])
    assert {one.account_id for one in found.leaving} == {"acc1", "acc2"}


def test_an_account_with_two_holders_does_not_leave_with_one() -> None:
    both = [saved("f", {"a": "acc1"}), saved("g", {"b": "acc1"})]
    found = Ownership(both, [declared("g", {"b": "b"})])
    assert found.leaving == []
    assert found.holder_of("acc1", but=Ref(urn("f"), "a")) == Ref(urn("g"), "b")


@pytest.mark.parametrize("to", ["f", "g"])
def test_a_new_key_for_a_removed_one_is_a_rename(to: str) -> None:
    """Within a resource it is a rename. Between two it is a move."""
    entries = {"f": declared("f", {}), to: declared(to, {"new": "a"})}
    found = Ownership([saved("f", {"a": "acc1"})], list(entries.values()))
    carried = found.carried_to(Ref(urn(to), "new"))
    assert carried is not None
    assert carried.account_id == "acc1"
    assert found.moved == {"acc1": Ref(urn(to), "new")}


def test_two_matches_are_ambiguous() -> None:
    held = saved("f", {"a": "acc1", "b": "acc2"}, nickname="x")
    found = Ownership([held], [declared("f", {"new": "x"})])
    ref = Ref(urn("f"), "new")
    assert found.carried_to(ref) is None
    assert {one.account_id for one in found.unclear(ref)} == {"acc1", "acc2"}
    assert found.contested == {"acc1": ref, "acc2": ref}, "so neither is removed"


def test_aliases_resolve_an_ambiguity() -> None:
    held = saved("f", {"a": "acc1", "b": "acc2"})
    new = {"c": DeclaredIdentity("c", "wa", aliases=("b",)), "d": "a"}
    found = Ownership([held], [declared("f", new)])
    assert found.moved == {"acc2": Ref(urn("f"), "c"), "acc1": Ref(urn("f"), "d")}


def test_an_account_is_found_by_the_wanted_and_the_observed_nickname() -> None:
    renamed = account("acc1", "a", seen="b")
    holder = SavedHolder(urn("f"), {"a": renamed})
    for nickname in ("a", "b"):
        found = Ownership([holder], [declared("f", {"new": nickname})])
        assert found.moved == {"acc1": Ref(urn("f"), "new")}
    found = Ownership([holder], [declared("f", {"one": "a", "two": "b"})])
    assert found.moved == {}
    assert set(found.contested) == {"acc1"}


def test_two_entries_with_one_alias_are_ambiguous() -> None:
    new = {key: DeclaredIdentity(key, "wa", aliases=("a",)) for key in ("b", "c")}
    found = Ownership([saved("f", {"a": "acc1"})], [declared("f", new)])
    assert found.moved == {}
    assert found.unclear(Ref(urn("f"), "b"))


def test_a_resource_that_is_saved_under_its_own_name_is_not_found_by_an_alias() -> None:
    both = [saved("old", {"a": "acc1"}), saved("new", {"b": "acc2"})]
    found = Ownership(both, [declared("new", {"b": "b"}, alias="old")])
    assert [one.account_id for one in found.leaving] == ["acc1"]


def test_an_adopted_account_is_not_also_carried_over() -> None:
    new = {"x": DeclaredIdentity("x", "wa", adopt="acc1"), "y": "a"}
    found = Ownership([saved("f", {"a": "acc1"})], [declared("f", new)])
    assert found.moved == {}
    assert found.also_adopted_by("acc1", Ref(urn("f"), "a")) == [Ref(urn("f"), "x")]


def test_another_type_is_another_account() -> None:
    new = {"new": DeclaredIdentity("a", "mock")}
    found = Ownership([saved("f", {"a": "acc1"})], [declared("f", new)])
    assert found.moved == {}


def test_a_resource_is_known_under_its_old_name() -> None:
    found = Ownership([saved("old", {"a": "acc1"})], [declared("new", {"a": "a"}, alias="old")])
    assert found.leaving == []
    assert found.moved == {}
    assert found.holder_of("acc1", but=Ref(urn("new"), "a")) is None


def test_a_resource_of_another_parent_is_not_the_declared_one() -> None:
    """Its account is carried over by its nickname, and the new resource holds nothing yet."""
    inside = replace(declared("f", {"a": "a"}), urn=f"{ROOT}acme:Shop${FLEET}::f")
    found = Ownership([saved("f", {"a": "acc1"})], [inside])
    assert found.moved == {"acc1": Ref(inside.urn, "a")}


def test_a_resource_that_had_another_parent_is_found_by_an_alias() -> None:
    inside = f"{ROOT}acme:Sales${FLEET}::f"
    new = replace(declared("f", {"a": "a"}), urn=f"{ROOT}acme:Shop${FLEET}::f", aliases=(inside,))
    found = Ownership([SavedHolder(inside, {"a": account("acc1", "a")})], [new])
    assert found.leaving == []
    assert found.moved == {}


def test_duplicates_are_reported_for_each_provider() -> None:
    one, other = declared("f", {"a": "x"}), declared("g", {"b": "x"})
    identity = Identity("x", "wa")
    assert Ownership((), [one, other]).doubles(Ref(urn("f"), "a"), "", identity) == [
        Ref(urn("g"), "b")
    ]
    apart = declared("g", {"b": "x"}, provider="team-b")
    assert Ownership((), [one, apart]).doubles(Ref(urn("f"), "a"), "", identity) == []
    allowed = DeclaredIdentity("x", "wa", existing="allow")
    both = [declared("f", {"a": allowed}), declared("g", {"b": allowed})]
    assert Ownership((), both).doubles(Ref(urn("f"), "a"), "", identity) == []
    mixed = [declared("f", {"a": allowed}), other]
    assert Ownership((), mixed).doubles(Ref(urn("f"), "a"), "", identity)


# --- properties

NAMES = st.sampled_from(["f", "g", "h"])
KEYS = st.sampled_from(["a", "b", "c"])
NICKNAMES = st.sampled_from(["x", "y"])
IDS = st.sampled_from(["acc1", "acc2", "acc3", "acc4"])
ENTRIES = st.builds(
    DeclaredIdentity,
    nickname=NICKNAMES | st.none(),
    type=st.sampled_from(["wa", "mock"]),
    adopt=st.none() | IDS,
    aliases=st.lists(KEYS, max_size=2).map(tuple),
    existing=st.sampled_from(["fail", "allow"]),
)
ACCOUNTS = st.builds(
    account, IDS, NICKNAMES, st.sampled_from(["wa", "mock"]), seen=st.none() | NICKNAMES
)


@st.composite
def ownerships(draw: st.DrawFn) -> Ownership:
    holders = draw(st.dictionaries(NAMES, st.dictionaries(KEYS, ACCOUNTS), max_size=3))
    programs = draw(st.dictionaries(NAMES, st.none() | st.dictionaries(KEYS, ENTRIES), max_size=3))
    return Ownership(
        [SavedHolder(urn(name), accounts) for name, accounts in holders.items()],
        [declared(name, entries) for name, entries in programs.items()],
    )


@given(found=ownerships())
def test_every_saved_account_stays_or_leaves_and_never_both(found: Ownership) -> None:
    leaving = {one.account_id for one in found.leaving}
    assert leaving.isdisjoint(found.staying)
    assert leaving | set(found.staying) == found.held_ids


@given(found=ownerships())
def test_an_account_is_carried_over_to_one_entry(found: Ownership) -> None:
    moved = list(found.moved.values())
    assert len(moved) == len(set(moved))
    assert all(found.carried_to(ref) for ref in moved)
    leaving = {one.account_id for one in found.leaving}
    for account_id, ref in found.moved.items():
        assert account_id in leaving
        assert ref.key not in found.held_by(ref.holder)
        assert not found.unclear(ref)


@given(found=ownerships(), account_id=IDS, name=NAMES, key=KEYS)
def test_an_account_that_stays_has_a_holder_for_all_others(
    found: Ownership, account_id: str, name: str, key: str
) -> None:
    """Otherwise another resource would remove it, or take it over."""
    ref = Ref(urn(name), key)
    others = [one for one in found.staying.get(account_id, ()) if one != ref]
    assert (found.holder_of(account_id, but=ref) is not None) is bool(others)


def test_the_account_of_an_entry_of_another_type_waits_for_its_replacement() -> None:
    """The engine may delete a renamed fleet that is not a target under its new name."""
    holders = [saved("old", {"a": "acc1", "b": "acc2"})]
    entries = {"a": DeclaredIdentity("a", "mock"), "b": DeclaredIdentity("b", "wa")}
    found = Ownership(holders, [declared("new", entries, alias="old")])
    assert found.awaits_account(Ref(urn("old"), "a"), "acc1")
    assert not found.awaits_account(Ref(urn("old"), "b"), "acc2")
    assert not found.awaits_account(Ref(urn("old"), "a"), "acc9")
