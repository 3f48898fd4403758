"""Encryption with a passphrase, compatible with Pulumi's own `passphrase` secrets provider.

Either engine can read a state or a stack's configuration. The scheme: AES-256-GCM with a key from
PBKDF2 (SHA-256, 1,000,000 rounds), and ``v1:nonce:ciphertext``, both base64. The salt is kept as
``v1:salt:`` followed by the encrypted word "pulumi", which detects a wrong passphrase.
"""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pulumi_standin.errors import EngineError

_ROUNDS = 1_000_000


class Crypter:
    """Encrypts and decrypts with one passphrase and one salt."""

    def __init__(self, key: bytes, salt: str) -> None:
        self._cipher = AESGCM(key)
        self.salt = salt  # the form in secrets_providers of the state and in the stack's file

    @classmethod
    def new(cls, passphrase: str) -> Crypter:
        """A crypter with a new salt."""
        salt = os.urandom(8)
        crypter = cls(_key(passphrase, salt), "")
        crypter.salt = f"v1:{b64encode(salt).decode()}:{crypter.encrypt('pulumi')}"
        return crypter

    @classmethod
    def open(cls, passphrase: str, salt: str) -> Crypter:
        """A crypter with the salt of a state or of a stack's file.

        Raises `EngineError` on a wrong passphrase.
        """
        version, encoded, probe = salt.split(":", 2) if salt.count(":") >= 2 else ("", "", "")
        if version != "v1":
            raise EngineError(f"the encryption salt {salt[:12]!r}… is not one of Pulumi's (v1:…)")
        try:
            crypter = cls(_key(passphrase, b64decode(encoded)), salt)
            known = crypter.decrypt(probe) == "pulumi"
        except (EngineError, ValueError):
            known = False
        if not known:
            raise EngineError("incorrect passphrase: check PULUMI_CONFIG_PASSPHRASE")
        return crypter

    def encrypt(self, text: str) -> str:
        nonce = os.urandom(12)
        sealed = self._cipher.encrypt(nonce, text.encode(), None)
        return f"v1:{b64encode(nonce).decode()}:{b64encode(sealed).decode()}"

    def decrypt(self, text: str) -> str:
        try:
            version, nonce, sealed = text.split(":")
            if version != "v1":
                raise ValueError(version)
            return self._cipher.decrypt(b64decode(nonce), b64decode(sealed), None).decode()
        except (ValueError, InvalidTag) as error:
            raise EngineError(
                "a secret can't be decrypted: it is damaged, or of another passphrase"
            ) from error


def _key(passphrase: str, salt: bytes) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", passphrase.encode(), salt, _ROUNDS, 32)


def passphrase(env: Mapping[str, str]) -> str:
    """The passphrase from the environment, as for `pulumi`. Raises `EngineError`."""
    if "PULUMI_CONFIG_PASSPHRASE" in env:
        return env["PULUMI_CONFIG_PASSPHRASE"]
    if path := env.get("PULUMI_CONFIG_PASSPHRASE_FILE"):
        try:
            return Path(path).read_text().strip()
        except OSError as error:
            raise EngineError(f"PULUMI_CONFIG_PASSPHRASE_FILE: {error}") from error
    raise EngineError(
        "passphrase must be set with PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE "
        "environment variables (it may be empty)"
    )
