"""The Pulumi stack in the current folder: its configuration, and the accounts in its state.

The configuration is read from the stack's file with the passphrase if that is enough, otherwise
from the Pulumi CLI. The state is the stand-in engine's if there is one, otherwise the CLI's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chatdaddy_pulumi.cli.console import Failed
from chatdaddy_pulumi.client.text import escaped
from chatdaddy_pulumi.lifecycle.urns import short_name

_NAMESPACE = "chatdaddy:"

#: Rounds of the key derivation of Pulumi's passphrase secrets.
_ROUNDS = 1_000_000
_PULUMI_S = 60


class _NotHere(Exception):
    """The stack's file is not enough; the Pulumi CLI may help."""


@dataclass(frozen=True)
class Stack:
    """A stack of a project folder; without a name, the project alone."""

    root: Path
    name: str | None

    @property
    def label(self) -> str:
        """Its name in messages."""
        return f"stack {self.name}" if self.name else f"project {self.root.name}"

    @property
    def short_name(self) -> str | None:
        """The name without organization and project, as in the names of files."""
        return self.name.rpartition("/")[2] if self.name else None

    @property
    def standin_state(self) -> Path:
        """Where the stand-in engine keeps the stack's state."""
        return self.root / ".sandbox" / f"{self.short_name}.json"

    @property
    def exists(self) -> bool:
        """Whether there is a file of the stack, or the Pulumi CLI knows it."""
        files = (self.root / f"Pulumi.{self.short_name}.yaml", self.standin_state)
        if any(file.is_file() for file in files):
            return True
        if shutil.which("pulumi") is None:
            return False
        return _call(self.root, "stack", "--show-name", "--stack", str(self.name)).returncode == 0

    def configuration(self) -> dict[str, str]:
        """The ``chatdaddy:…`` settings, secrets in the clear.

        Raises:
            Failed: they can't be read.
        """
        try:
            return self._from_files()
        except _NotHere as reason:
            found = self._pulumi("config", "--json", "--show-secrets", why=str(reason))
        return {
            key: str(said.get("value", ""))
            for key, said in found.items()
            if key.startswith(_NAMESPACE)
        }

    def accounts(self) -> dict[str, list[str]]:
        """The IDs of the accounts in the state, by the names of `Account`s and keys of fleets.

        Raises:
            Failed: the state can't be read.
        """
        if self.name is None:
            return {}
        if self.standin_state.is_file():
            exported = _json(self.standin_state.read_text(), str(self.standin_state))
        elif shutil.which("pulumi"):
            exported = self._pulumi("stack", "export")
        else:
            return {}
        resources = (exported.get("deployment") or {}).get("resources") or []
        return _held(resources)

    def _from_files(self) -> dict[str, str]:
        shared = _yaml(self.root / "Pulumi.yaml").get("config") or {}
        file = self.root / f"Pulumi.{self.short_name}.yaml"
        own = _yaml(file) if file.is_file() else {}
        if own.get("environment") or own.get("secretsprovider"):
            raise _NotHere("its configuration is not in its file alone")
        said = {**shared, **(own.get("config") or {})}
        said = {key: value for key, value in said.items() if str(key).startswith(_NAMESPACE)}
        sealed = {
            key: value["secure"]
            for key, value in said.items()
            if isinstance(value, dict) and "secure" in value
        }
        opened = _decrypted(sealed, str(own.get("encryptionsalt") or "")) if sealed else {}
        return {key: opened.get(key) or _text(value) for key, value in said.items()}

    def _pulumi(self, *arguments: str, why: str = "") -> dict[str, Any]:
        """The output of a Pulumi CLI command, as JSON."""
        if shutil.which("pulumi") is None:
            raise Failed(
                f"{self.label} can't be read: {why or 'the Pulumi CLI reads it'}, and there is no "
                "`pulumi` on PATH; correct that, or ignore the stack with --no-stack"
            )
        done = _call(self.root, *arguments, *(("--stack", self.name) if self.name else ()))
        if done.returncode:
            told = f"{why}, and the Pulumi CLI says: " if why else ""
            raise Failed(
                f"{self.label} can't be read: {told}{_last_line(done)}; "
                "correct that, or ignore the stack with --no-stack"
            )
        return _json(done.stdout, f"`pulumi {' '.join(arguments)}`")


