"""The `chatdaddy-pulumi` command."""

from __future__ import annotations

import os
import sys

#: The exit code that shells report for a command that Ctrl-C ended.
INTERRUPTED = 130


def main() -> None:
    """Run the command. If an extra is missing, say how to install it."""
    try:
        from chatdaddy_pulumi.cli.app import app
        from chatdaddy_pulumi.cli.console import quiet_streams

        quiet_streams()
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(1)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("chatdaddy_pulumi"):
            raise
        extra = "sandbox" if sys.argv[1:2] == ["sandbox"] else "cli"
        sys.stderr.write(
            f"chatdaddy-pulumi: the package {error.name!r} is not installed; "
            f'get it with: pip install "chatdaddy-pulumi[{extra}]"\n'
        )
        sys.exit(2)
    finally:
        _let_go()


def _let_go() -> None:
    """Flush the output. It is no failure if the reader has ended, as `head` does."""
    for stream in filter(None, (sys.__stdout__, sys.__stderr__)):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
        except (OSError, ValueError):
            continue
