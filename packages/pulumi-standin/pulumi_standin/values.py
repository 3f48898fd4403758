"""Property values: inputs and outputs in Pulumi's protocol and in its state.

A property map is a plain ``dict`` of ``None``, ``bool``, ``int``, ``float``, ``str``, ``list`` and
``dict``, and of the three kinds that plain JSON lacks: `Secret`, `UNKNOWN` and `ResourceReference`.
"""

from __future__ import annotations

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
# From here on, Go's JSON uses exponents, so such numbers stay floats.
_LARGEST_PLAIN = 1e21


class Unsupported(Exception):
    """A value that the stand-in engine does not support. The message is for people."""


class Unknown:
    """Known only after the update. There is one instance, `UNKNOWN`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN = Unknown()


class Secret:
    """A value that is encrypted in the state and never shown."""

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
    """A resource as a value, usually a component in outputs."""

    urn: str
    id: str | Unknown | None = None
    package_version: str = ""


class WireProps(Props):
    """A property map that caches its protocol form, with plain secrets.

    A fleet of 50,000 accounts is sent to the provider several times in a run, so it is converted
    once.
    Only `annotate_secrets` may change one in place.
    """

    __slots__ = ("has_secrets", "wire")

    def __init__(self, props: Props, wire: Struct | None = None) -> None:
        super().__init__(props)
        self.wire = wire
        self.has_secrets = wire is None  # as far as is known


def from_struct(struct: Struct) -> Props:
    """Parse a property map from the protocol, with output values replaced by their values."""
    reader = _Reader()
    props = {key: reader.read(value) for key, value in struct.fields.items()}
    return props if reader.special else WireProps(props, struct)


def from_struct_with_dependencies(struct: Struct) -> tuple[Props, dict[str, set[str]]]:
    """The same, and the URNs on which each property's output values depend."""
    props: Props = {}
    dependencies: dict[str, set[str]] = {}
    special = False
    for key, value in struct.fields.items():
        reader = _Reader()
        props[key] = reader.read(value)
        dependencies[key] = reader.dependencies
        special = special or reader.special
    return (props if special else WireProps(props, struct)), dependencies


def from_value(value: Value) -> Any:
    """Parse one property value from the protocol."""
    return _Reader().read(value)


class _Reader:
    """Parses values, and records which of them plain JSON lacks."""

    __slots__ = ("dependencies", "special")

    def __init__(self) -> None:
        self.special = False
        self.dependencies: set[str] = set()

    def read(self, value: Value) -> Any:
        kind = value.WhichOneof("kind")
        if kind == "string_value":
            text = value.string_value
            if len(text) == 36 and text in _UNKNOWNS:
                self.special = True
                return UNKNOWN
            return text
        if kind == "number_value":
            number = value.number_value
            if number.is_integer() and abs(number) < _LARGEST_PLAIN:
                return int(number)
            return number
        if kind == "bool_value":
            return value.bool_value
        if kind == "struct_value":
            fields = value.struct_value.fields
            if SIGNATURE in fields:
                self.special = True
                return self._special(fields)
            read = self.read
            return {key: read(item) for key, item in fields.items()}
        if kind == "list_value":
            return [self.read(item) for item in value.list_value.values]
        return None

    def _special(self, fields: Any) -> Any:
        signature = fields[SIGNATURE].string_value
        if signature == SECRET:
            return Secret(self.read(fields["value"]))
        if signature == OUTPUT:
            if "dependencies" in fields:
                named = fields["dependencies"].list_value.values
                self.dependencies.update(urn.string_value for urn in named)
            inner = self.read(fields["value"]) if "value" in fields else UNKNOWN
            return Secret(inner) if "secret" in fields and fields["secret"].bool_value else inner
        if signature == REFERENCE:
            identifier = self.read(fields["id"]) if "id" in fields else None
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
    """Convert a property map to the protocol. The result is shared, so it must not be changed.

    Without `secrets` they are plain, without `unknowns` they are omitted, without `references` a
    resource is its ID or URN.
    """
    kept = props if isinstance(props, WireProps) else None
    if kept is not None and kept.wire is not None and not (secrets and kept.has_secrets):
        return kept.wire
    struct = Struct()
    writer = _Writer(secrets, unknowns, references)
    writer.fill(struct, props)
    if kept is not None and not secrets and not writer.saw_others:
        kept.wire, kept.has_secrets = struct, writer.saw_secrets
    return struct


