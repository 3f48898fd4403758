"""The command's information about itself."""

from __future__ import annotations

from importlib.metadata import version

from typer.testing import CliRunner

from chatdaddy_pulumi.cli.app import app


def test_it_prints_its_version() -> None:
    told = CliRunner().invoke(app, ["--version"])
    assert (told.exit_code, told.output) == (0, f"{version('chatdaddy-pulumi')}\n")
