"""Property paths (``a.b[0]["c d"]``, ``*`` for any), for ignore_changes and replace_on_changes."""

from __future__ import annotations

import json
import re
from typing import Any

from pulumi_standin.values import Props, Secret, deep_equals

Path = list[str | int]
_PART = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|\[(\*)\]')


def parse(text: str) -> Path | None:
    """The path's steps, or None if it is not a path."""
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


def changed(old: Any, new: Any) -> list[Path]:
    """The paths at which two values differ; for lists and maps, those inside of them."""
    if isinstance(old, dict) and isinstance(new, dict):
        found: list[Path] = []
        for key in sorted(old.keys() | new.keys()):
            inner = changed(old[key], new[key]) if key in old and key in new else [[]]
            found += [[key, *path] for path in inner]
        return found
    if isinstance(old, list) and isinstance(new, list):
        found = []
        for index in range(max(len(old), len(new))):
            both = index < len(old) and index < len(new)
            inner = changed(old[index], new[index]) if both else [[]]
            found += [[index, *path] for path in inner]
        return found
    return [] if deep_equals(old, new) else [[]]


def reset(path: Path, olds: Props, news: Props) -> tuple[Props, bool]:
    """`news` with the value at `path` from `olds`, and whether that was completely possible.

    The rules are those of `PropertyPath.Reset` (sdk/go/common/resource/properties_path.go).
    """
    copied: Props = _copy(news)
    return copied, _reset(path, olds, copied, secret=False)


def _copy(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copy(item) for item in value]
    return Secret(_copy(value.value)) if isinstance(value, Secret) else value


def _reset(path: Path, old: Any, new: Any, *, secret: bool) -> bool:
    """Change `new` in place. `secret`: the old value is inside a secret and the new one is not."""
    old, new, secret = _open(old, new, secret)
    head, rest = path[0], path[1:]
    if isinstance(head, int):
        return _reset_index(head, rest, old, new, secret=secret)
    if head == "*":
        return _reset_all(rest, old, new, secret=secret)
    if not rest:
        if isinstance(old, dict) and head in old:
            if isinstance(new, dict):
                new[head] = _marked(old[head], secret)
            return isinstance(new, dict)
        if isinstance(new, dict):
            new.pop(head, None)
        return True
    if not (isinstance(old, dict) and isinstance(new, dict)):
        return not isinstance(old, dict) and not isinstance(new, dict)
    if head in old and head not in new:
        return False
    return head not in new or _reset(rest, old.get(head), new[head], secret=secret)


def _reset_index(index: int, rest: Path, old: Any, new: Any, *, secret: bool) -> bool:
    if not (isinstance(old, list) and isinstance(new, list)):
        return not isinstance(old, list) and not isinstance(new, list)
    inside = (index < len(old), index < len(new))
    if inside != (True, True):
        return not rest and inside == (False, False)
    if rest:
        return _reset(rest, old[index], new[index], secret=secret)
    new[index] = _marked(old[index], secret)
    return True


def _reset_all(rest: Path, old: Any, new: Any, *, secret: bool) -> bool:
    if isinstance(new, dict):
        if not isinstance(old, dict):
            return not rest
        if not rest:
            new.clear()
            new.update({key: _marked(value, secret) for key, value in old.items()})
            return True
        return all(
            key in new and _reset(rest, value, new[key], secret=secret)
            for key, value in old.items()
        )
    if isinstance(new, list):
        if not isinstance(old, list):
            return not rest
        for index, value in enumerate(old[: len(new)]):
            if not rest:
                new[index] = _marked(value, secret)
            elif not _reset(rest, value, new[index], secret=secret):
                return False
        return len(old) == len(new)
    return False


def _open(old: Any, new: Any, secret: bool) -> tuple[Any, Any, bool]:
    while isinstance(old, Secret):
        old, secret = old.value, True
    while isinstance(new, Secret):
        new, secret = new.value, False
    return old, new, secret


def _marked(value: Any, secret: bool) -> Any:
    return Secret(value) if secret and not isinstance(value, Secret) else value