class _Writer:
    __slots__ = ("references", "saw_others", "saw_secrets", "secrets", "unknowns")

    def __init__(self, secrets: bool, unknowns: bool, references: bool) -> None:
        self.secrets = secrets
        self.unknowns = unknowns
        self.references = references
        self.saw_secrets = False
        self.saw_others = False  # unknowns or references

    def fill(self, struct: Struct, props: Props) -> None:
        fields = struct.fields
        if not props:
            fields.clear()  # mark the field as set: `{}` is not the same as a missing field
            return
        for key, value in props.items():
            if type(value) is str:
                fields[key].string_value = value
                continue
            value = self.plain(value)
            if value is not UNKNOWN or self.unknowns:
                self.write(fields[key], value)

    def plain(self, value: Any) -> Any:
        """The protocol form of a secret or a resource."""
        while type(value) is Secret and not self.secrets:
            self.saw_secrets = True
            value = value.value
        if type(value) is ResourceReference and not self.references:
            self.saw_others = True
            return value.urn if value.id is None else value.id
        self.saw_others = self.saw_others or value is UNKNOWN
        return value

    def write(self, target: Value, value: Any) -> None:
        kind = type(value)
        if kind is str:
            target.string_value = value
        elif kind is bool:
            target.bool_value = value
        elif kind is int or kind is float:
            target.number_value = value
        elif kind is dict or kind is WireProps:
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
            self.saw_others = True
            self.fill(target.struct_value, _reference(value))


def _reference(value: ResourceReference) -> Props:
    out: Props = {SIGNATURE: REFERENCE, "urn": value.urn}
    if value.id is not None:
        out["id"] = value.id
    if value.package_version:
        out["packageVersion"] = value.package_version
    return out


def deep_equals(a: Any, b: Any) -> bool:
    """Whether Pulumi takes the values for equal: a secret is not its plain value, and true is not
    1.
    """
    return a is b or (bool(a == b) and _same_kinds(a, b))


def _same_kinds(a: Any, b: Any) -> bool:
    """Whether two values that are equal in Python have booleans in the same places."""
    kind = type(a)
    if kind is bool or type(b) is bool:
        return kind is type(b)
    if kind is list:
        return all(map(_same_kinds, a, b))
    if kind is Secret:
        return _same_kinds(a.value, b.value)
    if isinstance(a, dict):
        for key, value in a.items():
            if type(value) is not str and not _same_kinds(value, b[key]):
                return False
    return True


def contains_secrets(value: Any) -> bool:
    kind = type(value)
    if kind is Secret:
        return True
    if isinstance(value, dict):
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
    if isinstance(value, dict):
        return any(contains_unknowns(item) for item in value.values())
    if kind is list:
        return any(contains_unknowns(item) for item in value)
    return kind is ResourceReference and value.id is UNKNOWN


def unwrap(value: Any) -> Any:
    """The value with plain secrets."""
    kind = type(value)
    if kind is Secret:
        return unwrap(value.value)
    if isinstance(value, dict):
        return {key: unwrap(item) for key, item in value.items()}
    if kind is list:
        return [unwrap(item) for item in value]
    return value


def annotate_secrets(outs: Props, ins: Props) -> None:
    """Mark in `outs` what is secret under the same key in `ins`.

    For providers that do not accept secrets. The rule is the engine's (provider_plugin.go).
    """
    if _annotate(outs, ins) and isinstance(outs, WireProps):
        outs.has_secrets = True


def _annotate(outs: Props, ins: Props) -> bool:
    marked = False
    for key, given in ins.items():
        if type(given) is str or key not in outs:
            continue
        out = outs[key]
        if type(out) is dict and type(given) is dict:
            marked = _annotate(out, given) or marked
        elif type(out) is not Secret and contains_secrets(given):
            outs[key] = Secret(out)
            marked = True
    return marked
