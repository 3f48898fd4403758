"""Keeps the secrets of a program out of all messages."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import takewhile
from typing import Any
from unicodedata import normalize

from chatdaddy_pulumi.client.redact import MASK as HIDDEN
from chatdaddy_pulumi.client.redact import redact, written
from chatdaddy_pulumi.client.text import visible
from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.provider.state import PART
from chatdaddy_pulumi.spec.problem import printable

MASK = "[secret]"

#: Shorter ones are masked only as whole words, so that messages stay readable.
_SHORT = 4
#: Shorter ones are not masked at all.
_SHORTEST = 2
#: Messages show the beginnings of long texts.
_BEGINNING = 60
#: Where a message cuts a text.
_CUT = "\N{HORIZONTAL ELLIPSIS}"

#: Words that any program may contain.
_WORDS = frozenset(
    word.value for kind in (Tier, AccountType, OnDelete, Existing, LoginType) for word in kind
) | {tier.short for tier in Tier}
_ACCOUNT_ID = re.compile(r"acc[A-Za-z0-9_-]{4,60}")


@dataclass
class Masking:
    """The secret texts that a provider host has met."""

    _words: set[str] = field(default_factory=set, repr=False)
    #: None if there are words that it does not have yet.
    _index: _Index | None = field(default=None, repr=False)

    def hide(self, given: Mapping[str, Any], names: Iterable[str]) -> None:
        """Mask the texts and numbers in these arguments from now on.

        Words that every program says, account IDs, and truth values are no secrets.
        """
        fresh = secret_texts(given, names) - self._words
        if fresh:
            self._words |= fresh | {form for word in fresh for form in _forms(word)}
            self._index = None

    def mask(self, text: str) -> str:
        """The text without them."""
        if self._index is None:
            self._index = _Index.of(self._words)
        for word in self._index.words_in(text):
            text = _without(text, word)
        first, *others = text.split(_CUT)
        for other in others:
            begin = self._index.begins_at_the_end(first)
            first = f"{first if begin is None else f'{first[:begin]}{MASK}'}{_CUT}{other}"
        return first


@dataclass(frozen=True)
class _Index:
    """Finds secret words in a text. A run may have tens of thousands of words and of texts."""

    #: In alphabetical order.
    words: list[str]
    #: Those that are masked only as whole words.
    short: list[str]
    #: By their first characters, of which messages show no more.
    beginnings: Mapping[str, list[str]]
    #: By the first `_SHORT` characters: how long such beginnings are.
    lengths: Mapping[str, set[int]]

    @classmethod
    def of(cls, words: Iterable[str]) -> _Index:
        beginnings: dict[str, list[str]] = {}
        lengths: dict[str, set[int]] = {}
        every = sorted(words)
        for word in every:
            if len(word) >= _SHORT:
                begin = word[:_BEGINNING]
                beginnings.setdefault(begin, []).append(word)
                lengths.setdefault(begin[:_SHORT], set()).add(len(begin))
        short = [word for word in every if len(word) < _SHORT]
        return cls(every, short, beginnings, lengths)

    def words_in(self, text: str) -> list[str]:
        """The words of which the text has at least the beginning; the longest first, since one may
        be a part of another."""
        found = {word for word in self.short if word in text}
        for place in range(len(text) - _SHORT + 1):
            for length in self.lengths.get(text[place : place + _SHORT], ()):
                found.update(self.beginnings.get(text[place : place + length], ()))
        return sorted(found, key=lambda word: (-len(word), word))

    def begins_at_the_end(self, text: str) -> int | None:
        """Where the beginning of a word begins with which the text ends; None if there is none."""
        for place in range(len(text) - _SHORT + 1):
            if text[place : place + _SHORT] in self.lengths:
                end = text[place:]
                after = bisect_left(self.words, end)
                if after < len(self.words) and self.words[after].startswith(end):
                    return place
        return None


def secret_texts(given: Mapping[str, Any], names: Iterable[str]) -> set[str]:
    """The texts and numbers in arguments that are secrets; see `Masking.hide`."""
    found: set[str] = set()
    for name in names:
        whole, part = name.removesuffix(PART), name.endswith(PART)
        found.update(_texts(given.get(whole), keys=whole == "accounts" and not part))
    return found


def texts_of(value: Any) -> set[str]:
    """The texts and numbers in a value, and its keys, which may be secrets."""
    return set(_texts(value, keys=True))


def _without(text: str, word: str) -> str:
    if len(word) < _SHORT:
        return re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", MASK, text)
    text = text.replace(word, MASK)
    while len(word) > _BEGINNING and (begin := text.find(word[:_BEGINNING])) >= 0:
        same = takewhile(lambda pair: pair[0] == pair[1], zip(word, text[begin:], strict=False))
        text = f"{text[:begin]}{MASK}{text[begin + sum(1 for _ in same) :]}"
    return text


#: How JSON writes a text.
_JSON = (
    lambda text: json.dumps(text)[1:-1],
    lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
)
#: The steps by which a text gets into a message, one after another. Each may change it.
_STEPS: tuple[tuple[Callable[[str], str], ...], ...] = (
    (partial(normalize, "NFC"), partial(normalize, "NFD")),
    _JSON,
    (redact,),
    (lambda text: " ".join(text.split()),),
    # Python takes the other quotes if a text has one kind of them, and escapes both if it has both.
    (lambda text: repr(text)[1:-1], lambda text: repr(f"{text}\"'")[1:-4]),
    (visible, lambda text: printable(text, len(text))),
    _JSON,
)


def _forms(word: str) -> set[str]:
    """The text as messages write it."""
    found = {word}
    for step in _STEPS:
        found |= {write(one) for one in found for write in step}
    # A long text may be redacted as a whole.
    return {one for one in found | written(word) if len(one) >= _SHORTEST and one != HIDDEN}


def _texts(value: Any, *, keys: bool) -> Iterator[str]:
    """The texts and numbers in a value; `keys`: of mappings the keys, too."""
    if isinstance(value, bool):
        return
    if isinstance(value, (str, int, float)):
        text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
        for one in (text, text.strip()):
            if len(one.strip()) < _SHORTEST or one in _WORDS or _ACCOUNT_ID.fullmatch(one):
                continue
            yield one
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            if keys:
                yield from _texts(key, keys=False)
            yield from _texts(inner, keys=False)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _texts(inner, keys=False)
