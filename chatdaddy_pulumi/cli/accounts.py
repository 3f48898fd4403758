"""`chatdaddy-pulumi accounts`: the team's accounts as a table, JSON or CSV."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import typer

from chatdaddy_pulumi.cli.access import Access, AccessFlags
from chatdaddy_pulumi.cli.console import (
    Cell,
    Failed,
    ago,
    note,
    now,
    plural,
    print_csv,
    print_json,
    print_table,
)
from chatdaddy_pulumi.cli.groups import grouped
from chatdaddy_pulumi.cli.team import Filter, TeamAccount, read_team

_STYLES = {"open": "green", "connecting": "yellow", "deleted": "dim", "archived": "dim"}

_COLUMNS = ("id", "nickname", "state", "tier", "type", "number", "created_at")


@grouped
def accounts(
    *,
    filter: Filter,
    everything: Annotated[
        bool, typer.Option("--all", "-a", help="With deleted and archived ones.")
    ] = False,
    as_json: Annotated[bool, typer.Option("-j", "--json", help="As JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
    flags: AccessFlags,
) -> None:
    """List the team's accounts.

    \b
    Examples:
      chatdaddy-pulumi accounts
      chatdaddy-pulumi accounts --state close --state connecting
      chatdaddy-pulumi accounts bakery --tier unlimited
      chatdaddy-pulumi accounts --all --csv > accounts.csv
      chatdaddy-pulumi accounts --json | jq -r '.accounts[].id'

    The number is the phone number that is logged in. Deleted and archived accounts are left out
    unless --all or --state asks for them.
    """
    if as_json and as_csv:
        raise Failed("give one of --json and --csv", code=2)
    team = read_team(Access.of(flags))
    fit = [one for one in team if filter.fits(one)]
    gone = [] if everything or filter.state else [one for one in fit if not one.live]
    shown = [one for one in fit if one not in gone]
    if as_json:
        print_json({"accounts": [_record(one) for one in shown]})
    elif as_csv:
        print_csv(_COLUMNS, [[_record(one)[name] or "" for name in _COLUMNS] for one in shown])
    else:
        _show(shown, len(gone), among=len(team) if filter.given else None)


def _record(account: TeamAccount) -> dict[str, Any]:
    return {
        "id": account.id,
        "nickname": account.nickname,
        "state": account.status,
        "tier": account.short_tier if account.tier else None,
        "type": account.type,
        "number": account.shown_number or None,
        "created_at": account.created_at,
    }


def _show(shown: list[TeamAccount], gone: int, among: int | None) -> None:
    if shown:
        header = ("NICKNAME", "STATE", "TIER", "TYPE", "NUMBER", "AGE", "ID")
        print_table(header, [_row(one, now()) for one in shown])
    states = Counter(one.status for one in shown)
    each = ", ".join(f"{number:,} {state}" for state, number in sorted(states.items()))
    of = f" of {among:,}" if among is not None else ""
    more = f"; {gone:,} deleted or archived (--all shows them)" if gone else ""
    note(f"{plural(len(shown), 'account')}{of}{': ' if each else ''}{each}{more}")


def _row(account: TeamAccount, at: float) -> list[Cell]:
    age = account.age(at)
    style = "" if account.live else "dim"
    return [
        Cell(account.nickname or "-", style),
        Cell(account.status, _STYLES.get(account.status, "")),
        Cell(account.short_tier if account.tier else "-", style),
        Cell(account.type or "-", style),
        Cell(account.shown_number or "-", style),
        Cell(ago(age) if age is not None else "-", style),
        Cell(account.id, style),
    ]
