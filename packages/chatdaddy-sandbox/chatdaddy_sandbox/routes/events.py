"""The events service: webhook subscriptions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field

from chatdaddy_sandbox.routes.shared import (
    Answer,
    Body,
    Error,
    InService,
    Success,
    json_response,
    listed,
    needs,
    refusals,
)
from chatdaddy_sandbox.tokens import Caller

router = APIRouter(prefix="/events", tags=["events"])

Hooker = Annotated[Caller, Depends(needs("CHATDADDY_HOOK"))]

EventName = Annotated[str, Field(pattern=r"^[a-z]+(-[a-z]+)+$", examples=["account-update"])]
_URL = r"^https?://([\w.~%:-]+@)?([A-Za-z0-9._~-]+|\[::1\])(:[0-9]{1,5})?([/?#][!-~]*)?$"
Url = Annotated[str, Field(pattern=_URL, examples=["http://127.0.0.1:9000/hook"])]


class SubscriptionsPost(Body):
    enabled: bool
    url: Url
    events: list[EventName] | None = None
    accounts: list[str] | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")


class SubscriptionsPatch(Body):
    enabled: bool | None = None
    url: Url | None = None
    events: list[EventName] | None = None
    accounts: list[str] | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")


class Subscription(Answer):
    id: str
    enabled: bool
    ownerId: str  # noqa: N815
    userId: str  # noqa: N815
    createdAt: str  # noqa: N815
    events: list[str]
    type: Literal["webhook", "websocket"]
    url: str


class Subscriptions(Answer):
    subscriptions: list[Subscription]


@router.post(
    "/subscriptions", response_model=Subscription, responses=refusals(Error, 400, 401, 403)
)
async def subscriptions_post(
    service: InService, caller: Hooker, wanted: SubscriptionsPost
) -> Response:
    """Have events posted to a URL."""
    with service.store.transaction():
        created = service.webhooks.create(caller.user_id, wanted.given())
    return json_response(created)


@router.get(
    "/subscriptions", response_model=Subscriptions, responses=refusals(Error, 400, 401, 403)
)
async def subscriptions_get(
    service: InService,
    caller: Hooker,
    request: Request,
    teamId: Annotated[list[str], Query(default_factory=list)],  # noqa: N803
    userId: Annotated[list[str], Query(default_factory=list)],  # noqa: N803
    type: Literal["webhook", "websocket"] | None = None,
    accountId: str | None = None,  # noqa: N803
) -> Response:
    """The subscriptions that fit."""
    found = service.webhooks.matching(
        kind=type,
        account_id=accountId,
        team_ids=listed(request, "teamId"),
        user_ids=listed(request, "userId"),
    )
    return json_response({"subscriptions": found})


@router.patch(
    "/subscriptions/{id}",
    response_model=Subscription,
    responses=refusals(Error, 400, 401, 403, 404),
)
async def subscriptions_patch(
    service: InService, caller: Hooker, id: str, changes: SubscriptionsPatch
) -> Response:
    """Change any part of a subscription; null forgets `accounts` and `schema`."""
    given = {
        name: value
        for name, value in changes.given().items()
        if value is not None or name in ("accounts", "schema")
    }
    with service.store.transaction():
        changed = service.webhooks.patch(id, given)
    return json_response(changed)


@router.delete(
    "/subscriptions/{id}", response_model=Success, responses=refusals(Error, 401, 403, 404)
)
async def subscriptions_delete(service: InService, caller: Hooker, id: str) -> Response:
    """Have no more events posted."""
    with service.store.transaction():
        service.webhooks.delete(id)
    return json_response({"success": True})
