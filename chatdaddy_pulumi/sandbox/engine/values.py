"""Property values: what Pulumi's protocol and its state call inputs and outputs.

A property map is a plain ``dict`` of ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` and
``dict``, and of the three kinds that plain JSON lacks: `Secret`, `UNKNOWN` and `ResourceReference`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from google.protobuf.struct_pb2 import Struct, Value

Props = dict[str, Any]

# The signatures and sentinels are Pulumi's own (pkg/resource/plugin/rpc.go).
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a signature, not a secret
OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
REFERENCE = "5cf8f73096256a8f31e491e813e4eb8e"
UNKNOWN_STRING = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_UNKNOWNS = frozenset(
    {
        UNKNOWN_STRING,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
# From here on Go's JSON writes exponents, so such numbers stay floats.
_LARGEST_PLAIN = 1e21


class Unsupported(Exception):
    """A value that the stand-in engine does not carry; the message is for people."""


class Unknown:
    """Known only after the update; there is one, `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class Secret:
    """A value to be encrypted in the state and never shown."""

    __slots__ = ("value",)
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, value: Any) -> None:
        self.value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and bool(self.value == other.value)

    def __repr__(self) -> str:
        return "Secret(…)"


@dataclass(frozen=True)
class ResourceReference:
    """A resource as a value: components in outputs, mostly."""

    urn: str
    id: str | Unknown | None = None
    package_version: str = ""


def from_struct(struct: Struct, dependencies: set[str] | None = None) -> Props:
    """Read a property map off the wire.

    Output values are taken apart: what they depend on is added to `dependencies`.
    """
    return {key: from_value(value, dependencies) for key, value in struct.fields.items()}


def from_value(value: Value, dependencies: set[str] | None = None) -> Any:
    """Read one property value off the wire."""
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        text = value.string_value
        return UNKNOWN if len(text) == 36 and text in _UNKNOWNS else text
    if kind == "number_value":
        number = value.number_value
        if number.is_integer() and abs(number) < _LARGEST_PLAIN:
            return int(number)
        return number
    if kind == "bool_value":
        return value.bool_value
    if kind == "struct_value":
        struct = value.struct_value
        if SIGNATURE in struct.fields:
            return _special(struct, dependencies)
        return {key: from_value(item, dependencies) for key, item in struct.fields.items()}
    if kind == "list_value":
        return [from_value(item, dependencies) for item in value.list_value.values]
    return None


def _special(struct: Struct, dependencies: set[str] | None) -> Any:
    fields = struct.fields
    signature = fields[SIGNATURE].string_value
    if signature == SECRET:
        return Secret(from_value(fields["value"], dependencies))
    if signature == OUTPUT:
        if dependencies is not None and "dependencies" in fields:
            dependencies.update(d.string_value for d in fields["dependencies"].list_value.values)
        inner = from_value(fields["value"], dependencies) if "value" in fields else UNKNOWN
        return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
    if signature == REFERENCE:
        identifier = from_value(fields["id"], dependencies) if "id" in fields else None
        version = fields["packageVersion"].string_value if "packageVersion" in fields else ""
        return ResourceReference(
            fields["urn"].string_value, UNKNOWN if identifier == "" else identifier, version
        )
    raise Unsupported(
        "the stand-in engine carries no assets, archives or byte strings; use `pulumi up`"
    )


def to_struct(
    props: Props, *, secrets: bool = False, unknowns: bool = False, references: bool = False
) -> Struct:
    """Put a property map on the wire.

    Without `secrets` they go in the clear, without `unknowns` they are left out, without
    `references` a resource is given by its ID or URN.
    """
    struct = Struct()
    _Writer(secrets, unknowns, references).fill(struct, props)
    return struct


class _Writer:
    __slots__ = ("references", "secrets", "unknowns")

    def __init__(self, secrets: bool, unknowns: bool, references: bool) -> None:
        self.secrets = secrets
        self.unknowns = unknowns
        self.references = references

    def fill(self, struct: Struct, props: Props) -> None:
        fields = struct.fields
        if not props:
            fields.clear()  # mark the field as set: `{}` is not the same as nothing
            return
        for key, value in props.items():
            value = self.plain(value)
            if value is not UNKNOWN or self.unknowns:
                self.write(fields[key], value)

    def plain(self, value: Any) -> Any:
        while type(value) is Secret and not self.secrets:
            value = value.value
        if type(value) is ResourceReference and not self.references:
            return value.urn if value.id is None else value.id
        return value

    def write(self, target: Value, value: Any) -> None:
        kind = type(value)
        if kind is str:
            target.string_value = value
        elif kind is bool:
            target.bool_value = value
        elif kind is int or kind is float:
            target.number_value = value
        elif kind is dict:
            target.struct_value.SetInParent()
            self.fill(target.struct_value, value)
        elif kind is list:
            values = target.list_value.values
            target.list_value.SetInParent()
            for item in value:
                item = self.plain(item)
                if item is not UNKNOWN or self.unknowns:
                    self.write(values.add(), item)
        elif value is None:
            target.null_value = 0  # type: ignore[assignment]
        elif value is UNKNOWN:
            target.string_value = UNKNOWN_STRING
        elif kind is Secret:
            self.fill(target.struct_value, {SIGNATURE: SECRET, "value": value.value})
        else:
            self.fill(target.struct_value, _reference(value))


def _reference(value: ResourceReference) -> Props:
    out: Props = {SIGNATURE: REFERENCE, "urn": value.urn}
    if value.id is not None:
        out["id"] = value.id
    if value.package_version:
        out["packageVersion"] = value.package_version
    return out


def deep_equals(a: Any, b: Any) -> bool:
    """Equal as Pulumi sees it: a secret is not its plain value, and true is not 1."""
    return a is b or (bool(a == b) and _text(a) == _text(b))


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=_inner)


def _inner(value: Any) -> Any:
    return [value.value] if isinstance(value, Secret) else repr(value)


def contains_secrets(value: Any) -> bool:
    kind = type(value)
    if kind is Secret:
        return True
    if kind is dict:
        return any(contains_secrets(item) for item in value.values())
    if kind is list:
        return any(contains_secrets(item) for item in value)
    return False


def contains_unknowns(value: Any) -> bool:
    kind = type(value)
    if value is UNKNOWN:
        return True
    if kind is Secret:
        return contains_unknowns(value.value)
    if kind is dict:
        return any(contains_unknowns(item) for item in value.values())
    if kind is list:
        return any(contains_unknowns(item) for item in value)
    return kind is ResourceReference and value.id is UNKNOWN


def unwrap(value: Any) -> Any:
    """The value with every secret in the clear."""
    kind = type(value)
    if kind is Secret:
        return unwrap(value.value)
    if kind is dict:
        return {key: unwrap(item) for key, item in value.items()}
    if kind is list:
        return [unwrap(item) for item in value]
    return value


def annotate_secrets(outs: Props, ins: Props) -> None:
    """Mark in `outs` what is secret under the same key in `ins`.

    For providers that take no secrets; the rule is the engine's (provider_plugin.go).
    """
    for key, given in ins.items():
        if key not in outs:
            continue
        out = outs[key]
        if type(out) is dict and type(given) is dict:
            annotate_secrets(out, given)
        elif type(out) is not Secret and contains_secrets(given):
            outs[key] = Secret(out)
