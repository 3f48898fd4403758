"""The im service: accounts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import ConfigDict, Field

from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.listing import SCOPE_KEY, WHOLE
from chatdaddy_sandbox.routes.shared import (
    AccountState,
    AccountType,
    Answer,
    Body,
    Error,
    InService,
    LoginType,
    Success,
    Tier,
    json_response,
    needs,
    refusals,
)
from chatdaddy_sandbox.tokens import Caller

router = APIRouter(prefix="/im", tags=["im"])

Reader = Annotated[Caller, Depends(needs("ACCOUNT_READ", "ACCOUNTS_READ_ASSIGNED"))]
Creator = Annotated[Caller, Depends(needs("ACCOUNT_CREATE"))]
Patcher = Annotated[Caller, Depends(needs("ACCOUNT_PATCH"))]
Deleter = Annotated[Caller, Depends(needs("ACCOUNT_DELETE"))]
AnyCaller = Annotated[Caller, Depends(needs())]


class KeepDeletedMessages(Body):
    fromMe: bool | None = None  # noqa: N815


class CommentsSilence(Body):
    category: Literal["ongoing-live", "all-live", "all"] | None = None


class Settings(Body):
    """An account's settings; those that are not named here are kept as they are."""

    model_config = ConfigDict(extra="allow")

    notifyUsers: list[str] | None = None  # noqa: N815
    enableHistorySync: bool | None = None  # noqa: N815
    maxMessageSync: int | None = None  # noqa: N815
    nativeChatActionSync: bool | None = None  # noqa: N815
    unArchiveOnNewMessage: bool | None = None  # noqa: N815
    newChatsAssignee: dict[str, Any] | None = None  # noqa: N815
    sendButtonsAsPoll: bool | None = None  # noqa: N815
    enableStories: bool | None = None  # noqa: N815
    autoSyncProductsToPlatform: bool | None = None  # noqa: N815
    keepDeletedMessages: KeepDeletedMessages | None = None  # noqa: N815
    geoLocation: str | None = None  # noqa: N815
    autoTranscribeVoiceMessages: bool | None = None  # noqa: N815
    autoTranscribeCalls: bool | None = None  # noqa: N815
    commentsSilence: CommentsSilence | None = None  # noqa: N815
    show24HrWindowTooltip: bool | None = None  # noqa: N815
    combineWaAndWabaContacts: bool | None = None  # noqa: N815


class AccountsPost(Body):
    type: AccountType
    tier: Tier | None = None
    nickname: str | None = None
    settings: Settings | None = None
    loginType: LoginType | None = None  # noqa: N815


class AccountsPatch(Body):
    nickname: str | None = None
    tier: Tier | None = None
    settings: Settings | None = None
    credentials: dict[str, Any] | None = None
    assignees: list[str] | None = None


class AppError(Answer):
    statusCode: int  # noqa: N815
    message: str


class Archive(Answer):
    type: Literal["archiving", "error", "done"]
    doneAt: str  # noqa: N815


class Account(Answer):
    accountId: str  # noqa: N815
    ownerId: str  # noqa: N815
    assignees: list[str] | None = None
    nickname: str | None
    tier: Tier | None = None
    type: AccountType
    createdAt: str  # noqa: N815
    createdBy: str | None = None  # noqa: N815
    updatedAt: str  # noqa: N815
    deletedAt: str | None = None  # noqa: N815
    lastLoginAt: str | None = None  # noqa: N815
    lastLogoutAt: str | None = None  # noqa: N815
    lastClosedAt: str | None = None  # noqa: N815
    state: AccountState
    error: AppError | None = None
    stateInfo: dict[str, Any]  # noqa: N815
    canLogin: bool  # noqa: N815
    userId: str | None = None  # noqa: N815
    loginType: LoginType | None = None  # noqa: N815
    settings: dict[str, Any]
    archiveState: Archive | None = None  # noqa: N815


class AccountList(Answer):
    accounts: list[Account]
    total: int | None = None


class LoginMode(Body):
    """By QR code, or by a PIN for a phone number."""

    type: Literal["qr", "phoneNumber"]
    phoneNumber: str | None = Field(None, pattern=r"^\+?[0-9]{5,20}$")  # noqa: N815


@router.post(
    "/accounts", response_model=Account, responses=refusals(Error, 400, 401, 402, 403, 429)
)
async def accounts_post(service: InService, caller: Creator, order: AccountsPost) -> Response:
    """Purchase an account. It costs money at once, then by the day."""
    with service.store.transaction():
        account = service.accounts.purchase(caller.user_id, order.given())
    return json_response(account)


