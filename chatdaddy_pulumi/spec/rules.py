"""The rules of each argument of an account, for programs, fleets and fleet files alike."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any, NamedTuple

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.spec import UNKNOWN
from chatdaddy_pulumi.spec.nearest import did_you_mean, nearest
from chatdaddy_pulumi.spec.problem import more, shown

#: Characters of a nickname, and of a key.
NICKNAME_LENGTH = 128

#: Characters of any other text; the API's own are a few words.
_LONGEST_TEXT = 10_000

#: How deep mappings and lists may be nested in one argument.
_DEEPEST = 10

#: Unicode categories of control characters, surrogates, and line and paragraph separators.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

#: Settings that the API has for itself.
INTERNAL_SETTINGS = ("coexistenceContactsSynced",)


class Inner(NamedTuple):
    """A problem, and its place inside an argument: ``[0]``, ``keepDeletedMessages.fromMe``."""

    place: str
    reason: str


@dataclass(frozen=True)
class Kind:
    """What a value must be, and how it is converted."""

    #: As JSON Schema, for editors.
    schema: Mapping[str, Any]
    problems: Callable[[Any], Iterable[Inner]]
    value: Callable[[Any], Any] = lambda given: given


# --- kinds of values


def _one_value(test: Callable[[Any], str | None], **schema: Any) -> Kind:
    """A value for which `test` finds no problem."""

    def problems(given: Any) -> Iterator[Inner]:
        if given != UNKNOWN and (problem := test(given)):
            yield Inner("", problem)

    return Kind(schema, problems)


def text_problem(given: Any) -> str | None:
    """What is wrong with a text."""
    if isinstance(given, str):
        return None
    hint = "; put quotes around it" if isinstance(given, (bool, int, float)) else ""
    return f"is {shown(given)}, but must be a text{hint}"


def _boolean_problem(given: Any) -> str | None:
    return None if isinstance(given, bool) else f"is {shown(given)}, but must be true or false"


#: The most that a number can be. The engine has only floats, which keep 15 digits.
_MOST = 10**15 - 1


def _count_problem(given: Any) -> str | None:
    whole = isinstance(given, int) or (isinstance(given, float) and given.is_integer())
    if isinstance(given, bool) or not whole:
        return f"is {shown(given)}, but must be a whole number"
    if given < 0:
        return f"is {shown(given)}, but must be at least 0"
    return None if given <= _MOST else f"is {shown(given)}, but must be at most {_MOST}"


def holds_control(text: str) -> bool:
    """Whether the text has control characters, which a program may not use in a nickname."""
    return _CONTROL.search(text) is not None


def nickname_problem(given: Any) -> str | None:
    """What is wrong with a nickname."""
    if not isinstance(given, str):
        return text_problem(given)
    if given.isprintable() and len(given) <= NICKNAME_LENGTH and given.strip():
        return None  # nearly all
    if not given.strip():
        return "is empty; give it at least one character that shows"
    if len(given) > NICKNAME_LENGTH:
        return f"has {len(given):,} characters, but {NICKNAME_LENGTH} are allowed; shorten it"
    if holds_control(given):
        return f"is {shown(given)}, but must not hold control characters"
    return None


def key_problem(given: Any) -> str | None:
    """What is wrong with an entry's key, which is its nickname if it has no other."""
    if problem := nickname_problem(given):
        return problem
    if given != given.strip():
        return "has spaces around it; take them away"
    return "must not begin with '__'" if given.startswith("__") else None


#: The form of an account's ID.
ACCOUNT_ID = re.compile(r"acc[A-Za-z0-9_-]{4,60}")


def account_id_problem(given: Any) -> str | None:
    """What is wrong with the ID of an account to take over."""
    if isinstance(given, str) and (given == UNKNOWN or ACCOUNT_ID.fullmatch(given)):
        return None
    return f"is {shown(given)}, but must be an account's ID, which starts with 'acc'"


def _word(kind: type[Enum], short: Mapping[str, Enum] = MappingProxyType({})) -> Kind:
    """A member of the enum, by its value or a short name."""
    words = {**short, **{str(member.value): member for member in kind}}

    def test(given: Any) -> str | None:
        if isinstance(given, str) and given in words:
            return None
        hint = did_you_mean(given, words) if isinstance(given, str) else ""
        return f"is {shown(given)}, but must be one of {', '.join(map(repr, words))}{hint}"

    return Kind({"enum": list(words)}, _one_value(test).problems, lambda given: words[given])


def _texts(of: str) -> Kind:
    """A list of texts."""

    def problems(given: Any) -> Iterator[Inner]:
        if given == UNKNOWN:
            return
        if not isinstance(given, (list, tuple)):
            yield Inner("", f"is {shown(given)}, but must be a list of {of}")
            return
        for number, one in enumerate(given):
            if problem := text_problem(one):
                yield Inner(f"[{number}]", problem)
            elif not one.strip():
                yield Inner(f"[{number}]", "is empty")

    return Kind({"type": "array", "items": {"type": "string"}}, problems, list)


def _mapping(of: str, kinds: Mapping[str, Kind]) -> Kind:
    """A mapping in which each known name has its own kind of value."""

    def problems(given: Any) -> Iterator[Inner]:
        if given == UNKNOWN:
            return
        if not isinstance(given, Mapping):
            yield Inner("", f"is {shown(given)}, but must be a mapping of {of}")
            return
        for name, value in given.items():
            if name in kinds and value is not None:
                yield from _inside(name, kinds[name].problems(value))
            elif name in INTERNAL_SETTINGS and value is not None:
                yield Inner(name, "is internal to ChatDaddy; leave it out")

    schema = {"type": "object", "properties": {name: kind.schema for name, kind in kinds.items()}}
    return Kind(schema, problems, _clean)


