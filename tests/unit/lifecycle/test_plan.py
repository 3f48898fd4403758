"""From what a fleet holds to what is wanted: the plan, its limits, and the state's text."""

from __future__ import annotations

import re
from typing import Any

import pytest
from chatdaddy_pulumi.lifecycle.fleet import text
from chatdaddy_pulumi.lifecycle.fleet.entry import Entry, Record, Terms
from chatdaddy_pulumi.lifecycle.fleet.intent import Baseline, Dropped, Identity, Intent, Open
from chatdaddy_pulumi.lifecycle.fleet.limits import (
    Limit,
    TooMuch,
    check_purchases,
    check_removals,
)
from chatdaddy_pulumi.lifecycle.fleet.listing import lines
from chatdaddy_pulumi.lifecycle.fleet.plan import describe, plan
from chatdaddy_pulumi.resources.account_fleet.outputs import accounts_of
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.enums import OnDelete, Tier
from chatdaddy_pulumi.lifecycle.prices import Prices

LIMITED, UNLIMITED = Tier.LIMITED.value, Tier.UNLIMITED.value

#: As the arguments' check lets them through: anything that is no control character.
_LETTERS = "ab é中👍:#\"'\\,{}[]%@\u2028\x85"
NAMES = st.text(_LETTERS, min_size=1, max_size=6).filter(lambda name: name == name.strip())

TERMS = st.builds(
    Terms.of,
    type=st.sampled_from(["wa", "mock"]),
    tier=st.sampled_from([LIMITED, UNLIMITED]),
    settings=st.none() | st.fixed_dictionaries({"geoLocation": NAMES}),
    login_type=st.sampled_from([None, "facebook"]),
    assignees=st.none() | st.lists(NAMES, max_size=2),
    connect=st.booleans(),
    on_delete=st.sampled_from(OnDelete),
)
ENTRIES = st.builds(Entry, nickname=NAMES, terms=TERMS)
IDS = st.integers(0, 16**4 - 1).map("acc{:04x}".format)
DRIFTS = st.none() | st.fixed_dictionaries(
    {}, optional={"tier": st.just(UNLIMITED), "nickname": NAMES, "deleted": st.just(True)}
).filter(bool)
RECORDS = st.builds(
    Record,
    account_id=IDS,
    nickname=NAMES,
    terms=TERMS,
    state=st.sampled_from(["open", "connecting", "close"]),
    drift=DRIFTS,
)


def terms(tier: str = LIMITED, **others: Any) -> Terms:
    return Terms.of(type="wa", tier=tier, **others)


# --- the plan


@given(held=st.dictionaries(NAMES, RECORDS), wanted=st.dictionaries(NAMES, ENTRIES))
def test_a_plan_touches_each_key_once_and_leaves_what_is_as_wanted(
    held: dict[str, Record], wanted: dict[str, Entry]
) -> None:
    made = plan(held, wanted)
    parts = [made.acquire, made.replace, made.recreate, made.change, made.remove]
    touched = [key for part in parts for key in part]
    assert len(touched) == len(set(touched))
    assert set(made.acquire) == wanted.keys() - held.keys()
    assert set(made.remove) == held.keys() - wanted.keys()
    for key in (held.keys() & wanted.keys()) - set(touched):
        assert held[key].differences(wanted[key]) == {}
        assert held[key].terms == wanted[key].terms


@given(wanted=st.dictionaries(NAMES, ENTRIES))
def test_what_is_as_wanted_needs_no_plan(wanted: dict[str, Entry]) -> None:
    held = {key: Record("acc1", entry.nickname, entry.terms) for key, entry in wanted.items()}
    assert plan(held, wanted).empty


def test_what_a_change_of_each_argument_means() -> None:
    held = {"a": Record("acc1", "a", terms())}

    def kind(entry: Entry, record: Record | None = None) -> str:
        made = plan({"a": record} if record else held, {"a": entry})
        (name,) = [
            name for name in ("replace", "recreate", "change") if "a" in getattr(made, name)
        ] or ["none"]
        return name

    assert kind(Entry("a", terms(UNLIMITED))) == "change"
    assert kind(Entry("another", terms())) == "change"
    assert kind(Entry("a", terms(connect=True))) == "change"
    assert kind(Entry("a", terms(on_delete=OnDelete.ARCHIVE))) == "change"
    assert kind(Entry("a", Terms.of(type="mock", tier=LIMITED))) == "replace"
    assert kind(Entry("a", terms(login_type="facebook"))) == "replace"
    assert kind(Entry("a", terms()), Record("acc1", "a", terms(), drift={"deleted": True})) == (
        "recreate"
    )
    assert kind(Entry("a", terms(), allow_history_loss=True)) == "none"
    assert kind(Entry("a", terms(), adopt="acc1")) == "none"


def test_a_plan_in_one_line() -> None:
    held = {
        "tier": Record("acc1", "tier", terms()),
        "name": Record("acc2", "old", terms()),
        "gone": Record("acc3", "gone", terms(on_delete=OnDelete.ARCHIVE)),
        "type": Record("acc4", "type", terms()),
    }
    wanted = {
        "tier": Entry("tier", terms(UNLIMITED)),
        "name": Entry("new", terms()),
        "type": Entry("type", Terms.of(type="mock", tier=LIMITED)),
        "new": Entry("new", terms()),
        "adopted": Entry("adopted", terms(), adopt="acc9"),
    }
    made = plan(held, wanted)
    assert made.summary(Prices.parse(None)) == (
        "+2 bought, +1 taken over, ~1 nickname, ~1 tier, -1 archived, -1 deleted, 2.00 USD now"
    )
    unknown = plan({}, {"a": Entry("a", terms(UNLIMITED))})
    assert unknown.summary(Prices.parse(None)) == (
        "+1 bought, price of 1 unlimited not known (set chatdaddy:prices)"
    )


