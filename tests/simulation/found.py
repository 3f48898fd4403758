"""Histories that once broke a rule, after shrinking. Each must play without a violation.

They are written out, because a seed makes another history if `history.py` changes.
"""

from __future__ import annotations

from typing import Any

from tests.simulation.api import CALM, UNLIMITED, Faults
from tests.simulation.history import (
    COLLEAGUE,
    OTHER_TEAM,
    TEAM,
    TOKEN,
    EditStep,
    GoBackStep,
    HandStep,
    History,
    RunStep,
    SettingStep,
    Step,
    Stop,
    WaitStep,
)
from tests.simulation.program import Block, Change, Entry, ProviderBlock

PURCHASE = "POST /im/accounts"


def _entry(uid: int, **said: Any) -> Entry:
    return Entry(uid, **said)


def _fleet(name: str, *, options: dict[str, Any] | None = None, **entries: Entry) -> Change:
    return Change("declare", (Block("fleet", name, entries, **(options or {})),))


def _account(name: str, entry: Entry, **options: Any) -> Change:
    return Change("declare", (Block("account", name, {"": entry}, **options),))


def _edit(*changes: Change, stack: str = "dev") -> EditStep:
    return EditStep(stack, changes)


def _drop(name: str) -> EditStep:
    return _edit(Change("drop block", (name,)))


def _set(name: str, key: str, what: str, value: Any) -> EditStep:
    return _edit(Change("set", (name, key, what, value)))


def _renamed(old: str, new: str, *, says_so: bool) -> EditStep:
    return _edit(Change("rename block", (old, new, says_so, 900)))


def _moved(name: str, key: str, to: str, new_key: str = "") -> EditStep:
    return _edit(Change("move", (name, key, to, new_key)))


def _exchange(*names: str) -> EditStep:
    """The entry "k0" of "fleet0" moves to the next fleet, and so on. An account is bought, too."""
    moves = [
        Change("move", (name, name.replace("fleet", "k"), to, f"m{name}"))
        for name, to in zip(names, (*names[1:], names[0]), strict=True)
    ]
    return _edit(*moves, _account("more", _entry(9)))


def _run(operation: Any = "up", *, stack: str = "dev", **more: Any) -> RunStep:
    return RunStep(stack, 7, operation, **{"skip_preview": True, **more})


def _up(faults: Faults = CALM, *, stack: str = "dev") -> RunStep:
    return _run(stack=stack, faults=faults)


def _refresh(faults: Faults = CALM) -> RunStep:
    return _run("refresh", faults=faults)


def _killed(calls: int, seconds: float, faults: Faults = CALM) -> RunStep:
    """The run is killed so many seconds after it sent the purchase with that number."""
    return _run(stop=Stop("kill", calls, seconds, PURCHASE), faults=faults)


def _by_hand(what: Any, whom: int | str, **more: Any) -> HandStep:
    return HandStep(what, whom, 7, "dev", **more)


def _history(*steps: Step) -> History:
    return History(
        seed=1,
        in_environment=False,
        page_base=0,
        page=100,
        settings_merge=True,
        tells_gone=True,
        steps=steps,
    )


def _deletions_not_reported(*steps: Step) -> History:
    """ChatDaddy's answers do not state which accounts are gone."""
    return _history(*steps).but(tells_gone=False)


#: The preview and the update.
_PREVIEWED = _run(skip_preview=False)


def _on(machine: str) -> RunStep:
    """The preview and the update, on this machine."""
    return _run(machine=machine, skip_preview=False)


#: A purchase that is executed minutes after its caller stopped waiting.
_SLOW = Faults(slow=1.0, slow_s=400.0)
#: Facts that are null in every answer.
_NULLS = Faults(null_facts=0.7)

#: After a rename without aliases and a failure, two fleets list k1, and one of them retains it.
_IN_TWO_FLEETS: tuple[Step, ...] = (
    _edit(_fleet("fleet0", k1=_entry(1), k3=_entry(2)), _fleet("fleet1", k3=_entry(3))),
    _up(),
    _edit(
        Change("rename block", ("fleet0", "fleet19", False, 10)),
        Change("option", ("fleet19", "on_delete", "retain")),
    ),
    _up(),
)

#: An explicit provider of the same team.
_PROVIDER = Change("provider", (ProviderBlock("us", TEAM, TOKEN),))

#: Killed after the purchases. A destroy on another machine removes the begun mark, and not all.
_DESTROYED_IN_PART: tuple[Step, ...] = (
    _edit(
        _fleet("fleet0", options={"protect": True}),
        _fleet("fleet1", k0=_entry(1, existing="allow")),
        _account("acct1", _entry(2, existing="allow")),
    ),
    _run(stop=Stop("kill", 7, 0.05)),
    _run("destroy", machine="m2"),
)

