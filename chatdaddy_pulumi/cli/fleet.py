"""`chatdaddy-pulumi fleet …`: checks fleet files, and compares them with the team."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from chatdaddy_pulumi.cli import compare, entries, export
from chatdaddy_pulumi.cli.access import Access, AccessFlags
from chatdaddy_pulumi.cli.compare import Comparison
from chatdaddy_pulumi.cli.console import Cell, Failed, note, plural, print_json, say
from chatdaddy_pulumi.cli.export import Format
from chatdaddy_pulumi.cli.groups import grouped
from chatdaddy_pulumi.cli.team import Filter, TeamAccount, list_team, read_team
from chatdaddy_pulumi.client.text import escaped
from chatdaddy_pulumi.spec.problem import more

if TYPE_CHECKING:
    from chatdaddy_pulumi.client import ChatDaddy

#: Exit codes of `fleet diff`, the same as those of `diff`.
DIFFERENT, TROUBLE = 1, 2

#: The most lines of each kind that are shown.
_SHOWN = 20

FileFormat = Annotated[
    Format | None, typer.Option("--format", help="The file's format.  [default: by its ending]")
]

app = typer.Typer(no_args_is_help=True)


@app.callback()
def fleet() -> None:
    """Check fleet files, compare them with the team, export the team.

    \b
    Examples:
      chatdaddy-pulumi fleet export --output accounts
      chatdaddy-pulumi fleet check accounts/fleet.yaml
      chatdaddy-pulumi fleet diff accounts/fleet.yaml
      chatdaddy-pulumi fleet schema > accounts/fleet.schema.json
    """


@app.command()
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The fleet file.")],
    format: FileFormat = None,
) -> None:
    """Show every problem of a fleet file with its line.

    \b
    Examples:
      chatdaddy-pulumi fleet check fleet.yaml
      chatdaddy-pulumi fleet check accounts.txt --format csv

    Nothing is asked of ChatDaddy. Exit codes: 0 no problem, 1 problems.
    """
    kind = format.value if format else None
    if problems := entries.problems_of(file, kind):
        for line in problems:
            say(line)
        raise typer.Exit(1)
    found = entries.read_entries(file, kind)
    for warning in entries.warnings(found):
        note(f"warning: {escaped(warning)}")
    say(entries.summary(found))


@app.command()
def schema() -> None:
    """Print the JSON Schema of fleet files, for editors.

    \b
    Examples:
      chatdaddy-pulumi fleet schema > fleet.schema.json
      # then, as the first line of fleet.yaml:
      #   # yaml-language-server: $schema=fleet.schema.json
    """
    say(json.dumps(entries.schema(), indent=2))


@app.command("export")
@grouped
def export_(
    *,
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="DIR", file_okay=False, help="The project's folder."
        ),
    ],
    format: Annotated[Format, typer.Option(help="Of the fleet file.")] = Format.YAML,
    with_settings: Annotated[
        bool, typer.Option("--with-settings", help="Write settings and assignees, too.")
    ] = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Write the fleet file anew; its keys stay.")
    ] = False,
    filter: Filter,
    flags: AccessFlags,
) -> None:
    """Write a Pulumi project that takes the team's accounts over.

    \b
    Examples:
      chatdaddy-pulumi fleet export --output accounts
      chatdaddy-pulumi fleet export -o shops shop --tier limited --format csv
      chatdaddy-pulumi fleet export -o accounts --overwrite

    DIR gets fleet.yaml (or .json, .csv), __main__.py and Pulumi.yaml. `pulumi up` there takes the
    accounts over as they are: it buys nothing and changes nothing. An entry that is removed later
    is only forgotten, until you choose otherwise in __main__.py.

    Keys are made from nicknames. They are the same at every export, and whatever the filters.
    Accounts that can't be taken over as they are stay out and are listed with the reason.
    """
    access = Access.of(flags)
    credentials = access.credentials()
    team, locked = _team_and_lock(access)
    chosen = [account for account in team if filter.fits(account)]
    file = output / f"fleet.{format.value}"
    before = entries.keys_by_adopted(file) if overwrite else {}
    made = export.plan(team, chosen, keys_before=before, with_settings=with_settings)
    if not made.entries:
        _tell_left_out(made.left_out)
        of = plural(len(chosen), "account")
        reason = f"none of {of} can be exported" if chosen else "no account fits the filters"
        raise Failed(f"{reason}: nothing written")
    urls = {key: url for key in _URLS if (url := access.settings.get(key))}
    written = export.write(
        output, made, format, team_id=credentials.team_id, urls=urls, overwrite=overwrite
    )
    width = max(len(str(path)) for path in written)
    for path in written:
        what = plural(len(made.entries), "account") if path == file else ""
        say(f"wrote {path!s:{width}}  {what}".rstrip())
    _tell_left_out(made.left_out)
    if locked:
        note("The team is locked: accounts can be taken over, but nothing can be bought.")
    _tell_next(output, access)


_URLS = ("baseUrl", "authUrl", "imUrl", "paymentsUrl", "eventsUrl")


def _team_and_lock(access: Access) -> tuple[list[TeamAccount], bool]:
    """The accounts, and whether the team is locked, if the token may read that."""
    from chatdaddy_pulumi.client import ChatDaddyError

    async def work(client: ChatDaddy) -> tuple[list[TeamAccount], bool]:
        team = await list_team(client)
        try:
            locked = bool((await client.billing.team_detail()).lock_account)
        except ChatDaddyError:
            locked = False
        return team, locked

    return access.run(work)


def _tell_left_out(left_out: list[tuple[TeamAccount, str]]) -> None:
    if not left_out:
        return
    note(f"\nnot exported: {plural(len(left_out), 'account')}")
    for account, reason in left_out:
        note(f"  {escaped(account.label)}: {escaped(reason)}")


def _tell_next(folder: Path, access: Access) -> None:
    """Show the next commands."""
    said = ["\nnext:", f"  cd {folder}"]
    from chatdaddy_pulumi.client.addresses import is_local

    local = is_local(access.settings.get("baseUrl") or "")
    if access.source("refreshToken", "apiToken") != "environment":
        said.append("  export CHATDADDY_REFRESH_TOKEN=…   # or the stack's chatdaddy:refreshToken")
    if local and not shutil.which("pulumi"):
        said.append("  chatdaddy-pulumi sandbox up")
    else:
        said += ["  pulumi stack init prod", "  pulumi up"]
    for line in said:
        note(line)


@app.command()
@grouped
def diff(
    *,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The fleet file.")],
    format: FileFormat = None,
    as_json: Annotated[bool, typer.Option("-j", "--json", help="As JSON.")] = False,
    flags: AccessFlags,
) -> None:
    """Compare a fleet file with the team; no state is needed.

    \b
    Examples:
      chatdaddy-pulumi fleet diff fleet.yaml
      chatdaddy-pulumi fleet diff fleet.csv --json | jq '.buy[].key'

    An entry's account is the one that it names by adopt, else the live one of its nickname. The
    program's own defaults, limits and stack are not known here: `pulumi preview` knows them.

    Exit codes: 0 file and team are the same, 1 they differ, 2 they can't be compared.
    """
    with _trouble():
        wanted = entries.read_entries(file, format.value if format else None)
        access = Access.of(flags)
        found = compare.compare(wanted, read_team(access))
    if as_json:
        print_json(_as_json(found))
    else:
        _show(found, file.name)
    if found.different:
        raise typer.Exit(DIFFERENT)


@contextmanager
def _trouble() -> Iterator[None]:
    """Make failures in the block end with the exit code for trouble."""
    from chatdaddy_pulumi.client import ChatDaddyError
    from chatdaddy_pulumi.provider.settings import with_keys

    try:
        yield
    except (Failed, ChatDaddyError) as error:
        raise Failed(with_keys(str(error)), TROUBLE) from None


def _show(found: Comparison, name: str) -> None:
    for mark, style, title, lines in _parts(found):
        if not lines:
            continue
        say(f"{title}: {len(lines):,}")
        width = max(len(escaped(key)) for key, _ in lines[:_SHOWN])
        for key, text in lines[:_SHOWN]:
            say(Cell(f"  {mark} {escaped(key):{width}}  {escaped(text)}".rstrip(), style).styled())
        if rest := more(len(lines), _SHOWN):
            say(f"    {rest} (--json shows all)")
    taken_over = f"; {len(found.adopt):,} taken over if no stack holds them" if found.adopt else ""
    say(f"as {name} says: {plural(len(found.same), 'account')}{taken_over}")


def _parts(found: Comparison) -> Iterator[tuple[str, str, str, list[tuple[str, str]]]]:
    yield "+", "green", "would be bought", [(e.key, e.short_tier) for e in found.buy]
    yield (
        *("+", "green", "would be brought back"),
        [(entry.key, account.id) for entry, account in found.bring_back],
    )
    yield (
        *("~", "yellow", "would be changed"),
        [
            (entry.key, ", ".join(_change(one) for one in changes))
            for entry, _, changes in found.change
        ],
    )
    yield "!", "red", "would be refused", [(entry.key, why) for entry, why in found.refused]
    yield (
        *("-", "", "only the team has"),
        [(account.id, account.nickname or "") for account in found.extra],
    )


def _change(change: compare.Change) -> str:
    if change.name == "tier":
        return f"tier {change.before or 'none'} → {change.after}"
    before, after = (json.dumps(one, ensure_ascii=False) for one in (change.before, change.after))
    return f"{change.name} {before} → {after}"


def _as_json(found: Comparison) -> dict[str, Any]:
    def of(entry: entries.FileEntry, account: TeamAccount | None = None) -> dict[str, Any]:
        said = {"key": entry.key, "nickname": entry.nickname, "tier": entry.short_tier}
        return said | ({"id": account.id} if account else {})

    return {
        "different": found.different,
        "buy": [of(entry) for entry in found.buy],
        "bring_back": [of(*pair) for pair in found.bring_back],
        "change": [
            {**of(entry, account), "changes": {one.name: [one.before, one.after] for one in said}}
            for entry, account, said in found.change
        ],
        "refused": [{**of(entry), "reason": reason} for entry, reason in found.refused],
        "adopt": [of(*pair) for pair in found.adopt],
        "extra": [{"id": one.id, "nickname": one.nickname} for one in found.extra],
        "same": [of(*pair) for pair in found.same],
    }
