"""Access tokens: ES256 JWTs signed here, and API tokens; who a bearer token stands for."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from chatdaddy_sandbox.clock import Clock
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.scopes import from_binary, to_binary
from chatdaddy_sandbox.store import Store

#: How long an access token lasts.
LIFETIME_S = 3600

_REMEMBERED = 10_000


@dataclass(frozen=True)
class Caller:
    """Who made a call, and what they may do."""

    user_id: str
    team_id: str
    scopes: frozenset[str]

    def may(self, *scopes: str) -> bool:
        """Whether one of the scopes is granted; with none asked for, any caller may."""
        return not scopes or not self.scopes.isdisjoint(scopes)


class Tokens:
    """Makes and checks tokens of one team."""

    def __init__(self, store: Store, clock: Clock, team_id: str) -> None:
        self._store, self._clock, self._team_id = store, clock, team_id
        self._key = self._load_key()
        self._known: dict[str, tuple[Caller, float]] = {}
        self._cut_short: dict[str, float] = {}

    def _load_key(self) -> ec.EllipticCurvePrivateKey:
        pem = self._store.get_meta("signing_key")
        if pem is not None:
            key = load_pem_private_key(pem.encode(), password=None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return key
        key = ec.generate_private_key(ec.SECP256R1())
        pem_bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._store.set_meta("signing_key", pem_bytes.decode())
        return key

    @property
    def public_key(self) -> str:
        """The key that checks the tokens, in PEM."""
        public = self._key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def issue(self, user: dict[str, Any], scopes: Collection[str]) -> str:
        """A signed access token of one hour.

        Its times are the machine's, so that a client whose clock nobody moved can live with it;
        `clockOffset` remembers how far the service's own clock was ahead.
        """
        now = int(time.time())
        claims = {
            "scope": to_binary(scopes),
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": secrets.token_hex(8),
            "clockOffset": self._clock.offset_s,
            "user": user,
        }
        return jwt.encode(claims, self._key, algorithm="ES256")

    def cut_short(self, token: str, seconds: float = 0) -> None:
        """Refuse a token after so many seconds, whatever it says itself."""
        self._cut_short[token] = self._clock.now() + seconds

    def check(self, authorization: str | None) -> Caller:
        """The caller that an `Authorization` header names; `ApiError` 401 if there is none."""
        scheme, _, token = (authorization or "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise ApiError(401, "Unauthorized: no access token was given")
        known = self._known.get(token)
        if known is None:
            known = self._read(token)
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[token] = known
        caller, ends = known
        now = self._clock.now()
        if now >= ends or now >= self._cut_short.get(token, ends):
            raise ApiError(401, "Unauthorized: the access token has expired")
        return caller

    def forget(self, token: str) -> None:
        """Look an API token up anew at its next use."""
        self._known.pop(token, None)

    def _read(self, token: str) -> tuple[Caller, float]:
        row = self._store.one("SELECT * FROM api_tokens WHERE token = ?", token)
        if row is not None:
            scopes = frozenset(json.loads(row["scopes"]))
            return Caller(row["user_id"], self._team_id, scopes), float("inf")
        try:
            claims = jwt.decode(
                token, self._key.public_key(), algorithms=["ES256"], options={"verify_exp": False}
            )
            user = claims["user"]
            ends = float(claims["exp"]) + float(claims["clockOffset"])
            caller = Caller(user["id"], user["teamId"], from_binary(claims["scope"]))
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise ApiError(401, "Unauthorized: the access token is not valid") from error
        if caller.team_id != self._team_id:
            raise ApiError(401, "Unauthorized: the access token is of another team")
        return caller, ends
