"""`chatdaddy-pulumi sandbox …`: the emulated ChatDaddy and the stand-in engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from chatdaddy_pulumi.cli import engine
from chatdaddy_sandbox import options as emulator

app = typer.Typer(
    no_args_is_help=True,
    help="Try and test without an account: an emulated ChatDaddy and a stand-in engine.",
)
engine.add_to(app)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8080,
    db: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Keep everything in this file.")
    ] = None,
    team_id: Annotated[
        str, typer.Option(envvar="SANDBOX_TEAM_ID", help="The one team it knows.")
    ] = emulator.DEFAULT_TEAM_ID,
    refresh_token: Annotated[
        str, typer.Option(envvar="SANDBOX_REFRESH_TOKEN", help="What logs in to the team.")
    ] = emulator.DEFAULT_REFRESH_TOKEN,
    latency_ms: Annotated[int, typer.Option(min=0, help="Wait so long before each call.")] = 0,
    page_base: Annotated[int, typer.Option(min=0, max=1, help="The number of page one.")] = 0,
    max_count: Annotated[int, typer.Option(min=1, help="The most accounts on a page.")] = 100,
    settings_patch: Annotated[
        emulator.SettingsPatch, typer.Option(help="What a patch does to the settings.")
    ] = emulator.SettingsPatch.MERGE,
    purchase_needs_auto_charge: Annotated[
        bool,
        typer.Option(
            "--purchase-needs-auto-charge",
            help="Refuse purchases whose item is not in autoChargeItems.",
        ),
    ] = False,
    recreate_charges: Annotated[
        bool, typer.Option("--recreate-charges", help="Charge a recreation like a purchase.")
    ] = False,
    list_order: Annotated[
        emulator.ListOrder, typer.Option(help="Which accounts come first in a list.")
    ] = emulator.ListOrder.OLDEST,
    deletion_delay_s: Annotated[
        float, typer.Option(min=0, help="How long a deletion with deleteNow takes.")
    ] = 0,
    archive_s: Annotated[float, typer.Option(min=0, help="How long archiving takes.")] = 1,
    webhooks: Annotated[
        emulator.WebhookTargets,
        typer.Option(help="Post events to this machine only, to any URL, or to none."),
    ] = emulator.WebhookTargets.LOCAL,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Another host name that it may be called by."),
    ] = None,
) -> None:
    """Serve an emulated ChatDaddy; a page at its root shows what goes on."""
    from chatdaddy_sandbox.server import ServeError
    from chatdaddy_sandbox.server import serve as run

    try:
        run(
            emulator.Options(
                host=host,
                port=port,
                db=db,
                team_id=team_id,
                refresh_token=refresh_token,
                latency_ms=latency_ms,
                page_base=page_base,
                max_count=max_count,
                settings_patch=settings_patch,
                purchase_needs_auto_charge=purchase_needs_auto_charge,
                recreate_charges=recreate_charges,
                list_order=list_order,
                deletion_delay_s=deletion_delay_s,
                archive_s=archive_s,
                webhook_targets=webhooks,
                allow_hosts=tuple(allow_host or ()),
            )
        )
    except ServeError as error:
        typer.echo(f"chatdaddy-pulumi: {error}", err=True)
        raise typer.Exit(1) from None
