"""`/_sandbox`: what tests and people do to the emulated service outside of the API."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from chatdaddy_sandbox.faults import Action, Fault
from chatdaddy_sandbox.routes.shared import (
    AccountState,
    AccountType,
    InService,
    Tier,
    json_response,
)

router = APIRouter(prefix="/_sandbox", include_in_schema=False)


class FaultOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    method: str = "*"
    path: str = "*"
    times: Annotated[int, Field(ge=1)] = 1
    action: Action
    status: Annotated[int, Field(ge=400, le=599)] = 500
    retry_after: Annotated[float, Field(ge=0)] | None = None
    delay_ms: Annotated[float, Field(ge=0)] = 0
    after_s: Annotated[float, Field(ge=0)] = 0
    probability: Annotated[float, Field(gt=0, le=1)] = 1
    message: str | None = None
    omit: Annotated[int, Field(ge=1)] = 1


class AccountOrder(BaseModel):
    """A purchase by another member of the team."""

    model_config = ConfigDict(extra="forbid")

    nickname: str | None = None
    type: AccountType = "wa"
    tier: Tier | None = None
    settings: dict[str, Any] = {}
    createdBy: Annotated[str, Field(min_length=1)] = "user-somebody-else"  # noqa: N815


class AccountEdit(BaseModel):
    """Changes by hand. Omitted fields stay unchanged."""

    model_config = ConfigDict(extra="forbid")

    nickname: str | None = None
    type: AccountType = "wa"
    tier: Tier | None = None
    state: AccountState = "close"
    settings: dict[str, Any] = {}
    createdBy: str = ""  # noqa: N815
    ownerId: str = ""  # noqa: N815
    createdAt: AwareDatetime | None = None  # noqa: N815
    deletedAt: AwareDatetime | None = None  # noqa: N815
    archiveState: Literal["archiving", "error", "done"] | None = None  # noqa: N815
    userId: str | None = None  # noqa: N815

    def changes(self) -> dict[str, Any]:
        """The given fields, with times as seconds since the epoch."""
        return {
            name: value.timestamp() if isinstance(value, datetime) else value
            for name, value in self.model_dump(exclude_unset=True).items()
        }


class ClockMove(BaseModel):
    """`idle`: the refresh token is not used meanwhile, so that it may expire."""

    advance_s: Annotated[float, Field(ge=0, le=400 * 86_400)]
    idle: bool = False


class Scan(BaseModel):
    phone: str | None = None


class Messages(BaseModel):
    count: Annotated[int, Field(ge=0, le=10_000_000)]


class Failure(BaseModel):
    message: str = "Connection lost"
    logout: bool = False


class NewMember(BaseModel):
    name: str
    role: str = "viewer"


@router.get("/requests")
async def requests_get(service: InService) -> Response:
    return json_response(service.record.shown())


@router.delete("/requests")
async def requests_delete(service: InService) -> Response:
    service.record.clear()
    return json_response({"success": True})


@router.get("/faults")
async def faults_get(service: InService) -> Response:
    return json_response({"faults": [fault.shown() for fault in service.faults.ordered]})


@router.post("/faults")
async def faults_post(service: InService, order: FaultOrder) -> Response:
    fault = Fault(**order.model_dump() | {"method": order.method.upper()})
    if fault.action == "stale":
        fault.listing = service.accounts.snapshot()
    service.faults.ordered.append(fault)
    return json_response({"success": True, "fault": fault.shown()})


@router.delete("/faults")
async def faults_delete(service: InService) -> Response:
    for fault in service.faults.ordered:
        if fault.listing is not None:
            service.accounts.forget(fault.listing)
    service.faults.ordered.clear()
    return json_response({"success": True})


@router.get("/ledger")
async def ledger_get(service: InService) -> Response:
    return json_response(service.billing.ledger())


@router.get("/webhooks")
async def webhooks_get(service: InService) -> Response:
    return json_response({"deliveries": service.webhooks.deliveries(1000)})


@router.get("/clock")
async def clock_get(service: InService) -> Response:
    return json_response(_clock(service))


@router.post("/clock")
async def clock_post(service: InService, move: ClockMove) -> Response:
    with service.store.transaction():
        service.clock.advance(move.advance_s)
        if not move.idle:
            service.team.keep_refresh_token()
        service.settle()
    return json_response(_clock(service))


@router.get("/public-key")
async def public_key_get(service: InService) -> Response:
    return Response(service.tokens.public_key, media_type="application/x-pem-file")


@router.post("/accounts")
async def accounts_post(service: InService, order: AccountOrder | None = None) -> Response:
    wanted = order or AccountOrder()
    with service.store.transaction():
        account = service.accounts.purchase(wanted.createdBy, wanted.model_dump())
    return json_response(account)


@router.get("/accounts/{id}")
async def account_get(service: InService, id: str) -> Response:
    return json_response(service.accounts.detail(id))


@router.post("/accounts/{id}/edit")
async def account_edit(service: InService, id: str, edit: AccountEdit) -> Response:
    with service.store.transaction():
        account = service.accounts.edit(id, edit.changes())
    return json_response(account)


@router.post("/accounts/{id}/scan")
async def account_scan(service: InService, id: str, scan: Scan | None = None) -> Response:
    with service.store.transaction():
        detail = service.accounts.scan(id, scan.phone if scan else None)
    return json_response(detail)


@router.post("/accounts/{id}/messages")
async def account_messages(service: InService, id: str, messages: Messages) -> Response:
    with service.store.transaction():
        result = service.accounts.send(id, messages.count)
    return json_response(result)


@router.post("/accounts/{id}/fail")
async def account_fail(service: InService, id: str, failure: Failure | None = None) -> Response:
    what = failure or Failure()
    with service.store.transaction():
        detail = service.accounts.fail(id, what.message, logout=what.logout)
    return json_response(detail)


@router.post("/members")
async def members_post(service: InService, member: NewMember) -> Response:
    with service.store.transaction():
        added = service.team.add_member(member.name, member.role)
    return json_response(added)


def _clock(service: InService) -> dict[str, Any]:
    return {"now": service.clock.now(), "offset_s": service.clock.offset_s}
