"""From what a fleet holds to what the program wants: which accounts are touched, and how."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chatdaddy_pulumi.enums import OnDelete, Tier
from chatdaddy_pulumi.lifecycle.fleet.entry import Entry, Record

if TYPE_CHECKING:
    from chatdaddy_pulumi.lifecycle.prices import Prices

#: How a removal is told.
REMOVED = {
    OnDelete.DELETE: "deleted",
    OnDelete.DELETE_NOW: "deleted at once",
    OnDelete.ARCHIVE: "archived",
    OnDelete.RETAIN: "only forgotten",
}


@dataclass(frozen=True)
class Plan:
    """What is to be done, by key. A key stands in one of the mappings at most."""

    #: No account yet: bought, or taken over.
    acquire: dict[str, Entry] = field(default_factory=dict)
    #: Of another type or login type: the old account is removed, then another one bought.
    replace: dict[str, tuple[Record, Entry]] = field(default_factory=dict)
    #: Deleted by somebody else, and still in its grace: brought back.
    recreate: dict[str, tuple[Record, Entry]] = field(default_factory=dict)
    #: Patched, its connection opened, or only its removal agreed otherwise (no call).
    change: dict[str, tuple[Record, Entry]] = field(default_factory=dict)
    #: No longer wanted.
    remove: dict[str, Record] = field(default_factory=dict)

    @property
    def empty(self) -> bool:
        return not any((self.acquire, self.replace, self.recreate, self.change, self.remove))

    @property
    def purchases(self) -> dict[str, Entry]:
        """Those that will be bought unless they are found: by key."""
        bought = {key: entry for key, entry in self.acquire.items() if entry.adopt is None}
        return bought | {key: entry for key, (_, entry) in self.replace.items()}

    @property
    def removals(self) -> dict[str, Record]:
        """Accounts that the fleet loses, replaced ones included: by key."""
        return self.remove | {key: record for key, (record, _) in self.replace.items()}

    @property
    def wanted(self) -> dict[str, Entry]:
        """The entries that something is done for."""
        touched = self.replace | self.recreate | self.change
        return self.acquire | {key: entry for key, (_, entry) in touched.items()}

    def summary(self, prices: Prices) -> str:
        """``+12 bought, ~3 tiers, -1 archived, 12.00 USD now``."""
        purchases = self.purchases
        adopted = len(self.acquire) - (len(purchases) - len(self.replace))
        parts = [
            f"+{len(purchases):,} bought" if purchases else "",
            f"+{adopted:,} taken over" if adopted else "",
            f"+{len(self.recreate):,} brought back" if self.recreate else "",
        ]
        changed = Counter(
            name for record, entry in self.change.values() for name in _what(record, entry)
        )
        parts += [_counted(name, number) for name, number in sorted(changed.items())]
        removed = Counter(record.terms.on_delete for record in self.removals.values())
        parts += [f"-{number:,} {REMOVED[how]}" for how, number in removed.items()]
        if purchases:
            tiers = Counter(Tier(entry.terms.tier) for entry in purchases.values())
            parts.append(_cost(tiers, prices))
        return ", ".join(part for part in parts if part)


def plan(held: Mapping[str, Record], wanted: Mapping[str, Entry]) -> Plan:
    """Compare; pure, and linear in the number of accounts."""
    made = Plan()
    for key, entry in wanted.items():
        record = held.get(key)
        if record is None:
            made.acquire[key] = entry
        elif _unchanged(record, entry):
            continue
        elif (record.terms.type, record.terms.login_type) != (
            entry.terms.type,
            entry.terms.login_type,
        ):
            made.replace[key] = record, entry
        elif record.deleted:
            made.recreate[key] = record, entry
        else:
            made.change[key] = record, entry
    if len(made.acquire) + len(held) != len(wanted):
        made.remove.update((key, record) for key, record in held.items() if key not in wanted)
    return made


def _unchanged(record: Record, entry: Entry) -> bool:
    return (
        record.drift is None
        and record.nickname == entry.nickname
        and (record.terms is entry.terms or record.terms == entry.terms)
    )


def _what(record: Record, entry: Entry) -> Iterable[str]:
    """What a change is about, for counting."""
    found = set(record.differences(entry))
    if entry.terms.connect and not record.terms.connect:
        found.add("connection")
    return found or {"removal rule"}


def _cost(tiers: Mapping[Tier, int], prices: Prices) -> str:
    known = {tier: prices.of(tier).purchase for tier in tiers}
    total = sum(price * tiers[tier] for tier, price in known.items() if price is not None)
    parts = [f"{total:,.2f} USD now"] if any(price is not None for price in known.values()) else []
    parts += [
        f"price of {tiers[tier]:,} {tier.short} not known (set chatdaddy:prices)"
        for tier, price in known.items()
        if price is None
    ]
    return " + ".join(parts)


def _counted(name: str, number: int) -> str:
    plural = "s" if number > 1 and not name.endswith("s") else ""
    return f"~{number:,} {name}{plural}"


def describe(record: Record, entry: Entry) -> str:
    """What changes about one account: ``tier unlimited → limited, nickname 'Al' → 'Alice'``."""
    held = record.held()
    was: dict[str, Any] = {"nickname": held.nickname, "tier": held.tier}
    return ", ".join(
        f"{name} {was[name]!r} → {to!r}" if name in was else name
        for name, to in record.differences(entry).items()
    )
