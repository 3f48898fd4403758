"""`AccountFleet`: thousands of accounts as one resource. The program's side; `provider` is the
host's."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from inspect import isawaitable
from typing import Any

import pulumi
from pulumi.dynamic import Resource

from chatdaddy_pulumi.enums import Existing, OnDelete
from chatdaddy_pulumi.resources.account_fleet.outputs import accounts_of, counts_of, failure_of
from chatdaddy_pulumi.resources.reference import PROVIDERS
from chatdaddy_pulumi.spec.limits import FleetLimits


class _Intent(Resource, module="chatdaddy", name="FleetIntent"):
    """What the fleet is about to buy, in the state before it buys."""


class _Fleet(Resource, module="chatdaddy", name="AccountFleet"):
    """The accounts."""

    counts: pulumi.Output[Any]
    failed: pulumi.Output[Any]


class AccountFleet(pulumi.ComponentResource):
    """Many accounts in one step of the engine: ten thousand cost it no more than one.

    Each key is an account of its own all the same: a change of one entry touches one account, and
    `pulumi preview --diff` shows it by its key.
    """

    def __init__(
        self,
        name: str,
        accounts: pulumi.Input[Mapping[str, Any]],
        *,
        defaults: Mapping[str, Any] | None = None,
        on_delete: pulumi.Input[OnDelete | str] = OnDelete.DELETE,
        existing: pulumi.Input[Existing | str] = Existing.FAIL,
        limits: FleetLimits | Mapping[str, int | str] | None = None,
        concurrency: pulumi.Input[int] = 16,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a fleet.

        Args:
            name: The resource's name in the stack.
            accounts: The account's arguments by key: those of `Account`, or nothing where the
                defaults do. Keys are unique and stable; the nickname is the key where left out.
                `load_fleet` reads them from a file.
            defaults: Arguments of every entry that says nothing else; `settings` are merged.
            on_delete: What removing an entry, or the fleet, does to the account: see `Account`.
            existing: What to do where the team already has a live account of an entry's nickname
                that this fleet does not own: see `Account`.
            limits: How many accounts one run may buy and remove.
            concurrency: Accounts that are worked on at once, 1 to 64.
            opts: The resource's options.

        Some accounts fail: the others are done and saved, the run ends red with a table of key
        and reason, and the next `pulumi up` does what is missing. The same goes for a run that is
        interrupted or killed.
        """
        super().__init__("chatdaddy:index:AccountFleet", name, None, opts)
        text, late = _as_text(name, accounts)
        # As a plain value: a child that depends on its parent's output would wait for itself.
        urn: Any = self.urn.future()
        said = {
            "__fleet": pulumi.Output.from_input(urn),
            "__accounts": text,
            "__late": late or None,
            "defaults": defaults or None,
            "on_delete": on_delete,
            "existing": existing,
        }
        child = pulumi.ResourceOptions(parent=self)
        intent = _Intent(
            PROVIDERS["_intent"],
            f"{name}-intent",
            {**said, "__now": _now(), "__intent": None},
            child,
        )
        bounds = vars(limits) if isinstance(limits, FleetLimits) else limits or {}
        bounds = {key: value for key, value in bounds.items() if value is not None}
        fleet = _Fleet(
            PROVIDERS["_fleet"],
            name,
            {
                **said,
                "limits": bounds or None,
                "concurrency": concurrency,
                "intent": intent.id,
                "__intent": getattr(intent, "__intent"),
                **dict.fromkeys(_OUTPUTS),
            },
            child,
        )
        self._held: pulumi.Output[Any] = pulumi.Output.all(
            held=getattr(fleet, "__held"),
            terms=getattr(fleet, "__terms"),
            drift=getattr(fleet, "__drift"),
        )
        self._counts: pulumi.Output[Any] = fleet.counts
        self._failed: pulumi.Output[Any] = fleet.failed
        self._failed.apply(lambda failed: _end_red(name, failed))
        self.register_outputs({})

    # Worked out where they are asked for: ten thousand accounts take their time.

    @property
    def accounts(self) -> pulumi.Output[Mapping[str, Mapping[str, Any]]]:
        """By key: ``account_id``, ``nickname``, ``type``, ``tier`` and ``state``."""
        return self._held.apply(accounts_of)

    @property
    def account_ids(self) -> pulumi.Output[Mapping[str, str]]:
        """The accounts' IDs by key."""
        return self._held.apply(
            lambda held: {key: one["account_id"] for key, one in accounts_of(held).items()}
        )

    @property
    def counts(self) -> pulumi.Output[Mapping[str, Any]]:
        """``total``, and how many by ``tier`` and by ``state``."""
        return self._counts.apply(counts_of)

    @property
    def failed(self) -> pulumi.Output[Mapping[str, str]]:
        """Why, by key, of the accounts that the last run could not bring to what is wanted."""
        return self._failed.apply(lambda failed: failed or {})


_OUTPUTS = ("__held", "__terms", "__drift", "counts", "failed")


def _now() -> Any:
    """When this run began, in seconds since 1970; unknown in a preview, which the host tells by it.

    (Unknown too so that `pulumi up --plan` accepts another moment than the plan's.)
    """
    if not pulumi.runtime.is_dry_run():
        return int(time.time())
    return pulumi.Output.from_input(pulumi.UNKNOWN)


def _end_red(name: str, failed: Mapping[str, str] | None) -> None:
    """Fail the run after everything that was done is saved."""
    if failed and not pulumi.runtime.is_dry_run():
        raise pulumi.RunError(failure_of(name, failed))


def _as_text(name: str, accounts: Any) -> tuple[str, list[Any]]:
    """The entries as JSON, and apart what is only known when it runs.

    The SDK takes a value at a time, in Python; ten thousand entries go as one string.
    """
    late: list[Any] = []

    def put_off(value: Any) -> Any:
        if isinstance(value, pulumi.Output) or isawaitable(value):
            late.append(value)
            return {"__late": len(late) - 1}
        if isinstance(value, Mapping):
            return dict(value)
        raise pulumi.RunError(
            f"AccountFleet {name!r}: {value!r} can't be an account's argument; "
            "give text, numbers, booleans, lists and mappings, or outputs of them"
        )

    if isinstance(accounts, pulumi.Output) or isawaitable(accounts):
        return json.dumps(put_off(accounts)), late
    if not isinstance(accounts, Mapping) or not all(isinstance(key, str) for key in accounts):
        raise pulumi.RunError(
            f"AccountFleet {name!r}: accounts must be a mapping from keys (text) to arguments, "
            "such as {'alice': {'tier': 'limited'}}"
        )
    plain = accounts if isinstance(accounts, dict) else dict(accounts)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), default=put_off), late
