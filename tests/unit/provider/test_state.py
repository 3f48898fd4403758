"""The stored state: it loads as it was written, and is small."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import REPLACED, Ref
from chatdaddy_pulumi.lifecycle.recovery import Note, Order, OrderId
from chatdaddy_pulumi.provider.fleet_lines import accounts_of
from chatdaddy_pulumi.provider.state import (
    ACCOUNT_TYPE,
    FLEET_TYPE,
    INTENT_TYPE,
    StoredAccount,
    StoredFleet,
    StoredIntent,
    plain,
    read_orders,
    saved_holder,
    secret,
    write_orders,
)
from chatdaddy_pulumi.spec.identity import Identity
from tests.support.provider import through_engine
from tests.support.sandbox import LIMITED, UNLIMITED
from tests.unit.lifecycle.values import HELD, IDS, NAMES, asked

TIMES = st.integers(1, 2**31).map(float)
NOTES = st.builds(
    Note,
    identity=st.builds(Identity, nickname=NAMES, type=st.sampled_from(["wa", "mock"])),
    tier=st.sampled_from([LIMITED, UNLIMITED, ""]),
    at=TIMES,
    before=st.lists(IDS, max_size=2).map(tuple),
    after=TIMES,
)
REFS = st.builds(Ref, holder=st.sampled_from(["urn:a", "urn:b"]), key=NAMES | st.just(""))
ORDERS = st.builds(
    Order,
    note=NOTES,
    since=TIMES,
    until=TIMES,
    again=st.lists(TIMES, max_size=2).map(tuple),
    missing_since=TIMES,
    unawaited=st.booleans(),
)


def test_the_type_tokens_never_change() -> None:
    assert ACCOUNT_TYPE == "pulumi-python:dynamic/chatdaddy:Account"
    assert FLEET_TYPE == "pulumi-python:dynamic/chatdaddy:AccountFleet"
    assert INTENT_TYPE == "pulumi-python:dynamic/chatdaddy:Intent"


@pytest.mark.slow
@given(
    held=st.dictionaries(NAMES, HELD),
    failed=st.dictionaries(NAMES, NAMES),
    orders=st.dictionaries(NAMES, ORDERS),
    hidden=st.booleans(),
)
def test_a_fleet_loads_as_it_was_written(
    held: dict[str, HeldAccount],
    failed: dict[str, str],
    orders: dict[str, Order],
    hidden: bool,
) -> None:
    state = StoredFleet(held, failed, orders, worked_at=17.0, most=99, settled="abc")
    written = state.dump(hidden=hidden)
    assert StoredFleet.load(through_engine(written)) == state
    shown = accounts_of({n: plain(written.get(f"__{n}")) for n in ("held", "terms", "drift")})
    assert {key: one["account_id"] for key, one in shown.items()} == {
        key: one.account_id for key, one in held.items()
    }
    assert {key: one["tier"] for key, one in shown.items()} == {
        key: one.tier for key, one in held.items()
    }


@pytest.mark.slow
@given(held=st.dictionaries(NAMES, HELD, min_size=1))
def test_secret_inputs_of_a_fleet_are_secret(held: dict[str, HeldAccount]) -> None:
    written = StoredFleet(held).dump(hidden=True)
    open_ = {name: one for name, one in written.items() if plain(one) == one}
    text = json.dumps(open_, ensure_ascii=False)
    assert not any(one.account_id in text for one in held.values())


@given(held=HELD)
def test_a_replaced_account_is_not_an_entry(held: HeldAccount) -> None:
    written = through_engine(StoredFleet({f"a{REPLACED}acc1": held, "a": held}).dump())
    assert set(accounts_of({n: written.get(f"__{n}") for n in ("held", "terms", "drift")})) == {"a"}
    holder = saved_holder(f"urn:pulumi:dev::tests::{FLEET_TYPE}::x", written)
    assert holder is not None
    assert set(holder.accounts) == {"a"}


def stored_account(**changes: Any) -> StoredAccount:
    inputs = {"nickname": "alice", "type": "wa", "tier": LIMITED, "on_delete": "delete"}
    facts = {"account_id": "acc1", "nickname": "alice", "type": "wa", "tier": LIMITED}
    held = HeldAccount("acc1", "alice", asked())
    return StoredAccount(held, {**facts, "state": "close", "user_id": "+49"}, inputs, **changes)


@pytest.mark.parametrize("own_nickname", ["", "bob"])
def test_an_account_loads_as_it_was_written(own_nickname: str) -> None:
    state = stored_account(cost={"purchase": 1.0})
    assert state.held is not None
    state.held = state.held._replace(own_nickname=own_nickname)
    assert StoredAccount.load(through_engine(state.dump())) == state


def test_the_phone_number_and_secret_inputs_are_secret() -> None:
    written = stored_account().dump(["nickname"])
    assert written["user_id"] == secret("+49")
    assert written["nickname"] == secret("alice")
    assert written["__declared"] == secret(stored_account().inputs)
    assert StoredAccount.load(through_engine(written)) == stored_account()


@given(order=ORDERS)
def test_an_order_loads_as_it_was_written(order: Order) -> None:
    state = StoredAccount(inputs={"nickname": "a"}, order=order, failed="why")
    assert StoredAccount.load(through_engine(state.dump())) == state


@pytest.mark.slow
@given(notes=st.dictionaries(REFS, NOTES), hidden=st.booleans())
def test_an_intent_loads_as_it_was_written(notes: dict[Ref, Note], hidden: bool) -> None:
    # The intent itself says the team.
    notes = {ref: note._replace(team="") for ref, note in notes.items()}
    written = StoredIntent(notes).dump(hidden=hidden)
    assert StoredIntent.load(through_engine(written)).notes == notes


@pytest.mark.slow
@given(orders=st.dictionaries(REFS, ORDERS))
def test_orders_load_as_they_were_written(orders: dict[Ref, Order]) -> None:
    found = {OrderId(ref, one.note.identity): one for ref, one in orders.items()}
    assert StoredIntent.load(through_engine(StoredIntent({}, found).dump())).orders == found
    assert read_orders(write_orders(found)) == found


@pytest.mark.parametrize(("number", "bytes_each", "note_bytes"), [(1_000, 53, 20), (10_000, 36, 4)])
def test_accounts_take_few_bytes(number: int, bytes_each: int, note_bytes: int) -> None:
    """Large texts are compressed. IDs are random, so half of each is left."""
    keys = [f"customer-{one:05}" for one in range(number)]
    draw = Random(7).getrandbits
    held = {key: HeldAccount(f"acc{draw(96):024x}", key, asked()) for key in keys}
    fleet = StoredFleet(held).dump()
    assert len(str(fleet)) < bytes_each * number
    assert StoredFleet.load(through_engine(fleet)).held == held
    notes = {Ref("urn", key): Note(Identity(key, "wa"), LIMITED, 1.0) for key in keys}
    intent = StoredIntent(notes).dump()
    assert len(str(intent)) < note_bytes * number + 1_000
    assert StoredIntent.load(through_engine(intent)).notes == notes
