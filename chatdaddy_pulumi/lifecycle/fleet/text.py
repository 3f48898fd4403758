"""A fleet as text: what the state keeps of it, a line an account.

Ten thousand accounts are ten thousand times whatever a line costs, and the engine's own form of a
mapping costs several indented lines each. Keys and nicknames hold no control characters, so tabs
and newlines part them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from chatdaddy_pulumi.enums import AccountType, OnDelete
from chatdaddy_pulumi.lifecycle.fleet.entry import Record, Terms
from chatdaddy_pulumi.lifecycle.fleet.intent import Baseline, Dropped, Identity, Intent, Open
from chatdaddy_pulumi.lifecycle.fleet.lines import read_lines, write_line


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_records(records: Mapping[str, Record]) -> dict[str, Any]:
    """``held``: a line an account (see `lines`); ``terms``: the JSON texts that the lines number;
    ``drift``: JSON, by key.
    """
    terms: dict[str, int] = {}
    lines = [
        write_line(account_id, state, terms.setdefault(wanted.text, len(terms)), key, nickname)
        for key, (account_id, nickname, wanted, state, _) in records.items()
    ]
    drift = {key: record.drift for key, record in records.items() if record.drift}
    return {
        "held": "\n".join(lines),
        "terms": list(terms),
        **({"drift": to_json(drift)} if drift else {}),
    }


def read_records(text: Mapping[str, Any]) -> dict[str, Record]:
    """What `write_records` wrote."""
    terms = [Terms.read(one) for one in text.get("terms") or []]
    drift = json.loads(text.get("drift") or "{}")
    return {
        key: Record(account_id, nickname, terms[number], state, drift.get(key))
        for account_id, state, number, key, nickname in read_lines(text.get("held"))
    }


def write_open(left_open: Mapping[str, Open]) -> str:
    return to_json(
        {
            key: [
                *(one.nickname, list(one.seen), int(one.unknown), int(one.at)),
                *([list(one.doubt)] if one.doubt else []),
            ]
            for key, one in left_open.items()
        }
    )


def read_open(text: str | None) -> dict[str, Open]:
    return {
        key: Open(nickname, tuple(seen), bool(unknown), at, *(tuple(ids) for ids in doubt))
        for key, (nickname, seen, unknown, at, *doubt) in json.loads(text or "{}").items()
    }


def write_intent(intent: Intent) -> str:
    """JSON: the entries' lines by the run of their baseline, and what is rarely there beside."""
    by_run: dict[int, list[str]] = {}
    for key, baseline in intent.entries.items():
        by_run.setdefault(baseline.run, []).append(_identity_line(key, baseline.identity))
    said = {
        "runs": {str(run): "\n".join(lines) for run, lines in by_run.items()},
        "before": {key: one.before for key, one in intent.entries.items() if one.before},
        "dropped": [
            (
                _identity_line(one.key, one.baseline.identity),
                one.baseline.run,
                one.baseline.before,
                one.on_delete.value,
            )
            for one in intent.dropped
        ],
        "user": intent.user_id,
        "on_delete": {key: how.value for key, how in intent.on_delete.items()},
    }
    return to_json({"rest": intent.rest.value, **{k: v for k, v in said.items() if v}})


def newest_run(text: str) -> int:
    """The last run in which something was new to the intent; a glance at `write_intent`'s text."""
    said = json.loads(text)
    dropped = [run for _, run, *_ in said.get("dropped", [])]
    return max([*map(int, said.get("runs", {})), *dropped], default=0)


def read_intent(text: str) -> Intent:
    """What `write_intent` wrote."""
    said = json.loads(text)
    before = said.get("before", {})
    entries = {
        key: Baseline(identity, int(run), tuple(before.get(key, ())))
        for run, lines in said.get("runs", {}).items()
        for key, identity in _identities(lines.split("\n"))
    }
    dropped = []
    for line, run, ids, how in said.get("dropped", []):
        ((key, identity),) = _identities([line])
        dropped.append(Dropped(key, Baseline(identity, run, tuple(ids)), OnDelete(how)))
    return Intent(
        entries=entries,
        dropped=tuple(dropped),
        user_id=said.get("user"),
        on_delete={key: OnDelete(how) for key, how in said.get("on_delete", {}).items()},
        rest=OnDelete(said["rest"]),
    )


def _identity_line(key: str, identity: Identity) -> str:
    nickname, kind, login_type = identity
    parts = [
        key,
        "" if nickname == key else nickname,
        "" if kind == AccountType.WHATSAPP.value else kind,
        login_type or "",
    ]
    return "\t".join(parts).rstrip("\t")


def _identities(lines: Iterable[str]) -> Iterable[tuple[str, Identity]]:
    for line in lines:
        key, nickname, kind, login_type, *_ = (*line.split("\t"), "", "", "")
        yield key, Identity(nickname or key, kind or AccountType.WHATSAPP.value, login_type or None)
