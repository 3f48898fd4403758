"""A program as data, and the edits that a person makes.

Each entry has a number, its `uid`, which stands for the account that the person means. It stays the
same if a key is renamed or an entry moves. The code under test never sees it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests.simulation.api import LIMITED, UNLIMITED


@dataclass(frozen=True)
class Entry:
    """An entry of a fleet, or the arguments of an `Account`."""

    uid: int
    #: None: the key, or the resource's name.
    nickname: str | None = None
    type: str = "wa"
    tier: str = LIMITED
    on_delete: str | None = None
    existing: str | None = None
    adopt: str | None = None
    aliases: tuple[str, ...] = ()
    allow_history_loss: bool = False
    #: The `Account` from whose ID the program computes the nickname, so that it knows it late.
    made_from: str = ""
    #: The `Account` from whose ID the program computes what it adopts.
    adopt_from: str = ""
    #: The `Account` from whose ID the program computes the type.
    type_from: str = ""

    @property
    def late(self) -> dict[str, str]:
        """The arguments that are computed from an `Account`, with its name."""
        names = {"nickname": self.made_from, "adopt": self.adopt_from, "type": self.type_from}
        return {argument: name for argument, name in names.items() if name}

    def given(self) -> dict[str, Any]:
        """The arguments as a program gives them, without defaults."""
        said = {
            name: getattr(self, name)
            for name in ("nickname", "on_delete", "existing", "adopt")
            if getattr(self, name) is not None
        }
        said["tier"] = self.tier
        if self.type != "wa":
            said["type"] = self.type
        if self.aliases:
            said["aliases"] = list(self.aliases)
        if self.allow_history_loss:
            said["allow_history_loss"] = True
        return said


@dataclass(frozen=True)
class Block:
    """An `Account` or an `AccountFleet` in the program."""

    kind: Literal["account", "fleet"]
    name: str
    #: An `Account` has one entry, with the key "".
    entries: dict[str, Entry] = field(default_factory=dict)
    provider: str = ""
    on_delete: str | None = None
    existing: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)
    protect: bool = False
    retain: bool = False
    #: Whether all changes are ignored.
    ignore_changes: bool = False
    #: The arguments of an `Account` whose changes are ignored.
    ignored: tuple[str, ...] = ()
    delete_before_replace: bool = False
    #: The component that it belongs to, of a type of its own; "" for none.
    parent: str = ""
    #: The `Account` from whose ID the program computes all entries of a fleet.
    made_from: str = ""
    #: Former places, for Pulumi's own `aliases`.
    old_places: tuple[str, ...] = ()

    @property
    def place(self) -> str:
        """What its URN says of it: its name, and its component."""
        return f"{self.parent}/{self.name}" if self.parent else self.name

    @property
    def places(self) -> tuple[str, ...]:
        return self.place, *self.old_places


def parts(place: str) -> tuple[str, str]:
    """The component and the name of a place."""
    parent, _, name = place.rpartition("/")
    return parent, name


@dataclass(frozen=True)
class ProviderBlock:
    """An explicit provider: a team, and a token for it."""

    name: str
    team: str
    token: str


@dataclass(frozen=True)
class Wish:
    """An entry with the options of its block."""

    block: Block
    key: str
    entry: Entry

    @property
    def uid(self) -> int:
        return self.entry.uid

    @property
    def nickname(self) -> str:
        if self.entry.nickname is not None:
            return self.entry.nickname
        return self.key if self.block.kind == "fleet" else self.block.name

    @property
    def on_delete(self) -> str:
        return self.entry.on_delete or self.block.on_delete or "delete"

    @property
    def existing(self) -> str:
        return self.entry.existing or self.block.existing or "fail"

    def known(self, argument: str) -> Any:
        """An argument that may be computed from an `Account`."""
        return self.nickname if argument == "nickname" else getattr(self.entry, argument)

    @property
    def identity(self) -> tuple[str, str]:
        return normal(self.nickname), self.entry.type

    @property
    def label(self) -> str:
        return f"{self.block.name}/{self.key}" if self.key else self.block.name


@dataclass(frozen=True)
class Program:
    blocks: tuple[Block, ...] = ()
    providers: tuple[ProviderBlock, ...] = ()

    def wishes(self) -> Iterator[Wish]:
        for block in self.blocks:
            for key, entry in block.entries.items():
                yield Wish(block, key, entry)

    def sources_of(self, entry: Entry) -> dict[str, Block]:
        """The arguments of an entry that are computed from an `Account`, with that `Account`."""
        found = {argument: self._source(name) for argument, name in entry.late.items()}
        return {argument: block for argument, block in found.items() if block is not None}

    def source_of_all(self, block: Block) -> Block | None:
        """The `Account` that all entries of a fleet are computed from; None if there is none."""
        return self._source(block.made_from)

    def _source(self, name: str) -> Block | None:
        block = self.block(name)
        if block is None or block.kind != "account":
            return None
        return None if block.entries[""].late else block

    def sources(self, block: Block) -> dict[str, Block]:
        """The sources of a block, or of its entries, by name."""
        whole = self.source_of_all(block)
        if whole is not None:
            return {whole.name: whole}
        found = [self.sources_of(entry) for entry in block.entries.values()]
        return {one.name: one for sources in found for one in sources.values()}

    def is_late(self, wish: Wish) -> bool:
        """Whether the program does not know at once what an entry asks for."""
        whole = self.source_of_all(wish.block)
        return whole is not None or bool(self.sources_of(wish.entry))

    def by_uid(self) -> dict[int, Wish]:
        return {wish.uid: wish for wish in self.wishes()}

    def block(self, name: str) -> Block | None:
        return next((one for one in self.blocks if one.name == name), None)

    def at(self, place: str) -> Block | None:
        return next((one for one in self.blocks if one.place == place), None)

    def components(self) -> list[str]:
        """The components that resources belong to, or did."""
        places = [parts(place)[0] for block in self.blocks for place in block.places]
        return sorted({*places} - {""})

    def with_block(self, block: Block, *, instead_of: str | None = None) -> Program:
        name = instead_of or block.name
        if self.block(name) is None:
            return replace(self, blocks=(*self.blocks, block))
        blocks = tuple(block if one.name == name else one for one in self.blocks)
        return replace(self, blocks=blocks)

    def without(self, name: str) -> Program:
        return replace(self, blocks=tuple(one for one in self.blocks if one.name != name))


def normal(nickname: str) -> str:
    """The form in which a person compares nicknames."""
    return unicodedata.normalize("NFC", nickname).strip()


# --- edits: each returns a changed program, or the same one if the edit does not apply

Edit = Callable[[Program], Program]


@dataclass(frozen=True)
class Change:
    """One edit, as data, which can be printed and shrunk."""

    what: str
    args: tuple[Any, ...]

    def apply(self, program: Program) -> Program:
        edit: Callable[..., Program] = _EDITS[self.what]
        return edit(program, *self.args)

    def __str__(self) -> str:
        return f"{self.what}({', '.join(map(_shown, self.args))})"


def _shown(value: Any) -> str:
    if isinstance(value, Entry):
        late = "".join(f", {what} from {name}" for what, name in value.late.items())
        return f"#{value.uid} {_short(value.given())}{late}"
    if isinstance(value, ProviderBlock):
        return f"{value.name}: {value.team}"
    if not isinstance(value, Block):
        return _short(value)
    usual = Block(value.kind, value.name)
    said = {
        name: given
        for name, given in vars(value).items()
        if name != "entries" and given != getattr(usual, name)
    }
    entries = ", ".join(f"{key or value.name}: {_shown(one)}" for key, one in value.entries.items())
    return f"{value.kind} {value.name} {{{entries}}} {said or ''}".rstrip()


def _short(value: Any) -> str:
    return repr(value).replace(LIMITED, "limited").replace(UNLIMITED, "unlimited")


def _with_entry(block: Block, key: str, entry: Entry) -> Block:
    """The fleet with another entry. No other entry keeps that key as an alias."""
    entries = {
        other: replace(one, aliases=tuple(old for old in one.aliases if old != key))
        for other, one in block.entries.items()
    }
    return replace(block, entries={**entries, key: entry})


def _add(program: Program, name: str, key: str, entry: Entry) -> Program:
    """Add an entry to an existing fleet."""
    block = program.block(name)
    if block is None or block.kind != "fleet" or key in block.entries:
        return program
    return program.with_block(_with_entry(block, key, entry))


def _drop(program: Program, name: str, key: str) -> Program:
    block = program.block(name)
    if block is None or key not in block.entries:
        return program
    if block.kind == "account":
        return program.without(name)
    rest = {other: entry for other, entry in block.entries.items() if other != key}
    return program.with_block(replace(block, entries=rest))


def _drop_block(program: Program, name: str) -> Program:
    return program.without(name)


def _declare(program: Program, block: Block) -> Program:
    return program if program.block(block.name) is not None else program.with_block(block)


def _rekey(program: Program, name: str, old: str, new: str, says_so: bool, uid: int) -> Program:
    """Rename a key. If neither `aliases` nor a nickname connects old and new, the entry means
    another
    account, with the number `uid`.
    """
    block = program.block(name)
    if block is None or block.kind != "fleet" or old not in block.entries or new in block.entries:
        return program
    entry = block.entries[old]
    if says_so:
        entry = replace(entry, aliases=(old,))
    elif entry.nickname is None or entry.aliases:
        entry = replace(entry, uid=uid, adopt=None, adopt_from="", aliases=())
    rest = {key: one for key, one in block.entries.items() if key != old}
    return program.with_block(_with_entry(replace(block, entries=rest), new, entry))


def _rename_block(program: Program, old: str, new: str, says_so: bool, uid: int) -> Program:
    """Rename a resource, with Pulumi's `aliases` or without."""
    block = program.block(old)
    if block is None or program.block(new) is not None:
        return program
    entries = block.entries
    if not says_so and block.kind == "account" and block.entries[""].nickname is None:
        entries = {"": replace(block.entries[""], uid=uid, adopt=None, adopt_from="")}
    places = block.places if says_so else ()
    renamed = replace(block, name=new, old_places=places, entries=entries)
    return program.with_block(renamed, instead_of=old)


