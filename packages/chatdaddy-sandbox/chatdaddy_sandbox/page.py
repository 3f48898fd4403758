"""The HTML of the page. All text from outside is escaped with `escape`."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from html import escape
from sqlite3 import Row
from urllib.parse import urlsplit

import segno

from chatdaddy_sandbox.clock import DAY_S, iso
from chatdaddy_sandbox.record import Call
from chatdaddy_sandbox.service import Service
from chatdaddy_sandbox.words import LIMITED, UNLIMITED

#: How many items of each list are shown.
ACCOUNTS, CODES, LEDGER, CALLS, DELIVERIES = 50, 6, 12, 25, 8

_TIERS = {LIMITED: "limited", UNLIMITED: "unlimited", None: "full"}


def page(service: Service, q: str, *, style: str, script: str, nonce: str) -> str:
    """The whole page. It replaces `main` every second."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>ChatDaddy sandbox</title>
<link rel="icon" href="data:,">
<style nonce="{nonce}">{style}</style>
</head>
<body>
<header>
  <h1>ChatDaddy sandbox
    <small>nothing here costs anything · {escape(service.options.team_id)}</small></h1>
  <div class="actions">
    <input id="search" type="search" placeholder="Nickname or ID" value="{escape(q)}"
      aria-label="Show accounts with this nickname or ID">
    <button data-advance="3600">+1 hour</button>
    <button data-advance="86400">+1 day</button>
    <span id="live" title="live"></span>
  </div>
</header>
<main>{main(service, q)}</main>
<script nonce="{nonce}">{script}</script>
</body>
</html>
"""


def main(service: Service, q: str) -> str:
    """The part that changes."""
    return f"""
<section class="cards">{_tiles(service)}</section>
{_codes(service)}
<div class="columns">
  <div class="column">{_accounts(service, q)}{_ledger(service)}</div>
  <div class="column">{_calls(service)}{_deliveries(service)}</div>
