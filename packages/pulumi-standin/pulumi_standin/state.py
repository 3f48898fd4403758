"""One resource of the state, in memory and in the form of `pulumi stack export`."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol, get_args, get_origin, get_type_hints

from pulumi_standin import urns
from pulumi_standin.values import (
    REFERENCE,
    SECRET,
    SIGNATURE,
    UNKNOWN,
    UNKNOWN_STRING,
    Props,
    ResourceReference,
    Secret,
    Unsupported,
    WireProps,
)

# In the order of Go's `apitype.ResourceV3`: (attribute, key) of all that is omitted if empty.
_PLAIN = (
    ("parent", "parent"),
    ("protect", "protect"),
    ("taint", "taint"),
    ("external", "external"),
    ("dependencies", "dependencies"),
    ("init_errors", "initErrors"),
    ("provider", "provider"),
    ("property_dependencies", "propertyDependencies"),
    ("pending_replacement", "pendingReplacement"),
    ("additional_secret_outputs", "additionalSecretOutputs"),
    ("aliases", "aliases"),
    ("custom_timeouts", "customTimeouts"),
    ("import_id", "importID"),
    ("retain_on_delete", "retainOnDelete"),
    ("deleted_with", "deletedWith"),
    ("replace_with", "replaceWith"),
    ("created", "created"),
    ("modified", "modified"),
    ("source_position", "sourcePosition"),
    ("stack_trace", "stackTrace"),
    ("ignore_changes", "ignoreChanges"),
    ("hide_diff", "hideDiff"),
    ("replace_on_changes", "replaceOnChanges"),
)
# Features that need a version 4 deployment, which older engines refuse (Go's ApplyFeatures).
_FEATURES = (("resource_hooks", "hooks"), ("taint", "taint"), ("replace_with", "replaceWith"))


@dataclass(eq=False)
class State:
    """One resource. Two states with one URN are distinguished by identity."""

    urn: str
    type: str
    custom: bool
    inputs: Props
    outputs: Props | None = None
    id: str = ""
    delete: bool = False
    parent: str = ""
    protect: bool = False
    taint: bool = False
    external: bool = False
    dependencies: list[str] = field(default_factory=list)
    init_errors: list[str] = field(default_factory=list)
    provider: str = ""
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    pending_replacement: bool = False
    additional_secret_outputs: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    custom_timeouts: dict[str, float] = field(default_factory=dict)
    import_id: str = ""
    retain_on_delete: bool = False
    deleted_with: str = ""
    replace_with: list[str] = field(default_factory=list)
    replacement_trigger: Any = None
    created: str = ""
    modified: str = ""
    source_position: str = ""
    stack_trace: list[dict[str, str]] = field(default_factory=list)
    ignore_changes: list[str] = field(default_factory=list)
    hide_diff: list[Any] = field(default_factory=list)
    replace_on_changes: list[str] = field(default_factory=list)
    resource_hooks: dict[str, list[str]] = field(default_factory=dict)
    # The cached JSON, so that a checkpoint only formats what changed. An assignment drops it, so
    # values must not be changed in place.
    encoded: str | None = field(default=None, repr=False)

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)
        if name != "encoded":
            object.__setattr__(self, "encoded", None)

    @property
    def name(self) -> str:
        return urns.name_of(self.urn)

    @property
    def is_provider(self) -> bool:
        return urns.is_provider(self.type)

    def copy(self) -> State:
        return copy.copy(self)

    def depends_on(self, *, provider: bool = True, parent: bool = True) -> set[str]:
        """Every URN that it refers to, optionally without its provider or its parent."""
        found = {*self.dependencies, *self.replace_with}
        for names in self.property_dependencies.values():
            found.update(names)
        if provider and self.provider:
            found.add(urns.split_reference(self.provider)[0])
        if parent and self.parent:
            found.add(self.parent)
        if self.deleted_with:
            found.add(self.deleted_with)
        return found

    def features(self) -> set[str]:
        return {name for attribute, name in _FEATURES if getattr(self, attribute)}


def now() -> str:
    """A time stamp in Go's form."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


class Cipher(Protocol):
    def encrypt(self, text: str) -> str: ...
    def decrypt(self, text: str) -> str: ...


class _Clear:
    """Values inside an encrypted value are not encrypted again. They keep their secret marks."""

    def encrypt(self, text: str) -> str:
        return text

    def decrypt(self, text: str) -> str:
        return text


_CLEAR = _Clear()


