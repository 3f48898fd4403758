"""The auth service: tokens, API tokens, the team."""

from __future__ import annotations

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import Field, model_validator

from chatdaddy_sandbox.clock import iso
from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.randomness import token_urlsafe
from chatdaddy_sandbox.routes.shared import (
    Answer,
    AuthError,
    Body,
    InService,
    Role,
    Success,
    json_response,
    listed,
    needs,
    refusals,
)
from chatdaddy_sandbox.scopes import SCOPES, to_binary
from chatdaddy_sandbox.service import Service
from chatdaddy_sandbox.tokens import Caller

router = APIRouter(prefix="/auth", tags=["auth"])

Scopes = list[Annotated[str, Field(json_schema_extra={"enum": list(SCOPES)})]]
AnyCaller = Annotated[Caller, Depends(needs())]


def _known_scopes(scopes: list[str] | None) -> list[str]:
    unknown = [name for name in scopes or [] if name not in SCOPES]
    if unknown:
        raise ApiError(400, f"Unknown scopes: {', '.join(unknown)}")
    return list(scopes or [])


class TokenRequest(Body):
    """Log in by refresh token and team, or by phone number and password."""

    refreshToken: str | None = None  # noqa: N815
    phoneNumber: int | None = None  # noqa: N815
    password: str | None = None
    passwordEncoding: Literal["plaintext", "shaBase64"] = "plaintext"  # noqa: N815
    returnRefreshToken: bool | None = None  # noqa: N815
    teamId: str | None = None  # noqa: N815
    scopes: Scopes | None = None
    updateLastUsedTeam: bool | None = None  # noqa: N815
    force: bool | None = None
    metadata: dict[str, Any] | None = None

    @model_validator(mode="after")
    def one_way(self) -> TokenRequest:
        if self.refreshToken is not None:
            if self.teamId is None:
                raise ValueError("teamId is required with refreshToken")
        elif self.phoneNumber is None or self.password is None:
            raise ValueError("refreshToken and teamId, or phoneNumber and password, are required")
        return self


class TokenAnswer(Answer):
    access_token: str
    refresh_token: str | None = None
    refresh_token_expiry: str | None = None
    was_forced: bool | None = None


class ApiTokenRequest(Body):
    reason: str
    scopes: Scopes


class ApiToken(Answer):
    reason: str
    token: str
    createdAt: str  # noqa: N815
    userId: str  # noqa: N815
    teamId: str  # noqa: N815
    scopes: list[str]


class ApiTokens(Answer):
    tokens: list[ApiToken]


class ValidateRequest(Body):
    token: str


class Jwt(Answer):
    """What an access token with the same rights would say."""

    scope: str
    exp: float
    iat: float
    user: dict[str, Any]


class TeamAnswer(Answer):
    id: str
    name: str
    region: str
    createdAt: str  # noqa: N815
    updatedAt: str  # noqa: N815
    scopes: list[str]
    metadata: dict[str, Any]


class Teams(Answer):
    teams: list[TeamAnswer]
    total: int | None = None


class MemberPatch(Body):
    id: str
    delete: bool | None = None
    scopes: Scopes | None = None
    role: Role | None = None


class InviteLinkPatch(Body):
    id: str
    delete: bool | None = None


class TeamPatch(Body):
    name: str | None = None
    region: str | None = None
    metadata: dict[str, Any] | None = None
    members: list[MemberPatch] | None = None
    inviteLinks: list[InviteLinkPatch] | None = None  # noqa: N815


class InviteLinkRequest(Body):
    """A role or scopes."""

    role: Role | None = None
    scopes: Scopes | None = None

    @model_validator(mode="after")
    def one_of_them(self) -> InviteLinkRequest:
        if (self.role is None) == (self.scopes is None):
            raise ValueError("either role or scopes is required")
        return self


class InviteLink(Answer):
    id: str
    teamId: str  # noqa: N815
    createdBy: str  # noqa: N815
    createdAt: str  # noqa: N815
    expiresAt: str  # noqa: N815
    scopes: list[str]
    role: Role | None = None


@router.post(
    "/token", response_model=TokenAnswer, responses=refusals(AuthError, 400, 401, 403, 429)
)
async def token_post(service: InService, request: TokenRequest) -> Response:
    """Log in: an access token of one hour, with the scopes asked for (all if none are)."""
    wanted = _known_scopes(request.scopes)
    with service.store.transaction():
        member, refresh_token = service.team.login(request.model_dump())
        held = json.loads(member["scopes"])
        scopes = [name for name in wanted if name in held] if request.scopes else held
        answer: dict[str, Any] = {
            "access_token": service.tokens.issue(service.team.user_claim(member), scopes)
        }
        if refresh_token is not None:
            answer["refresh_token"] = refresh_token
            answer["refresh_token_expiry"] = iso(service.team.refresh_token_ends())
        if request.force:
            answer["was_forced"] = False
    return json_response(answer)


