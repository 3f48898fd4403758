"""A stack's configuration: the project's defaults and Pulumi.STACK.yaml."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pulumi_standin import private_files
from pulumi_standin.crypter import Crypter
from pulumi_standin.errors import EngineError
from pulumi_standin.project import Project, read_mapping


@dataclass(frozen=True)
class Config:
    """A stack's whole configuration. Keys have their namespace, and secrets are plain."""

    values: Mapping[str, str]
    secrets: frozenset[str]


def stack_salt(project: Project, stack: str) -> str:
    """The encryption salt in the stack's file, or an empty string."""
    return str(_stack_data(project, stack).get("encryptionsalt") or "")


def configuration(project: Project, stack: str, crypter: Crypter) -> Config:
    """What the program and the providers get. Raises `EngineError`."""
    values: dict[str, str] = {}
    secrets = set()
    given = {_key(project, k): _default(v) for k, v in project.defaults.items()}
    given = {key: value for key, value in given.items() if value is not None}
    stack_config = _stack_data(project, stack).get("config") or {}
    given.update({_key(project, k): v for k, v in stack_config.items()})
    for key, value in sorted(given.items()):
        plain, secret = _decrypt(value, crypter)
        values[key] = _text(plain)
        if secret:
            secrets.add(key)
    return Config(values, frozenset(secrets))


def set_config(
    project: Project,
    stack: str,
    plain: Mapping[str, str],
    secret: Mapping[str, str],
    crypter: Crypter | None,
) -> None:
    """Write values into the stack's file. Secret ones are encrypted, which needs the crypter."""
    path = project.stack_file(stack)
    data = _stack_data(project, stack)
    config: dict[str, Any] = dict(data.get("config") or {})
    config.update({_key(project, key): value for key, value in plain.items()})
    if secret:
        assert crypter is not None
        data = {"encryptionsalt": crypter.salt, **data}
        config.update({_key(project, k): {"secure": crypter.encrypt(v)} for k, v in secret.items()})
    private_files.write(path, yaml.safe_dump({**data, "config": config}, sort_keys=False))


def pairs(arguments: list[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` arguments as a mapping. Raises `EngineError`, which does not show the argument,
    because it may be a secret.
    """
    out = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not key or not equals:
            raise EngineError(f"{option}: expected KEY=VALUE")
        out[key] = value
    return out


def _stack_data(project: Project, stack: str) -> dict[str, Any]:
    path = project.stack_file(stack)
    return read_mapping(path) if path.is_file() else {}


def _key(project: Project, key: str) -> str:
    """`key`, `ns:key` or the old `ns:config:key`, with its namespace."""
    namespace, colon, name = str(key).partition(":")
    if not colon:
        return f"{project.name}:{namespace}"
    return f"{namespace}:{name.removeprefix('config:')}"


def _default(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("value", value.get("default"))
    return value


def _decrypt(value: Any, crypter: Crypter) -> tuple[Any, bool]:
    if isinstance(value, dict):
        if set(value) == {"secure"} and isinstance(value["secure"], str):
            return crypter.decrypt(value["secure"]), True
        items = {key: _decrypt(item, crypter) for key, item in value.items()}
        return {k: v for k, (v, _) in items.items()}, any(s for _, s in items.values())
    if isinstance(value, list):
        elements = [_decrypt(item, crypter) for item in value]
        return [v for v, _ in elements], any(s for _, s in elements)
    return value, False


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list, bool)) or value is None:
        return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return str(value)
