"""The source code of a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.simulation.core import COMPONENT
from tests.simulation.program import Block, Program, ProviderBlock, Wish, parts

_IMPORTS = ["import pulumi", "import chatdaddy_pulumi as chatdaddy"]

#: A fleet's resource has no `ignore_changes` of its own.
_IGNORING = """\
def ignoring(args):
    if not args.type_.startswith("pulumi-python:"):
        return None
    ignoring = pulumi.ResourceOptions(ignore_changes=["*"])
    opts = pulumi.ResourceOptions.merge(args.opts, ignoring)
    return pulumi.ResourceTransformationResult(args.props, opts)
"""


def source(program: Program) -> str:
    """The program as a user writes it."""
    ignored = any(block.ignore_changes and block.kind == "fleet" for block in program.blocks)
    lines = [_IGNORING] if ignored else []
    lines += [_provider(provider) for provider in program.providers]
    for name in program.components():
        kind = f"{COMPONENT}{name}"
        lines.append(f"{_component(name)} = pulumi.ComponentResource({kind!r}, {name!r})")
    sources = {name for block in program.blocks for name in program.sources(block)}
    for block in sorted(program.blocks, key=lambda one: one.name not in sources):
        made = f"{_source(block.name)} = " if block.name in sources else ""
        lines.append(made + _block(block, program))
    return "\n".join([*_IMPORTS, *lines]) + "\n"


def with_ids(program: Program, rename: Callable[[str], str]) -> Program:
    """The program with other account IDs."""
    for block in program.blocks:
        entries = {
            key: replace(entry, adopt=rename(entry.adopt)) if entry.adopt else entry
            for key, entry in block.entries.items()
        }
        program = program.with_block(replace(block, entries=entries))
    return program


def _provider(one: ProviderBlock) -> str:
    said = {"team_id": one.team, "refresh_token": one.token}
    return f"{_variable(one.name)} = {_call('Provider', one.name, said)}"


def _variable(provider: str) -> str:
    return f"provider_{provider}"


def _source(account: str) -> str:
    return f"account_{account}"


class _Code(str):
    """An expression of the program."""

    def __repr__(self) -> str:
        return str(self)


def _entry(program: Program, block: Block, key: str) -> dict[str, Any]:
    entry = block.entries[key]
    wish = Wish(block, key, entry)
    late = {
        argument: _Code(f"{_source(one.name)}.account_id.apply(lambda _: {wish.known(argument)!r})")
        for argument, one in program.sources_of(entry).items()
    }
    return entry.given() | late


def _block(block: Block, program: Program) -> str:
    options = _options(block)
    if block.kind == "account":
        return _call("Account", block.name, _entry(program, block, ""), options)
    entries: Any = {key: _entry(program, block, key) for key in block.entries}
    whole = program.source_of_all(block)
    if whole is not None:
        known = {
            key: entry.given() | {"nickname": Wish(block, key, entry).nickname}
            for key, entry in block.entries.items()
        }
        entries = _Code(f"{_source(whole.name)}.account_id.apply(lambda _: {known!r})")
    said = {"accounts": entries, "on_delete": block.on_delete, "existing": block.existing}
    limits = block.limits or None
    return _call("AccountFleet", block.name, {**said, "limits": limits}, options)


def _ignored(block: Block) -> list[str]:
    if block.kind == "fleet":
        return []
    return ["*"] if block.ignore_changes else [*block.ignored]


def _options(block: Block) -> str:
    said = {
        "protect": block.protect or None,
        "retain_on_delete": block.retain or None,
        "ignore_changes": _ignored(block) or None,
        "delete_before_replace": block.delete_before_replace or None,
    }
    parts = [f"{name}={value!r}" for name, value in said.items() if value is not None]
    if block.old_places:
        parts.append(f"aliases=[{', '.join(map(_alias, block.old_places))}]")
    if block.parent:
        parts.append(f"parent={_component(block.parent)}")
    if block.ignore_changes and block.kind == "fleet":
        parts.append("transformations=[ignoring]")
    if block.provider:
        parts.append(f"provider={_variable(block.provider)}")
    return f"pulumi.ResourceOptions({', '.join(parts)})" if parts else ""


def _component(name: str) -> str:
    return f"component_{name}"


def _alias(place: str) -> str:
    parent, name = parts(place)
    return f"pulumi.Alias(name={name!r}, parent={_component(parent) if parent else None})"


def _call(kind: str, name: str, said: dict[str, Any], options: str = "") -> str:
    parts = [repr(name), *(f"{key}={value!r}" for key, value in said.items() if value is not None)]
    if options:
        parts.append(f"opts={options}")
    return f"chatdaddy.{kind}({', '.join(parts)})"
