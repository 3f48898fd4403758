"""Connects Pulumi's dynamic provider host with the providers over plain values.

The host (`python -m pulumi.dynamic`) calls a provider from 4 threads. Each call runs its coroutine
on the event loop of `client.bridge`, with one client for each process and team.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Coroutine
from typing import Any, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from chatdaddy_pulumi.client import ChatDaddyError
from chatdaddy_pulumi.client.bridge import client_for, run
from chatdaddy_pulumi.lifecycle.errors import LifecycleError
from chatdaddy_pulumi.provider import messages
from chatdaddy_pulumi.provider.account import AccountProvider
from chatdaddy_pulumi.provider.account_fleet import FleetProvider
from chatdaddy_pulumi.provider.find_runs import begun_for, find_run, past_run, still_runs
from chatdaddy_pulumi.provider.forgotten import ForgottenProvider
from chatdaddy_pulumi.provider.host import Host
from chatdaddy_pulumi.provider.intent import IntentProvider
from chatdaddy_pulumi.provider.machine_files import MissedFile, RemovalsFile
from chatdaddy_pulumi.provider.settings import ConfigurationError, Settings
from chatdaddy_pulumi.provider.state import PART
from chatdaddy_pulumi.resources.sdk_hooks import (
    HostProcess,
    from_host,
    raw_configuration,
    show_tracebacks,
)

T = TypeVar("T")


class ChatDaddyFailure(Exception):
    """An error for a person. The host prints the class's name before the message."""


# The host shows the last line of a traceback, with the exception's module if it has one.
ChatDaddyFailure.__name__ = ChatDaddyFailure.__qualname__ = "ChatDaddy"
ChatDaddyFailure.__module__ = "builtins"

#: The implementation of each name in `registry.PROVIDERS`.
_CLASSES = {
    "_account": AccountProvider,
    "_baseline": ForgottenProvider,
    "_fleet": FleetProvider,
    "_intent": ForgottenProvider,
    "_intents": IntentProvider,
}


_sdk = HostProcess()

#: Shared by the providers of this process.
_host = Host(
    connect=client_for,
    find_run=lambda hidden: find_run(hidden, _sdk.engine, _sdk.root),
    past_run=past_run,
    still_runs=still_runs,
    begun_for=begun_for,
    first_missed=MissedFile(_sdk.engine),
    removals=RemovalsFile(),
    show=_sdk.log,
    stop_reason=_sdk.stop_reason,
)


class DynamicProvider:
    """A provider of this package, by its name in states, in the form that the SDK's host calls."""

    def __init__(self, name: str) -> None:
        self._provider: Any = _CLASSES[name](_host)

    def configure(self, req: ConfigureRequest) -> None:
        _host.configure(Settings(raw_configuration(req.config), os.environ))

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        given = from_host(news)
        found = self._run(self._provider.check(from_host(olds), given))
        mask = _host.mask
        named = given.get("__secrets")
        secrets = {name.removesuffix(PART) for name in named} if isinstance(named, list) else ()
        failures = []
        for name, reason in found.failures:
            # The engine shows the value of a property that has a problem, even if it is secret.
            failure = ("", f"{name} {reason}") if name in secrets else (name, reason)
            failures.append(CheckFailure(*map(mask, failure)))
        if failures:
            _host.fail()
        return CheckResult(found.inputs, failures)

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        found = self._run(self._provider.diff(id_, from_host(olds), from_host(news)))
        return DiffResult(changes=found.changes, replaces=found.replaces)

    def create(self, props: dict[str, Any]) -> CreateResult:
        found = self._run(self._provider.create(from_host(props)))
        return CreateResult(found.id, found.outputs)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        found = self._run(self._provider.read(id_, from_host(props)))
        return ReadResult(found.id, found.outputs, found.inputs)

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        return UpdateResult(self._run(self._provider.update(id_, from_host(olds), from_host(news))))

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        self._run(self._provider.delete(id_, from_host(props)), removes=True)

    def _run(self, work: Coroutine[Any, Any, T], *, removes: bool = False) -> T:
        """Show expected failures as one line, and bugs of this package with their traceback."""
        show_tracebacks(True)
        try:
            return run(work)
        except (ChatDaddyError, LifecycleError, ConfigurationError) as error:
            message = _host.mask(messages.told(error))
        except Exception:
            message = (
                "this is a bug in chatdaddy-pulumi; please report it with the lines below\n"
                + _host.mask(traceback.format_exc())
            )
        finally:
            _sdk.flush()
        if not removes:
            _host.fail()
        show_tracebacks(False)
        raise ChatDaddyFailure(message)
