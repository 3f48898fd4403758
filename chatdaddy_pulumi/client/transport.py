"""Sends one call over HTTP, tries it again if that is safe, and gives its result or error."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from functools import lru_cache
from json import JSONEncoder
from random import Random
from typing import TypeVar

import anyio
import httpx
from pydantic import SecretStr, ValidationError

from chatdaddy_pulumi.client import errors
from chatdaddy_pulumi.client.answers import (
    LONGEST_COMPLAINT,
    Answer,
    done,
    failure,
    first_problem,
    lost,
    not_connected,
    not_understood,
    retry_after,
)
from chatdaddy_pulumi.client.calls import Call
from chatdaddy_pulumi.client.connection import USER_AGENT
from chatdaddy_pulumi.client.decoding import ACCEPT_ENCODING, BadBody, Body, check_size
from chatdaddy_pulumi.client.limiter import ConcurrencyLimiter
from chatdaddy_pulumi.client.options import ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.redact import one_line
from chatdaddy_pulumi.client.retries import Retries, delay
from chatdaddy_pulumi.client.setting_names import TEAM_ID
from chatdaddy_pulumi.client.tasks import now
from chatdaddy_pulumi.client.tokens import AccessTokenSource, ApiTokenSource

T = TypeVar("T")

log = logging.getLogger("chatdaddy_pulumi.client")

#: Seconds for reading why a call was refused.
_COMPLAINT_S = 5.0
#: Pieces of an answer after which other tasks run, however fast more pieces arrive.
_PIECES = 64

_HEADERS = (
    (b"User-Agent", USER_AGENT.encode()),
    (b"Accept", b"application/json"),
    (b"Accept-Encoding", ACCEPT_ENCODING.encode()),
)
#: The methods whose requests have no body, and say nothing about its length.
_WITHOUT_BODY = ("GET", "DELETE")
#: Parsing a URL takes as long as sending a request, and all purchases have the same one.
_address = lru_cache(maxsize=64)(httpx.URL)
_json = JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


class Transport:
    """The connections to ChatDaddy's services, shared by all calls of a client."""

    tokens: AccessTokenSource | ApiTokenSource

    def __init__(
        self,
        urls: ServiceUrls,
        options: ClientOptions,
        http: httpx.AsyncBaseTransport,
        clock: Callable[[], float],
        random: Random,
    ) -> None:
        self.calls: Counter[str] = Counter()
        self.clock = clock
        self.random = random
        self._urls = urls
        self._options = options
        self._ahead_s: float | None = None
        self._limiter = ConcurrencyLimiter(options.concurrency, danger_s=options.read_timeout_s / 4)
        # Not an `httpx.AsyncClient`: by default it follows redirects, keeps cookies and logs
        # addresses, and it costs as much time as all the rest.
        self._http = http

    async def close(self) -> None:
        await self.tokens.close()
        self._limiter.close()
        await self._http.aclose()

    async def ask(self, call: Call, parse: Callable[[bytes], T]) -> T:
        """The answer, parsed by `parse`; see `send` for the exceptions."""

        def read(got: Answer) -> T | errors.ChatDaddyError:
            try:
                return parse(got.content)
            except ValidationError as invalid:
                return not_understood(call, first_problem(invalid))

        return await self.send(call, read)

    async def do(self, call: Call) -> None:
        """Send a call whose answer has no content but success; see `send`."""
        await self.send(call, lambda got: done(call, got))

    async def send(self, call: Call, read: Callable[[Answer], T | errors.ChatDaddyError]) -> T:
        """The 2xx answer, read by `read`, after as many attempts as are safe.

        Raises `Refused` (4xx), `Retryable` (nothing happened, tries used up), `Unknown` (it may
        have happened; never for a read), or `BadAnswer` (a read that can't be understood).
        """
        url = getattr(self._urls, call.service) + call.filled()
        ticket = self._limiter.ticket()
        retries = Retries(call, self._options)
        while True:
            token = await self.tokens.get() if call.with_token else None
            self._refuse_long_pause(call)
            async with self._limiter.slot(ticket) as begins_at:
                seconds, began_at = retries.begin(), self.clock()
                got = await self._try(call, url, token, seconds, begins_at)
            result = _outcome(call, got, read)
            if not isinstance(result, errors.ChatDaddyError):
                return result
            if isinstance(result, errors.Unknown):
                result.began_at = began_at
            if isinstance(result, errors.Unauthorized) and token is not None:
                if not retries.token_renewed and self.tokens.refused(token):
                    retries.token_renewed = True
                    continue
                result.message += f"; check the {self.tokens.setting} and the {TEAM_ID}"
                result.setting = self.tokens.setting.key
            retries.failed_with(result)
            if isinstance(result, errors.RateLimited):
                wait = self._limiter.pause_left
            else:
                wait = delay(retries.failed - 1, self._options, self.random)
                if isinstance(got, Answer):
                    wait = max(wait, got.retry_after or 0.0)
            if not retries.go_on(wait):
                raise retries.outcome(result)
            log.debug("%s: %s; again in %.1f s", call.template, result.message, wait)
            if not isinstance(result, errors.RateLimited):  # which the limiter makes wait
                await asyncio.sleep(wait)

    def _read_date(self, text: str | None) -> None:
        """Learn from an answer's ``Date`` by how much ChatDaddy's clock is ahead of ours."""
        try:
            at = parsedate_to_datetime(text or "")
        except (TypeError, ValueError, OverflowError):
            return
        if at.tzinfo is not None:
            self._ahead_s = at.timestamp() - self.clock()

    def server_time(self) -> float | None:
        """The time by ChatDaddy's own clock, or up to a second earlier; None if it is not known."""
        return None if self._ahead_s is None else self.clock() + self._ahead_s

    def _adapt(self, call: Call, answer: Answer, started_at: float) -> None:
        """After a 429, slow calls down and pause; after another answer, speed up again."""
        if answer.status == 429:
            self._limiter.throttled(started_at)
            pause = delay(self._limiter.streak - 1, self._options, self.random)
            if rate := self._limiter.rate:
                pause = min(pause, 2.0 ** min(self._limiter.streak, 30) / rate)
            self._limiter.pause(max(answer.retry_after or 0.0, pause))
        elif answer.status < 500:
            self._limiter.answered(call.template, now() - started_at)

    def _refuse_long_pause(self, call: Call) -> None:
        """Fail at once if the wait would be longer than a call may last."""
        pause = self._limiter.pause_left
        if pause > self._options.total_timeout_s:
            asked = f"ChatDaddy asks to wait {pause:.0f} s before the next call"
            raise errors.RateLimited(asked, call=str(call), status=429)

    def _request(
        self, call: Call, url: str, token: SecretStr | None, seconds: float
    ) -> httpx.Request:
        # The time-out must not end while connecting, or the request would count as lost.
        connect_s = min(self._options.connect_timeout_s, seconds / 2)
        timeouts = {"connect": connect_s, "read": self._options.read_timeout_s}
        address = _address(url) if call.params is None else httpx.URL(url, params=call.params)
        headers = [(b"Host", address.netloc), *_HEADERS]
        if token is not None:
            headers.append((b"Authorization", f"Bearer {token.get_secret_value()}".encode()))
        content = b""
        if call.body is not None:
            content = _json(call.body).encode()
            headers.append((b"Content-Type", b"application/json"))
        if content or call.method not in _WITHOUT_BODY:
            headers.append((b"Content-Length", b"%d" % len(content)))
        # With a stream, httpx adds no headers, which takes most of the time that a request takes.
        request = httpx.Request(
            call.method,
            address,
            headers=headers,
            stream=httpx.ByteStream(content),
            extensions={"timeout": timeouts},
        )
        request.read()
        return request

    async def _try(
        self, call: Call, url: str, token: SecretStr | None, seconds: float, begins_at: float
    ) -> Answer | errors.ChatDaddyError:
        """Make one attempt: return the answer, or the error if there is none.

        The error is returned, not raised: an exception of httpx in its context would hold the
        request and so the token. After the request may have been sent, any error means that the
        answer was lost.
        """
        try:
            request = self._request(call, url, token, seconds)
        except (TypeError, ValueError):
            return errors.BadSetting("it can't be written as JSON", call=f"the body of {call}")
        self.calls[call.template] += 1
        if call.on_send is not None:
            call.on_send()
        heard = _LastHeard(now())
        try:
            with anyio.move_on_after(seconds):
                response = await self._http.handle_async_request(request)
                try:
                    answer = await self._whole(response, heard)
                finally:
                    await response.aclose()
                taken_ms = (now() - begins_at) * 1000
                log.debug("%s: %d in %.0f ms", call.template, answer.status, taken_ms)
                self._adapt(call, answer, begins_at)
                return answer
            reason = f"no answer within {seconds:.3g} s"
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return not_connected(call, error, url)
        except httpx.TimeoutException:
            reason = f"no answer within {self._options.read_timeout_s:g} s"
        except httpx.HTTPError as error:
            reason = f"the connection was cut ({one_line(str(error)) or type(error).__name__})"
        except BadBody as error:
            reason = f"the answer can't be read: {error}"
        except Exception as error:
            reason = f"the answer can't be read ({type(error).__name__})"
        return lost(call, reason, now() - heard.at)

    async def _whole(self, response: httpx.Response, heard: _LastHeard) -> Answer:
        """The answer with its body; of an error response, as much as arrives soon."""
        heard.at = now()
        headers = response.headers
        self._read_date(headers.get("Date"))
        answer = Answer(
            response.status_code,
            retry_after=retry_after(headers.get("Retry-After"), self.clock()),
            location=headers.get("Location"),
        )
        if answer.ok:
            body = Body(headers.get("Content-Encoding"), self._options.max_answer_bytes)
            await _gather(response, body, heard)
            body.end()
            return replace(answer, content=bytes(body.content))
        # The status tells the kind of error; the body only tells why.
        body = Body(None, LONGEST_COMPLAINT)
        cut = True
        with anyio.move_on_after(min(_COMPLAINT_S, self._options.read_timeout_s)):
            try:
                body = Body(headers.get("Content-Encoding"), LONGEST_COMPLAINT)
                await _gather(response, body, heard)
                cut = False
            except (BadBody, httpx.HTTPError):
                pass
        return replace(answer, content=bytes(body.content), cut=cut)


async def _gather(response: httpx.Response, body: Body, heard: _LastHeard) -> None:
    """Read the body. Endless small pieces do not keep other tasks from running."""
    assert isinstance(response.stream, httpx.AsyncByteStream)
    pieces = 0
    async for piece in response.stream:
        heard.at = now()
        body.add(piece)
        pieces += 1
        if pieces % _PIECES == 0:
            await asyncio.sleep(0)


@dataclass
class _LastHeard:
    """When the server last sent something; at first, when the call was sent."""

    at: float


def _outcome(
    call: Call,
    got: Answer | errors.ChatDaddyError,
    read: Callable[[Answer], T | errors.ChatDaddyError],
) -> T | errors.ChatDaddyError:
    """The result of the answer. If it can't be read, the call may still have had an effect."""
    if isinstance(got, errors.ChatDaddyError):
        return got
    try:
        if got.ok:
            check_size(got.content)
            return read(got)
        return failure(call, got)
    except BadBody as error:
        return not_understood(call, str(error))
    except Exception as error:
        return not_understood(call, type(error).__name__)
