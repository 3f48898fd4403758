"""A parsed registration of a resource by the program."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from pulumi.runtime.proto import resource_pb2

from pulumi_standin.hooks import KINDS
from pulumi_standin.values import (
    Props,
    from_struct_with_dependencies,
    from_value,
)

_UNIT = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(h|ms|us|µs|ns|m|s)")


@dataclass
class Goal:
    """One `RegisterResource`. `provider` is a reference."""

    type: str
    name: str
    custom: bool
    properties: Props
    parent: str = ""
    protect: bool | None = None
    dependencies: tuple[str, ...] = ()
    property_dependencies: dict[str, list[str]] | None = None
    provider: str = ""
    delete_before_replace: bool | None = None
    ignore_changes: tuple[str, ...] = ()
    replace_on_changes: tuple[str, ...] = ()
    replacement_trigger: Any = None
    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[Any, ...] = ()  # alias_pb2.Alias
    import_id: str = ""
    custom_timeouts: dict[str, float] | None = None
    retain_on_delete: bool | None = None
    deleted_with: str = ""
    replace_with: tuple[str, ...] = ()
    hide_diff: tuple[str, ...] = ()
    source_position: str = ""
    stack_trace: tuple[dict[str, str], ...] = ()
    hooks: dict[str, list[str]] | None = None


def read(request: resource_pb2.RegisterResourceRequest, root: str) -> Goal:
    """Parse a registration. Raises `ValueError` if it is invalid."""
    properties, per_property = from_struct_with_dependencies(request.object)
    if request.propertyDependencies:
        for key, named in request.propertyDependencies.items():
            per_property.setdefault(key, set()).update(named.urns)
    else:
        for found in per_property.values():
            found.update(request.dependencies)
    defined = request.deleteBeforeReplaceDefined or request.deleteBeforeReplace
    return Goal(
        type=request.type,
        name=request.name,
        custom=request.custom,
        properties=properties,
        parent=request.parent,
        protect=request.protect if request.HasField("protect") else None,
        dependencies=tuple(sorted(set(request.dependencies))),
        property_dependencies={key: sorted(urns) for key, urns in sorted(per_property.items())},
        provider=request.provider,
        delete_before_replace=request.deleteBeforeReplace if defined else None,
        ignore_changes=tuple(request.ignoreChanges),
        replace_on_changes=tuple(request.replaceOnChanges),
        replacement_trigger=(
            from_value(request.replacement_trigger)
            if request.HasField("replacement_trigger")
            else None
        ),
        additional_secret_outputs=tuple(request.additionalSecretOutputs),
        aliases=(*request.aliasURNs, *request.aliases),
        import_id=request.importId,
        custom_timeouts=_timeouts(request.customTimeouts),
        retain_on_delete=request.retainOnDelete if request.HasField("retainOnDelete") else None,
        deleted_with=request.deletedWith,
        replace_with=tuple(request.replace_with),
        hide_diff=tuple(request.hideDiffs),
        source_position=position(request.sourcePosition, root),
        stack_trace=tuple(_frame(frame.pc, root) for frame in request.stackTrace.frames),
        hooks={
            name: list(getattr(request.hooks, kind))
            for kind, name in KINDS.items()
            if getattr(request.hooks, kind)
        },
    )


def position(raw: Any, root: str) -> str:
    """A source position relative to the project, in the form of the state, or an empty string."""
    url = urlsplit(raw.uri)
    if url.scheme != "file":
        return ""
    relative = os.path.relpath(unquote(url.path), root).replace(os.sep, "/")
    column = f",{raw.column}" if raw.column else ""
    return f"project:///{relative}#{raw.line}{column}"


def _frame(raw: Any, root: str) -> dict[str, str]:
    where = position(raw, root)
    return {"sourcePosition": where} if where else {}


def _timeouts(raw: Any) -> dict[str, float]:
    given = {kind: getattr(raw, kind) for kind in ("create", "update", "delete", "read")}
    return {kind: seconds(text) for kind, text in given.items() if text}


def seconds(text: str) -> float:
    """A duration in Go's form, ``1h30m``. Raises `ValueError`."""
    parts = _DURATION.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"unable to parse customTimeout Value {text}")
    total = sum((float(number) * _UNIT[unit] for number, unit in parts), 0.0)
    return int(total) if total.is_integer() else total
