"""Reads raw arguments into the accounts that a program asks for, and finds all problems at once.

Values that are not known yet (`UNKNOWN`) pass the checks. The specs have the argument's default
instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from chatdaddy_pulumi.client.nicknames import normal
from chatdaddy_pulumi.enums import Existing
from chatdaddy_pulumi.spec import UNKNOWN, has_unknown
from chatdaddy_pulumi.spec.account import ARGUMENTS, AccountSpec, Arguments
from chatdaddy_pulumi.spec.problem import Problem, printable, shown
from chatdaddy_pulumi.spec.rules import (
    ACCOUNT,
    ENTRY,
    SHARED,
    Kind,
    account_id_problem,
    argument_problems,
    key_problem,
    nickname_problem,
)

#: The most problems that are reported: a mapping of another kind would have one for each entry.
MOST_PROBLEMS = 50

#: Arguments that each entry has for itself. Entries that are equal in all others are read once.
_OWN = ("nickname", "adopt", "aliases")


class AccountReading(NamedTuple):
    """An `Account`'s arguments, read."""

    #: None if there are problems.
    spec: AccountSpec | None
    problems: list[Problem]
    #: The arguments that are not known yet; an unknown nickname is "" in the spec.
    unknown: list[str]


class FleetReading(NamedTuple):
    """A fleet's arguments, read."""

    #: By key, without the entries that have problems.
    specs: dict[str, AccountSpec]
    problems: list[Problem]
    #: By key the arguments that are not known yet; by "" those of the fleet: ``accounts`` and
    #: ``defaults``. An unknown nickname is the key in the spec.
    unknown: dict[str, list[str]]
    #: The arguments of an entry that gives none.
    usual: Arguments


def read_account(given: Mapping[str, Any]) -> AccountReading:
    """Read an `Account`'s arguments. Names that begin with ``__`` are ignored."""
    said = {name: value for name, value in given.items() if not str(name).startswith("__")}
    read = _read(said, ACCOUNT)
    problems = [Problem.of(name, reason) for name, reason in read.problems]
    if said.get("nickname") is None:
        problems.insert(0, Problem("nickname", "is missing"))
    if problems:
        return AccountReading(None, problems, read.unknown)
    asked = _asked(read.values)
    nickname = read.values.get("nickname", "")
    return AccountReading(asked.spec(nickname, read.values.get("adopt")), [], read.unknown)


def read_fleet(
    accounts: Any, *, defaults: Any = None, on_delete: Any = None, existing: Any = None
) -> FleetReading:
    """A fleet's arguments.

    Args:
        accounts: A mapping from keys to arguments, or to None; or `UNKNOWN`.
        defaults: Arguments of every entry that does not give its own; `settings` are merged.
        on_delete: The fleet's own; `defaults` take precedence.
        existing: The fleet's own; `defaults` take precedence.
    """
    shared = _read({"on_delete": on_delete, "existing": existing}, SHARED)
    problems = [Problem.of(name, reason) for name, reason in shared.problems]
    usual, wrong = _usual(defaults, shared)
    problems += wrong
    unknown: dict[str, list[str]] = {}
    fleets = {"accounts": accounts, "defaults": defaults}
    if late := [name for name, value in fleets.items() if value == UNKNOWN]:
        unknown[""] = late
    if accounts == UNKNOWN:
        accounts = {}
    if not isinstance(accounts, Mapping):
        reason = f"is {shown(accounts)}, but must be a mapping from keys to arguments"
        return FleetReading({}, [*problems, Problem("accounts", reason)], unknown, usual.arguments)
    entries = Entries(list(accounts.items()), usual)
    problems += [
        Problem.of(_path(entries.given[number][0], argument), reason)
        for number, argument, reason in sorted(entries.wrong, key=lambda one: one.entry)
    ]
    return FleetReading(
        entries.specs, _few(problems), {**unknown, **entries.unknown}, usual.arguments
    )


