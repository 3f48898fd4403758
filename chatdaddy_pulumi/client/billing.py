"""What the team may use, has used and is charged for (the payments service)."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import AliasChoices, Field, TypeAdapter

from chatdaddy_pulumi.client.calls import Call, Repeat
from chatdaddy_pulumi.client.models import (
    AccountAccess,
    AutoChargeProduct,
    TeamDetail,
    _Received,
)
from chatdaddy_pulumi.client.transport import Transport


class _Products(_Received):
    # The API's description says `products`, the official client's types say `items`.
    products: list[AutoChargeProduct] = Field(
        default_factory=list, validation_alias=AliasChoices("products", "items")
    )


_TEAM_DETAIL = TypeAdapter(TeamDetail).validate_json
_ACCESS = TypeAdapter(AccountAccess).validate_json
_PRODUCTS = TypeAdapter(_Products).validate_json


class Billing:
    """The billing of one team. Errors as for `Accounts`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def team_detail(self) -> TeamDetail:
        """Limits, usage, and the items that are charged automatically."""
        return await self._transport.ask(Call("GET", "payments", "/team-detail"), _TEAM_DETAIL)

    async def set_auto_charge(self, items: Iterable[str]) -> None:
        """Replace the list of items that are charged automatically."""
        body = {"autoChargeItems": list(items)}
        await self._transport.do(
            Call("PATCH", "payments", "/team-detail", body=body, repeat=Repeat.IDEMPOTENT)
        )

    async def account_access(self, account_id: str) -> AccountAccess:
        """What an account may do and has used in this billing period."""
        path = "/team-detail/account-access/{id}"
        return await self._transport.ask(Call("GET", "payments", path, (account_id,)), _ACCESS)

    async def refresh_access(self, *, usage: bool = False) -> None:
        """Make ChatDaddy compute limits (and usage) again, as after a purchase."""
        await self._transport.do(
            Call(
                "POST",
                "payments",
                "/team-detail/refresh-access",
                params={"refreshUsage": "true"} if usage else None,
                repeat=Repeat.IDEMPOTENT,
            )
        )

    async def auto_charge_products(self) -> list[AutoChargeProduct]:
        """The items that can be charged automatically."""
        call = Call("GET", "payments", "/auto-charge-products")
        return (await self._transport.ask(call, _PRODUCTS)).products

    async def prepare(self, item: str, account_id: str | None = None) -> None:
        """Make sure that one more of the item can be charged. Below the limit, this does nothing.

        Raises `Refused` if the team can't be charged.
        """
        await self._transport.do(
            Call(
                "POST",
                "payments",
                "/auto-charge-products/prepare/{id}",
                (item,),
                params={"accountId": account_id} if account_id else None,
                repeat=Repeat.IDEMPOTENT,
            )
        )
