"""The stories, whose results must be the same on both engines."""

from __future__ import annotations

import json

from parity import Command, Story

_DRIFT = {
    "upd": {"size": 99},
    "same": "gone",
    "dbr": "gone",
    "box-toy": {"out": "drifted"},
}


_ON = ("--skip-preview", "--continue-on-error")
_URN = "urn:pulumi:dev::toys::"


def _toys(flag: str, *names: str) -> tuple[str, ...]:
    """A flag for each toy: ``--target URN``."""
    urns = (f"{_URN}pulumi-python:dynamic/toys:Toy::{name}" for name in names)
    return tuple(part for urn in urns for part in (flag, urn))


def _stage(number: int) -> dict[str, str]:
    return {"toys:stage": str(number)}


def _what(name: str) -> dict[str, str]:
    return {"toys:what": name}


STORIES = [
    Story(
        "life",
        "life",
        [
            Command("preview", config=_stage(1)),
            Command("up", ("--skip-preview",)),
            Command("preview", config=_stage(2)),
            Command("up", ("--skip-preview",)),
            Command("refresh", ("--skip-preview",), env={"TOYS_DRIFT": json.dumps(_DRIFT)}),
            Command("up", ("--skip-preview",), config=_stage(3)),
            Command("destroy", ("--skip-preview",)),
        ],
    ),
    Story(
        "trouble",
        "trouble",
        [
            Command("up", ("--skip-preview",)),
            Command(
                "preview",
                config=_what("check"),
                says=("property bad value {it is bad} has a problem: it is bad",),
            ),
            Command("up", ("--skip-preview",), _what("create"), says=("no create today",)),
            Command("up", ("--skip-preview",), _what("exception"), says=("ZeroDivisionError",)),
            Command(
                "up",
                ("--skip-preview",),
                _what("run-error"),
                says=("error: out of beside 1: that is too much",),
            ),
            Command("up", ("--skip-preview",), _what("before"), says=("the hook says no",)),
            Command("up", ("--skip-preview",), _what("after"), says=("the hook says no",)),
            Command("up", (), _what("protected"), says=("marked for protection",)),
            Command("destroy", ("--skip-preview",), says=("it is protected",)),
            Command("up", ("--skip-preview",), _what("leave")),
            Command("up", ("--skip-preview",), _what("left"), says=("no delete today",)),
        ],
    ),
    Story(
        "saved",
        "saved",
        [
            Command("preview", config=_stage(1)),
            Command("up", ("--skip-preview",)),
            Command("preview"),
            Command("up", ("--skip-preview",), _stage(2)),
            Command("up", ("--skip-preview",), _stage(3), says=("no update today",)),
            Command("up", ("--skip-preview",), {**_stage(4), "toys:other": "nowhere"}),
        ],
    ),
    Story(
        "targets",
        "targets",
        [
            Command("up", ("--skip-preview",), _stage(1)),
            Command("preview", _toys("--target", "a"), _stage(2)),
            Command("up", ("--skip-preview", *_toys("--target", "a"))),
            Command(
                "up",
                ("--skip-preview", *_toys("--target", "c", "new-user")),
                _what("stuck"),
                says=("which was was not specified in --target list",),
            ),
            Command("preview", _toys("--target", "c", "new-user")),
            Command("up", ("--skip-preview", *_toys("--target", "c", "new", "new-user"))),
            Command(
                "up",
                ("--skip-preview", *_toys("--target", "nowhere")),
                says=("could not be found in the stack",),
            ),
            Command("up", ("--skip-preview", *_toys("--replace", "b"))),
            Command("preview", _toys("--replace", "a")),
            Command(
                "up",
                (
                    "--skip-preview",
                    *_toys("--target", "protected"),
                    *_toys("--replace", "protected"),
                ),
                says=("marked for protection",),
            ),
            Command(
                "up",
                ("--skip-preview", *_toys("--target", "c"), *_toys("--replace", "c")),
                _what("free"),
                says=("no delete today",),
            ),
            Command(
                "up",
                ("--skip-preview", *_toys("--target", "gone")),
                _stage(3),
                says=("will be destroyed but was not specified in --target list",),
            ),
            Command("preview", _toys("--target", "gone")),
            Command("up", ("--skip-preview", *_toys("--target", "gone", "gone-user"))),
            Command("up", (*_ON, "--target", "**:Toy::*")),
            Command(
                "refresh",
                ("--skip-preview", *_toys("--target", "a")),
                env={"TOYS_DRIFT": json.dumps({"a": {"size": 9}, "b": {"size": 9}})},
            ),
            Command(
                "up",
                ("--skip-preview", "--refresh", *_toys("--target", "b", "new")),
                _stage(2),
                env={"TOYS_DRIFT": json.dumps({"b": {"size": 9}, "new": "gone", "c": "gone"})},
            ),
            Command("preview", ("--refresh", *_toys("--target", "explicit")), _stage(3)),
            Command(
                "destroy",
                ("--skip-preview", *_toys("--target", "a")),
                says=("will be destroyed but was not specified in --target list",),
            ),
            Command("destroy", ("--skip-preview", "--target-dependents", *_toys("--target", "a"))),
            Command(
                "destroy",
                (*_ON, *_toys("--target", "protected", "c")),
                says=("it is protected", "no delete today"),
            ),
        ],
    ),
    Story(
        "going_on",
        "going_on",
        [
            Command("up", _ON, _stage(1)),
            Command("up", _ON, _stage(3)),
            Command("up", _ON, _stage(2)),
            Command("up", _ON, _stage(1)),
            Command("preview", (), _stage(3)),
            Command("destroy", _ON),
        ],
    ),
    Story(
        "replacing",
        "replacing",
        [
            Command("up", _ON, {**_stage(1), **_what("keep")}),
            Command("up", _ON, _stage(2)),
            Command("preview", ("--refresh",)),
            Command("up", (*_ON, "--refresh"), _what("half")),
            Command("up", _ON, {**_stage(3), **_what("half")}),
            Command("refresh", ("--skip-preview",), env={"TOYS_DRIFT": '{"before": "gone"}'}),
            Command("up", _ON, _what("")),
            Command("up", _ON, {**_stage(4), **_what("half")}),
            Command("up", _ON, _what("without")),
            Command("destroy", (*_ON, "--refresh")),
        ],
    ),
]
