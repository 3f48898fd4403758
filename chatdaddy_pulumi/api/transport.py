"""One call over HTTP: sent, tried again where that is safe, and its outcome told apart.

No retry library is used: those for httpx decide by the status alone, while here the reason
(nothing was sent, perhaps done) and a pause shared by all calls decide.
"""

from __future__ import annotations

import asyncio
import email.utils
import functools
import json
import logging
import random
import socket
import ssl
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import anyio
import httpx
from pydantic import TypeAdapter, ValidationError

from chatdaddy_pulumi.api import errors
from chatdaddy_pulumi.api.gate import Gate
from chatdaddy_pulumi.api.options import ClientOptions, ServiceUrls, is_loopback
from chatdaddy_pulumi.api.redact import RedactingFilter, one_line
from chatdaddy_pulumi.api.tokens import TEAM_ID, AccessTokenSource, ApiTokenSource

T = TypeVar("T")

log = logging.getLogger("chatdaddy_pulumi.api")

# Node's servers close an idle connection after 5 seconds. A purchase sent just then would be
# lost without an answer, so connections are not kept for as long.
_KEEP_IDLE_S = 3.0

_logs_are_safe = RedactingFilter()


class Repeat(Enum):
    """What repeating a call would do."""

    READ = "changes nothing"
    HARMLESS = "changes what was changed already"
    NEVER = "happens twice"


@dataclass(frozen=True)
class Call:
    """What is asked for. `path` is a template, filled with `ids`: ``/accounts/{id}``."""

    method: str
    service: str
    path: str
    ids: tuple[str, ...] = ()
    params: Mapping[str, Any] | None = None
    body: Any = field(default=None, repr=False)
    repeat: Repeat = Repeat.READ
    with_token: bool = True

    @property
    def template(self) -> str:
        return f"{self.method} /{self.service}{self.path}"

    def __str__(self) -> str:
        return f"{self.method} /{self.service}{self.filled()}"

    def filled(self) -> str:
        """The path with its IDs; an ID can't add steps to it."""
        path = self.path
        for value in self.ids:
            if not value.strip("."):
                raise errors.BadSetting(f"{value!r} is not an ID", call=self.template)
            path = path.replace("{id}", quote(value, safe=""), 1)
        return path


@dataclass(frozen=True)
class _Answer:
    status: int
    content: bytes = field(repr=False)
    retry_after: float | None = None
    location: str | None = None