def _path(key: Any, argument: str) -> str:
    path = f"accounts.{printable(str(key), 100)}"
    return f"{path}.{argument}" if argument else path


def _few(problems: list[Problem]) -> list[Problem]:
    if len(problems) <= MOST_PROBLEMS:
        return problems
    more = f"has {len(problems) - MOST_PROBLEMS:,} more problems"
    return [*problems[:MOST_PROBLEMS], Problem("accounts", more)]


# --- the arguments that entries share


class _Read(NamedTuple):
    """Arguments, read."""

    #: The right ones, by name.
    values: dict[str, Any]
    problems: list[tuple[str, str]]
    #: Names.
    unknown: list[str]


class _Asked(NamedTuple):
    """The arguments of a spec that accounts may share."""

    arguments: Arguments
    existing: Existing
    allow_history_loss: bool

    def spec(
        self, nickname: str, adopt: str | None = None, aliases: tuple[str, ...] = ()
    ) -> AccountSpec:
        return AccountSpec(
            nickname, self.arguments, self.existing, self.allow_history_loss, adopt, aliases
        )


def _read(given: Mapping[Any, Any], arguments: Mapping[str, Kind]) -> _Read:
    """The given arguments that are allowed, in the order of the rules."""
    read = _Read({}, [], [])
    named = [name for name in arguments if name in given]
    for name in (*named, *(name for name in given if name not in arguments)):
        value = given[name]
        if wrong := argument_problems(name, value, arguments):
            read.problems.extend((str(name), reason) for reason in wrong)
        elif value is None:
            continue
        elif has_unknown(value):
            read.unknown.append(name)
        else:
            read.values[name] = arguments[name].value(value)
    return read


def _asked(values: Mapping[str, Any]) -> _Asked:
    return _Asked(
        Arguments.of(**{name: values[name] for name in ARGUMENTS if name in values}),
        values.get("existing", Existing.FAIL),
        values.get("allow_history_loss", False),
    )


@dataclass(frozen=True)
class Usual:
    """The arguments that the fleet gives for all of its entries."""

    values: Mapping[str, Any] = field(default_factory=dict)
    unknown: tuple[str, ...] = ()

    @property
    def arguments(self) -> Arguments:
        return _asked(self.values).arguments

    def with_own(self, own: _Read) -> _Read:
        """An entry's arguments, with these as defaults."""
        values = {**self.values, **own.values}
        if "settings" in own.values and "settings" in self.values:
            values["settings"] = {**self.values["settings"], **own.values["settings"]}
        late = [
            name
            for name in self.unknown
            if name not in own.unknown and (name == "settings" or name not in own.values)
        ]
        unknown = [*own.unknown, *late]
        for name in unknown:
            values.pop(name, None)
        return _Read(values, own.problems, unknown)


def _usual(defaults: Any, shared: _Read) -> tuple[Usual, list[Problem]]:
    """The defaults with the fleet's own arguments, and the problems of the defaults."""
    if defaults == UNKNOWN:
        return Usual({}, tuple(SHARED)), []
    if defaults is not None and not isinstance(defaults, Mapping):
        reason = f"is {shown(defaults)}, but must be a mapping of arguments"
        return Usual(shared.values, tuple(shared.unknown)), [Problem("defaults", reason)]
    said = {name: value for name, value in (defaults or {}).items() if name not in _OWN}
    read = Usual(shared.values, tuple(shared.unknown)).with_own(_read(said, SHARED))
    problems = [
        Problem(f"defaults.{name}", "can't be a default: it is each entry's own")
        for name in _OWN
        if (defaults or {}).get(name) is not None
    ]
    problems += [Problem.of(f"defaults.{name}", reason) for name, reason in read.problems]
    return Usual(read.values, tuple(read.unknown)), problems


# --- the entries


class Wrong(NamedTuple):
    """A problem of an entry: its number, the argument ("" for the entry itself), and the reason."""

    entry: int
    argument: str
    reason: str


