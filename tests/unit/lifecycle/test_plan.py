"""The plan: the changes from what a resource holds to what is wanted."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle.decisions import Buy, Decisions, Reason, TakeOver
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.lifecycle.holders import Ref
from chatdaddy_pulumi.lifecycle.key_lists import lines
from chatdaddy_pulumi.lifecycle.plan import plan
from chatdaddy_pulumi.lifecycle.prices import Prices
from chatdaddy_pulumi.provider.messages import describe, summary
from chatdaddy_pulumi.spec.account import AccountSpec
from tests.support.sandbox import UNLIMITED
from tests.support.team import Team
from tests.unit.lifecycle.values import HELD, NAMES, SPECS, asked, spec


@pytest.mark.slow
@given(held=st.dictionaries(NAMES, HELD), wanted=st.dictionaries(NAMES, SPECS))
def test_a_plan_changes_each_key_once_and_no_unchanged_entry(
    held: dict[str, HeldAccount], wanted: dict[str, AccountSpec]
) -> None:
    made = plan(held, wanted)
    parts: list[Any] = [made.acquire, made.replace, made.change, made.remove]
    touched = [key for part in parts for key in part]
    assert len(touched) == len(set(touched))
    again = {
        key
        for key in wanted.keys() & held.keys()
        if held[key].missing_since is not None
        or (held[key].deleted and held[key].arguments.kind == wanted[key].arguments.kind)
    }
    assert set(made.acquire) == (wanted.keys() - held.keys()) | again
    assert set(made.remove) == held.keys() - wanted.keys()
    for key in (held.keys() & wanted.keys()) - set(touched):
        assert held[key].differences(wanted[key]) == {}
        assert held[key].arguments == wanted[key].arguments


@pytest.mark.slow
@given(wanted=st.dictionaries(NAMES, SPECS))
def test_unchanged_entries_need_no_plan(wanted: dict[str, AccountSpec]) -> None:
    held = {key: HeldAccount("acc1", one.nickname, one.arguments) for key, one in wanted.items()}
    assert plan(held, wanted).empty


@pytest.mark.slow
@given(held=st.dictionaries(NAMES, HELD, min_size=1), new=NAMES)
def test_a_changed_key_is_not_a_removal(held: dict[str, HeldAccount], new: str) -> None:
    old = sorted(held)[0]
    if new in held:
        return
    wanted = {new: AccountSpec(held[old].nickname, held[old].arguments)}
    made = plan(held, wanted, {new: old})
    assert old not in made.remove
    assert made.held[new] == held[old]
    assert not made.empty


def test_the_effect_of_a_change_of_each_argument() -> None:
    def kind(one: AccountSpec, drift: dict[str, Any] | None = None) -> str:
        made = plan({"a": HeldAccount("acc1", "a", asked(), drift=drift)}, {"a": one})
        parts = ("acquire", "replace", "change")
        (name,) = [name for name in parts if "a" in getattr(made, name)] or ["none"]
        return name

    assert kind(spec("a", asked(UNLIMITED))) == "change"
    assert kind(spec("another")) == "change"
    assert kind(spec(" a ")) == "none", "nicknames are compared in one form"
    assert kind(spec("a", asked(connect=True))) == "change"
    assert kind(spec("a", asked(on_delete=OnDelete.ARCHIVE))) == "change"
    assert kind(spec("a", asked(type="mock"))) == "replace"
    assert kind(spec("a", asked(login_type="facebook"))) == "replace"
    assert kind(spec("a"), {"deleted": True}) == "acquire"
    assert kind(spec("a"), {"missing": 1.0}) == "acquire"
    assert kind(spec("a", allow_history_loss=True)) == "none"
    assert kind(spec("a", adopt="acc1")) == "none"


def test_a_plan_in_one_line() -> None:
    held = {
        "tier": HeldAccount("acc1", "tier", asked()),
        "name": HeldAccount("acc2", "old", asked()),
        "gone": HeldAccount("acc3", "gone", asked(on_delete=OnDelete.ARCHIVE)),
        "type": HeldAccount("acc4", "type", asked()),
        "before": HeldAccount("acc5", "moved", asked()),
    }
    wanted = {
        "tier": spec("tier", asked(UNLIMITED)),
        "name": spec("new"),
        "type": spec("type", asked(type="mock")),
        "new": spec("new one"),
        "adopted": spec("adopted", adopt="acc9"),
        "after": spec("moved"),
    }
    made = plan(held, wanted, {"after": "before"})
    account = Team().buy("adopted")
    decisions = Decisions(
        {
            Ref("us", "type"): Buy(),
            Ref("us", "new"): Buy(),
            Ref("us", "adopted"): TakeOver(account, Reason.ADOPTED),
            Ref("others", "more"): Buy(),
        },
        {},
    )
    assert summary(made, decisions, Prices.parse(None), "us") == (
        "+ new, type (2 bought, 2.00 USD now); "
        f"→ adopted ({account.account_id}) (taken over, nothing bought); "
        "→ before → after (renamed, carried over); "
        "~ name: nickname 'old' → 'new', tier: limited → unlimited; "
        "- gone (archived); - type (deleted, 24 h to undo)"
    )


def test_unknown_prices_are_reported() -> None:
    made = plan({}, {"a": spec("a", asked(UNLIMITED)), "b": spec("b")})
    decisions = Decisions({Ref("us", "a"): Buy(), Ref("us", "b"): Buy()}, {})
    assert summary(made, decisions, Prices.parse(None), "us") == (
        "+ a, b (2 bought, 1.00 USD now, price of unlimited not known (set chatdaddy:prices))"
    )
    prices = Prices.parse(
        '{"limited": {"purchase": 1, "per_day": 0.1}, '
        '"unlimited": {"purchase": 10, "per_day": 0.3}}'
    )
    assert summary(made, decisions, prices, "us") == (
        "+ a, b (2 bought, 11.00 USD now, +12.00 USD a month)"
    )
    held = {"a": HeldAccount("acc1", "a", asked())}
    dearer = plan(held, {"a": spec("a", asked(UNLIMITED))})
    assert summary(dearer, Decisions({}, {}), prices, "us") == (
        "~ a: limited → unlimited (+6.00 USD a month)"
    )


def test_up_to_twenty_of_a_kind_are_named() -> None:
    made = plan({}, {f"k{n:02}": spec(f"k{n:02}") for n in range(23)})
    decisions = Decisions({Ref("us", key): Buy() for key in made.wanted}, {})
    told = summary(made, decisions, Prices.parse(None), "us")
    assert "k19 and 3 more (23 bought" in told
    assert "k20" not in told


def test_a_change_in_words() -> None:
    held = HeldAccount("acc1", "al", asked(), drift={"tier": UNLIMITED})
    wanted = spec("alice", asked(settings={"geoLocation": "HK"}))
    assert describe(held, wanted) == "nickname 'al' → 'alice', unlimited → limited, settings"


def test_many_failures_of_few_kinds_take_few_lines() -> None:
    told = lines({f"k{number:03}": "refused" for number in range(500)} | {"z": "unknown"})
    first = ", ".join(f"k{number:03}" for number in range(20))
    assert told == [f"  {first} and 480 more: refused", "  z: unknown"]
    several = lines({f"k{number}": f"reason {number}" for number in range(100)})
    assert len(several) == 41
    assert re.fullmatch(r"  … and 60 more", several[-1])


@pytest.mark.parametrize("name", ["settings", "assignees"])
def test_arguments_that_the_program_omits_are_no_difference(name: str) -> None:
    held = HeldAccount("acc1", "a", asked(**{name: {"x": 1} if name == "settings" else ["u"]}))
    assert held.differences(spec("a")) == {}