FOUND: dict[str, History] = {
    "two providers are given one account after slow purchases": _history(
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            _account("acct0", _entry(1, nickname="ida", existing="allow"), provider="us"),
            _account("acct1", _entry(2, nickname="ida", existing="allow")),
        ),
        _up(Faults(slow=1.0, slow_s=100.0)),
        WaitStep(60.0),
        _up(),
        WaitStep(4000.0),
        _up(),
    ),
    "an intent does not name what another provider's entry takes over": _history(
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            _account("acct0", _entry(1), provider="us"),
            _account("acct1", _entry(2)),
        ),
        _run(targets=("acct0",)),
        _up(Faults(slow=1.0)),
        WaitStep(400.0),
        _up(),
    ),
    "ten accounts at once, with eight workers in the engine": _history(
        _edit(*(_account(f"acct{number}", _entry(number)) for number in range(10))),
        _PREVIEWED,
    ),
    "missing facts are not drift": _history(
        _edit(
            _account("acct0", _entry(1, tier=UNLIMITED)),
            _fleet("fleet0", k0=_entry(2), k1=_entry(3), k2=_entry(4)),
        ),
        _up(),
        _refresh(_NULLS),
        _refresh(),
        _up(),
    ),
    "an entry moves while facts are missing": _history(
        _edit(_fleet("fleet0", k0=_entry(1), k1=_entry(2, tier=UNLIMITED), k2=_entry(3))),
        _up(),
        _run(refresh=True, faults=_NULLS),
        _moved("fleet0", "k1", "acct39"),
        _up(),
    ),
    "a replaced account waits for the new one, whose purchase had no answer": _history(
        _edit(_account("acct1", _entry(1, type="instagram", on_delete="archive"))),
        _up(),
        _set("acct1", "", "type", "wa"),
        _up(_SLOW),
        _run(continue_on_error=True),
    ),
    "a removed fleet is recognised by its accounts": _history(
        _edit(_account("acct0", _entry(1)), _fleet("fleet0", k0=_entry(2))),
        _up(),
        _drop("fleet0"),
        _PREVIEWED,
    ),
    "a name is used again": _history(
        _edit(_account("acct0", _entry(1, nickname="Gül"))),
        _up(),
        _renamed("acct0", "acct34", says_so=False),
        _up(),
        _edit(_account("acct0", _entry(2, tier=UNLIMITED))),
        _up(),
    ),
    "a name is used again, with another type": _history(
        _edit(_account("acct0", _entry(1, type="instagram")), _fleet("fleet0")),
        _up(),
        _drop("acct0"),
        _up(),
        _edit(_account("acct0", _entry(2))),
        _run(targets=("acct0",)),
        _up(),
    ),
    "a purchase of another stack is not taken for an interrupted run's": _history(
        _edit(_fleet("fleet0", k1=_entry(1, tier=UNLIMITED))),
        _up(),
        GoBackStep("dev", 1),
        _up(),
        _edit(_fleet("fleet0", k1=_entry(2, tier=UNLIMITED)), stack="prod"),
        _up(stack="prod"),
        GoBackStep("dev", 1),
        _up(),
    ),
    "a nickname changes while its order is open": _history(
        _edit(_fleet("fleet0", k1=_entry(1))),
        _up(_SLOW),
        _set("fleet0", "k1", "nickname", "Alice"),
        _up(),
        _PREVIEWED,
        WaitStep(4000.0),
        _PREVIEWED,
    ),
    "a type changes while its order is open": _history(
        _edit(_account("acct1", _entry(1))),
        _up(Faults(lost_before=1.0)),
        _set("acct1", "", "type", "instagram"),
        WaitStep(4000.0),
        _up(),
    ),
    "an entry moves while its order is open": _history(
        _edit(_fleet("fleet0", k1=_entry(1))),
        _up(_SLOW),
        GoBackStep("dev", 1),
        _edit(_fleet("fleet1", k1=_entry(2))),
        _up(),
        _up(),
    ),
    "an entry is removed and added again while its order is open": _history(
        _edit(_fleet("fleet0")),
        _edit(Change("add", ("fleet0", "k3", _entry(1)))),
        _up(_SLOW),
        GoBackStep("dev", 1),
        _up(),
        GoBackStep("dev", 1),
        _up(),
    ),
    "a fleet is renamed while an order is open": _history(
        _edit(_fleet("fleet0", k0=_entry(1))),
        _up(_SLOW),
        _renamed("fleet0", "fleet70", says_so=True),
        _up(),
    ),
    "the targets exclude the intent while an order is open": _history(
        _edit(_fleet("fleet0", k2=_entry(1)), _account("acct1", _entry(2))),
        _up(_SLOW),
        _run(targets=("acct1", "fleet0")),
        _up(),
    ),
    "killed during a slow purchase": _history(
        _edit(_fleet("fleet0", k7=_entry(1))),
        _killed(1, 0.05, _SLOW),
        _up(),
        WaitStep(600.0),
        _up(),
    ),
    "killed, then a listing omits what a search finds": _history(
        _edit(_fleet("fleet0", k3=_entry(1)), _account("acct1", _entry(2, nickname="Emil "))),
        _killed(1, 0.04),
        _up(Faults(short=3, short_honest=True)),
    ),
    "killed, then facts are missing": _history(
        _edit(_fleet("fleet0", k3=_entry(1), k4=_entry(2)), _account("acct0", _entry(3))),
        _killed(1, 0.06),
        _up(_NULLS),
        _up(),
    ),
    "every run names what an interrupted run may have bought": _history(
        _edit(_fleet("fleet0", k0=_entry(1)), _account("acct0", _entry(2))),
        _killed(2, 0.06),
        _edit(Change("drop", ("fleet0", "k0"))),
        _up(),
        _up(),
    ),
    "a move after the account was renamed by hand": _history(
        _edit(_fleet("fleet40", k3=_entry(4))),
        _up(),
        _moved("fleet40", "k3", "acct34"),
        _by_hand("rename", 4, nickname="Chloé"),
        _refresh(),
        _up(),
    ),
    "a fleet is renamed after an account was renamed by hand": _history(
        _edit(_fleet("fleet5", k0=_entry(2, tier=UNLIMITED))),
        _up(),
        _by_hand("rename", 2, nickname="Bo\u0308b"),
        _refresh(),
        _renamed("fleet5", "fleet51", says_so=False),
        _up(),
    ),
    "a resource is renamed and replaced": _history(
        _edit(_account("acct0", _entry(1, nickname="Alice"))),
        _up(),
        _renamed("acct0", "acct77", says_so=True),
        _run(replaces=("acct77",)),
    ),
    "a fleet with retain replaces an account": _history(
        _edit(_fleet("fleet0", options={"retain": True}, k0=_entry(1))),
        _up(),
        _set("fleet0", "k0", "type", "mail"),
        _up(),
    ),
    "two types have one nickname": _history(
        _edit(_fleet("fleet0", k1=_entry(1)), _fleet("fleet1", k1=_entry(2, type="instagram"))),
        _PREVIEWED,
    ),
    "all changes are ignored after a change by hand": _history(
        _edit(_fleet("fleet0", options={"ignore_changes": True}, k2=_entry(3))),
        _up(),
        _by_hand("tier", 3, tier=UNLIMITED),
        _refresh(),
        _up(),
    ),
    "another team, and a renamed resource": _history(
        _edit(_account("acct0", _entry(1, nickname="Alice", tier=UNLIMITED))),
        _up(),
        _renamed("acct0", "acct49", says_so=True),
        SettingStep("dev", team=OTHER_TEAM),
        _run("preview", skip_preview=False),
        SettingStep("dev", team=TEAM, token=TOKEN),
        _up(),
    ),
    "a colleague buys what an interrupted run did not": _history(
        _edit(_fleet("fleet0", k0=_entry(1, existing="allow"))),
        _run(stop=Stop("kill", 3, 0.02), machine="another machine"),
        _by_hand("buy", "hand0", nickname="k0", user=COLLEAGUE),
        _up(),
    ),
    "an entry moves to a fleet in which its old key belongs to another entry": _history(
        _edit(
            _fleet("fleet0", k0=_entry(1, nickname="Jörg"), k1=_entry(2)),
            _fleet("fleet1", k0=_entry(3)),
        ),
        _up(),
        _edit(Change("move", ("fleet1", "k0", "fleet0", "m0")), Change("drop", ("fleet0", "k1"))),
        _up(),
    ),
    "killed, then the type changes": _history(
        _edit(_fleet("fleet0", k1=_entry(1), k2=_entry(2))),
        _killed(1, 0.05),
        _set("fleet0", "k1", "type", "instagram"),
        _up(),
    ),
    "killed, then a target excludes the intent": _history(
        _edit(_account("acct0", _entry(1, existing="allow")), _account("acct1", _entry(2))),
        _killed(1, 0.04),
        _run(targets=("acct0",)),
        _up(),
    ),
    "killed in a replacement, then the new account is taken over": _history(
        _edit(_account("acct0", _entry(1)), _fleet("fleet0", k0=_entry(2), k1=_entry(3))),
        _up(),
        _edit(
            Change("set", ("acct0", "", "type", "instagram")),
            Change("set", ("fleet0", "k0", "type", "instagram")),
        ),
        _killed(2, 0.055),
        _PREVIEWED,
    ),
    "two entries have one nickname, and one is removed after a kill": _history(
        _edit(
            _fleet(
                "fleet0",
                k0=_entry(1, nickname="Alice", existing="allow"),
                k1=_entry(2, nickname="Alice", existing="allow"),
            )
        ),
        _killed(2, 0.055),
        _edit(Change("drop", ("fleet0", "k0"))),
        _up(),
        _up(),
        WaitStep(4000.0),
        _up(),
    ),
    "archive an account that is already deleted": _history(
        _edit(_account("acct1", _entry(1, on_delete="archive"))),
        _up(),
        _by_hand("delete", 1),
        _refresh(),
        GoBackStep("dev", 1),
        _up(),
    ),
    "an account is gone, and its key is renamed": _history(
        _edit(_fleet("fleet1", k0=_entry(1, nickname="Alice"))),
        _up(),
        _by_hand("delete now", 1),
        WaitStep(90_000.0),
        _edit(Change("rename key", ("fleet1", "k0", "r86", False, 7))),
        _up(),
    ),
    "a fleet is replaced while listings lag": _history(
        _edit(_fleet("fleet0", k0=_entry(1))),
        _up(),
        _run(replaces=("fleet0",), faults=Faults(lag_s=300.0, lag_search=True)),
        WaitStep(600.0),
        _PREVIEWED,
    ),
    "the last account is removed while the team is wrong": _history(
        _edit(_account("acct1", _entry(1))),
        _up(),
        GoBackStep("dev", 1),
        _edit(_fleet("fleet2")),
        SettingStep("dev", team=OTHER_TEAM, token=TOKEN),
        _run("preview", skip_preview=False),
    ),
    "a fleet is renamed after a change by hand": _history(
        _edit(_fleet("fleet0", k0=_entry(1))),
        _up(),
        _by_hand("tier", 1, tier=UNLIMITED),
        _renamed("fleet0", "fleet14", says_so=True),
        _up(),
    ),
    "the rename of a fleet is interrupted": _history(
        _edit(_fleet("fleet0", k0=_entry(1), k1=_entry(2))),
        _up(),
        _renamed("fleet0", "fleet1", says_so=True),
        _run(stop=Stop("interrupt", 0, 0.0)),
        _up(),
    ),
    "a fleet is renamed after the rename of its children failed": _history(
        _edit(_account("acct0", _entry(1)), _fleet("fleet0", k0=_entry(2), k1=_entry(3))),
        _up(),
        _renamed("fleet0", "fleet1", says_so=True),
        _up(Faults(lost_before=1.0)),
        _up(),
    ),
    "an update with a refresh is the first to miss an account": _deletions_not_reported(
        _edit(_fleet("fleet0", k0=_entry(1), k1=_entry(2))),
        _up(),
        _by_hand("delete now", 1),
        WaitStep(90_000.0),
        _run(refresh=True),
        _up(),
    ),
    "another host refreshes and is the first to miss an account": _deletions_not_reported(
        _edit(_fleet("fleet1", k1=_entry(1))),
        _up(),
        _by_hand("delete now", 1),
        WaitStep(90_000.0),
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            Change("option", ("fleet1", "provider", "us")),
        ),
        _run(refresh=True),
    ),
    "an account is missing, and another is bought": _deletions_not_reported(
        _edit(_account("acct0", _entry(1))),
        _up(),
        _by_hand("delete now", 1),
        WaitStep(90_000.0),
        _refresh(),
        _PREVIEWED,
    ),
    "an account is missing, and somebody else has bought another": _deletions_not_reported(
        _edit(_account("acct1", _entry(1))),
        _up(),
        _by_hand("delete now", 1),
        WaitStep(90_000.0),
        _by_hand("buy", "hand0", nickname="acct1"),
        _refresh(),
        _up(),
    ),
    **{
        f"changes of {kind} are ignored after a killed replacement": _history(
            _edit(resource),
            _up(),
            _set("one", key, "type", "mail"),
            _run(stop=Stop("kill", 1, 0.05, "DELETE" if kind == "a fleet" else PURCHASE)),
            _edit(Change("option", ("one", "ignore_changes", True))),
            _up(),
        )
        for kind, key, resource in (
            ("a fleet", "k2", _fleet("one", k2=_entry(3))),
            ("an account", "", _account("one", _entry(1))),
        )
    },
    "a run is killed as it buys in place of a missing account": _deletions_not_reported(
        _edit(_account("acct0", _entry(1, existing="allow"))),
        _up(),
        _by_hand("delete now", 1),
        WaitStep(90_000.0),
        _refresh(),
        _killed(1, 0.05),
        WaitStep(4000.0),
        _run(machine="another machine"),
    ),
    "the answer of a replacement is lost, and nothing was bought": _history(
        _edit(_account("acct1", _entry(1))),
        _up(),
        _set("acct1", "", "type", "instagram"),
        RunStep("dev", 0, "up", skip_preview=True, faults=Faults(broken=0.5)),
        WaitStep(4000.0),
        _PREVIEWED,
    ),
    "two types have one nickname, and one is bought during the decision on the other": _history(
        _edit(
            _fleet(
                "fleet0", k0=_entry(1), k1=_entry(2), k2=_entry(3), k3=_entry(4, nickname="ida")
            ),
            _account("acct0", _entry(5, nickname="ida", type="instagram")),
        ),
        RunStep("dev", 11),
    ),
    "a type is reverted after the removal of the old account failed": _history(
        _edit(_account("acct1", _entry(1))),
        _up(),
        _set("acct1", "", "type", "instagram"),
        RunStep("dev", 0, "up", skip_preview=True, faults=Faults(broken=0.5)),
        WaitStep(4000.0),
        _set("acct1", "", "type", "wa"),
        _PREVIEWED,
    ),
    "a type is reverted after an interrupted replacement and a refresh": _history(
        _edit(_account("acct1", _entry(1))),
        _up(),
        _set("acct1", "", "type", "instagram"),
        _run(stop=Stop("interrupt", 1, 0.0, PURCHASE)),
        _refresh(),
        _set("acct1", "", "type", "wa"),
        _PREVIEWED,
    ),
    "the type of an entry is reverted after the removal of the old account failed": _history(
        _edit(_fleet("f", k0=_entry(1), k1=_entry(2))),
        _up(),
        _set("f", "k0", "type", "instagram"),
        RunStep("dev", 10, "up", skip_preview=True, faults=Faults(lost_before=0.4)),
        WaitStep(4000.0),
        _set("f", "k0", "type", "wa"),
        _PREVIEWED,
    ),
    "a fleet is replaced while answers are lost": _history(
        _edit(_fleet("f", k0=_entry(1), k1=_entry(2))),
        _up(),
        _set("f", "k0", "type", "instagram"),
        RunStep(
            *("dev", 1, "up"),
            skip_preview=True,
            faults=Faults(lost_before=0.4),
            replaces=("f",),
        ),
        WaitStep(4000.0),
        _PREVIEWED,
    ),
    "a fleet is renamed and replaced while answers are lost": _history(
        _edit(_fleet("f", k0=_entry(1), k1=_entry(2))),
        _up(),
        _renamed("f", "f77", says_so=True),
        RunStep(
            *("dev", 0, "up"),
            skip_preview=True,
            faults=Faults(lost_before=0.4),
            replaces=("f77",),
        ),
        WaitStep(4000.0),
        _PREVIEWED,
    ),
    "an entry moves to a fleet that ignores all changes": _history(
        _edit(_account("acct2", _entry(1), retain=True), _fleet("fleet0")),
        _up(),
        _edit(
            Change("move", ("acct2", "", "fleet0", "m85")),
            Change("option", ("fleet0", "ignore_changes", True)),
        ),
        _up(),
    ),
    "an old name is used again after a rename": _history(
        _edit(_account("acct0", _entry(1, nickname="Emil "))),
        _up(),
        _renamed("acct0", "acct74", says_so=True),
        _up(),
        _edit(
            Change("drop", ("acct74", "")),
            Change("declare", (Block("account", "acct0", {"": _entry(3, on_delete="retain")}),)),
        ),
        _up(),
    ),
    "the target is the old name of a fleet, after its rename was refused": _history(
        _edit(_fleet("fleet19", k1=_entry(1, tier=UNLIMITED), k4=_entry(2))),
        _up(),
        _by_hand("archive", 1),
        _renamed("fleet19", "fleet61", says_so=True),
        _up(),
        _run(targets=("fleet19",)),
    ),
    "a replacement by flag and by another type": _history(
        _edit(_account("acct1", _entry(1))),
        _up(),
        _set("acct1", "", "type", "instagram"),
        _run(replaces=("acct1",), skip_preview=False),
    ),
    "all changes are ignored after a refresh": _history(
        _edit(_fleet("fleet0", k3=_entry(1, type="instagram"))),
        _up(),
        _edit(Change("option", ("fleet0", "ignore_changes", True))),
        _by_hand("delete now", 1),
        _run(refresh=True),
        _up(),
    ),
    "an account leaves whose nickname another one ignores": _history(
        _edit(_account("x", _entry(1, nickname="a")), _account("y", _entry(2, nickname="b"))),
        _up(),
        _edit(
            Change("option", ("x", "ignored", ("nickname",))),
            Change("set", ("x", "", "nickname", "b")),
            Change("drop block", ("y",)),
        ),
        _up(),
    ),
    "a resource is renamed after a person renamed its account, which is ignored": _history(
        _edit(_account("x", _entry(1, nickname="b"), ignored=("nickname",))),
        _up(),
        _by_hand("rename", 1, nickname="theirs"),
        _refresh(),
        _set("x", "", "tier", UNLIMITED),
        _up(),
        _renamed("x", "x2", says_so=False),
        _up(),
    ),
    "a rename while all changes are ignored": _history(
        _edit(_account("acct0", _entry(1))),
        _up(),
        _edit(
            Change("option", ("acct0", "ignore_changes", True)),
            Change("set", ("acct0", "", "type", "instagram")),
            Change("rename block", ("acct0", "acct98", True, 2)),
        ),
        _up(),
        _edit(Change("option", ("acct98", "ignore_changes", False))),
        _up(),
    ),
    "all accounts are removed after their purchases were slow and unanswered": _history(
        _edit(_account("acct1", _entry(1)), _account("acct2", _entry(2, tier=UNLIMITED))),
        _up(_SLOW),
        WaitStep(450.0),
        GoBackStep("dev", 1),
        _up(),
    ),
    "a replaced account is renamed, and the purchase of the new one had no answer": _history(
        _edit(_account("acct1", _entry(1, type="instagram", on_delete="archive"))),
        _up(),
        _edit(
            Change("set", ("acct1", "", "type", "wa")),
            Change("rename block", ("acct1", "acct92", True, 4)),
        ),
        _up(_SLOW),
        _run(continue_on_error=True),
    ),
    "a destroy removes the begun mark and then fails at a protected fleet": _history(
        _edit(
            _fleet("fleet0", options={"protect": True}),
            _fleet("fleet1", k0=_entry(1)),
            _account("acct1", _entry(2)),
        ),
        _run(stop=Stop("kill", 7, 0.05)),
        _run("destroy"),
        RunStep(
            *("dev", 8, "up"),
            skip_preview=True,
            machine="other",
            faults=Faults(lag_s=5.0, lag_search=True),
        ),
    ),
    "two fleets that are dropped list one account, and one of them retains it": _history(
        *_IN_TWO_FLEETS,
        _drop("fleet19"),
        _up(),
    ),
    "an entry moves from a retaining fleet that ignores all changes, and is dropped": _history(
        _edit(_fleet("fleet0", k0=_entry(1))),
        _up(),
        _edit(
            Change("option", ("fleet0", "ignore_changes", True)),
            Change("option", ("fleet0", "retain", True)),
            Change("move", ("fleet0", "k0", "acct25", "")),
        ),
        _up(),
        _edit(Change("drop", ("acct25", ""))),
        _up(),
    ),
    "a search shows a person's older account, and the listing before did not": _history(
        _edit(_fleet("f", a=_entry(1), b=_entry(2), c=_entry(3), d=_entry(4), e=_entry(5))),
        HandStep("buy", "hand0", 7, nickname="a"),
        WaitStep(100.0),
        RunStep("dev", 1, "up", skip_preview=True, faults=Faults(lost_before=0.5, lag_s=300.0)),
        WaitStep(4000.0),
        _up(),
    ),
    "a slow purchase after the old account was archived, then a destroy": _history(
        _edit(_account("acct0", _entry(1))),
        _up(),
        _by_hand("archive", 1),
        _refresh(),
        _up(_SLOW),
        _run("destroy"),
        _up(),
    ),
    "a slow purchase after the old account was archived": _history(
        _edit(_account("acct0", _entry(1, existing="allow"))),
        _up(),
        _by_hand("archive", 1),
        _refresh(),
        _up(_SLOW),
        WaitStep(1000.0),
        _up(),
    ),
    "a fleet of retained accounts is destroyed while a purchase is slow": _history(
        _edit(_fleet("f", k0=_entry(1, on_delete="retain"))),
        _up(),
        _edit(Change("add", ("f", "k1", _entry(2, on_delete="retain")))),
        _up(_SLOW),
        _run("destroy"),
    ),
    "an account is retained, and its take-over fails": _history(
        _edit(_account("acct0", _entry(1, tier=UNLIMITED, on_delete="retain"))),
        _up(),
        _by_hand("log in", 1),
        _edit(
            Change("drop", ("acct0", "")),
            _account("acct1", _entry(1, nickname="acct0", adopt="@dev#1")),
        ),
        _run(continue_on_error=True),
        _up(),
    ),
    "a fleet's account is retained, and its move fails": _history(
        _edit(_fleet("f", k0=_entry(1, nickname="x", tier=UNLIMITED, on_delete="retain"))),
        _up(),
        _by_hand("log in", 1),
        _edit(
            Change("drop block", ("f",)),
            _account("acct1", _entry(1, nickname="x", existing="allow")),
        ),
        _run(continue_on_error=True),
        _up(),
    ),
    "a target gets a provider of another team, and the intent is left out": _history(
        _edit(
            Change("provider", (ProviderBlock("them", OTHER_TEAM, TOKEN),)),
            _fleet("fleet0", k4=_entry(1)),
            _account("acct0", _entry(2), provider="them"),
        ),
        _up(),
        _edit(Change("option", ("fleet0", "provider", "them"))),
        _run(targets=("fleet0",)),
        _run("destroy"),
        _refresh(),
    ),
    "killed during a slow purchase, then destroyed": _history(
        _edit(_fleet("fleet1", k1=_entry(1))),
        _up(),
        _edit(*(Change("add", ("fleet1", f"k{n}", _entry(n))) for n in (2, 3))),
        _killed(2, 0.05, _SLOW),
        _run("destroy"),
        WaitStep(1000.0),
        _run("destroy"),
    ),
    "killed during a slow purchase, then destroyed on another machine": _history(
        _edit(_fleet("fleet1", k1=_entry(1)), _account("acct1", _entry(2))),
        _killed(2, 0.05, _SLOW),
        _run("destroy", machine="another machine"),
    ),
    "killed, then the fleet gets another provider of the same team": _history(
        _edit(_fleet("fleet1", k1=_entry(3, existing="allow"))),
        _killed(1, 0.05),
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            Change("option", ("fleet1", "provider", "us")),
        ),
        _up(),
    ),
    "killed during a slow purchase, then another provider of the same team": _history(
        _edit(_fleet("fleet1", k1=_entry(3))),
        _killed(1, 0.05, _SLOW),
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            Change("option", ("fleet1", "provider", "us")),
        ),
        _up(),
    ),
    "killed during a slow purchase, then the default provider": _history(
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            _fleet("fleet1", options={"provider": "us"}, k1=_entry(3)),
        ),
        _killed(1, 0.05, _SLOW),
        _edit(Change("option", ("fleet1", "provider", ""))),
        _up(),
        WaitStep(1000.0),
        _up(),
    ),
    "killed, then another provider, and an entry of the old one asks for the same": _history(
        _edit(
            _fleet("fleet1", k1=_entry(3, nickname="ida", existing="allow")),
            _fleet("fleet2", k2=_entry(4)),
        ),
        _killed(2, 0.05, _SLOW),
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            Change("option", ("fleet1", "provider", "us")),
            Change("add", ("fleet2", "k5", _entry(5, nickname="ida", existing="allow"))),
        ),
        _up(),
        WaitStep(1000.0),
        _up(),
    ),
    "killed, then a fleet of another name and provider": _history(
        _edit(_fleet("fleet1", k1=_entry(3, nickname="ida", existing="allow"))),
        _killed(1, 0.05, _SLOW),
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            Change("drop block", ("fleet1",)),
            _fleet(
                "fleet2",
                options={"provider": "us"},
                k2=_entry(3, nickname="ida", existing="allow"),
            ),
        ),
        _up(),
        WaitStep(1000.0),
        _up(),
    ),
    "killed, and a person buys the same by hand and adopts that one": _history(
        _edit(_fleet("fleet0", k4=_entry(1, nickname="ida")), _fleet("fleet1")),
        _killed(1, 0.05),
        _edit(Change("drop block", ("fleet0",))),
        HandStep("buy", "hand0", 7, nickname="ida"),
        _edit(Change("add", ("fleet1", "k0", _entry(2, nickname="ida", adopt="@hand0")))),
        _up(),
        _up(),
    ),
    "killed 25 minutes after the begun mark, then another machine": _history(
        _edit(_fleet("fleet0", **{f"k{number}": _entry(number) for number in range(700)})),
        _killed(650, 0.5, Faults(slow=1.0, slow_s=100.0)),
        _run(machine="another machine"),
    ),
    "two resources have one account, and one of them wants it otherwise": _history(
        _edit(_account("acct1", _entry(1, nickname="ida"), protect=True)),
        _up(),
        _renamed("acct1", "acct25", says_so=False),
        _up(),
        _edit(_account("acct1", _entry(2, tier=UNLIMITED))),
        _up(),
    ),
    "the only account of a renamed fleet is found to be gone by a refresh": _history(
        _edit(_fleet("fleet1", k2=_entry(1, type="instagram"))),
        _up(),
        _renamed("fleet1", "fleet98", says_so=True),
        _by_hand("archive", 1),
        _up(),
        _run(refresh=True, skip_preview=False),
    ),
    "an unanswered purchase of a fleet that is renamed beside another provider": _history(
        _edit(
            _fleet(
                "fleet0",
                k0=_entry(1, nickname="Bo\u0308b"),
                k1=_entry(2),
                k2=_entry(3),
                k4=_entry(5, tier=UNLIMITED),
            ),
            _account("acct0", _entry(6)),
        ),
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            Change("option", ("acct0", "provider", "us")),
        ),
        RunStep("dev", 582174182, "up", faults=Faults(broken=0.6, lag_s=300.0)),
        _edit(Change("rename block", ("fleet0", "fleet31", False, 8))),
        RunStep("dev", 3692487892, "up", skip_preview=True),
    ).but(seed=1206908, settings_merge=False, removal_s=2.0),
    "a purchase without an answer, then a target excludes the intent": _history(
        _edit(
            _fleet(
                "fleet0",
                k0=_entry(1, type="instagram"),
                k1=_entry(2, tier=UNLIMITED),
                k2=_entry(3, type="instagram"),
                k3=_entry(4, tier=UNLIMITED),
            )
        ),
        RunStep(
            "dev",
            2061742371,
            "up",
            skip_preview=True,
            faults=Faults(broken=0.1),
            stop=Stop("interrupt", 1, 0.0892, PURCHASE),
        ),
        _run(targets=("fleet0",)),
        _run(skip_preview=False),
    ).but(seed=1211587, removal_s=2.0),
    "killed, a target excludes the intent, then another machine destroys": _history(
        _edit(_fleet("fleet0", k0=_entry(1))),
        _up(),
        _edit(Change("add", ("fleet0", "k1", _entry(2)))),
        _killed(1, 0.05, Faults(slow=1.0, slow_s=100.0)),
        _run(targets=("fleet0",)),
        _run("destroy", machine="another machine"),
    ),
    "a killed adoption brought back an account, and its old entry allows another": _history(
        _edit(_fleet("fleet0", k0=_entry(1, nickname="ida", existing="allow"))),
        _up(),
        _run("destroy"),
        _edit(
            Change("drop block", ("fleet0",)),
            _account("acct1", _entry(1, nickname="ida", adopt="@dev#1")),
        ),
        _run(stop=Stop("kill", 1, 0.05, "POST /im/accounts/")),
        GoBackStep("dev", 1),
        _up(),
    ),
    "a fleet whose reasons were not told leaves with its open purchases": _history(
        _edit(_account("acct0", _entry(1))),
        _up(),
        _edit(
            _fleet("fleet0", k1=_entry(2), k2=_entry(3), k3=_entry(4), k4=_entry(5)),
            _account("acct0", _entry(6)),
            stack="prod",
        ),
        _up(_SLOW, stack="prod"),
        GoBackStep("prod", 1),
        _up(stack="prod"),
        _up(stack="prod"),
    ),
    "a fleet is renamed with a target, then a key with an alias": _history(
        _edit(_fleet("old", anna=_entry(1), bert=_entry(2))),
        _up(),
        _renamed("old", "new", says_so=False),
        _run(targets=("new",)),
        _edit(Change("rename key", ("new", "anna", "anna-b", True, 901))),
        _run(skip_preview=False),
        _run(skip_preview=False),
    ),
    "a fleet is renamed in an interrupted run, then a key with an alias": _history(
        _edit(_fleet("old", anna=_entry(1), bert=_entry(2))),
        _up(),
        _renamed("old", "new", says_so=False),
        _edit(Change("add", ("new", "carl", _entry(3)))),
        _run(stop=Stop("interrupt", 1, 0.0, PURCHASE)),
        _edit(Change("rename key", ("new", "anna", "anna-b", True, 901))),
        _run(skip_preview=False),
        _run(skip_preview=False),
    ),
    "an entry moves to a fleet that is killed while it buys others": _history(
        _edit(
            _fleet("a", x=_entry(1, nickname="Xaver", existing="allow"), y=_entry(2)), _fleet("b")
        ),
        _up(),
        _edit(
            Change("drop", ("a", "x")),
            Change("add", ("b", "x", _entry(1, nickname="Xaver", existing="allow"))),
            *(Change("add", ("b", f"n{number}", _entry(10 + number))) for number in range(4)),
        ),
        _run(
            stop=Stop("kill", 1, 20.0, PURCHASE),
            faults=Faults(slow=1.0, slow_s=30.0),
            machine="another machine",
        ),
        _up(),
        WaitStep(4000.0),
        _run(skip_preview=False),
        _run(skip_preview=False),
    ),
    "a type is reverted while the listing still shows the old account": _history(
        _edit(
            _fleet("fleet1", k3=_entry(7), k4=_entry(8)),
            _account("acct1", _entry(10, tier=UNLIMITED)),
            _account("acct2", _entry(11)),
            _account("acct3", _entry(12)),
            _account("acct4", _entry(13, tier=UNLIMITED)),
            _account("acct5", _entry(14, tier=UNLIMITED)),
            _account("acct6", _entry(15, tier=UNLIMITED)),
            _account("acct7", _entry(16, on_delete="delete_now", tier=UNLIMITED)),
            _account("acct8", _entry(17)),
        ),
        RunStep("dev", 219357207, "up", machine="another machine"),
        RunStep("dev", 1436189692, "refresh", machine="another machine"),
        _edit(
            Change("drop", ("fleet1", "k4")),
            Change("set", ("acct7", "", "type", "mail")),
            Change("drop block", ("acct1",)),
        ),
        RunStep(
            "dev",
            321616537,
            "up",
            skip_preview=True,
            faults=Faults(lag_s=300.0, lag_search=True),
            machine="another machine",
        ),
        GoBackStep("dev", 1),
        RunStep(
            "dev",
            226095888,
            "up",
            replaces=("acct8",),
            faults=Faults(lag_s=5.0),
            machine="another machine",
        ),
    ).but(seed=2101969, tells_gone=False, settings_merge=False, removal_s=2.0),
    "the hosts are killed, the program ends well, then the stack is destroyed": _history(
        _edit(_account("acct0", _entry(1))),
        _run(
            continue_on_error=True,
            faults=Faults(slow=1.0, slow_s=100.0),
            stop=Stop("kill hosts", 1, 0.05, PURCHASE),
        ),
        _run("destroy"),
    ),
    "killed, another run waits in vain and ends well, then the stack is destroyed": _history(
        _edit(_account("acct0", _entry(1))),
        _killed(1, 0.05, Faults(slow=1.0, slow_s=400.0)),
        _run(continue_on_error=True),
        _run("destroy"),
    ),
    "a run fails after a destroy that removed the begun mark, on another machine": _history(
        *_DESTROYED_IN_PART,
        _run(machine="m2", faults=Faults(lost_before=1.0)),
        _on("m2"),
        _on("m2"),
    ),
    "a run is killed after a destroy that removed the begun mark, on another machine": _history(
        *_DESTROYED_IN_PART,
        _run(machine="m2", stop=Stop("kill", 1, 0.01)),
        _on("m3"),
        _on("m3"),
    ),
    "a fleet's entry gets another account while one is lost, and then its nickname": _history(
        _edit(_fleet("fleet0", k1=_entry(1))),
        _run(machine="m1", stop=Stop("kill", 1, 0.05, PURCHASE)),
        _set("fleet0", "k1", "nickname", "Alice"),
        _on("m2"),
        GoBackStep("dev", 1),
        _on("m3"),
        _on("m4"),
        _on("m5"),
    ),
    "an account gets another one while one is lost, and then its nickname": _history(
        _edit(_account("acct0", _entry(1))),
        _run(machine="m1", faults=_SLOW),
        _set("acct0", "", "nickname", "Alice"),
        _on("m2"),
        WaitStep(4000.0),
        GoBackStep("dev", 1),
        _on("m3"),
        _on("m4"),
    ),
    "another account is adopted while one is lost, and the program goes back": _history(
        _edit(_fleet("fleet0", k4=_entry(1, nickname="ida")), _fleet("fleet1")),
        _run(machine="m1", stop=Stop("kill", 1, 0.05, PURCHASE)),
        _drop("fleet0"),
        _by_hand("buy", "hand0", nickname="ida"),
        _edit(Change("add", ("fleet1", "k0", _entry(2, nickname="ida", adopt="@hand0")))),
        _on("m2"),
        GoBackStep("dev", 2),
        _on("m3"),
        _on("m4"),
    ),
    "an entry adopts another account while one is lost, and then drops adopt": _history(
        _edit(_fleet("fleet0", k0=_entry(1, nickname="ida"))),
        _run(machine="m1", stop=Stop("kill", 1, 0.05, PURCHASE)),
        _by_hand("buy", "hand0", nickname="ida"),
        _set("fleet0", "k0", "adopt", "@hand0"),
        _on("m2"),
        _set("fleet0", "k0", "adopt", None),
        _on("m3"),
        _on("m4"),
    ),
    "an account is carried over to an entry whose purchase had no answer": _history(
        _edit(
            Change("provider", (ProviderBlock("us", TEAM, TOKEN),)),
            _account("acct0", _entry(1, nickname="ida"), provider="us"),
            _account("acct1", _entry(2, nickname="ida", existing="allow")),
        ),
        _up(Faults(slow=1.0, slow_s=100.0)),
        _drop("acct0"),
        _up(),
        WaitStep(60.0),
        _up(),
        _up(),
    ),
    "an entry of another provider adopts what an intent may have bought": _history(
        _edit(
            _PROVIDER,
            _fleet("fleet1", options={"provider": "us"}),
            _fleet("fleet2", k2=_entry(1)),
        ),
        _run(stop=Stop("kill", 1, 0.05, PURCHASE), machine="m1"),
        _drop("fleet2"),
        _by_hand("buy", "hand0", nickname="k2"),
        _edit(
            _fleet("fleet3", k3=_entry(3)),
            Change("add", ("fleet1", "x", _entry(4, nickname="k2", adopt="@hand0"))),
        ),
        _on("m2"),
        _on("m3"),
    ),
    "an entry of another provider takes over what an intent may have bought": _history(
        _edit(_PROVIDER, _fleet("fleet0", k7=_entry(1)), _fleet("fleet1", k1=_entry(2))),
        _killed(1, 0.05),
        _moved("fleet0", "k7", "acct37"),
        _edit(Change("option", ("acct37", "provider", "us"))),
        _PREVIEWED,
        _PREVIEWED,
    ),
    "an entry of a fleet that comes late has another provider after a kill": _history(
        _edit(
            _PROVIDER,
            _account("gate", _entry(1000)),
            _fleet("fleet0", k0=_entry(1), options={"made_from": "gate"}),
            _account("acct0", _entry(2), provider="us"),
        ),
        _up(),
        _edit(Change("add", ("fleet0", "k1", _entry(3, nickname="anna", existing="allow")))),
        _killed(1, 0.05),
        _moved("fleet0", "k1", "acct37"),
        _edit(Change("option", ("acct37", "provider", "us"))),
        _set("acct37", "", "existing", "allow"),
        _PREVIEWED,
        _PREVIEWED,
    ),
    "a destroy removes two fleets that list one account, and one of them retains it": _history(
        *_IN_TWO_FLEETS, _run("destroy")
    ),
    "two fleets that list one account are dropped with all, and one retains it": _history(
        *_IN_TWO_FLEETS, _drop("fleet19"), _drop("fleet1"), _up()
    ),
    "a fleet that retains its accounts has replaced one that its old name lists": _history(
        _edit(_fleet("fleet19", k1=_entry(1), k4=_entry(2))),
        _up(),
        _by_hand("archive", 1),
        _renamed("fleet19", "fleet61", says_so=True),
        _edit(Change("rename key", ("fleet61", "k4", "r6", True, 901))),
        _set("fleet61", "r6", "type", "mail"),
        _edit(Change("option", ("fleet61", "retain", True))),
        _up(),
        _run(refresh=True),
        _up(),
    ),
    "a retained account moves to a renamed fleet that ignores all changes": _history(
        _edit(_account("acct2", _entry(1), retain=True), _fleet("fleet0")),
        _run(machine="m1"),
        _moved("acct2", "", "fleet0", "m85"),
        _edit(Change("option", ("fleet0", "ignore_changes", True))),
        _renamed("fleet0", "fleet65", says_so=True),
        _run(machine="m2"),
    ),
    "a retained account is replaced, and the program goes back": _history(
        _edit(_account("acct1", _entry(1), retain=True)),
        _run(machine="m1"),
        _set("acct1", "", "type", "instagram"),
        _run(stop=Stop("interrupt", 1, 0.0, PURCHASE)),
        _set("acct1", "", "type", "wa"),
        _PREVIEWED,
    ),
    "the preview of a refresh tells what changes in a fleet with a new name": _history(
        _edit(_fleet("fleet0", k0=_entry(1))),
        _up(),
        _renamed("fleet0", "fleet1", says_so=True),
        _by_hand("tier", 1, tier=UNLIMITED),
        _up(),
        _renamed("fleet1", "fleet2", says_so=True),
        _set("fleet2", "k0", "allow_history_loss", True),
        _run(refresh=True, skip_preview=False),
    ),
    "killed while an account that is gone is bought again, then destroyed": _history(
        _edit(_account("acct0", _entry(1))),
        _up(),
        _by_hand("archive", 1),
        _refresh(),
        _killed(1, 0.05, _SLOW),
        _run("destroy"),
    ),
    "entries of a protected fleet were left to one that never came": _history(
        _edit(
            _fleet("a", options={"protect": True}, x=_entry(1), y=_entry(2), z=_entry(3)),
            _fleet("b"),
        ),
        _up(),
        _moved("a", "x", "b", "x"),
        _moved("a", "y", "b", "y"),
        _run(targets=("a",)),
        _drop("b"),
        _run(skip_preview=False),
        _run(skip_preview=False),
    ),
    "an entry was left to a fleet that never came, and comes back renamed": _history(
        _edit(_fleet("a", x=_entry(1), y=_entry(2)), _fleet("b")),
        _up(),
        _moved("a", "x", "b", "x"),
        _run(targets=("a",)),
        _drop("b"),
        _edit(Change("add", ("a", "x", _entry(1, nickname="Xaver")))),
        _run(skip_preview=False),
        _run(skip_preview=False),
    ),
    "a provider of another team is dropped while a purchase of it is open": _history(
        _edit(
            Change("provider", (ProviderBlock("them", OTHER_TEAM, TOKEN),)),
            _account("acct0", _entry(1), provider="them"),
        ),
        _up(Faults(lost_before=1.0)),
        _drop("acct0"),
        _edit(_account("acct1", _entry(2))),
        WaitStep(4000.0),
        _run(skip_preview=False),
    ),
    "a fleet whose entries come late has a new name, and its old one is the target": _history(
        _edit(
            _account("gate", _entry(1000)),
            _fleet("fleet1", k0=_entry(1), options={"made_from": "gate"}),
        ),
        _up(),
        _renamed("fleet1", "fleet34", says_so=True),
        _run(targets=("gate", "fleet1")),
        _up(),
    ),
    "two fleets exchange entries, and the run is killed": _history(
        _edit(_fleet("fleet0", k0=_entry(1)), _fleet("fleet1", k1=_entry(2))),
        _up(),
        _exchange("fleet0", "fleet1"),
        _killed(1, 0.2),
        _up(),
    ),
    "three fleets exchange entries, and the run is killed": _history(
        _edit(*(_fleet(f"fleet{n}", **{f"k{n}": _entry(n)}) for n in range(3))),
        _up(),
        _exchange("fleet0", "fleet1", "fleet2"),
        _killed(1, 0.2),
        _up(),
    ),
    "a destroy in another team while an unanswered purchase may still arrive": _history(
        _edit(_fleet("fleet0", k0=_entry(1))),
        _up(Faults(slow=1.0, slow_s=400.0)),
        SettingStep("dev", team=OTHER_TEAM),
        _run("destroy"),
    ).but(in_environment=True),
    "an account whose type comes late is deleted by hand": _history(
        _edit(
            _account("gate", _entry(1000)),
            _account("acct1", _entry(2, type="instagram", type_from="gate")),
        ),
        _up(),
        _by_hand("delete now", 2),
        WaitStep(5.0),
        _up(),
    ),
    "what a reused alias names asks for an account whose nickname is missing": _history(
        _edit(
            _fleet("fleet0", k0=_entry(1, type="instagram")),
            _fleet("fleet1", k0=_entry(2, nickname="Alice")),
        ),
        _up(),
        _edit(
            Change("move", ("fleet0", "k0", "fleet1", "m18")),
            Change("move", ("fleet1", "k0", "fleet0", "m65", True)),
        ),
        _up(Faults(null_facts=1.0)),
        _up(),
    ),
}
