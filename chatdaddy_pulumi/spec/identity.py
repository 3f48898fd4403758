"""The identities of the accounts that a program declares, read from its raw arguments.

The program uses this, so nothing heavy is imported. Wrong arguments are left to the check.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Literal, NamedTuple

from chatdaddy_pulumi.client.nicknames import normal, stored
from chatdaddy_pulumi.enums import AccountType, Existing
from chatdaddy_pulumi.spec import UNKNOWN, known_text


class Identity(NamedTuple):
    """What identifies an account before it has an ID."""

    #: In its normal form, for comparisons.
    nickname: str
    #: The API's word.
    type: str


def identity_of(nickname: str | None, type_: str | None) -> Identity:
    """An account's identity as it was seen."""
    return Identity(normal(nickname), type_ or "")


def as_stored(identity: Identity) -> Identity:
    """The identity by which an account is found: ChatDaddy may store a nickname in another form."""
    return identity._replace(nickname=stored(identity.nickname))


class DeclaredIdentity(NamedTuple):
    """The identity of a raw entry. Values that are not known yet, or wrong, are None."""

    #: As it was given; the key if none was.
    nickname: str | None
    type: str | None
    adopt: str | None = None
    aliases: tuple[str, ...] = ()
    #: ``fail``, ``adopt`` or ``allow``.
    existing: str | None = Existing.FAIL.value
    #: Whether ``adopt`` is given, and not known yet.
    adopts_late: bool = False
    #: As it was given.
    login_type: str | None = None

    @property
    def identity(self) -> Identity | None:
        """Comparable with `AccountSpec.identity`; None if nickname or type is not known."""
        if self.nickname is None or self.type is None:
            return None
        return Identity(normal(self.nickname), self.type)

    @property
    def kind(self) -> str | None:
        """Comparable with `Arguments.kind`; None if the type is not known."""
        return " ".join(filter(None, (self.type, self.login_type))) if self.type else None


def entries(
    kind: Literal["account", "fleet"], given: Mapping[str, Any]
) -> dict[str, DeclaredIdentity]:
    """The identities by key; an `Account` has the key "".

    Args:
        kind: What was declared.
        given: An `Account`'s arguments; or a fleet's `accounts` (a mapping, or its JSON text),
            `defaults` and `existing`.
    """
    if kind == "account":
        return {"": _identity(given, {}, None)}
    accounts = _loaded(given.get("accounts"))
    defaults = given.get("defaults")
    if defaults == UNKNOWN:
        defaults = {"type": UNKNOWN, "existing": UNKNOWN}
    if not isinstance(accounts, Mapping):
        return {}
    usual = {"existing": given.get("existing")}
    if isinstance(defaults, Mapping):
        usual |= {name: value for name, value in defaults.items() if value is not None}
    return {
        key: _identity(_mapping(own), usual, key)
        for key, own in accounts.items()
        if isinstance(key, str)
    }


def _identity(
    own: Mapping[str, Any], usual: Mapping[str, Any], key: str | None
) -> DeclaredIdentity:
    nickname = own.get("nickname")
    adopt, aliases = own.get("adopt"), own.get("aliases")
    listed = aliases if isinstance(aliases, (list, tuple)) else ()
    return DeclaredIdentity(
        known_text(key if nickname is None else nickname),
        _word(own, usual, "type", AccountType, AccountType.WHATSAPP),
        known_text(adopt),
        tuple(alias for alias in map(known_text, listed) if alias is not None),
        _word(own, usual, "existing", Existing, Existing.FAIL),
        adopt == UNKNOWN,
        known_text(own.get("login_type") or usual.get("login_type")),
    )


def _mapping(own: Any) -> Mapping[str, Any]:
    """An entry's arguments; those that identify it are not known if the entry is not."""
    if own == UNKNOWN:
        return dict.fromkeys(("nickname", "type", "adopt", "aliases", "existing"), UNKNOWN)
    return own if isinstance(own, Mapping) else {}


def _word(
    own: Mapping[str, Any],
    usual: Mapping[str, Any],
    name: str,
    kind: type[AccountType] | type[Existing],
    default: Enum,
) -> str | None:
    said = own.get(name)
    if said is None:
        said = usual.get(name)
    if said is None:
        said = default
    try:
        return str(kind(said).value)
    except ValueError:
        return None


def _loaded(accounts: Any) -> Any:
    if not isinstance(accounts, str):
        return accounts
    try:
        return json.loads(accounts)
    except ValueError:
        return None
