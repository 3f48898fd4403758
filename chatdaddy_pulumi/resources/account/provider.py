"""`Account` in the provider host: check, diff, create, read, update, delete."""

from __future__ import annotations

import secrets
from typing import Any

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    UpdateResult,
)

from chatdaddy_pulumi.client import ChatDaddy
from chatdaddy_pulumi.client import ObservedAccount as Account
from chatdaddy_pulumi.enums import Existing, OnDelete
from chatdaddy_pulumi.lifecycle.adoption import account_to_adopt, adopt
from chatdaddy_pulumi.lifecycle.change import Held, bring_to, open_connection
from chatdaddy_pulumi.lifecycle.errors import AlreadyThere, CannotAdopt, HistoryLoss, NotDone
from chatdaddy_pulumi.lifecycle.purchase import buy, named, refuse_what_may_be_ours, to_adopt
from chatdaddy_pulumi.lifecycle.removal import WHAT_GOES, is_archived, remove
from chatdaddy_pulumi.lifecycle.tier import consequences, guard_history
from chatdaddy_pulumi.resources.account.announcements import Purchases
from chatdaddy_pulumi.resources.account.arguments import AccountArguments, read_arguments
from chatdaddy_pulumi.resources.engine_log import log, warn
from chatdaddy_pulumi.resources.hosting import (
    HostedProvider,
    clean_errors,
    secret,
    split_unknowns,
)
from chatdaddy_pulumi.resources.this_run import BASELINES, OWNERS, belongs_to_another
from chatdaddy_pulumi.spec.rules import ACCOUNT, misspelt

#: Inputs that the engine shows and nobody sets: `check` works them out.
_COMPUTED = ("removal",)

#: Inputs that previews and states don't show where they are what they are by default.
_QUIET = {"connect": False, "allow_history_loss": False, "existing": Existing.FAIL.value}

#: The output that keeps the inputs as they were: the host gives `read` and `delete` outputs only.
#: The engine shows no property that starts with two underscores.
_DECLARED = "__declared"

#: The output that tells the resources of a run apart that have the same account one after another.
_OWNER = "__owner"


