"""The toy provider: the same rules for the recordings of the real engine and for its model.

It imports neither Pulumi nor this package, because the recorder copies it into another project.
These properties control it: `size` is changed in place, `kind` replaces, `dbr` requests the
deletion first, `fail` names operations that fail. `hidden` is an input that `check` drops, like the
hidden inputs of ChatDaddy's resources. `check` adds `serial` and keeps it if it gets the old
inputs, which shows whether it got them.
"""

from __future__ import annotations

from typing import Any

Props = dict[str, Any]

CHANGED_IN_PLACE = ("size", "given", "note")


class ToyFailure(Exception):
    """The failure that a toy was told to have."""


def check(olds: Props, news: Props) -> Props:
    """Return the checked inputs."""
    kept = {key: value for key, value in news.items() if key not in ("hidden", "serial")}
    return {**kept, "serial": olds.get("serial") or f"made for {news['name']} {news.get('kind')}"}


def failures(news: Props) -> list[tuple[str, str]]:
    """Return what `check` refuses, by property."""
    return [("bad", str(news["bad"]))] if news.get("bad") else []


def diff(olds: Props, news: Props) -> tuple[bool, list[str], bool]:
    """Return whether anything changes, what replaces, and whether the old one is deleted first."""
    replaces = ["kind"] if olds.get("kind") != news.get("kind") else []
    in_place = any(olds.get(key) != news.get(key) for key in CHANGED_IN_PLACE)
    return bool(replaces or in_place), replaces, bool(news.get("dbr"))


def create(news: Props) -> tuple[str, Props]:
    """Return the ID and the outputs."""
    fail("create", news)
    return f"{news['name']}-{news.get('kind')}", {**news, "out": f"{news['name']} is made"}


def update(news: Props) -> Props:
    fail("update", news)
    return {**news, "out": f"{news['name']} of size {news.get('size')}"}


def read(identifier: str, outputs: Props, drift: Any) -> tuple[str, Props, Props | None]:
    """Return the ID (empty if it is gone), the outputs and the inputs."""
    fail("read", outputs)
    if drift == "gone":
        return "", {}, None
    now = {**outputs, **(drift or {})}
    return identifier, now, {key: value for key, value in now.items() if key != "out"}


def delete(outputs: Props) -> None:
    fail("delete", outputs)


def fail(operation: str, props: Props) -> None:
    if operation in (props.get("fail") or []):
        raise ToyFailure(f"{operation} fails")
