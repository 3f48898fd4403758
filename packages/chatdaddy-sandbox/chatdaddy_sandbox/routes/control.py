"""`/_sandbox`: what tests and people do to the emulated world from outside the API."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field

from chatdaddy_sandbox.faults import Action, Fault
from chatdaddy_sandbox.routes.shared import InWorld, json_response

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


class ClockMove(BaseModel):
    """`idle`: nobody used the refresh token meanwhile, so that it may have died."""

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
async def requests_get(world: InWorld) -> Response:
    return json_response(world.record.shown())


@router.delete("/requests")
async def requests_delete(world: InWorld) -> Response:
    world.record.clear()
    return json_response({"success": True})


@router.get("/faults")
async def faults_get(world: InWorld) -> Response:
    return json_response({"faults": [vars(fault) for fault in world.faults.ordered]})


@router.post("/faults")
async def faults_post(world: InWorld, order: FaultOrder) -> Response:
    fault = Fault(**order.model_dump() | {"method": order.method.upper()})
    world.faults.ordered.append(fault)
    return json_response({"success": True, "fault": vars(fault)})


@router.delete("/faults")
async def faults_delete(world: InWorld) -> Response:
    world.faults.ordered.clear()
    return json_response({"success": True})


@router.get("/ledger")
async def ledger_get(world: InWorld) -> Response:
    return json_response(world.billing.ledger())


@router.get("/webhooks")
async def webhooks_get(world: InWorld) -> Response:
    return json_response({"deliveries": world.webhooks.deliveries(1000)})


@router.get("/clock")
async def clock_get(world: InWorld) -> Response:
    return json_response(_clock(world))


@router.post("/clock")
async def clock_post(world: InWorld, move: ClockMove) -> Response:
    with world.store.transaction():
        world.clock.advance(move.advance_s)
        if not move.idle:
            world.team.keep_refresh_token()
        world.settle()
    return json_response(_clock(world))


@router.get("/public-key")
async def public_key_get(world: InWorld) -> Response:
    return Response(world.tokens.public_key, media_type="application/x-pem-file")


@router.get("/accounts/{id}")
async def account_get(world: InWorld, id: str) -> Response:
    return json_response(world.accounts.detail(id))


@router.post("/accounts/{id}/scan")
async def account_scan(world: InWorld, id: str, scan: Scan | None = None) -> Response:
    with world.store.transaction():
        detail = world.accounts.scan(id, scan.phone if scan else None)
    return json_response(detail)


@router.post("/accounts/{id}/messages")
async def account_messages(world: InWorld, id: str, messages: Messages) -> Response:
    with world.store.transaction():
        result = world.accounts.send(id, messages.count)
    return json_response(result)


@router.post("/accounts/{id}/fail")
async def account_fail(world: InWorld, id: str, failure: Failure | None = None) -> Response:
    told = failure or Failure()
    with world.store.transaction():
        detail = world.accounts.fail(id, told.message, logout=told.logout)
    return json_response(detail)


@router.post("/members")
async def members_post(world: InWorld, member: NewMember) -> Response:
    with world.store.transaction():
        added = world.team.add_member(member.name, member.role)
    return json_response(added)


def _clock(world: InWorld) -> dict[str, Any]:
    return {"now": world.clock.now(), "offset_s": world.clock.offset_s}
