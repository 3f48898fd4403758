"""The arguments of a fleet file's entries and what each is, from the model of `Account`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.resources.account.arguments import (
    NICKNAME_LENGTH,
    SHORT_TIERS,
    AccountArguments,
    AccountSettings,
    one_of,
)

_ENUMS: Mapping[str, Any] = {
    "type": AccountType,
    "tier": Tier,
    "login_type": LoginType,
    "on_delete": OnDelete,
    "existing": Existing,
}


@cache
def properties() -> dict[str, dict[str, Any]]:
    """JSON Schema of an entry's arguments, by name."""
    found: dict[str, dict[str, Any]] = {}
    for name, said in AccountArguments.model_json_schema()["properties"].items():
        kind = next((one for one in said.get("anyOf", [said]) if one.get("type") != "null"), said)
        found[name] = {"type": kind.get("type", "string")}
        if name in _ENUMS:
            words = [str(member.value) for member in _ENUMS[name]]
            short = [tier.short for tier in Tier] if name == "tier" else []
            found[name] = {"enum": [*short, *words]}
    found["nickname"] |= {"minLength": 1, "maxLength": NICKNAME_LENGTH}
    found["adopt"] |= {"pattern": "^acc[A-Za-z0-9_-]{4,60}$"}
    found["assignees"] |= {"items": {"type": "string"}}
    found["settings"] |= {"properties": _settings()}
    return found


def _settings() -> dict[str, dict[str, Any]]:
    found = {}
    for name, said in AccountSettings.model_json_schema()["properties"].items():
        kind = next(one for one in said["anyOf"] if one.get("type") != "null")
        found[name] = {key: value for key, value in kind.items() if key != "title"}
    return found


def tier_of(arguments: Mapping[str, Any]) -> str:
    """The short name of the tier that checked arguments ask for."""
    return one_of(arguments.get("tier") or Tier.LIMITED, Tier, SHORT_TIERS).short


def schema() -> dict[str, Any]:
    """JSON Schema of a fleet file (YAML or JSON), for editors."""
    arguments = {
        "type": ["object", "null"],
        "properties": properties(),
        "additionalProperties": False,
    }
    by_key = {"type": "object", "additionalProperties": {"$ref": "#/$defs/account"}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A fleet of ChatDaddy accounts",
        "$defs": {"account": arguments},
        "type": "object",
        "properties": {"$schema": {"type": "string"}, "accounts": by_key},
        "required": ["accounts"],
        "additionalProperties": False,
    }


#: JSON's name of what each argument is.
ARGUMENTS: Mapping[str, str] = {
    name: said.get("type", "string") for name, said in properties().items()
}
#: The same of each setting that the API documents.
SETTINGS: Mapping[str, str] = {name: said["type"] for name, said in _settings().items()}
