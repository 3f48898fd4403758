"""The three distributions: the contents of their wheels, and their requirements."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from email.parser import HeaderParser
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "chatdaddy_pulumi": ROOT,
    "chatdaddy_sandbox": ROOT / "packages" / "chatdaddy-sandbox",
    "pulumi_standin": ROOT / "packages" / "pulumi-standin",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, zipfile.ZipFile]:
    """The wheel of each distribution, by its import name, built offline."""
    folder = tmp_path_factory.mktemp("wheels")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", folder, *FOLDERS.values()),
        ],
        check=True,
        cwd=folder,
    )
    return {path.name.partition("-")[0]: zipfile.ZipFile(path) for path in folder.iterdir()}


@pytest.mark.slow
def test_each_wheel_holds_its_own_package_and_nothing_else(
    wheels: dict[str, zipfile.ZipFile],
) -> None:
    assert wheels.keys() == FOLDERS.keys()
    for name, wheel in wheels.items():
        held = {file for file in wheel.namelist() if ".dist-info/" not in file}
        assert {file.partition("/")[0] for file in held} == {name}
        assert f"{name}/py.typed" in held
        tracked = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", name],
            cwd=FOLDERS[name],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.split()
        assert held == {file for file in tracked if (FOLDERS[name] / file).exists()}


@pytest.mark.slow
def test_the_command_and_what_each_wheel_asks_for(wheels: dict[str, zipfile.ZipFile]) -> None:
    plain = _asked(wheels["chatdaddy_pulumi"], extra="")
    assert "pulumi" in plain
    assert not plain & {"chatdaddy-sandbox", "pulumi-standin", "fastapi", "typer", "uvicorn"}
    sandbox = _asked(wheels["chatdaddy_pulumi"], extra="sandbox")
    assert {"chatdaddy-sandbox", "pulumi-standin", "typer"} <= sandbox
    assert "fastapi" not in sandbox
    assert {"fastapi", "uvicorn", "pyjwt"} <= _asked(wheels["chatdaddy_sandbox"], extra="")
    assert "pulumi" not in _asked(wheels["chatdaddy_sandbox"], extra="")
    assert "fastapi" not in _asked(wheels["pulumi_standin"], extra="")
    commands = {
        line.partition(" ")[0]
        for wheel in wheels.values()
        for file in wheel.namelist()
        if file.endswith("entry_points.txt")
        for line in wheel.read(file).decode().splitlines()
        if "=" in line
    }
    assert commands == {"chatdaddy-pulumi"}


def _asked(wheel: zipfile.ZipFile, extra: str) -> set[str]:
    """The names of the requirements of an extra, or of those without an extra."""
    (metadata,) = (file for file in wheel.namelist() if file.endswith(".dist-info/METADATA"))
    lines = HeaderParser().parsestr(wheel.read(metadata).decode()).get_all("Requires-Dist", [])
    mark = f"extra == '{extra}'"
    wanted = [line for line in lines if (mark in line if extra else "extra ==" not in line)]
    return {re.split(r"[^A-Za-z0-9_.-]", line)[0].lower() for line in wanted}
