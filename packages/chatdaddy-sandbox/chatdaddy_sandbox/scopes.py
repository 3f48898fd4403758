"""The scopes of an access token and their numbers, as ChatDaddy's own client lists them."""

from __future__ import annotations

from collections.abc import Iterable

#: Name, number, and the letters of the roles that have it: admin, editor, agent (g), viewer.
_TABLE = (
    ("CONTACTS_READ_ASSIGNED", 2, "aeg"),
    ("CONTACTS_READ_ALL", 3, "aegv"),
    ("CONTACTS_CREATE", 4, "ae"),
    ("CONTACTS_DELETE", 5, "ae"),
    ("CONTACTS_UPDATE", 6, "ae"),
    ("CAMPAIGNS_READ", 7, "aev"),
    ("CAMPAIGNS_CREATE", 8, "ae"),
    ("CAMPAIGNS_DELETE", 9, "ae"),
    ("CAMPAIGNS_UPDATE", 10, "ae"),
    ("KEYWORD_READ", 11, "aev"),
    ("KEYWORD_CREATE", 12, "ae"),
    ("KEYWORD_DELETE", 13, "ae"),
    ("KEYWORD_UPDATE", 14, "ae"),
    ("TEMPLATES_READ", 15, "aev"),
    ("TEMPLATES_CREATE", 16, "ae"),
    ("TEMPLATES_DELETE", 17, "ae"),
    ("TEMPLATES_UPDATE", 18, "ae"),
    ("TAGS_READ", 19, "aev"),
    ("TAGS_CREATE", 20, "ae"),
    ("TAGS_DELETE", 21, "ae"),
    ("TOKENS_READ", 22, "aegv"),
    ("TOKENS_DELETE", 23, "aegv"),
    ("USERS_PATCH", 24, "aegv"),
    ("CONTACTS_EXPORT_BUTTON", 26, "ae"),
    ("TEAM_UPDATE", 29, "a"),
    ("ACCOUNT_CREATE", 30, "a"),
    ("ACCOUNT_READ", 31, "aegv"),
    ("ACCOUNT_DELETE", 32, "a"),
    ("ACCOUNT_PATCH", 34, "aeg"),
    ("CREATE_SUB_USER", 37, "a"),
    ("TEAMLINK_CREATE", 38, "a"),
    ("TEAMMEMBERS_UPDATE", 39, "a"),
    ("TEAMMEMBERS_READ", 40, "aegv"),
    ("LOGOUT_SUB_USER", 41, "a"),
    ("CHATS_ACCESS_ALL", 55, "aegv"),
    ("CHATS_ACCESS_ASSIGNED", 56, "aeg"),
    ("CHATS_DELETE", 57, "aeg"),
    ("MESSAGES_SEND_TO_ASSIGNED", 58, "aeg"),
    ("MESSAGES_SEND_TO_ALL", 59, "aeg"),
    ("EDIT_NOTES", 60, "aeg"),
    ("MESSAGES_DELETE", 61, "aeg"),
    ("GROUPS_CREATE", 62, "aeg"),
    ("GROUPS_UPDATE", 63, "aeg"),
    ("CREATE_NOTES", 64, "aeg"),
    ("CHATDADDY_HOOK", 65, "a"),
    ("NOTIFICATION_READ", 66, "aev"),
    ("NOTIFICATION_CREATE", 67, "ae"),
    ("NOTIFICATION_UPDATE", 68, "ae"),
    ("NOTIFICATION_DELETE", 69, "ae"),
    ("DELETE_NOTES", 70, "aeg"),
    ("INTEGRATIONS_UPDATE", 71, "a"),
    ("ADMIN_PANEL_ACCESS", 72, ""),
    ("DASHBOARD_CREATE", 73, "a"),
    ("DASHBOARD_DELETE", 74, "a"),
    ("PAYMENTS_READ", 78, "a"),
    ("PAYMENTS_UPDATE", 79, "a"),
    ("WA_LIVE_EVENTS", 80, "aegv"),
    ("PARTNER_ADMIN_PANEL_ACCESS", 81, ""),
    ("PRODUCTS_GET", 82, "av"),
    ("PRODUCTS_CREATE", 83, "ae"),
    ("PRODUCTS_UPDATE", 84, "ae"),
    ("PRODUCTS_DELETE", 85, "ae"),
    ("PAYMENT_INTEGRATION_READ", 86, "ae"),
    ("PAYMENT_INTEGRATION_WRITE", 87, "ae"),
    ("PAYMENT_RECORDS_READ", 88, "aegv"),
    ("PAYMENT_RECORDS_WRITE", 89, "aeg"),
    ("METRICS_GET", 90, "aegv"),
    ("ACCOUNTS_READ_ASSIGNED", 91, ""),
    ("AUTOCOMPLETE_GET", 92, "aeg"),
    ("MESSAGES_SEARCH", 93, "aeg"),
    ("WIDGET_EDIT", 94, "aeg"),
    ("COUPON_READ", 95, "aev"),
    ("COUPON_CREATE", 96, "ae"),
    ("COUPON_DELETE", 97, "ae"),
    ("COUPON_UPDATE", 98, "ae"),
    ("TEAMMEMBERS_READ_CONTACT_DETAILS", 99, "aegv"),
    ("TEAMMEMBERS_READ_MESSAGE_DETAILS", 100, "aegv"),
    ("CALL_PHONE_CREATE", 101, "aeg"),
    ("CALL_PHONE_DELETE", 102, "aeg"),
    ("MAKE_CALLS", 103, "aeg"),
    ("CALL_LOGS_READ", 104, "aegv"),
)

SCOPES: dict[str, int] = {name: number for name, number, _ in _TABLE}

_LETTERS = {"admin": "a", "editor": "e", "agent": "g", "viewer": "v"}

#: The scopes of a member who has a role and no explicit scopes.
ROLE_SCOPES: dict[str, tuple[str, ...]] = {
    role: tuple(name for name, _, holders in _TABLE if letter in holders)
    for role, letter in _LETTERS.items()
}


def to_binary(scopes: Iterable[str]) -> str:
    """The `scope` claim: character *n* is `1` if the scope with number *n* is granted."""
    numbers = {SCOPES[name] for name in scopes}
    return "".join("1" if n in numbers else "0" for n in range(max(numbers, default=-1) + 1))


def from_binary(binary: str) -> frozenset[str]:
    """The names of the scopes in a `scope` claim."""
    return frozenset(name for name, n in SCOPES.items() if binary[n : n + 1] == "1")
