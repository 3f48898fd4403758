"""Turns a failed call into its error: from the answer, or from the lack of one."""

from __future__ import annotations

import email.utils
import math
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError
from pydantic_core import from_json

from chatdaddy_pulumi.client import errors
from chatdaddy_pulumi.client.calls import Call, Repeat
from chatdaddy_pulumi.client.redact import one_line
from chatdaddy_pulumi.client.setting_names import BASE_URL

#: Bytes that are read of an error response.
LONGEST_COMPLAINT = 64 * 1024

#: A server between us and ChatDaddy stopped waiting: what it had passed on may have been done.
_GIVEN_UP = (408, 499)

_NOT_JSON = f"it is not JSON; check the {BASE_URL}"


@dataclass(frozen=True)
class Answer:
    """What came back. `retry_after` in seconds."""

    status: int
    content: bytes = field(default=b"", repr=False)
    retry_after: float | None = None
    location: str | None = None
    #: The body is longer, and only its beginning was read.
    cut: bool = False

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    def said(self) -> dict[str, Any] | None:
        """The body as a JSON object; None if it is something else."""
        try:
            said = from_json(self.content, allow_partial="trailing-strings" if self.cut else False)
        except ValueError:
            return None
        return said if isinstance(said, dict) else None


def done(call: Call, answer: Answer) -> errors.ChatDaddyError | None:
    """What is wrong with an answer that has no content but success; None if nothing."""
    try:
        said = from_json(answer.content) if answer.content.strip() else None
    except ValueError:
        return not_understood(call, _NOT_JSON)
    if isinstance(said, dict) and said.get("success") is False:
        data = said if len(answer.content) <= LONGEST_COMPLAINT else None
        return errors.Refused(message(said) or "success: false", call=str(call), data=data)
    return None


def failure(call: Call, answer: Answer) -> errors.ChatDaddyError:
    """The error for an answer other than 2xx."""
    if 300 <= answer.status < 400:
        return _redirected(call, answer)
    said = answer.said()
    if said is None:
        # ChatDaddy answers errors in JSON. A 404 of another server does not mean that an account
        # is gone.
        refusal = answer.status < 500 and answer.status not in (429, *_GIVEN_UP)
        if refusal and (answer.status == 404 or answer.content.strip()):
            return not_chatdaddy(call, answer.status)
        said = {}
    data = said.get("data")
    details: dict[str, Any] = {
        "call": str(call),
        "status": answer.status,
        "help_link": _help_link(data),
        "data": data,
    }
    words = message(said, cut=answer.cut) or _reason(answer.status)
    return _kind(call, answer.status)(words, **details)


def _kind(call: Call, status: int) -> type[errors.ChatDaddyError]:
    if status == 429:
        return errors.RateLimited
    if status < 500 and status not in _GIVEN_UP:
        return errors.REFUSALS.get(status, errors.Refused)
    gateways = status in (502, 503, 504) and call.repeat is Repeat.IDEMPOTENT
    return errors.Unavailable if gateways or call.repeat is Repeat.READ else errors.Unknown


def not_chatdaddy(call: Call, status: int | None) -> errors.NotChatDaddy:
    """The answer does not come from ChatDaddy."""
    words = f"check the {BASE_URL}, and {_url_variable(call)} if that is set"
    return errors.NotChatDaddy(words, call=str(call), status=status, setting=BASE_URL.key)


def _url_variable(call: Call) -> str:
    """The environment variable with the address of the call's service, apart from the base URL."""
    return f"CHATDADDY_{call.service.upper()}_URL"


def lost(call: Call, reason: str, silent_s: float = 0.0) -> errors.ChatDaddyError:
    """The error if there was no answer, or none that could be read to its end."""
    if call.repeat is Repeat.READ:
        return errors.Unavailable(reason, call=str(call))
    return errors.Unknown(reason, call=str(call), silent_s=silent_s)


