"""What the calls have in common: the caller, and the description of refusals."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from chatdaddy_sandbox.errors import ApiError
from chatdaddy_sandbox.service import Service
from chatdaddy_sandbox.tokens import Caller

Tier = Literal["limited_msg_no_chat_history", "unlimited_msg_chat_history"]
AccountType = Literal[
    "wa",
    "wa-business-api",
    "mock",
    "tiktok",
    "tiktok-shop",
    "messenger",
    "mail",
    "sms",
    "instagram",
]
AccountState = Literal["open", "connecting", "close"]
LoginType = Literal["facebook", "instagram"]
LimitedItem = Literal[
    "messages",
    "seats",
    "fullAccount",
    "limitedMsgNoHistoryAccountDay",
    "unlimitedMsgHistoryAccountDay",
]
Role = Literal["viewer", "editor", "admin", "agent"]


class Body(BaseModel):
    """The body of a call. JSON types are not converted, and unknown fields are ignored."""

    model_config = ConfigDict(strict=True, extra="ignore")

    def given(self) -> dict[str, Any]:
        """What the client sent, by the API's names."""
        return self.model_dump(exclude_unset=True, by_alias=True)


class Answer(BaseModel):
    """The answer of a call. Further fields are allowed."""

    model_config = ConfigDict(extra="allow")


class Success(Answer):
    success: bool


class ErrorData(Answer):
    helpLink: dict[str, str] | None = None  # noqa: N815


class Error(Answer):
    """A refusal of the im, payments and events services."""

    statusCode: int  # noqa: N815
    message: str
    data: ErrorData | None = None


class AuthError(Answer):
    """A refusal of the auth service."""

    message: str


def refusals(model: type[BaseModel], *statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a call that may be refused with these statuses."""
    return {status: {"model": model} for status in statuses}


async def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


InService = Annotated[Service, Depends(service_of)]

_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT, or an API token")


def needs(*scopes: str) -> Callable[..., Coroutine[Any, Any, Caller]]:
    """A dependency: the caller, who must have one of the scopes (any caller if none is named).

    Raises `ApiError` 401 without a valid token, 403 without the scope.
    """

    async def caller(
        service: InService,
        request: Request,
        _described: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    ) -> Caller:
        found = service.tokens.check(request.headers.get("authorization"))
        if not found.may(*scopes):
            raise ApiError(403, f"Forbidden: missing scope {' or '.join(scopes)}")
        return found

    return caller


def listed(request: Request, name: str) -> list[str]:
    """A query parameter with several values, in any of the forms that clients use.

    The official client writes `tokens[0]=a&tokens[1]=b`, others `tokens=a&tokens=b`.
    """
    return [
        value
        for key, value in request.query_params.multi_items()
        if key == name or (key.startswith(f"{name}[") and key.endswith("]"))
    ]


AccountId = Annotated[str, Field(description="acc…", examples=["accteam-sandbox-0000000001f3"])]


def json_response(content: Any) -> JSONResponse:
    """An answer without validation: the models describe it, and the tests check it."""
    return JSONResponse(content)
