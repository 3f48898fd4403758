"""The stories that both engines must tell alike."""

from __future__ import annotations

import json

from parity import Command, Story

_DRIFT = {
    "upd": {"size": 99},
    "same": "gone",
    "dbr": "gone",
    "box-toy": {"out": "drifted"},
}


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
]
