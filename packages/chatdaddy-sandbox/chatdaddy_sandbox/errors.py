"""The services' refusals: `{statusCode, message, data?}` (auth: `{message}`)."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse


class ApiError(Exception):
    """A refusal that the client sees.

    `help_url` becomes `data.helpLink.url`, the page to which ChatDaddy refers people.
    """

    def __init__(self, status: int, message: str, *, help_url: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.help_url = help_url


class ConnectionCut(Exception):
    """A fault ends the call without an answer. Raised if there is no connection to cut."""


def error_body(path: str, error: ApiError) -> dict[str, Any]:
    """The body of a refusal, in the form of the service that the path belongs to."""
    if path.startswith("/auth"):
        return {"message": error.message}
    body: dict[str, Any] = {"statusCode": error.status, "message": error.message}
    if error.help_url:
        body["data"] = {"helpLink": {"url": error.help_url}}
    return body


def error_response(path: str, error: ApiError) -> JSONResponse:
    return JSONResponse(error_body(path, error), status_code=error.status)


def _validation_message(error: RequestValidationError) -> str:
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors()
    ]
    return "Validation failed: " + "; ".join(problems)


def add_error_handlers(app: FastAPI) -> None:
    """Give every error of the app and the framework ChatDaddy's form."""

    @app.exception_handler(ApiError)
    async def on_api_error(request: Request, error: ApiError) -> JSONResponse:
        return error_response(request.url.path, error)

    @app.exception_handler(RequestValidationError)
    async def on_validation(request: Request, error: RequestValidationError) -> JSONResponse:
        return error_response(request.url.path, ApiError(400, _validation_message(error)))

    @app.exception_handler(HTTPException)
    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        answer = error_response(request.url.path, ApiError(error.status_code, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer
