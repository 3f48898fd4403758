"""The table of resources fits the terminal. Without a terminal, there are neither colours nor a
table.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from rich.cells import cell_len

from parity import toys
from pulumi_standin import resource_table
from pulumi_standin.resource_table import Row
from tests.support.engine import ENGINES, Engine, Stack, write_project

TYPE = "pulumi-python:dynamic/chatdaddy:AccountFleet"


def row(name: str, parent: str = "", kind: str = TYPE, **more: str) -> Row:
    return Row(f"urn:pulumi:dev::shop::{kind}::{name}", parent, op="create", **more)


def table(*rows: Row, width: int, preview: bool = True) -> list[str]:
    shown = {each.urn: each for each in rows}
    found = resource_table.lines(shown, width, preview=preview, info=lambda each: each.info)
    return [line.plain for line in found]


STACK = row("shop-dev", kind="pulumi:pulumi:Stack", status="create")
FLEET = row("fleet", STACK.urn, status="create", info="412/5,000 purchased")


def test_types_are_whole_if_there_is_room() -> None:
    assert table(STACK, FLEET, width=120) == [
        "     Type                                             Name      Plan    Info",
        " +   pulumi:pulumi:Stack                              shop-dev  create",
        f" +   └─ {TYPE}  fleet     create  412/5,000 purchased",
    ]


def test_at_80_columns_types_are_short() -> None:
    assert table(STACK, FLEET, width=80) == [
        "     Type                       Name      Plan    Info",
        " +   pulumi:pulumi:Stack        shop-dev  create",
        " +   └─ chatdaddy:AccountFleet  fleet     create  412/5,000 purchased",
    ]


def test_the_last_column_goes_if_it_is_empty() -> None:
    assert table(STACK, width=80)[0] == "     Type                 Name      Plan"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    long = row("a-name-of-some-length-" * 3, FLEET.urn, info="a warning " * 30, status="create")
    wide = row("漢字" * 10, FLEET.urn, status="create")
    assert all(cell_len(line) <= width for line in table(STACK, FLEET, long, wide, width=width))


@pytest.mark.slow
@pytest.mark.parametrize("force", ["FORCE_COLOR", "TTY_COMPATIBLE"])
def test_a_pipe_gets_no_colours(tmp_path: Path, force: str) -> None:
    stack = toys("stand-in", tmp_path, "trouble", env={force: "1", "NO_COLOR": ""})
    output = stack.preview().ok().output
    assert "\x1b" not in output
    assert " +  pulumi-python:dynamic/toys:Toy first create" in output


KNOWN_OUTPUTS = """
import pulumi

pulumi.export("all", {"a": "b"})
pulumi.export("part", {"a": "c", "d": "e"})
"""

UNKNOWN_OUTPUTS = """
import asyncio
import pulumi

async def value(known):
    return known

def unknown(known):
    return pulumi.Output(value(set()), value(known), value(False), value(False))

pulumi.export("all", unknown({"a": "b"}))
pulumi.export("part", {"a": unknown("c"), "d": "f"})
pulumi.export("new", unknown("y"))
"""


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_preview_shows_no_outputs_that_become_unknown(engine: Engine, tmp_path: Path) -> None:
    project = write_project(tmp_path / "project", KNOWN_OUTPUTS)
    stack = Stack(project, engine, tmp_path, stand_in=("pulumi_standin",))
    stack.up("--skip-preview").ok()
    (project / "__main__.py").write_text(UNKNOWN_OUTPUTS)
    output = stack.preview().ok().output
    shown = output[output.index("Outputs:") : output.index("Resources:")]
    words = re.findall(r"[a-z]+|=>", shown.removeprefix("Outputs:"))
    assert words == ["new", "unknown", "part", "d", "e", "=>", "f"]