class _Alike(NamedTuple):
    """The result for entries that are equal in all arguments but their own."""

    asked: _Asked
    problems: list[tuple[str, str]]
    unknown: list[str]
    #: None if it is wrong or not known.
    type: str | None
    #: Whether another account of the nickname is allowed; None if that is wrong or not known.
    allowed: bool | None


class _Who(NamedTuple):
    """The parts of an entry that are compared with other entries."""

    entry: int
    nickname: str
    identity: tuple[str, str]
    allowed: bool | None


class Entries:
    """The entries of a fleet, from a mapping or a file, each read and compared with the others.

    Args:
        given: Keys and arguments, including duplicate keys.
        usual: The arguments that the fleet gives for all entries.
        beside: The position of an argument of another entry, as words: `` in line 3``.
    """

    def __init__(
        self,
        given: Sequence[tuple[Any, Any]],
        usual: Usual | None = None,
        beside: Callable[[int, str], str] = lambda _entry, _argument: "",
    ) -> None:
        self.given = given
        self.specs: dict[str, AccountSpec] = {}
        self.unknown: dict[str, list[str]] = {}
        self.wrong: list[Wrong] = []
        self._usual = usual or Usual()
        self._beside = beside
        self._seen: dict[str, _Alike] = {}
        self._who: list[_Who] = []
        self._adopted: list[tuple[int, str]] = []
        self._aliases: list[tuple[int, str]] = []
        for number, (key, own) in enumerate(given):
            self._entry(number, key, own)
        self._check_keys()
        self._check_nicknames()
        self._check_adopted()
        self._check_aliases()

    def _entry(self, number: int, key: Any, own: Any) -> None:
        wrong = len(self.wrong)
        if problem := key_problem(key):
            self._add(number, "", f"the key {problem}")
        if own is None:
            own = {}
        elif own == UNKNOWN:
            own = dict.fromkeys((*_OWN, *ENTRY), UNKNOWN)
        elif not isinstance(own, Mapping):
            self._add(number, "", f"is {shown(own)}, but must be a mapping of arguments")
            return
        nickname: str | None = None if problem else key
        adopt: str | None = None
        aliases: tuple[str, ...] = ()
        late: list[str] = []
        if not own.keys().isdisjoint(_OWN):
            nickname, adopt, aliases, late = self._own(number, nickname, own)
            own = {name: value for name, value in own.items() if name not in _OWN}
        alike = self._alike(own)
        self.wrong += [Wrong(number, name, reason) for name, reason in alike.problems]
        if late or alike.unknown:
            self.unknown[str(key)] = [*alike.unknown, *late]
        if nickname is None:
            return
        if alike.type is not None and "nickname" not in late:
            identity = normal(nickname), alike.type
            self._who.append(_Who(number, nickname, identity, alike.allowed))
        if len(self.wrong) == wrong:
            self.specs[key] = alike.asked.spec(nickname, adopt, aliases)

    def _own(
        self, number: int, key: str | None, own: Mapping[str, Any]
    ) -> tuple[str | None, str | None, tuple[str, ...], list[str]]:
        """Nickname, `adopt` and aliases if they are right, and the names of those not known yet."""
        late = []
        nickname, adopt, aliases = own.get("nickname"), own.get("adopt"), own.get("aliases")
        if nickname is None:
            nickname = key
        elif problem := nickname_problem(nickname):
            self._add(number, "nickname", problem)
            nickname = None
        elif nickname == UNKNOWN:
            late.append("nickname")
            nickname = key
        if adopt is not None and (problem := account_id_problem(adopt)):
            self._add(number, "adopt", problem)
            adopt = None
        elif adopt == UNKNOWN:
            late.append("adopt")
            adopt = None
        elif adopt is not None:
            self._adopted.append((number, adopt))
        if aliases is None:
            return nickname, adopt, (), late
        if problems := argument_problems("aliases", aliases, ENTRY):
            self.wrong += [Wrong(number, "aliases", problem) for problem in problems]
            return nickname, adopt, (), late
        if has_unknown(aliases):
            late.append("aliases")
            aliases = () if isinstance(aliases, str) else aliases
        known = tuple(alias for alias in aliases if alias != UNKNOWN)
        self._aliases += [(number, alias) for alias in known]
        return nickname, adopt, known, late

    def _alike(self, own: Mapping[str, Any]) -> _Alike:
        """The result for the shared arguments; each combination is read once."""
        signature = _signature(own)
        if signature in self._seen:
            return self._seen[signature]
        read = self._usual.with_own(_read(own, ENTRY))
        asked = _asked(read.values)
        doubtful = {*read.unknown, *(name for name, _ in read.problems)}
        alike = _Alike(
            asked,
            read.problems,
            read.unknown,
            None if "type" in doubtful else asked.arguments.type.value,
            None if "existing" in doubtful else asked.existing is Existing.ALLOW,
        )
        if signature is not None:
            self._seen[signature] = alike
        return alike

    def _add(self, number: int, argument: str, reason: str) -> None:
        self.wrong.append(Wrong(number, argument, reason))

    # --- comparing entries

    def _check_keys(self) -> None:
        keys = [key for key, _ in self.given]
        if len(set(keys)) == len(keys):
            return
        first: dict[Any, int] = {}
        for number, key in enumerate(keys):
            earlier = first.setdefault(key, number)
            if earlier != number:
                where = self._beside(earlier, "")
                self._add(number, "", f"the key is given twice; the first time{where}")

    def _check_nicknames(self) -> None:
        """Refuse equal nickname and type: nothing would distinguish the accounts."""
        if len({who.identity for who in self._who}) == len(self._who):
            return
        groups: dict[tuple[str, str], list[_Who]] = {}
        for who in self._who:
            groups.setdefault(who.identity, []).append(who)
        for first, *others in groups.values():
            if not others or all(who.allowed is not False for who in (first, *others)):
                continue
            key = self.given[first.entry][0]
            where = self._beside(first.entry, "nickname")
            each = "both" if len(others) == 1 else "all of them"
            for who in others:
                if self.given[who.entry][0] != key:
                    self._add(
                        who.entry,
                        "nickname",
                        f"{shown(who.nickname)} is the one of {shown(key)}{where} already"
                        f"{_apart(who.nickname, first.nickname)}; choose another one, or set "
                        f"existing to 'allow' in {each}",
                    )

    def _check_adopted(self) -> None:
        first: dict[str, int] = {}
        for number, account_id in self._adopted:
            earlier = first.setdefault(account_id, number)
            if earlier != number:
                other, where = shown(self.given[earlier][0]), self._beside(earlier, "adopt")
                self._add(number, "adopt", f"{account_id} is taken over by {other}{where} already")

    def _check_aliases(self) -> None:
        if not self._aliases:
            return
        keys = {key: number for number, (key, _) in enumerate(self.given)}
        first: dict[str, int] = {}
        for number, alias in self._aliases:
            said = shown(alias)
            if alias in keys:
                where = self._beside(keys[alias], "")
                reason = f"{said} is a key of the fleet{where}; an alias is one that it had before"
            elif alias not in first:
                first[alias] = number
                continue
            elif first[alias] == number:
                reason = f"{said} is given twice"
            else:
                other, where = shown(self.given[first[alias]][0]), self._beside(first[alias], "")
                reason = f"{said} is an alias of {other}{where} already"
            self._add(number, "aliases", reason)


def _signature(own: Mapping[str, Any]) -> str | None:
    """A key that is equal for equal arguments, whatever their values are."""
    if not own:
        return ""
    try:
        return repr(own)
    except (RecursionError, ValueError):
        return None


def _apart(nickname: str, other: str) -> str:
    """How two nicknames differ that look the same to a person."""
    return (
        "" if nickname == other else " (spaces around it and the spelling of accents don't count)"
    )
