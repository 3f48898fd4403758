"""An `Account`, a fleet from a mapping and a fleet from a file refuse the same, with the same
messages.
"""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chatdaddy_pulumi.spec.files.reading import read_file
from chatdaddy_pulumi.spec.problem import printable
from chatdaddy_pulumi.spec.reading import MOST_PROBLEMS, read_account, read_fleet
from tests.unit.spec.values import ENTRY, FLEET, GOOD, GOOD_FLEET, IDS, KEYS, WORDS, nested

#: Messages may be truncated. Their beginning is enough to identify them.
FIRST = 250


def of_mapping(fleet: dict[str, Any]) -> list[str]:
    """The problems as ``key: argument reason``."""
    found = read_fleet(fleet).problems
    assert len(found) < MOST_PROBLEMS
    return sorted(_as_line(fleet, *problem) for problem in found)


def _as_line(fleet: dict[str, Any], property_: str, reason: str) -> str:
    """The form of a message in a file. If several keys match, the longest one is meant."""
    fitting = [key for key in fleet if _rest(property_, key) is not None]
    key = max(fitting, key=len)
    argument = _rest(property_, key)
    words = f"{key[:100]}: {argument} {reason}" if argument else f"{key[:100]}: {reason}"
    return printable(words, FIRST).removesuffix("…")


def _rest(property_: str, key: str) -> str | None:
    path = f"accounts.{printable(key, 100)}"
    if property_ == path:
        return ""
    return property_.removeprefix(f"{path}.") if property_.startswith(f"{path}.") else None


def of_file(path: Path, content: str) -> list[str]:
    path.write_text(content)
    _, problems = read_file(path)
    lines = [re.sub(r"^.*?:\d+:\d+: ", "", line, flags=re.DOTALL) for line in problems.lines()]
    return sorted(re.sub(r" in line \d+", "", line)[:FIRST].removesuffix("…") for line in lines)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


@pytest.mark.slow
@settings(max_examples=75)
@given(fleet=FLEET)
def test_a_file_refuses_what_a_mapping_refuses(folder: Path, fleet: dict[str, Any]) -> None:
    wrong = of_mapping(fleet)
    as_json = json.dumps({"accounts": fleet})
    assert of_file(folder / "f.json", as_json) == wrong
    assert (
        of_file(folder / "spread.json", json.dumps(fleet, indent=1)) == wrong or "accounts" in fleet
    )


@pytest.mark.slow
@settings(max_examples=60)
@given(fleet=FLEET)
def test_yaml_refuses_what_a_mapping_refuses(folder: Path, fleet: dict[str, Any]) -> None:
    # Copy it: YAML would write an object that occurs twice as an alias.
    apart = json.loads(json.dumps(fleet))
    text = yaml.safe_dump({"accounts": apart}, sort_keys=False)
    assert of_file(folder / "f.yaml", text) == of_mapping(fleet)


CELLS = st.text("abA é中'\"\\,;_", max_size=5)
ROWS = st.fixed_dictionaries(
    {},
    optional={
        "nickname": CELLS | st.sampled_from(["Al", "Al ", "Jose\u0301", "x" * 129]),
        "type": CELLS | GOOD["type"],
        "tier": CELLS | GOOD["tier"],
        "on_delete": CELLS | GOOD["on_delete"],
        "existing": CELLS | st.just("allow"),
        "adopt": CELLS | IDS,
    },
)


@given(fleet=st.dictionaries(CELLS.filter(bool), ROWS, max_size=5))
def test_csv_refuses_what_a_mapping_refuses(folder: Path, fleet: dict[str, Any]) -> None:
    table = io.StringIO()
    names = ["key", "nickname", "type", "tier", "on_delete", "existing", "adopt"]
    writer = csv.DictWriter(table, names)
    writer.writeheader()
    writer.writerows({"key": key, **own} for key, own in fleet.items())
    said = {
        key: {name: value for name, value in own.items() if value != ""}
        for key, own in fleet.items()
    }
    assert of_file(folder / "f.csv", table.getvalue()) == of_mapping(said)


@settings(max_examples=75)
@given(key=st.sampled_from(["a", "José"]), own=ENTRY)
def test_an_account_refuses_what_an_entry_refuses(key: str, own: dict[str, Any]) -> None:
    fleet = read_fleet({key: own})
    nickname = key if own.get("nickname") is None else own["nickname"]
    account = read_account({**own, "nickname": nickname})
    assert sorted((f"accounts.{key}.{name}", reason) for name, reason in account.problems) == (
        sorted((path, reason.removesuffix(", aliases")) for path, reason in fleet.problems)
    )
    assert account.spec == fleet.specs.get(key)


@given(fleet=GOOD_FLEET)
def test_valid_arguments_are_accepted_everywhere(folder: Path, fleet: dict[str, Any]) -> None:
    found = read_fleet(fleet)
    assert (found.problems, found.unknown) == ([], {})
    assert list(found.specs) == list(fleet)
    assert of_file(folder / "good.json", json.dumps({"accounts": fleet})) == []
    for key, own in fleet.items():
        assert read_account({**(own or {}), "nickname": key}).spec == found.specs[key]