def to_json(state: State, vault: Cipher | None) -> dict[str, Any]:
    """The form in a deployment's `resources`. Without a `vault`, secrets are plain."""
    out: dict[str, Any] = {"urn": state.urn, "custom": state.custom}
    if state.delete:
        out["delete"] = True
    if state.id:
        out["id"] = state.id
    out["type"] = state.type
    if state.inputs:
        out["inputs"] = encode(state.inputs, vault)
    if state.outputs:
        out["outputs"] = encode(state.outputs, vault)
    for attribute, key in _PLAIN:
        if value := getattr(state, attribute):
            out[key] = value
    if state.replacement_trigger is not None:
        out["replacementTrigger"] = encode(state.replacement_trigger, vault)
    if state.resource_hooks:
        out["resourceHooks"] = state.resource_hooks
    return out


def from_json(data: Any, vault: Cipher) -> State:
    """Parse one of a deployment's `resources`. Raises `ValueError` if it is invalid."""
    said = of_shape(data, dict[str, Any], "a resource")
    keys = dict((*_PLAIN, ("id", "id"), ("delete", "delete"), ("resource_hooks", "resourceHooks")))
    state = State(
        **{
            name: of_shape(said.get(name), _SHAPES[name], name)
            for name in ("urn", "type", "custom")
        },
        inputs=WireProps(decode(of_shape(said.get("inputs"), _PROPS, "inputs"), vault)),
        outputs=WireProps(decode(of_shape(said.get("outputs"), _PROPS, "outputs"), vault)),
        replacement_trigger=decode(said.get("replacementTrigger"), vault),
    )
    for attribute, key in keys.items():
        if key in said:
            setattr(state, attribute, of_shape(said[key], _SHAPES[attribute], key))
    for urn in {state.urn, *state.depends_on()}:
        if not urns.is_urn(urn):
            raise ValueError("a URN is not one")
    return state


_PROPS = dict[str, Any]
#: The types of the attributes.
_SHAPES = get_type_hints(State)


def of_shape(value: Any, shape: Any, what: str) -> Any:
    """The value, if it is of that type. Empty values may be null.

    Raises `ValueError`, whose message does not show the value.
    """
    kind, parts = get_origin(shape) or shape, get_args(shape)
    if kind is Any:
        return value
    if value is None and kind is not bool:
        return kind()
    if kind is float and type(value) is int:
        return value
    if type(value) is not kind:
        raise ValueError(f"{what} is not of its type")
    if kind is list:
        return [of_shape(one, parts[0], what) for one in value]
    if kind is dict:
        return {key: of_shape(one, parts[1], what) for key, one in value.items()}
    return value


def encode(value: Any, vault: Cipher | None) -> Any:
    """A property value in the form of the state."""
    kind = type(value)
    if isinstance(value, dict):
        return {key: encode(value[key], vault) for key in sorted(value)}
    if kind is list:
        return [encode(item, vault) for item in value]
    if kind is Secret:
        # The whole value is encrypted, so secrets inside it are not encrypted again.
        inner = encode(value.value, _CLEAR if vault else None)
        text = json.dumps(inner, separators=(",", ":"), ensure_ascii=False)
        if vault is None:
            return {SIGNATURE: SECRET, "plaintext": text}
        return {SIGNATURE: SECRET, "ciphertext": vault.encrypt(text)}
    if value is UNKNOWN:
        return UNKNOWN_STRING
    if kind is ResourceReference:
        out = {SIGNATURE: REFERENCE, "urn": value.urn, "packageVersion": value.package_version}
        if value.id is not None:
            out["id"] = "" if value.id is UNKNOWN else value.id
        return out
    return value


def decode(value: Any, vault: Cipher) -> Any:
    """A property value from the form of the state."""
    kind = type(value)
    if kind is dict:
        signature = value.get(SIGNATURE)
        if signature is None:
            return {key: decode(item, vault) for key, item in value.items()}
        if signature == SECRET:
            text = (
                value["plaintext"] if "plaintext" in value else vault.decrypt(value["ciphertext"])
            )
            return Secret(decode(json.loads(text), _CLEAR))
        if signature == REFERENCE:
            identifier = value.get("id")
            return ResourceReference(
                value["urn"],
                UNKNOWN if identifier == "" else identifier,
                value.get("packageVersion", ""),
            )
        raise Unsupported(
            "the state holds an asset, archive or byte string, which the stand-in engine "
            "does not carry; use `pulumi up`"
        )
    if kind is list:
        return [decode(item, vault) for item in value]
    if kind is float and value.is_integer() and abs(value) < 1e21:
        return int(value)
    return UNKNOWN if value == UNKNOWN_STRING else value
