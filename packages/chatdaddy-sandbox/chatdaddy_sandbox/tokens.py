"""Access tokens (ES256 JWTs that this process signs) and API tokens, and their callers."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from chatdaddy_sandbox.clock import Clock
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.randomness import token_hex
from chatdaddy_sandbox.scopes import from_binary, to_binary
from chatdaddy_sandbox.store import Store

if TYPE_CHECKING:
    from jwt.types import Options

#: The lifetime of an access token.
LIFETIME_S = 3600

_REMEMBERED = 10_000

#: The order of the curve P-256.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def _signature_algorithm() -> ec.ECDSA:
    try:
        return ec.ECDSA(SHA256(), deterministic_signing=True)
    except UnsupportedAlgorithm:  # OpenSSL before 3.2: tokens differ from run to run
        return ec.ECDSA(SHA256())


_SIGNATURE = _signature_algorithm()

# The service's own clock is used to compare times.
_ONLY_THE_SIGNATURE: Options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Caller:
    """Who made a call, and with what rights."""

    user_id: str
    team_id: str
    scopes: frozenset[str]

    def may(self, *scopes: str) -> bool:
        """Whether one of the scopes is granted. True if no scope is required."""
        return not scopes or not self.scopes.isdisjoint(scopes)


class Tokens:
    """Makes and checks tokens of one team."""

    def __init__(self, store: Store, clock: Clock, team_id: str, source: random.Random) -> None:
        self._store, self._clock, self._team_id, self._random = store, clock, team_id, source
        self._key = self._load_key()
        self._known: dict[str, tuple[Caller, float]] = {}
        self._cut_short: dict[str, float] = {}

    def _load_key(self) -> ec.EllipticCurvePrivateKey:
        pem = self._store.get_meta("signing_key")
        if pem is not None:
            key = load_pem_private_key(pem.encode(), password=None)
            assert isinstance(key, ec.EllipticCurvePrivateKey)
            return key
        number = 1 + self._random.randrange(_ORDER - 1)
        key = ec.derive_private_key(number, ec.SECP256R1())
        pem_bytes = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self._store.set_meta("signing_key", pem_bytes.decode())
        return key

    @property
    def public_key(self) -> str:
        """The public key of the tokens, in PEM."""
        public = self._key.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def issue(self, user: dict[str, Any], scopes: Collection[str]) -> str:
        """A signed access token that is valid for one hour.

        Its times are of the machine's clock, which is also the client's. `clockOffset` says how far
        the
        service's own clock was ahead.
        """
        now = int(self._clock.machine())
        claims = {
            "scope": to_binary(scopes),
            "iat": now,
            "exp": now + LIFETIME_S,
            "jti": token_hex(self._random, 8),
            "clockOffset": self._clock.offset_s,
            "user": user,
        }
        return self._signed(claims)

    def _signed(self, claims: dict[str, Any]) -> str:
        """An ES256 JWT. Equal claims give an equal token, so that runs can be replayed."""
        parts = [{"alg": "ES256", "typ": "JWT"}, claims]
        text = ".".join(_base64(json.dumps(p, separators=(",", ":")).encode()) for p in parts)
        signature = self._key.sign(text.encode(), _SIGNATURE)
        r, s = decode_dss_signature(signature)
        return f"{text}.{_base64(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"

    def cut_short(self, token: str, seconds: float = 0) -> None:
        """Refuse a token after this many seconds, whatever its expiry is."""
        self._cut_short[token] = self._clock.now() + seconds

    def check(self, authorization: str | None) -> Caller:
        """The caller of an `Authorization` header. `ApiError` 401 if there is none."""
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
        """Read an API token from the database again when it is used next."""
        self._known.pop(token, None)

    def _read(self, token: str) -> tuple[Caller, float]:
        row = self._store.one("SELECT * FROM api_tokens WHERE token = ?", token)
        if row is not None:
            scopes = frozenset(json.loads(row["scopes"]))
            return Caller(row["user_id"], self._team_id, scopes), float("inf")
        try:
            claims = jwt.decode(
                token, self._key.public_key(), algorithms=["ES256"], options=_ONLY_THE_SIGNATURE
            )
            user = claims["user"]
            ends = float(claims["exp"]) + float(claims["clockOffset"])
            caller = Caller(user["id"], user["teamId"], from_binary(claims["scope"]))
        except (jwt.PyJWTError, KeyError, TypeError, ValueError) as error:
            raise ApiError(401, "Unauthorized: the access token is not valid") from error
        if caller.team_id != self._team_id:
            raise ApiError(401, "Unauthorized: the access token is of another team")
        return caller, ends
