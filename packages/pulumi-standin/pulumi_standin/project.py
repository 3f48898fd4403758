"""The project folder: Pulumi.yaml, and the stack's configuration in Pulumi.STACK.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pulumi_standin.errors import EngineError
from pulumi_standin.vault import Vault

#: The name of the only organization, as the self-managed backends have it.
ORGANIZATION = "organization"
_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True)
class Project:
    """A project folder that holds a Python program."""

    name: str
    root: Path  # where Pulumi.yaml is
    program: Path  # the folder the program runs in
    entry: str  # what is run there: a file, or "." for the folder's __main__.py
    options: Mapping[str, Any]  # runtime.options
    defaults: Mapping[str, Any]  # the project's own `config`

    def stack_file(self, stack: str) -> Path:
        return self.root / f"Pulumi.{stack}.yaml"


@dataclass(frozen=True)
class Config:
    """A stack's whole configuration, keys with their namespace, secrets in the clear."""

    values: Mapping[str, str]
    secrets: frozenset[str]


def load(folder: Path) -> Project:
    """Find Pulumi.yaml in `folder` or above it; raises `EngineError`."""
    folder = folder.resolve()
    root = next((f for f in (folder, *folder.parents) if (f / "Pulumi.yaml").is_file()), None)
    if root is None:
        raise EngineError(f"no Pulumi.yaml project file found in {folder} or above it")
    data = _mapping(root / "Pulumi.yaml")
    runtime = data.get("runtime")
    kind: Any = runtime
    options: dict[str, Any] = {}
    if isinstance(runtime, dict):
        kind, options = runtime.get("name"), runtime.get("options") or {}
    if kind != "python":
        raise EngineError(
            f"{root / 'Pulumi.yaml'}: runtime {kind!r}; the stand-in engine runs python programs, "
            "others run with `pulumi up`"
        )
    if not data.get("name"):
        raise EngineError(f"{root / 'Pulumi.yaml'}: the project has no name")
    main = root / str(data.get("main") or ".")
    program, entry = (main, ".") if main.is_dir() else (main.parent, main.name)
    return Project(str(data["name"]), root, program, entry, options, data.get("config") or {})


def check_stack_name(stack: str) -> None:
    """Raises `EngineError` on a name that Pulumi would not take."""
    if not _STACK_NAME.fullmatch(stack):
        raise EngineError(
            f"the stack name {stack!r} is not one: up to 100 letters, digits, '-', '_' and '.'"
        )


def stack_of_reference(project: Project, reference: str) -> str:
    """The stack that ``STACK``, ``organization/STACK`` or ``organization/PROJECT/STACK`` names.

    Raises `EngineError`; stacks of other projects are not known here.
    """
    parts = reference.split("/")
    if parts[:-1] and parts[0] != ORGANIZATION:
        raise EngineError(f"organization name must be '{ORGANIZATION}'")
    if len(parts) > 3 or (len(parts) == 3 and parts[1] != project.name):
        raise EngineError(f'unknown stack "{reference}"')
    check_stack_name(parts[-1])
    return parts[-1]


def stack_salt(project: Project, stack: str) -> str:
    """The encryption salt in the stack's file, or an empty string."""
    return str(_stack_data(project, stack).get("encryptionsalt") or "")


def configuration(project: Project, stack: str, vault: Vault) -> Config:
    """What the program and the providers see; raises `EngineError`."""
    values: dict[str, str] = {}
    secrets = set()
    given = {_key(project, k): _default(v) for k, v in project.defaults.items()}
    given = {key: value for key, value in given.items() if value is not None}
    stack_config = _stack_data(project, stack).get("config") or {}
    given.update({_key(project, k): v for k, v in stack_config.items()})
    for key, value in sorted(given.items()):
        plain, secret = _decrypt(value, vault)
        values[key] = _text(plain)
        if secret:
            secrets.add(key)
    return Config(values, frozenset(secrets))


def set_config(
    project: Project,
    stack: str,
    plain: Mapping[str, str],
    secret: Mapping[str, str],
    vault: Vault | None,
) -> None:
    """Write values into the stack's file, secret ones encrypted (needs the vault)."""
    path = project.stack_file(stack)
    data = _stack_data(project, stack)
    config: dict[str, Any] = dict(data.get("config") or {})
    config.update({_key(project, key): value for key, value in plain.items()})
    if secret:
        assert vault is not None
        data = {"encryptionsalt": vault.salt, **data}
        config.update({_key(project, k): {"secure": vault.encrypt(v)} for k, v in secret.items()})
    path.write_text(yaml.safe_dump({**data, "config": config}, sort_keys=False))


def pairs(arguments: list[str], option: str) -> dict[str, str]:
    """``KEY=VALUE`` arguments as a mapping; raises `EngineError`."""
    out = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not key or not equals:
            raise EngineError(f"{option} {argument!r}: expected KEY=VALUE")
        out[key] = value
    return out


def _stack_data(project: Project, stack: str) -> dict[str, Any]:
    path = project.stack_file(stack)
    return _mapping(path) if path.is_file() else {}


def _mapping(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise EngineError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise EngineError(f"{path}: expected a mapping")
    return data


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


def _decrypt(value: Any, vault: Vault) -> tuple[Any, bool]:
    if isinstance(value, dict):
        if set(value) == {"secure"} and isinstance(value["secure"], str):
            return vault.decrypt(value["secure"]), True
        items = {key: _decrypt(item, vault) for key, item in value.items()}
        return {k: v for k, (v, _) in items.items()}, any(s for _, s in items.values())
    if isinstance(value, list):
        elements = [_decrypt(item, vault) for item in value]
        return [v for v, _ in elements], any(s for _, s in elements)
    return value, False


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, (dict, list, bool)) or value is None:
        return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)
    return str(value)