@router.get("/accounts", response_model=AccountList, responses=refusals(Error, 400, 401, 403))
async def accounts_get(
    request: Request,
    service: InService,
    caller: Reader,
    q: str | None = None,
    page: Annotated[int | None, Query(ge=0)] = None,
    count: Annotated[int | None, Query(ge=1)] = None,
    type: AccountType | None = None,
    all: bool | None = None,
    state: AccountState | None = None,
    returnCount: bool = False,  # noqa: N803
    teamId: str | None = None,  # noqa: N803
    isCoexistence: bool | None = None,  # noqa: N803
) -> Response:
    """The accounts of the team, by pages; deleted ones too until they are gone for good."""
    if teamId is not None and teamId != caller.team_id:
        raise ApiError(403, f'You are not a member of the team "{teamId}"')
    accounts, total = service.accounts.page(
        q=q,
        number=page,
        count=count,
        kind=type,
        state=state,
        coexistence=isCoexistence,
        assignee=None if caller.may("ACCOUNT_READ") else caller.user_id,
        with_total=returnCount,
        listing=request.scope.get(SCOPE_KEY, WHOLE),
    )
    answer: dict[str, Any] = {"accounts": accounts}
    if total is not None:
        answer["total"] = total
    return json_response(answer)


@router.patch(
    "/accounts/{id}", response_model=Success, responses=refusals(Error, 400, 401, 402, 403, 404)
)
async def accounts_patch(
    service: InService, caller: Patcher, id: str, changes: AccountsPatch
) -> Response:
    """Change an account; the tier that it already has is refused with 400."""
    with service.store.transaction():
        service.accounts.patch(id, changes.given())
    return json_response({"success": True})


@router.delete(
    "/accounts/{id}", response_model=Success, responses=refusals(Error, 400, 401, 403, 404)
)
async def accounts_delete(
    service: InService,
    caller: Deleter,
    id: str,
    deleteNow: bool = False,  # noqa: N803
) -> Response:
    """Enqueue the account's removal: after 24 hours, or with `deleteNow` at once."""
    with service.store.transaction():
        service.accounts.delete(id, now=deleteNow)
    return json_response({"success": True})


@router.post(
    "/accounts/{id}/archive", response_model=Success, responses=refusals(Error, 400, 401, 403, 404)
)
async def accounts_archive(service: InService, caller: Deleter, id: str) -> Response:
    """Cancel the subscription, log out, remove what was synced; keep notes and contacts."""
    with service.store.transaction():
        service.accounts.archive(id)
    return json_response({"success": True})


@router.post(
    "/accounts/{id}/recreate",
    response_model=Account,
    responses=refusals(Error, 400, 401, 402, 403, 404),
)
async def accounts_recreate(service: InService, caller: Creator, id: str) -> Response:
    """Bring a deleted account back under its ID, with its data."""
    with service.store.transaction():
        account = service.accounts.recreate(id)
    return json_response(account)


@router.post(
    "/accounts/{id}/open",
    status_code=204,
    responses=refusals(Error, 400, 401, 403, 404),
    response_class=Response,
)
async def accounts_open(service: InService, caller: Patcher, id: str) -> None:
    """Connect the account; if it needs a login, a QR code to scan is in its `stateInfo`."""
    with service.store.transaction():
        service.accounts.open(id)


@router.post(
    "/accounts/{id}/close",
    status_code=204,
    responses=refusals(Error, 400, 401, 403, 404),
    response_class=Response,
)
async def accounts_close(
    service: InService, caller: Patcher, id: str, logout: bool = False
) -> None:
    """Disconnect the account, and with `logout` forget the login."""
    with service.store.transaction():
        service.accounts.close(id, logout=logout)


@router.post(
    "/accounts/{id}/logout",
    status_code=204,
    responses=refusals(Error, 400, 401, 403, 404),
    response_class=Response,
    deprecated=True,
)
async def accounts_logout(service: InService, caller: Patcher, id: str) -> None:
    """What older clients call for `close` with `logout`."""
    with service.store.transaction():
        service.accounts.close(id, logout=True)


@router.post(
    "/accounts/{id}/disconnect-ack",
    status_code=204,
    responses=refusals(Error, 400, 401, 403, 404),
    response_class=Response,
)
async def accounts_disconnect_ack(service: InService, caller: AnyCaller, id: str) -> None:
    """Clear `stateInfo.disconnectFlag`."""
    with service.store.transaction():
        service.accounts.acknowledge_disconnect(id)


@router.post(
    "/accounts/wa/{id}/change-login-mode",
    response_model=Success,
    responses=refusals(Error, 400, 401, 403, 404),
)
async def accounts_change_login_mode(
    service: InService, caller: Patcher, id: str, mode: LoginMode
) -> Response:
    """Log in by QR code, or by a PIN for a phone number."""
    if mode.type == "phoneNumber" and mode.phoneNumber is None:
        raise ApiError(400, "phoneNumber is required")
    phone = mode.phoneNumber if mode.type == "phoneNumber" else None
    with service.store.transaction():
        service.accounts.change_login_mode(id, phone)
    return json_response({"success": True})