def find(folder: Path, name: str | None = None) -> Stack | None:
    """The stack of that name, or the one that is selected, of the project in or above a folder.

    Returns None if there is no project. A project without a selected stack still has a
    configuration.

    Raises:
        Failed: a stack is named, but there is no project.
    """
    folder = folder.resolve()
    root = next((one for one in (folder, *folder.parents) if (one / "Pulumi.yaml").is_file()), None)
    if root is None:
        if name:
            raise Failed(f"there is no Pulumi.yaml in {folder} or above it, so no stack {name!r}")
        return None
    return Stack(root, name or os.environ.get("PULUMI_STACK") or _selected(root))


def _selected(root: Path) -> str | None:
    """The stack that `pulumi stack select` chose, or the only one with files here."""
    if shutil.which("pulumi"):
        done = _call(root, "stack", "--show-name")
        if done.returncode == 0 and (name := done.stdout.strip()):
            return name
    names = {path.stem for path in (root / ".sandbox").glob("*.json")}
    names |= {path.name.split(".")[1] for path in root.glob("Pulumi.*.yaml")}
    return names.pop() if len(names) == 1 else None


def _call(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(  # noqa: S603
            ["pulumi", *arguments, "--non-interactive", "--color", "never"],  # noqa: S607
            cwd=root,
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PULUMI_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Failed(
            f"`pulumi {' '.join(arguments)}` did not answer within {_PULUMI_S} s; "
            "--no-stack ignores the stack"
        ) from None


def _last_line(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line.strip() for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    found = next((line for line in lines if line.startswith("error: ")), lines[-1] if lines else "")
    return escaped(found.removeprefix("error: ")) or f"`pulumi` ended with {done.returncode}"


def _held(resources: list[Mapping[str, Any]]) -> dict[str, list[str]]:
    """The account IDs in a state's resources, by name or key."""
    from chatdaddy_pulumi.provider.state import saved_holder

    found: dict[str, set[str]] = {}
    for resource in resources:
        urn = str(resource.get("urn") or "")
        try:
            holder = saved_holder(urn, resource.get("outputs") or {})
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # its entries are secrets, or a later version wrote it
        for key, one in holder.accounts.items() if holder else ():
            found.setdefault(key or short_name(urn), set()).add(one.account_id)
    return {name: sorted(ids) for name, ids in found.items()}


# --- secrets of the `passphrase` secrets provider


def _decrypted(sealed: Mapping[str, str], salt: str) -> dict[str, str]:
    """The decrypted secrets: AES-256-GCM, with a key from passphrase and salt."""
    passphrase = _passphrase()
    version, _, rest = salt.partition(":")
    if version != "v1":
        raise _NotHere("its secrets are not kept by a passphrase")
    if passphrase is None:
        raise _NotHere("it holds secrets, and PULUMI_CONFIG_PASSPHRASE is not set")
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError:
        raise _NotHere("it holds secrets, and the package 'cryptography' is missing") from None
    try:
        key = hashlib.pbkdf2_hmac(
            "sha256", passphrase.encode(), base64.b64decode(rest.partition(":")[0]), _ROUNDS, 32
        )
        return {name: _opened(AESGCM(key), text) for name, text in sealed.items()}
    except InvalidTag:
        raise Failed("incorrect passphrase: check PULUMI_CONFIG_PASSPHRASE") from None
    except (ValueError, binascii.Error):
        raise _NotHere("a secret in its file is damaged") from None


def _opened(cipher: Any, text: str) -> str:
    _, nonce, body = text.split(":")
    opened: bytes = cipher.decrypt(base64.b64decode(nonce), base64.b64decode(body), None)
    return opened.decode()


def _passphrase() -> str | None:
    if (said := os.environ.get("PULUMI_CONFIG_PASSPHRASE")) is not None:
        return said
    if path := os.environ.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise Failed(f"PULUMI_CONFIG_PASSPHRASE_FILE: {error.strerror}: {path}") from None
    return None


# --- files


def _yaml(path: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(path.read_text()) or {}
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise Failed(f"{path} can't be read: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise Failed(f"{path} can't be read: it is not a mapping")
    return data


def _json(text: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Failed(f"{what} is not the expected JSON; --no-stack ignores the stack")
    return found


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = value.get("value", value.get("default", ""))
    return value if isinstance(value, str) else json.dumps(value)
