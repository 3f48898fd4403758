"""The calls to ChatDaddy, and whether they may be repeated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import quote

from chatdaddy_pulumi.client.errors import BadSetting


class Repeat(Enum):
    """The effect of repeating a call."""

    READ = "changes nothing"
    IDEMPOTENT = "changes what was changed already"
    NEVER = "happens twice"


@dataclass(frozen=True)
class Call:
    """One call. `path` is a template, filled with `ids`: ``/accounts/{id}``."""

    method: str
    service: str
    path: str
    ids: tuple[str, ...] = ()
    params: Mapping[str, Any] | None = field(default=None, repr=False)
    body: Any = field(default=None, repr=False)
    repeat: Repeat = Repeat.READ
    with_token: bool = True
    #: Called each time before it is sent.
    on_send: Callable[[], None] | None = field(default=None, repr=False, compare=False)

    @property
    def template(self) -> str:
        """The name of the call, without IDs: ``PATCH /im/accounts/{id}``."""
        return f"{self.method} /{self.service}{self.path}"

    def __str__(self) -> str:
        return f"{self.method} /{self.service}{self.filled()}"

    def filled(self) -> str:
        """The path with its IDs; an ID can't add steps to it."""
        path = self.path
        for value in self.ids:
            if not value.strip("."):
                raise BadSetting(f"{value!r} is not an ID", call=self.template)
            path = path.replace("{id}", quote(value, safe=""), 1)
        return path
