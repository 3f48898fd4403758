"""The arguments of a fleet file's entries and what each is, for editors and for CSV's cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatdaddy_pulumi.enums import Tier
from chatdaddy_pulumi.spec import rules


def properties() -> dict[str, dict[str, Any]]:
    """JSON Schema of an entry's arguments, by name."""
    return {name: dict(kind.schema) for name, kind in rules.ENTRY.items()}


def _settings() -> dict[str, dict[str, Any]]:
    return {name: dict(kind.schema) for name, kind in rules.SETTINGS.items()}


def tier_of(arguments: Mapping[str, Any]) -> str:
    """The short name of the tier that checked arguments ask for."""
    given = arguments.get("tier")
    tier: Tier = Tier.LIMITED if given is None else rules.ENTRY["tier"].value(given)
    return tier.short


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
SETTINGS: Mapping[str, str] = {
    name: said.get("type", "string") for name, said in _settings().items()
}
