"""Decides whether and when a call is tried again, and which error is raised in the end.

No retry library is used: those for httpx decide only by the status. Here it matters whether the
call may have had an effect, and all calls share a pause.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from chatdaddy_pulumi.client import errors
from chatdaddy_pulumi.client.calls import Call, Repeat
from chatdaddy_pulumi.client.options import ClientOptions
from chatdaddy_pulumi.client.tasks import now


def delay(times: int, options: ClientOptions, random: Random) -> float:
    """Seconds to wait after this many failures: exponential, minus up to half at random."""
    whole = options.retry_delay_s * 2.0 ** min(times, 30)
    return min(whole, options.retry_delay_max_s) * random.uniform(0.5, 1.0)


@dataclass
class Retries:
    """The attempts of one call."""

    call: Call
    options: ClientOptions
    #: When the whole call must end, counted from the first attempt.
    ends_at: float = float("inf")
    failed: int = 0
    limited: int = 0
    token_renewed: bool = False
    error: errors.ChatDaddyError | None = None
    # The first answer that was lost: it may have been done. Or a gateway answered in ChatDaddy's
    # place, which is reported as not done, but explains why a repetition is refused.
    _lost: errors.Unknown | None = None
    _maybe_done: bool = False

    def begin(self) -> float:
        """Begin an attempt, and return its seconds. Raises the last error if none are left."""
        begins_at = now()
        self.ends_at = min(self.ends_at, begins_at + self.options.total_timeout_s)
        if self.error is not None and begins_at > self.ends_at:
            raise self.outcome(self.error)
        return self.ends_at - begins_at

    def failed_with(self, error: errors.ChatDaddyError) -> None:
        self.error = error
        if self._lost is None and isinstance(error, errors.Unknown):
            self._lost = error
        if isinstance(error, (errors.Unknown, errors.Unavailable)):
            self._maybe_done = True
        if isinstance(error, errors.RateLimited):
            self.limited += 1
        else:
            self.failed += 1

    def go_on(self, wait: float) -> bool:
        """Whether to try again after so many seconds."""
        if isinstance(self.error, errors.RateLimited):
            more = self.limited <= self.options.rate_limit_retries
        else:
            more = self.failed <= self.options.retries and self._may_repeat()
        return more and now() + wait <= self._last_start()

    def outcome(self, error: errors.ChatDaddyError) -> errors.ChatDaddyError:
        """The error to raise. It says whether an earlier attempt may have had an effect."""
        if self._lost is not None and isinstance(error, errors.Retryable):
            error = errors.Unknown(
                f"an earlier answer was lost, and then: {error.message}",
                call=error.call,
                status=error.status,
                help_link=error.help_link,
                silent_s=self._lost.silent_s,
            )
        if self._lost is not None and isinstance(error, errors.Unknown):
            error.began_at = self._lost.began_at
        error.after_lost_answer = self._maybe_done
        return error

    def _may_repeat(self) -> bool:
        if isinstance(self.error, errors.Unreachable):
            return not isinstance(self.error, errors.Untrusted)
        again = isinstance(self.error, (errors.Retryable, errors.Unknown))
        return again and self.call.repeat is not Repeat.NEVER

    def _last_start(self) -> float:
        """When the last attempt may begin: a purchase that is cut off has an unknown outcome."""
        early = self.options.total_timeout_s / 2 if self.call.repeat is Repeat.NEVER else 0.0
        return self.ends_at - early
