"""Property paths (``a.b[0]["c d"]``, ``*`` for any), for ignore_changes and replace_on_changes."""

from __future__ import annotations

import json
import re
from typing import Any

from pulumi_standin.values import Props

Path = list[str | int]
_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\[(\*)\]')


def parse(text: str) -> Path | None:
    """The path's steps, or None where it is not one."""
    path: Path = []
    at = 0
    while at < len(text):
        match = _PART.match(text, at)
        if match is None:
            return None
        name, index, quoted, star = match.groups()
        path.append(int(index) if index else json.loads(quoted) if quoted else name or star)
        at = match.end()
    return path


def contains(outer: Path, inner: Path) -> bool:
    """Whether `inner` is `outer` or lies below it."""
    if len(outer) > len(inner):
        return False
    return all(a in ("*", b) for a, b in zip(outer, inner, strict=False))


def reset(path: Path, olds: Any, news: Any) -> tuple[Any, bool]:
    """`news` with what lies at `path` as in `olds`; says whether it could be done."""
    if not path:
        return olds, True
    head, rest = path[0], path[1:]
    if head == "*":
        return _reset_all(rest, olds, news)
    if isinstance(news, dict) and isinstance(olds, dict):
        key = str(head)
        if rest and not (key in olds and key in news):
            return news, key not in olds and key not in news
        copy: Props = dict(news)
        if key not in olds:
            copy.pop(key, None)
            return copy, True
        copy[key], ok = reset(rest, olds[key], news.get(key))
        return copy, ok
    if isinstance(news, list) and isinstance(olds, list) and isinstance(head, int):
        if head >= len(olds) or head >= len(news):
            return news, head >= len(olds) and head >= len(news)
        items = list(news)
        items[head], ok = reset(rest, olds[head], news[head])
        return items, ok
    return news, False


def _reset_all(rest: Path, olds: Any, news: Any) -> tuple[Any, bool]:
    if isinstance(news, dict) and isinstance(olds, dict):
        if set(news) != set(olds):
            return news, False
        done = {key: reset(rest, olds[key], value) for key, value in news.items()}
        return {key: value for key, (value, _) in done.items()}, all(ok for _, ok in done.values())
    if isinstance(news, list) and isinstance(olds, list) and len(news) == len(olds):
        pairs = [reset(rest, old, new) for old, new in zip(olds, news, strict=True)]
        return [value for value, _ in pairs], all(ok for _, ok in pairs)
    return news, False
