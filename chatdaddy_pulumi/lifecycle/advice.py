"""What a person can do about a failure: the second half of every error line."""

from __future__ import annotations

from chatdaddy_pulumi.client import (
    ChatDaddyError,
    Forbidden,
    NotFound,
    PaymentRequired,
    RateLimited,
    Retryable,
    Unauthorized,
    Unknown,
    UnknownPurchase,
    Unreachable,
)

BILLING = "https://app.chatdaddy.tech/settings/billing"
API_SETTINGS = "https://app.chatdaddy.tech/settings/api"


def advice(error: ChatDaddyError) -> str:
    """The way on after `error`, or an empty string where ChatDaddy's own message says it all."""
    text = str(error).lower()
    if isinstance(error, UnknownPurchase):
        return "Nothing was bought twice: the next `pulumi up` looks for it before it buys"
    if isinstance(error, Unknown):
        return "Run `pulumi up` again: repeating it is harmless"
    if isinstance(error, PaymentRequired) or "auto-charge" in text or "autocharge" in text:
        return (
            "Check the team's payment method, and that the tier's account-day item is among its "
            f"auto-charge items: {BILLING}"
        )
    if "locked" in text:
        return f"The team's calls that cost credits are blocked: {BILLING}"
    if isinstance(error, Unauthorized):
        return f"Check chatdaddy:refreshToken (or apiToken) and chatdaddy:teamId: {API_SETTINGS}"
    if isinstance(error, Forbidden):
        return f"Use a token with the scope that the call needs: {API_SETTINGS}"
    if isinstance(error, NotFound):
        return "Run `pulumi refresh` to see what is left of it"
    if isinstance(error, Unreachable):
        return "Check the network and chatdaddy:baseUrl, then run `pulumi up` again"
    if isinstance(error, RateLimited):
        return "Wait a little, or lower chatdaddy:concurrency, and run `pulumi up` again"
    if isinstance(error, Retryable):
        return "Run `pulumi up` again later"
    return ""


def explain(what_was_not_done: str, error: ChatDaddyError) -> str:
    """One line: what was not done, ChatDaddy's words, and the way on."""
    way_on = advice(error)
    return f"{what_was_not_done}: {error}" + (f". {way_on}" if way_on else "")
