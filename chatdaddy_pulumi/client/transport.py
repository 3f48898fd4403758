"""One call over HTTP: sent, tried again where that is safe, and its outcome told apart."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import TypeVar

import anyio
import httpx
from pydantic import SecretStr, ValidationError

from chatdaddy_pulumi.client import errors
from chatdaddy_pulumi.client.answers import (
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
from chatdaddy_pulumi.client.gate import Gate
from chatdaddy_pulumi.client.options import ClientOptions, ServiceUrls
from chatdaddy_pulumi.client.redact import one_line
from chatdaddy_pulumi.client.retries import Retries, delay
from chatdaddy_pulumi.client.setting_names import TEAM_ID
from chatdaddy_pulumi.client.tasks import now
from chatdaddy_pulumi.client.tokens import AccessTokenSource, ApiTokenSource

T = TypeVar("T")

log = logging.getLogger("chatdaddy_pulumi.client")

#: What is read of an answer that only says what went wrong.
_LONGEST_COMPLAINT = 64 * 1024


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
        self._gate = Gate(options.concurrency)
        # Redirects are not followed: the token would go along.
        self._http = httpx.AsyncClient(
            transport=http,
            headers={"User-Agent": USER_AGENT, "Accept": "application/json"},
            timeout=httpx.Timeout(
                options.read_timeout_s, connect=options.connect_timeout_s, pool=None
            ),
            follow_redirects=False,
            trust_env=False,
        )

    async def close(self) -> None:
        await self.tokens.close()
        self._gate.close()
        await self._http.aclose()

    async def ask(self, call: Call, parse: Callable[[bytes], T]) -> T:
        """The call's answer as what `parse` makes of it; see `send` for what is raised."""

        def read(got: Answer) -> T | errors.ChatDaddyError:
            try:
                return parse(got.content)
            except ValidationError as invalid:
                return not_understood(call, first_problem(invalid))

        return await self.send(call, read)

    async def do(self, call: Call) -> None:
        """A call whose answer says at most that it was done; see `send`."""
        await self.send(call, lambda got: done(call, got))

    async def send(self, call: Call, read: Callable[[Answer], T | errors.ChatDaddyError]) -> T:
        """What `read` makes of the 2xx answer, after as many tries as are safe.

        Raises `Refused` (4xx), `Retryable` (nothing happened, tries used up), `Unknown` (it may
        have happened; never for a read), or `BadAnswer` (a read that can't be understood).
        """
        url = getattr(self._urls, call.service) + call.filled()
        ticket = self._gate.ticket()
        tries = Retries(call, self._options)
        while True:
            token = await self.tokens.get() if call.with_token else None
            self._refuse_long_pause(call)
            async with self._gate.turn(ticket):
                seconds, began_at = tries.begin(), self.clock()
                got = await self._try(call, url, token, seconds)
            result = _outcome(call, got, read)
            if not isinstance(result, errors.ChatDaddyError):
                return result
            if isinstance(result, errors.Unknown):
                result.began_at = began_at
            if isinstance(result, errors.Unauthorized) and token is not None:
                if not tries.token_renewed and self.tokens.refused(token):
                    tries.token_renewed = True
                    continue
                result.message += f"; check the {self.tokens.setting} and the {TEAM_ID}"
                result.setting = self.tokens.setting.key
            tries.failed_with(result)
            if isinstance(result, errors.RateLimited):
                wait = self._gate.pause_left
            else:
                wait = delay(tries.failed - 1, self._options, self.random)
                if isinstance(got, Answer):
                    wait = max(wait, got.retry_after or 0.0)
            if not tries.go_on(wait):
                raise tries.outcome(result)
            log.debug("%s: %s; again in %.1f s", call.template, result.message, wait)
            if not isinstance(result, errors.RateLimited):  # which the gate makes wait
                await asyncio.sleep(wait)

    def _adapt(self, answer: Answer, started_at: float) -> None:
        """Fewer calls at once, and none for a while, after a 429; more again otherwise."""
        if answer.status == 429:
            self._gate.throttled(started_at)
            pause = delay(self._gate.streak - 1, self._options, self.random)
            self._gate.pause(max(answer.retry_after or 0.0, pause))
        elif answer.ok:
            self._gate.succeeded()

    def _refuse_long_pause(self, call: Call) -> None:
        """Fail at once rather than wait for longer than a call may last."""
        pause = self._gate.pause_left
        if pause > self._options.total_timeout_s:
            asked = f"ChatDaddy asks to wait {pause:.0f} s before the next call"
            raise errors.RateLimited(asked, call=str(call), status=429)

    def _request(self, call: Call, url: str, token: SecretStr | None) -> httpx.Request:
        return self._http.build_request(
            call.method,
            url,
            params=call.params,
            json=call.body,
            headers={"Authorization": f"Bearer {token.get_secret_value()}"} if token else None,
        )

    async def _try(
        self, call: Call, url: str, token: SecretStr | None, seconds: float
    ) -> Answer | errors.ChatDaddyError:
        """One try: the answer, or what went wrong without one.

        The error is returned, not raised: an exception of httpx in its context would hold the
        request and so the token. Whatever goes wrong once the request may be on its way means
        that the answer was lost.
        """
        request = self._request(call, url, token)
        self.calls[call.template] += 1
        heard = _LastHeard(now())
        try:
            with anyio.move_on_after(seconds):
                response = await self._http.send(request, stream=True)
                try:
                    answer = await self._whole(response, heard)
                finally:
                    await response.aclose()
                taken_ms = (now() - heard.began_at) * 1000
                log.debug("%s: %d in %.0f ms", call.template, answer.status, taken_ms)
                self._adapt(answer, heard.began_at)
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
        except Exception as error:
            reason = f"the answer can't be read ({type(error).__name__})"
        return lost(call, reason, now() - heard.at)

    async def _whole(self, response: httpx.Response, heard: _LastHeard) -> Answer:
        """The answer with its body, unpacked, as far as it is not too long."""
        most = self._options.max_answer_bytes
        content, cut = bytearray(), False
        heard.at = now()
        async for chunk in response.aiter_bytes():
            heard.at = now()
            content += chunk
            if response.is_success and len(content) > most:
                raise _TooLong
            if not response.is_success and len(content) > _LONGEST_COMPLAINT:
                cut = True
                break
        return Answer(
            response.status_code,
            bytes(content),
            retry_after(response.headers.get("Retry-After"), self.clock()),
            response.headers.get("Location"),
            cut,
        )


class _LastHeard:
    """When a call began, and when the server last sent something."""

    def __init__(self, began_at: float) -> None:
        self.began_at = self.at = began_at


def _outcome(
    call: Call,
    got: Answer | errors.ChatDaddyError,
    read: Callable[[Answer], T | errors.ChatDaddyError],
) -> T | errors.ChatDaddyError:
    """What the answer comes to. That it can't be read does not mean that nothing happened."""
    if isinstance(got, errors.ChatDaddyError):
        return got
    try:
        return read(got) if got.ok else failure(call, got)
    except Exception as error:
        return not_understood(call, type(error).__name__)


class _TooLong(Exception):
    pass
