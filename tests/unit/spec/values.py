"""Arguments that a person may write, valid and invalid."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

#: Interesting characters: spaces, two spellings of an accent, control characters of every kind.
LETTERS = st.sampled_from("abA _é\u0301\u00a0中👍\x00\x07\x1b\x7f\x85\u2028\u2029\u200b'\"\\")
WORDS = st.text(LETTERS, max_size=6)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=8,
)

#: Values that both a file and a mapping can contain.
FINITE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | WORDS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(WORDS, inner, max_size=2),
    max_leaves=4,
)


#: Created lazily, because hypothesis prints what its strategies contain.
LONG = st.none().map(lambda _: "x" * 10_001)


def nested(depth: int) -> Any:
    """Nested lists."""
    value: Any = "deep"
    for _ in range(depth):
        value = [value]
    return value


SETTINGS = st.dictionaries(
    st.sampled_from(
        [
            "notifyUsers",
            "enableStories",
            "maxMessageSync",
            "keepDeletedMessages",
            "geoLocation",
            "commentsSilence",
            "coexistenceContactsSynced",
            "geoLocaton",
            "__hidden",
        ]
    ),
    FINITE
    | st.sampled_from([["u1"], {"fromMe": True}, {"category": "all"}, {"category": "al"}, 5.0])
    | LONG
    | st.sampled_from([nested(9), nested(15)]),
    max_size=3,
)

GOOD: dict[str, st.SearchStrategy[Any]] = {
    "type": st.sampled_from(["wa", "mock", "sms"]),
    "tier": st.sampled_from(["limited", "unlimited", "unlimited_msg_chat_history"]),
    "settings": st.fixed_dictionaries(
        {},
        optional={
            "notifyUsers": st.lists(st.sampled_from(["u1", "u2"])),
            "enableStories": st.booleans(),
            "maxMessageSync": st.integers(0, 9) | st.just(5.0),
            "geoLocation": st.sampled_from(["HK", "DE"]),
            "keepDeletedMessages": st.just({"fromMe": True}),
            "news": st.just([1, {"a": None}]),
        },
    ),
    "login_type": st.sampled_from(["facebook", "instagram"]),
    "assignees": st.lists(st.sampled_from(["u1", "u2"]), max_size=2),
    "on_delete": st.sampled_from(["delete", "delete_now", "archive", "retain"]),
    "existing": st.sampled_from(["fail", "adopt", "allow"]),
    "connect": st.booleans(),
    "allow_history_loss": st.booleans(),
}

NICKNAMES = st.sampled_from(["Al", "Al ", "Jos\u00e9", "Jose\u0301", "a", "b", "x" * 128])
IDS = st.sampled_from(["acc0001", "acc0002", "acc0123456789abcdef01234567"])

#: Keys, most of them valid.
KEYS = (
    st.sampled_from(["a", "b", "c", "old", "Al", "Jos\u00e9", "Jose\u0301"])
    | WORDS
    | st.just("__a")
)

WRONG: dict[str, st.SearchStrategy[Any]] = {
    **{
        name: LONG | st.sampled_from(["limitd", "whatsapp", "instgram", "wa ", "FAIL"]) | FINITE
        for name in GOOD
    },
    "settings": SETTINGS | FINITE,
    "nickname": WORDS | FINITE | st.just("x" * 129),
    "adopt": FINITE | st.sampled_from(["acc1", "../auth", "acc0001\n"]),
    "teir": FINITE,
    "zzz": st.just(1),
}

#: An entry in which each argument is valid or invalid, without `aliases`.
ENTRY: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        **{name: st.none() | GOOD[name] | WRONG[name] for name in GOOD},
        "nickname": st.none() | NICKNAMES | WRONG["nickname"],
        "adopt": st.none() | IDS | WRONG["adopt"],
        "teir": WRONG["teir"],
        "zzz": WRONG["zzz"],
    },
)
ALIASES = st.lists(KEYS, max_size=3) | FINITE
FLEET: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    KEYS,
    st.builds(
        lambda own, more: {**own, **more},
        ENTRY,
        st.fixed_dictionaries({}, optional={"aliases": ALIASES}),
    )
    | FINITE,
    max_size=5,
)

#: Valid fleets.
GOOD_FLEET: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]),
    st.none() | st.fixed_dictionaries({}, optional=GOOD),
    max_size=4,
)
