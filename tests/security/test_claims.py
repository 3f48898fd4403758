"""Every claim of SECURITY.md names a test that exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text()

_TEST = re.compile(r"`([\w/.-]+\.py)::(\w+)`")


def claims() -> list[tuple[str, str]]:
    """Each claim, with the cell that names its tests."""
    found = []
    for table in re.findall(
        r"^\| claim \| held by \|\n\| --- \| --- \|\n((?:\|.*\n)+)", TEXT, re.M
    ):
        for row in table.splitlines():
            claim, held_by = re.split(r"(?<!\\) \| ", row.strip("| "), maxsplit=1)
            found.append((claim, held_by))
    return found


def test_each_claim_names_a_test() -> None:
    assert len(claims()) > 30
    for claim, held_by in claims():
        assert _TEST.search(held_by), claim
        assert not _TEST.sub("", held_by).strip(" ,"), held_by


def test_each_test_that_is_named_exists() -> None:
    named = _TEST.findall(TEXT)
    assert len(named) > 60
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text())
        functions = {
            one.name
            for one in tree.body
            if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef))
        }
        assert name in functions, f"{file}::{name}"


def test_each_section_is_a_claim_or_a_limit() -> None:
    """A section has claims with tests, or is about limits."""
    sections = re.split(r"^## ", TEXT, flags=re.M)[1:]
    for section in sections:
        title = section.partition("\n")[0]
        assert "| claim | held by |" in section or title in ("Reporting", "Known limits"), title
