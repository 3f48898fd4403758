"""The resources that a program declares, as far as the program knows them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any, Literal

from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.provider.fleet_lines import entries_digest
from chatdaddy_pulumi.provider.state import KIND, ORDERS, PART, StoredAccount, plain
from chatdaddy_pulumi.spec import FLEET_WIDE, UNKNOWN, has_unknown, known_text
from chatdaddy_pulumi.spec.account import AccountSpec
from chatdaddy_pulumi.spec.identity import DeclaredIdentity, entries
from chatdaddy_pulumi.spec.reading import FleetReading, read_account, read_fleet


@dataclass(frozen=True)
class Declared:
    """A resource of ours that the program declares, as far as it is known."""

    urn: str
    kind: Literal["account", "fleet"]
    #: The raw arguments of an `Account`, or a fleet's ``accounts`` (JSON text), ``defaults``,
    #: ``on_delete`` and ``existing``; values that are not known yet are `UNKNOWN`.
    given: Mapping[str, Any] = field(default_factory=dict)
    #: The URNs that it had before.
    aliases: tuple[str, ...] = ()
    #: The name of the explicit `Provider`; "" for the default one.
    provider: str = ""
    protect: bool = False
    retain: bool = False
    #: The arguments that the program gives as secrets; with `PART` if only parts of them are.
    secrets: tuple[str, ...] = ()
    #: Of an `Account`: what the program gives for the arguments whose changes it ignores.
    ignored: Mapping[str, Any] = field(default_factory=dict)
    #: Whether the engine deletes it before it creates its replacement.
    deletes_first: bool = False

    def as_checked(self, saved: StoredAccount) -> Declared:
        """The declaration with the saved inputs for what is ignored, as the engine passes them to
        the check. For a replacement, it ignores nothing."""
        inputs = saved.seen_inputs()
        kept = {name: inputs.get(name) for name in self.ignored}
        secrets = {*self.secrets, *self.secrets_that_stay(inputs)}
        now = replace(self, given={**self.given, **kept}, secrets=tuple(sorted(secrets)))
        kind = entries("account", now.given)[""].type, now.given.get("login_type")
        return now if kind == (inputs.get("type"), inputs.get("login_type")) else self

    def changed_by_transforms(self, given: Mapping[str, Any]) -> list[str]:
        """The arguments by which an `Account` is known and that are checked with other values than
        the program gives."""
        return [
            name
            for name in ("nickname", *KIND, "adopt")
            if name not in self.ignored
            and UNKNOWN not in (self.given.get(name), given.get(name))
            and self.given.get(name) != given.get(name)
        ]

    def secrets_that_stay(self, inputs: Mapping[str, Any]) -> list[str]:
        """The names of the saved inputs that were secrets, and are passed to the check."""
        names = inputs.get("__secrets") or ()
        return [name for name in names if name.removesuffix(PART) in self.ignored]

    @property
    def own_nickname(self) -> str:
        """The nickname that the program gives, if it ignores changes of it; "" if it does not, or
        if it is not known yet."""
        return known_text(self.ignored.get("nickname")) or ""

    def dump(self) -> str:
        """It as JSON text."""
        value = {known.name: getattr(self, known.name) for known in fields(self)}
        return json.dumps(value, ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> Declared:
        """Read what `dump` has written."""
        row = json.loads(text)
        return cls(**{**row, **{name: tuple(row[name]) for name in ("aliases", "secrets")}})

    @cached_property
    def specs(self) -> dict[str, AccountSpec]:
        """The entries that it asks for, by key, without those that are not known yet, or wrong."""
        if self.kind == "account":
            spec = read_account(self.given).spec
            return {} if spec is None else {"": spec}
        return {} if self.entries is None else self.reading().specs

    def unknown(self, key: str) -> set[str]:
        """The arguments of an entry that are not known yet."""
        if self.kind == "account":
            return {*read_account(self.given).unknown}
        return {*self.reading().unknown.get(key, ())}

    def reading(self) -> FleetReading:
        """A fleet's entries, as a check reads them."""
        accounts = self.given.get("accounts")
        if isinstance(accounts, str) and accounts != UNKNOWN:
            accounts = json.loads(accounts)
        shared = {name: self.given.get(name) for name in FLEET_WIDE}
        return read_fleet(accounts, **shared)

    @cached_property
    def is_late(self) -> bool:
        """Whether some of what it asks for is not known yet."""
        return has_unknown(self.given)

    @cached_property
    def says_login_type(self) -> bool:
        """Whether any entry may have a login type. It is faster than to read a large fleet."""
        return "login_type" in str(self.given)

    @cached_property
    def digest(self) -> str | None:
        """Of all that a fleet's entries say; None if some of it comes late, and of an account."""
        return entries_digest(self.given) if self.kind == "fleet" else None

    @cached_property
    def entries(self) -> dict[str, DeclaredIdentity] | None:
        """The identities of its entries, by key; None while the program does not know them."""
        late = self.kind == "fleet" and self.given.get("accounts") in (None, UNKNOWN)
        return None if late else entries(self.kind, self.given)


def removal_of(said: Any) -> OnDelete | None:
    """The value of an `on_delete`; None if it is not given, not known yet or wrong."""
    return OnDelete(said) if said in [way.value for way in OnDelete] else None


def is_settled(declared: Declared, state: Mapping[str, Any]) -> bool:
    """Whether a fleet's entries are those of its last complete update, by the saved state."""
    settled = plain(state.get("__settled"))
    return bool(settled) and settled == declared.digest and not state.get(ORDERS)


def may_buy(declared: Declared, saved: Mapping[str, Any]) -> bool:
    """Whether a resource may buy in this run, by the saved state."""
    state = saved.get(declared.urn)
    if state is None or state.get(ORDERS) or state.get("__missing_since"):
        return True
    if declared.kind == "fleet":
        return not is_settled(declared, state)
    before = state.get("__declared") or {}
    said = declared.given
    names = [name for name in KIND if name not in declared.ignored]
    return any(said.get(name) not in (None, before.get(name)) for name in names)
