"""The files and names exist that the tour in CONTRIBUTING.md, and other pages, give."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "chatdaddy_pulumi"


def answers() -> dict[str, str]:
    """The tour's answers, by question."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    tour = page.partition("## A tour")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", tour, re.MULTILINE)
    return {question: answer for question, answer in rows if question.endswith("?")}


def test_each_answer_names_existing_files_and_names() -> None:
    missing = [
        f"{question} {name}" for question, answer in answers().items() for name in _missing(answer)
    ]
    assert missing == []


def test_the_tour_has_ten_questions_or_more() -> None:
    found = answers()
    assert len(found) >= 10
    assert all("`" in answer or "](docs/" in answer for answer in found.values())


@pytest.mark.parametrize(
    "page", ["CONTRIBUTING.md", "docs/architecture.md", "docs/add-a-resource.md"]
)
def test_each_module_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`([\w./-]+/[\w-]+\.(?:py|toml|yml|jsonl))`", (ROOT / page).read_text())
    assert len(named) > 5
    assert [one for one in named if _path(one) is None and "NAME" not in one] == []


def test_a_missing_name_is_reported() -> None:
    assert list(_missing("`lifecycle/tiers.py`: `no_such_rule`; `lifecycle/nowhere.py`")) == [
        "lifecycle/tiers.py: no_such_rule",
        "lifecycle/nowhere.py",
    ]


def _path(file: str) -> Path | None:
    """A file of the package or of the repository."""
    folders = (PACKAGE, ROOT, ROOT / "packages/chatdaddy-sandbox/chatdaddy_sandbox")
    return next((one / file for one in folders if (one / file).is_file()), None)


def _missing(answer: str) -> list[str]:
    """The files, and the names after a file, that an answer gives and the tree does not have."""
    missing = []
    defined: set[str] | None = None
    file = ""
    for name in re.findall(r"`([^`]+)`", answer):
        if name.endswith(".py"):
            file = name
            path = _path(file)
            defined = None if path is None else _defined(ast.parse(path.read_text()))
            if path is None:
                missing.append(file)
        elif defined is not None and name not in defined:
            missing.append(f"{file}: {name}")
    return missing


def _defined(tree: ast.Module) -> set[str]:
    """The module's functions, classes and constants, and the classes' methods."""
    found = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
        if isinstance(node, ast.ClassDef):
            methods = (
                n for n in node.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef))
            )
            found |= {f"{node.name}.{method.name}" for method in methods}
    return found
