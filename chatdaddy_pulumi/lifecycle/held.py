"""An account that a resource holds: what the last run asked for, and what differs from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from chatdaddy_pulumi.client.nicknames import same, stored
from chatdaddy_pulumi.enums import OnDelete
from chatdaddy_pulumi.spec.account import AccountSpec, Arguments
from chatdaddy_pulumi.spec.identity import Identity, identity_of

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ObservedAccount

#: The attributes that a patch can change.
_PATCHED = ("nickname", "tier", "settings", "assignees")

#: Those that a purchase can't set.
_NOT_BOUGHT = ("assignees",)


class HeldAccount(NamedTuple):
    """One account. `nickname` and `arguments` are those of the last create or update."""

    account_id: str
    nickname: str
    arguments: Arguments
    state: str = "close"
    #: What differs from what was asked for, as it was seen: ``nickname``, ``tier``, ``settings``,
    #: ``assignees``, each None if it is not known; ``deleted``: it is in its 24 hours of grace;
    #: ``missing``: the time (seconds since 1970) since which no listing shows it, although nothing
    #: proves that it is gone.
    drift: Mapping[str, Any] | None = None
    #: The nickname that the program gives, if it is another: it ignores changes of it, or the last
    #: change has failed.
    own_nickname: str = ""

    @classmethod
    def seen(
        cls,
        account: ObservedAccount,
        nickname: str,
        arguments: Arguments,
        unsent: Collection[str] = (),
    ) -> HeldAccount:
        """The account as ChatDaddy shows it, beside what was asked for; see `differences_seen`."""
        drift = differences_seen(account, nickname, arguments, unsent)
        return cls(account.account_id, nickname, arguments, account.state or "close", drift)

    def seen_again(self, account: ObservedAccount) -> HeldAccount:
        """The account as ChatDaddy shows it now. What an answer does not say is as it was seen
        before."""
        now = HeldAccount.seen(account, self.nickname, self.arguments)
        unsaid = {
            name: was
            for name, was in (self.drift or {}).items()
            if name in _PATCHED and not self._says(account, name, known=was is not None)
        }
        drift = {**unsaid, **(now.drift or {})} or None
        return now._replace(drift=drift, own_nickname=self.own_nickname)

    def _says(self, account: ObservedAccount, name: str, *, known: bool) -> bool:
        """Whether an answer says an attribute. If it is not `known`, each setting counts."""
        said = getattr(account, name)
        return said is not None if known else _is_said(said, name, self.arguments)

    @classmethod
    def bought(cls, account: ObservedAccount, nickname: str, arguments: Arguments) -> HeldAccount:
        """An account that was bought just now. What the purchase could not set is not known if the
        answer lacks it."""
        return cls.seen(account, nickname, arguments, _NOT_BOUGHT)

    @classmethod
    def taken(cls, account: ObservedAccount, nickname: str, arguments: Arguments) -> HeldAccount:
        """An account that is taken over. What the answer lacks is not known, so it is sent; also a
        single setting."""
        return cls.seen(account, nickname, arguments, _PATCHED)

    @property
    def identity(self) -> Identity:
        """The identity that was asked for."""
        return identity_of(self.nickname, self.arguments.type.value)

    def is_of(self, kind: str | None) -> bool:
        """Whether it is, or may be, of this type and login type; None: it is not known."""
        return kind in (None, self.arguments.kind)

    @property
    def identities(self) -> set[Identity]:
        """The identities by which an entry elsewhere can refer to it: as asked for, as seen, and as
        the program names it."""
        seen = (self.drift or {}).get("nickname")
        names = (self.nickname, stored(self.nickname), seen, self.own_nickname)
        return {identity_of(one, self.arguments.type.value) for one in names if one}

    def not_changed(self, spec: AccountSpec, facts: Mapping[str, Any]) -> HeldAccount:
        """The account after a change to what is asked for has failed. What differs is not known,
        but for what answers have said (`facts`)."""
        left = {
            name: None
            for name in self.differences(spec)
            if not _is_said(facts.get(name), name, spec.arguments)
        }
        return self._replace(drift={**(self.drift or {}), **left} or None)

    def is_as_before(self, before: HeldAccount) -> bool:
        """Whether nothing was changed by hand, as far as it was known before."""
        if self.drift == before.drift:
            return True
        unknown = before.unknown
        now, then = (
            {name: seen for name, seen in (one.drift or {}).items() if name not in unknown}
            for one in (self, before)
        )
        return now == then

    def got_back(self) -> HeldAccount:
        """A copy after another entry may have changed it: what that may be is not known, so it is
        sent. A tier is not, since that may delete chats; the next run compares it."""
        changed = dict.fromkeys(name for name in _PATCHED if name != "tier")
        return self._replace(drift={**(self.drift or {}), **changed})

    def without_arguments_seen(self) -> HeldAccount:
        """A copy that says nothing of how its arguments differ from what was asked for."""
        drift = {name: seen for name, seen in (self.drift or {}).items() if name not in _PATCHED}
        return self._replace(drift=drift or None)

    def asked_to_be(self, nickname: str) -> HeldAccount:
        """A copy of which the program gives this nickname."""
        return self._replace(own_nickname="" if same(self.nickname, nickname) else nickname)

    @property
    def tier(self) -> str | None:
        """The tier that it has, whatever was asked for; None if it is not known."""
        found: str | None = (self.drift or {}).get("tier", self.arguments.tier.value)
        return found

    @property
    def unknown(self) -> list[str]:
        """The attributes that a patch has to set, since no answer has said them."""
        seen = self.drift or {}
        return [name for name in _PATCHED if name in seen and seen[name] is None]

    @property
    def deleted(self) -> bool:
        """Whether it was deleted outside of the program, and is in its 24 hours of grace."""
        return bool((self.drift or {}).get("deleted"))

    @property
    def missing_since(self) -> float | None:
        """The time since which no listing shows it, in seconds since 1970; None if one does."""
        found: float | None = (self.drift or {}).get("missing")
        return found

    def removed_by(self, way: OnDelete) -> HeldAccount:
        """The account with another way to remove it."""
        if way is self.arguments.on_delete:
            return self
        return self._replace(arguments=self.arguments.but(on_delete=way))

    def beyond(self, spec: AccountSpec | None) -> list[Any]:
        """What it has, or an earlier run asked for, and its entry does not ask for. None: there is
        no entry."""
        own, seen = self.arguments, list((self.drift or {}).values())
        if self.own_nickname:
            seen.append(self.own_nickname)
        if spec is None:
            return [self.nickname, own.settings, own.assignees, *seen]
        asked = spec.arguments
        if not seen and own == asked and self.nickname == spec.nickname:
            return []
        return [
            beyond(self.nickname, spec.nickname),
            beyond(own.settings, asked.settings),
            beyond(own.assignees, asked.assignees),
            *seen,
        ]

    def differences(self, spec: AccountSpec) -> dict[str, Any]:
        """The attributes that a patch has to change; {} if there are none.

        Only the settings that the program names count. The others are ChatDaddy's defaults, or
        somebody else's.
        """
        wanted = spec.arguments
        if self.drift is None and wanted.text == self.arguments.text:
            return {} if same(self.nickname, spec.nickname) else {"nickname": spec.nickname}
        seen, unknown = self.drift or {}, self.unknown
        change: dict[str, Any] = {}
        nickname = seen.get("nickname", self.nickname)
        if "nickname" in unknown or not same(nickname, spec.nickname):
            change["nickname"] = spec.nickname
        if self.tier != wanted.tier.value:
            change["tier"] = wanted.tier.value
        settings = {**(self.arguments.settings or {}), **(seen.get("settings") or {})}
        if "settings" in unknown:
            settings = {}
        if any(settings.get(name) != value for name, value in (wanted.settings or {}).items()):
            change["settings"] = wanted.settings
        assignees = seen.get("assignees", self.arguments.assignees)
        if wanted.assignees is not None and (
            assignees is None or {*assignees} != {*wanted.assignees}
        ):
            change["assignees"] = wanted.assignees
        return change


def beyond(value: Any, asked: Any) -> Any:
    """The parts of a value that were not asked for; None if all of it was."""
    if isinstance(value, Mapping) and isinstance(asked, Mapping):
        return {name: one for name, one in value.items() if asked.get(name) != one}
    return None if value == asked else value


def _stated(setting: Any) -> Any:
    """A setting's value; None if it says no more than an answer that lacks it: false, or empty."""
    if isinstance(setting, Mapping):
        setting = {k: one for k, v in setting.items() if (one := _stated(v)) is not None}
    is_empty = setting is False or setting in ("", [], {})
    return None if is_empty else setting


