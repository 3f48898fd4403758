"""What can be seen after a command, and how two such views differ.

The IDs of accounts differ between the simulation and real processes. An account is known by the
command that bought it, and by all that was seen of it then.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from tests.simulation.person import Slot


@dataclass(frozen=True, order=True)
class Deed:
    """A change of an account, as ChatDaddy's ledger has it."""

    account_id: str
    kind: str
    detail: str = ""


@dataclass(frozen=True, order=True)
class Shown:
    """An account as it is at ChatDaddy."""

    team: str
    nickname: str = ""
    type: str = ""
    tier: str = ""
    #: live, deleted or archived. "gone" if there is nothing left of it.
    status: str = "gone"
    has_chats: bool = False

    def __str__(self) -> str:
        chats = ", with chats" if self.has_chats else ""
        tier = self.tier.partition("_")[0]
        return f"{self.nickname!r}, {self.type}, {tier}, {self.status}{chats}, in {self.team[:10]}"


@dataclass(frozen=True, order=True)
class About:
    """All that is seen of an account after a command."""

    shown: Shown
    deeds: tuple[tuple[str, str], ...] = ()
    places: tuple[str, ...] = ()

    def __str__(self) -> str:
        done = "; ".join(f"{kind} {detail}".rstrip() for kind, detail in self.deeds) or "nothing"
        held = ", ".join(self.places) or "nothing"
        return f"{self.shown}; done: {done}; held by {held}"


@dataclass
class Seen:
    """What is seen after a command."""

    ok: bool
    accounts: dict[str, About]
    #: What the command said.
    said: str = ""


def seen(
    ok: bool,
    said: str,
    shown: Mapping[str, Shown],
    deeds: Iterable[Deed],
    slots: Mapping[str, Iterable[Slot]],
) -> Seen:
    """Put together what concerns each account. `slots` has the slots of each stack."""
    places: dict[str, list[str]] = {}
    for stack, listed in slots.items():
        for slot in listed:
            places.setdefault(slot.account_id, []).append(f"{stack} {_place(slot)}")
    done: dict[str, list[tuple[str, str]]] = {}
    for deed in deeds:
        done.setdefault(deed.account_id, []).append((deed.kind, deed.detail))
    return Seen(
        ok,
        {
            account_id: About(
                shown.get(account_id, Shown("")),
                tuple(sorted(done.get(account_id, ()))),
                tuple(sorted(places.get(account_id, ()))),
            )
            for account_id in {*shown, *done, *places}
        },
        said,
    )


def _place(slot: Slot) -> str:
    flags = [name for name in ("protect", "retain") if getattr(slot, name)]
    provider = [f"by {slot.provider}"] if slot.provider else []
    # The key of an account that was replaced ends with its ID.
    label = re.sub(r" replaced \S+", " replaced", slot.label)
    return " ".join([label, *provider, *flags])


@dataclass
class Pairs:
    """Which account of the one side is which of the other."""

    other: dict[str, str] = field(default_factory=dict)

    def differences(self, here: Seen, there: Seen) -> list[str]:
        """How the two differ, in words. If they do not, new accounts become pairs."""
        found = []
        if here.ok != there.ok:
            found.append(f"it ends {_how(here)} in the simulation, {_how(there)} with processes")
        theirs = set(self.other.values())
        for mine, other in self.other.items():
            one, another = here.accounts.get(mine), there.accounts.get(other)
            one, another = one or About(Shown("")), another or About(Shown(""))
            if one != another:
                found.append(
                    f"{mine} is {other}\n      simulated: {one}\n      real:      {another}"
                )
        new = {k: about for k, about in here.accounts.items() if k not in self.other}
        new_there = {k: about for k, about in there.accounts.items() if k not in theirs}
        mine_only = Counter(new.values()) - Counter(new_there.values())
        theirs_only = Counter(new_there.values()) - Counter(new.values())
        found += [f"only simulated: {about}" for about in mine_only.elements()]
        found += [f"only real: {about}" for about in theirs_only.elements()]
        if not found:
            by_about = sorted(new_there, key=lambda key: (new_there[key], key))
            order = sorted(new, key=lambda key: (new[key], key))
            self.other.update(zip(order, by_about, strict=True))
        return found


def _how(one: Seen) -> str:
    return "well" if one.ok else "badly"
