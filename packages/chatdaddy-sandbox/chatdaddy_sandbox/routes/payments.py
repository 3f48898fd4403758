"""The payments service: what the team may use and what it has used."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from chatdaddy_sandbox.billing import BILLING_PAGE, ITEMS, LIMITED_ITEMS
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.routes.shared import (
    Answer,
    Body,
    Error,
    InService,
    LimitedItem,
    json_response,
    needs,
    refusals,
)
from chatdaddy_sandbox.tokens import Caller

router = APIRouter(prefix="/payments", tags=["payments"])

AnyCaller = Annotated[Caller, Depends(needs())]
Updater = Annotated[Caller, Depends(needs("PAYMENTS_UPDATE"))]


class Access(Answer):
    features: list[str]
    limits: dict[str, int]
    lastExpiryOrRenewalDate: str | None = None  # noqa: N815


class TeamDetail(Answer):
    id: str
    access: Access
    usage: dict[str, int]
    autoChargeItems: list[LimitedItem]  # noqa: N815
    lockAccount: bool  # noqa: N815
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815


class TeamDetailPatch(Body):
    autoChargeItems: list[LimitedItem] | None = None  # noqa: N815
    lockAccount: bool | None = None  # noqa: N815


class AccessAndUsage(Answer):
    access: Access
    usage: dict[str, int]


class AutoChargeProduct(Answer):
    item: LimitedItem
    stripePriceId: str  # noqa: N815


class AutoChargeProducts(Answer):
    items: list[AutoChargeProduct]
    products: list[AutoChargeProduct]


@router.get("/team-detail", response_model=TeamDetail, responses=refusals(Error, 401))
async def team_detail_get(service: InService, caller: AnyCaller) -> Response:
    """The team's billing: access, usage, what may be charged automatically."""
    return json_response(service.billing.team_detail())


@router.patch(
    "/team-detail",
    status_code=204,
    responses=refusals(Error, 400, 401, 403),
    response_class=Response,
)
async def team_detail_patch(service: InService, caller: Updater, changes: TeamDetailPatch) -> None:
    """Change what may be charged automatically, or lock the team."""
    given = {k: v for k, v in changes.given().items() if v is not None}
    with service.store.transaction():
        service.billing.patch(given)


@router.get(
    "/team-detail/account-access/{id}",
    response_model=AccessAndUsage,
    responses=refusals(Error, 401, 404),
)
async def account_access_get(service: InService, caller: AnyCaller, id: str) -> Response:
    """What an account may do, and the messages it has sent in this period."""
    return json_response(service.billing.account_access(service.accounts.find(id)))


@router.post(
    "/team-detail/refresh-access",
    status_code=204,
    responses=refusals(Error, 400, 401, 403),
    response_class=Response,
)
async def refresh_access_post(
    service: InService,
    caller: Updater,
    refreshUsage: bool = False,  # noqa: N803
) -> None:
    """Recompute access and usage; here they are never out of date."""


@router.get(
    "/auto-charge-products", response_model=AutoChargeProducts, responses=refusals(Error, 401)
)
async def auto_charge_products_get(service: InService, caller: AnyCaller) -> Response:
    """What can be charged automatically.

    The official client's types call the list `items`, the documentation `products`.
    """
    products = [{"item": item, "stripePriceId": f"price_sandbox_{item}"} for item in LIMITED_ITEMS]
    return json_response({"items": products, "products": products})


@router.post(
    "/auto-charge-products/prepare/{item}",
    response_model=AccessAndUsage,
    responses=refusals(Error, 400, 401, 402, 404),
)
async def auto_charge_products_prepare(
    service: InService,
    caller: AnyCaller,
    item: LimitedItem,
    accountId: Annotated[str | None, Query()] = None,  # noqa: N803
) -> Response:
    """Make sure that one more of the item can be charged; nothing is done below the limit."""
    if accountId is not None:
        service.accounts.find(accountId)
    access, usage = service.billing.access(), service.billing.usage()
    answer: dict[str, Any] = {"access": access, "usage": usage}
    if usage[item] < access["limits"][item]:
        return json_response(answer)
    if item in ITEMS.values():
        tier = next(tier for tier, name in ITEMS.items() if name == item)
        service.billing.must_be_chargeable(tier)
    elif service.billing.locked:
        raise ApiError(402, "The team is locked due to non-payment", help_url=BILLING_PAGE)
    return json_response(answer)
