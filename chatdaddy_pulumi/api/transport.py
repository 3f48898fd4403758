"""One call over HTTP: sent, tried again where that is safe, and its outcome told apart.

No retry library is used: those for httpx decide by the status alone, while here it matters
whether something may have happened, and a pause is shared by all calls.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections import Counter
from typing import TypeVar

import anyio
import httpx
from pydantic import SecretStr, TypeAdapter, ValidationError

from chatdaddy_pulumi.api import errors
from chatdaddy_pulumi.api.calls import Call, Repeat
from chatdaddy_pulumi.api.connection import connections
from chatdaddy_pulumi.api.gate import Gate
from chatdaddy_pulumi.api.options import ClientOptions, ServiceUrls
from chatdaddy_pulumi.api.outcomes import (
    Answer,
    failure,
    first_problem,
    lost,
    message,
    not_connected,
    not_understood,
    retry_after,
)
from chatdaddy_pulumi.api.redact import one_line
from chatdaddy_pulumi.api.tokens import TEAM_ID, AccessTokenSource, ApiTokenSource

T = TypeVar("T")

log = logging.getLogger("chatdaddy_pulumi.api")

#: What is read of an answer that only says what went wrong.
_LONGEST_COMPLAINT = 64 * 1024


class Transport:
    """The connections to ChatDaddy's services, shared by all calls of a client."""

    tokens: AccessTokenSource | ApiTokenSource

    def __init__(self, urls: ServiceUrls, options: ClientOptions) -> None:
        self.calls: Counter[str] = Counter()
        self._urls = urls
        self._options = options
        self._gate = Gate(options.concurrency)
        self._http = connections(urls, options)

    async def close(self) -> None:
        await self.tokens.close()
        self._gate.close()
        await self._http.aclose()

    async def ask(self, call: Call, answer: TypeAdapter[T]) -> T:
        """The call's answer as what it should be; see `send` for what is raised.

        Raises also `BadAnswer` for a read, and `Unknown` for anything else, where the answer is
        not what the API documents.
        """
        got = await self.send(call)
        try:
            return answer.validate_json(got.content)
        except ValidationError as invalid:
            problem = first_problem(invalid)
        raise not_understood(call, problem)

    async def do(self, call: Call) -> None:
        """A call whose answer says at most ``{"success": true}``."""
        got = await self.send(call)
        if not got.content.strip():
            return
        said = got.said()
        if not said:
            raise not_understood(call, "it is not a JSON object")
        if said.get("success") is False:
            raise errors.Refused(message(said) or "success: false", call=str(call), data=said)

    async def send(self, call: Call) -> Answer:
        """The 2xx answer, after as many tries as are safe.

        Raises `Refused` (4xx), `Retryable` (nothing happened, tries used up) or `Unknown` (it may
        have happened; never for a read).
        """
        url = getattr(self._urls, call.service) + call.filled()
        ends_at = float("inf")
        ticket = self._gate.ticket()
        failed = limited = 0
        renewed = lost_one = maybe_done = False
        error: errors.ChatDaddyError | None = None
        while True:
            token = await self.tokens.get() if call.with_token else None
            self._refuse_long_pause(call)
            async with self._gate.turn(ticket):
                started_at = time.monotonic()
                ends_at = min(ends_at, started_at + self._options.total_timeout_s)
                if error is not None and started_at > ends_at:
                    raise _last(error, lost_one, maybe_done)
                outcome = await self._try(call, url, token, ends_at - started_at)
                if isinstance(outcome, Answer):
                    self._adapt(outcome, started_at)
            if isinstance(outcome, Answer) and outcome.ok:
                return outcome
            error = failure(call, outcome) if isinstance(outcome, Answer) else outcome
            if isinstance(error, errors.Unauthorized) and token is not None:
                if not renewed and self.tokens.refused(token):
                    renewed = True
                    continue
                error.message += f"; check the {self.tokens.setting} and the {TEAM_ID}"
            lost_one = lost_one or isinstance(error, errors.Unknown)
            maybe_done = lost_one or maybe_done or isinstance(error, errors.Unavailable)
            if isinstance(error, errors.RateLimited):
                limited += 1
                delay = self._gate.pause_left
                more = limited <= self._options.rate_limit_retries
            else:
                failed += 1
                delay = self._delay(failed - 1)
                if isinstance(outcome, Answer):
                    delay = max(delay, outcome.retry_after or 0.0)
                more = failed <= self._options.retries and _may_repeat(call, error)
            if not more or time.monotonic() + delay > _last_start(call, ends_at, self._options):
                raise _last(error, lost_one, maybe_done)
            log.debug("%s: %s; again in %.1f s", call.template, error.message, delay)
            if not isinstance(error, errors.RateLimited):  # which the gate makes wait
                await asyncio.sleep(delay)

    def _adapt(self, answer: Answer, started_at: float) -> None:
        """Fewer calls at once, and none for a while, after a 429; more again otherwise."""
        if answer.status == 429:
            self._gate.throttled(started_at)
            self._gate.pause(max(answer.retry_after or 0.0, self._delay(self._gate.streak - 1)))
        elif answer.ok:
            self._gate.succeeded()

    def _delay(self, times: int) -> float:
        """Exponential, and up to half of it taken off at random."""
        whole = self._options.retry_delay_s * 2.0 ** min(times, 30)
        whole = min(whole, self._options.retry_delay_max_s)
        return whole * random.uniform(0.5, 1.0)  # noqa: S311 - no secret

    def _refuse_long_pause(self, call: Call) -> None:
        """Fail at once rather than wait for longer than a call may last."""
        pause = self._gate.pause_left
        if pause > self._options.total_timeout_s:
            asked = f"ChatDaddy asks to wait {pause:.0f} s before the next call"
            raise errors.RateLimited(asked, call=str(call), status=429)

    async def _try(
        self, call: Call, url: str, token: SecretStr | None, seconds: float
    ) -> Answer | errors.ChatDaddyError:
        """One try: the answer, or what went wrong without one.

        The error is returned, not raised: an exception of httpx in its context would hold the
        request and so the token.
        """
        self.calls[call.template] += 1
        started_at = time.monotonic()
        try:
            with anyio.move_on_after(seconds):
                async with self._http.stream(
                    *(call.method, url),
                    params=call.params,
                    json=call.body,
                    headers={"Authorization": f"Bearer {token.get_secret_value()}"}
                    if token
                    else None,
                ) as response:
                    answer = await self._whole(response)
                taken_ms = (time.monotonic() - started_at) * 1000
                log.debug("%s: %d in %.0f ms", call.template, answer.status, taken_ms)
                return answer
            reason = f"no answer within {seconds:.3g} s"
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return not_connected(call, error, url)
        except httpx.TimeoutException:
            reason = f"no answer within {self._options.read_timeout_s:g} s"
        except httpx.HTTPError as error:
            reason = f"the connection was cut ({one_line(str(error)) or type(error).__name__})"
        except _TooLong:
            reason = f"the answer is longer than {self._options.max_answer_bytes:,} bytes"
        return lost(call, reason)

    async def _whole(self, response: httpx.Response) -> Answer:
        """The answer with its body, unpacked, as far as it is not too long."""
        most = self._options.max_answer_bytes
        content = bytearray()
        async for chunk in response.aiter_bytes():
            content += chunk
            if response.is_success and len(content) > most:
                raise _TooLong
            if not response.is_success and len(content) > _LONGEST_COMPLAINT:
                break
        return Answer(
            response.status_code,
            bytes(content),
            retry_after(response.headers.get("Retry-After")),
            response.headers.get("Location"),
        )


class _TooLong(Exception):
    pass


def _may_repeat(call: Call, error: errors.ChatDaddyError) -> bool:
    if isinstance(error, errors.Unreachable):
        return not isinstance(error, errors.Untrusted)
    return call.repeat is not Repeat.NEVER and isinstance(error, (errors.Retryable, errors.Unknown))


def _last_start(call: Call, ends_at: float, options: ClientOptions) -> float:
    """When the last try may begin. A purchase that is cut short by us would be an unknown one."""
    return ends_at - options.total_timeout_s / 2 if call.repeat is Repeat.NEVER else ends_at


def _last(error: errors.ChatDaddyError, lost_one: bool, maybe_done: bool) -> errors.ChatDaddyError:
    """The error to raise: where an earlier try may have been done, that is not forgotten."""
    if lost_one and isinstance(error, errors.Retryable):
        words = f"an earlier answer was lost, and then: {error.message}"
        error = errors.Unknown(
            words, call=error.call, status=error.status, help_link=error.help_link
        )
    error.after_lost_answer = maybe_done
    return error