def _inside(name: str, problems: Iterable[Inner]) -> Iterator[Inner]:
    """The problems of a nested value, with its place."""
    for place, reason in problems:
        yield Inner(f"{name}.{place}" if place and place[0] != "[" else name + place, reason)


def _clean(value: Any) -> Any:
    """The value with whole numbers as integers, and without names whose value is None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, Mapping):
        return {name: _clean(inner) for name, inner in value.items() if inner is not None}
    if isinstance(value, (list, tuple)):
        return [_clean(inner) for inner in value]
    return value


# --- the arguments

_TEXT = _one_value(text_problem, type="string")
_BOOLEAN = _one_value(_boolean_problem, type="boolean")
_COUNT = _one_value(_count_problem, type="integer", minimum=0, maximum=_MOST)


class _Silenced(str, Enum):
    """The live streams whose comments are silenced."""

    ONGOING = "ongoing-live"
    LIVE = "all-live"
    ALL = "all"


#: The settings that the API documents. Others are allowed, since the API may get more.
SETTINGS: Mapping[str, Kind] = {
    "notifyUsers": _texts("user IDs"),
    "enableHistorySync": _BOOLEAN,
    "maxMessageSync": _COUNT,
    "nativeChatActionSync": _BOOLEAN,
    "unArchiveOnNewMessage": _BOOLEAN,
    "sendButtonsAsPoll": _BOOLEAN,
    "enableStories": _BOOLEAN,
    "autoSyncProductsToPlatform": _BOOLEAN,
    "keepDeletedMessages": _mapping("true and false", {"fromMe": _BOOLEAN}),
    "geoLocation": _TEXT,
    "autoTranscribeVoiceMessages": _BOOLEAN,
    "autoTranscribeCalls": _BOOLEAN,
    "commentsSilence": _mapping("words", {"category": _word(_Silenced)}),
    "show24HrWindowTooltip": _BOOLEAN,
    "combineWaAndWabaContacts": _BOOLEAN,
}

#: Arguments that entries may share: defaults may have them, and their values vary little.
SHARED: Mapping[str, Kind] = {
    "type": _word(AccountType),
    "tier": _word(Tier, {tier.short: tier for tier in Tier}),
    "settings": _mapping("settings", SETTINGS),
    "login_type": _word(LoginType),
    "assignees": _texts("user IDs"),
    "on_delete": _word(OnDelete),
    "existing": _word(Existing),
    "connect": _BOOLEAN,
    "allow_history_loss": _BOOLEAN,
}

#: Arguments that each account has for itself.
OWN: Mapping[str, Kind] = {
    "nickname": _one_value(nickname_problem, type="string", minLength=1, maxLength=NICKNAME_LENGTH),
    "adopt": _one_value(account_id_problem, type="string", pattern=f"^{ACCOUNT_ID.pattern}$"),
}

#: The arguments of an `Account`.
ACCOUNT: Mapping[str, Kind] = {"nickname": OWN["nickname"], **SHARED, "adopt": OWN["adopt"]}

#: The arguments of a fleet's entry.
ENTRY: Mapping[str, Kind] = {**ACCOUNT, "aliases": _texts("old keys")}


def argument_problems(name: str, value: Any, arguments: Mapping[str, Kind]) -> list[str]:
    """What is wrong with an argument. The value None means "not given", which is never wrong."""
    kind = arguments.get(name)
    if kind is None:
        return [f"is not an argument of an account{nearest(str(name), arguments)}"]
    if value is None:
        return []
    unfit = [] if name in OWN else list(_unfit(value))
    return [f"{place} {reason}".lstrip() for place, reason in unfit or kind.problems(value)]


def _unfit(value: Any, depth: int = 0) -> Iterator[Inner]:
    """Why a value can't be sent at all, whatever the argument."""
    if depth > _DEEPEST:
        yield Inner("", f"holds more than {_DEEPEST} nested mappings and lists")
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            if problem := _unfit_name(name):
                yield Inner("", f"must not hold {problem}")
            else:
                yield from _inside(name, _unfit(inner, depth + 1))
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from _inside(f"[{number}]", _unfit(inner, depth + 1))
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield Inner("", f"is {value}, but must be a finite number")
    elif isinstance(value, str):
        if problem := _unfit_text(value):
            yield Inner("", problem)
    elif value is not None and not isinstance(value, (bool, int)):
        must_be = "must be text, numbers, true, false, lists and mappings"
        yield Inner("", f"is {shown(value)}, but {must_be}")


def _unfit_name(name: Any) -> str | None:
    if problem := text_problem(name) or _unfit_text(name):
        return f"a name that {problem}"
    return "names that begin with '__'" if name.startswith("__") else None


def _unfit_text(text: str) -> str | None:
    if len(text) > _LONGEST_TEXT:
        return f"has {len(text):,} characters, but {_LONGEST_TEXT:,} are allowed"
    if re.search("[\x00\ud800-\udfff]", text):
        return "holds characters that can't be sent"
    return None


#: The most entries that a warning names.
_NAMED = 3


def misspelt(entries: Mapping[str, Iterable[str]]) -> list[str]:
    """A warning for each unknown setting whose name is close to a known one.

    `entries`: the names of the settings by entry.
    """
    found: dict[str, list[str]] = {}
    for entry, settings in entries.items():
        for name in settings:
            if name not in SETTINGS:
                found.setdefault(name, []).append(entry)
    return [
        f"{', '.join(entries[:_NAMED])} {more(len(entries), _NAMED)}".rstrip()
        + f": the setting {name!r} is not known{hint}"
        for name, entries in sorted(found.items())
        if (hint := did_you_mean(name, SETTINGS, cutoff=0.8))
    ]