def _reparent(program: Program, name: str, parent: str, says_so: bool) -> Program:
    """Move a resource to another component, with Pulumi's `aliases` or without."""
    block = program.block(name)
    if block is None or block.parent == parent:
        return program
    moved = replace(block, parent=parent)
    places = tuple(one for one in block.places if one != moved.place) if says_so else ()
    return program.with_block(replace(moved, old_places=places))


def _move(
    program: Program, name: str, key: str, to: str, new_key: str, says_so: bool = False
) -> Program:
    """Move an entry to another fleet, with its old key as an alias or with its nickname, or to a
    new `Account`.
    """
    block, target = program.block(name), program.block(to)
    if block is None or key not in block.entries or name == to:
        return program
    wish = Wish(block, key, block.entries[key])
    entry = replace(wish.entry, on_delete=wish.on_delete, aliases=(), existing=None)
    is_usable = block.kind == "fleet" and target is not None and key not in target.entries
    if says_so and is_usable:
        entry = replace(entry, aliases=(key,))
    else:
        entry = replace(entry, nickname=wish.nickname)
    if target is None:
        moved = Block("account", to, {"": entry}, provider=block.provider)
    elif target.kind == "fleet" and new_key not in target.entries:
        if target.provider != block.provider:
            return program
        moved = _with_entry(target, new_key, entry)
    else:
        return program
    return _drop(program, name, key).with_block(moved)


def _set(program: Program, name: str, key: str, field_: str, value: Any) -> Program:
    """Change one argument of an entry."""
    block = program.block(name)
    if block is None or key not in block.entries:
        return program
    entry = replace(block.entries[key], **{field_: value})
    return program.with_block(replace(block, entries={**block.entries, key: entry}))


def _option(program: Program, name: str, field_: str, value: Any) -> Program:
    """Change one argument or option of a resource."""
    block = program.block(name)
    return program if block is None else program.with_block(replace(block, **{field_: value}))


def _provider(program: Program, provider: ProviderBlock) -> Program:
    others = tuple(one for one in program.providers if one.name != provider.name)
    return replace(program, providers=(*others, provider))


_EDITS: dict[str, Callable[..., Program]] = {
    "add": _add,
    "drop": _drop,
    "drop block": _drop_block,
    "declare": _declare,
    "rename key": _rekey,
    "rename block": _rename_block,
    "reparent": _reparent,
    "move": _move,
    "set": _set,
    "option": _option,
    "provider": _provider,
}
