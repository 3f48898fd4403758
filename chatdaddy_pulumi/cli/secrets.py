"""Secrets for `sandbox up` that are not in the process's arguments: typed, or in a file."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

import typer

from chatdaddy_pulumi.cli.console import Failed


def read_secrets(given: Iterable[str], files: Iterable[str]) -> list[str]:
    """``KEY=VALUE`` for each: the value of a single KEY is asked for, that of KEY=FILE is read.

    Raises:
        Failed: a file can't be read, or there is no terminal to ask in.
    """
    asked = [one if "=" in one else f"{one}={ask(one)}" for one in given]
    return [*asked, *map(_from_file, files)]


def ask(what: str) -> str:
    """Ask for a secret on the terminal, without showing it."""
    if not sys.stdin.isatty():
        raise Failed(f"there is no terminal to ask for {what} in; give it in a file", code=2)
    return str(typer.prompt(what, hide_input=True, err=True))


def read(path: Path) -> str:
    """The secret in a file, without the line's end; ``-`` is standard input."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text()
    except (OSError, ValueError) as error:
        said = getattr(error, "strerror", None) or "it is not text"
        raise Failed(f"{path} can't be read: {said}") from None
    if not text.strip():
        raise Failed(f"{path} is empty; it must hold the secret")
    return text.strip()


def _from_file(given: str) -> str:
    key, equals, path = given.partition("=")
    if not key or not equals or not path:
        raise Failed(f"--secret-file {given!r}: expected KEY=FILE", code=2)
    return f"{key}={read(Path(path))}"