@router.post("/api-token", response_model=ApiToken, responses=refusals(AuthError, 400, 401, 403))
async def api_token_post(
    service: InService, caller: AnyCaller, request: ApiTokenRequest
) -> Response:
    """Make a token that never expires, with no more than the caller's own scopes."""
    scopes = _known_scopes(request.scopes)
    if missing := [name for name in scopes if name not in caller.scopes]:
        raise ApiError(403, f"Forbidden: missing scope {', '.join(missing)}")
    token = f"cdt_{token_urlsafe(service.random, 30)}"
    now = service.clock.now()
    with service.store.transaction():
        service.store.run(
            "INSERT INTO api_tokens (token, reason, scopes, user_id, created_at)"
            " VALUES (?, ?, ?, ?, ?)",
            *(token, request.reason, json.dumps(scopes), caller.user_id, now),
        )
    return json_response(_api_token(service, token))


@router.get("/api-token", response_model=ApiTokens, responses=refusals(AuthError, 401))
async def api_token_get(service: InService, caller: AnyCaller) -> Response:
    """The caller's API tokens."""
    rows = service.store.all(
        "SELECT token FROM api_tokens WHERE user_id = ? ORDER BY created_at", caller.user_id
    )
    return json_response({"tokens": [_api_token(service, row["token"]) for row in rows]})


@router.delete(
    "/api-token", status_code=204, responses=refusals(AuthError, 400, 401), response_class=Response
)
async def api_token_delete(
    service: InService,
    caller: AnyCaller,
    request: Request,
    tokens: Annotated[list[str], Query(default_factory=list, description="also as tokens[0]=…")],
) -> None:
    """Delete API tokens; ones that are not there are let pass."""
    wanted = listed(request, "tokens")
    if not wanted:
        raise ApiError(400, "tokens is required")
    with service.store.transaction():
        for token in wanted:
            service.store.run(
                "DELETE FROM api_tokens WHERE token = ? AND user_id = ?", token, caller.user_id
            )
            service.tokens.forget(token)


@router.post("/api-token/validate", response_model=Jwt, responses=refusals(AuthError, 400, 401))
async def api_token_validate_post(service: InService, request: ValidateRequest) -> Response:
    """What an API token stands for, as the claims of an access token."""
    caller = service.tokens.check(f"Bearer {request.token}")
    member = service.store.one("SELECT * FROM members WHERE user_id = ?", caller.user_id)
    now = int(service.clock.now())
    user = service.team.user_claim(member) if member is not None else {"id": caller.user_id}
    claims = {"scope": to_binary(caller.scopes), "iat": now, "exp": now + 3600, "user": user}
    return json_response(claims)


@router.get("/teams", response_model=Teams, responses=refusals(AuthError, 400, 401))
async def teams_get(
    service: InService,
    caller: AnyCaller,
    request: Request,
    q: str | None = None,
    count: Annotated[int | None, Query(ge=1)] = None,
    page: Annotated[int | None, Query(ge=0)] = None,
    includeTeamMembers: bool = False,  # noqa: N803
    includeInviteLinks: bool = False,  # noqa: N803
    includeTotal: bool = False,  # noqa: N803
    includeCreator: bool = False,  # noqa: N803
) -> Response:
    """The caller's teams: the one team, if it fits the filters."""
    ids = listed(request, "id")
    name = str(service.team.detail["name"])
    fits = (not ids or service.options.team_id in ids) and (
        not q or q.lower() in name.lower() or q == service.options.team_id
    )
    first = page is None or page <= service.options.page_base
    team = service.team.shown(
        members=includeTeamMembers, invite_links=includeInviteLinks, creator=includeCreator
    )
    answer: dict[str, Any] = {"teams": [team] if fits and first else []}
    if includeTotal:
        answer["total"] = int(fits)
    return json_response(answer)


@router.patch("/teams", response_model=Success, responses=refusals(AuthError, 400, 401, 403, 404))
async def teams_patch(
    service: InService, caller: Annotated[Caller, Depends(needs("TEAM_UPDATE"))], request: TeamPatch
) -> Response:
    """Change the team, its members or its invite links."""
    if request.members and not caller.may("TEAMMEMBERS_UPDATE"):
        raise ApiError(403, "Forbidden: missing scope TEAMMEMBERS_UPDATE")
    for member in request.members or []:
        _known_scopes(member.scopes)
    changes = {k: v for k, v in request.given().items() if v is not None}
    with service.store.transaction():
        service.team.patch(changes)
    return json_response({"success": True})


@router.post(
    "/invite-links", response_model=InviteLink, responses=refusals(AuthError, 400, 401, 403)
)
async def invite_links_post(
    service: InService,
    caller: Annotated[Caller, Depends(needs("TEAMLINK_CREATE"))],
    request: InviteLinkRequest,
) -> Response:
    """Make a link by which a person joins the team."""
    _known_scopes(request.scopes)
    with service.store.transaction():
        link = service.team.create_link(caller, request.given())
    return json_response(link)


def _api_token(service: Service, token: str) -> dict[str, Any]:
    row = service.store.one("SELECT * FROM api_tokens WHERE token = ?", token)
    assert row is not None
    return {
        "reason": row["reason"],
        "token": token,
        "createdAt": iso(row["created_at"]),
        "userId": row["user_id"],
        "teamId": service.options.team_id,
        "scopes": json.loads(row["scopes"]),
    }
