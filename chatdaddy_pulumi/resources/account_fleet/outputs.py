"""A fleet's outputs as programs see them. Imported by programs: nothing heavy here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from chatdaddy_pulumi.lifecycle.fleet.lines import read_lines
from chatdaddy_pulumi.lifecycle.fleet.listing import accounts, lines


def accounts_of(held: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By key: ``account_id``, ``nickname``, ``type``, ``tier``, ``state``.

    `held` is what `lifecycle.fleet.text.write_records` wrote.
    """
    terms = [json.loads(text) for text in held.get("terms") or []]
    drift = json.loads(held.get("drift") or "{}")
    found = {}
    for account_id, state, number, key, nickname in read_lines(held.get("held")):
        seen = drift.get(key, {})
        found[key] = {
            "account_id": account_id,
            "nickname": seen.get("nickname", nickname),
            "type": terms[number]["type"],
            "tier": seen.get("tier", terms[number]["tier"]),
            "state": state,
        }
    return found


def counts_of(counts: Mapping[str, Any] | None) -> dict[str, Any]:
    """The engine knows no whole numbers: back to them."""
    return {
        key: counts_of(value) if isinstance(value, Mapping) else int(value)
        for key, value in (counts or {}).items()
    }


def failure_of(name: str, failed: Mapping[str, str]) -> str:
    """A line that says how many failed, then key and reason."""
    return "\n".join(
        [
            f"AccountFleet {name!r}: {accounts(len(failed))} failed; the others are done and "
            "saved, and the next `pulumi up` does what is missing:",
            *lines(failed),
        ]
    )