</div>
"""


def _tiles(service: Service) -> str:
    by_tier: dict[str, int] = {}
    by_state: dict[str, int] = {}
    for row in service.store.all(
        "SELECT tier, state, COUNT(*) AS n FROM accounts"
        " WHERE deleted_at IS NULL AND archive_type IS NULL GROUP BY tier, state"
    ):
        tier, state = _TIERS.get(row["tier"], row["tier"]), row["state"]
        by_tier[tier] = by_tier.get(tier, 0) + row["n"]
        by_state[state] = by_state.get(state, 0) + row["n"]
    totals = service.billing.totals()
    offset = service.clock.offset_s
    ahead = f"{_span(offset)} ahead of this machine" if offset else "this machine's clock"
    tiers = ", ".join(f"{n:,} {tier}" for tier, n in sorted(by_tier.items()))
    return "".join(
        f"<div class=tile><b>{escape(value)}</b><span>{escape(label)}</span></div>"
        for value, label in (
            (f"{sum(by_tier.values()):,}", f"live accounts {f'({tiers})' if tiers else ''}"),
            (f"{by_state.get('open', 0):,}", "open (logged in)"),
            (f"{by_state.get('connecting', 0):,}", "waiting for a scan"),
            (
                _money(totals["total_cents"]),
                f"charged: {totals['purchases']:,} purchases,"
                f" {totals['account_days']:,} account-days",
            ),
            (_moment(service.clock.now()), ahead),
        )
    )


def _codes(service: Service) -> str:
    """The codes to scan, newest first."""
    rows = service.store.all(
        "SELECT * FROM accounts WHERE qr_changes_at IS NOT NULL"
        " ORDER BY connecting_since DESC LIMIT ?",
        CODES,
    )
    if not rows:
        return ""
    total = service.store.value("SELECT COUNT(*) FROM accounts WHERE qr_changes_at IS NOT NULL")
    more = f"{total - len(rows):,} more are waiting" if total > len(rows) else ""
    cards = "".join(_code(service, row) for row in rows)
    return _card("Waiting for a scan", more, f"<div class=codes>{cards}</div>")


def _code(service: Service, row: Row) -> str:
    info = service.accounts.shown(row)["stateInfo"]
    picture = _svg(info["qr"]) if "qr" in info else f"<div class=pin>{escape(info['pin'])}</div>"
    return (
        f"<div class=code>{picture}<b>{escape(row['nickname'] or '—')}</b>"
        f"<div class='mono soft'>…{escape(row['id'][-4:])}</div>"
        f"<button data-scan='{escape(row['id'])}'>Log in as if scanned</button></div>"
    )


@lru_cache(maxsize=64)
def _svg(text: str) -> str:
    """A QR code, cached: drawing one takes milliseconds, and the page updates every second."""
    out = io.BytesIO()
    segno.make(text, error="l", micro=False).save(
        out, kind="svg", xmldecl=False, svgns=False, omitsize=True, border=2
    )
    return out.getvalue().decode()


def _accounts(service: Service, q: str) -> str:
    condition, values = "1", []
    if q:
        condition, values = "(instr(search, ?) OR instr(id, ?))", [q.lower(), q]
    total = service.store.value(
        f"SELECT COUNT(*) FROM accounts WHERE {condition}",  # noqa: S608
        *values,
    )
    rows = service.store.all(
        f"SELECT * FROM accounts WHERE {condition}"  # noqa: S608
        " ORDER BY updated_at DESC, seq DESC LIMIT ?",
        *values,
        ACCOUNTS,
    )
    table = _table(
        ("Account", "Tier", "State", "Messages"),
        [
            (
                f"<td class=account><b title='{escape(row['nickname'] or '')}'>"
                f"{escape(row['nickname'] or '') or '<span class=soft>no nickname</span>'}</b>"
                f"<span class=mono>{escape(row['id'])}</span> <span class=soft>"
                f"{escape(row['type'])}{' · +' + escape(row['user_id']) if row['user_id'] else ''}"
                "</span></td>",
                f"<td>{escape(_TIERS.get(row['tier'], row['tier']))}</td>",
                f"<td>{_state(row)}</td>",
                f"<td class=number>{_messages(service, row)}</td>",
            )
            for row in rows
        ],
        "No account yet. Buy one: <code>pulumi up</code> with "
        "<code>chatdaddy:baseUrl</code> set to this address."
        if not q
        else "No account fits.",
    )
    shown = f"{len(rows):,} of {total:,}, last changed first" if total > len(rows) else f"{total:,}"
    return _card("Accounts", shown, table)


def _state(row: Row) -> str:
    tags = [{"open": "good", "connecting": "warn"}.get(row["state"], "")]
    html = f"<span class='tag {tags[0]}'>{escape(row['state'])}</span>"
    if row["deleted_at"] is not None:
        html += f" <span class='tag bad'>deleted, gone {_moment(row['remove_at'])}</span>"
    elif row["archive_type"] is not None:
        done = row["archive_type"] == "done"
        html += f" <span class=tag>{'archived' if done else 'archiving'}</span>"
    elif row["synced_at"] is not None:
        html += f" <span class=tag>{row['chats']} chats synced</span>"
    if row["error"] is not None:
        message = escape(json.loads(row["error"])["message"])
        html += f"<br><span class=failure>{message}</span>"
    return html


def _messages(service: Service, row: Row) -> str:
    used, left = service.billing.messages_used(row), service.billing.messages_left(row)
    if left is None:
        return f"{used:,}"
    tag = "<br><span class='tag bad'>stopped</span>" if left == 0 else ""
    return f"{used:,} <span class=soft>/ {used + left:,}</span>{tag}"


def _calls(service: Service) -> str:
    calls = list(service.record.calls)[-CALLS:][::-1]
    table = _table(
        ("", "Call", "Status", "ms"),
        [
            (
                f"<td class='mono soft'>{time.strftime('%H:%M:%S', time.localtime(call.at))}</td>",
                f"<td class='mono path' title='{escape(call.path)}'>{escape(call.method)} "
                f"{_short(service, call.path)}{_query(call)}</td>",
                f"<td>{_status(call)}</td>",
                f"<td class=number>{call.ms:.0f}</td>",
            )
            for call in calls
        ],
        "No call yet.",
    )
    total = sum(service.record.totals.values())
    return _card("Last calls", f"{total:,} in all", table)


def _short(service: Service, path: str) -> str:
    """A path with account IDs shortened to the characters that distinguish them."""
    return escape(path.replace(f"/acc{service.options.team_id[:21]}", "/…"))


def _query(call: Call) -> str:
    return f"<span class=soft>?{escape(call.query)}</span>" if call.query else ""


def _status(call: Call) -> str:
    if call.status == 0:
        return "<span class='tag bad'>cut</span>"
    kind = "good" if call.status < 400 else "warn" if call.status < 500 else "bad"
    return f"<span class='tag {kind}'>{call.status}</span>"


def _ledger(service: Service) -> str:
    rows = service.store.all("SELECT * FROM ledger ORDER BY id DESC LIMIT ?", LEDGER)
    table = _table(
        ("When", "What", "Cost"),
        [
            (
                f"<td class='mono soft id'>{_moment(row['at'])}</td>",
                f"<td>{escape(row['type'])} · {escape(row['nickname'] or '')} "
                f"<span class='mono soft'>…{escape(row['account_id'][-4:])}</span></td>",
                f"<td class=number>{_money(row['cents'])}</td>",
            )
            for row in rows
        ],
        "Nothing charged yet.",
    )
    return _card("Ledger", f"{_money(service.billing.totals()['total_cents'])} in all", table)


def _deliveries(service: Service) -> str:
    entries = service.webhooks.deliveries(DELIVERIES)
    if not entries:
        return ""
    table = _table(
        ("Event", "To", "Result"),
        [
            (
                f"<td>{escape(entry['event'])}</td>",
                f"<td class='mono path'>{escape(_without_secrets(entry['url']))}</td>",
                f"<td>{escape(entry['result'] or 'waiting')}</td>",
            )
            for entry in entries
        ],
        "",
    )
    return _card("Webhooks", "", table)


def _without_secrets(url: str) -> str:
    """A URL without the parts that may have a password: the user and the query."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "(not a URL)"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _card(title: str, note: str, body: str) -> str:
    return f"<section class=card><h2>{title} <small>{note}</small></h2>{body}</section>"


def _table(heads: Iterable[str], rows: list[tuple[str, ...]], empty: str) -> str:
    if not rows:
        return f"<div class=empty>{empty}</div>"
    head = "".join(
        f"<th{' class=number' if name in ('ms', 'Cost', 'Messages') else ''}>{name}</th>"
        for name in heads
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    return f"<div class=scroll><table><tr>{head}</tr>{body}</table></div>"


def _money(cents: int) -> str:
    return f"${cents / 100:,.2f}"


def _moment(at: float) -> str:
    return datetime.fromisoformat(iso(at)[:19]).strftime("%d %b %H:%M")


def _span(seconds: float) -> str:
    if seconds >= DAY_S:
        return f"{seconds / DAY_S:.1f} days"
    return f"{seconds / 3600:.1f} hours"
