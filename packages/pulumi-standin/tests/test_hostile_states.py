"""States from elsewhere: their providers are loaded only if that is allowed."""

from __future__ import annotations

import base64
import io
import json
import os
import pickle
import sys
from pathlib import Path
from typing import Any

import dill
import pytest
from rich.console import Console

from parity import calls_of, toys
from pulumi_standin import operations
from pulumi_standin.errors import EngineError
from pulumi_standin.provider import ProviderError
from pulumi_standin.provider_trust import ProviderTrust, name_of
from pulumi_standin.values import UNKNOWN, Secret
from pulumi_standin.workspace import Settings
from tests.support.engine import PASSPHRASE, Stack

OURS = "gASVIQAAAAAAAACMEGNoYXRkYWRkeV9wdWx1bWmUjAhfYWNjb3VudJSTlC4="
TOY = "gASVGwAAAAAAAACMBHRveXOUjAtUb3lQcm92aWRlcpSTlCmBlC4="


def pickled(value: object) -> str:
    return base64.b64encode(pickle.dumps(value, protocol=4)).decode()


class Evil:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


@pytest.mark.parametrize(
    ("provider", "name"),
    [
        (pickled(io.StringIO), "_io.StringIO"),
        (OURS, "chatdaddy_pulumi._account"),
        (TOY, "toys.ToyProvider"),
        (pickled(Evil("touch x")), None),
        (pickled({"a": Path}), None),
        (pickled("chatdaddy_pulumi._account"), None),
        (base64.b64encode(dill.dumps(eval("lambda: 1", {}))).decode(), None),
        ("not base64!", None),
        (base64.b64encode(b"not a pickle").decode(), None),
        (base64.b64encode(b"cposix\nsystem\n.").decode(), None),
        ("", None),
    ],
)
def test_names_are_distinguished_from_code(provider: str, name: str | None) -> None:
    assert name_of(provider) == name


def test_what_the_program_registers_is_trusted() -> None:
    asked: list[str | None] = []

    def no(name: str | None) -> bool:
        asked.append(name)
        return False

    trust = ProviderTrust(no)
    with pytest.raises(ProviderError, match=r"toys\.ToyProvider is not loaded"):
        trust.check({"__provider": Secret(TOY)})
    with pytest.raises(ProviderError, match=r"\(code\) is not loaded") as refused:
        trust.check({"__provider": UNKNOWN}, otherwise={"__provider": pickled(Evil("x"))})
    assert "\n" not in str(refused.value)
    with pytest.raises(ProviderError):
        trust.check({"__provider": 7})
    assert asked == ["toys.ToyProvider", None, None]
    trust.register({"__provider": Secret(TOY)})
    trust.check({"__provider": TOY})
    trust.check({})
    ProviderTrust(None).check({"__provider": pickled(Evil("x"))})


def run(stack: Stack, operation: str, **settings: Any) -> tuple[int, str]:
    """An operation of a command that loads only providers of `trusted_package` from a state."""
    out = io.StringIO()
    given = Settings(
        cwd=stack.project,
        state_dir=stack.workdir / "states",
        skip_preview=True,
        may_load=lambda name: (name or "").startswith("trusted_package."),
        **settings,
    )
    code = operations.BY_NAME[operation](given, Console(file=out))
    return code, out.getvalue()


@pytest.mark.slow
def test_a_provider_of_the_state_is_not_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    stack = toys("stand-in", tmp_path, "slow", seconds="0")
    monkeypatch.setenv("TOYS_LOG", stack.env["TOYS_LOG"])
    stack.up("--skip-preview").ok()
    path = stack.workdir / "states" / "dev.json"
    state = json.loads(path.read_text())
    touched = tmp_path / "touched"
    for resource in state["deployment"]["resources"]:
        if resource["urn"].endswith("::third"):
            for props in (resource["inputs"], resource["outputs"]):
                props["__provider"] = pickled(Evil(f"touch {touched}"))
    path.write_text(json.dumps(state))
    Path(stack.env["TOYS_LOG"]).write_text("")

    for operation in ("refresh", "destroy"):
        code, output = run(stack, operation)
        assert code == 1
        assert "error: the state's provider (code) is not loaded" in output
        assert operation == "destroy" or "the state's provider toys.ToyProvider is not" in output
        assert not touched.exists()
        assert calls_of(stack, "delete") == calls_of(stack, "read") == []
    assert len(stack.resources("pulumi-python:dynamic/toys:Toy")) == 3

    # The host reads the provider from the inputs if the outputs are empty.
    for outputs in ({}, {"seen": None}):
        hostile = json.loads(json.dumps(state))
        for resource in hostile["deployment"]["resources"]:
            if resource["urn"].endswith("::third"):
                resource["outputs"] = outputs
        path.write_text(json.dumps(hostile))
        for operation in ("refresh", "destroy"):
            code, output = run(stack, operation)
            assert code == 1
            assert not touched.exists(), f"{operation} with {outputs}"
            assert "error: the state's provider (code) is not loaded" in output
    path.write_text(json.dumps(state))

    # What the program registers is loaded, so the resource uses the program's provider.
    code, output = run(stack, "up")
    assert code == 0, output
    assert not touched.exists()
    assert calls_of(stack, "diff") == ["first", "second", "third"]
    code, output = run(stack, "up", refresh=True)
    assert code == 1, "a refresh comes before the program"


@pytest.mark.slow
def test_a_damaged_state_is_reported_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", PASSPHRASE)
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    folder = tmp_path / ".sandbox"
    folder.mkdir()
    good = {"urn": "urn:pulumi:dev::shop::t::n", "type": "t", "custom": True}
    levels = sys.getrecursionlimit()
    deep = '{"a":' * levels + "1" + "}" * levels
    for damaged in (
        *({"resources": one} for one in ([7], [{}], [{"urn": "u"}], {"a": 1})),
        *({"resources": [{**good, **one}]} for one in _DAMAGE),
        # Which step fails first depends on the Python.
        {"resources": [{**good, "outputs": "DEEP"}]},
        *({"pending_operations": one} for one in ([7], "x", [{"type": "creating"}])),
        *({"secrets_providers": one} for one in (7, {"state": {"salt": 7}})),
    ):
        deployment = {"version": 3, "deployment": damaged}
        text = json.dumps(deployment).replace('"DEEP"', deep)
        (folder / "dev.json").write_text(text)
        how = "is (damaged|not JSON: maximum recursion)" if deep in text else "is damaged"
        with pytest.raises(EngineError, match=how) as refused:
            operations.preview(Settings(cwd=tmp_path), Console(file=io.StringIO()))
        assert "\n" not in str(refused.value)


_DAMAGE: tuple[dict[str, Any], ...] = (
    {"urn": "\x1b[31m"},
    {"urn": 7},
    {"parent": "p"},
    {"provider": "nonsense"},
    {"dependencies": "abc"},
    {"propertyDependencies": {"a": "b"}},
    {"customTimeouts": {"create": "x"}},
    {"inputs": [1]},
    {"protect": "no"},
)
