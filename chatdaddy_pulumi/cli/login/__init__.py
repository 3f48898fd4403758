"""`chatdaddy-pulumi login`: QR codes, or PINs, until phones are logged in."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chatdaddy_pulumi.cli.access import Access, AccessFlags
from chatdaddy_pulumi.cli.console import Failed, note, plural, say
from chatdaddy_pulumi.cli.entries import in_folder
from chatdaddy_pulumi.cli.groups import grouped
from chatdaddy_pulumi.cli.team import list_team
from chatdaddy_pulumi.client.text import escaped

if TYPE_CHECKING:
    from chatdaddy_pulumi.cli.login.session import Login
    from chatdaddy_pulumi.client import ChatDaddy

#: Seconds between two looks at an account; its code changes every 20 or so.
_EVERY_S = 2.0


def _keys(incomplete: str) -> list[str]:
    """For the shell's completion: the keys of the fleet file in this folder."""
    from chatdaddy_pulumi.cli.entries import read_entries

    file = in_folder(Path())
    try:
        keys = [entry.key for entry in read_entries(file)] if file else []
    except Failed:
        keys = []
    return [key for key in keys if key.startswith(incomplete)]


@grouped
def login(
    *,
    words: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY|NICKNAME|ID", help="The accounts.", autocompletion=_keys),
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", "-a", help="Every account that needs a login.")
    ] = False,
    pair_code: Annotated[
        str | None,
        typer.Option(metavar="NUMBER", help="Log in by a PIN for this phone number."),
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Serve a page with the codes, for a browser.")
    ] = False,
    host: Annotated[str, typer.Option(help="Where to serve the page.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Where to serve the page; 0 takes a free one.")
    ] = 0,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Give up after so long.")
    ] = None,
    every: Annotated[float, typer.Option(min=0.05, hidden=True)] = _EVERY_S,
    flags: AccessFlags,
) -> None:
    """Log phones in: show each account's QR code until it is scanned.

    \b
    Examples:
      chatdaddy-pulumi login acorn-bakery
      chatdaddy-pulumi login "Acorn Bakery" birch-sons
      chatdaddy-pulumi login --all
      chatdaddy-pulumi login --all --page
      chatdaddy-pulumi login acorn-bakery --pair-code +85261234567

    A key is a name in the stack of this folder, or a key of its fleet.yaml. The codes are renewed
    as they change. --all takes the WhatsApp accounts that can't connect by themselves.

    --page serves the codes under an address that can't be guessed, on this machine alone unless
    --host says otherwise.

    Exit codes: 0 every account is logged in, 1 some are not, 130 stopped by Ctrl-C.
    """
    from chatdaddy_pulumi.cli.login.session import Logins, Phase

    if bool(words) == everyone:
        raise Failed("name accounts or give --all, one of the two", code=2)
    phone = _digits(pair_code) if pair_code is not None else None
    access = Access.of(flags)

    async def work(client: ChatDaddy) -> list[Login]:
        from chatdaddy_pulumi.cli.login import page as pages
        from chatdaddy_pulumi.cli.login import targets, terminal

        team = await list_team(client)
        if everyone:
            accounts = targets.needing(team)
        else:
            keys = targets.read_keys(flags.cwd, access.stack)
            accounts = targets.resolve(words or (), team, keys)
        if phone is not None and len(accounts) != 1:
            raise Failed(
                f"--pair-code logs one account in, not {plural(len(accounts), 'account')}", code=2
            )
        logins = Logins(client, accounts, team_size=len(team), phone=phone)
        running = pages.run(logins, every, host, port) if page else terminal.run(logins, every)
        try:
            await asyncio.wait_for(running, timeout)
        except asyncio.TimeoutError:
            note(f"not scanned within {timeout:g} s")
        return logins.all

    logins = access.run(work)
    if not logins:
        say("every account is logged in")
        return
    missing = [one for one in logins if one.phase is not Phase.DONE]
    for one in missing:
        if not one.finished:
            note(f"not logged in: {escaped(one.account.label)}")
    if missing:
        raise typer.Exit(1)


def _digits(number: str) -> str:
    """The number as the API takes it: digits alone."""
    if not re.fullmatch(r"\+?[0-9][0-9 ().-]{4,24}", number.strip()):
        raise Failed("--pair-code takes a phone number such as +85261234567", code=2)
    return re.sub(r"[^0-9]", "", number)
