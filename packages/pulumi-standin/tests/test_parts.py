"""Parts of the engine: values, paths, encryption, configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pulumi_standin import project as projects
from pulumi_standin import property_paths, render, stack_config
from pulumi_standin import state as states
from pulumi_standin.crypter import Crypter, passphrase
from pulumi_standin.errors import EngineError
from pulumi_standin.goal import seconds
from pulumi_standin.state_file import StateFile
from pulumi_standin.values import (
    UNKNOWN,
    Props,
    ResourceReference,
    Secret,
    annotate_secrets,
    deep_equals,
    from_struct,
    to_struct,
    unwrap,
)

# The output of `pulumi stack init` and `pulumi config set --secret` (3.260) with the passphrase
# "x".
SALT = "v1:iL3GOxAeCys=:v1:aEiwxQQf4s/Dsjhl:IOkkc/HxcQOcsEMk+GCltFx9xWO3dw=="
SECURE = "v1:Lht3gO6/r+Hnvxo8:G4LhvAXSg5HQSCZtYey4gLF6p2uz0A=="

VALUES: Props = {
    "null": None,
    "flags": [True, False],
    "numbers": [0, -1, 2.5, 2**53, 1e300],
    "text": "¡ñ\n☎",
    "empty": {"map": {}, "list": [], "text": ""},
    "secret": Secret({"deep": [Secret(1), {"x": None}]}),
    "unknown": [UNKNOWN, {"x": Secret(UNKNOWN)}],
    "resource": ResourceReference("urn:pulumi:dev::p::t::n", "id"),
    "component": ResourceReference("urn:pulumi:dev::p::t::n"),
    "new": ResourceReference("urn:pulumi:dev::p::t::n", UNKNOWN),
}


def test_values_are_the_same_after_the_protocol() -> None:
    struct = to_struct(VALUES, secrets=True, unknowns=True, references=True)
    assert deep_equals(from_struct(struct), VALUES)


def test_providers_get_plain_secrets_and_resource_ids() -> None:
    seen = from_struct(to_struct(VALUES))
    assert seen["secret"] == {"deep": [1, {"x": None}]}
    assert seen["unknown"] == [{}]
    assert seen["resource"] == "id"
    assert seen["component"] == "urn:pulumi:dev::p::t::n"
    assert "new" not in seen


def test_annotated_secrets_are_written() -> None:
    plain = from_struct(to_struct({"a": {"b": "hush"}, "c": 1}))
    annotate_secrets(plain, {"a": {"b": Secret("x")}})
    assert plain["a"] == {"b": Secret("hush")}
    assert from_struct(to_struct(plain)) == {"a": {"b": "hush"}, "c": 1}
    assert from_struct(to_struct(plain, secrets=True))["a"] == {"b": Secret("hush")}


@pytest.mark.parametrize(
    ("a", "b"),
    [(True, 1), (0, False), ([1], [True]), ({"a": Secret(1)}, {"a": 1}), ("1", 1), (None, {})],
)
def test_values_that_are_equal_in_python_may_differ(a: Any, b: Any) -> None:
    assert not deep_equals(a, b)
    assert not deep_equals({"x": [a]}, {"x": [b]})
    assert deep_equals({"x": [a], "y": 1.0}, {"y": 1, "x": [a]})


def test_values_are_the_same_after_the_state() -> None:
    crypter = Crypter.new("a passphrase")
    kept = states.encode(VALUES, crypter)
    assert "deep" not in str(kept["secret"])
    assert deep_equals(states.decode(kept, crypter), VALUES)
    assert unwrap(states.decode(kept, crypter)["secret"]) == {"deep": [1, {"x": None}]}


def test_reads_what_pulumi_encrypted() -> None:
    assert Crypter.open("x", SALT).decrypt(SECURE) == "s3cret"
    with pytest.raises(EngineError, match="incorrect passphrase"):
        Crypter.open("y", SALT)


def test_the_passphrase_comes_from_the_environment(tmp_path: Path) -> None:
    (tmp_path / "phrase").write_text("from a file\n")
    assert passphrase({"PULUMI_CONFIG_PASSPHRASE": ""}) == ""
    assert passphrase({"PULUMI_CONFIG_PASSPHRASE_FILE": str(tmp_path / "phrase")}) == "from a file"
    with pytest.raises(EngineError, match="PULUMI_CONFIG_PASSPHRASE"):
        passphrase({})


def test_configuration_is_read_as_pulumi_reads_it(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text(
        "name: shop\nruntime: python\nconfig:\n"
        "  size: {type: integer, default: 3}\n  color: red\n  wanted: {type: string}\n"
    )
    (tmp_path / "Pulumi.dev.yaml").write_text(
        f"encryptionsalt: {SALT}\nconfig:\n  color: blue\n  chatdaddy:concurrency: 8\n"
        f"  chatdaddy:config:teamId: t1\n  chatdaddy:on: true\n"
        f"  shop:token: {{secure: '{SECURE}'}}\n"
        f"  shop:nested: {{b: [1, {{secure: '{SECURE}'}}], a: x}}\n"
    )
    project = projects.load(tmp_path)
    config = stack_config.configuration(project, "dev", Crypter.open("x", SALT))
    assert config.values == {
        "shop:size": "3",
        "shop:color": "blue",
        "shop:nested": '{"a":"x","b":[1,"s3cret"]}',
        "shop:token": "s3cret",
        "chatdaddy:concurrency": "8",
        "chatdaddy:teamId": "t1",
        "chatdaddy:on": "true",
    }
    assert config.secrets == {"shop:token", "shop:nested"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name: x\nruntime: nodejs\n", "runtime 'nodejs'"),
        ("runtime: python\n", "has no name"),
        ("[", "Pulumi.yaml"),
        ("- x\n", "expected a mapping"),
    ],
)
def test_bad_projects_are_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "Pulumi.yaml").write_text(text)
    with pytest.raises(EngineError, match=words) as refused:
        projects.load(tmp_path)
    assert "\n" not in str(refused.value)


def test_a_state_is_replaced_atomically_and_read_back(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "dev.json")
    assert file.read() == {}
    file.write('{"version": 3, "deployment": {"resources": []}}')
    assert file.read() == {"resources": []}
    assert [path.name for path in tmp_path.iterdir()] == ["dev.json"]
    assert file.path.stat().st_mode & 0o777 == 0o600
    for text in ("{", "[]", '{"version": 99}'):
        file.path.write_text(text)
        with pytest.raises(EngineError):
            file.read()


@pytest.mark.parametrize(
    ("path", "olds", "news", "expected"),
    [
        ("a", {"a": 1}, {"a": 2, "b": 3}, {"a": 1, "b": 3}),
        ("a", {}, {"a": 2}, {}),
        ("a.b[1]", {"a": {"b": [1, 2]}}, {"a": {"b": [3, 4]}}, {"a": {"b": [3, 2]}}),
        ('a["x y"]', {"a": {"x y": 1}}, {"a": {"x y": 2, "z": 3}}, {"a": {"x y": 1, "z": 3}}),
        ("a[*].b", {"a": [{"b": 1}]}, {"a": [{"b": 2, "c": 3}]}, {"a": [{"b": 1, "c": 3}]}),
    ],
)
def test_ignored_properties_keep_their_value(
    path: str, olds: Props, news: Props, expected: Props
) -> None:
    parsed = property_paths.parse(path)
    assert parsed is not None
    assert property_paths.reset(parsed, olds, news) == (expected, True)


def test_paths_contain_what_is_below_them() -> None:
    outer, inner = property_paths.parse("a.*"), property_paths.parse("a.b[0]")
    assert outer is not None
    assert inner is not None
    assert property_paths.contains(outer, inner)
    assert not property_paths.contains(inner, outer)
    assert property_paths.parse("a[") is None


def test_durations_are_read_as_go_writes_them() -> None:
    assert seconds("1h30m") == 5400
    assert seconds("1.5s") == 1.5
    with pytest.raises(ValueError, match="customTimeout"):
        seconds("soon")


def test_changed_keys_omit_secrets() -> None:
    old = {"a": 1, "b": Secret(1), "c": 1, "same": 1}
    new = {"a": 2, "b": Secret(2), "d": 1, "same": 1}
    assert render.changed_keys(old, new) == "+d,-c,~a"
