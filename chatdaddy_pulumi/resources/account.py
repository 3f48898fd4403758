"""`Account`: one ChatDaddy account. Its operations are in `provider.account`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pulumi
from pulumi.dynamic import Resource

from chatdaddy_pulumi.enums import AccountType, Existing, LoginType, OnDelete, Tier
from chatdaddy_pulumi.resources.program import check_name, end_if_failed, program, secret_names
from chatdaddy_pulumi.resources.registry import PROVIDERS
from chatdaddy_pulumi.spec.types import (
    CostOutput,
    ExistingWord,
    LoginTypeWord,
    OnDeleteWord,
    Settings,
    SettingsOutput,
    TierWord,
    TypeWord,
)


class Account(Resource, module="chatdaddy", name="Account"):
    """A ChatDaddy account: a WhatsApp number, or an account of another channel.

    Creating it **purchases** it, which is charged at once (the guide: 1 USD). A change of `tier`,
    `nickname`, `settings` or `assignees` patches it. Removing it does what `on_delete` says.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        # Without this, the SDK gives a subclass the type of any dynamic resource.
        super().__init_subclass__(module="chatdaddy", name="Account", **kwargs)

    account_id: pulumi.Output[str]
    """The account's ID, ``acc…``; the resource's ID too."""
    nickname: pulumi.Output[str]
    """The name shown in ChatDaddy."""
    type: pulumi.Output[str]
    """The channel, e.g. ``wa``."""
    tier: pulumi.Output[str]
    """The tier, in the API's own words."""
    state: pulumi.Output[str]
    """``open`` (logged in), ``connecting`` (there is a QR code to scan) or ``close``."""
    can_login: pulumi.Output[bool]
    """Whether ChatDaddy would let the account log in."""
    user_id: pulumi.Output[str | None]
    """The phone number that is logged in. A secret, since it is a person's."""
    created_at: pulumi.Output[str]
    """When it was purchased, in ISO 8601."""
    owner_id: pulumi.Output[str]
    """The team or user that owns it."""
    archive_state: pulumi.Output[str | None]
    """``archiving``, ``done`` or ``error`` if it was archived."""
    if TYPE_CHECKING:  # the SDK converts values to this type, and does not know TypedDict
        settings: pulumi.Output[SettingsOutput]
        """All its settings, ChatDaddy's defaults included."""
        cost: pulumi.Output[CostOutput]
        """What it costs in USD, if prices are known: ``purchase`` (once) and ``per_day``."""

    def __init__(
        self,
        name: str,
        *,
        nickname: pulumi.Input[str] | None = None,
        type: pulumi.Input[AccountType | TypeWord] | None = AccountType.WHATSAPP,
        tier: pulumi.Input[Tier | TierWord] | None = Tier.LIMITED,
        settings: Settings | None = None,
        login_type: pulumi.Input[LoginType | LoginTypeWord] | None = None,
        assignees: pulumi.Input[Sequence[pulumi.Input[str]]] | None = None,
        on_delete: pulumi.Input[OnDelete | OnDeleteWord] | None = OnDelete.DELETE,
        existing: pulumi.Input[Existing | ExistingWord] | None = Existing.FAIL,
        adopt: pulumi.Input[str] | None = None,
        connect: pulumi.Input[bool] | None = False,
        allow_history_loss: pulumi.Input[bool] | None = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare an account. None for an argument means its default.

        Args:
            name: The resource's name in the stack.
            nickname: The name shown in ChatDaddy, 1 to 128 characters; by default the resource's
                name. ChatDaddy lets several accounts have one nickname.
            type: The channel. A change replaces the account: the new one is bought first, then
                the old one is removed.
            tier: ``limited`` or ``unlimited``, or the API's own words.
            settings: The settings to keep, with the API's own names (``enableHistorySync`` …).
                Settings that are not named stay as they are.
            login_type: ``facebook`` or ``instagram``, for channels that have both. A change
                replaces the account.
            assignees: IDs of the team members who may use it.
            on_delete: ``delete`` (24 hours of grace), ``delete_now``, ``archive`` (notes and
                contacts stay) or ``retain`` (touch nothing, only forget).
            existing: What to do if the team already has a live account of that nickname which
                this resource does not own: ``fail`` before anything is bought, ``adopt`` it if it
                is the only one and of the same type, or ``allow`` buying another.
            adopt: The ID of an account to take over instead of buying one. If it was deleted less
                than 24 hours ago, it is recreated. Once it is adopted, dropping the argument
                changes nothing.
            connect: Open the connection, so that there is a QR code to scan.
            allow_history_loss: Let a change to a tier without chat history delete what was
                synced. Otherwise the preview fails and says what would be deleted.
            opts: The resource's options. `import_` can't work for dynamic resources: use `adopt`.
                `deleted_with` is refused, since the account would stay and go on costing money.
        """
        check_name("Account", name)
        opts = opts or pulumi.ResourceOptions()
        if opts.import_ is not None:
            raise pulumi.RunError(
                f"Account {name!r}: the engine can't import dynamic resources; "
                f"take the account over with adopt={opts.import_!r} instead of import_"
            )
        given = {
            "nickname": name if nickname is None else nickname,
            "type": type,
            "login_type": login_type,
            "tier": tier,
            "settings": settings,
            "assignees": assignees,
            "on_delete": on_delete,
            "existing": existing,
            "adopt": adopt,
            "connect": connect,
            "allow_history_loss": allow_history_loss,
        }
        run = program()
        declared = run.declare("account", name, given, opts)
        declared.resource = self
        super().__init__(
            PROVIDERS["_account"],
            name,
            {
                **given,
                **declared.inputs,
                "__secrets": secret_names(given),
                # Outputs are named here so that the SDK makes attributes of them.
                **dict.fromkeys(_OUTPUTS),
                "__failed": None,
            },
            pulumi.ResourceOptions.merge(
                opts,
                pulumi.ResourceOptions(
                    additional_secret_outputs=["user_id"],
                    hooks=run.hooks(declared),
                ),
            ),
        )
        declared.registered()
        end_if_failed(getattr(self, "__failed"), partial(_failure_of, name))


def _failure_of(name: str, failed: str | None, secret: bool) -> str | None:
    if failed and secret:
        return (
            f"Account {name!r} failed; the reason is not shown, because an argument is a secret. "
            "What was done is saved, and the next `pulumi up` does what is missing"
        )
    return failed


_OUTPUTS = (
    "account_id",
    "state",
    "can_login",
    "user_id",
    "created_at",
    "owner_id",
    "archive_state",
    "cost",
)
