"""Keeps the secrets of a program out of all messages."""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from itertools import takewhile
from typing import Any
from unicodedata import normalize

from chatdaddy_pulumi.client.redact import MASK as HIDDEN
from chatdaddy_pulumi.client.redact import redact, written
from chatdaddy_pulumi.client.text import visible
from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.provider.state import PART
from chatdaddy_pulumi.spec.problem import printable
from chatdaddy_pulumi.spec.rules import ACCOUNT_ID

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


@dataclass
class Masking:
    """The secret texts that a provider host has met."""

    _given: set[str] = field(default_factory=set, repr=False)
    #: As messages may write them.
    _words: set[str] = field(default_factory=set, repr=False)
    #: None if there are words that it does not have yet.
    _index: _Index | None = field(default=None, repr=False)

    def hide(self, given: Mapping[str, Any], names: Iterable[str]) -> None:
        """Mask the texts and numbers in these arguments from now on, in upper and lower case.

        Words that every program says, account IDs, and truth values are no secrets.
        """
        fresh = secret_texts(given, names) - self._given
        if fresh:
            self._given |= fresh
            self._words |= {form for word in fresh for form in _forms(word)}
            self._index = None

    def mask(self, text: str) -> str:
        """The text without them. HTML entities are resolved if a secret is written with them."""
        text = self._without_words(text)
        plain = text
        # A text may be escaped twice.
        for _ in range(_UNESCAPED):
            before, plain = plain, _unescape(plain)
            if plain == before:
                break
            masked = self._without_words(plain)
            if masked != plain:
                return self.mask(masked)
        return text

    def _without_words(self, text: str) -> str:
        if self._index is None:
            self._index = _Index.of(self._words)
        ends = 0
        parts = []
        for begin, end in sorted(self._index.places(text)):
            if begin >= ends:
                parts += [text[ends:begin], MASK]
            ends = max(ends, end)
        first, *others = f"{''.join(parts)}{text[ends:]}".split(_CUT)
        for other in others:
            at = self._index.begins_at_the_end(first)
            first = f"{first if at is None else f'{first[:at]}{MASK}'}{_CUT}{other}"
        return first


@dataclass(frozen=True)
class _Index:
    """Finds secret words in a text. A run may have tens of thousands of words and of texts."""

    #: Folded, in alphabetical order.
    words: list[str]
    #: Those that are masked only as whole words; not folded.
    short: list[str]
    #: The others, by their first characters, of which messages show no more.
    beginnings: Mapping[str, list[str]]
    #: By the first `_SHORT` characters: how long such beginnings are.
    lengths: Mapping[str, set[int]]

    @classmethod
    def of(cls, words: Iterable[str]) -> _Index:
        beginnings: dict[str, list[str]] = {}
        lengths: dict[str, set[int]] = {}
        every = sorted(words)
        short = [word for word in every if len(word) < _SHORT]
        long = [word for word in every if len(word) >= _SHORT]
        for word in long:
            begin = word[:_BEGINNING]
            beginnings.setdefault(begin, []).append(word)
            lengths.setdefault(begin[:_SHORT], set()).add(len(begin))
        return cls(long, short, beginnings, lengths)

    def places(self, text: str) -> Iterator[tuple[int, int]]:
        """Where words begin and end in the text, or what it has of long ones."""
        for word in self.short:
            if word in text:
                for match in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", text):
                    yield match.span()
        folded = _fold(text)
        for place in range(len(folded) - _SHORT + 1):
            for length in self.lengths.get(folded[place : place + _SHORT], ()):
                for word in self.beginnings.get(folded[place : place + length], ()):
                    yield place, place + _same(word, folded, place)

    def begins_at_the_end(self, text: str) -> int | None:
        """Where the beginning of a word begins with which the text ends; None if there is none."""
        folded = _fold(text)
        for place in range(len(folded) - _SHORT + 1):
            if folded[place : place + _SHORT] in self.lengths:
                end = folded[place:]
                after = bisect_left(self.words, end)
                if after < len(self.words) and self.words[after].startswith(end):
                    return place
        return None


def _same(word: str, text: str, place: int) -> int:
    """How many characters of the word the text has at that place, of which it has the beginning."""
    if len(word) <= _BEGINNING:
        return len(word)
    pairs = zip(word, text[place:], strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


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


def _fold(text: str) -> str:
    """The text in lower case, with as many characters."""
    lower = text.lower()
    if len(lower) != len(text):
        lower = "".join(low if len(low := one.lower()) == 1 else one for one in text)
    return lower.replace("\N{GREEK SMALL LETTER FINAL SIGMA}", "\N{GREEK SMALL LETTER SIGMA}")


#: How often a text is escaped at most.
_UNESCAPED = 3
#: An HTML entity; also one that is cut.
_ENTITY = re.compile(rf"&#?[A-Za-z0-9]{{1,31}};|&#?[A-Za-z0-9]{{0,31}}(?={_CUT})")


def _unescape(text: str) -> str:
    """The text without HTML entities."""
    return _ENTITY.sub(_character, text) if "&" in text else text


def _character(entity: re.Match[str]) -> str:
    if not entity[0].endswith(";"):
        return ""
    found = unescape(entity[0])
    # It must not break the line or change the terminal.
    return found if found.isprintable() else " " if found.isspace() else entity[0]


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
    """The text as messages write it: folded, unless it is short."""
    found = {word}
    for step in _STEPS:
        found |= {write(one) for one in found for write in step}
    if not word.isascii():
        # Servers escape a letter by its case.
        cased = {word.upper(), word.lower()}
        found |= cased | {json.dumps(one)[1:-1] for one in cased}
        found |= {form for one in cased for form in written(one)}
    # A long text may be redacted as a whole.
    found = {one for one in found | written(word) if len(one) >= _SHORTEST and one != HIDDEN}
    short = [one for one in found if len(one) < _SHORT]
    cases = {case for one in short for case in (one, one.upper(), one.lower())}
    return {_fold(one) for one in found if len(one) >= _SHORT} | cases


def _texts(value: Any, *, keys: bool) -> Iterator[str]:
    """The texts and numbers in a value; `keys`: of mappings the keys, too."""
    if isinstance(value, bool):
        return
    if isinstance(value, (str, int, float)):
        text = str(int(value) if isinstance(value, float) and value.is_integer() else value)
        for one in (text, text.strip()):
            if len(one.strip()) < _SHORTEST or one in _WORDS or ACCOUNT_ID.fullmatch(one):
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