ONE_AT_A_TIME: dict[str, Any] = {
    "not finite": {"settings": {"maxMessageSync": float("nan")}},
    "infinite": {"settings": {"x": [float("-inf")]}},
    "too deep": {"settings": {"x": nested(10)}},
    "too long": {"settings": {"x": "y" * 10_001}},
    "half a character": {"settings": {"x": "\ud800"}},
    "hidden": {"settings": {"x": {"__y": 1}}},
    "users": {"settings": {"notifyUsers": True}},
    "a user": {"settings": {"notifyUsers": ["u1", 5, " "]}},
    "internal": {"settings": {"coexistenceContactsSynced": True}},
    "a word in a setting": {"settings": {"commentsSilence": {"category": "all-liv"}}},
    "half a message": {"settings": {"maxMessageSync": 1.5}},
    "settings": {"settings": ["x"]},
    "an assignee": {"assignees": "u1"},
    "a boolean": {"connect": "yes"},
    "nobody": {"nickname": "\u00a0"},
    "nickname": {"nickname": "a\u2028b"},
    "half a nickname": {"nickname": "a\udfff"},
    "a number": {"nickname": 85291234567.0},
    "adopt": {"adopt": "alice"},
    "a word": {"tier": "unlimted"},
    "another kind": {"type": {"a": 1}},
    "misspelt": {"nikname": "a"},
}

WORDS_OF: dict[str, list[str]] = {
    "not finite": ["settings maxMessageSync is nan, but must be a finite number"],
    "infinite": ["settings x[0] is -inf, but must be a finite number"],
    "too deep": [f"settings x{'[0]' * 10} holds more than 10 nested mappings and lists"],
    "too long": ["settings x has 10,001 characters, but 10,000 are allowed"],
    "half a character": ["settings x holds characters that can't be sent"],
    "hidden": ["settings x must not hold names that begin with '__'"],
    "users": ["settings notifyUsers is True, but must be a list of user IDs"],
    "a user": [
        "settings notifyUsers[1] is 5, but must be a text; put quotes around it",
        "settings notifyUsers[2] is empty",
    ],
    "internal": ["settings coexistenceContactsSynced is internal to ChatDaddy; leave it out"],
    "a word in a setting": [
        "settings commentsSilence.category is 'all-liv', but must be one of 'ongoing-live', "
        "'all-live', 'all'; did you mean 'all-live'?"
    ],
    "half a message": ["settings maxMessageSync is 1.5, but must be a whole number"],
    "settings": ["settings is a list, but must be a mapping of settings"],
    "an assignee": ["assignees is 'u1', but must be a list of user IDs"],
    "a boolean": ["connect is 'yes', but must be true or false"],
    "nobody": ["nickname is empty; give it at least one character that shows"],
    "nickname": ["nickname is 'a\\u2028b', but must not hold control characters"],
    "half a nickname": ["nickname is 'a\\udfff', but must not hold control characters"],
    "a number": ["nickname is 85291234567, but must be a text; put quotes around it"],
    "adopt": ["adopt is 'alice', but must be an account's ID, which starts with 'acc'"],
    "a word": [
        "tier is 'unlimted', but must be one of 'limited', 'unlimited', "
        "'limited_msg_no_chat_history', 'unlimited_msg_chat_history'; did you mean 'unlimited'?"
    ],
    "another kind": [
        "type is a mapping, but must be one of 'wa', 'wa-business-api', 'mock', 'tiktok', "
        "'tiktok-shop', 'messenger', 'mail', 'sms', 'instagram'"
    ],
    "misspelt": ["nikname is not an argument of an account; did you mean 'nickname'?"],
}


@pytest.mark.parametrize("case", ONE_AT_A_TIME)
def test_the_messages(folder: Path, case: str) -> None:
    own, words = ONE_AT_A_TIME[case], WORDS_OF[case]
    account = read_account({"nickname": "a", **own})
    assert [f"{name} {reason}" for name, reason in account.problems] == words
    assert account.spec is None
    assert of_mapping({"a": own}) == sorted(f"a: {word}"[:FIRST] for word in words)
    if "half" in case and "character" in case:
        return  # YAML can't represent it
    text = yaml.safe_dump({"a": own}) if "finite" in case else json.dumps({"a": own})
    name = "one.yaml" if "finite" in case else "one.json"
    assert of_file(folder / name, text) == sorted(f"a: {word}"[:FIRST] for word in words)


@given(key=KEYS | WORDS)
def test_a_key_is_refused_with_the_same_message(folder: Path, key: str) -> None:
    if key in ("accounts", "$schema"):
        return
    assert of_file(folder / "key.json", json.dumps({key: {}})) == of_mapping({key: {}})
