"""Values for property-based tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.lifecycle.held import HeldAccount
from chatdaddy_pulumi.spec.account import AccountSpec, Arguments
from tests.support.sandbox import LIMITED, UNLIMITED

#: Nicknames that pass the check: without control characters.
_LETTERS = "ab é中👍:#\"'\\,{}[]%@\u2028\x85"
NAMES = st.text(_LETTERS, min_size=1, max_size=6).filter(lambda name: name == name.strip())

ARGUMENTS = st.builds(
    Arguments.of,
    type=st.sampled_from(["wa", "mock"]),
    tier=st.sampled_from([LIMITED, UNLIMITED]),
    settings=st.none() | st.fixed_dictionaries({"geoLocation": NAMES}),
    login_type=st.sampled_from([None, "facebook"]),
    assignees=st.none() | st.lists(NAMES, max_size=2),
    connect=st.booleans(),
    on_delete=st.sampled_from(OnDelete),
)
SPECS = st.builds(AccountSpec, nickname=NAMES, arguments=ARGUMENTS)
IDS = st.integers(0, 16**4 - 1).map("acc{:04x}".format)
DRIFTS = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "tier": st.just(UNLIMITED),
        "nickname": NAMES,
        "deleted": st.just(True),
        "missing": st.just(1_800_000_000.0),
    },
).filter(bool)
HELD = st.builds(
    HeldAccount,
    account_id=IDS,
    nickname=NAMES,
    arguments=ARGUMENTS,
    state=st.sampled_from(["open", "connecting", "close"]),
    drift=DRIFTS,
    own_nickname=st.just(""),  # only the state of an `Account` keeps it
)


def asked(tier: str = LIMITED, **others: Any) -> Arguments:
    """The arguments of an entry."""
    return Arguments.of(**{"type": "wa", "tier": tier, **others})


def spec(nickname: str, arguments: Arguments | None = None, **others: Any) -> AccountSpec:
    return AccountSpec(nickname, arguments or asked(), **others)
