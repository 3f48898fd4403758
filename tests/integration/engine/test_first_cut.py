"""The whole way, once, on both engines: create, nothing to do, change, refresh, destroy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.engine import ENGINES, Engine, Stack, write_project

TOYS = """
import pulumi
from pulumi.dynamic import *

class ToyProvider(ResourceProvider):
    serialize_as_secret_always = False
    def configure(self, req):
        self.key = req.config.get("toys:key")
    def diff(self, id, olds, news):
        return DiffResult(changes=any(olds.get(k) != v for k, v in news.items()))
    def create(self, props):
        return CreateResult("id-1", {**props, "key": self.key})
    def update(self, id, olds, news):
        return UpdateResult({**news, "key": self.key})
    def read(self, id, props):
        return ReadResult(id, props)

class Toy(Resource, module="toys", name="Toy"):
    key: pulumi.Output[str]
    size: pulumi.Output[int]
    def __init__(self, name, size, opts=None):
        super().__init__(ToyProvider(), name, {"size": size, "key": None}, opts)
"""

PROGRAM = """
import pulumi
from toys import Toy

size = pulumi.Config("toys").require_int("size")
toy = Toy("one", size, pulumi.ResourceOptions(additional_secret_outputs=["key"]))
pulumi.export("size", toy.size)
pulumi.export("key", toy.key)
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_stack_lives(engine: Engine, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", PROGRAM)
    (project / "toys.py").write_text(TOYS)
    stack = Stack(
        project,
        engine,
        tmp_path / "work",
        config={"toys:size": "1"},
        secrets={"toys:key": "hush"},
        env={"CHATDADDY_BASE_URL": "http://127.0.0.1:9"},
    )
    created = stack.up("--skip-preview").ok()
    assert "2 created" in created.output
    assert stack.outputs(show_secrets=True) == {"size": 1, "key": "hush"}
    assert stack.outputs()["key"] == "[secret]"
    assert "hush" not in str(stack.state())
    assert "2 unchanged" in stack.preview().ok().output
    stack.set_config("toys:size", "2")
    assert "1 updated" in stack.up("--skip-preview").ok().output
    stack.refresh("--skip-preview").ok()
    assert stack.outputs()["size"] == 2
    stack.destroy("--skip-preview").ok()
    assert not stack.resources()
