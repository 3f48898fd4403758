"""Which accounts a word identifies, and QR codes as text."""

from __future__ import annotations

from typing import Any

import pytest

from chatdaddy_pulumi.cli.console import Failed
from chatdaddy_pulumi.cli.entries import FileEntry, entries_of
from chatdaddy_pulumi.cli.login import qr
from chatdaddy_pulumi.cli.login.targets import Keys, needing, resolve
from chatdaddy_pulumi.cli.team import TeamAccount
from tests.support.qr import blocks, read_text


def account(id: str, nickname: str, **said: Any) -> TeamAccount:
    return TeamAccount(**{"id": id, "nickname": nickname, "type": "wa", "state": "close", **said})


TEAM = [
    account("acc1", "Alice"),
    account("acc2", "Bob"),
    account("acc3333", "Bob"),
    account("acc4", "Mail", type="mail"),
    account("acc5", "Gone", deleted_at="2026-01-01"),
    account("acc6", "Open", state="open", can_login=True),
]


def ids(*words: str, keys: Keys | None = None) -> list[str]:
    return [one.id for one in resolve(words, TEAM, keys or Keys())]


def entry(key: str, **said: Any) -> FileEntry:
    return entries_of({key: said})[0]


def test_ids_nicknames_and_keys() -> None:
    keys = Keys(
        {"held": ["acc2"]},
        {"named": entry("named", nickname="Alice"), "adopted": entry("adopted", adopt="acc3333")},
    )
    assert ids("acc1") == ["acc1"]
    assert ids("Alice") == ["acc1"]
    assert ids(" Alice ") == ["acc1"]
    assert ids("held", "adopted", "named", keys=keys) == ["acc2", "acc3333", "acc1"]
    assert ids("Alice", "acc1", "named", keys=keys) == ["acc1"], "once each"


def test_the_state_has_priority_over_the_file() -> None:
    keys = Keys({"a": ["acc2"]}, {"a": entry("a", adopt="acc3333")})
    assert ids("a", keys=keys) == ["acc2"]


@pytest.mark.parametrize(
    ("word", "told"),
    [
        ("Bob", "stands for several accounts: acc2 (Bob), acc3333 (Bob)"),
        ("Alcie", "did you mean 'Alice'?"),
        ("acc4", "which has no code"),
        ("acc5", "is deleted"),
        ("Gone", "is no key, nickname or ID"),
    ],
)
def test_refused_words(word: str, told: str) -> None:
    with pytest.raises(Failed) as caught:
        ids(word)
    assert told in str(caught.value)


def test_a_key_that_is_another_account_s_nickname_is_ambiguous() -> None:
    with pytest.raises(Failed, match="several"):
        ids("Alice", keys=Keys({"Alice": ["acc2"]}))


def test_all_accounts_that_need_a_login() -> None:
    assert [one.id for one in needing(TEAM)] == ["acc1", "acc2", "acc3333"]
    asleep = account("acc7", "Asleep", state="close", can_login=True)
    assert needing([asleep]) == [], "it connects by itself"


@pytest.mark.parametrize("dark_ink", [True, False])
@pytest.mark.parametrize("length", [1, 60, 136, 237, 400])
def test_codes_contain_their_text(length: int, dark_ink: bool) -> None:
    text = ("2@" + "aB3+/=" * 100)[:length]
    lines = qr.lines(text, dark_ink=dark_ink)
    assert len({len(line) for line in lines}) == 1
    assert read_text(lines, dark_ink=dark_ink) == text
    if not dark_ink and length > 100:
        (found,) = blocks("\n".join(["before", *lines, "after"]))
        assert read_text(found, dark_ink=False) == text
