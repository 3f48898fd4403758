"""`chatdaddy-pulumi sandbox up|preview|refresh|destroy|outputs`: the stand-in engine.

It works only with servers on this machine, and loads only this package's providers from a state.
"""

from __future__ import annotations

import re

import typer

from chatdaddy_pulumi.cli.local_only import check_urls
from chatdaddy_pulumi.cli.secrets import read_secrets
from pulumi_standin import command

#: How states name our providers: see CONTRIBUTING.md, "What may never change".
_OURS = re.compile(r"chatdaddy_pulumi\._[a-z]+(_[a-z]+)*")


def is_ours(name: str | None) -> bool:
    """Whether a provider that only the state names is one of ours."""
    return name is not None and _OURS.fullmatch(name) is not None


def add_to(app: typer.Typer) -> None:
    """Add the commands to a group."""
    command.add_to(app, read_secrets=read_secrets, may_reach=check_urls, may_load=is_ours)
