"""The documentation's links are valid, and its code blocks can be pasted."""

from __future__ import annotations

import ast
import itertools
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import typer
import yaml

from chatdaddy_pulumi.cli.app import app
from chatdaddy_pulumi.cli.entries import problems_of

ROOT = Path(__file__).parents[2]


def pages() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split()
    return [ROOT / name for name in listed] or sorted(ROOT.glob("*.md"))


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_links_are_valid(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if "://" in link:
            continue
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), f"{page.name} links to {link}"
        assert not anchor or anchor in anchors(target), f"{page.name} links to {link}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_python_blocks_parse(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        ast.parse(dedent(block))


#: In these pages, each Python block is a program or script, and is run.
RUNNABLE = (
    "README.md",
    "docs/account.md",
    "docs/account-fleet.md",
    "docs/import.md",
    "docs/test-your-stack.md",
)


def python_blocks() -> list[tuple[str, str]]:
    return [
        (page, block)
        for page in RUNNABLE
        for block in re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("page", "block"), python_blocks())
def test_python_blocks_run_when_pasted(page: str, block: str) -> None:
    """Under Pulumi's mocks, in its own process."""
    done = subprocess.run(
        [sys.executable, "-c", block if "set_mocks" in block else MOCKS + block],
        cwd=ROOT / "examples" / "fleet-yaml",  # this page has a fleet.yaml
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, f"{page}: {done.stderr}"


MOCKS = """
import asyncio
import pulumi


class Mocks(pulumi.runtime.Mocks):
    def new_resource(self, args):
        return args.name, args.inputs

    def call(self, args):
        return {}


asyncio.set_event_loop(asyncio.new_event_loop())
pulumi.runtime.set_mocks(Mocks())
del asyncio, pulumi
"""


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_shell_blocks_can_be_pasted(page: Path) -> None:
    """A block parses and has no placeholders: no `…`, no choices by `|`."""
    for block in re.findall(r"```sh\n(.*?)```", page.read_text(), re.DOTALL):
        checked = subprocess.run(
            ["bash", "-n"], input=block, capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, f"{page.name}: {checked.stderr}"
        commands = "\n".join(line.partition(" #")[0] for line in block.splitlines())
        assert "…" not in commands, f"{page.name}: {commands}"
        assert not re.search(r"\w+ \| \w+ \| \w+", commands), f"{page.name}: {commands}"


#: Commands that read a line from a person, and so take the next line of a block as input.
ASKS = (
    r"pulumi config set --secret \S+\s*$",
    r"pulumi (up|refresh|destroy)\b(?!.*--yes)",
    r"sandbox (up|refresh|destroy)\b(?!.*--yes)",
    r"gh secret set",
    r"read -",
)


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_no_line_of_a_block_is_input_of_a_command(page: Path) -> None:
    """A command with a prompt is the last one of its block."""
    for block in shell_blocks(page):
        for command in block[:-1]:
            assert not any(re.search(one, command) for one in ASKS), f"{page.name}: {command}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_exist(page: Path) -> None:
    """Each command and option exists, and each argument is valid."""
    root = typer.main.get_command(app)
    for command in itertools.chain.from_iterable(shell_blocks(page)):
        for part in command.split("&&"):
            name, *words = shlex.split(part.rstrip(" &").partition(" > ")[0])
            if Path(name).name != "chatdaddy-pulumi":
                continue
            known: Any = root
            while words and (found := getattr(known, "commands", {}).get(words[0])):
                known, words = found, words[1:]
            known.make_context(known.name, words)


def shell_blocks(page: Path) -> list[list[str]]:
    """The commands of each block, without comments."""
    found = []
    for block in re.findall(r"^ *```sh\n(.*?)^ *```", page.read_text(), re.DOTALL | re.MULTILINE):
        lines = re.sub(r"\s*\\\n\s*", " ", block).splitlines()
        commands = [re.sub(r"(^|\s+)#.*", "", line).strip() for line in lines]
        found.append([command for command in commands if command])
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_fleet_files_are_valid(page: Path) -> None:
    for kind, block in re.findall(r"```(yaml|csv)\n(.*?)```", page.read_text(), re.DOTALL):
        if kind == "csv" or re.search(r"^accounts:", block, re.MULTILINE):
            with tempfile.NamedTemporaryFile("w", suffix=f".{kind}") as file:
                file.write(block)
                file.flush()
                assert problems_of(Path(file.name)) == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: str(page.relative_to(ROOT)))
def test_yaml_blocks_parse(page: Path) -> None:
    for block in re.findall(r"```yaml\n(.*?)```", page.read_text(), re.DOTALL):
        yaml.safe_load(dedent(block))


def test_actions_are_pinned_by_commit() -> None:
    files = [*ROOT.glob(".github/**/*.yml"), *ROOT.glob("examples/gitops/.github/**/*.yml")]
    assert len(files) > 5
    for file in [*files, *ROOT.glob("docs/*.md")]:
        for used in re.findall(r"^\s*(?:- )?uses: (\S+)", file.read_text(), re.MULTILINE):
            assert used.startswith("./") or re.search(r"@[0-9a-f]{40}$", used), f"{file}: {used}"
