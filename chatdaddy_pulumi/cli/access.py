"""Team, token and address: from the flags, the stack in the current folder, or the environment.

No flag takes a token itself: other users of the machine can read a process's arguments.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlsplit

import typer

from chatdaddy_pulumi.cli import secrets
from chatdaddy_pulumi.cli import stack as stacks
from chatdaddy_pulumi.cli.console import Failed
from chatdaddy_pulumi.cli.stack import Stack

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy, ClientOptions

T = TypeVar("T")

#: The flags that can give a setting.
_FLAGS = {
    "chatdaddy:teamId": "; or give --team-id",
    "chatdaddy:refreshToken": "; or give --refresh-token-file or --ask-token",
}


@dataclass(frozen=True)
class AccessFlags:
    """The flags for team, token and stack."""

    cwd: Annotated[
        Path,
        typer.Option(
            "-C", "--cwd", exists=True, file_okay=False, help="The folder of the Pulumi project."
        ),
    ] = Path()
    stack: Annotated[
        str | None,
        typer.Option("-s", "--stack", help="The stack.  [default: the selected one]"),
    ] = None
    no_stack: Annotated[bool, typer.Option("--no-stack", help="Ignore the project's stack.")] = (
        False
    )
    team_id: Annotated[str | None, typer.Option("--team-id", metavar="ID", help="The team.")] = None
    refresh_token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the refresh token from a file; - is stdin."),
    ] = None
    api_token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Read the API token from a file; - is stdin."),
    ] = None
    ask_token: Annotated[bool, typer.Option("--ask-token", help="Ask for the refresh token.")] = (
        False
    )
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where ChatDaddy is, such as a sandbox.")
    ] = None

    def said(self) -> dict[str, str]:
        """The settings that the flags give. Tokens are read or asked for."""
        if sum(map(bool, (self.refresh_token_file, self.api_token_file, self.ask_token))) > 1:
            raise Failed(
                "give one of --refresh-token-file, --api-token-file and --ask-token", code=2
            )
        found = {"teamId": self.team_id, "baseUrl": self.base_url}
        if self.refresh_token_file is not None:
            found["refreshToken"] = secrets.read(self.refresh_token_file)
        if self.api_token_file is not None:
            found["apiToken"] = secrets.read(self.api_token_file)
        if self.ask_token:
            found["refreshToken"] = secrets.ask("the refresh token")
        return {key: value for key, value in found.items() if value is not None}


@dataclass(frozen=True)
class Access:
    """The settings of a command, and the source of each."""

    flags: Mapping[str, str] = field(repr=False)
    stack: Stack | None
    configuration: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, flags: AccessFlags) -> Access:
        """Read the flags and the stack.

        Raises:
            Failed: a file, the stack or its secrets can't be read.
        """
        said = flags.said()
        stack = None if flags.no_stack else stacks.find(flags.cwd, flags.stack)
        if stack is not None and flags.stack and not stack.exists:
            raise Failed(f"the project {stack.root} has no stack {flags.stack!r}")
        return cls(said, stack, stack.configuration() if stack else {})

    @property
    def settings(self) -> Any:
        """The settings, with the same layers as in the providers."""
        from chatdaddy_pulumi.provider.settings import Settings

        return Settings({**self.configuration, **self.flags}, os.environ)

    def source(self, *keys: str) -> str | None:
        """The first layer that has any of the settings."""
        if any(self.flags.get(key) for key in keys):
            return "flags"
        if any(self.configuration.get(f"chatdaddy:{key}", "").strip() for key in keys):
            return self.stack.label if self.stack else "stack"
        from chatdaddy_pulumi.provider.settings import variable_of

        if any(os.environ.get(variable_of(key), "").strip() for key in keys):
            return "environment"
        return None

    def credentials(self) -> Any:
        """Team, token and addresses.

        Raises:
            Failed: one of them is missing or wrong.
        """
        from chatdaddy_pulumi.provider.settings import ConfigurationError

        try:
            return self.settings.credentials()
        except ConfigurationError:
            raise Failed(
                "\n".join(
                    f"{error}{_FLAGS.get(error.property, '')}" for error in self.settings.problems()
                )
            ) from None

    def hosts(self) -> list[str]:
        """The machines that are called; team and token need not be known.

        Raises:
            Failed: an address is not one.
        """
        from chatdaddy_pulumi.provider.settings import ConfigurationError, Settings

        said = {**self.configuration, **self.flags, "teamId": "any", "refreshToken": "any"}
        try:
            urls = Settings(said, os.environ).credentials().urls.all()
            return sorted({urlsplit(url).hostname or url for url in urls})
        except ConfigurationError as error:
            raise Failed(f"{error.property} {error.reason}") from None

    def options(self) -> ClientOptions:
        """The client's options.

        Raises:
            Failed: a setting is wrong.
        """
        from chatdaddy_pulumi.provider.settings import ConfigurationError

        try:
            options: ClientOptions = self.settings.options()
        except ConfigurationError as error:
            raise Failed(f"{error.property} {error.reason}") from None
        return options

    def run(self, work: Callable[[ChatDaddy], Coroutine[Any, Any, T]]) -> T:
        """Run the work with a client of the team, and return its result.

        Raises:
            Failed: the settings are wrong.
            ChatDaddyError: a call failed.
        """
        import asyncio
        from dataclasses import replace

        from chatdaddy_pulumi.client import ChatDaddy

        credentials, options = self.credentials(), self.options()

        async def whole() -> T:
            # No read is from a snapshot: the commands wait for changes that others make.
            client = ChatDaddy(
                credentials.team_id,
                refresh_token=credentials.refresh_token,
                api_token=credentials.api_token,
                urls=credentials.urls,
                options=replace(options, snapshot_max_age_s=0),
            )
            async with client:
                return await work(client)

        return asyncio.run(whole())
