"""The JSON Schema of fleet files, for editors, and the types of CSV's cells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatdaddy_pulumi.spec import rules

_DESCRIPTIONS: Mapping[str, str] = {
    "nickname": "The name that ChatDaddy shows. The key if it is left out.",
    "type": "The channel. 'wa' (WhatsApp) if it is left out.",
    "tier": "'limited': 1,000 messages in a billing period, no chat history. 'unlimited': neither "
    "limit. 'limited' if it is left out.",
    "settings": "The settings to hold, in the API's words. Others are left alone.",
    "login_type": "The service that logs in, for channels that have several.",
    "assignees": "IDs of team members. Left alone if it is left out.",
    "on_delete": "What removing the entry does to the account: 'delete' (24 hours of grace), "
    "'delete_now', 'archive' (notes and contacts stay) or 'retain' (nothing).",
    "existing": "What to do if the team has another live account of that nickname: 'fail', "
    "'adopt' it, or 'allow' (buy another).",
    "adopt": "The ID of an account to take over. Nothing is bought.",
    "connect": "Open the connection, so that there is a QR code to scan.",
    "allow_history_loss": "Let a change of tier delete the chats that were synced.",
    "aliases": "Keys that this entry had before.",
}


def properties() -> dict[str, dict[str, Any]]:
    """JSON Schema of an entry's arguments, by name."""
    return {name: dict(kind.schema) for name, kind in rules.ENTRY.items()}


def _settings() -> dict[str, dict[str, Any]]:
    return {name: dict(kind.schema) for name, kind in rules.SETTINGS.items()}


def schema() -> dict[str, Any]:
    """JSON Schema of a fleet file (YAML or JSON), for editors.

    It is draft 7, which editors support best. It has all forms of `load_fleet`: entries by their
    keys, under ``accounts`` or at the top, and lists of entries with their ``key``.
    """
    arguments = _described()
    key = {
        "type": "string",
        "minLength": 1,
        "maxLength": rules.NICKNAME_LENGTH,
        "pattern": r"^(?!__)\S(.*\S)?$",
        "description": "Names the entry for good. Unique in the file.",
    }
    by_key = {
        "type": "object",
        "propertyNames": {"$ref": "#/definitions/key"},
        "additionalProperties": {"$ref": "#/definitions/account"},
    }
    listed = {"type": "array", "items": {"$ref": "#/definitions/keyedAccount"}}
    entries = {"if": {"type": "array"}, "then": listed, "else": by_key}
    marker = {"type": "string", "description": "The schema, for editors."}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "A fleet of ChatDaddy accounts",
        "definitions": {
            "key": key,
            "account": {
                "description": "An account's arguments; nothing if the defaults do.",
                "type": ["object", "null"],
                "properties": arguments,
                "additionalProperties": False,
            },
            "keyedAccount": {
                "type": "object",
                "properties": {"key": {"$ref": "#/definitions/key"}, **arguments},
                "required": ["key"],
                "additionalProperties": False,
            },
        },
        "type": ["object", "array"],
        "if": {"type": "object", "required": ["accounts"]},
        "then": {
            "properties": {
                "$schema": marker,
                "accounts": {
                    "description": "The accounts by their keys, or a list of them.",
                    "type": ["object", "array"],
                    **entries,
                },
            },
            "additionalProperties": False,
        },
        "else": {
            "if": {"type": "array"},
            "then": listed,
            "else": {
                "properties": {"$schema": marker},
                "propertyNames": {"$ref": "#/definitions/key"},
                "additionalProperties": {"$ref": "#/definitions/account"},
            },
        },
    }


def _described() -> dict[str, dict[str, Any]]:
    """The arguments for an editor: with descriptions, and without internal settings."""
    found = {
        name: {**said, "description": _DESCRIPTIONS[name]} for name, said in properties().items()
    }
    # False: nothing is allowed there.
    internal = dict.fromkeys(rules.INTERNAL_SETTINGS, False)
    found["settings"]["properties"] = {**_settings(), **internal}
    return found


#: JSON's name of what each argument is.
ARGUMENTS: Mapping[str, str] = {
    name: said.get("type", "string") for name, said in properties().items()
}
#: The same of each setting that the API documents.
SETTINGS: Mapping[str, str] = {
    name: said.get("type", "string") for name, said in _settings().items()
}
