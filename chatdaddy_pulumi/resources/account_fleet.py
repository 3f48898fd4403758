"""`AccountFleet`: thousands of accounts as one resource.

Its operations are in `provider.account_fleet`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from inspect import isawaitable
from typing import Any, NamedTuple

import pulumi
from pulumi.dynamic import Resource

from chatdaddy_pulumi.enums import Existing, OnDelete, Tier
from chatdaddy_pulumi.lifecycle.key_lists import counted, lines, listed
from chatdaddy_pulumi.lifecycle.plan import plan
from chatdaddy_pulumi.provider.declared import Declared
from chatdaddy_pulumi.provider.fleet_lines import accounts_of, counts_of, with_late, write_line
from chatdaddy_pulumi.provider.packed_text import pack
from chatdaddy_pulumi.provider.state import COMPONENT_TYPE, DONE_IN, StoredFleet, plain
from chatdaddy_pulumi.resources import sdk_hooks
from chatdaddy_pulumi.resources.program import (
    check_name,
    end_if_failed,
    ignores_changes,
    program,
    secret_names,
)
from chatdaddy_pulumi.resources.registry import PROVIDERS
from chatdaddy_pulumi.spec.limits import FleetLimits
from chatdaddy_pulumi.spec.problem import shown
from chatdaddy_pulumi.spec.reading import read_fleet
from chatdaddy_pulumi.spec.types import (
    AccountArgs,
    AccountOutput,
    CountsOutput,
    ExistingWord,
    FleetDefaults,
    FleetLimitsArgs,
    OnDeleteWord,
)


class _Fleet(Resource, module="chatdaddy", name="AccountFleet"):
    """The accounts."""

    counts: pulumi.Output[Any]
    failed: pulumi.Output[Any]


class AccountFleet(pulumi.ComponentResource):
    """Many accounts in one step of the engine, even ten thousand.

    Each key is an account of its own: a change of one entry changes one account, and
    `pulumi preview --diff` shows it by its key.
    """

    def __init__(
        self,
        name: str,
        accounts: pulumi.Input[Mapping[str, AccountArgs | None]],
        *,
        defaults: FleetDefaults | None = None,
        on_delete: pulumi.Input[OnDelete | OnDeleteWord] | None = OnDelete.DELETE,
        existing: pulumi.Input[Existing | ExistingWord] | None = Existing.FAIL,
        limits: FleetLimits | FleetLimitsArgs | None = None,
        concurrency: pulumi.Input[int] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a fleet. None for an argument means its default, also in an entry.

        Args:
            name: The resource's name in the stack.
            accounts: Each account's arguments by key: those of `Account`, or None if the
                defaults are enough. Keys are unique and stable; by default the nickname is the
                key. `load_fleet` reads them from a file.
            defaults: Arguments for each entry that does not have its own; `settings` are merged.
            on_delete: What removing an entry, or the fleet, does to the account: see `Account`.
            existing: What to do if the team already has a live account of an entry's nickname
                that this fleet does not own: see `Account`.
            limits: How many accounts one run may buy and remove.
            concurrency: The most accounts worked on at once, 1 to 64. If left out, it begins at 16
                and follows what the API keeps up with.
            opts: The resource's options. `ignore_changes` is refused, and `deleted_with`, since the
                accounts would stay and go on costing money.

        If some accounts fail, the others are done and saved. The run ends with exit code 1 and a
        list of keys and reasons, and the next `pulumi up` does what is missing. The same holds
        for a run that is interrupted or killed.
        """
        opts = opts or pulumi.ResourceOptions()
        if opts.ignore_changes:
            raise ignores_changes(f"AccountFleet {name!r}")
        check_name("AccountFleet", name)
        run = program()
        super().__init__(COMPONENT_TYPE, name, None, opts)
        text, late = _as_text(name, accounts)
        bounds: Any = vars(limits) if isinstance(limits, FleetLimits) else limits or {}
        if isinstance(bounds, Mapping):
            bounds = {name: limit for name, limit in bounds.items() if limit is not None}
        shared = {"defaults": defaults or None, "on_delete": on_delete, "existing": existing}
        given = {"accounts": with_late(json.loads(text), late) if late else text, **shared}
        others = {"limits": bounds, "concurrency": concurrency}
        child = pulumi.ResourceOptions(
            parent=self, provider=opts.provider, retain_on_delete=opts.retain_on_delete
        )
        declared = run.declare("fleet", name, given, child)
        # A plain value, since a child that depends on its parent's output would wait for itself.
        urn: Any = self.urn.future()
        fleet = _Fleet(
            PROVIDERS["_fleet"],
            name,
            {
                **declared.inputs,
                "__fleet": pulumi.Output.from_input(urn),
                "__accounts": pack(text),
                "__late": late or None,
                "__secrets": secret_names({"accounts": accounts, **shared, **others}),
                **shared,
                "limits": bounds or None,
                "concurrency": concurrency,
                **dict.fromkeys(_OUTPUTS),
            },
            pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(hooks=run.hooks(declared))),
        )
        declared.resource = fleet
        declared.registered()
        self._declared = declared
        self._held: pulumi.Output[Any] = pulumi.Output.all(
            held=getattr(fleet, "__held"),
            terms=getattr(fleet, "__terms"),
            drift=getattr(fleet, "__drift"),
        )
        self._counts: pulumi.Output[Any] = fleet.counts
        self._failed: pulumi.Output[Any] = fleet.failed
        if sdk_hooks.under_mocks():
            said = pulumi.Output.all(accounts=accounts, defaults=defaults)
            self._held = said.apply(lambda known: _as_if_bought(name, known))
            self._counts = self._held.apply(_counts_as_if_bought)
        end_if_failed(self._failed, partial(_failure_of, name))
        outputs: dict[str, Any] = {}
        if not isinstance(given["accounts"], (str, dict)) and not sdk_hooks.under_mocks():
            # The intent does not know whether such a fleet may buy in a run. In a preview it is
            # unknown, so that `pulumi up --plan` accepts what an update saves.
            done: pulumi.Output[Any] = fleet.urn.apply(run.done_in)
            outputs[DONE_IN] = pulumi.UNKNOWN if pulumi.runtime.is_dry_run() else done
        self.register_outputs(outputs)

    # Computed on access, since ten thousand accounts take time.

    @property
    def accounts(self) -> pulumi.Output[Mapping[str, AccountOutput]]:
        """By key: ``account_id``, ``nickname``, ``type``, ``tier`` and ``state``.

        In a preview of a fleet that changes, accounts that do not change are known by their key, as
        in ``fleet.accounts["alice"]``. The mapping as a whole is not known.
        """
        return self._partly_known(self._held.apply(accounts_of), lambda before: before.accounts)

    @property
    def account_ids(self) -> pulumi.Output[Mapping[str, str]]:
        """The accounts' IDs by key. In a preview, those of accounts that stay are known."""
        return self._partly_known(
            self._held.apply(lambda held: _ids(accounts_of(held))), lambda before: before.ids
        )

    @property
    def counts(self) -> pulumi.Output[CountsOutput]:
        """``total``, and how many by ``tier`` and by ``state``."""
        return self._counts.apply(counts_of)

    @property
    def failed(self) -> pulumi.Output[Mapping[str, str]]:
        """By key, the reason why the last run could not create or change an account."""
        return self._failed.apply(lambda failed: failed or {})

    def _partly_known(
        self, whole: pulumi.Output[Any], part: Callable[[_Before], Mapping[str, Any]]
    ) -> pulumi.Output[Any]:
        """The output. If a preview does not know it as a whole, the unchanged parts are known."""
        if not pulumi.runtime.is_dry_run() or sdk_hooks.under_mocks():
            return whole

        async def value() -> Any:
            if await whole.is_known():
                return await whole.future()
            saved, declared = await self._declared.before()
            before = _Before.of(saved or {}, declared)
            return {**dict.fromkeys(before.keys, pulumi.UNKNOWN), **part(before)}

        return pulumi.Output(whole.resources(), value(), whole.is_known(), whole.is_secret())


