"""The JSON Schema of fleet files allows what `load_fleet` accepts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from typer.testing import CliRunner

from chatdaddy_pulumi.cli.app import app
from chatdaddy_pulumi.spec import rules
from chatdaddy_pulumi.spec.files.reading import read_file
from chatdaddy_pulumi.spec.files.schema import schema

ROOT = Path(__file__).parents[3]

VALIDATOR = jsonschema_rs.validator_for(schema())


def test_the_command_prints_the_schema() -> None:
    assert json.loads(CliRunner().invoke(app, ["fleet", "schema"]).stdout) == schema()


def test_the_schema_has_every_argument_and_setting() -> None:
    definitions = schema()["definitions"]
    for name in ("account", "keyedAccount"):
        assert set(rules.ENTRY) <= set(definitions[name]["properties"])
    arguments = definitions["account"]["properties"]
    assert set(rules.SETTINGS) <= set(arguments["settings"]["properties"])
    assert all(said.get("description") for said in arguments.values())
    assert arguments["tier"]["enum"][:2] == ["limited", "unlimited"]
    assert arguments["aliases"]["items"] == {"type": "string"}


@pytest.mark.parametrize("example", sorted(ROOT.glob("examples/*/fleet.yaml")), ids=str)
def test_examples_refer_to_the_schema_and_conform(example: Path) -> None:
    text = example.read_text()
    first = text.splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    referred = (example.parent / first.partition("=")[2]).resolve()
    assert json.loads(referred.read_text()) == schema(), (
        f"write it anew: chatdaddy-pulumi fleet schema > {referred}"
    )
    VALIDATOR.validate(yaml.safe_load(text))


ALL = {
    "nickname": "A",
    "type": "wa",
    "tier": "unlimited_msg_chat_history",
    "settings": {
        "notifyUsers": ["u"],
        "maxMessageSync": 3,
        "keepDeletedMessages": {"fromMe": True},
    },
    "login_type": "facebook",
    "assignees": ["u"],
    "on_delete": "retain",
    "existing": "allow",
    "adopt": "acc0123456789abcdef01234567",
    "connect": True,
    "allow_history_loss": False,
    "aliases": ["old"],
}

GOOD: dict[str, Any] = {
    "none": {"accounts": {}},
    "mapping": {"accounts": {"a": ALL, "b": None, "c": {}}},
    "list": {"accounts": [{"key": "a", **ALL}, {"key": "b"}]},
    "mapping at the top": {"a": {"tier": "limited"}, "b": None},
    "list at the top": [{"key": "a"}, {"key": "b", "tier": "unlimited"}],
    "schema beside": {"$schema": "fleet.schema.json", "accounts": {"a": None}},
    "schema at the top": {"$schema": "fleet.schema.json", "a": None},
    "a setting that is new": {"a": {"settings": {"futureSetting": 7}}},
}

BAD: dict[str, Any] = {
    "not a mapping": "accounts",
    "unknown argument": {"accounts": {"a": {"teir": "limited"}}},
    "unknown argument at the top": {"a": {"teir": "limited"}},
    "unknown argument in a list": [{"key": "a", "teir": "limited"}],
    "no key": {"accounts": [{"nickname": "a"}]},
    "unknown tier": {"a": {"tier": "unlimted"}},
    "unknown type": {"a": {"type": "whatsapp"}},
    "unknown removal": {"a": {"on_delete": "keep"}},
    "nickname a number": {"a": {"nickname": 7}},
    "nickname too long": {"a": {"nickname": "x" * 129}},
    "adopt not an ID": {"a": {"adopt": "Alice"}},
    "assignees a text": {"a": {"assignees": "u"}},
    "a setting of another type": {"a": {"settings": {"enableStories": "yes"}}},
    "users to notify not a list": {"a": {"settings": {"notifyUsers": True}}},
    "an internal setting": {"a": {"settings": {"coexistenceContactsSynced": True}}},
    "connect a text": {"a": {"connect": "yes"}},
    "a hidden key": {"__a": {}},
    "a key with spaces around it": {" a": {}},
    "beside accounts": {"accounts": {}, "defaults": {}},
}


def loads(tmp_path: Path, data: Any) -> bool:
    file = tmp_path / "fleet.json"
    file.write_text(json.dumps(data))
    return not read_file(file)[1]


@pytest.mark.parametrize("case", GOOD)
def test_allowed_files_load(tmp_path: Path, case: str) -> None:
    VALIDATOR.validate(GOOD[case])
    assert loads(tmp_path, GOOD[case])


@pytest.mark.parametrize("case", BAD)
def test_refused_files_do_not_load(tmp_path: Path, case: str) -> None:
    assert not VALIDATOR.is_valid(BAD[case])
    assert not loads(tmp_path, BAD[case])


def test_previous_keys_are_a_list_of_texts() -> None:
    assert VALIDATOR.is_valid({"a": {"aliases": ["old"]}})
    assert not VALIDATOR.is_valid({"a": {"aliases": "old"}})