def not_understood(call: Call, problem: str) -> errors.ChatDaddyError:
    """The answer is not what the API documents."""
    if call.repeat is Repeat.READ:
        return errors.BadAnswer(problem, call=str(call))
    return errors.Unknown(f"the answer can't be understood: {problem}", call=str(call))


def first_problem(invalid: ValidationError) -> str:
    """The field and what is wrong with it, without its value, which may be secret."""
    details = invalid.errors(include_input=False, include_url=False, include_context=False)[0]
    if details["type"] == "json_invalid":
        return _NOT_JSON
    where = "".join(
        f"[{step}]" if isinstance(step, int) else f".{step}" for step in details["loc"]
    ).lstrip(".")
    return f"{where}: {details['msg']}" if where else details["msg"]


def not_connected(call: Call, error: httpx.HTTPError, url: str) -> errors.Unreachable:
    """Why there is no connection, with the setting that may be wrong."""
    host = urlsplit(url).netloc
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return errors.Untrusted(
                f"{host}: {cause.verify_message}; for a certificate authority of your own set "
                "SSL_CERT_FILE",
                call=str(call),
            )
        if isinstance(cause, socket.gaierror):
            return errors.Unreachable(
                f"the host name of {host} is not known; check the {BASE_URL}",
                call=str(call),
                setting=BASE_URL.key,
            )
        if isinstance(cause, ConnectionRefusedError) and not isinstance(error, httpx.ProxyError):
            return errors.Unreachable(
                f"nothing listens at {host}; check the {BASE_URL}",
                call=str(call),
                setting=BASE_URL.key,
            )
    if isinstance(error, httpx.ConnectTimeout):
        return errors.Unreachable(f"{host} does not answer", call=str(call))
    said = one_line(str(error)) or type(error).__name__
    return errors.Unreachable(f"{host}: {said}", call=str(call))


def retry_after(value: str | None, now_s: float) -> float | None:
    """Seconds to wait, from either form of ``Retry-After``: a number, or a date."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now_s
        except (ValueError, TypeError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None


def message(said: Mapping[str, Any], *, cut: bool = False) -> str | None:
    """ChatDaddy's own message. If it is cut, the last word is left out: it may be half a secret."""
    words = said.get("message")
    if not isinstance(words, str) or not words.strip():
        return None
    return words.rpartition(" ")[0] if cut else words


def _redirected(call: Call, answer: Answer) -> errors.ChatDaddyError:
    to = _host_of(answer.location or "") or "another address"
    words = (
        f"it answers with a redirect to {to}, which is not followed since the token would go "
        f"along; check the {BASE_URL}, and {_url_variable(call)} if that is set"
    )
    # 303 "See Other" is sent after the request was processed.
    after_all = answer.status == 303 and call.repeat is not Repeat.READ
    kind = errors.Unknown if after_all else errors.Refused
    return kind(words, call=str(call), status=answer.status, setting=BASE_URL.key)


def _host_of(url: str) -> str:
    """The host and port; without a login, and "" if there is none."""
    try:
        return urlsplit(url).netloc.rpartition("@")[2]
    except ValueError:
        return ""


def _reason(status: int) -> str:
    return httpx.codes.get_reason_phrase(status) or f"HTTP status {status}"


def _help_link(data: Any) -> str | None:
    link = data.get("helpLink") if isinstance(data, dict) else None
    if not isinstance(link, dict):
        return None
    url, document = link.get("url"), link.get("docId")
    if isinstance(url, str) and url.startswith(("https://", "http://")):
        return url
    return f"document {document}" if isinstance(document, str) else None


def _causes(error: BaseException) -> list[BaseException]:
    """The exception and its causes, including attempts at several addresses."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        cause = waiting.pop(0)
        if cause is None or cause in found:
            continue
        found.append(cause)
        waiting += [cause.__cause__ or cause.__context__, *getattr(cause, "exceptions", ())]
    return found
