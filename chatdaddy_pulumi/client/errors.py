"""What can go wrong with a call, by what is known of its effect.

`Refused` and `Retryable`: nothing happened. `Unknown`: it may have happened. `BadAnswer`: a read
whose answer can't be understood. `str()` of each is one line for people, without secrets.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chatdaddy_pulumi.client.redact import one_line, redact_data


class ChatDaddyError(Exception):
    """A call to ChatDaddy failed.

    Attributes: `message` (ChatDaddy's own, or ours), `call` (such as ``POST /im/accounts``),
    `status` (HTTP, if there was an answer), `help_link`, `data` (of the answer's body), `setting`
    (the one to blame, such as ``baseUrl``, if it is known), `after_lost_answer` (an earlier try of
    the same call may have been done).
    """

    lead = "{call} failed"

    def __init__(
        self,
        message: str,
        *,
        call: str,
        status: int | None = None,
        help_link: str | None = None,
        data: Any = None,
        setting: str | None = None,
    ) -> None:
        self.message = one_line(message)
        self.call = one_line(call)
        self.status = status
        self.help_link = one_line(help_link) if help_link else None
        self.data = redact_data(data)
        self.setting = setting
        self.after_lost_answer = False
        super().__init__(self.message)

    def __str__(self) -> str:
        status = f" ({self.status})" if self.status else ""
        lead = self.lead.format(call=self.call) + status
        help_link = f" (help: {self.help_link})" if self.help_link else ""
        return f"{lead}: {self.message}{help_link}"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self.args, self.__dict__)


def _restore(kind: type[ChatDaddyError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class BadSetting(ChatDaddyError, ValueError):
    """A setting of the client is missing or wrong; no call was made with it."""

    lead = "{call}"


class Refused(ChatDaddyError):
    """ChatDaddy refused the call (4xx): nothing happened."""

    lead = "ChatDaddy refused {call}"


class BadRequest(Refused):
    """400, for example for a patch to the tier that the account already has."""


class Unauthorized(Refused):
    """401, after the token was renewed once; or the token service rejected the refresh token."""


class PaymentRequired(Refused):
    """402."""


class Forbidden(Refused):
    """403: the token lacks the scope."""


class NotFound(Refused):
    """404."""


class Conflict(Refused):
    """409."""


class WrongTeam(Refused):
    """The token belongs to another team."""

    lead = "the token does not open the team"


class NotChatDaddy(Refused):
    """Another server answered: the base URL is wrong, or a proxy intercepts the call."""

    lead = "the server that answers {call} is not ChatDaddy"


class Retryable(ChatDaddyError):
    """Nothing happened, and the call may be tried again later. Attempts or time are used up."""


class Unreachable(Retryable):
    """No connection could be made."""

    lead = "can't connect for {call}"


class Untrusted(Unreachable):
    """The server's certificate is not trusted."""


class RateLimited(Retryable):
    """429."""

    lead = "ChatDaddy's rate limit stopped {call}"


class Unavailable(Retryable):
    """502, 503 or 504 on a call that can be repeated; for a read also 500 and no answer at all."""

    lead = "ChatDaddy is not available for {call}"


class Unknown(ChatDaddyError):
    """The answer was lost: what was asked for may have happened.

    `began_at`: when the call was sent, in seconds since 1970 (0 if it is not known). `silent_s`:
    for how long the server had sent nothing when the client gave up; 0 if there was an answer that
    does not tell the outcome.
    """

    lead = "it is not known whether {call} was done"

    def __init__(
        self,
        message: str,
        *,
        call: str,
        status: int | None = None,
        help_link: str | None = None,
        data: Any = None,
        setting: str | None = None,
        silent_s: float = 0.0,
        began_at: float = 0.0,
    ) -> None:
        super().__init__(
            message, call=call, status=status, help_link=help_link, data=data, setting=setting
        )
        self.silent_s = silent_s
        self.began_at = began_at


class UnknownPurchase(Unknown):
    """A purchase whose answer was lost, and whose outcome could not be found.

    `candidates` holds the IDs of the new accounts that would fit: none, or several.
    """

    def __init__(
        self,
        message: str,
        *,
        call: str,
        candidates: Iterable[str] = (),
        silent_s: float = 0.0,
        began_at: float = 0.0,
    ) -> None:
        super().__init__(message, call=call, silent_s=silent_s, began_at=began_at)
        self.candidates = list(candidates)


class BadAnswer(ChatDaddyError):
    """The answer to a read is not what the API documents; names the field."""

    lead = "can't understand the answer to {call}"


class BrokenListing(BadAnswer):
    """The listing of the accounts has fewer of them than its total.

    An account that is missing in it may exist.
    """

    lead = "the answers to {call} contradict each other"


REFUSALS: dict[int, type[Refused]] = {
    400: BadRequest,
    401: Unauthorized,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
}
