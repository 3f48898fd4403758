"""Property values and their differences as lines of text."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import unified_diff
from typing import Any

from pulumi_standin.values import UNKNOWN, Props, Secret, deep_equals

# (text, style)
Line = tuple[str, str]
_STYLES = {"+": "green", "-": "red", "~": "yellow", " ": ""}


def shown(props: Props) -> Props:
    """The properties without the engine's internal keys."""
    return {key: value for key, value in props.items() if not key.startswith("__")}


def one_line(value: Any) -> str:
    """A value on one line, with secrets and unknowns in Pulumi's form."""
    kind = type(value)
    if kind is Secret:
        return "[secret]"
    if value is UNKNOWN:
        return "[unknown]"
    if kind is dict:
        return f"{{{', '.join(f'{key}: {one_line(item)}' for key, item in value.items())}}}"
    if kind is list:
        return f"[{', '.join(map(one_line, value))}]"
    if kind in (str, int, float, bool, type(None)):
        return json.dumps(value, ensure_ascii=False)
    return str(value.urn)


def whole(sign: str, key: str, value: Any, indent: int) -> Iterator[Line]:
    """A value in full. Maps have several lines."""
    pad, style = " " * indent, _STYLES[sign]
    if type(value) is dict and value:
        yield f"{pad}{sign} {key}: {{", style
        width = max(map(len, value))
        for inner in sorted(value):
            yield from whole(sign, inner.ljust(width), value[inner], indent + 4)
        yield f"{pad}  }}", style
    else:
        yield f"{pad}{sign} {key}: {one_line(value)}", style


def difference(old: Props, new: Props, indent: int, *, all_keys: bool = False) -> Iterator[Line]:
    """The differences of two property maps, nested. `all_keys` includes equal values."""
    keys = sorted(old.keys() | new.keys())
    if not all_keys:
        keys = [k for k in keys if not (k in old and k in new and deep_equals(old[k], new[k]))]
    width = max(map(len, keys), default=0)
    for key in keys:
        name = key.ljust(width)
        if key not in old:
            yield from whole("+", name, new[key], indent)
        elif key not in new:
            yield from whole("-", name, old[key], indent)
        elif all_keys and deep_equals(old[key], new[key]):
            yield from whole(" ", name, new[key], indent)
        elif type(old[key]) is dict and type(new[key]) is dict:
            yield f"{' ' * indent}~ {name}: {{", "yellow"
            yield from difference(old[key], new[key], indent + 4)
            yield f"{' ' * indent}  }}", "yellow"
        elif _is_text(old[key]) and _is_text(new[key]):
            yield f"{' ' * indent}~ {name}:", "yellow"
            yield from _lines_apart(old[key], new[key], indent + 4)
        else:
            change = f"{one_line(old[key])} => {one_line(new[key])}"
            yield f"{' ' * indent}~ {name}: {change}", "yellow"


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\n" in value


def _lines_apart(old: str, new: str, indent: int) -> Iterator[Line]:
    """The lines that differ, with two lines around each."""
    for line in list(unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=2))[2:]:
        said = "..." if line[0] == "@" else f"{line[0]} {one_line(line[1:])[1:-1]}"
        yield f"{' ' * indent}{said}", _STYLES.get(line[0], "")


def changed_keys(old: Props, new: Props) -> str:
    """``+added,-removed,~changed``, like the CLI shows it beside a step. Changed secrets are
    omitted.
    """
    parts: dict[str, list[str]] = {"+": [], "-": [], "~": []}
    for key in sorted(old.keys() | new.keys()):
        before, after = old.get(key), new.get(key)
        if type(before) is Secret and type(after) is Secret:
            continue
        if deep_equals(before, after):
            continue
        parts["+" if before is None else "-" if after is None else "~"].append(key)
    return ",".join(sign + ",".join(keys) for sign, keys in parts.items() if keys)
