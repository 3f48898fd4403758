"""Sequences of commands on toy programs, for the real engine and for its model.

A program is plain data, because both the real engine (`record.py`) and the model run it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Toys = list[dict[str, Any]]


@dataclass(frozen=True)
class Command:
    """One command. `program` is the program that it runs, if any."""

    operation: str  # up, preview, refresh or destroy
    program: Toys = field(default_factory=list)
    #: Flags as `pulumi` takes them. `target` and `replace` name a resource: NAME or BOX/NAME.
    flags: tuple[str, ...] = ()
    #: What `read` finds: "gone", or changed properties.
    drift: dict[str, Any] = field(default_factory=dict)
    #: The stack's setting of that name, which the default provider gets.
    mark: str = "stack"
    #: Kill or interrupt the engine while the resource is in the operation: ("a", "create").
    kill: tuple[str, str] | None = None
    interrupt: tuple[str, str] | None = None


@dataclass(frozen=True)
class Sequence:
    name: str
    commands: list[Command]


def toy(name: str, **given: Any) -> dict[str, Any]:
    """A resource. Names of options start with an underscore: `_protect=True`. The rest are
    properties.

    Options: `_after` (depends on these), `_refs` (inputs that are the `out` of others), `_parent`,
    `_provider`, `_protect`, `_retain`, `_ignore`, `_aliases`, `_dbr`, `_hooks` (a hook registers
    that component's outputs before the step).
    """
    return {"name": name, **given}


def box(name: str, **given: Any) -> dict[str, Any]:
    """A component. Only hooks of other resources register its outputs."""
    return {"name": name, "_component": True, **given}


def team(name: str, mark: str, **given: Any) -> dict[str, Any]:
    """An explicit provider."""
    return {"name": name, "_is_provider": True, "mark": mark, **given}


def reads_state() -> dict[str, Any]:
    """The program reads the saved outputs of its stack at this point."""
    return {"name": "", "_reads_state": True}


def _up(program: Toys, *flags: str, **more: Any) -> Command:
    return Command("up", program, ("skip-preview", *flags), **more)


_PAIR = [toy("a", size=1, hidden=1), toy("b", _after=["a"], size=1, hidden=1)]
_OTHER = [toy("a", size=2, hidden=2), toy("b", _after=["a"], size=1, hidden=2)]

SEQUENCES = [
    Sequence(
        "life",
        [
            Command("preview", _PAIR),
            Command("up", _PAIR),
            Command("up", _OTHER),
            _up([toy("b", size=1, hidden=3)]),
            _up([toy("b", size=1, hidden=4)]),
            Command("destroy", flags=("skip-preview",)),
        ],
    ),
    Sequence(
        "replace",
        [
            _up([toy("a", kind=1), toy("b", _after=["a"], _refs={"given": "a"})]),
            _up([toy("a", kind=2), toy("b", _after=["a"], _refs={"given": "a"})]),
            Command("preview", [toy("a", kind=3), toy("b", _refs={"given": "a"})]),
        ],
    ),
    Sequence(
        "replace fails",
        [
            _up([toy("a", kind=1), toy("b", _after=["a"])]),
            _up([toy("a", kind=2, fail=["create"]), toy("b", _after=["a"])]),
            _up([toy("a", kind=2), toy("b", _after=["a"])]),
        ],
    ),
    Sequence(
        "delete before replace",
        [
            _up([toy("a", kind=1), toy("b", _after=["a"], size=1)]),
            _up([toy("a", kind=2, dbr=True), toy("b", _after=["a"], size=2)]),
            _up([toy("a", kind=3, _dbr=False, dbr=True, fail=["create"])]),
            _up([toy("a", kind=4, _dbr=True, fail=["create"])]),
            _up([toy("a", kind=4, _dbr=True)]),
            _up([toy("a", kind=5, _dbr=True, fail=["create"])]),
            _up([]),
        ],
    ),
    Sequence(
        "refresh",
        [
            _up([*_PAIR, toy("c", _after=["b"], size=1)]),
            Command("refresh", flags=("skip-preview",), drift={"a": {"size": 5}, "c": "gone"}),
            Command("refresh", drift={"b": {"size": 6}}),
            Command("preview", _PAIR),
            _up(_PAIR),
        ],
    ),
    Sequence(
        "refresh fails",
        [
            _up([toy("a", size=1, fail=["read"]), toy("b", _after=["a"], size=1)]),
            Command("refresh", flags=("skip-preview",), drift={"b": {"size": 6}}),
            _up([toy("a", size=2), toy("b", _after=["a"], size=1)], "refresh"),
        ],
    ),
    Sequence(
        "up with refresh",
        [
            _up([*_PAIR, toy("c", _after=["b"], size=1)]),
            Command(
                "up",
                [reads_state(), toy("a", size=2), toy("c", _after=["a"], size=1)],
                ("refresh",),
                drift={"a": {"size": 7}, "b": {"size": 8}, "c": "gone"},
            ),
            Command("preview", [reads_state(), *_PAIR], ("refresh",), drift={"a": "gone"}),
            Command("destroy", flags=("skip-preview", "refresh"), drift={"a": {"size": 9}}),
        ],
    ),
    Sequence(
        "target",
        [
            _up(_PAIR),
            _up(
                [*_OTHER, toy("new", _after=["b"]), toy("next", _after=["new"])],
                *("target=a", "target=new"),
            ),
            _up([toy("b", size=3)], "target=b"),
            _up([toy("b", size=4)], "target=a"),
            Command("destroy", flags=("skip-preview", "target=new")),
            Command("refresh", flags=("skip-preview", "target=b"), drift={"b": {"size": 9}}),
            _up([toy("b", size=4), toy("y"), toy("z", _after=["y", "b"])], "target=z"),
            _up([toy("b", size=4), toy("y"), toy("z", _after=["y"])], "target=y", "target=z"),
        ],
    ),
    Sequence(
        "replace flag",
        [
            _up(_PAIR),
            _up(_OTHER, "replace=a"),
            _up(_OTHER, "replace=b"),
            Command("up", _PAIR, ("target-replace=a",)),
        ],
    ),
    Sequence(
        "replace flag of a new resource",
        [
            _up([toy("a", size=1, hidden=1)]),
            _up(_PAIR, "replace=b"),
            _up(_PAIR),
        ],
    ),
    Sequence(
        "continue on error",
        [
            _up([toy("a", size=1), toy("b", _after=["a"], size=1), toy("old", _after=["b"])]),
            _up(
                [
                    toy("a", size=2, fail=["update"]),
                    toy("b", _after=["a"], size=2),
                    toy("new", size=1, fail=["create"]),
                    toy("next", _after=["new"], size=1),
                    toy("uses", _refs={"given": "new"}),
                    toy("beside", size=1),
                ],
                "continue-on-error",
            ),
            _up([toy("a", size=3)], "continue-on-error"),
        ],
    ),
    Sequence(
        "one fails",
        [
            _up([toy("a", size=1), toy("gone", _after=["a"])]),
            _up(
                [
                    toy("a", size=1),
                    toy("b", _after=["a"], fail=["create"]),
                    toy("c", _after=["b"]),
                ]
            ),
            _up([toy("a", size=1, bad="it is bad"), toy("b", _after=["a"])]),
            Command("preview", [toy("a", size=1), toy("b", _after=["a"], bad="it is bad")]),
        ],
    ),
    Sequence(
        "deletion fails",
        [
            _up([toy("a", kind=1, fail=["delete"]), toy("b", _after=["a"], fail=["delete"])]),
            _up([toy("a", kind=2), toy("b", _after=["a"], fail=["delete"])]),
            _up([toy("a", kind=2)]),
            Command("destroy", flags=("skip-preview",)),
        ],
    ),
    Sequence(
        "killed in a create",
        [
            _up([toy("a", size=1)]),
            _up([toy("a", size=2), toy("b", _after=["a"], slow=True)], kill=("b", "create")),
            Command("refresh", flags=("skip-preview",)),
            _up([toy("a", size=2), toy("b", _after=["a"])]),
        ],
    ),
    Sequence(
        "killed in a replacement",
        [
            _up([toy("a", kind=1, slow_delete=True)]),
            _up([toy("a", kind=2)], kill=("a", "delete")),
            Command("preview", [toy("a", kind=2)]),
            Command("refresh", flags=("skip-preview",), drift={"a": {"size": 3}}),
            _up([toy("a", kind=2, size=3)]),
            _up([toy("a", kind=3, slow=True)], kill=("a", "create")),
            _up([toy("a", kind=3)], "target=a"),
        ],
    ),
    Sequence(
        "killed in an update",
        [
            _up([toy("a", size=1)]),
            _up([toy("a", size=2, slow=True)], kill=("a", "update")),
            _up([toy("a", size=1)]),
        ],
    ),
    Sequence(
        "interrupted",
        [
            _up([toy("a", size=1), toy("old")]),
            _up(
                [toy("a", size=1), toy("b", _after=["a"], slow=True), toy("c", _after=["b"])],
                interrupt=("b", "create"),
            ),
            Command("destroy", flags=("skip-preview",)),
        ],
    ),
    Sequence(
        "alias",
        [
            _up([toy("a", size=1), toy("b", _after=["a"], size=1)]),
            _up([toy("new", _aliases=["a"], size=1), toy("b", _after=["new"], size=1)]),
            _up([toy("newer", _aliases=["new"], size=2), toy("b", size=2, _aliases=["c"])]),
            _up([box("box"), toy("b", _parent="box", _aliases=["b"], size=2)]),
            _up([box("box2", _aliases=["box"]), toy("b", _parent="box2", size=2)]),
        ],
    ),
    Sequence(
        "alias interrupted",
        [
            _up([box("box"), toy("box-toy", _parent="box", size=1)]),
            _up(
                [
                    box("box2", _aliases=["box"]),
                    toy("slow", slow=True),
                    toy("box2-toy", _parent="box2", _after=["slow"], size=1),
                ],
                interrupt=("slow", "create"),
            ),
            _up([box("box2", _aliases=["box"]), toy("box2-toy", _parent="box2", size=1)]),
        ],
    ),
    Sequence(
        "ignore all changes",
        [
            _up([toy("a", size=1, hidden=1)]),
            _up([toy("a", size=2, hidden=2, _ignore=["*"])]),
            _up([toy("a", size=2, hidden=2, _ignore=["*"], kind=2)]),
            _up([toy("a", size=3, hidden=3)]),
        ],
    ),
    Sequence(
        "retain",
        [
            _up([toy("a", kind=1, _retain=True), toy("b", _after=["a"], _retain=True)]),
            _up([toy("a", kind=2, _retain=True), toy("b", _after=["a"])]),
            _up([toy("a", kind=2, _retain=True)]),
            _up([]),
        ],
    ),
    Sequence(
        "protect",
        [
            _up([toy("a", kind=1, _protect=True), toy("b", _after=["a"], _protect=True)]),
            _up([toy("a", kind=2, _protect=True), toy("b", _after=["a"], _protect=True)]),
            Command("preview", [toy("a", kind=2, _protect=True)]),
            _up([toy("a", kind=1, _protect=True), toy("c", _after=["a"])]),
            _up([toy("a", kind=2), toy("c", _after=["a"])]),
            Command("destroy", flags=("skip-preview",)),
            _up([toy("a", kind=2), toy("b", _after=["a"])]),
        ],
    ),
    Sequence(
        "providers",
        [
            _up([team("one", "one"), team("two", "two"), toy("a", _provider="one", size=1)]),
            _up([team("one", "one"), team("two", "two"), toy("a", _provider="two", size=1)]),
            _up([team("one", "one"), toy("a", size=2)]),
            _up([toy("a", size=3)], mark="another"),
            Command("refresh", flags=("skip-preview",), mark="a third"),
            Command("destroy", flags=("skip-preview",), mark="a third"),
        ],
    ),
    Sequence(
        "configuration",
        [
            _up([toy("a", size=1)]),
            _up([toy("a", size=1)], mark="wrong"),
            Command("refresh", flags=("skip-preview",)),
            Command("preview", [toy("a", size=1)], mark="third"),
            _up([toy("a", size=1, bad="it is bad")], mark="third"),
            Command("refresh", flags=("skip-preview",)),
        ],
    ),
    Sequence(
        "hooks",
        [
            _up([reads_state(), box("mark"), toy("a", _hooks="mark", size=1)]),
            _up(
                [
                    reads_state(),
                    box("mark"),
                    toy("a", _hooks="mark", size=2),
                    toy("b", _after=["a"], _hooks="mark", size=1),
                    toy("c", _after=["b"], size=1, fail=["create"]),
                ]
            ),
            _up([reads_state(), box("mark"), toy("a", _hooks="mark", size=2)]),
            _up(
                [reads_state(), box("mark"), toy("a", _hooks="mark", size=3, slow=True)],
                kill=("a", "update"),
            ),
            Command("preview", [reads_state(), box("mark"), toy("a", _hooks="mark", size=4)]),
            _up([reads_state(), box("mark"), toy("a", _hooks="mark", size=3)]),
        ],
    ),
    Sequence(
        "components",
        [
            _up([box("box"), toy("a", _parent="box", size=1), toy("b", _after=["box"])]),
            _up([box("box"), toy("a", _parent="box", size=2), toy("b", _after=["a"])]),
            _up([box("box"), toy("a", _parent="box", size=3)], "target=box/a"),
            _up([]),
        ],
    ),
]