class Transport:
    """The connections to ChatDaddy's services, shared by all calls of a client."""

    tokens: AccessTokenSource | ApiTokenSource

    def __init__(self, urls: ServiceUrls, options: ClientOptions) -> None:
        self.calls: Counter[str] = Counter()
        self._urls = urls
        self._options = options
        self._gate = Gate(options.concurrency)
        # httpx logs whole addresses; an API token is deleted by one that holds it.
        logging.getLogger("httpx").addFilter(_logs_are_safe)
        self._http = httpx.AsyncClient(
            headers={"User-Agent": f"chatdaddy-pulumi/{version()}", "Accept": "application/json"},
            timeout=httpx.Timeout(
                options.read_timeout_s, connect=options.connect_timeout_s, pool=None
            ),
            limits=httpx.Limits(
                max_connections=None,
                max_keepalive_connections=options.concurrency,
                keepalive_expiry=_KEEP_IDLE_S,
            ),
            follow_redirects=False,
            verify=_tls(options.ca_file),
            # A proxy from the environment can't reach this machine's own servers.
            mounts={
                f"all://{_bracketed(host)}": None for host in urls.hosts() if is_loopback(host)
            },
        )

    async def close(self) -> None:
        await self.tokens.close()
        self._gate.close()
        await self._http.aclose()

    async def ask(self, call: Call, answer: TypeAdapter[T]) -> T:
        """The call's answer as what it should be; see `send` for what is raised.

        Raises also `BadAnswer` for a read, and `Unknown` for anything else, where the answer is
        not what the API documents.
        """
        content = await self.send(call)
        try:
            return answer.validate_json(content)
        except ValidationError as invalid:
            problem = _first_problem(invalid)
        raise _not_understood(call, problem)

    async def do(self, call: Call) -> None:
        """A call whose answer says at most ``{"success": true}``."""
        content = await self.send(call)
        if not content.strip():
            return
        try:
            said = json.loads(content)
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise _not_understood(call, "it is not a JSON object")
        if said.get("success") is False:
            raise errors.Refused(_message(said) or "success: false", call=str(call), data=said)

    async def send(self, call: Call) -> bytes:
        """The answer's body, after as many tries as are safe.

        Raises `Refused` (4xx), `Retryable` (nothing happened, tries used up) or `Unknown` (it may
        have happened; never for a read).
        """
        url = getattr(self._urls, call.service) + call.filled()
        ends_at = 0.0
        failed = limited = 0
        renewed = lost = False
        while True:
            token = await self.tokens.get() if call.with_token else None
            if self._gate.pause_left > self._options.total_timeout_s:
                raise _too_long_a_pause(call, self._gate.pause_left)
            async with self._gate.turn(failed + limited):
                started_at = time.monotonic()
                ends_at = ends_at or started_at + self._options.total_timeout_s
                outcome = await self._try(call, url, token, ends_at - started_at)
                if isinstance(outcome, _Answer) and outcome.status == 429:
                    self._gate.throttled(started_at)
                    self._gate.pause(outcome.retry_after or self._delay(self._gate.streak - 1))
            if isinstance(outcome, _Answer) and 200 <= outcome.status < 300:
                self._gate.succeeded()
                return outcome.content
            error = self._failure(call, outcome)
            if isinstance(error, errors.Unauthorized) and token is not None:
                if not renewed and self.tokens.refused(token):
                    renewed = True
                    continue
                error.message += f"; check the {self.tokens.setting} and the {TEAM_ID}"
            if isinstance(error, errors.RateLimited):
                limited += 1
                delay = self._gate.pause_left
                more = limited <= self._options.rate_limit_retries
            else:
                failed += 1
                delay = self._delay(failed - 1)
                if isinstance(outcome, _Answer) and outcome.retry_after is not None:
                    delay = max(delay, outcome.retry_after)
                more = failed <= self._options.retries and _may_repeat(call, error)
            lost = lost or isinstance(error, errors.Unknown)
            if not more or time.monotonic() + delay >= ends_at:
                raise _last(error, lost)
            log.debug("%s: %s; again in %.1f s", call.template, error.message, delay)
            if not isinstance(error, errors.RateLimited):
                await asyncio.sleep(delay)

    def _delay(self, times: int) -> float:
        """Exponential, and up to half of it taken off at random."""
        whole = self._options.retry_delay_s * 2.0 ** min(times, 30)
        whole = min(whole, self._options.retry_delay_max_s)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    async def _try(
        self, call: Call, url: str, token: str | None, seconds: float
    ) -> _Answer | errors.ChatDaddyError:
        """One try: the answer, or what went wrong without one.

        The error is returned, not raised: an exception of httpx in its context would hold the
        request and so the token.
        """
        headers = {"Authorization": f"Bearer {token}"} if token else None
        self.calls[call.template] += 1
        started_at = time.monotonic()
        try:
            with anyio.move_on_after(seconds):
                async with self._http.stream(
                    call.method, url, params=call.params, json=call.body, headers=headers
                ) as response:
                    answer = _Answer(
                        response.status_code,
                        await self._body(response),
                        _retry_after(response.headers.get("Retry-After")),
                        response.headers.get("Location"),
                    )
                log.debug(
                    *("%s: %d in %.0f ms", call.template, answer.status),
                    (time.monotonic() - started_at) * 1000,
                )
                return answer
            reason = f"no answer within {seconds:.0f} s"
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError) as e:
            return errors.Unreachable(_why(e, url), call=str(call))
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as e:
            return errors.BadSetting(str(e), call=f"the base URL of the {call.service} service")
        except httpx.TimeoutException:
            reason = f"no answer within {self._options.read_timeout_s:.0f} s"
        except _TooLong:
            reason = f"the answer is longer than {self._options.max_answer_bytes:,} bytes"
        except httpx.HTTPError as e:
            reason = f"the connection was cut ({one_line(str(e)) or type(e).__name__})"
        return _lost(call, reason)

    async def _body(self, response: httpx.Response) -> bytes:
        """The whole body, unpacked, if it is not too long."""
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if len(content) > self._options.max_answer_bytes:
                raise _TooLong
        return bytes(content)

    def _failure(
        self, call: Call, outcome: _Answer | errors.ChatDaddyError
    ) -> errors.ChatDaddyError:
        """What an outcome other than success means."""
        if not isinstance(outcome, _Answer):
            return outcome
        status = outcome.status
        if 300 <= status < 400:
            base = f"the base URL of the {call.service} service"
            to = urlsplit(outcome.location or "").netloc or "another address"
            message = (
                f"it answers with a redirect to {to}, which is not followed since the token "
                f"would go along; check {base} (chatdaddy:baseUrl or CHATDADDY_BASE_URL)"
            )
            return errors.Refused(message, call=str(call), status=status)
        try:
            said = json.loads(outcome.content)
        except ValueError:
            said = None
        said = said if isinstance(said, dict) else {}
        message = _message(said) or _reason(status)
        data = said.get("data")
        details: dict[str, Any] = {
            "call": str(call),
            "status": status,
            "help_link": _help_link(data),
            "data": data,
        }
        if status == 429:
            return errors.RateLimited(message, **details)
        if status < 500:
            return errors.REFUSALS.get(status, errors.Refused)(message, **details)
        if call.repeat is Repeat.READ:
            return errors.Unavailable(message, **details)
        if call.repeat is Repeat.HARMLESS and status in (502, 503, 504):
            return errors.Unavailable(message, **details)
        return errors.Unknown(message, **details)