_OUTPUTS = ("__held", "__terms", "__drift", "counts", "failed")


class _Before(NamedTuple):
    """The part of a fleet's outputs that a preview knows, since it does not change."""

    #: All entries that the program declares, as far as they are known.
    keys: Collection[str]
    #: The accounts of entries that do not change.
    accounts: Mapping[str, Any]
    #: The IDs of accounts that stay.
    ids: Mapping[str, str]

    @classmethod
    def of(cls, saved: Mapping[str, Any], declared: Declared) -> _Before:
        reading = declared.reading()
        todo = plan(StoredFleet.load(saved).held, reading.specs)
        stay = reading.specs.keys() - todo.wanted.keys()
        same = stay - todo.change.keys() - reading.unknown.keys()
        outputs = {name: plain(saved.get(f"__{name}")) for name in ("held", "terms", "drift")}
        held = accounts_of(outputs)
        return cls(
            reading.specs.keys(),
            {key: held[key] for key in sorted(same)},
            _ids({key: held[key] for key in sorted(stay)}),
        )


def _ids(accounts: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {key: one["account_id"] for key, one in accounts.items()}


def _as_if_bought(name: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The declared accounts, with made-up IDs, for unit tests under mocks."""
    reading = read_fleet(said["accounts"], defaults=said["defaults"])
    if reading.problems:
        told = "; ".join(f"{one.property} {one.reason}" for one in reading.problems)
        raise pulumi.RunError(f"AccountFleet {name!r}: {told}")
    terms = [
        json.dumps({"type": spec.arguments.type.value, "tier": spec.arguments.tier.value})
        for spec in reading.specs.values()
    ]
    lines_ = [
        write_line(f"acc-{name}-{key}".replace(" ", "-"), "close", number, key, spec.nickname)
        for number, (key, spec) in enumerate(reading.specs.items())
    ]
    return {"held": "\n".join(lines_), "terms": terms, "drift": None}


def _counts_as_if_bought(held: Mapping[str, Any]) -> dict[str, Any]:
    accounts = accounts_of(held).values()
    counts: dict[str, Any] = {"total": len(accounts)}
    counts["tier"] = Counter(Tier(one["tier"]).short for one in accounts)
    counts["state"] = Counter(one["state"] for one in accounts)
    return counts


def _failure_of(name: str, failed: Mapping[str, str] | None, secret: bool) -> str | None:
    """A line with the number of failures, then lines with keys and reasons."""
    if not failed:
        return None
    told = (
        f"AccountFleet {name!r}: {counted(len(failed))} failed; the others are done and saved, and "
        "the next `pulumi up` does what is missing"
    )
    if secret:
        return f"{told}. Keys and reasons are in the output `failed`, which is a secret"
    return "\n".join([f"{told}:", *lines(failed)])


def _with_empty_entries(accounts: Any) -> Any:
    """The accounts with an empty mapping for each entry that is None."""
    if not isinstance(accounts, Mapping):
        return accounts
    return {key: {} if entry is None else entry for key, entry in accounts.items()}


def _as_text(name: str, accounts: Any) -> tuple[str, list[Any]]:
    """The entries as JSON, and the values that are not known yet.

    The SDK serializes each value in Python, which is slow, so ten thousand entries are one string.
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
        # The SDK drops the keys of a mapping whose value is None.
        given: pulumi.Output[Any] = pulumi.Output.from_input(accounts)
        return json.dumps(put_off(given.apply(_with_empty_entries))), late
    if not isinstance(accounts, Mapping):
        raise pulumi.RunError(
            f"AccountFleet {name!r}: accounts is {shown(accounts)}, but must be a mapping from "
            "keys (text) to arguments, such as {'alice': {'tier': 'limited'}}"
        )
    wrong = [shown(key) for key in accounts if not isinstance(key, str)]
    if wrong:
        raise pulumi.RunError(
            f"AccountFleet {name!r}: the keys of accounts must be texts, not {listed(wrong)}"
        )
    mapping = accounts if isinstance(accounts, dict) else dict(accounts)
    return json.dumps(mapping, ensure_ascii=False, separators=(",", ":"), default=put_off), late