class AccountProvider(HostedProvider):
    """Maps an account's life to ChatDaddy's calls."""

    def __init__(self) -> None:
        super().__init__()
        self._purchases = Purchases()
        #: What this run is about to remove to make room. The engine checks a replacement like a new
        #: resource, and the old account, which still has the nickname, must not stand in its way.
        self._making_room: set[str] = set()
        #: Accounts that were in the state when this run began.
        self._held: set[str] = set()

    @clean_errors
    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        known, unknown = split_unknowns(news)
        known = {key: value for key, value in known.items() if key not in _COMPUTED}
        stand_in = {"nickname": "unknown until the update"} if "nickname" in unknown else {}
        arguments, failures = read_arguments({**stand_in, **known})
        failures += self.configuration_failures()
        if failures or arguments is None:
            return CheckResult(news, failures)
        for warning in misspelt(arguments.settings or {}):
            warn(f"{arguments.nickname!r}: {warning}")
        baseline = news.get("__baseline")
        if not _olds and not unknown:
            failures = self._check_purchase(arguments, baseline)
        checked = {name: v for name, v in arguments.said().items() if name not in stand_in}
        for quiet, default in _QUIET.items():
            if checked[quiet] == default:
                del checked[quiet]
        if "on_delete" not in unknown:
            checked["removal"] = WHAT_GOES[arguments.on_delete]
        if baseline is not None:
            checked["__baseline"] = baseline
        return CheckResult({**checked, **unknown}, failures)

    def _check_purchase(self, arguments: AccountArguments, baseline: Any) -> list[CheckFailure]:
        """What would stop the purchase, or the adoption, found before anything is done."""
        wanted = arguments.wanted()

        async def look(client: ChatDaddy) -> None:
            if arguments.adopt is None:
                found = await named(client, arguments.nickname)
                account = to_adopt(found, wanted, arguments.existing, self._making_room)
                not_these = self._not_these(arguments, baseline)
                await refuse_what_may_be_ours(client, found, wanted, not_these)
            else:
                account = await account_to_adopt(client, arguments.adopt, wanted)
            if account is not None:
                await self._guard(client, arguments, account.account_id, account.tier)
                log(f"{arguments.nickname!r}: {account.account_id} is taken over; nothing bought")
            else:
                self._purchases.announce(arguments.nickname, arguments.tier, self.prices)

        try:
            self.run(look)
        except HistoryLoss as error:
            return [CheckFailure("tier", str(error))]
        except CannotAdopt as error:
            return [CheckFailure("adopt", str(error))]
        except AlreadyThere as error:
            return [CheckFailure("nickname", str(error))]
        return []

    def _not_these(self, arguments: AccountArguments, baseline: Any) -> set[str] | None:
        """The accounts of the nickname that no interrupted run of ours has bought.

        None where there is nothing to tell them by, or no need to: `existing` isn't ``allow``, or
        the baseline is of this run.
        """
        if arguments.existing is not Existing.ALLOW or not isinstance(baseline, dict):
            return None
        if baseline["of"] in BASELINES:
            return None
        return {*baseline["ids"], *OWNERS, *self._held, *self._making_room}

    async def _guard(
        self, client: ChatDaddy, arguments: AccountArguments, account_id: str, tier: str | None
    ) -> None:
        if not arguments.allow_history_loss:
            await guard_history(
                client, arguments.nickname, account_id, old=tier, new=arguments.tier.value
            )

    @clean_errors
    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        self._held.add(_id)
        known, unknown = split_unknowns(_news)
        declared = _olds[_DECLARED]
        replaces = [
            key
            for key in ("type", "login_type")
            if key in unknown or known.get(key) != declared.get(key)
        ]
        if replaces:
            on_delete = OnDelete(declared["on_delete"])
            if on_delete is not OnDelete.RETAIN:
                self._making_room.add(_id)
            warn(
                f"{_olds.get('nickname')!r} is replaced since {' and '.join(replaces)} changed. "
                f"Of the old account {_id}: {WHAT_GOES[on_delete]}. Then a new one is bought"
            )
            return DiffResult(changes=True, replaces=replaces, delete_before_replace=True)
        if unknown:
            return DiffResult(changes=True)
        arguments = self._arguments(_news)
        held = _held(_id, _olds)
        change = held.differences(arguments.wanted())
        if "tier" in change:
            self.run(lambda client: self._guard(client, arguments, _id, held.tier))
            log(f"{arguments.nickname!r} ({_id}): {consequences(held.tier, arguments.tier.value)}")
        return DiffResult(
            changes=bool(change)
            or _olds.get("deleted_at") is not None
            or (arguments.connect and not declared.get("connect"))
            or arguments.on_delete.value != declared["on_delete"]
        )

    @clean_errors
    def create(self, props: dict[str, Any]) -> CreateResult:
        arguments = self._arguments(props)
        not_these = self._not_these(arguments, props.get("__baseline"))
        owner = secrets.token_hex(4)

        async def acquire(client: ChatDaddy) -> tuple[Account, bool]:
            account = await self._acquire(client, arguments, not_these)
            OWNERS[account.account_id] = owner
            return await self._bring(client, arguments, account)

        account, opened = self.run(acquire)
        outs = self._outputs(_facts(account), arguments, declared=props, opened=opened)
        return CreateResult(account.account_id, {**outs, _OWNER: owner})

    async def _acquire(
        self, client: ChatDaddy, arguments: AccountArguments, not_these: set[str] | None
    ) -> Account:
        """The account, bought or taken over."""
        wanted = arguments.wanted()
        if arguments.adopt is None:
            account, bought = await buy(client, wanted, arguments.existing, not_these)
            if not bought:
                await self._guard(client, arguments, account.account_id, account.tier)
            return account
        found = await account_to_adopt(client, arguments.adopt, wanted)
        await self._guard(client, arguments, found.account_id, found.tier)
        return await adopt(client, found)

    async def _bring(
        self, client: ChatDaddy, arguments: AccountArguments, account: Account
    ) -> tuple[Account, bool]:
        """The account as it is wanted, and whether its connection was opened if asked.

        It is ours already, and an error would lose it: what fails is left to the next update, which
        sees the difference.
        """
        wanted = arguments.wanted()
        try:
            changed = await bring_to(client, Held.of(account), wanted)
            account = account.model_copy(update=changed)
            if wanted.connect:
                await open_connection(client, account.account_id)
        except NotDone as error:
            warn(f"{arguments.nickname!r} is yours ({account.account_id}), but {error}")
            return account, False
        return account, True

    @clean_errors
    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        account = self.run(lambda client: client.accounts.read(id_))
        if account is None or is_archived(account):
            return ReadResult("", {})
        declared = dict(props[_DECLARED])
        arguments = self._arguments(declared)
        outs = {
            **self._outputs(_facts(account), arguments, declared=declared),
            _DECLARED: declared,
            **_owner(props),
        }
        # What differs from the program is told as an input too: then the next preview shows it.
        inputs = dict(declared)
        for key in Held.of(account).differences(arguments.wanted()):
            if key == "settings":
                inputs[key] = {name: (account.settings or {}).get(name) for name in declared[key]}
            else:
                inputs[key] = getattr(account, key)
        return ReadResult(id_, outs, inputs)

    @clean_errors
    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        arguments = self._arguments(_news)
        wanted = arguments.wanted()

        async def work(client: ChatDaddy) -> dict[str, Any]:
            held, facts = _held(_id, _olds), dict(_olds)
            if _olds.get("deleted_at") is not None:
                account = await adopt(client, await account_to_adopt(client, _id, wanted))
                held, facts = Held.of(account), _facts(account)
            facts |= await bring_to(client, held, wanted)
            if wanted.connect and not _olds[_DECLARED].get("connect"):
                await open_connection(client, _id)
            return facts

        outs = self._outputs(self.run(work), arguments, declared=_news)
        return UpdateResult({**outs, **_owner(_olds)})

    @clean_errors
    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        if belongs_to_another(_id, _props.get(_OWNER, "")):
            warn(f"{_id} is not removed: another resource of this program took it over")
            return
        on_delete = OnDelete(_props[_DECLARED]["on_delete"])
        self.run(lambda client: remove(client, _id, on_delete))

    def _arguments(self, inputs: dict[str, Any]) -> AccountArguments:
        known, _ = split_unknowns(inputs)
        arguments, failures = read_arguments(
            {key: value for key, value in known.items() if key in ACCOUNT}
        )
        assert arguments is not None, failures
        return arguments

    def _outputs(
        self,
        facts: dict[str, Any],
        arguments: AccountArguments,
        *,
        declared: dict[str, Any],
        opened: bool = True,
    ) -> dict[str, Any]:
        """The state: what ChatDaddy says of the account, what it costs, and how it was declared."""
        kept = {key: value for key, value in declared.items() if not key.startswith("__")}
        if not opened:
            kept.pop("connect", None)
        return {
            **{key: facts[key] for key in _FACTS if facts.get(key) is not None},
            **({"user_id": secret(facts["user_id"])} if facts.get("user_id") else {}),
            "cost": self.prices.of(arguments.tier).as_output(),
            _DECLARED: kept,
        }


#: What of an account is kept in the state, beside the phone number.
_FACTS = (
    "account_id",
    "nickname",
    "type",
    "tier",
    "state",
    "can_login",
    "created_at",
    "owner_id",
    "archive_state",
    "settings",
    "assignees",
    "deleted_at",
)


def _facts(account: Account) -> dict[str, Any]:
    """The account's attributes, as plain values."""
    return account.model_dump(mode="json") | {
        "archive_state": account.archive_state.type if account.archive_state else None,
        "settings": account.settings or {},
    }


def _owner(outputs: dict[str, Any]) -> dict[str, str]:
    return {_OWNER: outputs[_OWNER]} if _OWNER in outputs else {}


def _held(account_id: str, outputs: dict[str, Any]) -> Held:
    return Held(
        account_id=account_id,
        nickname=outputs["nickname"],
        tier=outputs.get("tier"),
        settings=outputs.get("settings", {}),
        assignees=outputs.get("assignees"),
    )
