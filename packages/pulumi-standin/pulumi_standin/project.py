"""The project folder and its Pulumi.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pulumi_standin.errors import EngineError

#: The name of the only organization, as in self-managed backends.
ORGANIZATION = "organization"
_STACK_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


@dataclass(frozen=True)
class Project:
    """A project folder with a Python program."""

    name: str
    root: Path  # the folder of Pulumi.yaml
    program: Path  # the folder in which the program runs
    entry: str  # what runs there: a file, or "." for the folder's __main__.py
    options: Mapping[str, Any]  # runtime.options
    defaults: Mapping[str, Any]  # the project's own `config`

    def stack_file(self, stack: str) -> Path:
        return self.root / f"Pulumi.{stack}.yaml"


def load(folder: Path) -> Project:
    """Find Pulumi.yaml in `folder` or above it. Raises `EngineError`."""
    folder = folder.resolve()
    root = next((f for f in (folder, *folder.parents) if (f / "Pulumi.yaml").is_file()), None)
    if root is None:
        raise EngineError(f"no Pulumi.yaml project file found in {folder} or above it")
    data = read_mapping(root / "Pulumi.yaml")
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
    """Raises `EngineError` on a name that Pulumi does not accept."""
    if not _STACK_NAME.fullmatch(stack):
        raise EngineError(
            f"the stack name {stack!r} is not one: up to 100 letters, digits, '-', '_' and '.'"
        )


def stack_of_reference(project: Project, reference: str) -> str:
    """The stack that ``STACK``, ``organization/STACK`` or ``organization/PROJECT/STACK`` names.

    Raises `EngineError`. Stacks of other projects are not known.
    """
    parts = reference.split("/")
    if parts[:-1] and parts[0] != ORGANIZATION:
        raise EngineError(f"organization name must be '{ORGANIZATION}'")
    if len(parts) > 3 or (len(parts) == 3 and parts[1] != project.name):
        raise EngineError(f'unknown stack "{reference}"')
    check_stack_name(parts[-1])
    return parts[-1]


def read_mapping(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file. Raises `EngineError`."""
    try:
        data = yaml.safe_load(path.read_text()) or {}
    except (OSError, yaml.YAMLError) as error:
        raise EngineError(f"{path}: {' '.join(str(error).split())}") from error
    if not isinstance(data, dict):
        raise EngineError(f"{path}: expected a mapping")
    return data
