"""The `chatdaddy-pulumi` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command; says which extra to install if one is missing."""
    try:
        from chatdaddy_pulumi.cli.app import app
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("chatdaddy_pulumi"):
            raise
        extra = "sandbox" if sys.argv[1:2] == ["sandbox"] else "cli"
        sys.stderr.write(
            f"chatdaddy-pulumi: the package {error.name!r} is not installed; "
            f'get it with: pip install "chatdaddy-pulumi[{extra}]"\n'
        )
        sys.exit(2)
    app()