class _TooLong(Exception):
    pass


def _may_repeat(call: Call, error: errors.ChatDaddyError) -> bool:
    if isinstance(error, errors.Unreachable):
        return not error.message.startswith(_UNTRUSTED)
    if call.repeat is Repeat.NEVER:
        return False
    return isinstance(error, (errors.Retryable, errors.Unknown))


def _last(error: errors.ChatDaddyError, lost: bool) -> errors.ChatDaddyError:
    """The error to raise: where an earlier try may have been done, that is not forgotten."""
    if lost and isinstance(error, errors.Retryable):
        error = errors.Unknown(
            f"an earlier answer was lost, and then: {error.message}",
            call=error.call,
            status=error.status,
            help_link=error.help_link,
        )
    error.after_lost_answer = lost
    return error


def _lost(call: Call, reason: str) -> errors.ChatDaddyError:
    kind = errors.Unavailable if call.repeat is Repeat.READ else errors.Unknown
    return kind(reason, call=str(call))


def _not_understood(call: Call, problem: str) -> errors.ChatDaddyError:
    if call.repeat is Repeat.READ:
        return errors.BadAnswer(f"{problem}; is the base URL right?", call=str(call))
    return errors.Unknown(f"the answer can't be understood: {problem}", call=str(call))


def _too_long_a_pause(call: Call, seconds: float) -> errors.RateLimited:
    message = f"ChatDaddy asks to wait {seconds:.0f} s before the next call"
    return errors.RateLimited(message, call=str(call), status=429)


def _first_problem(invalid: ValidationError) -> str:
    """Field and complaint, without what was given: it may be secret."""
    details = invalid.errors(include_input=False, include_url=False, include_context=False)
    where = ""
    for step in details[0]["loc"]:
        where += f"[{step}]" if isinstance(step, int) else f".{step}"
    complaint = details[0]["msg"]
    return f"{where.lstrip('.')}: {complaint}" if where else complaint


def _message(said: Mapping[str, Any]) -> str | None:
    message = said.get("message")
    return message if isinstance(message, str) and message.strip() else None


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


def _retry_after(value: str | None) -> float | None:
    """Seconds to wait, of either form that HTTP has."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            at = email.utils.parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        seconds = at.timestamp() - time.time()
    return max(0.0, seconds) if seconds == seconds else None


_UNTRUSTED = "its certificate is not trusted"


def _why(error: httpx.HTTPError, url: str) -> str:
    """Why there is no connection, in words that name the setting to look at."""
    host = urlsplit(url).netloc
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return (
                f"{_UNTRUSTED} ({host}: {cause.verify_message}); "
                "for a certificate authority of your own set SSL_CERT_FILE"
            )
        if isinstance(cause, socket.gaierror):
            return f"the host name of {host} can't be resolved; check chatdaddy:baseUrl"
        if isinstance(cause, ConnectionRefusedError):
            return f"nothing listens at {host}; check chatdaddy:baseUrl"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.ConnectTimeout):
        return f"{host} does not answer"
    return f"{host}: {one_line(str(error)) or type(error).__name__}"


def _tls(ca_file: str | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    if ca_file:
        try:
            context.load_verify_locations(cafile=ca_file)
            return context
        except (OSError, ssl.SSLError) as error:
            problem = str(error)
        raise errors.BadSetting(f"can't be read: {problem}", call=f"the CA file {ca_file!r}")
    return context


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@functools.cache
def version() -> str:
    """This package's version, as in the ``User-Agent``."""
    from importlib import metadata

    try:
        return metadata.version("chatdaddy-pulumi")
    except metadata.PackageNotFoundError:
        return "0"