def test_a_change_in_words() -> None:
    record = Record("acc1", "al", terms(), drift={"tier": UNLIMITED})
    entry = Entry("alice", terms(settings={"geoLocation": "HK"}))
    assert describe(record, entry) == (
        f"nickname 'al' → 'alice', tier {UNLIMITED!r} → {LIMITED!r}, settings"
    )


# --- the limits


@pytest.mark.parametrize(
    ("given_", "held", "number"),
    [(12, 100, 12), (12.0, 100, 12), ("12", 100, 12), ("10%", 97, 9), ("12.5 %", 100, 12)],
)
def test_limits_are_numbers_or_shares(given_: object, held: int, number: int) -> None:
    assert Limit.parse(given_).of(held) == number


@pytest.mark.parametrize("given_", [-1, True, 1.5, "ten", "101%", "", None, [], "-5%", "nan%"])
def test_a_limit_of_another_form_is_refused(given_: object) -> None:
    with pytest.raises(ValueError, match="must be"):
        Limit.parse(given_)


@pytest.mark.parametrize(
    ("removed", "held", "limit", "fine"),
    [
        (5, 6, None, True),
        (6, 20, None, False),
        (10, 100, None, True),
        (11, 100, None, False),
        (3, 3, None, False),  # nothing is left: never by accident
        (3, 3, 3, True),
        (0, 0, None, True),
        (2, 10, "10%", False),
        (1, 10, "10%", True),
        (100, 100, "100%", True),
    ],
)
def test_removals_are_limited(removed: int, held: int, limit: Any, fine: bool) -> None:
    keys = [f"k{number}" for number in range(removed)]
    bound = None if limit is None else Limit.parse(limit)
    if fine:
        check_removals(keys, held, bound, held - removed)
        return
    with pytest.raises(TooMuch, match=f"max_removals={removed}") as refused:
        check_removals(keys, held, bound, held - removed)
    assert "k0" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_purchases_are_limited_where_that_is_asked_for() -> None:
    check_purchases(["a"] * 1000, 0, None)
    check_purchases(["a"] * 3, 0, Limit.parse(3))
    check_purchases(["a"] * 3, 0, Limit.parse("10%"))  # a share of nothing binds no first run
    with pytest.raises(TooMuch, match="at most 3"):
        check_purchases(["a"] * 4, 0, Limit.parse(3))
    with pytest.raises(TooMuch, match="at most 1"):
        check_purchases(["a", "b"], 10, Limit.parse("10%"))


# --- the state


@given(records=st.dictionaries(NAMES, RECORDS))
def test_records_survive_the_state(records: dict[str, Record]) -> None:
    written = text.write_records(records)
    assert text.read_records(written) == records
    shown = accounts_of(written)
    assert {key: one["account_id"] for key, one in shown.items()} == {
        key: record.account_id for key, record in records.items()
    }
    assert {key: one["tier"] for key, one in shown.items()} == {
        key: record.tier for key, record in records.items()
    }


BASELINES = st.builds(
    Baseline,
    identity=st.builds(
        Identity, nickname=NAMES, type=st.sampled_from(["wa", "mock"]), login_type=st.none()
    ),
    run=st.integers(1, 3),
    before=st.lists(IDS, max_size=2).map(tuple),
)


@given(
    entries=st.dictionaries(NAMES, BASELINES),
    dropped=st.lists(
        st.builds(Dropped, key=NAMES, baseline=BASELINES, on_delete=st.sampled_from(OnDelete))
    ),
    user_id=st.none() | NAMES,
    on_delete=st.dictionaries(NAMES, st.sampled_from(OnDelete)),
    rest=st.sampled_from(OnDelete),
)
def test_an_intent_survives_the_state(
    entries: Any, dropped: Any, user_id: Any, on_delete: Any, rest: Any
) -> None:
    intent = Intent(entries, tuple(dropped), user_id, on_delete, rest)
    written = text.write_intent(intent)
    assert text.read_intent(written) == intent
    runs = [one.run for one in entries.values()] + [one.baseline.run for one in dropped]
    assert text.newest_run(written) == max(runs, default=0)


@given(
    left_open=st.dictionaries(
        NAMES,
        st.builds(
            Open,
            nickname=NAMES,
            seen=st.lists(IDS, max_size=2).map(tuple),
            unknown=st.booleans(),
            at=st.integers(0, 2**31).map(float),
        ),
    )
)
def test_what_is_left_open_survives_the_state(left_open: dict[str, Open]) -> None:
    assert text.read_open(text.write_open(left_open)) == left_open


def test_ten_thousand_accounts_take_few_bytes() -> None:
    keys = [f"customer-{number:05}" for number in range(10_000)]
    records = {
        key: Record(f"acc0123456789abcdefghijk{number:04x}", key, terms())
        for number, key in enumerate(keys)
    }
    assert len(str(text.write_records(records))) < 52 * len(keys)
    entries = {key: Baseline(Identity(key), 1) for key in keys}
    assert len(text.write_intent(Intent(entries))) < 20 * len(keys)


def test_many_failures_of_few_kinds_take_few_lines() -> None:
    told = lines({f"k{number:03}": "refused" for number in range(500)} | {"z": "unknown"})
    first = ", ".join(f"k{number:03}" for number in range(10))
    assert told == [f"  {first} and 490 more: refused", "  z: unknown"]
    several = lines({f"k{number}": f"reason {number}" for number in range(100)})
    assert len(several) == 41
    assert re.fullmatch(r"  … and 60 more", several[-1])
