"""Type checkers accept correct programs, and report mistakes on their line."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import chatdaddy_pulumi

HERE = Path(__file__).parent
EXAMPLES = HERE.parents[1] / "examples"

#: By checker: its reports by line, ``file:line``.
Findings = dict[str, str]


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """Copy the programs to a folder where only installed packages can be imported."""
    for name in ("right.py", "wrong.py"):
        shutil.copy(HERE / name, tmp_path)
    return tmp_path


@pytest.mark.slow
def test_mypy_accepts_right_programs_and_finds_mistakes(programs: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", "cache", "right.py", "wrong.py"],
        capture_output=True,
        text=True,
        check=False,
        cwd=programs,
    )
    lines = re.findall(r"^(\S+:\d+): error: .*\[([a-z-]+)\]$", done.stdout, re.MULTILINE)
    assert done.stderr == ""
    assert dict(lines) == _expected(0), done.stdout


@pytest.mark.slow
def test_pyright_accepts_right_programs_and_the_examples_and_finds_mistakes(
    programs: Path,
) -> None:
    shutil.copytree(EXAMPLES, programs / "examples", ignore=shutil.ignore_patterns(".venv"))
    assert _pyright(programs) == _expected(1)


def test_type_checkers_see_every_public_name() -> None:
    imports = (HERE / "right.py").read_text()
    unused = {name for name in chatdaddy_pulumi.__all__ if not re.search(rf"\b{name}\b", imports)}
    assert unused == {"AccountState", "FleetLimitsArgs"}


def _expected(column: int) -> Findings:
    """The expected reports, from the comments of ``wrong.py``."""
    found = {}
    for number, line in enumerate((HERE / "wrong.py").read_text().splitlines(), 1):
        if comment := re.search(r"  # ([a-z-]+), (report\w+)$", line):
            found[f"wrong.py:{number}"] = comment[column + 1]
    assert found
    return found


def _pyright(folder: Path) -> Findings:
    """Pyright's reports for the programs in a folder."""
    settings: Mapping[str, object] = {"typeCheckingMode": "standard", "pythonVersion": "3.10"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--pythonpath", sys.executable],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={"PATH": str(Path(sys.executable).parent), "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"},
    )
    found = json.loads(done.stdout)["generalDiagnostics"]
    return {
        f"{Path(one['file']).relative_to(folder.resolve())}:{one['range']['start']['line'] + 1}": (
            one["rule"]
        )
        for one in found
        if one["severity"] == "error"
    }
