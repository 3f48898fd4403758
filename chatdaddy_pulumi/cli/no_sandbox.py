"""What `chatdaddy-pulumi sandbox` says if the extra `[sandbox]` is not installed."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import typer

_PACKAGES = {"chatdaddy_sandbox": "chatdaddy-sandbox", "pulumi_standin": "pulumi-standin"}

#: How to register `command`: it takes every argument, `--help` too.
TAKES_ANYTHING: dict[str, Any] = {
    "context_settings": {"ignore_unknown_options": True, "allow_extra_args": True},
    "add_help_option": False,
}


def missing() -> str:
    """The first distribution of the extra that is not installed, or nothing."""
    return next((name for module, name in _PACKAGES.items() if find_spec(module) is None), "")


def command(distribution: str) -> Callable[[], None]:
    """A command that says what to install."""

    def sandbox() -> None:
        """Try and test without an account (needs the extra [sandbox])."""
        typer.echo(
            f"chatdaddy-pulumi: the package {distribution!r} is not installed; "
            'get it with: pip install "chatdaddy-pulumi[sandbox]"',
            err=True,
        )
        raise typer.Exit(2)

    return sandbox
