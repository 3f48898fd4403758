"""The `chatdaddy-pulumi` command."""

from __future__ import annotations

import os
import sys
from typing import NoReturn

#: As shells report a command that Ctrl-C ended.
INTERRUPTED = 130


def main() -> None:
    """Run the command; says which extra to install if one is missing."""
    try:
        from chatdaddy_pulumi.cli.app import app
        from chatdaddy_pulumi.cli.console import quiet_streams

        quiet_streams()
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        _end_unheard()
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("chatdaddy_pulumi"):
            raise
        extra = "sandbox" if sys.argv[1:2] == ["sandbox"] else "cli"
        sys.exit(
            f"chatdaddy-pulumi: the package {error.name!r} is not installed; "
            f'get it with: pip install "chatdaddy-pulumi[{extra}]"'
        )


def _end_unheard() -> NoReturn:
    """Whoever read the output has gone, as `head` does: end without complaint."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(1)