def _is_said(said: Any, name: str, arguments: Arguments) -> bool:
    """Whether an answer says an attribute; of the settings, each one that is asked for."""
    if name != "settings" or said is None:
        return said is not None
    return bool(said.keys() >= (arguments.settings or {}).keys())


def differences_seen(
    account: ObservedAccount, nickname: str, arguments: Arguments, unsent: Collection[str] = ()
) -> dict[str, Any] | None:
    """The account's attributes that differ from what was asked for; None if there are none.

    An attribute that an answer lacks is not a difference, unless it is one of `unsent`, which no
    call has set yet: then it is not known (None). Another form of a value is no difference.
    """
    asked = {"assignees": arguments.assignees, "settings": arguments.settings or None}
    drift: dict[str, Any] = {
        name: None
        for name in unsent
        if not _is_said(getattr(account, name), name, arguments)
        and asked.get(name, name) is not None
    }
    names = (nickname, stored(nickname))
    if account.nickname is not None and not any(same(account.nickname, one) for one in names):
        drift["nickname"] = account.nickname
    if account.tier is not None and account.tier != arguments.tier:
        drift["tier"] = account.tier
    found = (arguments.settings or {}) if account.settings is None else account.settings
    otherwise = {
        name: found.get(name)
        for name, value in (arguments.settings or {}).items()
        if _stated(found.get(name)) != _stated(value)
    }
    if otherwise:
        drift["settings"] = otherwise
    assignees = arguments.assignees
    seen = account.assignees
    if assignees is not None and seen is not None and {*seen} != {*assignees}:
        drift["assignees"] = seen
    if account.deleted_at is not None:
        drift["deleted"] = True
    return drift or None
